"""Browsing events and cities, over the fakes of the store."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, NoReturn

import pytest

from chalicelib.domain.event_facts import EventOrder
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import EventStatus
from chalicelib.errors import InvalidInput, NotFound, TooBroad
from chalicelib.services.catalogue import (
    ALL_STATUSES,
    PUBLIC_STATUSES,
    Catalogue,
    CityOrder,
    CityQuery,
)
from chalicelib.services.port_types import CityEntry, EventPage, Page, PageRequest
from tests.support.builders import NOW, a_city, an_event
from tests.support.fakes import FakeCities, FakeEvents

FIRST_PAGE = PageRequest(limit=10, offset=0, after=None, descending=False)
ALL_CITIES = CityQuery((), None, CityOrder.NAME, descending=False, limit=50, offset=0)


class World:
    """A catalogue over fakes: London with three published events and a draft, and Paris."""

    def __init__(self) -> None:
        self.cities = FakeCities()
        self.events = FakeEvents(self.cities)
        self.catalogue = Catalogue(events=self.events, cities=self.cities)
        self.add_city(name="London", slug="london", country="United Kingdom")
        self.add_city(name="Paris", slug="paris", country="France")
        for number in (1, 2, 3):
            self.add_event(f"show-{number}", days=number)
        self.add_event("secret", days=4, status=EventStatus.DRAFT)

    def add_city(self, **changes: Any) -> None:
        number = self.cities.next_id()
        later = NOW + timedelta(hours=number)
        self.cities.create(a_city(id=number, created_at=later, updated_at=later, **changes))

    def add_event(self, slug: str, days: int, **changes: Any) -> None:
        date = NOW + timedelta(days=days)
        self.events.create(an_event(id=self.events.next_id(), slug=slug, date=date, **changes))

    def listed(
        self, *, statuses: tuple[EventStatus, ...] = PUBLIC_STATUSES, **wanted: Any
    ) -> EventPage:
        page = wanted.pop("page", FIRST_PAGE)
        return self.catalogue.list_events(EventFilter(statuses, **wanted), EventOrder.DATE, page)

    def city_names(self, query: CityQuery) -> list[str]:
        return [entry.fields()["name"] for entry in self.catalogue.list_cities(query).cities]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def catalogue(world: World) -> Catalogue:
    return world.catalogue


def test_a_former_slug_shows_the_event_that_had_it(world: World) -> None:
    before = world.events.records["show-1"]
    renamed = replace(before.described(), slug="premiere", updated_at=NOW + timedelta(hours=1))
    world.events.replace(before, renamed)
    assert world.catalogue.event("show-1").slug == "premiere"


@pytest.mark.parametrize("status", [EventStatus.PUBLISHED, EventStatus.CANCELLED])
def test_published_and_cancelled_events_are_public(world: World, status: EventStatus) -> None:
    world.add_event("gala", days=9, status=status)
    assert world.catalogue.event("gala").status is status


def test_a_draft_is_not_public(catalogue: Catalogue) -> None:
    with pytest.raises(NotFound, match="no such event"):
        catalogue.event("secret")


@pytest.mark.parametrize("slug", ["unknown", "#totals", "a/b", "", "1", "\ud800", "x" * 3000])
def test_a_slug_that_names_nothing_is_not_found(catalogue: Catalogue, slug: str) -> None:
    with pytest.raises(NotFound, match="no such event"):
        catalogue.event(slug)
    with pytest.raises(NotFound, match="no such city"):
        catalogue.city(slug)


class OnlySlugs(FakeEvents):
    """A store that must not be asked for what is no slug, such as its own bookkeeping."""

    def get(self, slug: str, *, consistent: bool = False) -> Any:
        raise AssertionError(f"the store was asked for {slug}")

    def find(self, wanted: EventFilter, order: EventOrder, page: PageRequest) -> EventPage:
        raise AssertionError(f"the store was asked for events in {wanted.city_slug}")


class OnlyCitySlugs(FakeCities):
    """The same for cities."""

    def get(self, slug: str, *, consistent: bool = False) -> CityEntry | None:
        raise AssertionError(f"the store was asked for {slug}")


def test_the_store_is_not_asked_for_what_is_no_slug() -> None:
    catalogue = Catalogue(events=OnlySlugs(), cities=OnlyCitySlugs())
    ask: list[Callable[[str], object]] = [catalogue.event, catalogue.city]
    for question in ask:
        with pytest.raises(NotFound):
            question("#totals")
    wanted = EventFilter(PUBLIC_STATUSES, city_slug="#totals")
    assert catalogue.list_events(wanted, EventOrder.DATE, FIRST_PAGE) == EventPage(
        0, Page((), None)
    )


def test_the_public_list_holds_published_events_only(world: World) -> None:
    found = world.listed()
    assert found.count == 3
    assert len(found.page.items) == 3
    assert all('"status":"published"' in item for item in found.page.items)


def test_a_citys_list_counts_its_published_events(world: World) -> None:
    world.add_event("soiree", days=5, city_slug="paris")
    found = world.listed(city_slug="paris")
    assert found.count == 1
    assert [item for item in found.page.items if '"slug":"soiree"' in item]


@pytest.mark.parametrize("slug", ["paris", "unknown", "#totals"])
def test_a_city_without_events_has_an_empty_list(world: World, slug: str) -> None:
    found = world.listed(city_slug=slug)
    assert (found.count, found.page) == (0, Page((), None))


def test_a_former_slug_of_a_city_finds_its_events(world: World) -> None:
    london = world.cities.cities["london"]
    later = NOW + timedelta(days=1)
    world.cities.replace(london, replace(london.described(), slug="londinium", updated_at=later))
    for slug in ("show-1", "show-2"):
        event = world.events.records[slug]
        follows = replace(event.described(), city_slug="londinium", updated_at=later)
        world.events.replace(event, follows)

    assert world.listed(city_slug="londinium").count == 2
    # While events are on their way, those that are still behind are found where they were.
    assert world.listed(city_slug="london").count == 1
    world.events.replace(
        world.events.records["show-3"],
        replace(
            world.events.records["show-3"].described(), city_slug="londinium", updated_at=later
        ),
    )
    assert world.listed(city_slug="london") == world.listed(city_slug="londinium")


def test_a_page_beyond_the_last_is_empty(world: World) -> None:
    found = world.listed(page=FIRST_PAGE._replace(offset=3))
    assert (found.count, found.page) == (3, Page((), None))


def test_a_list_of_every_status_holds_drafts_too(world: World) -> None:
    assert world.listed(statuses=ALL_STATUSES).count == 4


def test_a_list_of_one_status_holds_no_other(world: World) -> None:
    found = world.listed(statuses=(EventStatus.DRAFT,))
    assert found.count == 1
    assert [item for item in found.page.items if '"slug":"secret"' in item]


def test_a_city_is_found_by_its_slug(catalogue: Catalogue) -> None:
    assert catalogue.city("london").fields() == {
        "id": 1,
        "name": "London",
        "slug": "london",
        "country": "United Kingdom",
        "imageUrl": None,
        "alt": "London",
        "createdAt": "2027-03-01T13:00:00.000Z",
        "updatedAt": "2027-03-01T13:00:00.000Z",
        "city": "London",
        "citySlug": "london",
        "url": None,
    }


def test_a_citys_event_count_is_added_on_request_only(catalogue: Catalogue) -> None:
    entry = catalogue.city("london")
    assert '"eventCount"' not in entry.public
    assert entry.public_with_count().endswith('"url":null,"eventCount":3}')


def test_cities_are_listed_by_name(world: World) -> None:
    world.add_city(name="Élancourt", slug="elancourt", country="France")
    assert world.city_names(ALL_CITIES) == ["Élancourt", "London", "Paris"]
    assert world.city_names(ALL_CITIES._replace(descending=True)) == [
        "Paris",
        "London",
        "Élancourt",
    ]


@pytest.mark.parametrize(
    ("limit", "offset", "names"), [(1, 0, ["London"]), (1, 1, ["Paris"]), (5, 2, []), (5, 9, [])]
)
def test_a_part_of_the_cities_still_counts_them_all(
    world: World, limit: int, offset: int, names: list[str]
) -> None:
    query = ALL_CITIES._replace(limit=limit, offset=offset)
    assert world.city_names(query) == names
    assert world.catalogue.list_cities(query).count == 2


@pytest.mark.parametrize("country", ["france", "FRANCE", "Francé"])
def test_a_country_is_compared_without_case_and_accents(world: World, country: str) -> None:
    query = ALL_CITIES._replace(country=country)
    assert world.city_names(query) == ["Paris"]
    assert world.catalogue.list_cities(query).count == 1


def test_a_search_that_finds_too_much_is_told_what_to_do(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(*_: object) -> NoReturn:
        raise TooBroad("far too much")

    monkeypatch.setattr(FakeEvents, "find", find)

    with pytest.raises(InvalidInput, match=r"^search: finds too much; add letters or words$"):
        world.listed(words=("a",))


def test_a_country_is_compared_whole(world: World) -> None:
    assert world.city_names(ALL_CITIES._replace(country="Fran")) == []


def test_a_city_without_a_country_matches_no_country(world: World) -> None:
    world.add_city(name="Atlantis", slug="atlantis", country=None)
    assert world.city_names(ALL_CITIES._replace(country="France")) == ["Paris"]
    assert world.city_names(ALL_CITIES._replace(words=("atl",))) == ["Atlantis"]


@pytest.mark.parametrize(
    ("search", "names"), [("lon", ["London"]), ("kingd", ["London"]), ("ondon", [])]
)
def test_a_search_matches_the_beginnings_of_words(
    world: World, search: str, names: list[str]
) -> None:
    assert world.city_names(ALL_CITIES._replace(words=(search,))) == names


@pytest.mark.parametrize("order_by", [CityOrder.CREATED_AT, CityOrder.UPDATED_AT])
def test_cities_can_be_listed_by_time(world: World, order_by: CityOrder) -> None:
    world.add_city(name="Aachen", slug="aachen", country="Germany")
    query = ALL_CITIES._replace(order_by=order_by)
    assert world.city_names(query) == ["London", "Paris", "Aachen"]
    assert world.city_names(query._replace(descending=True, limit=1)) == ["Aachen"]
