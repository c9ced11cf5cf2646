"""What the API answers, as models for the OpenAPI document and the tests that hold answers against
it. They are never imported while serving: answers are written straight from what is stored.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel
from pydantic.alias_generators import to_camel

from chalicelib.domain.audit import SubjectKind
from chalicelib.domain.checkout_sessions import PaymentStatus, SessionStatus
from chalicelib.domain.events import EventStatus
from chalicelib.domain.orders import MAX_QUANTITY, MailStatus, OrderStatus
from chalicelib.domain.refunds import DisputeStatus, RefundStatus, Why
from chalicelib.schemas.fields import EVENT_SLUG_LENGTH, HTTP_URL_PATTERN, SLUG_PATTERN

_MOMENT_PATTERN = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"

Id = Annotated[int, Field(ge=1, description="Never reused.", examples=[1])]
Slug = Annotated[
    str, Field(max_length=EVENT_SLUG_LENGTH, json_schema_extra={"pattern": SLUG_PATTERN})
]
Count = Annotated[int, Field(ge=0)]
Url = Annotated[str, Field(max_length=500, json_schema_extra={"pattern": HTTP_URL_PATTERN})]
Link = Annotated[str, Field(json_schema_extra={"format": "uri"})]
Moment = Annotated[
    str,
    Field(
        pattern=_MOMENT_PATTERN,
        json_schema_extra={"format": "date-time"},
        examples=["2027-06-15T09:00:00.000Z"],
    ),
]
Amount = Annotated[float, Field(ge=0, le=99999999.99, examples=[149.99])]
Currency = Annotated[
    str, Field(pattern=r"^[a-z]{3}$", description="ISO 4217, in lower case.", examples=["usd"])
]


class Shown(BaseModel):
    """Base of what is answered: camelCase keys, these and no others."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class Greeting(Shown):
    """The front door's answer."""

    message: Annotated[str, Field(examples=["Events API"])]
    version: Annotated[str, Field(examples=["0.1.0"])]
    documentation: Annotated[str, Field(description="Path of the documentation page.")]


class OpenApiDocument(RootModel[dict[str, Any]]):
    """An OpenAPI 3.1 document."""


class Event(Shown):
    """An event, as lists show it."""

    id: Id
    name: Annotated[str, Field(examples=["Tech Conference"])]
    slug: Annotated[Slug, Field(examples=["tech-conference"])]
    city: Annotated[str, Field(description="The city's name.", examples=["London"])]
    city_slug: Annotated[Slug, Field(examples=["london"])]
    location: Annotated[str, Field(examples=["ExCeL London"])]
    date: Annotated[Moment, Field(description="When it begins.")]
    organizer_name: Annotated[str, Field(examples=["TechEvents Ltd"])]
    image_url: Url | None
    alt: Annotated[str, Field(description="Text for those who do not see the image.")]
    description: Annotated[
        str, Field(description="HTML of `p br strong em ul ol li` without attributes, or text.")
    ]
    price: Annotated[Amount, Field(description="Of one ticket, in major units.")]
    currency: Currency
    status: EventStatus
    capacity: Annotated[Count | None, Field(description="Seats in all; null for no limit.")]
    created_at: Moment
    updated_at: Moment


class EventWithStock(Event):
    """An event by itself, with the seats that are free."""

    available: Annotated[Count | None, Field(description="Seats free; null for no limit.")]


class AdminEvent(EventWithStock):
    """An event as admins see it, with what is held and sold of it."""

    held: Annotated[Count, Field(description="Seats in checkouts that are not paid yet.")]
    sold: Annotated[Count, Field(description="Seats paid for.")]


class LineError(Shown):
    """What is wrong with a line of a file."""

    line: Annotated[int, Field(ge=1, description="Its number; of a CSV row, that it begins in.")]
    slug: Annotated[str | None, Field(description="Its event's, as far as it can be told.")]
    field: Annotated[str, Field(description="The field's name; empty for the line as a whole.")]
    message: str
    type: Annotated[str, Field(description="A stable code.")]


class ImportReport(Shown):
    """What became of the lines of a file, or, in a dry run, what would."""

    dry_run: bool
    created: Annotated[Count, Field(description="Lines that added an event.")]
    updated: Annotated[Count, Field(description="Lines that changed an event.")]
    unchanged: Annotated[Count, Field(description="Lines that say what was there already.")]
    failed: Annotated[Count, Field(description="Lines that are wrong.")]
    error_count: Annotated[Count, Field(description="Errors in all; a line can have several.")]
    errors: Annotated[list[LineError], Field(max_length=1_000, description="The first of them.")]
    next_line: Annotated[
        int | None,
        Field(ge=1, description="What to send as `fromLine` to go on; null where all is done."),
    ]


class Pagination(Shown):
    """Where a page is in its list."""

    limit: Annotated[int, Field(ge=1, le=100)]
    offset: Count
    has_more: bool
    next_cursor: Annotated[
        str | None, Field(description="What to send as `cursor` for the next page.")
    ]


class EventList(Shown):
    """A page of events."""

    count: Annotated[Count, Field(description="How many match in all, not on this page.")]
    events: list[Event]
    pagination: Pagination


class City(Shown):
    """A city. Three values come a second time under older names."""

    id: Id
    name: Annotated[str, Field(examples=["London"])]
    slug: Annotated[Slug, Field(examples=["london"])]
    country: Annotated[str | None, Field(examples=["United Kingdom"])]
    image_url: Url | None
    alt: Annotated[str, Field(description="Text for those who do not see the image.")]
    created_at: Moment
    updated_at: Moment
    city: Annotated[str, Field(deprecated=True, description="Older name of `name`.")]
    city_slug: Annotated[Slug, Field(deprecated=True, description="Older name of `slug`.")]
    url: Annotated[Url | None, Field(deprecated=True, description="Older name of `imageUrl`.")]


class CityWithCount(City):
    """A city in a list that was asked for with `includeEventCount=true`."""

    event_count: Annotated[Count, Field(description="Published events in this city.")]


class CityList(Shown):
    """A page of cities."""

    count: Annotated[Count, Field(description="How many match in all, not on this page.")]
    cities: list[City | CityWithCount]


OrderId = Annotated[str, Field(examples=["01JZX5K7Q8M9N0P1R2S3T4V5W6"])]
Total = Annotated[float, Field(ge=0, description="In major units.", examples=[299.98])]


class CheckoutStarted(Shown):
    """A checkout that has been started."""

    checkout_url: Annotated[
        Link,
        Field(description="Where to lead the buyer; of a free event, the success URL."),
    ]
    session_id: Annotated[str, Field(examples=["cs_test_a1B2c3"])]
    order_id: OrderId
    expires_at: Annotated[
        Moment,
        Field(description="Until when it can be paid; of a free order nothing expires."),
    ]


class OrderOfCheckout(Shown):
    """The order that a checkout is of."""

    id: OrderId
    status: OrderStatus
    reason: Annotated[
        Why | None, Field(description="Why its money went back by itself, if it did.")
    ]


class Verification(BaseModel):
    """What became of a checkout. Keys are spelt as Stripe spells them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(examples=["cs_test_a1B2c3"])]
    status: SessionStatus
    payment_status: PaymentStatus
    amount_total: Annotated[Count, Field(description="In minor units.", examples=[29998])]
    currency: Currency
    metadata: Annotated[
        dict[str, str],
        Field(
            examples=[
                {
                    "eventSlug": "tech-conference",
                    "eventName": "Tech Conference",
                    "quantity": "2",
                }
            ]
        ),
    ]
    order: OrderOfCheckout


class EventOfOrder(Shown):
    """Which event an order is of, as it was called then."""

    id: Id
    slug: Annotated[Slug, Field(examples=["tech-conference"])]
    name: Annotated[str, Field(examples=["Tech Conference"])]


class Refund(Shown):
    """Money that goes back to a buyer, or went."""

    amount: Total
    status: RefundStatus
    reason: Annotated[
        str | None,
        Field(
            description="Why the program gave it back by itself; only admins see what one wrote.",
        ),
    ]
    created_at: Moment


class Order(Shown):
    """An order, as its buyer sees it."""

    id: OrderId
    status: OrderStatus
    event: EventOfOrder
    quantity: Annotated[int, Field(ge=1, le=MAX_QUANTITY)]
    unit_price: Amount
    total_amount: Total
    currency: Currency
    amount_refunded: Total
    created_at: Moment
    updated_at: Moment
    expires_at: Annotated[
        Moment | None, Field(description="Until when it can be paid; null where it cannot be.")
    ]
    paid_at: Moment | None
    refunds: list[Refund]
    good_tickets: Annotated[Count, Field(description="Tickets that are good, used or not.")]


class CursorPagination(Shown):
    """Where a page is in a list that is read by cursors."""

    limit: Annotated[int, Field(ge=1, le=100)]
    has_more: bool
    next_cursor: Annotated[
        str | None, Field(description="What to send as `cursor` for the next page.")
    ]


class OrderList(Shown):
    """A page of orders, latest first."""

    orders: list[Order]
    pagination: CursorPagination


class Pictures(Shown):
    """A QR code, for the `src` of an `<img>`."""

    svg: Annotated[str, Field(pattern="^data:image/svg\\+xml;base64,")]
    png: Annotated[str, Field(pattern="^data:image/png;base64,")]


TicketStatus = Literal["valid", "used", "void"]
TicketNumber = Annotated[int, Field(ge=1, le=MAX_QUANTITY)]
Code = Annotated[
    str,
    Field(pattern="^[0-9A-Z]{44}$", examples=["01JZX5K7Q8M9N0P1R2S3T4V5W6017M2K9QX4T8W3B6ZC"]),
]


class Ticket(Shown):
    """A ticket, as its buyer sees it."""

    number: TicketNumber
    code: Annotated[Code | None, Field(description="Null where it is void.")]
    status: TicketStatus
    checked_in_at: Moment | None
    qr: Annotated[Pictures | None, Field(description="Pictures of the code; null where void.")]


class EventOfTickets(Shown):
    """What a ticket says of its event, as it is now."""

    name: Annotated[str, Field(examples=["Tech Conference"])]
    slug: Annotated[Slug, Field(examples=["tech-conference"])]
    date: Annotated[Moment, Field(description="When it begins.")]
    location: Annotated[str, Field(examples=["ExCeL London"])]
    city: Annotated[str, Field(description="The city's name.", examples=["London"])]


class OrderTickets(Shown):
    """The tickets of an order."""

    order_id: OrderId
    event: Annotated[EventOfTickets | None, Field(description="Null where it was deleted.")]
    tickets: Annotated[list[Ticket], Field(min_length=1, max_length=MAX_QUANTITY)]


class ListedOrder(Order):
    """An order in the admins' list."""

    user_id: Annotated[str | None, Field(description="The buyer's, where signed in.")]
    customer_email: str | None
    session_id: Annotated[str | None, Field(examples=["cs_test_a1B2c3"])]
    payment_intent_id: Annotated[str | None, Field(examples=["pi_1a2B3c"])]
    mail: Annotated[MailStatus, Field(description="Where the confirmation stands.")]
    due_at: Annotated[
        Moment | None, Field(description="When the timer looks at it; null where nothing is left.")
    ]


class AdminOrderList(Shown):
    """A page of orders, latest first; with filters it may be short although more follows."""

    orders: list[ListedOrder]
    pagination: CursorPagination


class AuditActor(Shown):
    """Who made a change."""

    user_id: str
    role: Annotated[
        str, Field(description="`system` is a command of the operator's.", examples=["admin"])
    ]


class AuditSubject(Shown):
    """What was changed."""

    kind: SubjectKind
    id: Annotated[str, Field(examples=["1"])]
    slug: Annotated[str | None, Field(description="As it was after the change, where it has one.")]


class AuditedField(Shown):
    """A field's value before and after; null is none."""

    from_: Annotated[Any, Field(alias="from")]
    to: Any


class AuditEntry(Shown):
    """A change that an admin made. What is no change of a field is in `details`, by the action."""

    id: Annotated[str, Field(description="Unique; sorts by time.")]
    at: Moment
    actor: AuditActor
    action: Annotated[str, Field(examples=["event_changed"])]
    subject: AuditSubject
    request_id: Annotated[str | None, Field(description="The `X-Request-Id` of the change.")]
    changes: Annotated[
        dict[str, AuditedField], Field(description="The fields that changed, by their names.")
    ]
    details: dict[str, Any]


class AuditList(Shown):
    """A page of changes, latest first."""

    entries: list[AuditEntry]
    pagination: CursorPagination


class AdminRefund(Refund):
    """A refund, as admins see it."""

    key: Annotated[str, Field(description="Its name; Stripe's id where made in the dashboard.")]
    stripe_id: Annotated[str | None, Field(examples=["re_1a2B3c"])]
    quantity: Annotated[Count, Field(description="Tickets it was asked for; 0 for an amount.")]
    returns_seats: bool
    failure: Annotated[str | None, Field(description="Stripe's word for why it failed.")]


class Dispute(Shown):
    """A buyer's bank argues about the payment."""

    id: Annotated[str, Field(examples=["dp_1a2B3c"])]
    status: DisputeStatus
    amount: Total
    reason: Annotated[str, Field(examples=["fraudulent"])]
    at: Moment


class AdminTicket(Shown):
    """A ticket, as admins see it."""

    number: TicketNumber
    code: Code
    status: TicketStatus
    checked_in_at: Moment | None
    door: Annotated[str | None, Field(examples=["North"])]


class HistoryEntry(Shown):
    """One step in an order's life."""

    at: Moment
    status: OrderStatus
    cause: Annotated[str, Field(description="Who, or which news.", examples=["evt_1a2B3c"])]


class AdminOrder(ListedOrder):
    """All of an order."""

    refunds: list[AdminRefund]  # type: ignore[assignment]  # each tells more than a buyer's
    disputes: list[Dispute]
    tickets: list[AdminTicket]
    history: list[HistoryEntry]


class CheckedIn(Shown):
    """Somebody came in."""

    order_id: OrderId
    number: Annotated[TicketNumber, Field(description="Which of the order's tickets it is.")]
    event: EventOfOrder
    checked_in_at: Moment
    door: Annotated[str | None, Field(examples=["North"])]
    tickets_of_order: Annotated[int, Field(ge=1, le=MAX_QUANTITY)]


class CancellationProgress(Shown):
    """How far the orders of a cancelled event are."""

    ended: Annotated[Count, Field(description="Orders that this request ended.")]
    left: Annotated[Count, Field(description="Orders that it could not end; the timer will.")]
    stuck: Annotated[
        Count,
        Field(
            description="Orders that wait for somebody else: a payment is on its way, the bank "
            "has the money, or a refund failed (`status` tells which)."
        ),
    ]
    complete: Annotated[
        bool,
        Field(
            description="Whether all of its orders that are known are ended. One that was placed "
            "in the very last moment is found, and ended, by the timer."
        ),
    ]


class CancelledEvent(AdminEvent):
    """An event that is cancelled."""

    cancellation: CancellationProgress


class WebhookReceived(Shown):
    """The answer that Stripe gets."""

    received: Literal[True]
    outcome: Annotated[str, Field(description="What it came to.", examples=["paid"])]


class Caller(Shown):
    """Who is signed in, as the token describes them."""

    user_id: Annotated[str, Field(examples=["user_1"])]
    role: Annotated[str | None, Field(examples=["admin"])]
    session_id: str | None
    expires_at: Annotated[Moment, Field(description="When the token ends.")]


HealthStatus = Annotated[
    Literal["healthy", "degraded", "unhealthy"],
    Field(examples=["healthy"]),
]
Latency = Annotated[
    float | None,
    Field(ge=0, description="How long the answer took; null where there was none.", examples=[4.2]),
]


class ServiceCheck(Shown):
    """Whether something that the service needs answers."""

    status: HealthStatus
    latency_ms: Latency


class MemoryCheck(Shown):
    """Memory of the process that answers, in megabytes; the limit is Lambda's or the machine's."""

    status: HealthStatus
    used_mb: Count
    limit_mb: Count | None
    used_percent: Count | None


class HealthChecks(Shown):
    """What was checked, a few seconds ago at the most."""

    database: Annotated[ServiceCheck, Field(description="DynamoDB. Without it nothing works.")]
    payments: Annotated[
        ServiceCheck, Field(description="Stripe, and our key for it. Without it nothing is sold.")
    ]
    memory: MemoryCheck


class Health(Shown):
    """How the service is."""

    status: HealthStatus
    timestamp: Moment
    version: Annotated[str, Field(examples=["0.1.0"])]
    environment: Annotated[str, Field(description="The stage.", examples=["prod"])]
    uptime: Annotated[
        float, Field(ge=0, description="Seconds since the process began that answers.")
    ]
    checks: HealthChecks


class ReadinessChecks(Shown):
    """What a sale needs."""

    database: bool
    external_services: Annotated[
        bool, Field(alias="external_services", description="Stripe, and our key for it.")
    ]


class Readiness(Shown):
    """Whether tickets can be sold."""

    status: Literal["ready", "not_ready"]
    checks: ReadinessChecks


class MetricsWindow(Shown):
    """The time that the numbers are of."""

    from_: Annotated[Moment, Field(alias="from")]
    to: Moment
    seconds: Annotated[float, Field(ge=0)]


class RequestCounts(Shown):
    """Requests that were answered."""

    total: Count
    errors: Annotated[Count, Field(description="Those with a status of 400 or more.")]
    client_errors: Annotated[Count, Field(description="Those with 4xx.")]
    server_errors: Annotated[Count, Field(description="Those with 5xx.")]


Milliseconds = Annotated[
    float | None, Field(ge=0, description="Null where there was no request.", examples=[12.5])
]


class Percentiles(Shown):
    """How long requests took."""

    p50: Milliseconds
    p95: Milliseconds
    p99: Milliseconds


class Metrics(Shown):
    """The service in numbers."""

    timestamp: Moment
    version: Annotated[str, Field(examples=["0.1.0"])]
    environment: Annotated[str, Field(description="The stage.", examples=["prod"])]
    source: Annotated[
        Literal["cloudwatch", "process"],
        Field(description="Who counted: CloudWatch, or the process of the local run."),
    ]
    window: MetricsWindow
    requests: RequestCounts
    response_times_ms: Percentiles
    business: Annotated[
        dict[str, Count],
        Field(
            description="What came of the business, by outcome.",
            examples=[{"checkouts": 12, "paidOrders": 9, "refunds": 1}],
            json_schema_extra={"required": ["checkouts", "paidOrders", "refunds"]},
        ),
    ]


class DatabaseReset(Shown):
    """The sample data is in."""

    message: str
    cities: Annotated[Count, Field(description="Cities added.")]
    events: Annotated[Count, Field(description="Events added.")]


class DatabaseTruncated(Shown):
    """Everything is deleted."""

    message: str
    deleted: Annotated[Count, Field(description="Items deleted.")]


class FieldProblem(Shown):
    """One field of a request that breaks a rule."""

    field: Annotated[str, Field(description="Its name; empty for the body as a whole.")]
    message: str
    type: Annotated[str, Field(description="A stable code.")]


class EarlierCheckIn(Shown):
    """When and where somebody came in with a ticket."""

    checked_in_at: Moment
    door: Annotated[str | None, Field(examples=["North"])]


class Problem(Shown):
    """Every error, whoever found it."""

    status_code: Annotated[int, Field(ge=400, le=599)]
    error: Annotated[str, Field(description="The status's reason phrase.")]
    code: Annotated[str, Field(description="A stable code to decide by.")]
    message: str
    details: Annotated[
        list[FieldProblem], Field(min_length=1, description="The fields that are wrong.")
    ] = Field(default_factory=list)
    check_in: Annotated[
        EarlierCheckIn | None,
        Field(description="Of a ticket that was used; null of one that is void. Else missing."),
    ] = None
    request_id: Annotated[str, Field(description="Also in `X-Request-Id` and in the logs.")]
