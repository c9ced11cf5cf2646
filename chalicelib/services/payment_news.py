"""What Stripe's events do: one function for the webhook and for events that it was not told of."""

from typing import TYPE_CHECKING

from chalicelib.domain.clock import Clock
from chalicelib.domain.events import EventStatus
from chalicelib.domain.order_changes import hear_of_dispute
from chalicelib.domain.orders import Order
from chalicelib.domain.payment_news import PaymentNews
from chalicelib.domain.refunds import Dispute, Why
from chalicelib.services.fulfilment import Fulfilment, Outcome
from chalicelib.services.order_updates import update
from chalicelib.services.refunding import Refunding

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog, EventReader, Meter, OrderStore, PaymentGateway


class PaymentNewsDesk:
    """The use case behind the webhook."""

    def __init__(  # noqa: PLR0913 - a constructor lists what the use case is made of
        self,
        *,
        orders: "OrderStore",
        events: "EventReader",
        payments: "PaymentGateway",
        fulfilment: Fulfilment,
        refunding: Refunding,
        clock: Clock,
        log: "AuditLog",
        meter: "Meter",
    ) -> None:
        self._orders = orders
        self._events = events
        self._payments = payments
        self._fulfilment = fulfilment
        self._refunding = refunding
        self._clock = clock
        self._log = log
        self._meter = meter

    def hear(self, news: PaymentNews) -> str:
        """Bring the order that the news is about in step with it; return what came of it.

        Raises `PaymentProviderError` or `Unavailable`; a repeat then does what was left undone.
        """
        if news.session is not None:
            return self._fulfilment.settle(news.session, news.cause).outcome.value
        order = self._order_of_payment(news)
        if order is None:
            return Outcome.NOT_OURS.value
        if news.dispute is not None:
            return self._dispute(order, news.dispute, news)
        if news.refund is not None:
            after = self._refunding.hear(order, news.refund, news.cause)
        else:
            after = self._refunding.hear_all(order, news.cause)
        if not all(refund.counts for refund in after.refunds):
            # A refund of the program's own that failed is not made again by itself, or there would
            # be no end to it.
            self._end_if_cancelled(after, news)
        return "refund" if after.version > order.version else Outcome.REPEATED.value

    def _order_of_payment(self, news: PaymentNews) -> Order | None:
        """Return the order of a payment, paid: what became of a payment may be heard of before the
        payment itself is.
        """
        if news.payment_intent_id is None:
            return None
        session = self._payments.session_of_payment(news.payment_intent_id)
        if session is None:
            return None
        return self._fulfilment.settle(session, news.cause).order

    def _dispute(self, order: Order, dispute: Dispute, news: PaymentNews) -> str:
        heard = update(
            self._orders,
            order,
            lambda current: hear_of_dispute(current, dispute, self._clock(), news.cause),
        )
        if heard.made:
            self._log.error(
                "payment_disputed",
                {"orderId": order.id, "dispute": dispute.id, "status": dispute.status.value},
            )
            self._meter.count("Dispute")
        # Of a repeat too: whoever heard it first may not have come so far.
        self._catch_up(heard.order, news)
        return "dispute" if heard.made else Outcome.REPEATED.value

    def _catch_up(self, order: Order, news: PaymentNews) -> None:
        """Refund an order whose dispute is over, where that had to wait for it: its event was
        cancelled in the meantime, or a refund of the program's own was refused.
        """
        if order.is_contested:
            return
        if order.owed_for is not None:
            self._refunding.return_all(order, order.owed_for, news.cause)
        else:
            self._end_if_cancelled(order, news)

    def _end_if_cancelled(self, order: Order, news: PaymentNews) -> None:
        """Refund an order that seemed to be ended when its event was cancelled, and is not: its
        tickets are good again, or money is left of it.
        """
        is_left = order.good_tickets > 0 or order.amount_refundable > 0
        if order.is_contested or order.owed_for is not None or not is_left:
            return
        event = self._events.get_by_id(order.event_id)
        if event is not None and event.status is EventStatus.CANCELLED:
            self._refunding.return_all(order, Why.EVENT_CANCELLED, news.cause)
