"""`NewsMarker`: the fake and the real one behave alike."""

from datetime import timedelta

from tests.support.builders import NOW
from tests.support.store_worlds import World


def test_at_first_there_is_no_mark(world: World) -> None:
    assert world.news_marker.get() is None


def test_the_last_mark_holds_to_the_millisecond(world: World) -> None:
    world.news_marker.put(NOW)
    later = NOW + timedelta(seconds=5, milliseconds=123)
    world.news_marker.put(later)
    assert world.news_marker.get() == later


def test_a_mark_is_no_order(world: World) -> None:
    world.news_marker.put(NOW)
    assert world.orders.get("#undelivered-news") is None
