"""Orders that the timer looks at: holds that nobody ended, refunds and mails that were left.

Stripe is asked before anything is done to a hold: its news may have been lost, and stock is never
given back while a session can still be paid.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.checkout_sessions import CheckoutSession
from chalicelib.domain.clock import Clock
from chalicelib.domain.order_changes import await_payment, postpone, release
from chalicelib.domain.orders import ASK_AGAIN_AFTER, Cause, MailStatus, Order, OrderStatus
from chalicelib.errors import EventsApiError, InvalidSession, PaymentProviderError
from chalicelib.log_context import bind_order
from chalicelib.services.confirmations import Confirmations
from chalicelib.services.fulfilment import Fulfilment, Outcome, Settlement
from chalicelib.services.order_updates import update
from chalicelib.services.refunding import Refunding

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog, Meter, OrderStore, PaymentGateway

_TIMER = Cause("timer")
# So many orders are found at a time; the next look finds the rest.
MOST_AT_A_TIME = 400
# What was paid in the last moment of a hold may well be on its way to the webhook.
_WEBHOOKS_WAY = timedelta(minutes=1)
# A hold is looked at some minutes after its end, and put off by more than this if that fails.
_FIRST_TRY = timedelta(minutes=10)
# A session that was noted did exist. If Stripe does not know it, the likeliest reason is a key of
# another account: then no hold at all could be asked after, and letting them go would sell seats
# twice. That does not last this long unnoticed; and every pending order has to end, or its seats
# would be lost for good. Should it have been paid after all, that is a late payment.
_UNKNOWN_FOR_GOOD = timedelta(days=7)


class DueOrders:
    """Brings due orders to their next state."""

    def __init__(  # noqa: PLR0913 - a constructor lists what the use case is made of
        self,
        *,
        orders: "OrderStore",
        payments: "PaymentGateway",
        fulfilment: Fulfilment,
        refunding: Refunding,
        confirmations: Confirmations,
        clock: Clock,
        log: "AuditLog",
        meter: "Meter",
    ) -> None:
        self._orders = orders
        self._payments = payments
        self._fulfilment = fulfilment
        self._refunding = refunding
        self._confirmations = confirmations
        self._clock = clock
        self._log = log
        self._meter = meter

    def find(self) -> Sequence[str]:
        """Return the ids of orders that are due."""
        return self._orders.due(self._clock(), MOST_AT_A_TIME)

    def work(self, order_id: str) -> bool:
        """Bring one order to its next state; False where there was nothing to do any more.

        One that cannot be is put off, so that it does not stand in others' way, and the reason
        raised.
        """
        bind_order(order_id)
        order = self._orders.get(order_id)
        if order is None or order.due_at is None or order.due_at > self._clock():
            return False
        try:
            if order.status is OrderStatus.PENDING:
                self.end_hold(order)
            else:
                self._finish(order)
        except Exception:
            self._put_off(order)
            raise
        return True

    def _finish(self, order: Order) -> None:
        try:
            if order.requested_refunds:
                order = self._refunding.carry_out(order, _TIMER)
        finally:
            # Nobody waits for the tickets because Stripe cannot send somebody's money.
            if order.mail is MailStatus.DUE:
                self._confirmations.send(order)

    def end_hold(self, order: Order, cause: Cause = _TIMER) -> Order:
        """End a pending order as Stripe says it went; one that can still be paid cannot afterwards.

        One whose payment is on the way stays. Raises `PaymentProviderError`, also where Stripe does
        not know a session that was noted, or `Unavailable`.
        """
        session = self._session_of(order)
        if session is None:
            return self._release(order, None, Cause(f"unknown at Stripe ({cause.text})"))
        if session.open:
            if self._payments.expire_session(session.id):
                return self._release(order, session.id, cause)
            session = self._payments.retrieve_session(session.id)
        return self._settle(order, session, cause)

    def _session_of(self, order: Order) -> CheckoutSession | None:
        """Return the order's session, or None where there is none.

        Where none is noted, by now the call that would have made one cannot arrive any more.
        """
        if order.session_id is None:
            return self._payments.find_session(order)
        try:
            return self._payments.retrieve_session(order.session_id)
        except InvalidSession:
            self._log.error("session_unknown", {"orderId": order.id})
            self._meter.count("SessionUnknown")
            if self._clock() - order.hold_expires_at > _UNKNOWN_FOR_GOOD:
                return None
            raise PaymentProviderError("the payment provider does not know the session") from None

    def _settle(self, order: Order, session: CheckoutSession, cause: Cause) -> Order:
        settlement = self._settled(order, session, cause)
        is_found = session.settled and settlement.outcome is not Outcome.REPEATED
        if is_found and cause == _TIMER and self._is_overdue(order):
            # Its webhook should have told: if this happens often, Stripe cannot reach it.
            self._log.error("paid_order_found", {"orderId": order.id})
            self._meter.count("PaidOrderFoundByTimer")
        after = settlement.order or order
        if after.status is OrderStatus.PENDING:
            return self._ask_again_later(after)
        return after

    def _settled(self, order: Order, session: CheckoutSession, cause: Cause) -> Settlement:
        try:
            return self._fulfilment.settle(session, cause)
        except Exception:
            over = self._clock() - order.hold_expires_at
            if session.settled and over > _FIRST_TRY:
                # Its webhook did not come, or failed like this, and trying again did not help.
                self._log.error("paid_without_ticket", {"orderId": order.id})
                self._meter.count("PaidWithoutTicket")
            raise

    def _is_overdue(self, order: Order) -> bool:
        return order.due_at is not None and self._clock() - order.due_at > _WEBHOOKS_WAY

    def _ask_again_later(self, order: Order) -> Order:
        def later(current: Order) -> Order:
            now = self._clock()
            is_due = current.due_at is not None and current.due_at <= now
            if current.status is not OrderStatus.PENDING or not is_due:
                return current
            return await_payment(current, now + ASK_AGAIN_AFTER, now, _TIMER)

        return update(self._orders, order, later).order

    def _release(self, order: Order, ended_session: str | None, cause: Cause) -> Order:
        def expired(current: Order) -> Order:
            if current.session_id not in {order.session_id, ended_session}:
                # It just got a session that can be paid. The next run ends that first.
                return current
            return release(current, OrderStatus.EXPIRED, self._clock(), cause)

        released = update(self._orders, order, expired)
        if released.made:
            self._log.audit("order_expired", {"orderId": order.id, "event": order.event_slug})
            self._meter.count("HoldReleased")
        return released.order

    def _put_off(self, order: Order) -> None:
        try:
            current = self._orders.get(order.id)
            if current is not None and current.due_at is not None:
                self._orders.replace(current, postpone(current, self._clock()))
        except EventsApiError:
            # It stays due, and the next run finds it.
            self._log.error("order_not_put_off", {"orderId": order.id})
