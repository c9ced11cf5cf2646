"""What is to happen to a session later, in rows that survive a restart. Acting is `lifecycle`'s."""

from .store import Transaction

EXPIRE = "expire"
SETTLE = "settle"
FAIL = "fail"


def start(tx: Transaction, session_id: str, action: str, due: float) -> None:
    """Have `action` happen to the session once `due` (Unix time) has passed."""
    tx.execute(
        "INSERT INTO timers (session_id, action, due) VALUES (?, ?, ?)", session_id, action, due
    )


def cancel(tx: Transaction, session_id: str, action: str) -> None:
    """Forget about `action`, whether or not it was to happen."""
    tx.execute("DELETE FROM timers WHERE session_id = ? AND action = ?", session_id, action)


def take_due(tx: Transaction, now: float) -> tuple[str, str] | None:
    """Remove the timer that has been due longest and return its session id and action."""
    row = tx.execute(
        "DELETE FROM timers WHERE rowid ="
        " (SELECT rowid FROM timers WHERE due <= ? ORDER BY due LIMIT 1)"
        " RETURNING session_id, action",
        now,
    ).fetchone()
    return None if row is None else (row[0], row[1])


def next_due(tx: Transaction) -> float | None:
    """Return when the earliest timer goes off."""
    (due,) = tx.execute("SELECT min(due) FROM timers").fetchone()
    return None if due is None else float(due)
