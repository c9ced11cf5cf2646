"""`AuditTrail`, and what the other stores add to it: the fake and the real one behave alike."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.audit import DATABASE, AuditEntry, Subject, SubjectKind
from chalicelib.errors import Changed, EventsApiError, InUse, SlugTaken, SlugUnknown
from chalicelib.services.port_types import AuditQuery
from tests.support.audited_writes import (
    SLUG,
    WRITES,
    Write,
    entry,
    found,
    open_shop,
    rename,
    stored,
)
from tests.support.builders import NOW, a_city, an_entry, an_event
from tests.support.order_steps import noted, paid
from tests.support.store_worlds import World


class TestFinding:
    @pytest.fixture
    def filled(self, world: World) -> World:
        """Nine entries, about an event and a city in turn, every third by another admin."""
        for number in range(9):
            subject = Subject.city(1, "london") if number % 2 else Subject.event(1, SLUG)
            actor = "user_2" if number % 3 == 0 else "user_1"
            world.audit_trail.record(entry(number, subject=subject, actor=actor))
        return world

    @pytest.mark.parametrize("limit", [1, 2, 4, 9, 100])
    def test_all_of_it_comes_latest_first_and_once_on_pages_of_any_size(
        self, filled: World, limit: int
    ) -> None:
        assert found(filled, limit) == [8, 7, 6, 5, 4, 3, 2, 1, 0]

    @pytest.mark.parametrize("limit", [1, 2, 100])
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"subject": "event#1"}, [8, 6, 4, 2, 0]),
            ({"subject": "city#1"}, [7, 5, 3, 1]),
            ({"subject": "event#2"}, []),
            ({"actor": "user_2"}, [6, 3, 0]),
            ({"actor": "nobody"}, []),
            ({"subject": "event#1", "actor": "user_1"}, [8, 4, 2]),
            ({"subject": "order#1", "actor": "user_1"}, []),
            ({"since": NOW + timedelta(minutes=6)}, [8, 7, 6]),
            ({"until": NOW + timedelta(minutes=2)}, [2, 1, 0]),
            ({"since": NOW + timedelta(minutes=2), "until": NOW + timedelta(minutes=3)}, [3, 2]),
            ({"since": NOW + timedelta(minutes=3), "until": NOW + timedelta(minutes=2)}, []),
            ({"subject": "event#1", "until": NOW + timedelta(minutes=3)}, [2, 0]),
            ({"actor": "user_2", "since": NOW + timedelta(minutes=1)}, [6, 3]),
        ],
    )
    def test_a_filter_finds_its_entries_and_no_others(
        self, filled: World, query: dict[str, Any], expected: list[int], limit: int
    ) -> None:
        assert found(filled, limit, **query) == expected

    def test_entries_of_the_same_moment_are_all_there(self, world: World) -> None:
        for number in range(5):
            world.audit_trail.record(
                an_entry(token=f"{number:016x}", request_id=f"req-{number}", subject=DATABASE)
            )
        assert found(world, 2) == [4, 3, 2, 1, 0]
        assert found(world, until=NOW) == [4, 3, 2, 1, 0]

    def test_an_entry_that_was_added_while_pages_are_read_shifts_none(self, filled: World) -> None:
        first = filled.audit_trail.find(AuditQuery(4))
        filled.audit_trail.record(entry(20))
        second = filled.audit_trail.find(AuditQuery(100, first.next_after))
        numbers = [json.loads(text)["requestId"] for text in second.items]
        assert numbers == [f"req-{number}" for number in (4, 3, 2, 1, 0)]

    def test_an_entry_is_shown_as_it_was_made(self, world: World) -> None:
        made = entry(1, details={"note": "Zürich"})
        world.audit_trail.record(made)
        [text] = world.audit_trail.find(AuditQuery(1)).items
        assert text == made.public


class TestNaming:
    def test_a_slug_leads_to_what_had_it_last(self, world: World) -> None:
        for number, subject in enumerate(
            [
                Subject.event(1, "gala"),
                Subject.event(1, "ball"),
                Subject.event(2, "gala"),
                Subject.city(7, "gala"),
            ]
        ):
            world.audit_trail.record(entry(number, subject=subject))
        named = world.audit_trail.subject_named
        assert named(SubjectKind.EVENT, "gala") == "event#2"
        assert named(SubjectKind.EVENT, "ball") == "event#1"
        assert named(SubjectKind.CITY, "gala") == "city#7"
        assert named(SubjectKind.CITY, "ball") is None


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_a_write_leaves_the_entry_that_it_was_given(world: World, write: Write) -> None:
    open_shop(world)
    write(world, entry(1))
    assert found(world) == [1]


def late_event(world: World, noted_as: AuditEntry) -> None:
    before = world.events.get(SLUG, consistent=True)
    assert before is not None
    rename(world, entry(0), price=1)
    after = replace(before.described(), updated_at=NOW + timedelta(minutes=1), price=2)
    world.events.replace(before, after, noted_as)


def late_order(world: World, noted_as: AuditEntry, *, moves_seats: bool) -> None:
    order = stored(world)
    world.orders.replace(order, noted(order), entry(0))
    world.orders.replace(order, paid(order) if moves_seats else noted(order), noted_as)


REFUSED: dict[str, tuple[Write, type[EventsApiError], list[int]]] = {
    "slug taken": (
        lambda world, noted_as: world.events.create(an_event(id=2), noted_as),
        SlugTaken,
        [],
    ),
    "no such city": (
        lambda world, noted_as: world.events.create(
            an_event(id=2, slug="two", city_slug="nowhere"), noted_as
        ),
        SlugUnknown,
        [],
    ),
    "too late": (late_event, Changed, [0]),
    "sold": (
        lambda world, noted_as: world.events.delete(
            world.events.get(SLUG, consistent=True),  # type: ignore[arg-type] # it is there
            noted_as,
        ),
        InUse,
        [],
    ),
    "city taken": (
        lambda world, noted_as: world.cities.create(a_city(id=2), noted_as),
        SlugTaken,
        [],
    ),
    "order and seats": (
        lambda world, noted_as: late_order(world, noted_as, moves_seats=True),
        Changed,
        [0],
    ),
    "order alone": (
        lambda world, noted_as: late_order(world, noted_as, moves_seats=False),
        Changed,
        [0],
    ),
}


@pytest.mark.parametrize(("write", "raised", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_a_write_that_is_refused_leaves_none(
    world: World, write: Write, raised: type[EventsApiError], expected: list[int]
) -> None:
    open_shop(world)
    with pytest.raises(raised):
        write(world, entry(1))
    assert found(world) == expected


def test_of_many_new_events_each_that_is_stored_leaves_its_entry(world: World) -> None:
    open_shop(world)
    events = [an_event(id=2, slug="two"), an_event(id=3), an_event(id=4, slug="four")]
    refusals = world.events.create_many(events, [entry(number) for number in (2, 3, 4)])
    assert [type(refusal) for refusal in refusals] == [type(None), SlugTaken, type(None)]
    assert found(world) == [4, 2]


def test_changes_that_nobody_asked_for_leave_none(world: World) -> None:
    open_shop(world)
    world.orders.replace(stored(world), paid(stored(world)))
    world.events.create_many([an_event(id=2, slug="two")])
    assert found(world) == []
