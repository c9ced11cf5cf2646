"""`RenameStore`: the fake and the real one behave alike."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.events import EventStatus
from chalicelib.services.port_types import EventInCity, Rename
from tests.support.builders import NOW, a_city, an_event
from tests.support.store_worlds import World


@pytest.fixture(autouse=True)
def _cities(world: World) -> None:
    world.cities.create(a_city())
    world.cities.create(a_city(id=2, slug="porto", name="Porto"))


def rename(world: World, slug: str, name: str) -> Rename:
    """Give a city another name; returns what is left to do."""
    before = world.cities.get(slug, consistent=True)
    assert before is not None
    city = before.described()
    later = city.updated_at + timedelta(seconds=1)
    world.cities.replace(before, replace(city, name=name, updated_at=later))
    return next(item for item in world.renames.pending() if item.city_id == city.id)


def add(world: World, number: int, *, minutes: int = 0, status: str = "published") -> None:
    world.events.create(
        an_event(
            id=number,
            slug=f"event-{number}",
            status=EventStatus(status),
            updated_at=NOW + timedelta(minutes=minutes),
        )
    )


def slugs(world: World, city_slug: str = "london") -> list[str]:
    return [event.slug for event in world.renames.events_of(city_slug)]


def test_each_city_has_one_thing_left_to_do(world: World) -> None:
    renames = [rename(world, "london", "Londinium"), rename(world, "porto", "Oporto")]

    assert sorted(world.renames.pending(), key=lambda item: item.city_id) == renames


def test_a_later_change_takes_the_place_of_an_earlier_one(world: World) -> None:
    first = rename(world, "london", "Londinium")
    second = rename(world, "london", "Lundenwic")

    assert world.renames.pending() == [second]
    assert second.token != first.token
    assert second.since > first.since


def test_what_is_done_is_forgotten_and_a_later_change_is_not(world: World) -> None:
    first = rename(world, "london", "Londinium")
    second = rename(world, "london", "Lundenwic")

    world.renames.remove(first)
    assert world.renames.pending() == [second]

    world.renames.remove(second)
    world.renames.remove(second)
    assert world.renames.pending() == []


def test_the_events_of_a_city_show_what_they_call_it(world: World) -> None:
    add(world, 1)
    world.events.create(an_event(id=2, slug="elsewhere", city_slug="porto"))
    rename(world, "london", "Londinium")

    assert list(world.renames.events_of("london")) == [EventInCity("event-1", "London", "london")]
    assert slugs(world, "porto") == ["elsewhere"]
    assert slugs(world, "atlantis") == []


def test_events_of_every_status_come_by_their_last_change(world: World) -> None:
    add(world, 1, minutes=3)
    add(world, 2, minutes=1)
    add(world, 3, minutes=2)
    add(world, 4, status="draft")
    add(world, 5, status="cancelled")

    found = slugs(world)

    assert sorted(found) == [f"event-{number}" for number in range(1, 6)]
    assert [slug for slug in found if slug[-1] in "123"] == ["event-2", "event-3", "event-1"]


def test_an_event_that_is_changed_meanwhile_comes_once_more(world: World) -> None:
    add(world, 1, minutes=1)
    add(world, 2, minutes=2)
    events = world.renames.events_of("london")
    seen = [next(events).slug]

    for slug in ("event-1", "event-2"):
        record = world.events.get(slug, consistent=True)
        assert record is not None
        later = NOW + timedelta(minutes=5)
        world.events.replace(record, replace(record.described(), updated_at=later))
    seen += [event.slug for event in events]

    assert seen[0] == "event-1"
    assert {"event-1", "event-2"} <= set(seen[1:])


def test_more_events_than_are_read_at_a_time_all_come(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.store.renames._PAGE", 5)
    for number in range(1, 18):
        add(world, number, minutes=number % 7)

    found = slugs(world)

    assert len(found) == len(set(found)) == 17
