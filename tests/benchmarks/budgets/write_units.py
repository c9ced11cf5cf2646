"""Write units by the rules that DynamoDB's developer guide publishes ("DynamoDB read and write
operations", "Global secondary indexes", "Transactions: how it works"), by the items as they are
before and after: so no stand-in has to count well.

A write costs a unit for each KB of the larger of the two, twice that in a transaction. An index
whose entry comes, goes or changes costs by itself, one that moves to another key twice: it is
deleted and put. Index entries are written after the transaction, and cost once.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.tables import declared_tables
from tests.benchmarks.catalogue.units import item_bytes

_UNIT_BYTES = 1024
_IN_TRANSACTION = 2

Item = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Target:
    """An item that a request writes, or asks a condition of."""

    table: str
    key: Mapping[str, Any]
    factor: int = 1


@dataclass(frozen=True, slots=True)
class Index:
    """Which attributes of an item stand in an index; None is all of them."""

    name: str
    keys: tuple[str, ...]
    attributes: frozenset[str] | None

    def entry(self, item: Item | None) -> Item | None:
        """Return an item's entry, if it has one."""
        if item is None or not all(key in item for key in self.keys):
            return None
        if self.attributes is None:
            return item
        return {name: value for name, value in item.items() if name in self.attributes}

    def units(self, before: Item | None, after: Item | None) -> int:
        """Return what a write of an item costs at this index."""
        old, new = self.entry(before), self.entry(after)
        if old == new:
            return 0
        if old is None or new is None or any(old[key] != new[key] for key in self.keys):
            return sum(_units(entry) for entry in (old, new) if entry is not None)
        return max(_units(old), _units(new))


@dataclass(frozen=True, slots=True)
class Table:
    """A table's key and its indexes."""

    keys: tuple[str, ...]
    indexes: tuple[Index, ...]


def tables(names: Mapping[str, str]) -> dict[str, Table]:
    """Return the declared tables by their names; `names` has those by logical id."""
    return {names[logical]: _table(properties) for logical, properties in declared_tables().items()}


def targets(operation: str, body: Mapping[str, Any], known: Mapping[str, Table]) -> list[Target]:
    """Return what a request writes; nothing where it only reads."""
    if operation == "TransactWriteItems":
        return [_in_transaction(item, known) for item in body["TransactItems"]]
    if operation == "BatchWriteItem":
        return list(_in_batch(body["RequestItems"], known))
    if operation == "PutItem":
        return [_of_item(body["TableName"], body["Item"], known)]
    if operation in {"UpdateItem", "DeleteItem"}:
        return [Target(body["TableName"], body["Key"])]
    return []


def written(
    target: Target, table: Table, before: Item | None, after: Item | None
) -> dict[str, float]:
    """Return what a write costs, by where: the table, and its indexes as `table/index`."""
    base = max(_units(before), _units(after)) * target.factor
    by_index = {
        f"{target.table}/{index.name}": float(index.units(before, after)) for index in table.indexes
    }
    return {target.table: float(base), **{name: units for name, units in by_index.items() if units}}


def _table(properties: Mapping[str, Any]) -> Table:
    keys = _names(properties)
    indexes = tuple(
        Index(found["IndexName"], _names(found), _projected(found, keys))
        for found in properties.get("GlobalSecondaryIndexes", ())
    )
    return Table(keys, indexes)


def _names(properties: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(key["AttributeName"] for key in properties["KeySchema"])


def _projected(index: Mapping[str, Any], keys: tuple[str, ...]) -> frozenset[str] | None:
    projection = index["Projection"]
    if projection["ProjectionType"] == "ALL":
        return None
    return frozenset({*keys, *_names(index), *projection.get("NonKeyAttributes", ())})


def _in_transaction(item: Mapping[str, Any], known: Mapping[str, Table]) -> Target:
    ((kind, parts),) = item.items()
    table = parts["TableName"]
    key = parts["Key"] if kind != "Put" else _of_item(table, parts["Item"], known).key
    return Target(table, key, _IN_TRANSACTION)


def _in_batch(requests: Mapping[str, Any], known: Mapping[str, Table]) -> Iterator[Target]:
    for table, wanted in requests.items():
        for request in wanted:
            ((kind, parts),) = request.items()
            if kind == "PutRequest":
                yield _of_item(table, parts["Item"], known)
            else:
                yield Target(table, parts["Key"])


def _of_item(table: str, item: Mapping[str, Any], known: Mapping[str, Table]) -> Target:
    return Target(table, {key: item[key] for key in known[table].keys})


def _units(item: Item | None) -> int:
    return max(1, math.ceil(item_bytes(item or {}) / _UNIT_BYTES))
