"""Confirmations: one e-mail with the tickets for each paid order.

That one is due is stored together with the payment, and that it was sent after it was: a crash or
an outage in between delays it until the timer comes. Whoever sends it claims it first, so that it
goes out once however often fulfilment runs; only a process that dies between the mail's leaving and
the note of it makes a second one, for no mail at all would be worse.
"""

from datetime import timedelta

from chalicelib.domain.clock import Clock
from chalicelib.domain.events import EventRecord
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
from chalicelib.services.order_updates import update
from chalicelib.services.ports import AuditLog, EventStore, Mailer, Meter, OrderStore

# Longer than an outage of the provider lasts.
_GIVE_UP_AFTER = timedelta(days=3)


class Confirmations:
    """Sends confirmations. Without a mailer there are none, and none is ever due."""

    def __init__(
        self,
        *,
        orders: OrderStore,
        events: EventStore,
        mailer: Mailer | None,
        clock: Clock,
        log: AuditLog,
        meter: Meter,
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
            return self._noted(order, is_sent=self._deliver(order))
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
        is_sent = self._deliver(claimed.order)
        if not is_sent and self._is_hopeless(order):
            self._give_up(order)
            return False
        self._noted(claimed.order, is_sent=is_sent)
        if not is_sent:
            raise MailProviderError("the confirmation could not be sent")
        return True

    def _is_hopeless(self, order: Order) -> bool:
        return order.paid_at is not None and self._clock() - order.paid_at > _GIVE_UP_AFTER

    def _give_up(self, order: Order) -> None:
        """Stop trying: an address that took nothing for days takes nothing tomorrow."""
        given_up = update(self._orders, order, lambda current: give_mail_up(current, self._clock()))
        if given_up.made:
            self._log.error("confirmation_given_up", {"orderId": order.id})
            self._meter.count("ConfirmationGivenUp")

    def _noted(self, order: Order, *, is_sent: bool) -> Order:
        """Note that a claimed confirmation was sent, or that there was nothing to say; or give it
        back.
        """
        claim = order.mail_claimed_until

        def note(current: Order) -> Order:
            if not is_sent:
                # Whoever claimed it since is at it.
                return give_mail_back(current) if current.mail_claimed_until == claim else current
            if self._mailer is not None and not order.good_tickets:
                return mail_needless(current, self._clock())
            return mail_sent(current, self._clock())

        return update(self._orders, order, note).order

    def _deliver(self, order: Order) -> bool:
        if self._mailer is None or not order.good_tickets:
            # Mails were switched off since, or the tickets are void or disputed: nothing is to be
            # said.
            return True
        event = self._event_of(order)
        try:
            self._mailer.send_confirmation(order, event)
        except MailProviderError:
            self._log.error("confirmation_failed", {"orderId": order.id})
            self._meter.count("ConfirmationFailed")
            return False
        self._meter.count("ConfirmationSent")
        return True

    def _event_of(self, order: Order) -> EventRecord | None:
        """Return the order's event; its former slug may lead to another one after many moves."""
        event = self._events.get(order.event_slug)
        if event is not None and event.id == order.event_id:
            return event
        return self._events.get_by_id(order.event_id)
