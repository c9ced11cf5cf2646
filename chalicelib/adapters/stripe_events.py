"""Stripe's events: which are handled, and what each tells in the program's own words.

Sources: Stripe's pages "Types of events" and "The Event object".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.adapters.stripe_objects import (
    ORDER_ID,
    dispute_from,
    moment,
    payment_intent_id,
    refund_from,
    session_from,
)
from chalicelib.domain.payment_news import PaymentNews

_PAYMENT_FAILED = "checkout.session.async_payment_failed"
_SESSION_EVENTS = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    _PAYMENT_FAILED,
    "checkout.session.expired",
)
# It carries a charge, and not which refund it was: that has to be asked for.
_CHARGE_REFUNDED = "charge.refunded"
_REFUND_EVENTS = ("refund.created", "refund.updated", "refund.failed", "charge.refund.updated")
_DISPUTE_EVENTS = (
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
)

HANDLED_EVENTS = (*_SESSION_EVENTS, _CHARGE_REFUNDED, *_REFUND_EVENTS, *_DISPUTE_EVENTS)
"""The types of events that tell something of ours; a webhook endpoint need have no others."""


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """An event as Stripe wrote it: `data` is the object that it is about, as it was then.

    `created` is in seconds since 1970; it is 0 in events of kinds that are not ours. `live` is None
    where the event does not say whether real money is meant.
    """

    id: str
    type: str
    data: Mapping[str, Any]
    created: int = 0
    live: bool | None = None

    def news(self) -> PaymentNews | None:
        """Return what the event tells us, or None where that is nothing of ours.

        Nothing of ours are: other types, sessions without an order's id, what belongs to no
        payment, and refunds and disputes in a status that is new to us. Stripe may add one at any
        time, and an event that is refused is sent for days.
        """
        if self.type in _SESSION_EVENTS:
            return self._of_session()
        if self.type not in HANDLED_EVENTS:
            return None
        payment = payment_intent_id(self.data)
        return None if payment is None else self._of_payment(payment)

    def _of_session(self) -> PaymentNews | None:
        metadata = self.data.get("metadata") or {}
        if not metadata.get(ORDER_ID):
            return None
        session = session_from(self.data)
        if self.type == _PAYMENT_FAILED:
            session = replace(session, payment_failed=True)
        return PaymentNews(self.id, moment(self.created), session=session)

    def _of_payment(self, payment: str) -> PaymentNews | None:
        news = PaymentNews(self.id, moment(self.created), payment_intent_id=payment)
        if self.type in _REFUND_EVENTS:
            refund = refund_from(self.data)
            return None if refund is None else replace(news, refund=refund)
        if self.type in _DISPUTE_EVENTS:
            dispute = dispute_from(self.data)
            return None if dispute is None else replace(news, dispute=dispute)
        return news


def event_from(payload: Mapping[str, Any]) -> StripeEvent:
    """Read an event, from a webhook or from the API."""
    # Stripe sends other kinds of events too, such as thin ones, which have no data and whose time
    # is a text.
    data = payload.get("data") or {}
    created, live = payload.get("created"), payload.get("livemode")
    return StripeEvent(
        id=str(payload.get("id")),
        type=str(payload.get("type")),
        data=data.get("object") or {},
        created=created if isinstance(created, int) else 0,
        live=live if isinstance(live, bool) else None,
    )
