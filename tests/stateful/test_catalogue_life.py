"""Cities and events under any sequence of edits, each of which may be interrupted by another one or
end in the middle: after the timer has run, everything fits together again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chalicelib.domain.events import EventStatus
from chalicelib.errors import EventsApiError
from chalicelib.store import word_index
from tests.support.catalogue_world import CatalogueWorld
from tests.support.killing import Killed, happening_at, kill
from tests.support.tables import MotoTables, moto_tables

CITY_IDS, EVENTS = (1, 2), 3

Edit = Callable[[CatalogueWorld], None]


@dataclass(frozen=True)
class Step:
    """An edit and, at one of its calls, another edit, or the end of the process."""

    name: str
    edit: Edit
    at_call: int = -1
    meanwhile: "Step | None" = None
    after_effect: bool = False

    def __repr__(self) -> str:
        if self.at_call < 0:
            return self.name
        what = "killed" if self.meanwhile is None else repr(self.meanwhile)
        when = "after" if self.after_effect else "before"
        return f"{self.name} ({what} {when} call {self.at_call})"

    def take(self, world: CatalogueWorld) -> None:
        """Make the edit; that it is refused is as good an outcome as any."""
        try:
            if self.at_call < 0:
                self.edit(world)
            else:
                self._take_interrupted(world)
        except EventsApiError:
            pass
        except Killed:
            # What the dead process was at may be taken over by then.
            world.wait()

    def _take_interrupted(self, world: CatalogueWorld) -> None:
        other = self.meanwhile
        action = kill if other is None else lambda: other.take(world)
        with happening_at(world.stores, self.at_call, action, after_effect=self.after_effect):
            self.edit(world)


def city_change(**changes: Any) -> Callable[[int], Step]:
    return lambda city_id: Step(
        f"city {city_id}: {changes}", lambda world: world.change_city(city_id, **changes)
    )


def event_step(name: str, edit: Callable[[CatalogueWorld, int], object]) -> Callable[[int], Step]:
    def on_nth(place: int) -> Step:
        def act(world: CatalogueWorld) -> None:
            ids = sorted(event.id for event in world.stored_events())
            if ids:
                edit(world, ids[place % len(ids)])

        return Step(f"event {place}: {name}", act)

    return on_nth


def event_change(**changes: Any) -> Callable[[int], Step]:
    return event_step(str(changes), lambda world, event_id: world.change_event(event_id, **changes))


def added(status: EventStatus, city_slug: str) -> Step:
    def act(world: CatalogueWorld) -> None:
        world.add_event(city_slug, status)

    return Step(f"add to {city_slug}", act)


def deleted_city(city_id: int) -> Step:
    def act(world: CatalogueWorld) -> None:
        world.cities.delete(world.city_slug(city_id), None, "user_1")

    return Step(f"delete city {city_id}", act)


NAMES = st.sampled_from(["London", "LONDON", "Londinium", "Porto"])
SLUGS = st.sampled_from(["london", "londinium", "porto", "oporto"])
STATUSES = st.sampled_from([EventStatus.DRAFT, EventStatus.PUBLISHED])
CITY = st.sampled_from(CITY_IDS)
EVENT = st.integers(0, EVENTS - 1)

city_steps = st.builds(
    lambda make, city: make(city),
    st.one_of(
        st.builds(lambda name: city_change(name=name), NAMES),
        st.builds(lambda slug: city_change(slug=slug), SLUGS),
        st.builds(lambda name, slug: city_change(name=name, slug=slug), NAMES, SLUGS),
    ),
    CITY,
)
event_steps = st.builds(
    lambda make, event: make(event),
    st.one_of(
        st.builds(lambda price: event_change(price=price), st.integers(1, 5)),
        st.builds(lambda status: event_change(status=status), STATUSES),
        st.builds(lambda slug: event_change(city_slug=slug), SLUGS),
        st.builds(
            lambda name: event_change(slug=name, name=name), st.sampled_from(["jazz", "opera"])
        ),
        st.just(event_step("delete", lambda world, event_id: world.delete_event(event_id))),
    ),
    EVENT,
)
other_steps = st.one_of(
    st.builds(added, STATUSES, SLUGS),
    st.builds(deleted_city, CITY),
    st.just(Step("timer", lambda world: world.tick())),
)
plain_steps = st.one_of(city_steps, city_steps, event_steps, other_steps)


def interrupted(step: Step, at_call: int, meanwhile: Step | None, after_effect: bool) -> Step:
    return Step(step.name, step.edit, at_call, meanwhile, after_effect and meanwhile is None)


steps = st.one_of(
    plain_steps,
    st.builds(interrupted, plain_steps, st.integers(0, 12), st.none() | plain_steps, st.booleans()),
)


@pytest.fixture(scope="module")
def shared_tables() -> Iterator[MotoTables]:
    with moto_tables() as tables:
        yield tables


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sequence=st.lists(steps, min_size=1, max_size=6))
@example(
    # A status change between the two looks at a city moves an event to where nobody looks any more.
    sequence=[
        interrupted(
            city_change(name="Londinium")(1),
            5,
            event_change(status=EventStatus.DRAFT)(0),
            after_effect=False,
        )
    ]
)
def test_after_the_timer_every_event_shows_its_city_and_every_number_is_right(
    shared_tables: MotoTables, monkeypatch: pytest.MonkeyPatch, sequence: list[Step]
) -> None:
    # Who meets another writer at the same event gives up at once: here nobody else goes on.
    monkeypatch.setattr(word_index, "_PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(word_index, "_PAUSE_SECONDS", 0.0)
    shared_tables.empty()
    world = CatalogueWorld(shared_tables, monkeypatch)
    for name in ("London", "Porto"):
        world.add_city(name)
    for number in range(EVENTS):
        world.add_event("london", EventStatus.PUBLISHED if number else EventStatus.DRAFT)

    for step in sequence:
        step.take(world)
    world.settle()

    world.assert_all_fits()
    assert world.log.names("crash") == []
