"""The bulk loader leaves the tables as the store would have left them."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.benchmarks.catalogue.items import Item, Tally
from tests.benchmarks.catalogue.loader import Tables, Write, load_events, load_numbers, write_all
from tests.benchmarks.catalogue.made_up import (
    QUIET_EVENTS,
    RARE_EVENTS,
    made_up_cities,
    made_up_event,
)
from tests.support.tables import ALL, CITIES, EVENTS, INDEX, MotoTables, moto_tables

TODAY = datetime(2027, 3, 1, tzinfo=UTC)
TABLES = Tables(EVENTS, CITIES, INDEX)
# Some of the city that does not grow, some of others, and some with planted words.
NUMBERS = (range(QUIET_EVENTS - 2, QUIET_EVENTS + 38), RARE_EVENTS[:2])


@pytest.fixture(scope="module")
def tables() -> Iterator[MotoTables]:
    with moto_tables() as made:
        yield made


def writer(tables: MotoTables) -> Write:
    def write(table: str, items: Sequence[Item]) -> None:
        puts = [{"PutRequest": {"Item": item}} for item in items]
        tables.client.batch_write_item(RequestItems={table: puts})

    return write


def contents(tables: MotoTables) -> dict[str, list[str]]:
    """Every item of every table, comparable."""
    return {
        table: sorted(json.dumps(item, sort_keys=True) for item in tables.scan(table))
        for table in ALL
    }


def create_one_by_one(tables: MotoTables) -> None:
    stores = tables.stores
    for city in made_up_cities(TODAY):
        assert stores.cities.next_id() == city.id
        stores.cities.create(city)
    for number in (number for numbers in NUMBERS for number in numbers):
        event = made_up_event(number, TODAY)
        while stores.events.next_id() < event.id:
            pass
        stores.events.create(event)


def load_at_once(tables: MotoTables) -> None:
    tally = Tally()
    for numbers in NUMBERS:
        tally.merge(load_events(writer(tables), TABLES, numbers, TODAY))
    load_numbers(writer(tables), TABLES, tally, TODAY)


def test_the_loader_leaves_other_items_than_the_store(tables: MotoTables) -> None:
    tables.empty()
    create_one_by_one(tables)
    expected = contents(tables)
    tables.empty()

    load_at_once(tables)

    loaded = contents(tables)
    for table in ALL:
        assert loaded[table] == expected[table]
    assert len(loaded[INDEX]) > 20 * len(loaded[EVENTS])


def test_the_events_that_are_compared_are_all_alike() -> None:
    events = [made_up_event(number, TODAY) for numbers in NUMBERS for number in numbers]

    assert len({event.status for event in events}) > 1
    assert len({event.city_slug for event in events}) > 5
    assert {event.capacity is None for event in events} == {True, False}


def test_an_item_is_left_out_between_batches() -> None:
    batches: list[list[Item]] = []

    def write(table: str, items: Sequence[Item]) -> None:
        assert table == EVENTS
        batches.append(list(items))

    items: list[dict[str, Any]] = [{"slug": {"S": str(number)}} for number in range(51)]
    write_all(write, EVENTS, items)

    assert [len(batch) for batch in batches] == [25, 25, 1]
    assert [item for batch in batches for item in batch] == items
