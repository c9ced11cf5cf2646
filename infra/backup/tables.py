"""A stage's tables as DynamoDB knows them: how they are keyed, all their items, many writes."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import botocore.config
import botocore.exceptions

from infra.backup.errors import BackupError
from infra.backup.file_format import RawItem, TableShape, canonical
from infra.deploying.errors import explained
from infra.operating.aws_session import open_session

# What one BatchWriteItem takes.
BATCH = 25
# A page stops at 1 MB by itself; items are counted as well, so that a slow rate has short pages.
_LONGEST_PAGE = 1_000
_FIRST_PAGE = 25
# "Read/write capacity": a unit reads 4 KB consistently, or writes 1 KB.
_READ_UNIT, _WRITE_UNIT = 4_096, 1_024
_TRIES = 12
_LONGEST_PAUSE_SECONDS = 5.0


class Pace:
    """Waits so that no more than so many units a second are used; without a rate, never."""

    def __init__(
        self,
        rate: float | None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rate = rate
        self._now = now
        self._sleep = sleep
        self._free_at = now()

    def spend(self, units: float) -> None:
        """Count units that were used; wait until the next may be."""
        if self.rate is None:
            return
        self._free_at = max(self._free_at, self._now()) + units / self.rate
        wait = self._free_at - self._now()
        if wait > 0:
            self._sleep(wait)


@dataclass(frozen=True, slots=True)
class TableSize:
    """What a table is said to hold; DynamoDB renews these numbers every few hours."""

    items: int
    bytes: int


class Tables:
    """The tables of a stage, by their logical ids. Raises `BackupError` where a call fails."""

    def __init__(
        self,
        stage: str,
        names: Mapping[str, str],
        pace: Pace,
        client: Any = None,  # noqa: ANN401 - botocore makes its clients' classes as it runs
    ) -> None:
        self.stage = stage
        self._names = names
        self._pace = pace
        self._client = client or _connected()

    @property
    def logical_ids(self) -> tuple[str, ...]:
        """The tables."""
        return tuple(self._names)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def now(self) -> datetime:
        """Return the time by DynamoDB's clock, or by this machine's where it does not tell."""
        some_table = next(iter(self._names.values()))
        answer = self._call("describe_table", TableName=some_table)
        told = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
        return parsedate_to_datetime(told) if told else datetime.now(UTC)

    def shape(self, logical_id: str) -> TableShape:
        """Return how a table is keyed."""
        table = self._described(logical_id)
        kinds = {
            attribute["AttributeName"]: attribute["AttributeType"]
            for attribute in table["AttributeDefinitions"]
        }
        keys = sorted(table["KeySchema"], key=lambda part: str(part["KeyType"]))
        return TableShape(
            tuple((part["AttributeName"], kinds[part["AttributeName"]]) for part in keys),
            self._time_to_live(logical_id),
        )

    def size(self, logical_id: str) -> TableSize:
        """Return what a table is said to hold."""
        table = self._described(logical_id)
        return TableSize(table.get("ItemCount", 0), table.get("TableSizeBytes", 0))

    def _described(self, logical_id: str) -> dict[str, Any]:
        found = self._call("describe_table", TableName=self._names[logical_id])
        table: dict[str, Any] = found["Table"]
        return table

    def _time_to_live(self, logical_id: str) -> str | None:
        answer = self._call("describe_time_to_live", TableName=self._names[logical_id])
        told = answer.get("TimeToLiveDescription", {})
        is_on = told.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
        return told.get("AttributeName") if is_on else None

    def expire_by(self, logical_id: str, attribute: str) -> None:
        """Have DynamoDB remove items at the time in this attribute."""
        self._call(
            "update_time_to_live",
            TableName=self._names[logical_id],
            TimeToLiveSpecification={"AttributeName": attribute, "Enabled": True},
        )

    def scan(self, logical_id: str) -> Iterator[list[RawItem]]:
        """Yield all items, page by page, each as of every write that was acknowledged."""
        start: dict[str, Any] = {}
        limit = _FIRST_PAGE
        while True:
            answer = self._call(
                "scan",
                TableName=self._names[logical_id],
                ConsistentRead=True,
                ReturnConsumedCapacity="TOTAL",
                Limit=limit,
                **start,
            )
            items: list[RawItem] = answer["Items"]
            units = _units(answer.get("ConsumedCapacity"), items, _READ_UNIT)
            limit = self._next_limit(units / max(len(items), 1))
            self._pace.spend(units)
            yield items
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _next_limit(self, units_an_item: float) -> int:
        """Return how many items a second's units read."""
        if self._pace.rate is None:
            return _LONGEST_PAGE
        return int(min(max(self._pace.rate / max(units_an_item, 0.1), 1), _LONGEST_PAGE))

    def get(self, logical_id: str, key: RawItem) -> RawItem | None:
        """Return an item."""
        answer = self._call(
            "get_item", TableName=self._names[logical_id], Key=key, ConsistentRead=True
        )
        item: RawItem | None = answer.get("Item")
        return item

    def first(self, logical_id: str, count: int) -> list[RawItem]:
        """Return a few items, if there are any."""
        answer = self._call(
            "scan", TableName=self._names[logical_id], ConsistentRead=True, Limit=count
        )
        items: list[RawItem] = answer["Items"]
        return items

    def query(self, logical_id: str, attribute: str, value: str) -> Iterator[RawItem]:
        """Yield the items of a partition."""
        start: dict[str, Any] = {}
        while True:
            answer = self._call(
                "query",
                TableName=self._names[logical_id],
                ConsistentRead=True,
                KeyConditionExpression="#partition = :value",
                ExpressionAttributeNames={"#partition": attribute},
                ExpressionAttributeValues={":value": {"S": value}},
                **start,
            )
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def write(self, requests: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Make up to 25 writes of different items, again where DynamoDB left some out."""
        left: dict[str, list[dict[str, Any]]] = {}
        for logical_id, request in requests:
            left.setdefault(self._names[logical_id], []).append(request)
        for attempt in range(_TRIES):
            if attempt:
                ceiling = min(0.05 * 2**attempt, _LONGEST_PAUSE_SECONDS)
                time.sleep(random.uniform(0, ceiling))  # noqa: S311 - jitter is no secret
            answer = self._call(
                "batch_write_item", RequestItems=left, ReturnConsumedCapacity="TOTAL"
            )
            sent = [one for table in left.values() for one in table]
            self._pace.spend(_units(answer.get("ConsumedCapacity"), sent, _WRITE_UNIT))
            left = answer.get("UnprocessedItems") or {}
            if not left:
                return
        raise BackupError("DynamoDB is too busy right now; run this again, it goes on by itself")

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - DynamoDB's
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**parameters)
        except botocore.exceptions.ClientError as error:
            raise BackupError(f"DynamoDB could not do {operation}: {error}") from error
        except botocore.exceptions.BotoCoreError as error:
            raise BackupError(f"DynamoDB could not do {operation}: {explained(error)}") from error
        return answer


def _connected() -> Any:  # noqa: ANN401 - botocore makes its clients' classes as it runs
    try:
        session = open_session()
    except botocore.exceptions.BotoCoreError as error:
        raise BackupError(explained(error)) from error
    return session.client(
        "dynamodb",
        config=botocore.config.Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"total_max_attempts": 10, "mode": "standard"},
        ),
    )


def _units(told: Any, sent: Sequence[Mapping[str, Any]], size: int) -> float:  # noqa: ANN401
    """Return the units that a call used: as DynamoDB tells, or as it would count."""
    parts = told if isinstance(told, list) else [told or {}]
    units = sum(float(part.get("CapacityUnits", 0)) for part in parts)
    if units:
        return units
    return sum(max(len(str(item)), 1) for item in sent) / size


def put(item: RawItem) -> dict[str, Any]:
    """Return the write that stores an item."""
    return {"PutRequest": {"Item": item}}


def delete(key: RawItem) -> dict[str, Any]:
    """Return the write that removes an item."""
    return {"DeleteRequest": {"Key": key}}


def key_text(key: RawItem) -> bytes:
    """Write a key in one way only."""
    return canonical(key)


class Batches:
    """Collects writes and makes them 25 at a time."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._waiting: list[tuple[str, dict[str, Any]]] = []

    def add(self, logical_id: str, request: dict[str, Any]) -> None:
        """Have a write made, now or soon."""
        self._waiting.append((logical_id, request))
        if len(self._waiting) == BATCH:
            self.flush()

    def flush(self) -> None:
        """Make those that wait."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._tables.write(waiting)
