"""How far each event's delivery is: pending, delivered or failed. Sending is `webhooks`'s."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import switches
from .store import Transaction


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way; `payload` is the exact text every attempt sends and signs."""

    event_id: str
    payload: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a delivery stands, for people: its last outcome is a status or an error's name."""

    state: str
    attempts: int
    outcome: str


def enqueue(tx: Transaction, event_id: str, payload: str, now: float) -> None:
    """Have the event sent at once after the transaction is committed; never while they are lost."""
    lost = switches.get(tx, switches.DELIVERIES) == switches.LOST
    tx.execute(
        "INSERT INTO deliveries (event_id, payload, state, attempts, due, outcome)"
        " VALUES (?, ?, ?, 0, ?, ?)",
        event_id,
        payload,
        "failed" if lost else "pending",
        now,
        "lost" if lost else "",
    )


def take_due(tx: Transaction, now: float, *, limit: int, skip: Iterable[str]) -> list[Delivery]:
    """Return deliveries whose time has come, longest waiting first, without those in `skip`; none
    while they are held back.
    """
    if switches.get(tx, switches.DELIVERIES) == switches.HELD:
        return []
    rows = tx.execute(
        "SELECT event_id, payload, attempts FROM deliveries"
        " WHERE state = 'pending' AND due <= ?"
        " AND event_id NOT IN (SELECT value FROM json_each(?))"
        " ORDER BY due, rowid LIMIT ?",
        now,
        json.dumps(list(skip)),
        limit,
    )
    return [Delivery(*row) for row in rows]


def next_due(tx: Transaction, *, skip: Iterable[str]) -> float | None:
    """Return when the earliest pending delivery not in `skip` is to be tried, if any is."""
    if switches.get(tx, switches.DELIVERIES) == switches.HELD:
        return None
    (due,) = tx.execute(
        "SELECT min(due) FROM deliveries WHERE state = 'pending'"
        " AND event_id NOT IN (SELECT value FROM json_each(?))",
        json.dumps(list(skip)),
    ).fetchone()
    return None if due is None else float(due)


def resume(tx: Transaction, now: float) -> None:
    """Try all that is pending at once: after a restart the receiver is likely to be back too."""
    tx.execute("UPDATE deliveries SET due = ? WHERE state = 'pending' AND due > ?", now, now)


def succeed(tx: Transaction, event_id: str, outcome: str) -> None:
    """Note that the receiver has taken the event."""
    tx.execute(
        "UPDATE deliveries SET state = 'delivered', attempts = attempts + 1, outcome = ?"
        " WHERE event_id = ?",
        outcome,
        event_id,
    )


def postpone(tx: Transaction, event_id: str, outcome: str, due: float | None) -> None:
    """Note a failed attempt: try again at `due`, or give up if there is no such time."""
    tx.execute(
        "UPDATE deliveries SET state = ?, due = ifnull(?, due), attempts = attempts + 1,"
        " outcome = ? WHERE event_id = ?",
        "failed" if due is None else "pending",
        due,
        outcome,
        event_id,
    )


def undelivered(tx: Transaction, event_id: str) -> bool:
    """Tell whether the event was to be delivered and has not been."""
    row = tx.execute(
        "SELECT 1 FROM deliveries WHERE event_id = ? AND state <> 'delivered'", event_id
    ).fetchone()
    return row is not None


def progress(tx: Transaction, event_ids: list[str]) -> dict[str, Progress]:
    """Return the deliveries of these events; events with no receiver are left out."""
    rows: Iterable[tuple[Any, ...]] = tx.execute(
        "SELECT event_id, state, attempts, outcome FROM deliveries"
        " WHERE event_id IN (SELECT value FROM json_each(?))",
        json.dumps(event_ids),
    )
    return {event_id: Progress(*rest) for event_id, *rest in rows}
