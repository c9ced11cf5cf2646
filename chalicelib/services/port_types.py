"""What goes through the ports: queries, pages of lists, and notes of work to be done."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.domain.cities import City
from chalicelib.domain.clock import from_iso

if TYPE_CHECKING:
    # Whoever browses events needs no orders.
    from chalicelib.domain.orders import Order, OrderStatus


class PageRequest(NamedTuple):
    """Which part of a sorted list: up to `limit` entries, after `after` or beyond `offset`.

    `after` is the sort key of the last entry of the page before; with it `offset` is 0.
    """

    limit: int
    offset: int
    after: str | None
    descending: bool


class Page(NamedTuple):
    """Public JSON texts in order; `next_after` is None where nothing follows."""

    items: tuple[str, ...]
    next_after: str | None


class CityEntry(NamedTuple):
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


class Rename(NamedTuple):
    """That the events of a city may still show the name or the slug that it had before `since`.

    A later change of the same city takes its place, by another `token`.
    """

    city_id: int
    slug: str
    since: datetime
    token: str


class EventInCity(NamedTuple):
    """What an event shows of its city."""

    slug: str
    city: str
    city_slug: str


class OrderPage(NamedTuple):
    """Orders, latest first; `next_after` is None where nothing follows, and otherwise what the next
    page comes after. `unreadable` are the ids of orders that would be among them, and that this
    version of the program cannot read: a later one stored them.
    """

    orders: tuple["Order", ...]
    next_after: str | None
    unreadable: tuple[str, ...] = ()


class OrderQuery(NamedTuple):
    """Which orders: of an event, of a buyer, or all; of these statuses, or of any.

    `after` is where the page before ended, and `limit` the most that a page has.
    """

    limit: int
    after: str | None = None
    event_id: int | None = None
    user_id: str | None = None
    statuses: frozenset["OrderStatus"] = frozenset()


class AuditQuery(NamedTuple):
    """Which entries of the audit trail: about a subject (its key), by an actor, both, or all; made
    between two times, both included. `after` is where the page before ended.
    """

    limit: int
    after: str | None = None
    subject: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class KeyedRequest(NamedTuple):
    """A checkout that was asked for under an idempotency key.

    `fingerprint` tells requests apart, `order_id` is the order that it makes, `answer` what it was
    answered once it was. Nobody else works at it before `leased_until` (UTC).
    """

    key: str
    fingerprint: str
    order_id: str
    leased_until: datetime
    answer: Mapping[str, str] | None = None


class Cancellation(NamedTuple):
    """That an event was cancelled at `since`, and its orders have yet to be ended."""

    event_id: int
    since: datetime


class TroubledEvent(NamedTuple):
    """One of Stripe's events that could not be handled: when it happened, and when it was first
    tried in vain.
    """

    event_id: str
    happened_at: datetime
    failed_at: datetime


class NewsMark(NamedTuple):
    """How far Stripe's undelivered events have been handled.

    All that happened before `until` were, but for the `troubled` ones; `until` is None where none
    was handled yet.
    """

    until: datetime | None = None
    troubled: tuple[TroubledEvent, ...] = ()
