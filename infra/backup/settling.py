"""Items as a restore writes them: what the file has, with every number that follows from other
items made anew, and what the file leaves out because it follows from events.
"""

import hashlib
import uuid
from collections.abc import Iterator
from typing import Any

from chalicelib.domain.clock import to_iso, utc_now
from chalicelib.domain.event_facts import id_text
from chalicelib.domain.events import EventStatus
from chalicelib.domain.orders import MailStatus
from chalicelib.store.cancellations import CANCELLATIONS
from chalicelib.store.cities import EVENT_COUNTS, TOTAL
from chalicelib.store.event_items import read_record
from chalicelib.store.reading import text
from chalicelib.store.renames import RENAMES
from chalicelib.store.totals import TOTALS_KEY
from chalicelib.store.word_index import word_entries
from infra.backup.file_format import RawItem, Reader
from infra.backup.survey import CITIES, EVENTS, INDEX, ORDERS, Survey, is_order, is_place

_LAST_ID = "lastId"
_NEWS_MARKER = "#undelivered-news"
_STOCK = ("free", "held", "sold")
_PLACES = "places"

Settled = tuple[str, RawItem]


class Settling:
    """The items of a backup, settled. `last_ids` are the highest ids that the stage has given out
    itself: none is given out twice.

    A `drill` is the data of one stage in another, where nobody may be asked for money, paid or
    written to because of it: the timer has nothing to do with its orders, and no address is real.
    """

    def __init__(
        self, backup: Reader, survey: Survey, last_ids: dict[str, int], *, drill: bool
    ) -> None:
        self._backup = backup
        self._survey = survey
        self._drill = drill
        self._last_ids = last_ids
        # Made once: the items are gone through several times.
        self._notes = list(self._missing_notes())

    def items(self) -> Iterator[Settled]:
        """Yield all items, events last: until they are there, nothing can be found or bought."""
        for table, item in self._backup.items():
            if table != EVENTS and not self._is_left_out(table, item):
                yield table, self._settled(table, item)
        yield from self._notes
        yield from self._day_counts()
        for table, item in self._backup.items():
            if table == EVENTS and not self._is_left_out(table, item):
                yield from self._with_words(item)
        yield from self._missing_totals()

    def _is_left_out(self, table: str, item: RawItem) -> bool:
        """Tell whether an item is about what another stage has yet to do, or of where seats were:
        an event's first sale spreads its stock anew.
        """
        if is_place(table, item) or not self._drill:
            return is_place(table, item)
        is_cancellation = table == INDEX and item["term"] == {"S": CANCELLATIONS}
        return is_cancellation or (table == ORDERS and item["id"] == {"S": _NEWS_MARKER})

    def _settled(self, table: str, item: RawItem) -> RawItem:
        if table == CITIES:
            return self._city(item)
        if table == ORDERS and is_order(item):
            order = _without(item, _PLACES)
            return _quieted(order) if self._drill else order
        return item

    def _city(self, item: RawItem) -> RawItem:
        slug = text(item, "slug")
        if slug == TOTALS_KEY:
            return self._totals(CITIES, item)
        counts = {
            name: _number(self._survey.in_cities[slug, status])
            for status, name in EVENT_COUNTS.items()
        }
        return {**item, **counts}

    def _totals(self, table: str, item: RawItem) -> RawItem:
        survey = self._survey
        if table == CITIES:
            counts = {TOTAL: len(survey.cities)}
        else:
            counts = {status.value: survey.by_status[status] for status in EventStatus}
        last_id = max(survey.last_ids[table], self._last_ids.get(table, 0))
        shown = {name: _number(count) for name, count in counts.items() if count or name in item}
        return {**item, **shown, _LAST_ID: _number(last_id)}

    def _missing_totals(self) -> Iterator[Settled]:
        """Make the totals of tables whose totals the file does not have."""
        for table, known in ((CITIES, self._survey.cities), (EVENTS, self._survey.events)):
            if known and table not in self._survey.totalled:
                yield table, self._totals(table, {"slug": {"S": TOTALS_KEY}})

    def _with_words(self, item: RawItem) -> Iterator[Settled]:
        if text(item, "slug") == TOTALS_KEY:
            yield EVENTS, self._totals(EVENTS, item)
            return
        if "movedTo" in item or not self._survey.is_readable(EVENTS, item):
            yield EVENTS, item
            return
        event = read_record(item).described()
        for entry in word_entries(event):
            yield INDEX, {name: {"S": value} for name, value in entry.items()}
        taken = self._survey.seats_of(event.id)
        numbers = (self._survey.free_seats(event), taken.held, taken.sold)
        stock = dict(zip(_STOCK, map(_number, numbers), strict=True))
        yield EVENTS, {**_without(item, _PLACES), **stock}

    def _day_counts(self) -> Iterator[Settled]:
        for (term, day), count in sorted(self._survey.days.items()):
            yield INDEX, {"term": {"S": term}, "entry": {"S": day}, "events": _number(count)}

    def _missing_notes(self) -> Iterator[Settled]:
        """Make the notes of what is left to do that were not read in one moment with their events
        or cities. Who finds nothing to do forgets them.
        """
        now = to_iso(utc_now())
        for slug, city in self._survey.cities_ahead():
            if (RENAMES, id_text(city.id)) not in self._survey.noted:
                note = {"slug": slug, "since": city.updated_at, "token": str(uuid.uuid4())}
                yield INDEX, _texts(term=RENAMES, entry=id_text(city.id), **note)
        for event_id in () if self._drill else self._survey.unended_cancellations():
            yield INDEX, _texts(term=CANCELLATIONS, entry=id_text(event_id), since=now)


def without_stock(table: str, item: RawItem) -> RawItem:
    """Return an item without what selling changes in an event."""
    if table != EVENTS:
        return item
    return _without(item, *_STOCK, _PLACES)


def _without(item: RawItem, *names: str) -> RawItem:
    return {name: value for name, value in item.items() if name not in names}


def _quieted(item: RawItem) -> RawItem:
    """Return an order that the timer leaves alone, with an address that nobody has."""
    quiet = _without(item, "dueAt")
    if quiet.get("mail") == {"S": MailStatus.DUE.value}:
        del quiet["mail"]
    if "customerEmail" in quiet:
        address = quiet["customerEmail"]["S"]
        hashed = hashlib.sha256(address.encode()).hexdigest()[:16]
        quiet["customerEmail"] = {"S": f"{hashed}@drill.invalid"}
    return quiet


def _texts(**attributes: str) -> RawItem:
    return {name: {"S": value} for name, value in attributes.items()}


def _number(value: int) -> dict[str, Any]:
    return {"N": str(value)}
