"""The service in numbers: requests, how long they took, and what came of the business, over a
stretch of time. Where they come from is others' business: CloudWatch, or this very process.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `Meter.count` is told, the name that clients see, and what it means."""

    name: str
    shown: str
    meaning: str


OUTCOMES = (
    Outcome("CheckoutStarted", "checkouts", "Checkouts that were started"),
    Outcome("OrderPaid", "paidOrders", "Orders that were paid in time, free ones too"),
    Outcome("Refund", "refunds", "Refunds that were made"),
    Outcome("HoldReleased", "releasedHolds", "Orders whose seats went back unpaid"),
    Outcome("LatePaymentSold", "latePaymentsSold", "Late payments that still got seats"),
    Outcome("LatePaymentRefunded", "latePaymentsRefunded", "Late payments that went back"),
    Outcome("PriceMismatch", "priceMismatches", "Checkouts refused for their price"),
    Outcome("SoldOut", "soldOut", "Checkouts refused for lack of seats"),
    Outcome("SalesClosed", "salesClosed", "Checkouts refused because nothing is on sale"),
    Outcome("TicketCheckedIn", "checkedInTickets", "Tickets that let somebody in"),
    Outcome("CheckInRefused", "refusedCheckIns", "Tickets that let nobody in"),
    Outcome("ConfirmationSent", "sentConfirmations", "Confirmations that were mailed"),
    Outcome("ConfirmationFailed", "failedConfirmations", "Mails of confirmations that failed"),
    Outcome("ConfirmationGivenUp", "givenUpConfirmations", "Confirmations that nobody takes"),
    Outcome("Dispute", "disputes", "Payments that were disputed"),
    Outcome("RefundFailed", "failedRefunds", "Refunds that failed at the bank"),
    Outcome("RefundLacksFunds", "refundsLackingFunds", "Refunds that wait for a balance"),
    Outcome("SessionUnknown", "unknownSessions", "Orders whose session Stripe does not know"),
    Outcome(
        "PaidOrderFoundByTimer", "paidOrdersFoundByTimer", "Paid orders that no webhook told of"
    ),
    Outcome(
        "UndeliveredEventHandled",
        "handledUndeliveredEvents",
        "Stripe's events that no webhook brought",
    ),
    Outcome(
        "UndeliveredEventGivenUp",
        "givenUpUndeliveredEvents",
        "Such events that could not be handled",
    ),
    Outcome("WebhookRejected", "rejectedWebhooks", "Webhooks that Stripe did not sign"),
    Outcome("WebhookFailed", "failedWebhooks", "Webhooks that could not be handled"),
    Outcome("RequestRefused", "refusedRequests", "Requests that a view refused with 401 or 403"),
    Outcome("ChoreFailed", "failedChores", "Pieces of the timer's work that failed"),
)


class Source(StrEnum):
    """Where figures come from."""

    CLOUDWATCH = "cloudwatch"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class ResponseTimes:
    """In seconds: of the median, the 95th and the 99th percentile (None where there was no
    request), and of all requests together.
    """

    p50: float | None
    p95: float | None
    p99: float | None
    total: float


@dataclass(frozen=True, slots=True)
class Figures:
    """All numbers of the time from `since` to `until`, in UTC.

    They only grow until `since` moves on, as counters do. `outcomes` are by `Outcome.name`.
    """

    source: Source
    since: datetime
    until: datetime
    requests: int
    client_errors: int
    server_errors: int
    times: ResponseTimes
    outcomes: Mapping[str, int]


class FigureSource(Protocol):
    """Where the figures are kept."""

    def read(self) -> Figures:
        """Return the figures; raises `Unavailable`."""
        ...
