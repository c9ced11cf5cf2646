"""What a checkout session's news does to its order: one function for the webhook, for verify and
for the timer. Any order, any number of times, at the same time: one effect.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from chalicelib.domain.checkout_sessions import CheckoutSession
from chalicelib.domain.clock import Clock
from chalicelib.domain.order_changes import await_payment, pay, pay_in_vain, release
from chalicelib.domain.orders import ASK_AGAIN_AFTER, Cause, Order, OrderStatus
from chalicelib.domain.refunds import Why
from chalicelib.errors import EventsApiError, NotFound, SalesClosed, SoldOut
from chalicelib.log_context import bind_order
from chalicelib.services.confirmations import Confirmations
from chalicelib.services.order_updates import update
from chalicelib.services.refunding import Refunding

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog, Meter, OrderStore


class Outcome(StrEnum):
    """What became of a piece of news."""

    PAID = "paid"
    PAID_LATE = "paid_late"
    """It was paid after its seats went back, and there were others for it."""

    REFUNDING = "refunding"
    """It was paid in vain, and the money goes back."""

    RELEASED = "released"
    WAITING = "waiting"
    REPEATED = "repeated"
    NOT_OURS = "not_ours"


_COUNTED = {
    Outcome.PAID: "OrderPaid",
    Outcome.PAID_LATE: "LatePaymentSold",
    Outcome.REFUNDING: "LatePaymentRefunded",
    Outcome.RELEASED: "HoldReleased",
}


_RELEASED = (OrderStatus.EXPIRED, OrderStatus.FAILED)


@dataclass(frozen=True, slots=True)
class Settlement:
    """The outcome, and the order as it is now (None where the session is not ours)."""

    outcome: Outcome
    order: Order | None


class Fulfilment:
    """The use case behind the webhook, behind verify and behind the timer."""

    def __init__(  # noqa: PLR0913 - a constructor lists what the use case is made of
        self,
        *,
        orders: "OrderStore",
        refunding: Refunding,
        confirmations: Confirmations,
        new_secret: Callable[[], str],
        clock: Clock,
        log: "AuditLog",
        meter: "Meter",
    ) -> None:
        self._orders = orders
        self._refunding = refunding
        self._confirmations = confirmations
        self._new_secret = new_secret
        self._clock = clock
        self._log = log
        self._meter = meter

    def settle(self, session: CheckoutSession, cause: Cause) -> Settlement:
        """Bring the session's order in step with it; `cause` goes into the order's history.

        Raises `Unavailable`; a repeat then does what was left undone.
        """
        order = self._order_of(session)
        if order is None:
            return Settlement(Outcome.NOT_OURS, None)
        if _is_in_step(order, session):
            return Settlement(Outcome.REPEATED, order)
        settlement = self._apply(order, session, cause)
        if settlement.outcome in _COUNTED:
            self._meter.count(_COUNTED[settlement.outcome])
        return settlement

    def _order_of(self, session: CheckoutSession) -> Order | None:
        if session.order_id is None:
            return None
        order = self._orders.get(session.order_id)
        if order is None or order.session_id not in {None, session.id}:
            return None
        bind_order(order.id)
        return order

    def _apply(self, order: Order, session: CheckoutSession, cause: Cause) -> Settlement:
        if session.settled:
            return self._pay(order, session, cause)
        if session.payment_failed:
            return self._release(order, OrderStatus.FAILED, cause)
        if session.expired:
            return self._release(order, OrderStatus.EXPIRED, cause)
        return self._wait(order, cause)

    def _pay(self, order: Order, session: CheckoutSession, cause: Cause) -> Settlement:
        if (session.amount_total, session.currency) != (order.amount_total, order.currency):
            self._log.error(
                "paid_amount_differs",
                {
                    "orderId": order.id,
                    "sessionAmount": session.amount_total,
                    "sessionCurrency": session.currency,
                    "amount": order.amount_total,
                    "currency": order.currency,
                },
            )
            return self._pay_in_vain(order, session, Why.AMOUNT_DIFFERS, cause)
        try:
            paid = update(self._orders, order, lambda current: self._paid(current, session, cause))
        except (SoldOut, SalesClosed, NotFound) as error:
            return self._pay_in_vain(order, session, _why(order, error), cause)
        if not paid.made:
            return Settlement(Outcome.REPEATED, paid.order)
        # By its history: it may have been released after it was read.
        is_late = any(paid.order.has_been(status) for status in _RELEASED)
        self._log.audit(
            "order_paid_late" if is_late else "order_paid",
            {"orderId": order.id, "event": order.event_slug},
        )
        outcome = Outcome.PAID_LATE if is_late else Outcome.PAID
        return Settlement(outcome, self._sent(paid.order))

    def _paid(self, order: Order, session: CheckoutSession, cause: Cause) -> Order:
        after = pay(order, session, self._new_secret, self._clock(), cause)
        return order if after is order else self._confirmations.ask(after)

    def _pay_in_vain(
        self, order: Order, session: CheckoutSession, why: Why, cause: Cause
    ) -> Settlement:
        """Money came for which there are no seats. It is noted, told, and goes back."""
        paid = update(
            self._orders,
            order,
            lambda current: pay_in_vain(current, session, why, self._clock(), cause),
        )
        if not paid.made:
            return Settlement(Outcome.REPEATED, paid.order)
        self._log.audit(
            "order_paid_in_vain",
            {"orderId": order.id, "event": order.event_slug, "why": why.value},
        )
        after = self._refunding.try_to_carry_out(paid.order, cause)
        return Settlement(Outcome.REFUNDING, after)

    def _sent(self, order: Order) -> Order:
        """Send the order's confirmation where there is to be one; return the order afterwards."""
        if order.mail_claimed_until is None:
            return order
        return self._confirmations.send_claimed(order)

    def _release(self, order: Order, status: OrderStatus, cause: Cause) -> Settlement:
        released = update(
            self._orders, order, lambda current: release(current, status, self._clock(), cause)
        )
        if not released.made:
            return Settlement(Outcome.REPEATED, released.order)
        self._log.audit(f"order_{status.value}", {"orderId": order.id, "event": order.event_slug})
        return Settlement(Outcome.RELEASED, released.order)

    def _wait(self, order: Order, cause: Cause) -> Settlement:
        def waiting(current: Order) -> Order:
            if current.status is not OrderStatus.PENDING or current.awaiting_since is not None:
                return current
            now = self._clock()
            return await_payment(current, now + ASK_AGAIN_AFTER, now, cause)

        waits = update(self._orders, order, waiting)
        return Settlement(Outcome.WAITING if waits.made else Outcome.REPEATED, waits.order)


def _why(order: Order, error: EventsApiError) -> Why:
    """Return why there are no seats for an order; one that holds some lacks only the event."""
    if isinstance(error, NotFound):
        return Why.EVENT_GONE
    if isinstance(error, SoldOut):
        return Why.SOLD_OUT
    return Why.EVENT_CANCELLED if order.status is OrderStatus.PENDING else Why.SALES_CLOSED


def _is_in_step(order: Order, session: CheckoutSession) -> bool:
    """Tell whether the session holds no news for the order.

    Verify is asked again and again, by anyone: it must not start a write when there is nothing to
    do.
    """
    if session.settled:
        return order.is_paid
    return session.open or order.status is not OrderStatus.PENDING
