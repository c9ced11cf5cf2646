"""What the use cases need from outside: a store and a payment gateway, as protocols.

`store` and `adapters` implement them for real, the tests' fakes in memory; one contract suite
holds both kinds to the same behaviour.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from chalicelib.domain.audit import AuditEntry, SubjectKind
from chalicelib.domain.checkout_sessions import CheckoutSession, RedirectUrls
from chalicelib.domain.cities import City
from chalicelib.domain.event_facts import EventOrder
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import Event, EventRecord
from chalicelib.domain.orders import Order
from chalicelib.domain.payment_news import PaymentNews
from chalicelib.domain.refunds import Refund
from chalicelib.errors import EventsApiError
from chalicelib.services.port_types import (
    AuditQuery,
    Cancellation,
    CityEntry,
    EventInCity,
    EventPage,
    KeyedRequest,
    NewsMark,
    OrderPage,
    OrderQuery,
    Page,
    PageRequest,
    Rename,
)


class EventReader(Protocol):
    """Events and their stock, as they are, and every list of them."""

    def get_many(self, slugs: Iterable[str]) -> Mapping[str, EventRecord]:
        """Return the events that have or had these slugs, by the slug that was asked for, as of
        every write that was acknowledged.
        """
        ...

    def get(self, slug: str, *, consistent: bool = False) -> EventRecord | None:
        """Return the event that has or had this slug; `consistent` sees every write that was
        acknowledged. Not all of its stock may be known (`whole`).
        """
        ...

    def get_by_id(self, event_id: int) -> EventRecord | None:
        """Return the event of this id, as of every write that was acknowledged."""
        ...

    def whole(self, record: EventRecord, *, consistent: bool = False) -> EventRecord:
        """Return an event that was read a moment ago with all of its stock, wherever that is;
        `consistent` sees every write that was acknowledged.
        """
        ...

    def find(self, wanted: EventFilter, order: EventOrder, page: PageRequest) -> EventPage:
        """Return a page of the events that the filter finds, in this order."""
        ...


class EventStore(EventReader, Protocol):
    """Events, and what changes them. Each write is made whole or not at all, together
    with the audit entry that is given: changes that nobody asked for have none.
    """

    def next_id(self) -> int:
        """Return an id that was never given out before."""
        ...

    def next_ids(self, count: int) -> Sequence[int]:
        """Return so many ids that were never given out before."""
        ...

    def create(self, event: Event, entry: AuditEntry | None = None) -> None:
        """Store a new event; raises `SlugTaken`, or `SlugUnknown` if its city is not (any more) as
        the event names it.
        """
        ...

    def create_many(
        self, events: Sequence[Event], entries: Sequence[AuditEntry] = ()
    ) -> Sequence[EventsApiError | None]:
        """Store new events of different slugs; return what stands in the way of each.

        None is an event that is stored; the others are `SlugTaken`, `SlugUnknown`, or, from the
        first one on for which the store could not be reached, `Unavailable`. `entries` are one for
        each event, stored with it, or none at all.
        """
        ...

    def replace(self, before: EventRecord, after: Event, entry: AuditEntry | None = None) -> None:
        """Describe an event anew; its seats stay sold, held and free, but for a new capacity.

        Its former slug keeps leading to it. Raises `Changed` if the event is not as `before` says,
        `SlugTaken`, `SlugUnknown` as `create` does, or `CapacityTooLow`.
        """
        ...

    def delete(self, record: EventRecord, entry: AuditEntry | None = None) -> None:
        """Delete an event; raises `Changed`, or `InUse` while seats are sold or held."""
        ...


class CityStore(Protocol):
    """Cities and how many events each has. Each write is made together with the audit entry that is
    given.
    """

    def next_id(self) -> int:
        """Return an id that was never given out before."""
        ...

    def create(self, city: City, entry: AuditEntry | None = None) -> None:
        """Store a new city; raises `SlugTaken`."""
        ...

    def get(self, slug: str, *, consistent: bool = False) -> CityEntry | None:
        """Return the city that has or had this slug; `consistent` sees every write that was
        acknowledged.
        """
        ...

    def replace(self, before: CityEntry, after: City, entry: AuditEntry | None = None) -> None:
        """Describe a city anew; its former slug keeps leading to it.

        Where its name or slug is another one then, that is kept as a `Rename` which its events
        have yet to follow. Raises `Changed` if the city is not as `before` says, `SlugTaken`, or
        `InUse` while events are still on their way from a slug that would be given up.
        """
        ...

    def delete(self, entry: CityEntry, audit: AuditEntry | None = None) -> None:
        """Delete a city; raises `Changed`, or `InUse` while events of any status refer to it."""
        ...

    def list_by_name(self, *, descending: bool, stop_after: int | None) -> list[CityEntry]:
        """Return the cities in order of their name: the first `stop_after`, or all."""
        ...

    def count(self) -> int:
        """Return how many cities there are, without counting them."""
        ...


class RenameStore(Protocol):
    """Which cities' events have to follow a new name or slug, and which events those are."""

    def pending(self) -> list[Rename]:
        """Return what is left to do, as of every write that was acknowledged."""
        ...

    def events_of(self, city_slug: str) -> Iterator[EventInCity]:
        """Yield the events of every status that show this slug of a city.

        Within a status the one whose last change is longest ago comes first, so that an event that
        is changed meanwhile comes once more instead of not at all. Latest writes may be missing.
        """
        ...

    def remove(self, rename: Rename) -> None:
        """Forget it, if no later change of the city has taken its place."""
        ...


class AbandonedWords(Protocol):
    """Events whose writer died before the words that they are found by were brought in step."""

    def event_ids(self) -> list[int]:
        """Return the events that nobody can be working at any more."""
        ...

    def finish(self, event_id: int) -> bool:
        """Bring an event's words in step; False where that was not needed or could not be done."""
        ...


class OrderStore(Protocol):
    """Orders and their seats. Each write is one transaction, and safe to repeat."""

    def place(self, order: Order, event: EventRecord | None = None) -> Order:
        """Store a new order, and take the seats that it holds or that are sold to it, both or
        neither. Returns it as it is stored.

        `event` is what was read of its event a moment ago, if it was. Raises `NotFound`,
        `SalesClosed`, `SoldOut`, `Conflict`, or `PriceMismatch` if the event's price is not (any
        more) the order's.
        """
        ...

    def get(self, order_id: str) -> Order | None:
        """Return the order, as of every write that was acknowledged."""
        ...

    def get_by_session(self, session_id: str) -> Order | None:
        """Return the order that is paid by this checkout session; one whose session was noted a
        moment ago may be missing.
        """
        ...

    def replace(self, before: Order, after: Order, entry: AuditEntry | None = None) -> Order:
        """Store what became of an order, and move its seats accordingly, both or neither, and with
        them the audit entry that is given.

        Returns the order as it is stored: its version is one higher. Raises `Changed` if it is not
        (any more) as `before` says. Where it needs seats that it does not have, raises `SoldOut`,
        `SalesClosed` or `NotFound` if the event has none for it; `SalesClosed` also where held
        seats would be sold of an event that was cancelled, and `NotFound` where it is gone. Seats
        that go back to an event that is gone are nobody's.
        """
        ...

    def due(self, at: datetime, limit: int) -> Sequence[str]:
        """Return the ids of some orders that are due at that time, those due longest first.

        Latest writes may be missing.
        """
        ...

    def unfinished(self, made_before: datetime) -> Iterator[Order]:
        """Yield the orders made before that time of which something is left to do, be it due or
        put off; the oldest first. They are read a page at a time, as far as somebody goes on.
        Latest writes may be missing, and orders that cannot be read are left out.
        """
        ...

    def find(self, query: OrderQuery) -> OrderPage:
        """Return a page of orders; latest writes may be missing, and with statuses a page may be
        short, or empty, although more follows. One that cannot be read keeps none from its place.
        """
        ...


class PaymentGateway(Protocol):
    """Stripe Checkout, as far as the program needs it. Every call raises `PaymentProviderError`
    where Stripe fails or cannot be reached.
    """

    def create_session(
        self, order: Order, urls: RedirectUrls, expires_at: datetime
    ) -> CheckoutSession:
        """Open a session for the order; repeating it for the same order gives the same session.

        Raises `InvalidInput` for what only Stripe can tell is wrong.
        """
        ...

    def retrieve_session(self, session_id: str) -> CheckoutSession:
        """Return the session, with whether its payment failed; raises `InvalidSession`."""
        ...

    def find_session(self, order: Order) -> CheckoutSession | None:
        """Return the session that was made for an order on which none is noted, if one was."""
        ...

    def session_of_payment(self, payment_intent_id: str) -> CheckoutSession | None:
        """Return the session that a payment was made in, if one of ours."""
        ...

    def expire_session(self, session_id: str) -> bool:
        """End a session, so that it cannot be paid; False where it had ended before."""
        ...

    def refund(self, order: Order, refund: Refund) -> Refund:
        """Give money back, once for each order and key of a refund; return it as Stripe tells.

        Raises `RefundRefused` where Stripe will not do it.
        """
        ...

    def refunds_of(self, payment_intent_id: str) -> Sequence[Refund]:
        """Return all refunds of a payment, as they are now."""
        ...

    def undelivered_news(
        self, since: datetime, until: datetime, limit: int | None = None
    ) -> Sequence[PaymentNews]:
        """Return what our webhook was not told of the events between two times, oldest first.

        The first time belongs to it, the second does not. Raises `TooBroad` where there are more
        than `limit`, before all of them are read.
        """
        ...


class AuditTrail(Protocol):
    """Who changed what, kept for good."""

    def record(self, entry: AuditEntry) -> None:
        """Add an entry of what cannot be one transaction with it; raises `Unavailable`."""
        ...

    def subject_named(self, kind: SubjectKind, slug: str) -> str | None:
        """Return the key of the subject that had this slug last, one that is gone too."""
        ...

    def find(self, query: AuditQuery) -> Page:
        """Return a page of entries as JSON texts, latest first; the very latest may be missing,
        and of an actor's entries about a subject a page may be short although more follows.
        """
        ...


class AuditLog(Protocol):
    """Where writes and refusals leave their line."""

    def audit(self, action: str, fields: Mapping[str, object]) -> None:
        """Record a write that was made."""
        ...

    def security(self, refusal: str, fields: Mapping[str, object]) -> None:
        """Record something refused or suspicious."""
        ...

    def error(self, problem: str, fields: Mapping[str, object]) -> None:
        """Record something that an operator should look at."""
        ...

    def crash(self, problem: str, fields: Mapping[str, object]) -> None:
        """Record an exception that nobody expected, while it is handled."""
        ...


class Meter(Protocol):
    """Where outcomes are counted, for graphs and alarms."""

    def count(self, outcome: str, by: int = 1) -> None:
        """Count that something came out this way, so many times."""
        ...

    def gauge(self, reading: str, value: float, unit: str = "Count") -> None:
        """Note how much of something there is now, in one of CloudWatch's units."""
        ...


class KeyedRequests(Protocol):
    """Requests under idempotency keys, remembered for 24 hours."""

    def begin(self, request: KeyedRequest, now: datetime) -> KeyedRequest | None:
        """Remember a request if its key is new or forgotten; return what is in its way."""
        ...

    def take_over(self, known: KeyedRequest, request: KeyedRequest, now: datetime) -> bool:
        """Put a request in the place of one whose lease ran out; False if it is not as known."""
        ...

    def finish(self, request: KeyedRequest, answer: Mapping[str, str], now: datetime) -> None:
        """Remember what a request was answered, unless somebody else took it over."""
        ...

    def forget(self, request: KeyedRequest, now: datetime) -> None:
        """Forget a request that came to nothing, so that its key can be used again."""
        ...


class CancellationStore(Protocol):
    """Which cancelled events' orders have yet to be ended. An event's change to cancelled notes it,
    in one transaction with it.
    """

    def pending(self) -> Sequence[Cancellation]:
        """Return what is left to do, as of every write that was acknowledged."""
        ...

    def remove(self, cancellation: Cancellation) -> None:
        """Forget it: nothing is left to do."""
        ...


class NewsMarker(Protocol):
    """Where it is noted how far Stripe's undelivered events have been handled."""

    def get(self) -> NewsMark:
        """Return the mark that was noted last."""
        ...

    def put(self, mark: NewsMark) -> None:
        """Note a mark."""
        ...


class Mailer(Protocol):
    """What sends e-mails."""

    def send_confirmation(self, order: Order, event: EventRecord | None) -> None:
        """Send the confirmation of a paid order with its tickets to the buyer.

        `event` is None where it is gone. Raises `MailProviderError`.
        """
        ...


class Eraser(Protocol):
    """What empties a stage that allows it."""

    def erase_everything(self) -> int:
        """Delete all orders, events and cities; return how many items they were."""
        ...
