"""Orders and checkout sessions: the state machine of a sale.

pending → paid → refunded | partially_refunded | disputed
pending → expired | failed
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

MAX_QUANTITY = 10

# Stripe's floor for a session's life is 30 minutes from its creation ("Create a Checkout Session",
# `expires_at`); one more minute pays for clocks that differ and a request that took its time.
HOLD = timedelta(minutes=31)

# A delayed payment method may take days. The hold stays until Stripe says how it ended; this is
# when somebody should ask Stripe, should it say nothing.
ASK_AGAIN_AFTER = timedelta(days=1)


class OrderStatus(StrEnum):
    """Where an order stands; see the module's picture for what may follow what."""

    PENDING = "pending"
    PAID = "paid"
    EXPIRED = "expired"
    FAILED = "failed"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"
    DISPUTED = "disputed"


_MAY_FOLLOW: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PENDING: frozenset({OrderStatus.PAID, OrderStatus.EXPIRED, OrderStatus.FAILED}),
    OrderStatus.PAID: frozenset(
        {OrderStatus.REFUNDED, OrderStatus.PARTIALLY_REFUNDED, OrderStatus.DISPUTED}
    ),
}


def may_follow(before: OrderStatus, after: OrderStatus) -> bool:
    """Tell whether an order may go from one status to another."""
    return after in _MAY_FOLLOW.get(before, frozenset())


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an order changes. `stripe_event_id` is set where a Stripe event brought the news."""

    text: str
    stripe_event_id: str | None = None

    @classmethod
    def stripe_event(cls, event_id: str) -> "Cause":
        """Return the cause that a Stripe event is."""
        return cls(event_id, event_id)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One step in an order's life: when, to which status, and what caused it."""

    at: datetime
    status: OrderStatus
    cause: str


@dataclass(frozen=True, slots=True)
class Order:
    """A sale of `quantity` seats. Amounts are minor units of `currency`; times are UTC.

    `hold_expires_at` is when a pending order should be looked at; it means nothing afterwards.
    """

    id: str
    event_id: int
    event_slug: str
    event_name: str
    quantity: int
    unit_price: int
    amount_total: int
    currency: str
    status: OrderStatus
    created_at: datetime
    updated_at: datetime
    hold_expires_at: datetime
    session_id: str | None = None
    payment_intent_id: str | None = None
    customer_email: str | None = None
    history: tuple[HistoryEntry, ...] = field(default=())

    def has_been(self, status: OrderStatus) -> bool:
        """Tell whether the order is in the status or was in it before."""
        return any(entry.status is status for entry in self.history)


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

    @property
    def settled(self) -> bool:
        """Whether nothing is owed any more: paid, or nothing to pay."""
        return self.status is SessionStatus.COMPLETE and self.payment_status is not (
            PaymentStatus.UNPAID
        )
