"""Many new events in DynamoDB: as many calls as it takes, and what a failure leaves behind.

A writer is killed at each of its calls in turn; counts and searches must be right at once, and
everything as if nothing had happened once the same events were given again.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.clock import utc_now
from chalicelib.domain.event_facts import EventOrder, event_words, id_text
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import Event, EventStatus
from chalicelib.domain.text import query_words
from chalicelib.errors import EventsApiError, SlugTaken, Unavailable
from chalicelib.services.port_types import PageRequest
from chalicelib.store import Stores, event_batches, word_index
from chalicelib.store.models import IndexEntryModel
from chalicelib.store.word_index import MARKS
from chalicelib.store.writing import write_many
from tests.support.builders import NOW, a_city, an_entry, an_event
from tests.support.tables import CITIES, EVENTS, INDEX, MotoTables
from tests.support.traffic import Traffic, cancelled, refusal

ALL = tuple(EventStatus)
WORDS = ("jazz", "opera", "london", "porto", "word3")


class Killed(BaseException):
    """The process has ended; nothing catches it."""


@pytest.fixture(autouse=True)
def _cities(tables: MotoTables) -> None:
    add_cities(tables)


def add_cities(tables: MotoTables) -> None:
    tables.stores.cities.create(a_city())
    tables.stores.cities.create(a_city(id=2, slug="porto", name="Porto"))


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Lets time pass for those who look at marks."""
    passed = [timedelta()]
    for module in (word_index, event_batches):
        monkeypatch.setattr(module, "utc_now", lambda: utc_now() + passed[0])

    def wait(duration: timedelta) -> None:
        passed[0] += duration

    return wait


def many(count: int) -> list[Event]:
    """Events of which no two share a day: the most that a transaction has to change."""
    words = " ".join(f"word{number}" for number in range(8))
    return [
        an_event(
            id=number,
            slug=f"event-{number}",
            name="Jazz" if number % 2 else "Opera",
            description=words,
            city_slug="porto" if number % 3 else "london",
            status=ALL[number % 3],
            date=NOW + timedelta(days=number),
        )
        for number in range(1, count + 1)
    ]


def stored(tables: MotoTables) -> list[Event]:
    slugs = [item["slug"]["S"] for item in tables.scan(EVENTS) if "public" in item]
    return [record.described() for record in tables.stores.events.get_many(slugs).values()]


def numbers(tables: MotoTables) -> dict[tuple[str, str], int]:
    """Every number that is kept of events and is not zero."""
    found = {
        ("totals", name): int(value["N"])
        for name, value in tables.item(EVENTS, "#totals").items()
        if name not in {"slug", "lastId"}
    }
    for city in ("london", "porto"):
        item = tables.item(CITIES, city)
        found |= {(city, status): int(item[f"{status.value}Events"]["N"]) for status in ALL}
    found |= {
        (item["term"]["S"], item["entry"]["S"]): int(item["events"]["N"])
        for item in tables.scan(INDEX)
        if "events" in item
    }
    return {place: number for place, number in found.items() if number}


def expected_numbers(events: list[Event]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for event in events:
        day, status = event.date.date().isoformat(), event.status
        for place in (
            ("totals", status.value),
            (event.city_slug, status),
            (f"days#{status.value}", day),
            (f"days#{status.value}#{event.city_slug}", day),
        ):
            found[place] = found.get(place, 0) + 1
    return found


def marks(tables: MotoTables) -> list[str]:
    return sorted(item["entry"]["S"] for item in tables.scan(INDEX) if item["term"]["S"] == MARKS)


def assert_nothing_shows(tables: MotoTables) -> None:
    """Check that counts and searches are of just those events that are stored."""
    events = stored(tables)
    assert numbers(tables) == expected_numbers(events)
    for word in WORDS:
        wanted = EventFilter(ALL, words=query_words(word))
        page = tables.stores.events.find(wanted, EventOrder.DATE, PageRequest(100, 0, None, False))
        assert page.count == sum(wanted.finds(event_words(event)) for event in events)


def contents_of_single_creates(tables: MotoTables, events: list[Event]) -> dict[str, list[str]]:
    tables.empty()
    add_cities(tables)
    for event in events:
        tables.stores.events.create(event)
    contents = tables.contents()
    tables.empty()
    add_cities(tables)
    return contents


@pytest.mark.parametrize("count", [1, 19, 45])
def test_many_events_leave_what_as_many_single_ones_leave(tables: MotoTables, count: int) -> None:
    expected = contents_of_single_creates(tables, many(count))

    assert tables.stores.events.create_many(many(count)) == [None] * count

    assert tables.contents() == expected
    assert marks(tables) == []


def test_a_transaction_of_events_that_share_nothing_is_within_dynamodbs_limit(
    tables: MotoTables, traffic: Traffic
) -> None:
    slugs = [f"city-{number}" for number in range(16)]
    for number, slug in enumerate(slugs):
        tables.stores.cities.create(a_city(id=9 + number, slug=slug, name=slug))
    events = [
        replace(event, city_slug=slug, city=slug)
        for event, slug in zip(many(16), slugs, strict=True)
    ]
    entries = [an_entry(id=f"{event.slug}") for event in events]
    traffic.forget()

    assert tables.stores.events.create_many(events, entries) == [None] * 16

    sizes = [
        len(call.body["TransactItems"])
        for call in traffic.calls
        if call.operation == "TransactWriteItems"
    ]
    # The events, and later their marks.
    assert sizes == [97, 16]


def test_twenty_events_take_two_transactions_and_not_twenty(
    stores: Stores, traffic: Traffic
) -> None:
    stores.events.create_many(many(20))

    operations = traffic.operations()
    # Each with another for the marks.
    assert operations.count("TransactWriteItems") == 4
    assert "DeleteItem" not in operations


def test_a_city_by_two_names_costs_another_transaction_and_not_the_right_ones(
    stores: Stores,
) -> None:
    events = many(6)
    events[0] = replace(events[0], city="Oporto")

    refusals = stores.events.create_many(events)

    assert [refusal is None for refusal in refusals] == [False, *([True] * 5)]


def test_a_conflict_that_passes_is_tried_again(
    tables: MotoTables, traffic: Traffic, no_pauses: list[float]
) -> None:
    traffic.answer("TransactWriteItems", cancelled("TransactionConflict", "None"))

    assert tables.stores.events.create_many(many(3)) == [None] * 3
    assert_nothing_shows(tables)


def test_events_that_somebody_else_adds_first_cost_the_others_nothing(
    tables: MotoTables, traffic: Traffic
) -> None:
    events = many(10)

    def be_faster() -> None:
        tables.stores.events.create(events[3])

    traffic.first("TransactWriteItems", be_faster)

    refusals = tables.stores.events.create_many(events)

    assert [type(found) for found in refusals if found] == [SlugTaken]
    assert isinstance(refusals[3], SlugTaken)
    assert len(stored(tables)) == 10
    assert_nothing_shows(tables)
    assert marks(tables) == []


def test_where_the_store_fails_nothing_more_is_tried(
    tables: MotoTables, traffic: Traffic, no_pauses: list[float]
) -> None:
    def fail() -> None:
        traffic.refuse("TransactWriteItems", lambda: refusal("InternalServerError", status=500))

    traffic.first("TransactWriteItems", lambda: None)
    traffic.first("TransactWriteItems", fail, then=refusal("InternalServerError", status=500))

    refusals = tables.stores.events.create_many(many(60))

    assert [type(found) for found in refusals] == [type(None)] * 16 + [Unavailable] * 44
    assert len(stored(tables)) == 16
    assert_nothing_shows(tables)


@pytest.mark.parametrize("operation", ["BatchWriteItem", "delete"])
def test_events_are_stored_even_if_their_words_cannot_be(
    tables: MotoTables,
    traffic: Traffic,
    monkeypatch: pytest.MonkeyPatch,
    no_pauses: list[float],
    operation: str,
) -> None:
    if operation == "delete":

        def fail(*_: object) -> None:
            raise Unavailable("no")

        monkeypatch.setattr(tables.stores.events._batches, "_remove", fail)
    else:
        traffic.refuse(operation, lambda: refusal("InternalServerError", status=500))

    assert tables.stores.events.create_many(many(3)) == [None] * 3

    assert marks(tables) == [id_text(number) for number in (1, 2, 3)]
    assert_nothing_shows(tables)


def test_a_slow_writer_gives_up_before_another_may_take_its_marks_over(
    tables: MotoTables, later: Callable[[timedelta], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(*args: Any) -> None:
        later(timedelta(seconds=21))
        write_many(*args)

    monkeypatch.setattr(event_batches, "write_many", slowly)

    tables.stores.events.create_many(many(5))

    assert len(marks(tables)) == 5
    assert_nothing_shows(tables)


@pytest.mark.parametrize("taken", [[2], [1, 2, 3]])
def test_a_mark_that_was_taken_over_is_left_to_who_took_it(
    tables: MotoTables, traffic: Traffic, taken: list[int]
) -> None:
    index = tables.stores.events._words

    def take_over() -> None:
        for mark in index.marks():
            assert mark.event_id not in taken or index.take_over(mark) is not None

    traffic.first("BatchWriteItem", take_over)

    tables.stores.events.create_many(many(3))

    assert marks(tables) == [id_text(event_id) for event_id in taken]


def test_an_id_that_is_marked_already_is_not_written_over(
    tables: MotoTables, traffic: Traffic
) -> None:
    index = tables.stores.events._words
    assert index.leave(2, "event-2", frozenset({"other"})) is not None

    refusals = tables.stores.events.create_many(many(3))

    assert [type(found) for found in refusals] == [type(None), Unavailable, type(None)]
    item = IndexEntryModel.get(MARKS, id_text(2), consistent_read=True)
    assert item.words == "other"


@contextmanager
def killed_from(stores: Stores, number: int, *, after_effect: bool) -> Iterator[None]:
    """End the process at its call of this number: no thread of it sends anything after that."""
    counter = itertools.count()
    moment = "after-call.dynamodb" if after_effect else "before-send.dynamodb"

    def kill(**_: Any) -> None:
        if next(counter) >= number:
            raise Killed

    events = stores.orders._connection.client.meta.events
    events.register_first(moment, kill)
    try:
        yield
    finally:
        events.unregister(moment, kill)


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_writer_that_is_killed_leaves_nothing_half_done(
    tables: MotoTables,
    later: Callable[[timedelta], None],
    monkeypatch: pytest.MonkeyPatch,
    after_effect: bool,
) -> None:
    monkeypatch.setattr(event_batches, "_TOGETHER", 3)
    events = many(7)
    expected = contents_of_single_creates(tables, events)
    for number in itertools.count():
        tables.empty()
        add_cities(tables)
        try:
            with killed_from(tables.stores, number, after_effect=after_effect):
                tables.stores.events.create_many(events)
        except Killed:
            assert_nothing_shows(tables)
            give_again(tables, events)
            later(timedelta(minutes=1))
            finish_words(tables)
            assert tables.contents() == expected
        else:
            break
    # Three transactions, at least as many batches of entries, three more for the marks.
    assert number >= 9


def give_again(tables: MotoTables, events: list[Event]) -> None:
    there = {event.slug for event in stored(tables)}

    refusals = tables.stores.events.create_many(events)

    def is_right(event: Event, refusal: EventsApiError | None) -> bool:
        return isinstance(refusal, SlugTaken) if event.slug in there else refusal is None

    assert all(map(is_right, events, refusals))
    assert_nothing_shows(tables)


def finish_words(tables: MotoTables) -> None:
    for event_id in tables.stores.abandoned_words.event_ids():
        assert tables.stores.abandoned_words.finish(event_id)
