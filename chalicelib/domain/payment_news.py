"""What Stripe's events tell, in the program's own words."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.checkout_sessions import CheckoutSession
from chalicelib.domain.orders import Cause
from chalicelib.domain.refunds import Dispute, Refund


@dataclass(frozen=True, slots=True)
class PaymentNews:
    """What one Stripe event is about: a checkout session, or what became of a payment later.

    Without a session, `payment_intent_id` says which payment it is; then there is a refund or a
    dispute, or neither where the payment's refunds have to be asked for. Without both it is about
    nothing of ours.
    """

    event_id: str
    happened_at: datetime
    session: CheckoutSession | None = None
    payment_intent_id: str | None = None
    refund: Refund | None = None
    dispute: Dispute | None = None

    @property
    def cause(self) -> Cause:
        """The event as what changes an order."""
        return Cause.stripe_event(self.event_id)
