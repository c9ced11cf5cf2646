"""Lists of events: which index answers, how many match in all, and the page that is asked for.

Where an index has the list's very order, a page is one query of it, and the count is a number that
is kept. Everything else goes by facts: those of the events that a word, a city, or a range of dates
or prices finds are read, filtered and sorted here, and only the page's events are read whole.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pynamodb.attributes import UnicodeAttribute
from pynamodb.connection.base import Connection
from pynamodb.expressions.condition import Condition

from chalicelib.domain.event_facts import EventFacts, EventOrder, key_of_public
from chalicelib.domain.event_filter import EventFilter, FactsFilter
from chalicelib.domain.events import EventStatus
from chalicelib.services.port_types import EventPage, Page, PageRequest
from chalicelib.store.cities import EVENT_COUNTS
from chalicelib.store.day_counts import day_counts, day_of
from chalicelib.store.event_items import moved_to, status_city
from chalicelib.store.models import CityModel, EventModel
from chalicelib.store.reading import (
    RawItem,
    count_raw,
    get_many_raw,
    get_raw,
    number,
    query_raw,
    text,
)
from chalicelib.store.totals import read_totals
from chalicelib.store.word_search import Found, WordSearch


@dataclass(frozen=True, slots=True)
class _Order:
    """The indexes that have an order: of all events, of a city's, and of which attribute."""

    index: str
    index_in_city: str
    key: UnicodeAttribute

    @property
    def key_name(self) -> str:
        return self.key.attr_name


_ORDERS = {
    EventOrder.DATE: _Order("by_date", "in_city_by_date", EventModel.date_key),
    EventOrder.NAME: _Order("by_name", "in_city_by_name", EventModel.name_key),
    EventOrder.PRICE: _Order("by_price", "in_city_by_price", EventModel.price_key),
    # In one city, the order by city is the order by date: see `_order_within`.
    EventOrder.CITY: _Order("by_city", "in_city_by_date", EventModel.city_key),
    EventOrder.CREATED_AT: _Order("by_created", "in_city_by_created", EventModel.created_key),
    EventOrder.UPDATED_AT: _Order("by_updated", "in_city_by_updated", EventModel.updated_key),
}
# Sorts after every key that begins with a time or a price: what follows in a key is a `#`.
_END = "~"
_DAY_BEGINS, _DAY_ENDS = "T00:00:00.000Z", "T23:59:59.999Z"

_Range = tuple[str | None, str | None]


class EventLists:
    """Answers every list of events."""

    def __init__(self, connection: Connection, search: WordSearch) -> None:
        self._connection = connection
        self._search = search
        self._table = EventModel.Meta.table_name

    def page(self, wanted: EventFilter, order: EventOrder, page: PageRequest) -> EventPage:
        """Return a page and how many match in all. Raises `Unavailable`."""
        if _is_empty(_date_range(wanted)) or _is_empty(wanted.by_facts().prices):
            return EventPage(0, Page((), None))
        order = _order_within(wanted, order)
        if not _has_its_order(wanted, order):
            return self._page_by_facts(wanted, order, page)
        count = self._count(wanted)
        if count == 0 or page.offset >= count:
            return EventPage(count, Page((), None))
        return EventPage(count, self._page_of_index(wanted, order, page))

    # Where an index has the order.

    def _page_of_index(self, wanted: EventFilter, order: EventOrder, page: PageRequest) -> Page:
        """Read a page: one query a status. An `offset` is read and passed over."""
        if len(wanted.statuses) == 1:
            return self._page_of_status(wanted, order, page)
        key = _ORDERS[order].key_name
        end = page.offset + page.limit + 1
        parts = [
            self._keyed_in_order(wanted, status, order, page, end) for status in wanted.statuses
        ]
        rows = heapq.merge(*parts, key=lambda row: text(row, key), reverse=page.descending)
        chosen = list(islice(rows, page.offset, end))
        shown = chosen[: page.limit]
        more = len(chosen) > page.limit
        return Page(
            tuple(text(row, "public") for row in shown),
            text(shown[-1], key) if more else None,
        )

    def _page_of_status(self, wanted: EventFilter, order: EventOrder, page: PageRequest) -> Page:
        """Read a page of one partition, and of each event only the JSON that is sent: the keys of
        the first and the last one follow from theirs, and to decode all takes a third of the time.
        """
        (status,) = wanted.statuses
        end = page.offset + page.limit + 1
        rows = self._in_order(wanted, status, order, page, end, ("public",))
        found = [text(row, "public") for row in rows]
        if page.after is not None and found and key_of_public(found[0], order) == page.after:
            del found[0]
        chosen = found[page.offset : end]
        shown = tuple(chosen[: page.limit])
        more = len(chosen) > page.limit
        return Page(shown, key_of_public(shown[-1], order) if more else None)

    def _keyed_in_order(
        self,
        wanted: EventFilter,
        status: EventStatus,
        order: EventOrder,
        page: PageRequest,
        limit: int,
    ) -> Iterable[RawItem]:
        key = _ORDERS[order].key_name
        rows = self._in_order(wanted, status, order, page, limit, ("public", key))
        return (row for row in rows if text(row, key) != page.after)

    def _in_order(
        self,
        wanted: EventFilter,
        status: EventStatus,
        order: EventOrder,
        page: PageRequest,
        limit: int,
        attributes: tuple[str, ...],
    ) -> list[RawItem]:
        sorted_by = _ORDERS[order]
        if wanted.city_slug is None:
            index, partition = sorted_by.index, status.value
        else:
            index, partition = sorted_by.index_in_city, status_city(status, wanted.city_slug)
        bounds = _after(_date_range(wanted), page)
        if _is_empty(bounds):
            return []
        return query_raw(
            self._connection,
            self._table,
            index,
            partition,
            keys=_between(sorted_by.key, bounds),
            descending=page.descending,
            limit=limit if page.after is None else limit + 1,
            attributes=attributes,
        )

    # How many there are.

    def _count(self, wanted: EventFilter) -> int:
        """Return how many events the filter finds, by the numbers that are kept."""
        if wanted.has_dates:
            return sum(self._count_of_days(wanted, status) for status in wanted.statuses)
        if wanted.city_slug is None:
            names = tuple(status.value for status in wanted.statuses)
            return read_totals(self._connection, self._table, names)
        city = get_raw(
            self._connection, CityModel.Meta.table_name, wanted.city_slug, consistent=False
        )
        names = tuple(EVENT_COUNTS[status] for status in wanted.statuses)
        return 0 if city is None else sum(number(city, name) for name in names if name in city)

    def _count_of_days(self, wanted: EventFilter, status: EventStatus) -> int:
        """Sum up the whole days, and count the events of those that are cut."""
        bounds = _date_range(wanted)
        cut = _cut_days(bounds)
        days = day_counts(self._connection, status, wanted.city_slug, bounds)
        index, partition = _facts_index(wanted, status)
        parts = (
            count_raw(
                self._connection,
                self._table,
                index,
                partition,
                EventModel.date_key.between(since, until + _END),
            )
            for day, (since, until) in cut.items()
            if days.get(day)
        )
        return sum(number for day, number in days.items() if day not in cut) + sum(parts)

    # Where no index has the order.

    def _page_by_facts(
        self, wanted: EventFilter, order: EventOrder, page: PageRequest
    ) -> EventPage:
        found = self._found(wanted)
        matching = _matching(found.facts, wanted.by_facts())
        keyed = sorted(
            ((facts.sort_key(order), facts.slug) for facts in matching), reverse=page.descending
        )
        rest = keyed[page.offset :] if page.after is None else _beyond(keyed, page)
        shown = rest[: page.limit]
        more = len(rest) > page.limit
        items = self._shown([slug for _, slug in shown], found)
        return EventPage(len(keyed), Page(items, shown[-1][0] if more else None))

    def _found(self, wanted: EventFilter) -> Found:
        """Return the facts of what the most telling part of the filter finds."""
        if wanted.words:
            return self._search.find(wanted.words)
        facts = [
            EventFacts.read(text(row, "facts"))
            for status in wanted.statuses
            for row in self._facts(wanted, status)
        ]
        return Found(facts)

    def _facts(self, wanted: EventFilter, status: EventStatus) -> list[RawItem]:
        index, partition = _facts_index(wanted, status)
        key, bounds = EventModel.date_key, _date_range(wanted)
        if wanted.has_prices and not wanted.has_dates and wanted.city_slug is None:
            index, key, bounds = "facts_by_price", EventModel.price_key, wanted.by_facts().prices
        return query_raw(
            self._connection,
            self._table,
            index,
            partition,
            keys=_between(key, bounds),
            descending=False,
            limit=None,
            attributes=("facts",),
        )

    def _shown(self, slugs: Sequence[str], found: Found) -> tuple[str, ...]:
        """Return the events' JSON in the order of the slugs; one that has just gone is left out."""
        known = dict(found.seen)
        items = self._read(slug for slug in slugs if slug not in known)
        moved = {text(item, "slug"): to for item in items if (to := moved_to(item)) is not None}
        if moved:
            items += self._read(moved.values())
        known |= {text(item, "slug"): text(item, "public") for item in items if "public" in item}
        now = (moved.get(slug, slug) for slug in slugs)
        return tuple(known[slug] for slug in now if slug in known)

    def _read(self, slugs: Iterable[str]) -> list[RawItem]:
        return get_many_raw(
            self._connection, self._table, slugs, ("slug", "public", "movedTo"), consistent=False
        )


def _order_within(wanted: EventFilter, order: EventOrder) -> EventOrder:
    """Return the order's equal in a list of one city: sorted by city, events of a city are sorted
    by date.
    """
    one_city = wanted.city_slug is not None
    return EventOrder.DATE if one_city and order is EventOrder.CITY else order


def _has_its_order(wanted: EventFilter, order: EventOrder) -> bool:
    if wanted.words or wanted.has_prices:
        return False
    return order is EventOrder.DATE or not wanted.has_dates


def _facts_index(wanted: EventFilter, status: EventStatus) -> tuple[str, str]:
    """Return the index of facts in order of the date, and the partition in it."""
    if wanted.city_slug is None:
        return "facts_by_date", status.value
    return "facts_in_city", status_city(status, wanted.city_slug)


def _date_range(wanted: EventFilter) -> _Range:
    return wanted.by_facts().dates


def _after(bounds: _Range, page: PageRequest) -> _Range:
    """Return the bounds of what is left of a list; the last entry of the page before is in it."""
    lowest, highest = bounds
    if page.after is None:
        return bounds
    return (lowest, page.after) if page.descending else (page.after, highest)


def _is_empty(bounds: _Range) -> bool:
    """Whether nothing can be in the range; DynamoDB refuses to look for such a one."""
    lowest, highest = bounds
    return lowest is not None and highest is not None and lowest > highest + _END


def _between(key: UnicodeAttribute, bounds: _Range) -> Condition | None:
    lowest, highest = bounds
    if highest is None:
        return None if lowest is None else key >= lowest
    return key <= highest + _END if lowest is None else key.between(lowest, highest + _END)


def _cut_days(bounds: _Range) -> dict[str, tuple[str, str]]:
    """Return the days that a range of times has only a part of, and which part."""
    since, until = bounds
    cut: dict[str, tuple[str, str]] = {}
    if since is not None and not since.endswith(_DAY_BEGINS):
        end = day_of(since) + _DAY_ENDS
        cut[day_of(since)] = (since, end if until is None else min(until, end))
    if until is not None and not until.endswith(_DAY_ENDS):
        begin = day_of(until) + _DAY_BEGINS
        cut[day_of(until)] = (begin if since is None else max(since, begin), until)
    return cut


def _matching(facts: Iterable[EventFacts], wanted: FactsFilter) -> Iterator[EventFacts]:
    return (item for item in facts if wanted.matches(item))


def _beyond(keyed: list[tuple[str, str]], page: PageRequest) -> list[tuple[str, str]]:
    assert page.after is not None
    if page.descending:
        return [pair for pair in keyed if pair[0] < page.after]
    return [pair for pair in keyed if pair[0] > page.after]
