"""What the use cases need from outside: a store and a payment gateway, as protocols.

`store` and `adapters` implement them for real, the tests' fakes in memory; one contract suite
holds both kinds to the same behaviour.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from chalicelib.domain.cities import City
from chalicelib.domain.clock import from_iso
from chalicelib.domain.event_facts import EventOrder
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import Event, EventRecord
from chalicelib.domain.orders import Cause, CheckoutSession, Order, OrderStatus, RedirectUrls
from chalicelib.errors import EventsApiError


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a sorted list: up to `limit` entries, after `after` or beyond `offset`.

    `after` is the sort key of the last entry of the page before; with it `offset` is 0.
    """

    limit: int
    offset: int
    after: str | None
    descending: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Public JSON texts in order; `next_after` is None where nothing follows."""

    items: tuple[str, ...]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class CityEntry:
    """A city as it is stored: its public JSON text and how many published events it has.

    `former_slugs` lead here too, latest first; entries of a list leave them out.
    """

    public: str
    published_events: int
    former_slugs: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, city: Mapping[str, Any], published_events: int, former_slugs: tuple[str, ...] = ()
    ) -> "CityEntry":
        """Make an entry of a city's public form."""
        text = json.dumps(city, ensure_ascii=False, separators=(",", ":"))
        return cls(text, published_events, former_slugs)

    def fields(self) -> dict[str, Any]:
        """Return the city's public form."""
        city: dict[str, Any] = json.loads(self.public)
        return city

    def described(self) -> City:
        """Return the city as its admin described it."""
        shown = self.fields()
        return City(
            id=shown["id"],
            name=shown["name"],
            slug=shown["slug"],
            country=shown["country"],
            image_url=shown["imageUrl"],
            alt=shown["alt"],
            created_at=from_iso(shown["createdAt"]),
            updated_at=from_iso(shown["updatedAt"]),
        )

    def public_with_count(self) -> str:
        """Return the public JSON text with `eventCount` added."""
        return f'{self.public[:-1]},"eventCount":{self.published_events}}}'


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of a list of events; `count` is how many are in the list."""

    count: int
    page: Page


class EventStore(Protocol):
    """Events, their stock, and every list of them. Each write is made whole or not at all."""

    def next_id(self) -> int:
        """Return an id that was never given out before."""
        ...

    def next_ids(self, count: int) -> Sequence[int]:
        """Return so many ids that were never given out before."""
        ...

    def create(self, event: Event) -> None:
        """Store a new event; raises `SlugTaken`, or `SlugUnknown` if its city is not (any more) as
        the event names it.
        """
        ...

    def create_many(self, events: Sequence[Event]) -> Sequence[EventsApiError | None]:
        """Store new events of different slugs; return what stands in the way of each.

        None is an event that is stored; the others are `SlugTaken`, `SlugUnknown`, or, from the
        first one on for which the store could not be reached, `Unavailable`.
        """
        ...

    def get_many(self, slugs: Iterable[str]) -> Mapping[str, EventRecord]:
        """Return the events that have or had these slugs, by the slug that was asked for, as of
        every write that was acknowledged.
        """
        ...

    def get(self, slug: str, *, consistent: bool = False) -> EventRecord | None:
        """Return the event that has or had this slug; `consistent` sees every write that was
        acknowledged.
        """
        ...

    def get_by_id(self, event_id: int) -> EventRecord | None:
        """Return the event of this id, as of every write that was acknowledged."""
        ...

    def replace(self, before: EventRecord, after: Event) -> None:
        """Describe an event anew; its seats stay sold, held and free, but for a new capacity.

        Its former slug keeps leading to it. Raises `Changed` if the event is not as `before` says,
        `SlugTaken`, `SlugUnknown` as `create` does, or `CapacityTooLow`.
        """
        ...

    def delete(self, record: EventRecord) -> None:
        """Delete an event; raises `Changed`, or `InUse` while seats are sold or held."""
        ...

    def find(self, wanted: EventFilter, order: EventOrder, page: PageRequest) -> EventPage:
        """Return a page of the events that the filter finds, in this order."""
        ...


class CityStore(Protocol):
    """Cities and how many events each has."""

    def next_id(self) -> int:
        """Return an id that was never given out before."""
        ...

    def create(self, city: City) -> None:
        """Store a new city; raises `SlugTaken`."""
        ...

    def get(self, slug: str, *, consistent: bool = False) -> CityEntry | None:
        """Return the city that has or had this slug; `consistent` sees every write that was
        acknowledged.
        """
        ...

    def replace(self, before: CityEntry, after: City) -> None:
        """Describe a city anew; its former slug keeps leading to it.

        Where its name or slug is another one then, that is kept as a `Rename` which its events
        have yet to follow. Raises `Changed` if the city is not as `before` says, `SlugTaken`, or
        `InUse` while events are still on their way from a slug that would be given up.
        """
        ...

    def delete(self, entry: CityEntry) -> None:
        """Delete a city; raises `Changed`, or `InUse` while events of any status refer to it."""
        ...

    def list_by_name(self, *, descending: bool, stop_after: int | None) -> list[CityEntry]:
        """Return the cities in order of their name: the first `stop_after`, or all."""
        ...

    def count(self) -> int:
        """Return how many cities there are, without counting them."""
        ...


@dataclass(frozen=True, slots=True)
class Rename:
    """That the events of a city may still show the name or the slug that it had before `since`.

    A later change of the same city takes its place, by another `token`.
    """

    city_id: int
    slug: str
    since: datetime
    token: str


@dataclass(frozen=True, slots=True)
class EventInCity:
    """What an event shows of its city."""

    slug: str
    city: str
    city_slug: str


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


class Change(StrEnum):
    """What became of a change of an order that was asked for."""

    MADE = "made"
    """It was made now."""

    ALREADY = "already"
    """The order is in that status already: a repeat."""

    REFUSED = "refused"
    """The order has gone another way in the meantime."""


class OrderStore(Protocol):
    """Orders and the seats they hold. Each change is one transaction, and safe to repeat."""

    def place_hold(self, order: Order) -> None:
        """Hold the order's seats and store it as pending, both or neither.

        Raises `NotFound`, `SalesClosed`, `SoldOut`, or `PriceMismatch` if the event's price is
        not (any more) the order's.
        """
        ...

    def get(self, order_id: str) -> Order | None:
        """Return the order, as of every write that was acknowledged."""
        ...

    def attach_session(self, order_id: str, session: CheckoutSession) -> Change:
        """Note the checkout session on a pending order."""
        ...

    def mark_paid(
        self, order: Order, session: CheckoutSession, cause: Cause, at: datetime
    ) -> Change:
        """Turn the order's held seats into sold ones: pending → paid."""
        ...

    def release(self, order: Order, status: OrderStatus, cause: Cause, at: datetime) -> Change:
        """Give the order's held seats back: pending → expired or failed."""
        ...

    def await_payment(self, order: Order, cause: Cause, at: datetime, until: datetime) -> Change:
        """Keep a pending order's hold while its payment is on the way."""
        ...

    def note_late_payment(
        self, order: Order, session: CheckoutSession, cause: Cause, at: datetime
    ) -> Change:
        """Note, once, that an order was paid after its seats went back."""
        ...


class PaymentGateway(Protocol):
    """Stripe Checkout, as far as the program needs it."""

    def create_session(
        self, order: Order, urls: RedirectUrls, expires_at: datetime
    ) -> CheckoutSession:
        """Open a session for the order; repeating it for the same order gives the same session.

        Raises `PaymentProviderError`, or `InvalidInput` for what only Stripe can tell is wrong.
        """
        ...

    def retrieve_session(self, session_id: str) -> CheckoutSession:
        """Return the session; raises `InvalidSession` or `PaymentProviderError`."""
        ...

    def expire_session(self, session_id: str) -> None:
        """End an open session, so that it cannot be paid; raises `PaymentProviderError`."""
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


class Eraser(Protocol):
    """What empties a stage that allows it."""

    def erase_everything(self) -> int:
        """Delete all orders, events and cities; return how many items they were."""
        ...
