"""Stripe's checkout sessions, as far as the program knows them."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class RedirectUrls:
    """Where Stripe sends the buyer after paying, and after going back."""

    success: str
    cancel: str


class SessionStatus(StrEnum):
    """Status of a Stripe Checkout Session (Stripe API reference, "The Checkout Session object")."""

    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"


class PaymentStatus(StrEnum):
    """Payment status of a Stripe Checkout Session (same page)."""

    PAID = "paid"
    UNPAID = "unpaid"
    NO_PAYMENT_REQUIRED = "no_payment_required"


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """What the program knows of a Stripe Checkout Session. `amount_total` is in minor units.

    `url` is null once the session is over; `order_id` is null where the session is not ours.
    `customer_email` is what the buyer gave, to us or on Stripe's page. `payment_failed` says that
    a delayed payment came to nothing: a session by itself stays complete and unpaid then, so only
    a session that was asked for with its payment tells.
    """

    id: str
    status: SessionStatus
    payment_status: PaymentStatus
    amount_total: int
    currency: str
    metadata: dict[str, str]
    url: str | None
    order_id: str | None
    payment_intent_id: str | None
    customer_email: str | None = None
    payment_failed: bool = False

    @property
    def settled(self) -> bool:
        """Whether nothing is owed any more: paid, or nothing to pay."""
        return self.status is SessionStatus.COMPLETE and self.payment_status is not (
            PaymentStatus.UNPAID
        )

    @property
    def expired(self) -> bool:
        """Whether nobody can pay it any more, and nobody did."""
        return self.status is SessionStatus.EXPIRED

    @property
    def open(self) -> bool:
        """Whether it can be paid."""
        return self.status is SessionStatus.OPEN

    @property
    def free(self) -> bool:
        """Whether nothing was to be paid."""
        return self.payment_status is PaymentStatus.NO_PAYMENT_REQUIRED
