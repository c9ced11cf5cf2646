"""Which items there should be, on disk: a million keys would be too many to hold in memory."""

import hashlib
import sqlite3
from collections.abc import Iterator
from enum import Enum, auto
from types import TracebackType
from typing import Self


class Found(Enum):
    """How an item is by the ledger."""

    AS_WRITTEN = auto()
    MOVED_ON = auto()
    """Changed by the program since: its version is a later one."""

    CHANGED = auto()
    UNKNOWN = auto()


class KeyLedger:
    """The keys that were written, each with what its item hashes to.

    SQLite keeps it in a temporary file without a name; keys are hashed, so nothing personal is in
    it.
    """

    def __init__(self) -> None:
        self._file = sqlite3.connect("")
        self._file.execute(
            "CREATE TABLE items (key BLOB PRIMARY KEY, part TEXT, digest BLOB,"
            " version INTEGER, seen INTEGER)"
            " WITHOUT ROWID"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, table: str, key: bytes, digest: bytes = b"", version: int = 0) -> bool:
        """Note an item; False where its key was noted before."""
        row = (_hashed(table, key), table, digest, version)
        added = self._file.execute("INSERT OR IGNORE INTO items VALUES (?, ?, ?, ?, 0)", row)
        return added.rowcount == 1

    def look_up(self, table: str, key: bytes, digest: bytes, version: int = 0) -> Found:
        """Tell how an item that is there is by the ledger; remember that it is there."""
        hashed = _hashed(table, key)
        row = self._file.execute(
            "SELECT digest, version FROM items WHERE key = ?", (hashed,)
        ).fetchone()
        if row is None:
            return Found.UNKNOWN
        self._file.execute("UPDATE items SET seen = 1 WHERE key = ?", (hashed,))
        if row[0] == digest:
            return Found.AS_WRITTEN
        return Found.MOVED_ON if version > row[1] else Found.CHANGED

    def missing(self) -> Iterator[tuple[str, int]]:
        """Yield how many items of each table were not there, where any."""
        yield from self._file.execute(
            "SELECT part, COUNT(*) FROM items WHERE seen = 0 GROUP BY part ORDER BY part"
        )


def _hashed(table: str, key: bytes) -> bytes:
    return hashlib.sha256(table.encode() + b"\0" + key).digest()[:16]
