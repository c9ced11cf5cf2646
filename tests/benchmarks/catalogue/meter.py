"""What a piece of work costs: what it asks of DynamoDB, and the processor's time."""

import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from pynamodb.connection.base import Connection

from tests.benchmarks.catalogue.units import read_units

_MOST_REPEATS = 15
_ENOUGH_SECONDS = 2.0
_WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})


@dataclass
class Exchange:
    """One request to DynamoDB, how many bytes answered it, and what the engine says it costs."""

    operation: str
    body: dict[str, Any]
    answer_bytes: int = 0
    engine_units: float | None = None


@dataclass(frozen=True)
class Cost:
    """What a request of the API costs. `cpu_ms` is the median of several."""

    calls: tuple[str, ...]
    read_units: float
    write_units: float
    answer_bytes: int
    cpu_ms: float = 0.0
    miscounted: tuple[str, ...] = field(default=())
    """Reads that the engine counts otherwise than the published rules do."""


@contextmanager
def exchanges(connection: Connection) -> Iterator[list[Exchange]]:
    """Record what a connection sends and gets."""
    seen: list[Exchange] = []

    def ask(params: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"

    def sent(event_name: str, request: AWSPreparedRequest, **_: Any) -> None:
        seen.append(Exchange(event_name.rsplit(".", 1)[-1], json.loads(request.body or b"{}")))

    def answered(http_response: AWSResponse, parsed: dict[str, Any], **_: Any) -> None:
        seen[-1].answer_bytes = len(http_response.content)
        seen[-1].engine_units = _consumed(parsed)

    events = connection.client.meta.events
    handlers = {
        "provide-client-params.dynamodb": ask,
        "before-send.dynamodb": sent,
        "after-call.dynamodb": answered,
    }
    for name, handler in handlers.items():
        events.register_first(name, handler)
    try:
        yield seen
    finally:
        for name, handler in handlers.items():
            events.unregister(name, handler)


def measure(connection: Connection, work: Callable[[], object]) -> Cost:
    """Do the work once and return what it asked of DynamoDB."""
    with exchanges(connection) as seen:
        work()
    reads = [exchange for exchange in seen if exchange.operation not in _WRITES]
    by_rule = [read_units(connection.dispatch, read.operation, read.body) for read in reads]
    return Cost(
        calls=tuple(exchange.operation for exchange in seen),
        read_units=sum(by_rule),
        write_units=sum(
            exchange.engine_units or 0.0 for exchange in seen if exchange.operation in _WRITES
        ),
        answer_bytes=sum(exchange.answer_bytes for exchange in seen),
        miscounted=tuple(
            f"{read.operation}: {read.engine_units}, by the rules {units}"
            for read, units in zip(reads, by_rule, strict=True)
            if read.engine_units != units
        ),
    )


def cpu_ms(work: Callable[[], object]) -> float:
    """Return the median processor time of the work in milliseconds, over several times."""
    taken: list[float] = []
    begun = time.monotonic()
    while len(taken) < _MOST_REPEATS:
        before = time.process_time()
        work()
        taken.append((time.process_time() - before) * 1000)
        if time.monotonic() > begun + _ENOUGH_SECONDS:
            break
    return statistics.median(taken)


def _consumed(parsed: dict[str, Any]) -> float | None:
    """Return the units of an answer; some operations tell them by table."""
    told = parsed.get("ConsumedCapacity")
    if not told:
        return None
    parts = told if isinstance(told, list) else [told]
    return float(sum(part["CapacityUnits"] for part in parts))
