"""`EventStore`: the fake and the real one behave alike."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.domain.event_facts import EventOrder
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import (
    UNLIMITED_SEATS,
    Event,
    EventRecord,
    EventStatus,
    public_event,
)
from chalicelib.domain.text import query_words
from chalicelib.errors import CapacityTooLow, Changed, InUse, SlugTaken, SlugUnknown
from chalicelib.services.port_types import EventPage, Page, PageRequest
from tests.support.builders import NOW, a_city, an_event, an_order
from tests.support.records import record_of
from tests.support.store_worlds import Both, World

ALL = tuple(EventStatus)
PUBLISHED = (EventStatus.PUBLISHED,)


@pytest.fixture(autouse=True)
def _cities(world: World) -> None:
    add_cities(world)


def add_cities(world: World) -> None:
    world.cities.create(a_city())
    world.cities.create(a_city(id=2, slug="porto", name="Porto"))


def wanted(*statuses: EventStatus, **filters: Any) -> EventFilter:
    return EventFilter(statuses or PUBLISHED, **filters)


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


def slugs(found: EventPage) -> list[str]:
    return [json.loads(item)["slug"] for item in found.page.items]


def found_slugs(
    world: World,
    *statuses: EventStatus,
    order: EventOrder = EventOrder.DATE,
    asked: PageRequest | None = None,
    **filters: Any,
) -> list[str]:
    return slugs(world.events.find(wanted(*statuses, **filters), order, asked or page(100)))


def count(world: World, *statuses: EventStatus, **filters: Any) -> int:
    return world.events.find(wanted(*statuses, **filters), EventOrder.DATE, page()).count


def change(world: World, event: str, /, **changes: Any) -> Event:
    """Replace the event of a slug by itself with changes, as the editor does: `updatedAt` moves."""
    before = record_of(world, event)
    described = before.described()
    after = replace(described, updated_at=described.updated_at + timedelta(seconds=1), **changes)
    world.events.replace(before, after)
    return after


def test_ids_are_given_out_once_and_grow(world: World) -> None:
    ids = [world.events.next_id() for _ in range(4)]

    assert ids == sorted(set(ids))
    assert ids[0] > 0


def test_an_event_that_was_stored_is_found_as_it_was_stored(world: World) -> None:
    event = an_event()
    world.events.create(event)

    for consistent in (True, False):
        found = world.events.get("tech-conference", consistent=consistent)
        assert found is not None
        # Where its stock is does not matter.
        assert replace(found, places=0) == EventRecord(
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
    assert count(world, *ALL) == 1


def test_an_event_of_a_city_that_is_not_there_is_not_stored(world: World) -> None:
    with pytest.raises(SlugUnknown):
        world.events.create(an_event(city_slug="atlantis"))

    assert world.events.get("tech-conference") is None
    assert count(world, *ALL) == 0
    assert world.cities.get("atlantis") is None


def test_a_slug_that_is_taken_is_told_before_a_city_that_is_not_there(world: World) -> None:
    world.events.create(an_event())

    with pytest.raises(SlugTaken):
        world.events.create(an_event(city_slug="atlantis"))


def test_events_are_counted_by_their_status(world: World) -> None:
    for number, status in enumerate([EventStatus.DRAFT, *PUBLISHED, *PUBLISHED], start=1):
        world.events.create(an_event(id=number, slug=f"event-{number}x", status=status))

    assert count(world) == 2
    assert count(world, EventStatus.DRAFT, EventStatus.CANCELLED) == 1
    assert count(world, EventStatus.CANCELLED) == 0
    assert count(world, *ALL) == 3


def test_a_citys_published_events_are_counted_with_the_city(world: World) -> None:
    add_days(world, 1, 2)
    world.events.create(an_event(id=9, slug="draft", status=EventStatus.DRAFT))

    assert city_counts(world) == (2, 0)


def city_counts(world: World) -> tuple[int, int]:
    london, porto = world.cities.get("london"), world.cities.get("porto")
    assert london is not None
    assert porto is not None
    return london.published_events, porto.published_events


@pytest.mark.parametrize("descending", [True, False])
def test_events_come_in_order_of_their_date(world: World, descending: bool) -> None:
    add_days(world, 3, 1, 2)

    found = world.events.find(wanted(), EventOrder.DATE, page(descending=descending))

    ascending = ["day-1", "day-2", "day-3"]
    assert slugs(found) == (ascending[::-1] if descending else ascending)
    assert found.page.next_after is None


@pytest.mark.parametrize("order", EventOrder)
def test_events_that_are_equal_in_an_order_come_in_order_of_their_ids(
    world: World, order: EventOrder
) -> None:
    for number in (10, 2, 100):
        world.events.create(an_event(id=number, slug=f"event-{number}x"))

    ascending = found_slugs(world, order=order)
    descending = found_slugs(world, order=order, asked=page(descending=True))

    assert ascending == ["event-2x", "event-10x", "event-100x"]
    assert descending == ascending[::-1]


def add_various(world: World) -> None:
    """Three events that come in another sequence in each order."""
    rows = [
        (1, "b-name", "Ábba", "porto", 20, 3000, "jpy", 7),
        (2, "c-name", "zoo", "london", 30, 2000, "usd", 5),
        (3, "a-name", "Mozart", "london", 10, 1500, "usd", 9),
    ]
    for event_id, slug, name, city, day, price, currency, edited in rows:
        world.events.create(
            an_event(
                id=event_id,
                slug=slug,
                name=name,
                city_slug=city,
                date=NOW + timedelta(days=day),
                price=price,
                currency=currency,
                created_at=NOW - timedelta(days=event_id),
                updated_at=NOW + timedelta(days=edited),
            )
        )


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (EventOrder.DATE, ["a-name", "b-name", "c-name"]),
        (EventOrder.NAME, ["b-name", "a-name", "c-name"]),
        # As clients see the numbers: 15, 20 and 3000.
        (EventOrder.PRICE, ["a-name", "c-name", "b-name"]),
        # Within London by their date.
        (EventOrder.CITY, ["a-name", "c-name", "b-name"]),
        (EventOrder.CREATED_AT, ["a-name", "c-name", "b-name"]),
        (EventOrder.UPDATED_AT, ["c-name", "b-name", "a-name"]),
    ],
)
@pytest.mark.parametrize("filters", [{}, {"words": ("a",)}, {"min_price": Decimal(0)}])
def test_every_order_is_the_same_however_the_list_is_found(
    world: World, order: EventOrder, expected: list[str], filters: dict[str, Any]
) -> None:
    add_various(world)

    assert found_slugs(world, order=order, **filters) == expected
    assert found_slugs(world, order=order, asked=page(descending=True), **filters) == expected[::-1]


@pytest.mark.parametrize("order", EventOrder)
@pytest.mark.parametrize("filters", [{}, {"words": ("a",)}])
def test_a_citys_list_has_every_order(
    world: World, order: EventOrder, filters: dict[str, Any]
) -> None:
    add_various(world)
    everywhere = found_slugs(world, order=order)

    in_london = found_slugs(world, order=order, city_slug="london", **filters)

    assert in_london == [slug for slug in everywhere if slug != "b-name"]


def test_a_list_is_of_its_statuses_and_its_city(world: World) -> None:
    add_days(world, 1)
    add_days(world, 2, city_slug="porto", first_id=2)
    world.events.create(an_event(id=3, slug="draft", status=EventStatus.DRAFT))

    assert found_slugs(world) == ["day-1", "day-2"]
    assert found_slugs(world, city_slug="porto") == ["day-2"]
    assert found_slugs(world, EventStatus.DRAFT, city_slug="london") == ["draft"]
    assert found_slugs(world, *ALL, city_slug="atlantis") == []
    assert set(found_slugs(world, *ALL)) == {"day-1", "day-2", "draft"}


def test_a_page_says_where_the_next_one_begins(world: World) -> None:
    add_days(world, 1, 2, 3)

    first = world.events.find(wanted(), EventOrder.DATE, page(2))
    second = world.events.find(wanted(), EventOrder.DATE, page(2, after=first.page.next_after))

    assert (slugs(first), slugs(second)) == (["day-1", "day-2"], ["day-3"])
    assert first.page.next_after is not None
    assert second.page.next_after is None
    assert first.count == second.count == 3


def test_an_event_added_before_the_place_of_a_page_is_not_in_the_next(world: World) -> None:
    add_days(world, 10, 20, 30)
    first = world.events.find(wanted(), EventOrder.DATE, page(2))
    add_days(world, 5, 25, first_id=10)

    second = world.events.find(wanted(), EventOrder.DATE, page(10, after=first.page.next_after))

    assert slugs(second) == ["day-25", "day-30"]


def test_an_offset_beyond_the_end_is_an_empty_page(world: World) -> None:
    add_days(world, 1)

    found = world.events.find(wanted(), EventOrder.DATE, page(offset=1))

    assert found == EventPage(1, Page((), None))


class TestDates:
    """`since` and `until`, both of the range; the count is of the whole range."""

    @pytest.fixture(autouse=True)
    def _events(self, world: World) -> None:
        moments = {
            "eve": datetime(2027, 6, 14, 23, 59, 59, 999000, tzinfo=UTC),
            "midnight": datetime(2027, 6, 15, tzinfo=UTC),
            "noon": datetime(2027, 6, 15, 12, tzinfo=UTC),
            "late": datetime(2027, 6, 15, 23, 59, 59, 999000, tzinfo=UTC),
            "next": datetime(2027, 6, 16, tzinfo=UTC),
            "after": datetime(2027, 6, 20, 8, tzinfo=UTC),
        }
        for number, (slug, moment) in enumerate(moments.items(), start=1):
            world.events.create(an_event(id=number, slug=slug, date=moment))

    @pytest.mark.parametrize(
        ("since", "until", "expected"),
        [
            ("2027-06-15T00:00", None, ["midnight", "noon", "late", "next", "after"]),
            ("2027-06-15T00:01", None, ["noon", "late", "next", "after"]),
            ("2027-06-15T12:00", None, ["noon", "late", "next", "after"]),
            ("2027-06-15T12:00:00.001", None, ["late", "next", "after"]),
            (None, "2027-06-15T12:00", ["eve", "midnight", "noon"]),
            (None, "2027-06-15T23:59:59.999", ["eve", "midnight", "noon", "late"]),
            ("2027-06-15T00:00", "2027-06-15T23:59:59.999", ["midnight", "noon", "late"]),
            ("2027-06-15T11:00", "2027-06-15T13:00", ["noon"]),
            ("2027-06-15T12:00", "2027-06-15T12:00", ["noon"]),
            ("2027-06-15T13:00", "2027-06-16T00:00", ["late", "next"]),
            ("2027-06-15T13:00", "2027-06-20T08:00", ["late", "next", "after"]),
            ("2027-06-17T13:00", "2027-06-19T08:00", []),
            ("2027-06-20T08:00", "2027-06-15T12:00", []),
            ("2027-06-15T13:00", "2027-06-15T12:00", []),
            (
                "0001-01-01T00:00",
                "9999-12-31T23:59:59.999",
                ["eve", "midnight", "noon", "late", "next", "after"],
            ),
            ("9999-12-31T23:59", None, []),
            (None, "0001-01-01T00:00", []),
        ],
    )
    @pytest.mark.parametrize("city", [None, "london"])
    @pytest.mark.parametrize("order", [EventOrder.DATE, EventOrder.CITY, EventOrder.CREATED_AT])
    def test_a_range_has_its_ends_and_the_right_count(
        self,
        world: World,
        since: str | None,
        until: str | None,
        expected: list[str],
        city: str | None,
        order: EventOrder,
    ) -> None:
        bounds = {
            "since": since and datetime.fromisoformat(since).replace(tzinfo=UTC),
            "until": until and datetime.fromisoformat(until).replace(tzinfo=UTC),
        }

        found = world.events.find(wanted(city_slug=city, **bounds), order, page(100))

        assert slugs(found) == expected
        assert found.count == len(expected)

    @pytest.mark.parametrize("descending", [True, False])
    def test_pages_of_a_range_show_each_event_once(self, world: World, descending: bool) -> None:
        filters = {
            "since": datetime(2027, 6, 15, 0, 1, tzinfo=UTC),
            "until": datetime(2027, 6, 16, 9, tzinfo=UTC),
        }
        seen: list[str] = []
        after: str | None = None
        for _ in range(3):
            asked = page(1, after=after, descending=descending)
            found = world.events.find(wanted(**filters), EventOrder.DATE, asked)
            assert found.count == 3
            seen += slugs(found)
            after = found.page.next_after

        assert after is None
        expected = ["noon", "late", "next"]
        assert seen == (expected[::-1] if descending else expected)

    @pytest.mark.parametrize("after", ["0", "9", "2027-06-15", "~"])
    def test_a_place_outside_of_the_range_is_no_failure(self, world: World, after: str) -> None:
        filters = {
            "since": datetime(2027, 6, 15, tzinfo=UTC),
            "until": datetime(2027, 6, 16, tzinfo=UTC),
        }
        for descending in (True, False):
            asked = page(after=after, descending=descending)
            world.events.find(wanted(**filters), EventOrder.DATE, asked)


class TestPrices:
    """`min_price` and `max_price`, in major units as clients see them, of whatever currency."""

    @pytest.fixture(autouse=True)
    def _events(self, world: World) -> None:
        prices = [
            ("free", 0, "usd"),
            ("ten", 1000, "usd"),
            ("yen", 15, "jpy"),
            ("bhd", 20500, "bhd"),
        ]
        for number, (slug, price, currency) in enumerate(prices, start=1):
            world.events.create(an_event(id=number, slug=slug, price=price, currency=currency))

    @pytest.mark.parametrize(
        ("lowest", "highest", "expected"),
        [
            ("0", None, ["free", "ten", "yen", "bhd"]),
            ("0.01", None, ["ten", "yen", "bhd"]),
            ("10", "15", ["ten", "yen"]),
            ("10.001", "15", ["yen"]),
            ("9.9999", "10.0001", ["ten"]),
            (None, "0", ["free"]),
            (None, "20.5", ["free", "ten", "yen", "bhd"]),
            (None, "20.499", ["free", "ten", "yen"]),
            ("15", "10", []),
            ("99999999.99", None, []),
        ],
    )
    @pytest.mark.parametrize(
        "more", [{}, {"city_slug": "london"}, {"since": NOW}, {"words": ("conference",)}]
    )
    def test_a_range_has_its_ends_and_the_right_count(
        self,
        world: World,
        lowest: str | None,
        highest: str | None,
        expected: list[str],
        more: dict[str, Any],
    ) -> None:
        filters = {
            "min_price": lowest and Decimal(lowest),
            "max_price": highest and Decimal(highest),
            **more,
        }
        found = world.events.find(wanted(**filters), EventOrder.PRICE, page(100))

        assert slugs(found) == expected
        assert found.count == len(expected)


class TestSearch:
    """Words, each of which must begin one of the event's."""

    @pytest.fixture(autouse=True)
    def _events(self, world: World) -> None:
        world.cities.create(a_city(id=3, slug="sao-paulo", name="São Paulo"))
        world.events.create(
            an_event(
                id=1,
                slug="one",
                name="Été du Jazz",
                description="<p>Swing</p><p>Tom &amp; Łucja</p>",
                city_slug="sao-paulo",
                city="São Paulo",
                location="Café Müller",
                organizer_name="Rock'n'Roll e.V.",
            )
        )
        world.events.create(
            an_event(id=2, slug="two", name="Jazzy nights", description="<em>Swinging</em> trio")
        )

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("jazz", ["one", "two"]),
            ("JAZZ", ["one", "two"]),
            ("jazzy", ["two"]),
            ("ete", ["one"]),
            ("ÉTÉ", ["one"]),
            ("azz", []),
            ("jazz swing", ["one", "two"]),
            ("swing jazz trio", ["two"]),
            ("jazz swing opera", []),
            ("sao", ["one"]),
            ("sao-paulo", ["one"]),
            ("paulo muller", ["one"]),
            ("lucja", ["one"]),
            ("łucja", ["one"]),
            ("amp", []),
            ("p", ["one"]),
            ("em", []),
            ("roll rock", ["one"]),
            ("j", ["one", "two"]),
            ("techevents", ["two"]),
            ("tech events", []),
            ("dockside", ["two"]),
            ("london", ["two"]),
        ],
    )
    def test_each_word_must_begin_a_word_of_the_event(
        self, world: World, query: str, expected: list[str]
    ) -> None:
        words = query_words(query)
        found = world.events.find(wanted(words=words), EventOrder.NAME, page(100))

        assert sorted(slugs(found)) == expected
        assert found.count == len(expected)

    def test_a_word_is_found_by_its_first_fifty_characters(self, world: World) -> None:
        world.events.create(an_event(id=3, slug="long", name="x" * 255))

        assert found_slugs(world, words=("x" * 50,)) == ["long"]
        assert found_slugs(world, words=("x" * 49 + "y",)) == []

    def test_a_search_is_of_its_statuses_and_its_city(self, world: World) -> None:
        world.events.create(an_event(id=3, slug="draft", name="Jazz", status=EventStatus.DRAFT))

        assert found_slugs(world, words=("jazz",), city_slug="london") == ["two"]
        assert found_slugs(world, EventStatus.DRAFT, words=("jazz",)) == ["draft"]
        assert len(found_slugs(world, *ALL, words=("jazz",))) == 3

    def test_an_edit_is_found_by_its_new_words_and_not_by_its_old_ones(self, world: World) -> None:
        change(world, "two", name="Opera", price=1)

        assert found_slugs(world, words=("jazz",)) == ["one"]
        assert found_slugs(world, words=("opera",)) == ["two"]
        assert found_slugs(world, words=("trio",)) == ["two"]
        assert found_slugs(world, words=("trio",), max_price=Decimal(1)) == ["two"]

    def test_what_is_deleted_is_found_by_no_word(self, world: World) -> None:
        world.events.delete(record_of(world, "two"))

        assert found_slugs(world, *ALL, words=("jazz",)) == ["one"]
        assert found_slugs(world, *ALL, words=("trio",)) == []

    def test_an_event_under_a_new_slug_is_found_once(self, world: World) -> None:
        change(world, "two", slug="three")

        assert sorted(found_slugs(world, words=("jazz",))) == ["one", "three"]


class TestReplacing:
    """An event described anew."""

    def test_it_is_found_as_it_is_described_now(self, world: World) -> None:
        world.events.create(an_event())

        after = change(world, "tech-conference", name="Another", price=100, currency="eur")

        record = record_of(world, "tech-conference")
        assert record.public == public_event(after)
        assert (record.price, record.currency, record.name) == (100, "eur", "Another")
        assert record.described() == after
        assert found_slugs(world, order=EventOrder.NAME) == ["tech-conference"]

    def test_what_was_changed_in_the_meantime_is_not_overwritten(self, world: World) -> None:
        world.events.create(an_event())
        seen = record_of(world, "tech-conference")
        change(world, "tech-conference", name="First")

        for slug in ("tech-conference", "elsewhere"):
            after = replace(seen.described(), name="Second", slug=slug, updated_at=NOW)
            with pytest.raises(Changed):
                world.events.replace(seen, after)

        assert record_of(world, "tech-conference").name == "First"

    def test_what_was_deleted_in_the_meantime_does_not_come_back(self, world: World) -> None:
        world.events.create(an_event())
        seen = record_of(world, "tech-conference")
        world.events.delete(seen)

        for slug in ("tech-conference", "elsewhere"):
            with pytest.raises(Changed):
                world.events.replace(seen, replace(seen.described(), name="Late", slug=slug))

        assert world.events.get("tech-conference") is None
        assert count(world, *ALL) == 0

    def test_its_seats_stay_held_and_sold(self, world: World) -> None:
        world.events.create(an_event(capacity=10))
        world.orders.place(an_order(quantity=3))

        change(world, "tech-conference", capacity=12)
        record = record_of(world, "tech-conference")
        assert (record.capacity, record.free, record.held) == (12, 9, 3)
        change(world, "tech-conference", capacity=None)
        assert record_of(world, "tech-conference").free == UNLIMITED_SEATS - 3
        change(world, "tech-conference", capacity=3)
        record = record_of(world, "tech-conference")
        assert (record.capacity, record.free, record.held) == (3, 0, 3)

    @pytest.mark.parametrize("slug", ["tech-conference", "elsewhere"])
    @pytest.mark.parametrize("capacity", [10, None])
    def test_there_are_never_fewer_seats_than_are_taken(
        self, world: World, slug: str, capacity: int | None
    ) -> None:
        world.events.create(an_event(capacity=capacity))
        world.orders.place(an_order(quantity=3))

        with pytest.raises(CapacityTooLow):
            change(world, "tech-conference", capacity=2, slug=slug)

        assert record_of(world, "tech-conference").capacity == capacity

    def test_a_new_status_moves_it_from_list_to_list_and_count_to_count(self, world: World) -> None:
        world.events.create(an_event())

        change(world, "tech-conference", status=EventStatus.DRAFT)

        assert (count(world), count(world, EventStatus.DRAFT)) == (0, 1)
        assert found_slugs(world, EventStatus.DRAFT) == ["tech-conference"]
        assert found_slugs(world) == []
        assert city_counts(world) == (0, 0)
        assert count(world, since=NOW) == 0
        assert count(world, EventStatus.DRAFT, since=NOW) == 1

    def test_it_moves_from_city_to_city_with_its_counts(self, world: World) -> None:
        world.events.create(an_event())

        change(world, "tech-conference", city_slug="porto", city="Porto")

        assert city_counts(world) == (0, 1)
        assert found_slugs(world, city_slug="porto") == ["tech-conference"]
        assert found_slugs(world, city_slug="london") == []
        assert count(world, city_slug="porto", since=NOW) == 1
        assert count(world, city_slug="london", since=NOW) == 0

    @pytest.mark.parametrize(("slug", "name"), [("atlantis", "Atlantis"), ("porto", "Oporto")])
    def test_it_does_not_move_to_a_city_that_is_not_as_it_says(
        self, world: World, slug: str, name: str
    ) -> None:
        world.events.create(an_event())

        with pytest.raises(SlugUnknown):
            change(world, "tech-conference", city_slug=slug, city=name)

        assert city_counts(world) == (1, 0)

    def test_a_new_date_moves_it_from_day_to_day(self, world: World) -> None:
        world.events.create(an_event(date=NOW + timedelta(days=1)))

        change(world, "tech-conference", date=NOW + timedelta(days=9))

        assert count(world, until=NOW + timedelta(days=5)) == 0
        assert count(world, since=NOW + timedelta(days=5)) == 1


class TestSlugs:
    """Events under other slugs."""

    @pytest.fixture(autouse=True)
    def _event(self, world: World) -> None:
        world.events.create(an_event(slug="first"))

    def test_both_slugs_lead_to_the_event(self, world: World) -> None:
        change(world, "first", slug="second")

        for slug in ("first", "second"):
            record = record_of(world, slug)
            assert (record.slug, record.former_slugs) == ("second", ("first",))
        assert found_slugs(world) == ["second"]
        assert count(world) == 1

    def test_every_former_slug_leads_to_where_the_event_is_now(self, world: World) -> None:
        for old, new in [("first", "second"), ("second", "third"), ("third", "fourth")]:
            change(world, old, slug=new)

        assert {record_of(world, slug).slug for slug in ("first", "second", "third")} == {"fourth"}
        assert record_of(world, "fourth").former_slugs == ("third", "second", "first")

    def test_an_event_can_go_back_to_a_former_slug(self, world: World) -> None:
        change(world, "first", slug="second")
        change(world, "second", slug="first")

        assert record_of(world, "second").slug == "first"
        assert record_of(world, "first").former_slugs == ("second",)

    def test_a_slug_of_another_event_is_not_to_be_had_even_a_former_one(self, world: World) -> None:
        world.events.create(an_event(id=2, slug="other"))
        change(world, "other", slug="another")

        for slug in ("other", "another"):
            with pytest.raises(SlugTaken):
                change(world, "first", slug=slug)
            with pytest.raises(SlugTaken):
                world.events.create(an_event(id=3, slug=slug))

        assert record_of(world, "first").slug == "first"

    def test_the_oldest_of_many_former_slugs_is_given_up(self, world: World) -> None:
        change(world, "first", slug="slug-0")
        for number in range(11):
            change(world, f"slug-{number}", slug=f"slug-{number + 1}")

        assert world.events.get("first") is None
        assert world.events.get("slug-0") is None
        assert record_of(world, "slug-1").slug == "slug-11"
        assert len(record_of(world, "slug-11").former_slugs) == 10

    def test_the_former_slugs_of_a_deleted_event_are_free_again(self, world: World) -> None:
        change(world, "first", slug="second")

        world.events.delete(record_of(world, "first"))

        assert world.events.get("first") is None
        world.events.create(an_event(id=2, slug="first"))
        assert record_of(world, "first").id == 2

    def test_an_id_leads_to_the_event_wherever_it_is(self, world: World) -> None:
        change(world, "first", slug="second")

        record = world.events.get_by_id(1)
        assert record is not None
        assert record.slug == "second"
        assert world.events.get_by_id(2) is None
        assert world.events.get_by_id(10**30) is None

    def test_seats_move_with_the_event(self, world: World) -> None:
        order = an_order(event_slug="first", quantity=3)
        world.orders.place(order)

        change(world, "first", slug="second", capacity=50)

        record = record_of(world, "second")
        assert (record.free, record.held, record.sold) == (47, 3, 0)


class TestDeleting:
    """Events that are taken away."""

    def test_it_is_gone_with_its_counts(self, world: World) -> None:
        world.events.create(an_event())

        world.events.delete(record_of(world, "tech-conference"))

        assert world.events.get("tech-conference") is None
        assert world.events.get_by_id(1) is None
        assert found_slugs(world, *ALL) == []
        assert count(world, *ALL) == 0
        assert count(world, *ALL, since=NOW) == 0
        assert city_counts(world) == (0, 0)

    def test_it_stays_while_seats_are_held(self, world: World) -> None:
        world.events.create(an_event())
        world.orders.place(an_order())

        with pytest.raises(InUse):
            world.events.delete(record_of(world, "tech-conference"))

        assert count(world) == 1

    def test_it_stays_if_it_was_changed_or_deleted_in_the_meantime(self, world: World) -> None:
        world.events.create(an_event())
        seen = record_of(world, "tech-conference")
        change(world, "tech-conference", name="Another")

        with pytest.raises(Changed):
            world.events.delete(seen)

        assert count(world) == 1
        world.events.delete(record_of(world, "tech-conference"))
        with pytest.raises(Changed):
            world.events.delete(seen)


events_of_a_list = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=3),
        st.sampled_from(EventStatus),
        st.sampled_from(["london", "porto"]),
        st.sampled_from(["Jazz", "Jazzy Rock", "rock Opera", "Öpera"]),
        st.sampled_from([0, 100, 250]),
    ),
    max_size=12,
)
filters_of_a_list = st.fixed_dictionaries(
    {},
    optional={
        "words": st.lists(
            st.sampled_from(["jazz", "rock", "o", "op", "london", "zz"]), min_size=1, max_size=3
        ).map(lambda words: query_words(" ".join(words))),
        "city_slug": st.sampled_from(["london", "porto", "atlantis"]),
        "since": st.integers(min_value=-1, max_value=4).map(lambda day: NOW + timedelta(days=day)),
        "until": st.integers(min_value=-1, max_value=4).map(
            lambda day: NOW + timedelta(days=day, hours=1)
        ),
        "min_price": st.sampled_from([Decimal(0), Decimal(1), Decimal("1.5")]),
        "max_price": st.sampled_from([Decimal(0), Decimal(1), Decimal("2.5")]),
    },
)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    described=events_of_a_list,
    statuses=st.lists(st.sampled_from(EventStatus), min_size=1, max_size=3, unique=True),
    filters=filters_of_a_list,
    order=st.sampled_from(EventOrder),
    limit=st.integers(min_value=1, max_value=5),
    offset=st.integers(min_value=0, max_value=6),
    descending=st.booleans(),
)
def test_the_two_give_the_same_pages_of_any_list(  # noqa: PLR0913, PLR0917 - a query's parts
    both: Both,
    described: list[tuple[int, EventStatus, str, str, int]],
    statuses: list[EventStatus],
    filters: dict[str, Any],
    order: EventOrder,
    limit: int,
    offset: int,
    descending: bool,
) -> None:
    worlds = both.anew()
    for world in worlds:
        add_cities(world)
        for number, (day, status, city_slug, name, price) in enumerate(described, start=1):
            world.events.create(
                an_event(
                    id=number,
                    slug=f"event-{number}x",
                    date=NOW + timedelta(days=day),
                    status=status,
                    city_slug=city_slug,
                    name=name,
                    price=price,
                )
            )

    after: str | None = None
    for _ in range(len(described) + 1):
        asked = PageRequest(limit, offset if after is None else 0, after, descending)
        fake, real = (
            world.events.find(wanted(*statuses, **filters), order, asked) for world in worlds
        )
        assert fake == real
        after = fake.page.next_after
        if after is None:
            break
    assert after is None
