"""`EventStore`: the fake and the real one behave alike."""

import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.domain.events import UNLIMITED_SEATS, EventRecord, EventStatus, public_event
from chalicelib.errors import SlugTaken, SlugUnknown
from chalicelib.services.ports import Page, PageRequest
from tests.support.builders import NOW, a_city, an_event
from tests.support.store_worlds import Both, World

ALL = tuple(EventStatus)
PUBLISHED = (EventStatus.PUBLISHED,)


@pytest.fixture(autouse=True)
def _cities(world: World) -> None:
    add_cities(world)


def add_cities(world: World) -> None:
    world.cities.create(a_city())
    world.cities.create(a_city(id=2, slug="porto", name="Porto"))


def page(
    limit: int = 10, offset: int = 0, after: str | None = None, *, descending: bool = False
) -> PageRequest:
    return PageRequest(limit, offset, after, descending)


def add_days(world: World, *days: int, city_slug: str = "london", first_id: int = 1) -> None:
    for number, day in enumerate(days):
        world.events.create(
            an_event(
                id=first_id + number,
                slug=f"day-{day}",
                date=NOW + timedelta(days=day),
                city_slug=city_slug,
            )
        )


def slugs(found: Page) -> list[str]:
    return [json.loads(item)["slug"] for item in found.items]


def test_ids_are_given_out_once_and_grow(world: World) -> None:
    ids = [world.events.next_id() for _ in range(4)]

    assert ids == sorted(set(ids))
    assert ids[0] > 0


def test_an_event_that_was_stored_is_found_as_it_was_stored(world: World) -> None:
    event = an_event()
    world.events.create(event)

    for consistent in (True, False):
        assert world.events.get("tech-conference", consistent=consistent) == EventRecord(
            public=public_event(event),
            id=1,
            slug="tech-conference",
            status=EventStatus.PUBLISHED,
            date=event.date,
            price=14999,
            currency="usd",
            capacity=100,
            free=100,
            held=0,
            sold=0,
        )


def test_an_event_without_a_capacity_has_seats_without_end(world: World) -> None:
    world.events.create(an_event(capacity=None))

    record = world.events.get("tech-conference")
    assert record is not None
    assert (record.capacity, record.free) == (None, UNLIMITED_SEATS)


@pytest.mark.parametrize("status", ALL)
def test_an_event_of_every_status_is_found(world: World, status: EventStatus) -> None:
    world.events.create(an_event(status=status))

    record = world.events.get("tech-conference")
    assert record is not None
    assert record.status is status


def test_an_event_that_is_not_there_is_not_found(world: World) -> None:
    assert world.events.get("nowhere") is None
    assert world.events.get("nowhere", consistent=True) is None


def test_a_slug_is_of_one_event(world: World) -> None:
    world.events.create(an_event())

    with pytest.raises(SlugTaken) as caught:
        world.events.create(an_event(id=2, name="Another", status=EventStatus.DRAFT))

    assert str(caught.value) == "an event with the slug tech-conference exists already"
    kept = world.events.get("tech-conference")
    assert kept is not None
    assert kept.name == "Tech Conference"
    assert world.events.count(ALL) == 1


def test_an_event_of_a_city_that_is_not_there_is_not_stored(world: World) -> None:
    with pytest.raises(SlugUnknown):
        world.events.create(an_event(city_slug="atlantis"))

    assert world.events.get("tech-conference") is None
    assert world.events.count(ALL) == 0
    assert world.cities.get("atlantis") is None


def test_a_slug_that_is_taken_is_told_before_a_city_that_is_not_there(world: World) -> None:
    world.events.create(an_event())

    with pytest.raises(SlugTaken):
        world.events.create(an_event(city_slug="atlantis"))


def test_events_are_counted_by_their_status(world: World) -> None:
    for number, status in enumerate([EventStatus.DRAFT, *PUBLISHED, *PUBLISHED]):
        world.events.create(an_event(id=number, slug=f"event-{number}x", status=status))

    assert world.events.count(PUBLISHED) == 2
    assert world.events.count((EventStatus.DRAFT, EventStatus.CANCELLED)) == 1
    assert world.events.count((EventStatus.CANCELLED,)) == 0
    assert world.events.count(ALL) == 3
    assert world.events.count(()) == 0


def test_a_citys_published_events_are_counted_with_the_city(world: World) -> None:
    add_days(world, 1, 2)
    world.events.create(an_event(id=9, slug="draft", status=EventStatus.DRAFT))

    london, porto = world.cities.get("london"), world.cities.get("porto")
    assert london is not None
    assert porto is not None
    assert (london.published_events, porto.published_events) == (2, 0)


@pytest.mark.parametrize("descending", [True, False])
def test_events_come_in_order_of_their_date(world: World, descending: bool) -> None:
    add_days(world, 3, 1, 2)

    found = world.events.list_by_date(PUBLISHED, None, page(descending=descending))

    ascending = ["day-1", "day-2", "day-3"]
    assert slugs(found) == (ascending[::-1] if descending else ascending)
    assert found.next_after is None


def test_events_of_one_date_come_in_order_of_their_ids(world: World) -> None:
    for number in (10, 2, 100):
        world.events.create(an_event(id=number, slug=f"event-{number}x"))

    ascending = world.events.list_by_date(PUBLISHED, None, page())
    descending = world.events.list_by_date(PUBLISHED, None, page(descending=True))

    assert slugs(ascending) == ["event-2x", "event-10x", "event-100x"]
    assert slugs(descending) == slugs(ascending)[::-1]


def test_a_list_is_of_its_statuses_and_its_city(world: World) -> None:
    add_days(world, 1)
    add_days(world, 2, city_slug="porto", first_id=2)
    world.events.create(an_event(id=3, slug="draft", status=EventStatus.DRAFT))

    assert slugs(world.events.list_by_date(PUBLISHED, None, page())) == ["day-1", "day-2"]
    assert slugs(world.events.list_by_date(PUBLISHED, "porto", page())) == ["day-2"]
    assert slugs(world.events.list_by_date((EventStatus.DRAFT,), "london", page())) == ["draft"]
    assert slugs(world.events.list_by_date(ALL, "atlantis", page())) == []
    assert set(slugs(world.events.list_by_date(ALL, None, page()))) == {"day-1", "day-2", "draft"}


def test_a_page_says_where_the_next_one_begins(world: World) -> None:
    add_days(world, 1, 2, 3)

    first = world.events.list_by_date(PUBLISHED, None, page(2))
    second = world.events.list_by_date(PUBLISHED, None, page(2, after=first.next_after))

    assert (slugs(first), slugs(second)) == (["day-1", "day-2"], ["day-3"])
    assert first.next_after is not None
    assert second.next_after is None


def test_an_event_added_before_the_place_of_a_page_is_not_in_the_next(world: World) -> None:
    add_days(world, 10, 20, 30)
    first = world.events.list_by_date(PUBLISHED, None, page(2))
    add_days(world, 5, 25, first_id=10)

    second = world.events.list_by_date(PUBLISHED, None, page(10, after=first.next_after))

    assert slugs(second) == ["day-25", "day-30"]


def test_an_offset_beyond_the_end_is_an_empty_page(world: World) -> None:
    add_days(world, 1)

    assert world.events.list_by_date(PUBLISHED, None, page(offset=1)) == Page((), None)


events_of_a_list = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=3),
        st.sampled_from(EventStatus),
        st.sampled_from(["london", "porto"]),
    ),
    max_size=12,
)


@settings(
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    described=events_of_a_list,
    statuses=st.lists(st.sampled_from(EventStatus), min_size=1, max_size=3, unique=True),
    city=st.none() | st.sampled_from(["london", "porto", "atlantis"]),
    limit=st.integers(min_value=1, max_value=5),
    offset=st.integers(min_value=0, max_value=6),
    descending=st.booleans(),
)
def test_the_two_give_the_same_pages_of_any_list(  # noqa: PLR0913, PLR0917 - a query's parts
    both: Both,
    described: list[tuple[int, EventStatus, str]],
    statuses: list[EventStatus],
    city: str | None,
    limit: int,
    offset: int,
    descending: bool,
) -> None:
    worlds = both.anew()
    for world in worlds:
        add_cities(world)
        for number, (day, status, city_slug) in enumerate(described, start=1):
            world.events.create(
                an_event(
                    id=number,
                    slug=f"event-{number}x",
                    date=NOW + timedelta(days=day),
                    status=status,
                    city_slug=city_slug,
                )
            )

    after: str | None = None
    for _ in range(len(described) + 1):
        asked = PageRequest(limit, offset if after is None else 0, after, descending)
        fake, real = (world.events.list_by_date(statuses, city, asked) for world in worlds)
        assert fake == real
        after = fake.next_after
        if after is None:
            break
    assert after is None
