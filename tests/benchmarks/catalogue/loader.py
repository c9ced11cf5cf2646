"""Puts many events into the tables at once: 25 items a call, several processes, no transactions.

What stands in the tables afterwards is what `EventStore.create` leaves; a test compares the two.
"""

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from tqdm import tqdm

from tests.benchmarks.catalogue.items import (
    Item,
    Tally,
    stored_cities,
    stored_days,
    stored_event,
    stored_totals,
    stored_words,
)
from tests.benchmarks.catalogue.made_up import made_up_cities, made_up_event
from tests.benchmarks.catalogue.wire import Wire

# What one BatchWriteItem takes.
_BATCH = 25
# So many events are one process's work at a time.
_PORTION = 250
# The engine is the slower side: more of them would only wait for it.
_PROCESSES = 2

Write = Callable[[str, Sequence[Item]], None]
"""Puts up to 25 items into the table of this name."""


@dataclass(frozen=True)
class Tables:
    """The tables' names."""

    events: str
    cities: str
    index: str


def batch_writer(wire: Wire) -> Write:
    """Return what writes through a connection; raises `RuntimeError` where items are left out."""

    def write(table: str, items: Sequence[Item]) -> None:
        puts = [{"PutRequest": {"Item": item}} for item in items]
        answer = wire.call("BatchWriteItem", {"RequestItems": {table: puts}})
        if answer.get("UnprocessedItems"):
            raise RuntimeError("the engine left items unwritten")

    return write


def write_all(write: Write, table: str, items: Iterable[Item]) -> None:
    """Write any number of items."""
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        write(table, batch)


def load_events(write: Write, tables: Tables, numbers: range, today: datetime) -> Tally:
    """Write the events of these numbers and their words; return the numbers that go with them."""
    tally = Tally()
    events = [made_up_event(number, today) for number in numbers]
    for event in events:
        tally.add(event)
    write_all(write, tables.events, map(stored_event, events))
    write_all(write, tables.index, (entry for event in events for entry in stored_words(event)))
    return tally


def load_numbers(write: Write, tables: Tables, tally: Tally, today: datetime) -> None:
    """Write all that follows from how many events there are."""
    write_all(write, tables.cities, stored_cities(made_up_cities(today), tally))
    write_all(write, tables.events, [stored_totals(tally)])
    write_all(write, tables.index, stored_days(tally))


class Loader:
    """Grows one catalogue, in steps."""

    def __init__(self, url: str, tables: Tables, today: datetime) -> None:
        self._url = url
        self._tables = tables
        self._today = today
        self._tally = Tally()

    def grow_to(self, size: int) -> None:
        """Add events until there are so many; shows how far it is on standard error."""
        loaded = self._tally.events
        with (
            ProcessPoolExecutor(_PROCESSES, multiprocessing.get_context("spawn")) as pool,
            tqdm(desc=f"{size:,} events", total=size, initial=loaded, unit="event") as bar,
        ):
            portions: list[Future[Tally]] = [
                pool.submit(_load_portion, self._url, self._tables, numbers, self._today)
                for numbers in _portions(loaded, size)
            ]
            for portion in as_completed(portions):
                tally = portion.result()
                self._tally.merge(tally)
                bar.update(tally.events)
        wire = Wire(self._url)
        load_numbers(batch_writer(wire), self._tables, self._tally, self._today)
        wire.close()


def _portions(start: int, stop: int) -> list[range]:
    return [range(first, min(first + _PORTION, stop)) for first in range(start, stop, _PORTION)]


def _load_portion(url: str, tables: Tables, numbers: range, today: datetime) -> Tally:
    wire = Wire(url)
    try:
        return load_events(batch_writer(wire), tables, numbers, today)
    finally:
        wire.close()
