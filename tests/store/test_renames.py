"""A city's new name in DynamoDB: whoever dies on the way, every event shows it in the end."""

import itertools
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.event_facts import EventOrder
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import EventStatus
from chalicelib.errors import Unavailable
from chalicelib.services.port_types import PageRequest, Rename
from chalicelib.store import Stores
from chalicelib.store.renames import RENAMES
from tests.support.builders import NOW
from tests.support.catalogue_world import CatalogueWorld
from tests.support.killing import is_killed_at
from tests.support.tables import INDEX, MotoTables
from tests.support.traffic import Traffic, refusal

CHANGES: dict[str, dict[str, Any]] = {
    "name": {"name": "Londinium"},
    "slug": {"slug": "londinium"},
    "both": {"name": "Londinium", "slug": "londinium"},
    "letter case": {"name": "LONDON"},
}
STATUSES = (EventStatus.PUBLISHED, EventStatus.DRAFT)
# Before it, the city is read, changed, and read again.
LOOKS_FOR_EVENTS = 3


@pytest.fixture
def world(tables: MotoTables, monkeypatch: pytest.MonkeyPatch) -> CatalogueWorld:
    return make_world(tables, monkeypatch)


def make_world(tables: MotoTables, monkeypatch: pytest.MonkeyPatch) -> CatalogueWorld:
    tables.empty()
    world = CatalogueWorld(tables, monkeypatch)
    world.add_city("London")
    for days, status in enumerate(STATUSES, start=1):
        world.add_event("london", status, days)
    world.wait()
    return world


def count(stores: Stores, **wanted: Any) -> int:
    page = PageRequest(10, 0, None, descending=False)
    found = stores.events.find(EventFilter(tuple(EventStatus), **wanted), EventOrder.DATE, page)
    assert len(found.page.items) == found.count
    return found.count


@pytest.mark.parametrize("name", CHANGES)
def test_every_list_search_and_number_follows(world: CatalogueWorld, name: str) -> None:
    wanted = {"name": "London", "slug": "london"} | CHANGES[name]
    world.change_city(1, **CHANGES[name])

    assert world.shown() == {(wanted["name"], wanted["slug"])}
    assert count(world.stores, city_slug=wanted["slug"]) == 2
    assert count(world.stores, words=(wanted["name"].lower(),)) == 2
    world.settle()
    world.assert_all_fits()


@pytest.mark.parametrize(("name", "after_effect"), [("name", True), ("both", False)])
def test_a_rename_that_is_killed_at_any_call_is_finished_by_the_timer_or_was_never_made(
    tables: MotoTables, monkeypatch: pytest.MonkeyPatch, name: str, after_effect: bool
) -> None:
    wanted = {"name": "London", "slug": "london"} | CHANGES[name]
    ends = []
    for number in itertools.count():
        world = make_world(tables, monkeypatch)
        if not is_killed_at(
            world.stores,
            number,
            lambda: world.change_city(1, **CHANGES[name]),  # noqa: B023 - done before the next turn
            after_effect=after_effect,
        ):
            break
        is_made = bool(world.stores.renames.pending())
        world.settle()
        world.assert_all_fits()
        assert world.shown() == (
            {(wanted["name"], wanted["slug"])} if is_made else {("London", "london")}
        )
        ends.append(is_made)
    # The city is read, then changed; from then on there is something to be finished.
    assert ends == sorted(ends)
    assert ends.count(True) > 10
    assert False in ends


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_timer_that_is_killed_at_any_call_is_followed_by_one_that_finishes(
    tables: MotoTables, monkeypatch: pytest.MonkeyPatch, after_effect: bool
) -> None:
    for number in itertools.count():
        world = make_world(tables, monkeypatch)
        assert is_killed_at(
            world.stores,
            LOOKS_FOR_EVENTS,
            lambda: world.change_city(1, **CHANGES["both"]),  # noqa: B023 - done before the next turn
            after_effect=False,
        )
        assert world.shown() == {("London", "london")}
        if not is_killed_at(world.stores, number, world.settle, after_effect=after_effect):
            break
        world.settle()
        world.assert_all_fits()
        assert world.shown() == {("Londinium", "londinium")}
    assert number > 20


def test_what_is_left_to_do_stands_in_the_index(world: CatalogueWorld, tables: MotoTables) -> None:
    world.change_city(1, slug="londinium")

    (item,) = (item for item in tables.scan(INDEX) if item["term"]["S"] == RENAMES)
    (rename,) = world.stores.renames.pending()
    assert item == {
        "term": {"S": RENAMES},
        "entry": {"S": "000000000001"},
        "slug": {"S": "londinium"},
        "since": {"S": rename.since.isoformat(timespec="milliseconds").replace("+00:00", "Z")},
        "token": {"S": rename.token},
    }


def test_events_are_read_some_at_a_time(
    world: CatalogueWorld, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.store.renames._PAGE", 1)

    assert len(list(world.stores.renames.events_of("london"))) == 2

    # Of each status up to the page that is empty.
    assert [call.body["Limit"] for call in traffic.calls] == [1] * 5
    assert {call.body["IndexName"] for call in traffic.calls} == {"in_city_by_updated"}


def test_the_store_that_is_down_is_told_as_such(stores: Stores, traffic: Traffic) -> None:
    for operation in ("Query", "DeleteItem"):
        traffic.refuse(operation, lambda: refusal("AccessDeniedException"))

    with pytest.raises(Unavailable):
        stores.renames.pending()
    with pytest.raises(Unavailable):
        list(stores.renames.events_of("london"))
    with pytest.raises(Unavailable):
        stores.renames.remove(Rename(1, "london", NOW, "token"))


def test_a_name_that_changes_back_leaves_events_that_never_followed_as_they_are(
    world: CatalogueWorld,
) -> None:
    before = world.stored_events()
    assert is_killed_at(
        world.stores,
        LOOKS_FOR_EVENTS,
        lambda: world.change_city(1, name="Londinium"),
        after_effect=False,
    )
    world.wait(timedelta(seconds=1))
    world.change_city(1, name="London")

    assert world.stored_events() == before
    world.settle()
    world.assert_all_fits()
