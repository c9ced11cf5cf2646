"""`EventStore`'s ways with many events at once: the fake and the real one behave alike."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.events import Event, EventStatus, new_record
from chalicelib.errors import SlugTaken, SlugUnknown
from chalicelib.store import reading
from tests.support.builders import NOW, a_city, an_event
from tests.support.store_worlds import World


@pytest.fixture(autouse=True)
def _cities(world: World) -> None:
    world.cities.create(a_city())
    world.cities.create(a_city(id=2, slug="porto", name="Porto"))


def many(count: int, first: int = 1) -> list[Event]:
    """Events of two cities, three statuses and many days."""
    return [
        an_event(
            id=number,
            slug=f"event-{number}",
            city_slug="porto" if number % 3 else "london",
            status=tuple(EventStatus)[number % 3],
            date=NOW + timedelta(days=number),
        )
        for number in range(first, first + count)
    ]


def published(world: World, slug: str) -> int:
    entry = world.cities.get(slug)
    assert entry is not None
    return entry.published_events


def test_ids_that_are_taken_together_are_nobody_elses(world: World) -> None:
    ids = [world.events.next_id(), *world.events.next_ids(5), *world.events.next_ids(1)]

    assert sorted(set(ids)) == ids
    assert len(ids) == 7
    assert world.events.next_id() > ids[-1]


@pytest.mark.parametrize("count", [0, 1, 19, 20, 45])
def test_each_of_many_events_is_stored_as_it_would_be_alone(world: World, count: int) -> None:
    events = many(count)

    assert list(world.events.create_many(events)) == [None] * count

    for event in events:
        assert world.events.get(event.slug, consistent=True) == new_record(event)
    ours = [event for event in events if event.status is EventStatus.PUBLISHED]
    for slug in ("london", "porto"):
        expected = sum(event.city_slug == slug for event in ours)
        assert published(world, slug) == expected


def test_what_stands_in_the_way_of_one_event_stands_in_the_way_of_no_other(world: World) -> None:
    world.events.create(an_event(id=90, slug="event-2"))
    events = many(25)
    events[4] = replace(events[4], city_slug="atlantis", city="Atlantis")
    events[7] = replace(events[7], city="Oporto")

    refusals = world.events.create_many(events)

    kinds = {place: type(found) for place, found in enumerate(refusals) if found is not None}
    assert kinds == {1: SlugTaken, 4: SlugUnknown, 7: SlugUnknown}
    assert str(refusals[1]) == "an event with the slug event-2 exists already"
    kept = world.events.get("event-2", consistent=True)
    assert kept is not None
    assert kept.id == 90
    stored = world.events.get_many(event.slug for event in events)
    assert set(stored) == {event.slug for event in events} - {"event-5", "event-8"}


def test_a_former_slug_is_taken_for_many_as_for_one(world: World) -> None:
    world.events.create(an_event(id=90, slug="old"))
    before = world.events.get("old", consistent=True)
    assert before is not None
    moment = NOW + timedelta(seconds=1)
    world.events.replace(before, replace(before.described(), slug="new", updated_at=moment))

    (refusal,) = world.events.create_many([an_event(id=91, slug="old")])

    assert isinstance(refusal, SlugTaken)


def test_many_events_are_found_by_the_slugs_they_have_or_had(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_BATCH", 10)
    world.events.create_many(many(30))
    before = world.events.get("event-7", consistent=True)
    assert before is not None
    moment = NOW + timedelta(seconds=1)
    world.events.replace(before, replace(before.described(), slug="seven", updated_at=moment))

    found = world.events.get_many([*(event.slug for event in many(30)), "seven", "nowhere"])

    assert len(found) == 31
    assert found["event-7"] == found["seven"]
    assert found["seven"].slug == "seven"
    assert json.loads(found["event-30"].public)["id"] == 30


def test_nothing_is_found_where_nothing_is_looked_for(world: World) -> None:
    assert world.events.get_many([]) == {}
