"""`CancellationStore`, and how an event's change to cancelled notes it: the fakes and the real
stores behave alike.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.events import Event, EventStatus
from chalicelib.errors import Changed
from chalicelib.services.port_types import Cancellation
from tests.support.builders import NOW, a_city, an_event
from tests.support.store_worlds import World

LATER = NOW + timedelta(hours=1)


def change(world: World, known_as: str, **changes: Any) -> Event:
    before = world.events.get(known_as, consistent=True)
    assert before is not None
    after = replace(before.described(), updated_at=LATER, **changes)
    world.events.replace(before, after)
    return after


@pytest.fixture(autouse=True)
def _events(world: World) -> None:
    world.cities.create(a_city())
    world.events.create(an_event())
    world.events.create(an_event(id=2, slug="another", status=EventStatus.DRAFT))


def test_nothing_is_left_to_do_where_nothing_was_cancelled(world: World) -> None:
    change(world, "tech-conference", name="Renamed")
    change(world, "another", slug="moved")
    assert world.cancellations.pending() == []


@pytest.mark.parametrize("moved_to", ["tech-conference", "moved"])
def test_a_cancelled_event_is_noted_with_its_time(world: World, moved_to: str) -> None:
    change(world, "tech-conference", status=EventStatus.CANCELLED, slug=moved_to)
    assert world.cancellations.pending() == [Cancellation(1, LATER)]


def test_a_draft_that_is_cancelled_is_noted_too(world: World) -> None:
    change(world, "another", status=EventStatus.CANCELLED)
    assert world.cancellations.pending() == [Cancellation(2, LATER)]


def test_several_are_noted_side_by_side(world: World) -> None:
    change(world, "tech-conference", status=EventStatus.CANCELLED)
    change(world, "another", status=EventStatus.CANCELLED)
    assert {one.event_id for one in world.cancellations.pending()} == {1, 2}


def test_what_is_done_is_forgotten_and_stays_so_when_it_is_done_again(world: World) -> None:
    change(world, "tech-conference", status=EventStatus.CANCELLED)
    change(world, "another", status=EventStatus.CANCELLED)
    done = Cancellation(1, LATER)
    world.cancellations.remove(done)
    world.cancellations.remove(done)
    assert world.cancellations.pending() == [Cancellation(2, LATER)]


@pytest.mark.parametrize("changes", [{"name": "Renamed"}, {"slug": "moved"}])
def test_another_change_of_a_cancelled_event_does_not_note_it_again(
    world: World, changes: dict[str, Any]
) -> None:
    change(world, "tech-conference", status=EventStatus.CANCELLED)
    world.cancellations.remove(Cancellation(1, LATER))
    before = world.events.get("tech-conference", consistent=True)
    assert before is not None
    later = LATER + timedelta(seconds=1)
    world.events.replace(before, replace(before.described(), updated_at=later, **changes))
    assert world.cancellations.pending() == []


@pytest.mark.parametrize("slug", ["tech-conference", "moved"])
def test_a_change_that_is_refused_notes_nothing(world: World, slug: str) -> None:
    before = world.events.get("tech-conference", consistent=True)
    assert before is not None
    change(world, "tech-conference", name="Renamed")
    cancelled = replace(
        before.described(),
        slug=slug,
        status=EventStatus.CANCELLED,
        updated_at=LATER + timedelta(seconds=1),
    )
    with pytest.raises(Changed):
        world.events.replace(before, cancelled)
    assert world.cancellations.pending() == []
