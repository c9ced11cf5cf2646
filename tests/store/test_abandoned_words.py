"""Finishing what a writer left: whatever has become of the event since."""

from datetime import timedelta

import pytest

from chalicelib.domain.events import EventStatus
from chalicelib.store.word_index import Mark
from tests.support.catalogue_world import CatalogueWorld
from tests.support.killing import is_killed_at
from tests.support.tables import MotoTables

# The event and, by its id, its slug are read; then comes the transaction, then the words.
AFTER_THE_TRANSACTION = 3


@pytest.fixture
def world(tables: MotoTables, monkeypatch: pytest.MonkeyPatch) -> CatalogueWorld:
    world = CatalogueWorld(tables, monkeypatch)
    world.add_city("London")
    world.add_event("london", EventStatus.PUBLISHED)
    return world


def abandon(world: CatalogueWorld, **changes: str) -> int:
    """Have the event's writer die once the event is written; returns the event's id."""
    (event,) = world.stored_events()
    assert is_killed_at(
        world.stores,
        AFTER_THE_TRANSACTION,
        lambda: world.change_event(event.id, **changes),
        after_effect=False,
    )
    return event.id


def test_a_writer_that_may_still_be_at_it_is_left_alone(world: CatalogueWorld) -> None:
    event_id = abandon(world, name="Jazz")

    assert world.stores.abandoned_words.event_ids() == []
    assert not world.stores.abandoned_words.finish(event_id)


@pytest.mark.parametrize("changes", [{"name": "Jazz"}, {"slug": "jazz", "name": "Jazz"}])
def test_an_event_is_found_by_what_was_written_last(
    world: CatalogueWorld, changes: dict[str, str]
) -> None:
    event_id = abandon(world, **changes)
    world.wait()

    assert world.stores.abandoned_words.event_ids() == [event_id]
    assert world.stores.abandoned_words.finish(event_id)

    assert world.stores.abandoned_words.event_ids() == []
    world.assert_all_fits()


def test_what_is_finished_is_not_finished_again(world: CatalogueWorld) -> None:
    event_id = abandon(world, name="Jazz")
    world.wait()
    world.stores.abandoned_words.finish(event_id)

    assert not world.stores.abandoned_words.finish(event_id)
    assert not world.stores.abandoned_words.finish(999)


@pytest.mark.parametrize("is_succeeded", [True, False])
def test_an_event_that_is_gone_is_found_no_more(world: CatalogueWorld, is_succeeded: bool) -> None:
    (event,) = world.stored_events()
    assert is_killed_at(
        world.stores,
        AFTER_THE_TRANSACTION,
        lambda: world.delete_event(event.id),
        after_effect=False,
    )
    assert world.stored_events() == []
    if is_succeeded:
        # Another event has the slug by now: its words are not the first one's.
        other = world.add_event("london", EventStatus.PUBLISHED)
        world.change_event(other, slug=event.slug, name="Opera")
    world.wait()

    assert world.stores.abandoned_words.finish(event.id)

    world.assert_all_fits()


def test_two_timers_do_not_finish_the_same_event(
    world: CatalogueWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    event_id = abandon(world, name="Jazz")
    world.wait()
    words = world.stores.abandoned_words._words
    abandoned = words.mark_of(event_id)
    assert abandoned is not None
    taken: Mark | None = words.take_over(abandoned)
    assert taken is not None
    monkeypatch.setattr(type(words), "mark_of", lambda _, __: abandoned)

    assert not world.stores.abandoned_words.finish(event_id)

    assert [mark.token for mark in words.marks()] == [taken.token]
    world.wait(timedelta(minutes=2))
    assert world.stores.abandoned_words.event_ids() == [event_id]
