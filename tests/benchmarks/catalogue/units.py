"""Read units by the rules that DynamoDB's developer guide publishes ("Read consistency", "DynamoDB
item sizes and formats", "Global secondary indexes"), so that they do not depend on how well a
stand-in counts.

A query costs what the items that it read take together, whole, as the index holds them: what it
leaves out of its answer costs the same. So each read is made again without leaving anything out,
and the items are weighed.
"""

import math
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

_UNIT_BYTES = 4096
_COLLECTION_BYTES = 3
_NAME = re.compile(r"#\w+")
_SHAPING = ("ProjectionExpression", "Select", "ExpressionAttributeNames", "ReturnConsumedCapacity")

Send = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Sends an operation with its body, and returns the answer."""


def read_units(send: Send, operation: str, body: dict[str, Any]) -> float:
    """Return what a request costs in read units; a write costs none."""
    rule = _RULES.get(operation)
    return 0.0 if rule is None else rule(send, body)


def item_bytes(item: dict[str, Any]) -> int:
    """Return an item's size: its attributes' names, in UTF-8, and values."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _get_units(send: Send, body: dict[str, Any]) -> float:
    answer = send("GetItem", _whole(body))
    return _units(item_bytes(answer.get("Item", {})), body)


def _query_units(send: Send, body: dict[str, Any]) -> float:
    """Weigh the items of one answer together."""
    answer = send("Query", _whole(body))
    return _units(sum(map(item_bytes, answer["Items"])), body)


def _batch_units(send: Send, body: dict[str, Any]) -> float:
    """Weigh each item of a batch by itself; one that does not exist costs as the smallest does."""
    wanted = {table: _whole(part) for table, part in body["RequestItems"].items()}
    answer = send("BatchGetItem", {"RequestItems": wanted})
    total = 0.0
    for table, part in wanted.items():
        found = answer["Responses"].get(table, [])
        missing: Iterable[dict[str, Any]] = [{}] * (len(part["Keys"]) - len(found))
        total += sum(_units(item_bytes(item), part) for item in (*found, *missing))
    return total


_RULES: dict[str, Callable[[Send, dict[str, Any]], float]] = {
    "GetItem": _get_units,
    "Query": _query_units,
    "BatchGetItem": _batch_units,
}


def _whole(body: dict[str, Any]) -> dict[str, Any]:
    """Return the same request for items with all their attributes."""
    kept = {name: value for name, value in body.items() if name not in _SHAPING}
    used = set(_NAME.findall(body.get("KeyConditionExpression", "")))
    names = body.get("ExpressionAttributeNames", {})
    if used:
        kept["ExpressionAttributeNames"] = {name: names[name] for name in used if name in names}
    return kept


def _units(size: int, body: dict[str, Any]) -> float:
    """Round up to whole units of 4 KB; a read that may be stale costs half."""
    units = max(1, math.ceil(size / _UNIT_BYTES))
    return float(units) if body.get("ConsistentRead") else units / 2


def _value_bytes(value: dict[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        digits = len(Decimal(content).normalize().as_tuple().digits)
        return math.ceil(digits / 2) + 1
    if kind == "L":
        return _COLLECTION_BYTES + sum(1 + _value_bytes(part) for part in content)
    if kind in {"NULL", "BOOL"}:
        return 1
    raise ValueError(f"no table has attributes of the type {kind}")
