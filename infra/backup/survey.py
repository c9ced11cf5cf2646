"""What the items of a stage add up to: seats by the orders, numbers of events by the events.

A backup reads one item after the other while the shop goes on, so numbers that are kept beside what
they count may have been read at another moment. A restore does not believe them: it takes what they
follow from and writes them anew, as this module has added them up.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from chalicelib.domain.event_facts import id_text
from chalicelib.domain.events import Event, EventStatus, seats
from chalicelib.domain.orders import Order
from chalicelib.store.cancellations import CANCELLATIONS
from chalicelib.store.day_counts import places_of
from chalicelib.store.event_items import read_record
from chalicelib.store.kept_counts import Counts
from chalicelib.store.order_items import read_order
from chalicelib.store.reading import number, text
from chalicelib.store.renames import RENAMES
from chalicelib.store.stock import PLACES_PREFIX, read_counts
from chalicelib.store.totals import TOTALS_KEY
from chalicelib.store.word_index import MARKS, is_word_term
from infra.backup.file_format import RawItem

EVENTS, CITIES, INDEX, ORDERS = "EventsTable", "CitiesTable", "IndexTable", "OrdersTable"
# Nothing is ever taken out of these: they are the record of what was done.
ONLY_ADDED_TO = frozenset({"AuditTable"})
# In the index table while a restore is not done: `entry` is the checksum of its file.
RESTORING = "#restore"
_DAYS = "days#"
_LAST_ID = "lastId"
_HOPS = 3
_TOLD = 10


@dataclass(slots=True)
class Seats:
    """Seats that orders hold, and that are sold to them."""

    held: int = 0
    sold: int = 0

    @property
    def taken(self) -> int:
        """All of them."""
        return self.held + self.sold


@dataclass(frozen=True, slots=True)
class EventKnown:
    """What is remembered of an event."""

    slug: str
    capacity: int | None
    status: EventStatus


@dataclass(frozen=True, slots=True)
class CityKnown:
    """What is remembered of a city."""

    id: int
    name: str
    updated_at: str


@dataclass(slots=True)
class Survey:
    """Adds up items of all tables, in any order."""

    events: dict[int, EventKnown] = field(default_factory=dict)
    cities: dict[str, CityKnown] = field(default_factory=dict)
    stock: dict[int, Seats] = field(default_factory=dict)
    days: Counter[tuple[str, str]] = field(default_factory=Counter)
    in_cities: Counter[tuple[str, EventStatus]] = field(default_factory=Counter)
    by_status: Counter[EventStatus] = field(default_factory=Counter)
    last_ids: Counter[str] = field(default_factory=Counter)
    noted: set[tuple[str, str]] = field(default_factory=set)
    kept: dict[int, Seats] = field(default_factory=dict)
    in_places: dict[int, Seats] = field(default_factory=dict)
    totalled: set[str] = field(default_factory=set)
    _moved: dict[tuple[str, str], str] = field(default_factory=dict)
    _shown_cities: set[tuple[str, str]] = field(default_factory=set)
    _twice: list[str] = field(default_factory=list)
    _unreadable: set[str] = field(default_factory=set)

    def add(self, table: str, item: RawItem) -> None:
        """Count an item in."""
        try:
            self._add(table, item)
        except (KeyError, ValueError, TypeError):
            self._unreadable.add(_key_shown(table, item))

    def is_readable(self, table: str, item: RawItem) -> bool:
        """Tell whether an item was one that the program can read."""
        return _key_shown(table, item) not in self._unreadable

    def _add(self, table: str, item: RawItem) -> None:
        if table in {EVENTS, CITIES}:
            self._add_slug(table, item)
        elif table == ORDERS and is_order(item):
            self._add_order(read_order(item))
        elif table == INDEX and text(item, "term") in {CANCELLATIONS, RENAMES}:
            self.noted.add((text(item, "term"), text(item, "entry")))

    def _add_slug(self, table: str, item: RawItem) -> None:
        slug = text(item, "slug")
        if is_place(table, item):
            self._add_place(number(item, "eventId"), read_counts(item))
        elif slug == TOTALS_KEY:
            self.totalled.add(table)
            self._note_id(table, number(item, _LAST_ID) if _LAST_ID in item else 0)
        elif "movedTo" in item:
            self._moved[table, slug] = text(item, "movedTo")
        elif table == EVENTS:
            self._add_event(item)
        else:
            self._add_city(slug, item)

    def _add_event(self, item: RawItem) -> None:
        record = read_record(item)
        event = record.described()
        if event.id in self.events:
            self._twice.append(f"{event.slug} and {self.events[event.id].slug}")
        self.events[event.id] = EventKnown(event.slug, event.capacity, event.status)
        self.kept[event.id] = Seats(record.held, record.sold)
        self.days.update(places_of(event))
        self.in_cities[event.city_slug, event.status] += 1
        self.by_status[event.status] += 1
        self._shown_cities.add((event.city_slug, event.city))
        self._note_id(EVENTS, event.id)

    def _add_place(self, event_id: int, counts: Counts) -> None:
        stock = self.in_places.setdefault(event_id, Seats())
        stock.held += counts.held
        stock.sold += counts.sold

    def _add_city(self, slug: str, item: RawItem) -> None:
        city_id = number(item, "id")
        updated_at = str(json.loads(text(item, "public"))["updatedAt"])
        self.cities[slug] = CityKnown(city_id, text(item, "name"), updated_at)
        self._note_id(CITIES, city_id)

    def _add_order(self, order: Order) -> None:
        if not (order.seats_held or order.seats_sold):
            return
        stock = self.stock.setdefault(order.event_id, Seats())
        stock.held += order.seats_held
        stock.sold += order.seats_sold

    def _note_id(self, table: str, last_id: int) -> None:
        self.last_ids[table] = max(self.last_ids[table], last_id)

    def seats_of(self, event_id: int) -> Seats:
        """Return the seats of an event that its orders have."""
        return self.stock.get(event_id, Seats())

    def free_seats(self, event: Event) -> int:
        """Return how many seats of an event are left."""
        return seats(event.capacity) - self.seats_of(event.id).taken

    def city_now(self, slug: str) -> str | None:
        """Return the slug that the city of this slug, or former slug, has; None without any."""
        for _ in range(_HOPS):
            if slug in self.cities:
                return slug
            slug = self._moved.get((CITIES, slug), slug)
        return None

    def cities_ahead(self) -> Iterator[tuple[str, CityKnown]]:
        """Yield the cities, by their slugs, that have events which show a former name or slug."""
        found = set()
        for shown, name in self._shown_cities:
            now = self.city_now(shown)
            if now is not None and (now != shown or self.cities[now].name != name):
                found.add(now)
        for slug in sorted(found):
            yield slug, self.cities[slug]

    def unended_cancellations(self) -> list[int]:
        """Return the ids of cancelled events whose orders have seats, and that nobody has noted."""
        return [
            event_id
            for event_id, event in sorted(self.events.items())
            if event.status is EventStatus.CANCELLED
            and self.seats_of(event_id).taken
            and (CANCELLATIONS, id_text(event_id)) not in self.noted
        ]

    def stale_stock(self) -> list[str]:
        """Return the events whose numbers of held and sold seats are not what their orders say, in
        all places of an event together.
        """
        return [
            event.slug
            for event_id, event in sorted(self.events.items())
            if self._kept_of(event_id) != self.seats_of(event_id)
        ]

    def _kept_of(self, event_id: int) -> Seats:
        own, others = self.kept[event_id], self.in_places.get(event_id, Seats())
        return Seats(own.held + others.held, own.sold + others.sold)

    def problems(self) -> list[str]:
        """Return what cannot be as it was read: the shop changed it just then, or it is broken."""
        return [
            *(f"{slugs} are one event" for slugs in self._twice),
            *(f"{item} cannot be read" for item in sorted(self._unreadable)),
            *self._lost_moves(),
            *self._lost_cities(),
            *self._oversold(),
        ]

    def _lost_moves(self) -> Iterator[str]:
        slugs = {event.slug for event in self.events.values()}
        for (table, slug), to in self._moved.items():
            there = slugs if table == EVENTS else self.cities.keys()
            if to not in there and (table, to) not in self._moved:
                yield f"{slug} has moved to {to}, which is not there"

    def _lost_cities(self) -> Iterator[str]:
        for slug in sorted({shown for shown, _ in self._shown_cities}):
            if self.city_now(slug) is None:
                yield f"the city {slug} has events, and is not there"

    def _oversold(self) -> Iterator[str]:
        for event_id, stock in sorted(self.stock.items()):
            event = self.events.get(event_id)
            if event is None:
                yield f"{stock.taken} seats are of the event {event_id}, which is not there"
            elif stock.taken > seats(event.capacity):
                over = stock.taken - seats(event.capacity)
                yield f"{event.slug} has {over} seats sold or held beyond its capacity"


def told(problems: list[str]) -> str:
    """Return the first few problems as lines."""
    more = len(problems) - _TOLD
    return "\n".join([*problems[:_TOLD], *([f"and {more} more"] if more > 0 else [])])


def is_order(item: RawItem) -> bool:
    """Tell whether an item of the orders' table is an order; others share it."""
    return "quantity" in item


def is_place(table: str, item: RawItem) -> bool:
    """Tell whether an item is a part of an event's stock: a restore puts all of it into the event's
    own item.
    """
    return table == EVENTS and text(item, "slug").startswith(PLACES_PREFIX)


def is_derived(table: str, item: RawItem) -> bool:
    """Tell whether an item follows from events alone: it is not kept, but made anew."""
    if table != INDEX:
        return False
    term = text(item, "term")
    return term == MARKS or term.startswith(_DAYS) or is_word_term(term)


def is_restoring(table: str, item: RawItem) -> bool:
    """Tell whether an item says that a restore is not done."""
    return table == INDEX and item["term"] == {"S": RESTORING}


def _key_shown(table: str, item: RawItem) -> str:
    """Return an item's key for a message; none of an event, city or order is personal."""
    names = {INDEX: ("term", "entry"), ORDERS: ("id",)}.get(table, ("slug",))
    return " ".join([table, *(str(next(iter(item[name].values()))) for name in names)])
