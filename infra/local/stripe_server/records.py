"""API objects in the store: put, find, replace, page through. Knows no object's meaning."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import InvalidRequestError
from .store import Transaction

Json = dict[str, Any]

_FILTERS = {
    "charge": "json_extract(body, '$.charge') = ?",
    "customer_email": "json_extract(body, '$.customer_details.email') = ?",
    "payment_intent": "json_extract(body, '$.payment_intent') = ?",
    "status": "json_extract(body, '$.status') = ?",
    "type_pattern": "json_extract(body, '$.type') GLOB ?",
    "types": "json_extract(body, '$.type') IN (SELECT value FROM json_each(?))",
    "created": "created = ?",
    "created_gt": "created > ?",
    "created_gte": "created >= ?",
    "created_lt": "created < ?",
    "created_lte": "created <= ?",
    "delivered": (
        "NOT EXISTS (SELECT 1 FROM deliveries"
        " WHERE event_id = records.id AND state <> 'delivered') = ?"
    ),
}


@dataclass(frozen=True, slots=True)
class Record:
    """An object as the API shows it, and what the server keeps beside it."""

    body: Json
    private: Json


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list is asked for, by Stripe's cursors."""

    limit: int
    starting_after: str | None = None
    ending_before: str | None = None


def insert(tx: Transaction, body: Json, private: Json | None = None) -> None:
    """Store a new object under its own `id` and `object`."""
    tx.execute(
        "INSERT INTO records (id, kind, created, body, private) VALUES (?, ?, ?, ?, ?)",
        body["id"],
        body["object"],
        body["created"],
        json.dumps(body),
        json.dumps(private or {}),
    )


def replace(tx: Transaction, body: Json) -> None:
    """Store an object's new state; what is kept beside it stays."""
    tx.execute("UPDATE records SET body = ? WHERE id = ?", json.dumps(body), body["id"])


def find(tx: Transaction, kind: str, object_id: str) -> Record | None:
    """Return the object of this kind and id, if there is one."""
    row = tx.execute(
        "SELECT body, private FROM records WHERE id = ? AND kind = ?", object_id, kind
    ).fetchone()
    return None if row is None else Record(json.loads(row[0]), json.loads(row[1]))


def everything(tx: Transaction, kind: str) -> list[Json]:
    """Return all objects of a kind, oldest first."""
    rows = tx.execute("SELECT body FROM records WHERE kind = ? ORDER BY sequence", kind)
    return [json.loads(body) for (body,) in rows]


def page(
    tx: Transaction, kind: str, filters: Mapping[str, object], window: Window
) -> tuple[list[Json], bool]:
    """Return a page, newest first, and whether there are more beyond it.

    `filters` maps names of `_FILTERS` to values; those that are None do not filter.
    Raises InvalidRequestError for a cursor that is no such object.
    """
    conditions: list[str] = ["kind = ?"]
    values: list[object] = [kind]
    for name, value in filters.items():
        if value is not None:
            conditions.append(_FILTERS[name])
            values.append(value)
    order = "DESC"
    if window.starting_after is not None:
        conditions.append("sequence < ?")
        values.append(_sequence(tx, kind, window.starting_after, "starting_after"))
    elif window.ending_before is not None:
        conditions.append("sequence > ?")
        values.append(_sequence(tx, kind, window.ending_before, "ending_before"))
        order = "ASC"
    rows = tx.execute(
        f"SELECT body FROM records WHERE {' AND '.join(conditions)}"  # noqa: S608 - fixed texts
        f" ORDER BY sequence {order} LIMIT ?",
        *values,
        window.limit + 1,
    ).fetchall()
    bodies = [json.loads(body) for (body,) in rows[: window.limit]]
    if order == "ASC":
        bodies.reverse()
    return bodies, len(rows) > window.limit


def _sequence(tx: Transaction, kind: str, object_id: str, param: str) -> int:
    row = tx.execute(
        "SELECT sequence FROM records WHERE id = ? AND kind = ?", object_id, kind
    ).fetchone()
    if row is None:
        raise InvalidRequestError(
            f"No such {kind}: '{object_id}'", code="resource_missing", param=param
        )
    return int(row[0])
