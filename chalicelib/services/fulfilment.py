"""What a checkout session's news does to its order: one function for the webhook, for verify and
for whoever else learns of it. Any order, any number of times, at the same time: one effect.
"""

from dataclasses import dataclass
from enum import StrEnum

from chalicelib.domain.clock import Clock
from chalicelib.domain.orders import (
    ASK_AGAIN_AFTER,
    Cause,
    CheckoutSession,
    Order,
    OrderStatus,
    SessionStatus,
)
from chalicelib.services.ports import AuditLog, Change, OrderStore


class Outcome(StrEnum):
    """What became of a piece of news."""

    PAID = "paid"
    RELEASED = "released"
    WAITING = "waiting"
    REPEATED = "repeated"
    NOT_OURS = "not_ours"
    AMOUNT_DIFFERS = "amount_differs"
    PAID_LATE = "paid_late"


@dataclass(frozen=True, slots=True)
class Settlement:
    """The outcome, and the order as it is now (None where the session is not ours)."""

    outcome: Outcome
    order: Order | None


class Fulfilment:
    """The use case behind the webhook and behind verify."""

    def __init__(self, *, orders: OrderStore, clock: Clock, log: AuditLog) -> None:
        self._orders = orders
        self._clock = clock
        self._log = log

    def settle(
        self, session: CheckoutSession, cause: Cause, *, payment_failed: bool = False
    ) -> Settlement:
        """Bring the session's order in step with it.

        `cause` goes into the order's history.
        `payment_failed` is news that a session does not show by itself: a delayed payment method
        failed. Raises `Unavailable`; a repeat then does what was left undone.
        """
        order = self._order_of(session)
        if order is None:
            return Settlement(Outcome.NOT_OURS, None)
        if _is_in_step(order, session, payment_failed=payment_failed):
            return Settlement(Outcome.REPEATED, order)
        outcome = self._apply(order, session, cause, payment_failed=payment_failed)
        return Settlement(outcome, self._orders.get(order.id) or order)

    def _order_of(self, session: CheckoutSession) -> Order | None:
        if session.order_id is None:
            return None
        order = self._orders.get(session.order_id)
        if order is None or order.session_id not in {None, session.id}:
            return None
        return order

    def _apply(
        self, order: Order, session: CheckoutSession, cause: Cause, *, payment_failed: bool
    ) -> Outcome:
        if session.settled:
            return self._pay(order, session, cause)
        if payment_failed:
            return self._release(order, OrderStatus.FAILED, cause)
        if session.status is SessionStatus.EXPIRED:
            return self._release(order, OrderStatus.EXPIRED, cause)
        return self._wait(order, cause)

    def _pay(self, order: Order, session: CheckoutSession, cause: Cause) -> Outcome:
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
            return Outcome.AMOUNT_DIFFERS
        change = self._orders.mark_paid(order, session, cause, self._clock())
        if change is Change.ALREADY:
            return Outcome.REPEATED
        if change is Change.REFUSED:
            return self._note_late_payment(order, session, cause)
        self._log.audit("order_paid", {"orderId": order.id, "event": order.event_slug})
        return Outcome.PAID

    def _note_late_payment(self, order: Order, session: CheckoutSession, cause: Cause) -> Outcome:
        """Money came after the seats went back. It is noted and told; nothing is sold twice."""
        current = self._orders.get(order.id) or order
        change = self._orders.note_late_payment(current, session, cause, self._clock())
        if change is not Change.MADE:
            return Outcome.REPEATED
        self._log.error("order_paid_late", {"orderId": order.id, "event": order.event_slug})
        return Outcome.PAID_LATE

    def _release(self, order: Order, status: OrderStatus, cause: Cause) -> Outcome:
        change = self._orders.release(order, status, cause, self._clock())
        if change is not Change.MADE:
            return Outcome.REPEATED
        self._log.audit(f"order_{status.value}", {"orderId": order.id, "event": order.event_slug})
        return Outcome.RELEASED

    def _wait(self, order: Order, cause: Cause) -> Outcome:
        now = self._clock()
        change = self._orders.await_payment(order, cause, now, now + ASK_AGAIN_AFTER)
        return Outcome.WAITING if change is Change.MADE else Outcome.REPEATED


def _is_in_step(order: Order, session: CheckoutSession, *, payment_failed: bool) -> bool:
    """Tell whether the session holds no news for the order.

    Verify is asked again and again, by anyone: it must not start a transaction on the event's
    stock when there is nothing to do.
    """
    if session.settled:
        return order.has_been(OrderStatus.PAID)
    nothing_happened = session.status is SessionStatus.OPEN and not payment_failed
    return nothing_happened or order.status is not OrderStatus.PENDING
