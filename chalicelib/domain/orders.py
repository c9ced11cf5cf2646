"""Orders: a sale of seats, from the hold to the last refund.

pending → paid → partially_refunded → refunded
pending → expired | failed
paid, without a ticket or no longer entitled to one → refunding → refunded | refund_failed
any paid order ⇄ disputed; a free one → cancelled

A payment may come after the seats went back: expired | failed → paid, or → refunding where they are
gone. What an order is once it is paid follows from facts that any number of news in any order add
up to: its refunds, its disputes, its tickets (`order_changes`).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.refunds import Dispute, DisputeStatus, Refund, RefundStatus, Why
from chalicelib.domain.stock_places import OWN_PLACE
from chalicelib.domain.tickets import CheckIn, TicketCode

MAX_QUANTITY = 10

# Stripe's floor for a session's life is 30 minutes from its creation ("Create a Checkout Session",
# `expires_at`); one more minute pays for clocks that differ and a request that took its time.
HOLD = timedelta(minutes=31)

# A delayed payment method may take days. The hold stays until Stripe says how it ended; this is
# when somebody should ask Stripe, should it say nothing.
ASK_AGAIN_AFTER = timedelta(days=1)

# Sessions of free orders have ids of our own: Stripe has no part in them.
FREE_SESSION_PREFIX = "cs_free_"


class OrderStatus(StrEnum):
    """Where an order stands; see the module's picture for what may follow what."""

    PENDING = "pending"
    """Its seats are held, and it can be paid."""

    PAID = "paid"
    EXPIRED = "expired"
    FAILED = "failed"
    REFUNDING = "refunding"
    """A refund is decided, and Stripe has not confirmed it yet."""

    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUND_FAILED = "refund_failed"
    """Money is owed to the buyer and could not be sent: somebody must see to it."""

    DISPUTED = "disputed"
    """The buyer's bank has money of it back, for the time being or for good."""

    CANCELLED = "cancelled"
    """A free order that is good for nothing any more."""


class MailStatus(StrEnum):
    """Where the confirmation of an order stands."""

    NONE = "none"
    """Nobody asked for one yet, or there is nothing to say or no address to send it to."""

    DUE = "due"
    SENT = "sent"
    GIVEN_UP = "given_up"
    """It could not be sent for days: the address takes none, or the provider refuses it."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an order changes, in a few words for its history: who, or which news."""

    text: str

    @classmethod
    def stripe_event(cls, event_id: str) -> "Cause":
        """Return the cause that a Stripe event is."""
        return cls(event_id)

    @classmethod
    def admin(cls, user_id: str) -> "Cause":
        """Return the cause that an admin's request is."""
        return cls(f"admin:{user_id}")


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One step in an order's life: when, to which status, and what caused it."""

    at: datetime
    status: OrderStatus
    cause: str


@dataclass(frozen=True, slots=True)
class Order:
    """A sale of `quantity` seats. Amounts are minor units of `currency`; times are UTC.

    `version` counts its changes. `hold_expires_at` is until when it can be paid at Stripe.
    `due_at` is when the timer should look at it, None where nothing is left to do.

    `paid_at`, `amount_paid` and `payment_intent_id` are set once money came in (for a free order,
    0). `tickets` are the tickets' secrets by their number from 1; a paid order without any was paid
    too late and gets its money back. `voided` are the numbers that are worth nothing any more, in
    the order in which they were voided. `seats_returned` is how many seats of a paid order went
    back to stock. `places` says where in its event's stock the seats are that it has, as pairs of a
    place and a number of seats; without any, they are in the event's own item (`stock_places`).
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
    due_at: datetime | None = None
    version: int = 1
    session_id: str | None = None
    customer_email: str | None = None
    user_id: str | None = None
    awaiting_since: datetime | None = None
    paid_at: datetime | None = None
    amount_paid: int = 0
    payment_intent_id: str | None = None
    tickets: tuple[str, ...] = ()
    voided: tuple[int, ...] = ()
    seats_returned: int = 0
    # The same order, wherever its seats are.
    places: tuple[tuple[int, int], ...] = field(default=(), compare=False)
    check_ins: tuple[CheckIn, ...] = ()
    refunds: tuple[Refund, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    mail: MailStatus = MailStatus.NONE
    mail_claimed_until: datetime | None = None
    history: tuple[HistoryEntry, ...] = ()

    @property
    def seats_held(self) -> int:
        """How many seats of the event's stock it holds."""
        return self.quantity if self.status is OrderStatus.PENDING else 0

    @property
    def seats_sold(self) -> int:
        """How many seats of the event's stock are sold to it."""
        return self.quantity - self.seats_returned if self.tickets else 0

    @property
    def seats_at(self) -> dict[int, int]:
        """Where the seats are that it holds, or that are sold to it."""
        seats = self.seats_held + self.seats_sold
        if not seats:
            return {}
        return dict(self.places) or {OWN_PLACE: seats}

    @property
    def is_paid(self) -> bool:
        """Whether its money came in, whatever became of it since."""
        return self.paid_at is not None

    @property
    def is_free(self) -> bool:
        """Whether there was nothing to pay."""
        return self.amount_total == 0

    @property
    def amount_returned(self) -> int:
        """How much money went back, or is on its way there, by Stripe's word."""
        return sum(refund.amount for refund in self.refunds if refund.counts and refund.told_stripe)

    @property
    def amount_refundable(self) -> int:
        """How much of the money is left: not refunded, nor decided to be, nor with the bank."""
        refunded = sum(refund.amount for refund in self.refunds if refund.counts)
        return max(self.amount_paid - refunded - self.amount_disputed, 0)

    @property
    def amount_disputed(self) -> int:
        """How much money the buyer's bank has back, for the time being or for good. What it says
        may be more than was paid, where currencies differ.
        """
        taken = sum(dispute.amount for dispute in self.disputes if dispute.takes_money)
        return min(taken, self.amount_paid)

    @property
    def requested_refunds(self) -> tuple[Refund, ...]:
        """The refunds that Stripe has not confirmed yet."""
        return tuple(item for item in self.refunds if item.status is RefundStatus.REQUESTED)

    @property
    def is_disputed(self) -> bool:
        """Whether the buyer's bank has money back, for the time being or for good."""
        return any(dispute.takes_money for dispute in self.disputes)

    @property
    def is_contested(self) -> bool:
        """Whether the buyer's bank has money for the time being: nothing is refunded meanwhile."""
        takers = (dispute for dispute in self.disputes if dispute.takes_money)
        return any(dispute.status is not DisputeStatus.LOST for dispute in takers)

    @property
    def owed_for(self) -> Why | None:
        """Why the program wanted to give money back that could not be sent, and still is here."""
        failed = [refund.why for refund in self.refunds if refund.why and not refund.counts]
        return failed[-1] if failed and self.amount_refundable > 0 else None

    def refund(self, key: str) -> Refund | None:
        """Return its refund of that key."""
        return next((refund for refund in self.refunds if refund.key == key), None)

    def ticket_codes(self) -> list[TicketCode]:
        """Return the codes of its tickets, void ones too, by their numbers."""
        return [
            TicketCode(self.id, number, secret) for number, secret in enumerate(self.tickets, 1)
        ]

    def check_in(self, number: int) -> CheckIn | None:
        """Return how the holder of a ticket came in, if so."""
        return next((entry for entry in self.check_ins if entry.number == number), None)

    def admits(self, number: int) -> bool:
        """Tell whether a ticket is good, be it used or not: paid, not void, and not disputed."""
        return number in self._good()

    @property
    def good_tickets(self) -> int:
        """How many of its tickets are good."""
        return len(self._good())

    def _good(self) -> list[int]:
        return self.not_void()[self._disputed_tickets() :]

    def not_void(self) -> list[int]:
        """Return the numbers of its tickets that are not void, as they would become so: unused ones
        first, the last of them before the others.
        """
        left = [number for number in range(len(self.tickets), 0, -1) if number not in self.voided]
        used = {entry.number for entry in self.check_ins}
        return sorted(left, key=lambda number: number in used)

    def _disputed_tickets(self) -> int:
        """Return of how many tickets that are not void the bank has the money, or a part of it."""
        if not self.amount_disputed:
            return 0
        # Those that were given up for their seats are void.
        given_up = sum(refund.quantity for refund in self.refunds if not refund.amount)
        return max(-(-self.amount_disputed // self.unit_price) - given_up, 0)

    def has_been(self, status: OrderStatus) -> bool:
        """Tell whether the order is in the status or was in it before."""
        return any(entry.status is status for entry in self.history)
