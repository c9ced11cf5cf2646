"""`python -m tests.benchmarks.backups`: backs up and restores a made-up stage on a DynamoDB, and
writes its row of figures into `docs/backup.md`.
"""

import argparse
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

from chalicelib.domain.orders import HistoryEntry, OrderStatus
from chalicelib.store.order_items import order_item
from tests.benchmarks.catalogue.engines import engine
from tests.benchmarks.catalogue.loader import Loader, Tables, batch_writer, write_all
from tests.benchmarks.catalogue.made_up import made_up_event, start_of_day
from tests.benchmarks.catalogue.wire import Wire
from tests.conftest import ENVIRONMENT, TABLES
from tests.support.backups import OneStage, a_stage
from tests.support.builders import an_order
from tests.support.dynoxide import EngineMissing
from tests.support.seeding import LONG_AGO

_REPORT = Path("docs/backup.md")
_MARK = "<!-- Written by `make bench-backup`. -->"


@dataclass(frozen=True)
class Figures:
    """What one run came to; seconds and bytes."""

    items: int
    written: int
    bytes: int
    backup: float
    restore: float
    memory: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write the figures; 1 without an engine."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.backups", description=__doc__)
    parser.add_argument("--events", type=int, default=2_000)
    parser.add_argument("--orders", type=int, default=20_000)
    chosen = parser.parse_args(arguments)
    os.environ.update(ENVIRONMENT)
    try:
        with engine() as running, tempfile.TemporaryDirectory() as folder:
            os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = running.url
            client = boto3.client("dynamodb", endpoint_url=running.url)
            stage, other = OneStage("dev", client, TABLES), a_stage(client, "dev", "New")
            load(running.url, chosen.events, chosen.orders)
            figures = measure(stage, other, Path(folder) / "a.jsonl.gz")
            client.close()
    except EngineMissing as missing:
        sys.stderr.write(f"{missing}\n")
        return 1
    write_report(_REPORT, section(figures, chosen.events, chosen.orders, running.name))
    return 0


def load(url: str, events: int, orders: int) -> None:
    """Fill the tables: events with their words, and orders of the first hundred events."""
    today = start_of_day(datetime.now(UTC))
    names = Tables(TABLES["EventsTable"], TABLES["CitiesTable"], TABLES["IndexTable"])
    Loader(url, names, today).grow_to(events)
    wire = Wire(url)
    write_all(batch_writer(wire), TABLES["OrdersTable"], _orders(orders, today))
    wire.close()


def _orders(count: int, today: datetime) -> Iterator[dict[str, Any]]:
    events = [
        event
        for event in (made_up_event(number, today) for number in range(100))
        if event.capacity is None or event.capacity > count
    ]
    if not events:
        events = [replace(made_up_event(0, today), capacity=None)]
    for number in range(count):
        event = events[number % len(events)]
        order = an_order(
            id=f"01JZX5K7Q8M9N0P1R2S{number:07d}",
            event_id=event.id,
            event_slug=event.slug,
            session_id=f"cs_test_{number}",
            status=OrderStatus.PAID,
            tickets=(f"{number:016d}", f"{number + 1:016d}"),
            customer_email=f"buyer-{number}@mail.example",
            payment_intent_id=f"pi_{number}",
            created_at=LONG_AGO,
            updated_at=LONG_AGO,
            paid_at=LONG_AGO,
            due_at=None,
            history=(
                HistoryEntry(LONG_AGO, OrderStatus.PENDING, "checkout"),
                HistoryEntry(LONG_AGO, OrderStatus.PAID, "evt_1"),
            ),
        )
        item: dict[str, Any] = order_item(order).serialize()
        yield item


def measure(stage: OneStage, other: OneStage, path: Path) -> Figures:
    """Back up one stage, without its grace, and restore it into the other."""
    begun = time.monotonic()
    saved = stage.save(path)
    backup = time.monotonic() - begun
    begun = time.monotonic()
    outcome = other.restore(path)
    assert not outcome.missing
    return Figures(
        items=sum(saved.counts.values()),
        written=sum(outcome.written.values()),
        bytes=path.stat().st_size,
        backup=backup,
        restore=time.monotonic() - begun,
        memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def section(figures: Figures, events: int, orders: int, engine_name: str) -> str:
    """Return the figures as the page has them."""
    load = os.getloadavg()[0]
    processor = f"{os.cpu_count()} cores, {platform.machine()}, load average {load:.0f}"
    command = f"python -m tests.benchmarks.backups --events {events} --orders {orders}"
    return f"""{_MARK}

Measured on {datetime.now(UTC):%Y-%m-%d} with `{command}`, on
{engine_name} and Python {platform.python_version()} ({processor}; engine, command
and whatever else runs share them):

| | |
|---|---|
| in the stage | {events:,} events, {orders:,} orders |
| items in the file | {figures.items:,} |
| the file | {figures.bytes / 1e6:,.1f} MB |
| backup, with reading the file again | {figures.backup:,.0f} s (and `GRACE`) |
| restore: looking at it, {figures.written:,} writes, comparing | {figures.restore:,.0f} s |
| memory at the most | {figures.memory / 1e6:,.0f} MB |
"""


def write_report(path: Path, text: str) -> None:
    """Put the figures in the place of those before, at the page's end."""
    page = path.read_text()
    path.write_text(page.partition(_MARK)[0].rstrip() + "\n\n" + text)
    sys.stdout.write(text)


if __name__ == "__main__":
    sys.exit(main())
