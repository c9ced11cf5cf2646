"""The made-up catalogue has as many of the planted events as the benchmark says, at every size."""

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.event_facts import event_words
from chalicelib.domain.events import Event, EventStatus
from chalicelib.domain.slugs import is_slug
from tests.benchmarks.catalogue.made_up import (
    BUSY_CITY,
    FREQUENT_WORD,
    QUIET_CITY,
    QUIET_EVENTS,
    RARE_PREFIX,
    RARE_WORD,
    made_up_cities,
    made_up_event,
)

TODAY = datetime(2027, 3, 1, tzinfo=UTC)
SIZE = 2_000


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return [made_up_event(number, TODAY) for number in range(SIZE)]


def test_a_rare_word_is_in_more_or_fewer_than_ten_events(events: list[Event]) -> None:
    found = [event for event in events if RARE_WORD in event_words(event)]

    assert len(found) == 10
    assert all(FREQUENT_WORD in event_words(event) for event in found)
    assert {event.city_slug for event in found} == {BUSY_CITY}
    assert {event.status for event in found} == {EventStatus.PUBLISHED}


def test_a_made_up_word_begins_like_the_planted_one(events: list[Event]) -> None:
    having = [
        event
        for event in events
        if any(word.startswith(RARE_PREFIX) for word in event_words(event))
    ]

    assert len(having) == 10


def test_the_quiet_city_grows(events: list[Event]) -> None:
    quiet = [event for event in events if event.city_slug == QUIET_CITY]

    assert len(quiet) == QUIET_EVENTS
    assert quiet == events[:QUIET_EVENTS]


def test_the_busy_city_has_another_share_than_a_tenth(events: list[Event]) -> None:
    busy = [event for event in events if event.city_slug == BUSY_CITY]

    assert SIZE / 12 < len(busy) < SIZE / 8


def test_a_frequent_word_is_rare(events: list[Event]) -> None:
    having = [event for event in events if FREQUENT_WORD in event_words(event)]

    assert len(having) > SIZE / 6


def test_events_are_no_events_that_the_api_would_take(events: list[Event]) -> None:
    cities = {city.slug: city.name for city in made_up_cities(TODAY)}

    assert len(cities) == 40
    assert len({event.slug for event in events}) == SIZE
    for event in events:
        assert is_slug(event.slug)
        assert cities[event.city_slug] == event.city
        assert abs(event.date - TODAY) < timedelta(days=367)
        words = event.description.removeprefix("<p>").removesuffix(".</p>").split()
        assert 15 <= len(words) <= 43


def test_the_same_event_is_made_up_differently_in_another_process() -> None:
    event = made_up_event(777, TODAY)

    assert event == made_up_event(777, TODAY)
    assert (event.id, event.slug) == (778, event.slug)
