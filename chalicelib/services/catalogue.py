"""Browsing events and cities."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.domain.event_facts import EventOrder
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import EventRecord, EventStatus
from chalicelib.domain.slugs import is_slug
from chalicelib.domain.text import begins_words, fold, words
from chalicelib.errors import InvalidInput, NotFound, TooBroad
from chalicelib.services.port_types import CityEntry, EventPage, Page, PageRequest

if TYPE_CHECKING:
    from chalicelib.services.ports import CityStore, EventReader

PUBLIC_STATUSES = (EventStatus.PUBLISHED,)
ALL_STATUSES = tuple(EventStatus)


class CityOrder(StrEnum):
    """What cities can be sorted by; the value is the key in a city's public form."""

    NAME = "name"
    CREATED_AT = "createdAt"
    UPDATED_AT = "updatedAt"


class CityQuery(NamedTuple):
    """Which cities, in which order. `words` are folded, `country` is when it is compared."""

    words: tuple[str, ...]
    country: str | None
    order_by: CityOrder
    descending: bool
    limit: int
    offset: int

    @property
    def is_plain(self) -> bool:
        """Whether the index alone answers: no filter, in order of the name."""
        return not self.words and not self.country and self.order_by is CityOrder.NAME


@dataclass(frozen=True, slots=True)
class CityList:
    """A part of a list of cities; `count` is how many match in all."""

    count: int
    cities: list[CityEntry]


class Catalogue:
    """The use cases behind the public lists and pages."""

    def __init__(self, *, events: "EventReader", cities: "CityStore") -> None:
        self._events = events
        self._cities = cities

    def event(self, slug: str) -> EventRecord:
        """Return a published event; raises `NotFound`. Cancelled ones stay visible as such."""
        record = self._events.get(slug) if is_slug(slug) else None
        if record is None or record.status is EventStatus.DRAFT:
            raise NotFound("no such event")
        return record

    def event_with_stock(self, slug: str) -> EventRecord:
        """Return a published event, and how many seats of it are free; raises `NotFound`."""
        record = self.event(slug)
        return record if record.capacity is None else self._events.whole(record)

    def list_events(self, wanted: EventFilter, order: EventOrder, page: PageRequest) -> EventPage:
        """Return a page of events. What is no slug is the slug of no city; a former slug of a city
        finds its events. Raises `InvalidInput` for a search that finds too much to read.
        """
        try:
            return self._listed(wanted, order, page)
        except TooBroad:
            raise InvalidInput.of(
                "search", "finds too much; add letters or words", "search_too_broad"
            ) from None

    def _listed(self, wanted: EventFilter, order: EventOrder, page: PageRequest) -> EventPage:
        if wanted.city_slug is None:
            return self._events.find(wanted, order, page)
        if not is_slug(wanted.city_slug):
            return EventPage(0, Page((), None))
        found = self._events.find(wanted, order, page)
        if found.count:
            return found
        # Only who finds nothing pays for the question whether the city is called otherwise now.
        city = self._cities.get(wanted.city_slug)
        now = wanted.city_slug if city is None else city.fields()["slug"]
        if now == wanted.city_slug:
            return found
        return self._events.find(wanted._replace(city_slug=now), order, page)

    def city(self, slug: str) -> CityEntry:
        """Return a city; raises `NotFound`."""
        entry = self._cities.get(slug) if is_slug(slug) else None
        if entry is None:
            raise NotFound("no such city")
        return entry

    def list_cities(self, query: CityQuery) -> CityList:
        """Return the cities that match.

        Without a filter only what is shown is read. With one, or in another order than by name,
        all cities are read: there are as many as cities, not as events.
        """
        if query.is_plain:
            count, end = self._cities.count(), query.offset + query.limit
            if query.offset >= count:
                return CityList(count, [])
            cities = self._cities.list_by_name(descending=query.descending, stop_after=end)
            return CityList(count, cities[query.offset :])
        matching = [
            (key, entry)
            for entry in self._cities.list_by_name(descending=False, stop_after=None)
            if (key := self._sort_key(entry, query)) is not None
        ]
        matching.sort(key=lambda pair: pair[0], reverse=query.descending)
        chosen = matching[query.offset : query.offset + query.limit]
        return CityList(len(matching), [entry for _, entry in chosen])

    @staticmethod
    def _sort_key(entry: CityEntry, query: CityQuery) -> tuple[str, int] | None:
        """Return what the entry is sorted by, or None where it does not match."""
        city: dict[str, Any] = entry.fields()
        country = city["country"] or ""
        if query.country and fold(query.country) != fold(country):
            return None
        if not begins_words(query.words, words(f"{city['name']} {country}")):
            return None
        return fold(city[query.order_by.value]), city["id"]
