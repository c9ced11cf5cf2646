"""Refunds and disputes: money that went back to a buyer, is on its way, or is argued about.

News of them comes more than once and in any order. Each status has a rank, and of two pieces of
news about the same refund or dispute the one of the higher rank holds, whichever came first.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Why(StrEnum):
    """Why the program gives money back by itself."""

    EVENT_CANCELLED = "event_cancelled"
    SOLD_OUT = "sold_out"
    """It was paid after its seats went back to stock, and they were sold since."""

    SALES_CLOSED = "sales_closed"
    """It was paid after its seats went back to stock, and the event is over or not public."""

    EVENT_GONE = "event_gone"
    AMOUNT_DIFFERS = "amount_differs"
    """What was paid is not what the order costs."""


class RefundStatus(StrEnum):
    """Where a refund stands: asked for by us, or as Stripe says ("The Refund object")."""

    REQUESTED = "requested"
    """It is decided, and Stripe has not confirmed it yet."""

    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """The money came back, even after it had seemed to succeed; or Stripe would not send it."""

    CANCELED = "canceled"


_REFUND_RANKS = {
    RefundStatus.REQUESTED: 0,
    RefundStatus.PENDING: 1,
    RefundStatus.REQUIRES_ACTION: 2,
    RefundStatus.SUCCEEDED: 3,
    RefundStatus.CANCELED: 4,
    RefundStatus.FAILED: 5,
}
# Without an id of Stripe's a failed refund is one that Stripe would not make.
_REFUSED_RANK = 0.5


@dataclass(frozen=True, slots=True)
class Refund:
    """Money that goes back to a buyer. `amount` is in minor units of the order's currency.

    `key` names it from before Stripe knows of it; one that was made in Stripe's dashboard has
    Stripe's id for a key. `returns_seats` says whether seats go back to stock with it. `quantity`
    is how many tickets it was asked for, 0 where it was an amount. `failure` is Stripe's word for
    why it failed.
    """

    key: str
    amount: int
    status: RefundStatus
    at: datetime
    returns_seats: bool = True
    quantity: int = 0
    reason: str | None = None
    stripe_id: str | None = None
    failure: str | None = None

    @property
    def counts(self) -> bool:
        """Whether the money is gone, or will be: tickets for it are worth nothing any more."""
        return self.status not in {RefundStatus.FAILED, RefundStatus.CANCELED}

    @property
    def told_stripe(self) -> bool:
        """Whether Stripe knows of it."""
        return self.status is not RefundStatus.REQUESTED

    @property
    def why(self) -> Why | None:
        """The reason of the program's own that it was decided for; None where somebody asked.

        Further tries of such a refund have a number behind the reason in their keys.
        """
        name = self.key.partition("-")[0]
        return Why(name) if name in set(Why) else None

    def outranks(self, other: "Refund") -> bool:
        """Tell whether this is newer than the other news of the same refund.

        One that we took for refused is outranked by whatever Stripe tells of it after all.
        """
        return _rank(self) > _rank(other)


def _rank(refund: Refund) -> float:
    is_refusal = refund.status is RefundStatus.FAILED and refund.stripe_id is None
    return _REFUSED_RANK if is_refusal else _REFUND_RANKS[refund.status]


class DisputeStatus(StrEnum):
    """Where a dispute stands (Stripe API reference, "The Dispute object")."""

    WARNING_NEEDS_RESPONSE = "warning_needs_response"
    WARNING_UNDER_REVIEW = "warning_under_review"
    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WARNING_CLOSED = "warning_closed"
    PREVENTED = "prevented"
    LOST = "lost"
    WON = "won"


_DISPUTE_RANKS = {status: rank for rank, status in enumerate(DisputeStatus)}
# Inquiries ("warning") take no money; a dispute does from its first day on, until it is won
# (Stripe's page "How disputes work").
_TAKES_MONEY = frozenset(
    {DisputeStatus.NEEDS_RESPONSE, DisputeStatus.UNDER_REVIEW, DisputeStatus.LOST}
)


@dataclass(frozen=True, slots=True)
class Dispute:
    """A buyer's bank argues about a payment. `amount` is in minor units of the order's currency."""

    id: str
    status: DisputeStatus
    amount: int
    reason: str
    at: datetime

    @property
    def takes_money(self) -> bool:
        """Whether the bank has the money back, for the time being or for good."""
        return self.status in _TAKES_MONEY

    def outranks(self, other: "Dispute") -> bool:
        """Tell whether this is newer than the other news of the same dispute."""
        return _DISPUTE_RANKS[self.status] > _DISPUTE_RANKS[other.status]
