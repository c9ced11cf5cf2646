"""`NewsMarker`: the fake and the real one behave alike."""

from datetime import timedelta

from chalicelib.services.port_types import NewsMark, TroubledEvent
from tests.support.builders import NOW
from tests.support.store_worlds import World


def test_at_first_there_is_no_mark(world: World) -> None:
    assert world.news_marker.get() == NewsMark()


def test_the_last_mark_holds_to_the_millisecond(world: World) -> None:
    world.news_marker.put(NewsMark(NOW))
    later = NewsMark(NOW + timedelta(seconds=5, milliseconds=123))
    world.news_marker.put(later)
    assert world.news_marker.get() == later


def test_events_in_trouble_are_kept_and_forgotten_with_the_mark(world: World) -> None:
    later = NOW + timedelta(milliseconds=1)
    troubled = tuple(TroubledEvent(f"evt_{number}", NOW, later) for number in range(50))
    world.news_marker.put(NewsMark(NOW, troubled))
    assert world.news_marker.get() == NewsMark(NOW, troubled)
    world.news_marker.put(NewsMark(later))
    assert world.news_marker.get() == NewsMark(later)


def test_trouble_before_anything_was_handled_is_kept(world: World) -> None:
    mark = NewsMark(troubled=(TroubledEvent("evt_1", NOW, NOW),))
    world.news_marker.put(mark)
    assert world.news_marker.get() == mark


def test_a_mark_is_no_order(world: World) -> None:
    world.news_marker.put(NewsMark(NOW))
    assert world.orders.get("#undelivered-news") is None
