"""Browsing and adding events and cities."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from chalicelib.domain.cities import City, public_city
from chalicelib.domain.clock import Clock
from chalicelib.domain.events import Event, EventRecord, EventStatus
from chalicelib.domain.slugs import is_slug
from chalicelib.domain.text import begins_words, fold
from chalicelib.errors import InvalidInput, NotFound
from chalicelib.services.ports import (
    AuditLog,
    CityEntry,
    CityStore,
    EventStore,
    Page,
    PageRequest,
)

PUBLIC_STATUSES = (EventStatus.PUBLISHED,)
ALL_STATUSES = tuple(EventStatus)


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event as an admin sends it, read and cleaned. `price` is in minor units, `date` in UTC."""

    name: str
    slug: str
    city_slug: str
    location: str
    date: datetime
    organizer_name: str
    image_url: str | None
    alt: str
    description: str
    price: int
    currency: str
    status: EventStatus
    capacity: int | None


@dataclass(frozen=True, slots=True)
class CityDraft:
    """A city as an admin sends it."""

    name: str
    slug: str
    country: str | None
    image_url: str | None
    alt: str


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of a list of events; `count` is how many match in all."""

    count: int
    page: Page


class CityOrder(StrEnum):
    """What cities can be sorted by; the value is the key in a city's public form."""

    NAME = "name"
    CREATED_AT = "createdAt"
    UPDATED_AT = "updatedAt"


@dataclass(frozen=True, slots=True)
class CityQuery:
    """Which cities, in which order. `search` and `country` are folded when compared."""

    search: str | None
    country: str | None
    order_by: CityOrder
    descending: bool
    limit: int
    offset: int

    @property
    def is_plain(self) -> bool:
        """Whether the index alone answers: no filter, in order of the name."""
        return not self.search and not self.country and self.order_by is CityOrder.NAME


@dataclass(frozen=True, slots=True)
class CityList:
    """A part of a list of cities; `count` is how many match in all."""

    count: int
    cities: list[CityEntry]


class Catalogue:
    """The use cases behind the public lists and the admin's additions."""

    def __init__(
        self, *, events: EventStore, cities: CityStore, clock: Clock, log: AuditLog
    ) -> None:
        self._events = events
        self._cities = cities
        self._clock = clock
        self._log = log

    def event(self, slug: str) -> EventRecord:
        """Return a published event; raises `NotFound`. Cancelled ones stay visible as such."""
        record = self._events.get(slug) if is_slug(slug) else None
        if record is None or record.status is EventStatus.DRAFT:
            raise NotFound("no such event")
        return record

    def list_events(self, city_slug: str | None, page: PageRequest) -> EventPage:
        """Return a page of the published events, of one city or of all."""
        if city_slug is None:
            count = self._events.count(PUBLIC_STATUSES)
        else:
            city = self._cities.get(city_slug) if is_slug(city_slug) else None
            count = city.published_events if city is not None else 0
        return self._page(PUBLIC_STATUSES, city_slug, page, count)

    def list_all_events(self, status: EventStatus | None, page: PageRequest) -> EventPage:
        """Return a page of the events of one status, or of every status."""
        statuses = ALL_STATUSES if status is None else (status,)
        return self._page(statuses, None, page, self._events.count(statuses))

    def _page(
        self,
        statuses: tuple[EventStatus, ...],
        city_slug: str | None,
        page: PageRequest,
        count: int,
    ) -> EventPage:
        if count == 0 or page.offset >= count:
            return EventPage(count, Page((), None))
        return EventPage(count, self._events.list_by_date(statuses, city_slug, page))

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
        if query.search and not begins_words(query.search, f"{city['name']} {country}"):
            return None
        return fold(city[query.order_by.value]), city["id"]

    def add_city(self, draft: CityDraft, by: str) -> CityEntry:
        """Store a new city; raises `SlugTaken`."""
        now = self._clock()
        city = City(
            id=self._cities.next_id(),
            name=draft.name,
            slug=draft.slug,
            country=draft.country,
            image_url=draft.image_url,
            alt=draft.alt,
            created_at=now,
            updated_at=now,
        )
        self._cities.create(city)
        self._log.audit("city_created", {"by": by, "city": city.slug, "cityId": city.id})
        return CityEntry.of(public_city(city), published_events=0)

    def add_event(self, draft: EventDraft, by: str) -> Event:
        """Store a new event; raises `SlugTaken`, or `InvalidInput` if its city does not exist or
        its date is past.
        """
        now = self._clock()
        if draft.date <= now:
            raise InvalidInput.of("date", "must be in the future", "date_in_past")
        city = self._cities.get(draft.city_slug)
        if city is None:
            raise InvalidInput.of("citySlug", "must be the slug of a city", "unknown_city")
        event = Event(
            id=self._events.next_id(),
            name=draft.name,
            slug=draft.slug,
            city=city.fields()["name"],
            city_slug=draft.city_slug,
            location=draft.location,
            date=draft.date,
            organizer_name=draft.organizer_name,
            image_url=draft.image_url,
            alt=draft.alt,
            description=draft.description,
            price=draft.price,
            currency=draft.currency,
            status=draft.status,
            capacity=draft.capacity,
            created_at=now,
            updated_at=now,
        )
        self._events.create(event)
        self._log.audit("event_created", {"by": by, "event": event.slug, "eventId": event.id})
        return event
