"""Confirmations: one e-mail with the tickets for each paid order.

That one is due is stored together with the payment, and that it was sent after it was: a crash or
an outage in between delays it until the timer comes. Whoever sends it claims it first, so that it
goes out once however often fulfilment runs; only a process that dies between the mail's leaving and
the note of it makes a second one, for no mail at all would be worse.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING

from chalicelib.domain.clock import Clock
from chalicelib.domain.order_changes import (
    ask_for_mail,
    claim_mail,
    give_mail_back,
    give_mail_up,
    mail_needless,
    mail_sent,
)
from chalicelib.domain.orders import Order
from chalicelib.errors import EventsApiError, MailProviderError
from chalicelib.services.events_of_orders import event_of
from chalicelib.services.order_updates import update

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog, EventReader, Mailer, Meter, OrderStore

# Longer than an outage of the provider lasts.
_GIVE_UP_AFTER = timedelta(days=3)


class _Delivery(Enum):
    """What became of an e-mail."""

    SENT = auto()
    NEEDLESS = auto()
    """The tickets are void or disputed: nothing is to be said."""

    FAILED = auto()
    REFUSED = auto()
    """Another try is in vain."""


_NOTES: dict[_Delivery, Callable[[Order, datetime], Order]] = {
    _Delivery.SENT: mail_sent,
    _Delivery.NEEDLESS: mail_needless,
    _Delivery.REFUSED: give_mail_up,
}


class Confirmations:
    """Sends confirmations. Without a mailer there are none, and none is ever due."""

    def __init__(
        self,
        *,
        orders: "OrderStore",
        events: "EventReader",
        mailer: "Mailer | None",
        clock: Clock,
        log: "AuditLog",
        meter: "Meter",
    ) -> None:
        self._orders = orders
        self._events = events
        self._mailer = mailer
        self._clock = clock
        self._log = log
        self._meter = meter

    def ask(self, order: Order) -> Order:
        """Return a just paid order with its confirmation due, claimed by the caller."""
        return order if self._mailer is None else ask_for_mail(order, self._clock())

    def send_claimed(self, order: Order) -> Order:
        """Send the confirmation that the caller has claimed; return the order afterwards.

        What fails is left for the timer.
        """
        try:
            return self._noted(order, self._deliver(order))
        except EventsApiError as error:
            self._log.error("confirmation_left", {"orderId": order.id, "why": type(error).__name__})
            return order
        except Exception:  # noqa: BLE001 - whatever it is, the order is paid all the same
            self._log.crash("confirmation_left", {"orderId": order.id})
            return order

    def send(self, order: Order) -> bool:
        """Send an order's confirmation if it is due and nobody else is at it; True if it was sent.

        Raises `MailProviderError` or `Unavailable`.
        """
        claimed = update(self._orders, order, lambda current: claim_mail(current, self._clock()))
        if not claimed.made:
            return False
        delivery = self._deliver(claimed.order)
        if delivery is _Delivery.FAILED and self._is_hopeless(order):
            delivery = _Delivery.REFUSED
        self._noted(claimed.order, delivery)
        if delivery is _Delivery.FAILED:
            raise MailProviderError("the confirmation could not be sent")
        return delivery is not _Delivery.REFUSED

    def _is_hopeless(self, order: Order) -> bool:
        return order.paid_at is not None and self._clock() - order.paid_at > _GIVE_UP_AFTER

    def _noted(self, order: Order, delivery: _Delivery) -> Order:
        """Note what became of a claimed confirmation."""
        claim = order.mail_claimed_until

        def note(current: Order) -> Order:
            if delivery is _Delivery.FAILED:
                # Whoever claimed it since is at it.
                return give_mail_back(current) if current.mail_claimed_until == claim else current
            return _NOTES[delivery](current, self._clock())

        noted = update(self._orders, order, note)
        if noted.made and delivery is _Delivery.REFUSED:
            self._log.error("confirmation_given_up", {"orderId": order.id})
            self._meter.count("ConfirmationGivenUp")
        return noted.order

    def _deliver(self, order: Order) -> _Delivery:
        if self._mailer is None:
            # Mails were switched off since.
            return _Delivery.SENT
        if not order.good_tickets:
            return _Delivery.NEEDLESS
        try:
            self._mailer.send_confirmation(order, event_of(self._events, order))
        except MailProviderError as error:
            fields = {"orderId": order.id, "why": str(error), "permanent": error.permanent}
            self._log.error("confirmation_failed", fields)
            self._meter.count("ConfirmationFailed")
            return _Delivery.REFUSED if error.permanent else _Delivery.FAILED
        self._meter.count("ConfirmationSent")
        return _Delivery.SENT
