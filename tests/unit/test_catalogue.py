"""Browsing and adding events and cities, over the fakes of the store."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.events import EventStatus, public_event
from chalicelib.errors import InvalidInput, NotFound, SlugTaken, SlugUnknown
from chalicelib.services.catalogue import (
    Catalogue,
    CityDraft,
    CityOrder,
    CityQuery,
    EventDraft,
)
from chalicelib.services.ports import CityEntry, Page, PageRequest
from tests.support.builders import NOW, a_city, an_event
from tests.support.fakes import FakeCities, FakeEvents, RecordingLog

FIRST_PAGE = PageRequest(limit=10, offset=0, after=None, descending=False)
ALL_CITIES = CityQuery(None, None, CityOrder.NAME, descending=False, limit=50, offset=0)
EVENT_DRAFT = EventDraft(
    name="Gala",
    slug="gala",
    city_slug="london",
    location="Dockside Halls",
    date=NOW + timedelta(days=1),
    organizer_name="TechEvents Ltd",
    image_url="https://img.example/gala.png",
    alt="A hall",
    description="<p>Dress up.</p>",
    price=7000,
    currency="eur",
    status=EventStatus.PUBLISHED,
    capacity=None,
)
CITY_DRAFT = CityDraft("Zürich", "zurich", "Switzerland", "https://img.example/z.png", "A lake")


class World:
    """A catalogue over fakes: London with three published events and a draft, and Paris."""

    def __init__(self) -> None:
        self.cities = FakeCities()
        self.events = FakeEvents(self.cities)
        self.log = RecordingLog()
        self.catalogue = Catalogue(
            events=self.events, cities=self.cities, clock=lambda: NOW, log=self.log
        )
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

    def city_names(self, query: CityQuery) -> list[str]:
        return [entry.fields()["name"] for entry in self.catalogue.list_cities(query).cities]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def catalogue(world: World) -> Catalogue:
    return world.catalogue


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


class OnlyCitySlugs(FakeCities):
    """The same for cities."""

    def get(self, slug: str) -> CityEntry | None:
        raise AssertionError(f"the store was asked for {slug}")


def test_the_store_is_not_asked_for_what_is_no_slug() -> None:
    catalogue = Catalogue(
        events=OnlySlugs(), cities=OnlyCitySlugs(), clock=lambda: NOW, log=RecordingLog()
    )
    ask: list[Callable[[str], object]] = [catalogue.event, catalogue.city]
    for question in ask:
        with pytest.raises(NotFound):
            question("#totals")
    assert catalogue.list_events("#totals", FIRST_PAGE).count == 0


def test_the_public_list_holds_published_events_only(catalogue: Catalogue) -> None:
    found = catalogue.list_events(None, FIRST_PAGE)
    assert found.count == 3
    assert len(found.page.items) == 3
    assert all('"status":"published"' in item for item in found.page.items)


def test_a_citys_list_counts_its_published_events(world: World) -> None:
    world.add_event("soiree", days=5, city_slug="paris")
    found = world.catalogue.list_events("paris", FIRST_PAGE)
    assert found.count == 1
    assert [item for item in found.page.items if '"slug":"soiree"' in item]


@pytest.mark.parametrize("slug", ["paris", "unknown", "#totals"])
def test_a_city_without_events_has_an_empty_list(catalogue: Catalogue, slug: str) -> None:
    found = catalogue.list_events(slug, FIRST_PAGE)
    assert (found.count, found.page) == (0, Page((), None))


def test_a_page_beyond_the_last_is_empty_and_costs_no_query(world: World) -> None:
    class NoQuery(FakeEvents):
        def list_by_date(self, *args: Any, **kwargs: Any) -> Page:
            raise AssertionError("the store was asked for a page that cannot be there")

    events = NoQuery(world.cities, world.events.records)
    catalogue = Catalogue(events=events, cities=world.cities, clock=lambda: NOW, log=RecordingLog())
    found = catalogue.list_events(None, replace(FIRST_PAGE, offset=3))
    assert (found.count, found.page) == (3, Page((), None))


def test_admins_see_every_status(catalogue: Catalogue) -> None:
    assert catalogue.list_all_events(None, FIRST_PAGE).count == 4


def test_admins_can_ask_for_one_status(catalogue: Catalogue) -> None:
    found = catalogue.list_all_events(EventStatus.DRAFT, FIRST_PAGE)
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
    assert world.city_names(replace(ALL_CITIES, descending=True)) == [
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
    query = replace(ALL_CITIES, limit=limit, offset=offset)
    assert world.city_names(query) == names
    assert world.catalogue.list_cities(query).count == 2


@pytest.mark.parametrize("country", ["france", "FRANCE", "Francé"])
def test_a_country_is_compared_without_case_and_accents(world: World, country: str) -> None:
    query = replace(ALL_CITIES, country=country)
    assert world.city_names(query) == ["Paris"]
    assert world.catalogue.list_cities(query).count == 1


def test_a_country_is_compared_whole(world: World) -> None:
    assert world.city_names(replace(ALL_CITIES, country="Fran")) == []


def test_a_city_without_a_country_matches_no_country(world: World) -> None:
    world.add_city(name="Atlantis", slug="atlantis", country=None)
    assert world.city_names(replace(ALL_CITIES, country="France")) == ["Paris"]
    assert world.city_names(replace(ALL_CITIES, search="atl")) == ["Atlantis"]


@pytest.mark.parametrize(
    ("search", "names"), [("lon", ["London"]), ("kingd", ["London"]), ("ondon", [])]
)
def test_a_search_matches_the_beginnings_of_words(
    world: World, search: str, names: list[str]
) -> None:
    assert world.city_names(replace(ALL_CITIES, search=search)) == names


@pytest.mark.parametrize("order_by", [CityOrder.CREATED_AT, CityOrder.UPDATED_AT])
def test_cities_can_be_listed_by_time(world: World, order_by: CityOrder) -> None:
    world.add_city(name="Aachen", slug="aachen", country="Germany")
    query = replace(ALL_CITIES, order_by=order_by)
    assert world.city_names(query) == ["London", "Paris", "Aachen"]
    assert world.city_names(replace(query, descending=True, limit=1)) == ["Aachen"]


def test_a_new_city_is_stored_told_and_audited(world: World) -> None:
    entry = world.catalogue.add_city(CITY_DRAFT, by="user_1")
    shown = entry.fields()
    assert (shown["id"], shown["name"], shown["slug"]) == (3, "Zürich", "zurich")
    assert (shown["country"], shown["imageUrl"]) == ("Switzerland", "https://img.example/z.png")
    assert (shown["alt"], shown["createdAt"]) == ("A lake", "2027-03-01T12:00:00.000Z")
    assert world.cities.get("zurich") == entry
    audited = {"by": "user_1", "city": "zurich", "cityId": 3}
    assert world.log.lines == [("audit", "city_created", audited)]


def test_a_city_whose_slug_is_taken_is_refused_and_not_audited(world: World) -> None:
    with pytest.raises(SlugTaken):
        world.catalogue.add_city(replace(CITY_DRAFT, slug="paris"), by="user_1")
    assert world.log.lines == []


def test_a_new_event_takes_its_citys_name(world: World) -> None:
    event = world.catalogue.add_event(EVENT_DRAFT, by="user_1")
    assert event == an_event(
        id=5,
        name="Gala",
        slug="gala",
        date=EVENT_DRAFT.date,
        image_url="https://img.example/gala.png",
        alt="A hall",
        description="<p>Dress up.</p>",
        price=7000,
        currency="eur",
        capacity=None,
    )
    assert world.catalogue.event("gala").public == public_event(event)
    audited = {"by": "user_1", "event": "gala", "eventId": 5}
    assert world.log.lines == [("audit", "event_created", audited)]


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(days=1)])
def test_an_event_in_the_past_cannot_be_added(world: World, ago: timedelta) -> None:
    with pytest.raises(InvalidInput, match=r"^date: must be in the future$"):
        world.catalogue.add_event(replace(EVENT_DRAFT, date=NOW - ago), by="user_1")
    assert "gala" not in world.events.records


def test_an_event_in_a_city_that_does_not_exist_cannot_be_added(world: World) -> None:
    with pytest.raises(InvalidInput, match=r"^citySlug: must be the slug of a city$"):
        world.catalogue.add_event(replace(EVENT_DRAFT, city_slug="atlantis"), by="user_1")
    assert world.log.lines == []


def test_an_event_whose_slug_is_taken_is_refused_and_not_audited(world: World) -> None:
    with pytest.raises(SlugTaken):
        world.catalogue.add_event(replace(EVENT_DRAFT, slug="show-1"), by="user_1")
    assert world.log.lines == []


def test_an_event_whose_city_goes_while_it_is_added_is_refused(world: World) -> None:
    class VanishingCities(FakeCities):
        def get(self, slug: str) -> CityEntry | None:
            return self.cities.pop(slug, None)

    cities = VanishingCities(dict(world.cities.cities))
    catalogue = Catalogue(
        events=FakeEvents(cities), cities=cities, clock=lambda: NOW, log=world.log
    )
    with pytest.raises(SlugUnknown):
        catalogue.add_event(EVENT_DRAFT, by="user_1")
    assert world.log.lines == []
