"""The stock of events that many buy at the same moment: in several places instead of one item.

An event's own item is as large as its description, and DynamoDB writes one item some hundred times
a second. So at the first sale of an event with many seats its free seats go to small items of their
own: places, each with a copy of the sale's terms. From then on a sale's transaction touches one of
them and nothing else of the event. What has been sold or held before stays where it is: place 0,
the event's own item.

`places` of the event says how many there are. Whoever changes what the event is like does so on the
condition that it says what they have read, so that no place is left with former terms. A version of
the program that knows of no places loses the number when it renames an event: the event's own seats
are then fewer than its capacity, by which it is told, and its places are taken up again.
"""

import random
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pynamodb.connection.base import Connection
from pynamodb.expressions.condition import Condition

from chalicelib.domain.clock import to_iso
from chalicelib.domain.event_facts import id_text
from chalicelib.domain.events import UNLIMITED_SEATS, Event, EventRecord, seats
from chalicelib.domain.stock_places import OWN_PLACE, SPREADING, Spreading, filled, split
from chalicelib.errors import CapacityTooLow, Changed
from chalicelib.store.event_items import read_record, unchanged
from chalicelib.store.kept_counts import Counts, KeptCounts
from chalicelib.store.models import EventModel, StockPlaceModel
from chalicelib.store.patience import Patience
from chalicelib.store.reading import (
    RawItem,
    get_many_raw,
    get_raw,
    get_some_raw,
    number,
    text,
)
from chalicelib.store.transactions import ConditionFailed, Delete, Put, Transaction, Update

_T = TypeVar("_T")

# No slug begins so.
PLACES_PREFIX = "#stock#"
# So many places are looked at for a sale: enough that one of them has seats while the event has
# many, and a fraction of what reading all of them costs.
_LOOKED_AT = 4
_ATTRIBUTES = ("slug", "free", "held", "sold")


@dataclass(frozen=True, slots=True)
class StockEdit:
    """What a new description of an event does to its stock: by how many its own item's free seats
    change, how many places it has then, and what is written to them.
    """

    own: int
    places: int = 0
    updates: tuple[Update, ...] = ()
    puts: tuple[Put, ...] = ()


def place_key(event_id: int, place: int) -> str:
    """Return the key of a place of an event."""
    return f"{PLACES_PREFIX}{id_text(event_id)}#{place:02}"


class Stock:
    """Reads, makes and changes the places of spread events."""

    def __init__(self, connection: Connection, spreading: Spreading = SPREADING) -> None:
        self._connection = connection
        self._spreading = spreading
        self._table = EventModel.Meta.table_name
        self._kept = KeptCounts()

    def forget(self, event_id: int) -> None:
        """Look at an event's places anew the next time: seats of it were moved."""
        self._kept.forget(event_id)

    def whole(self, record: EventRecord, *, consistent: bool = False) -> EventRecord:
        """Return the event with the seats of all its places; `consistent` sees every write that was
        acknowledged, else what other processes did in the last second may be missing.
        """
        if record.is_whole:
            return record
        if not record.places:
            # `places` says what was found, so that no change is made of this before it is stored.
            found = self._lost(record)
            return replace(_summed(record, found), places=len(found))
        counts = None if consistent else self._kept.get(record.id, record.places)
        if counts is None:
            counts = self._read_all(record, consistent=consistent)
            self._kept.keep(record.id, counts)
        return _summed(record, counts)

    def _read_all(self, record: EventRecord, *, consistent: bool) -> dict[int, Counts]:
        counts = self._read(record, _places(record), consistent=consistent)
        if len(counts) < record.places and not consistent:
            # They were made a moment ago.
            counts = self._read(record, _places(record), consistent=True)
        return counts

    def now(
        self, record: EventRecord, patience: Patience | None = None
    ) -> tuple[EventRecord, dict[int, Counts]]:
        """Return an event that was read a moment ago with the seats of all its places, and those of
        each, in any order: as of every write that was acknowledged.
        """
        counts = self._read(record, _places(record), consistent=True, patience=patience)
        own = Counts(record.free, record.held, record.sold)
        return _summed(record, counts), _shuffled({OWN_PLACE: own} | counts)

    def offer(self, record: EventRecord, patience: Patience | None = None) -> dict[int, int]:
        """Return how many seats are free in some places of an event, in any order; latest writes
        may be missing. Those come last of which nothing is known at this moment, as if they had
        room for everybody: a sale tries them rather than wait for a look at them.

        An event whose stock is to be spread is spread now; where somebody else is at it, its own
        item is what is there to be tried.
        """
        if not record.places:
            return _shuffled(self._spread(record, patience)) or {OWN_PLACE: record.free}
        some = random.sample(_places(record), min(_LOOKED_AT, record.places))
        unknown = dict.fromkeys(some, UNLIMITED_SEATS)
        if record.capacity is None:
            return unknown
        keys = [place_key(record.id, place) for place in some]
        found = get_some_raw(self._connection, self._table, keys, _ATTRIBUTES)
        known = {_place_of(item): read_counts(item).free for item in found}
        return {place: known[place] for place in some if place in known} | (unknown | known)

    def _spread(self, record: EventRecord, patience: Patience | None) -> dict[int, int]:
        """Move an event's free seats to places of their own; return how many each has, or none
        where that is not to be, or was not to be at this moment.
        """
        places = self._spreading.places(record.capacity) if record.adds_up else 0
        if not places:
            return {}
        shares = split(record.free, range(1, places + 1))
        event = Update(
            "event",
            EventModel(record.slug),
            [EventModel.free.add(-record.free), EventModel.places.set(places)],
            unchanged(record) & (EventModel.free >= record.free),
        )
        puts = [_new_place(record.id, record, place, free) for place, free in shares.items()]
        try:
            Transaction(self._connection, puts=puts, updates=[event]).commit(patience=patience)
        except ConditionFailed:
            return {}
        return shares

    def take_up(self, record: EventRecord, patience: Patience | None = None) -> bool:
        """Have an event say how many places it has whose item has lost that, and give them the
        terms that it has by now; their seats stay as they are. Tell whether it has to be read anew.

        Nothing is done where what is found is not just the seats that the event lacks.
        """
        if record.places or record.adds_up:
            return False
        found = self._lost(record, patience)
        if not found or not _summed(record, found).adds_up:
            return False
        event = Update(
            "event",
            EventModel(record.slug),
            [EventModel.places.set(len(found))],
            unchanged(record),
        )
        places = [_edited(record, place, _terms(record), 0) for place in found]
        # Where it fails somebody else was at it.
        with suppress(ConditionFailed):
            Transaction(self._connection, updates=[event, *places]).commit(patience=patience)
        return True

    def _lost(self, record: EventRecord, patience: Patience | None = None) -> dict[int, Counts]:
        """Return the seats of the places of an event that does not tell of any; none where those
        that are there are not numbered from 1 on.
        """
        most = max(SPREADING.most, self._spreading.most)
        found = self._read(record, range(1, most + 1), consistent=True, patience=patience)
        return found if sorted(found) == list(range(1, len(found) + 1)) else {}

    def edit(self, before: EventRecord, after: Event) -> StockEdit:
        """Return what a new description does to the stock: a higher capacity gives the places as
        many seats each, further ones among them if it is one for more places; a lower one takes
        free seats wherever there are some.

        Raises `CapacityTooLow` or `Changed`.
        """
        more = seats(after.capacity) - seats(before.capacity)
        if not before.places:
            return StockEdit(more)
        places = before.places
        if more > 0:
            places = max(places, self._spreading.places(after.capacity))
        terms, shares = _terms(after), self._shares(before, more, places)
        if terms == _terms(before):
            terms = {}
        return StockEdit(
            shares.get(OWN_PLACE, 0),
            places,
            tuple(
                _edited(before, place, terms, shares.get(place, 0))
                for place in _places(before)
                if terms or shares.get(place)
            ),
            tuple(
                _new_place(before.id, after, place, shares[place])
                for place in range(before.places + 1, places + 1)
            ),
        )

    def _shares(self, before: EventRecord, more: int, places: int) -> dict[int, int]:
        """Return by how many seats each place's free ones change."""
        if more >= 0:
            return split(more, range(1, places + 1))
        whole, counts = self.now(self.own(before))
        if whole.free < -more:
            raise capacity_too_low(whole)
        free = free_seats(counts)
        kept = filled(free, whole.free + more)
        return {place: kept[place] - count for place, count in free.items()}

    def own(self, before: EventRecord) -> EventRecord:
        """Return an event as it is now with the stock of its own item; raises `Changed` where it is
        not as it was.
        """
        item = get_raw(self._connection, self._table, before.slug, consistent=True)
        record = None if item is None or "public" not in item else read_record(item)
        if record is None or (record.public, record.places) != (before.public, before.places):
            if record is not None:
                self.take_up(record)
            raise Changed("this event was changed by somebody else at the same moment; try again")
        return record

    def deletes(self, record: EventRecord) -> list[Delete]:
        """Return the writes that remove an event's places, of which nothing may be held or sold."""
        return [
            Delete("stock", EventModel(place_key(record.id, place)), _is_idle())
            for place in _places(record)
        ]

    def _read(
        self,
        record: EventRecord,
        places: Iterable[int],
        *,
        consistent: bool,
        patience: Patience | None = None,
    ) -> dict[int, Counts]:
        keys = [place_key(record.id, place) for place in places]
        found = get_many_raw(
            self._connection,
            self._table,
            keys,
            _ATTRIBUTES,
            consistent=consistent,
            patience=patience,
        )
        return {_place_of(item): read_counts(item) for item in found}


def read_counts(item: RawItem) -> Counts:
    """Return the seats of a place's item."""
    return Counts(number(item, "free"), number(item, "held"), number(item, "sold"))


def free_seats(counts: Mapping[int, Counts]) -> dict[int, int]:
    """Return how many seats are free in each place."""
    return {place: count.free for place, count in counts.items()}


def capacity_too_low(record: EventRecord) -> CapacityTooLow:
    """Return what is to be said of a capacity that is lower than what is sold and held."""
    taken = record.held + record.sold
    return CapacityTooLow(f"{taken} seats are sold or held: the capacity cannot be lower")


def _is_idle() -> Condition:
    idle: Condition = (EventModel.held == 0) & (EventModel.sold == 0)
    return idle


def _places(record: EventRecord) -> range:
    return range(1, record.places + 1)


def _place_of(item: RawItem) -> int:
    return int(text(item, "slug").rpartition("#")[2])


def _shuffled(places: dict[int, _T]) -> dict[int, _T]:
    """Return the same in any order: who tries places one after another meets fewer others."""
    return {place: places[place] for place in random.sample(list(places), len(places))}


def _summed(record: EventRecord, counts: dict[int, Counts]) -> EventRecord:
    return replace(
        record,
        free=record.free + sum(count.free for count in counts.values()),
        held=record.held + sum(count.held for count in counts.values()),
        sold=record.sold + sum(count.sold for count in counts.values()),
        is_whole=True,
    )


def _terms(event: Event | EventRecord) -> dict[str, Any]:
    """Return what a sale's conditions look at beside the seats, by attributes of the models."""
    return {
        "status": event.status.value,
        "date": to_iso(event.date),
        "price": event.price,
        "currency": event.currency,
    }


def _new_place(event_id: int, event: Event | EventRecord, place: int, free: int) -> Put:
    """Return the write that makes a place. What is free under its key is nobody's. What is held or
    sold there is some order's, whoever left it: nothing is written over that.
    """
    item = StockPlaceModel(
        place_key(event_id, place), event_id=event_id, free=free, held=0, sold=0, **_terms(event)
    )
    return Put("stock", item, EventModel.slug.does_not_exist() | _is_idle())


def _edited(before: EventRecord, place: int, terms: dict[str, Any], more: int) -> Update:
    actions = [getattr(EventModel, name).set(value) for name, value in terms.items()]
    condition: Condition = StockPlaceModel.event_id == before.id
    if more:
        actions.append(EventModel.free.add(more))
    if more < 0:
        condition &= EventModel.free >= -more
    return Update("stock", EventModel(place_key(before.id, place)), actions, condition)
