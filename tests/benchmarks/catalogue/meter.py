"""What a piece of work costs: what it asks of DynamoDB, and the processor's time."""

import http
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from pynamodb.connection.base import Connection

from tests.benchmarks.catalogue.cases import Send, Steps
from tests.benchmarks.catalogue.units import read_units
from tests.support.lambda_api import Answer

MOST_REPEATS = 15
_ENOUGH_SECONDS = 2.0
_WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})


@dataclass
class Exchange:
    """One request to DynamoDB: what it was at, what it costs in read units by the published rules,
    how many bytes answered it, and what the engine says that it costs.
    """

    operation: str
    target: str
    read_units: float
    answer_bytes: int = 0
    engine_units: float | None = None

    @property
    def is_write(self) -> bool:
        """Whether it is paid in write units."""
        return self.operation in _WRITES


@dataclass(frozen=True)
class Cost:
    """What a request of the API asks of DynamoDB. `found` is how many a list says that there are,
    or None.
    """

    exchanges: Sequence[Exchange]
    found: int | None

    @property
    def calls(self) -> list[str]:
        """The operations, in order."""
        return [exchange.operation for exchange in self.exchanges]

    @property
    def read_units(self) -> float:
        """Read units, by the published rules."""
        return sum(exchange.read_units for exchange in self.exchanges)

    @property
    def write_units(self) -> float:
        """Write units, as the engine counts them."""
        return sum(exchange.engine_units or 0 for exchange in self.exchanges if exchange.is_write)

    @property
    def answer_bytes(self) -> int:
        """How much DynamoDB answered."""
        return sum(exchange.answer_bytes for exchange in self.exchanges)

    @property
    def miscounted(self) -> int:
        """How many reads the engine counts otherwise than the published rules do."""
        return sum(
            exchange.engine_units != exchange.read_units
            for exchange in self.exchanges
            if not exchange.is_write
        )

    def by_call(self) -> str:
        """Say what each read costs."""
        return " + ".join(
            f"{exchange.target} {exchange.read_units:g}"
            for exchange in self.exchanges
            if not exchange.is_write
        )


class Meter:
    """Records what a connection sends and gets."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_weighing = False
        self.exchanges: list[Exchange] = []
        self.last_body: dict[str, Any] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Record meanwhile."""
        events = self._connection.client.meta.events
        events.register_first("before-send.dynamodb", self._sent)
        events.register_first("after-call.dynamodb", self._answered)
        try:
            yield
        finally:
            events.unregister("before-send.dynamodb", self._sent)
            events.unregister("after-call.dynamodb", self._answered)

    @contextmanager
    def weighing(self) -> Iterator[None]:
        """Ask the store without its being recorded."""
        self._is_weighing = True
        try:
            yield
        finally:
            self._is_weighing = False

    def _sent(self, event_name: str, request: AWSPreparedRequest, **_: Any) -> None:
        """Weigh what a request is about to read, as it is at this moment."""
        if self._is_weighing:
            return
        operation, body = event_name.rsplit(".", 1)[-1], json.loads(request.body)
        self.last_body = body
        with self.weighing():
            units = read_units(self._connection.dispatch, operation, body)
        self.exchanges.append(Exchange(operation, _target(body), units))

    def _answered(self, http_response: AWSResponse, parsed: dict[str, Any], **_: Any) -> None:
        if not self._is_weighing:
            self.exchanges[-1].answer_bytes = len(http_response.content)
            self.exchanges[-1].engine_units = _consumed(parsed)


def measure(connection: Connection, steps: Steps) -> Cost:
    """Send the request once and return what it asked of DynamoDB."""
    meter = Meter(connection)
    _sent(steps.before)
    with meter.running():
        answer = _sent(steps.send)
    _sent(steps.after)
    return Cost(meter.exchanges, _found(answer))


def cpu_ms(steps: Steps) -> float:
    """Return the median processor time of the request in milliseconds, over several times."""
    taken: list[float] = []
    begun = time.monotonic()
    while len(taken) < MOST_REPEATS:
        _sent(steps.before)
        before = time.process_time()
        _sent(steps.send)
        taken.append((time.process_time() - before) * 1000)
        _sent(steps.after)
        if time.monotonic() > begun + _ENOUGH_SECONDS:
            break
    return statistics.median(taken)


def _sent(send: Send | None) -> Answer | None:
    """Send a request; raises `RuntimeError` where it is refused."""
    answer = None if send is None else send()
    if answer is not None and answer.status >= http.HTTPStatus.BAD_REQUEST:
        raise RuntimeError(f"a measured request was refused: {answer.status} {answer.text}")
    return answer


def _found(answer: Answer | None) -> int | None:
    """Return how many an answer says that there are, where it is a list."""
    if answer is None or not answer.text.startswith("{"):
        return None
    count: int | None = answer.json.get("count")
    return count


def _target(body: dict[str, Any]) -> str:
    """Return the table or index that a request is at; a batch or a transaction names its tables in
    another place.
    """
    tables = body.get("RequestItems", {})
    return str(body.get("IndexName") or body.get("TableName") or "+".join(tables))


def _consumed(parsed: dict[str, Any]) -> float | None:
    """Return the units of an answer; some operations tell them by table."""
    told = parsed.get("ConsumedCapacity")
    if not told:
        return None
    parts = told if isinstance(told, list) else [told]
    return float(sum(part["CapacityUnits"] for part in parts))
