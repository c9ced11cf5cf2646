"""The SQLite file behind the server: its schema, one lock, transactions.

The queries live with the concerns they serve: `records`, `idempotency`, `deliveries`,
`timers`, `switches`.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# What each version added to the one before; a file is brought up to the last.
_STEPS = (
    """
CREATE TABLE records (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    body TEXT NOT NULL,
    private TEXT NOT NULL
) STRICT;
CREATE INDEX records_by_kind ON records (kind, sequence);
CREATE INDEX records_by_payment_intent ON records (kind, json_extract(body, '$.payment_intent'));
CREATE INDEX records_by_charge ON records (kind, json_extract(body, '$.charge'));

CREATE TABLE idempotency (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    request_id TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;
CREATE INDEX idempotency_by_age ON idempotency (created);

CREATE TABLE deliveries (
    event_id TEXT PRIMARY KEY,
    payload TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts INTEGER NOT NULL,
    due REAL NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
CREATE INDEX deliveries_by_due ON deliveries (state, due);

CREATE TABLE timers (
    session_id TEXT NOT NULL,
    action TEXT NOT NULL,
    due REAL NOT NULL,
    PRIMARY KEY (session_id, action)
) STRICT;
CREATE INDEX timers_by_due ON timers (due);
""",
    """
CREATE TABLE switches (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
""",
)


class UnusableStateError(Exception):
    """The state directory holds something this version cannot read."""


class Transaction:
    """A write transaction that is open; valid until its `with` block ends."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:  # noqa: ANN401 - as sqlite3
        """Run one statement with its values bound."""
        return self._connection.execute(statement, values)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what the block wrote, and nothing before it, when the block raises."""
        self._connection.execute("SAVEPOINT step")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK TO step")
            raise
        finally:
            self._connection.execute("RELEASE step")


class Store:
    """One connection under one lock, shared by all threads.

    SQLite has one writer at a time anyway. Taking turns in the process rather than in the file
    means that no thread is ever told the database is locked.
    """

    def __init__(self, path: Path | None) -> None:
        """Open or create the file; UnusableStateError if a later version wrote it.

        Without a path, all is kept in memory and forgotten.
        """
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self._connection = sqlite3.connect(
            path or ":memory:", check_same_thread=False, isolation_level=None
        )
        try:
            self._prepare(path)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, path: Path | None) -> None:
        # With a write-ahead log a killed process loses nothing that was committed, without a
        # disk flush per commit; only a power failure could.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA busy_timeout = 10000")
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version < len(_STEPS):
            missing = "".join(_STEPS[version:])
            self._connection.executescript(
                f"BEGIN IMMEDIATE; {missing} PRAGMA user_version = {len(_STEPS)}; COMMIT;"
            )
        elif version > len(_STEPS):
            raise UnusableStateError(
                f"{path} was written by another version; remove it to start afresh"
            )

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All or nothing, one at a time; listeners hear of it once it is committed."""
        with self._lock:
            changes_before = self._connection.total_changes
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(self._connection)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
            changed = self._connection.total_changes != changes_before
        if changed:
            for listener in self._listeners:
                listener()

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after each commit that changed something, on any thread."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Close the file; nothing may use the store afterwards."""
        with self._lock:
            self._connection.close()
