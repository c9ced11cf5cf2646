"""Counts what a piece of work asks of others: of DynamoDB with its units, of Stripe, and of AWS's
other services.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.endpoint import Endpoint
from pynamodb.connection.base import Connection

from tests.benchmarks.budgets.write_units import Item, Table, Target, tables, targets, written
from tests.benchmarks.catalogue.meter import Meter
from tests.conftest import TABLES

DYNAMODB = "dynamodb"


@dataclass(frozen=True)
class Count:
    """What a piece of work asked of others. Operations are in the order in which they were first
    asked for; units are by DynamoDB's published rules, write units by table and index.
    """

    operations: Mapping[str, int]
    read_units: float
    written: Mapping[str, float]
    stripe: Mapping[str, int] = field(default_factory=dict)
    others: Mapping[str, int] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """How many requests DynamoDB got."""
        return sum(self.operations.values())

    @property
    def write_units(self) -> float:
        """Write units in all."""
        return sum(self.written.values())

    @property
    def stripe_calls(self) -> int:
        """How many requests Stripe got."""
        return sum(self.stripe.values())


class UnitMeter(Meter):
    """A meter that reckons write units too, by looking at each item before and after it is
    written. `engine_write_units` is what the engine says of the same writes.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._tables: Mapping[str, Table] = tables(TABLES)
        self._waiting: list[tuple[Target, Item | None]] = []
        self.written: Counter[str] = Counter()

    @property
    def engine_write_units(self) -> float:
        """Write units as the engine counts them."""
        return sum(one.engine_units or 0 for one in self.exchanges if one.is_write)

    def _sent(self, event_name: str, request: AWSPreparedRequest, **_: Any) -> None:
        super()._sent(event_name, request)
        if self._is_weighing:
            return
        operation = event_name.rsplit(".", 1)[-1]
        wanted = targets(operation, self.last_body, self._tables)
        self._waiting = [(target, self._item(target)) for target in wanted]

    def _answered(self, http_response: AWSResponse, parsed: dict[str, Any], **_: Any) -> None:
        super()._answered(http_response, parsed)
        if self._is_weighing:
            return
        waiting, self._waiting = self._waiting, []
        for target, before in waiting:
            after = self._item(target)
            self.written.update(written(target, self._tables[target.table], before, after))

    def _item(self, target: Target) -> Item | None:
        body = {"TableName": target.table, "Key": target.key, "ConsistentRead": True}
        with self.weighing():
            found: Item | None = self._connection.dispatch("GetItem", body).get("Item")
        return found


def count(
    connection: Connection,
    work: Callable[[], object],
    stripe_calls: Callable[[], list[str]] = list,
    others: Callable[[], Mapping[str, int]] = dict,
) -> Count:
    """Do something and return what it asked of others. `stripe_calls` tells every call of Stripe so
    far, `others` what else was asked for meanwhile that no AWS client sends.
    """
    meter, before = UnitMeter(connection), len(stripe_calls())
    with meter.running(), other_services() as called:
        work()
    return Count(
        operations=dict(Counter(one.operation for one in meter.exchanges)),
        read_units=sum(one.read_units for one in meter.exchanges),
        written=dict(sorted(meter.written.items())),
        stripe=dict(Counter(map(_kind, stripe_calls()[before:]))),
        others=dict(called) | dict(others()),
    )


@contextmanager
def other_services() -> Iterator[Counter[str]]:
    """Count the requests to AWS's other services, as `service Operation`."""
    found: Counter[str] = Counter()
    make_request = Endpoint.make_request

    def counted(endpoint: Endpoint, operation_model: Any, request: Any) -> Any:
        service = operation_model.service_model.service_name
        if service != DYNAMODB:
            found[f"{service} {operation_model.name}"] += 1
        return make_request(endpoint, operation_model, request)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Endpoint, "make_request", counted)
        yield found


def _kind(call: str) -> str:
    """Return a call without the ids in its path."""
    method, _, path = call.partition(" ")
    shown = (
        "…" if "_" in part and any(map(str.isdigit, part)) else part for part in path.split("/")
    )
    return f"{method} {'/'.join(shown).removeprefix('/v1/')}"
