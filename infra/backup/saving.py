"""Reading a stage into a file, while its shop goes on.

Tables are read one after the other, orders last, and an item at a time may have been changed by the
time that the next one is read. What makes one state of it all the same:

- Orders that were placed after the beginning are left out, and the orders are read only when those
  that were placed before are stored. From then on the seats of these become fewer, so they are not
  more than the event had. Three things can still be off, and `survey` tells of them: a payment that
  comes late for an expired order and a refund that fails both take seats anew, and an admin may
  lower a capacity.
- Numbers that follow from other items are not believed by the restore (`survey`).
- What a change of several items at once can tear apart, such as an event that moves to another
  slug, is looked for at the end; where any is found, everything is read again.
"""

import fcntl
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from tqdm import tqdm
from ulid import ULID

from chalicelib.domain.clock import to_iso
from chalicelib.store.reading import text
from infra.backup.errors import BackupError
from infra.backup.file_format import Header, RawItem, Reader, Writer
from infra.backup.survey import ORDERS, Survey, is_derived, is_order, is_restoring, told
from infra.backup.tables import Tables

# From when an order is given its time until it is stored, at the longest: checkout has a buyer
# waiting, who is answered within ten seconds.
GRACE_SECONDS = 10.0
_TRIES = 3
_PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Saved:
    """What came into the file, and what in it does not add up."""

    counts: Mapping[str, int]
    checksum: str
    problems: list[str]


class Saving:
    """Reads all tables of a stage into a file. Raises `BackupError`; there is no file then."""

    def __init__(self, tables: Tables, path: Path, grace_seconds: float = GRACE_SECONDS) -> None:
        self._tables = tables
        self._path = path
        self._grace_seconds = grace_seconds
        # Orders come last: see above.
        self._order = sorted(tables.logical_ids, key=lambda logical_id: logical_id == ORDERS)

    def run(self) -> Saved:
        """Write the file; it has its name only once it is whole, read again, and on the disk."""
        if self._path.exists():
            raise BackupError(f"{self._path} is there already: choose another name")
        unfinished = self._path.with_name(f"{self._path.name}.part")
        try:
            with _opened(unfinished) as file:
                saved = self._save(file)
                checked = Reader(unfinished)
                for _ in checked.items():
                    pass
                if checked.checksum != saved.checksum:
                    raise BackupError(f"{unfinished} is not as it was written: is the disk sound?")
                unfinished.rename(self._path)
                _sync_directory(self._path.parent)
        except OSError as error:
            raise BackupError(f"{self._path}: {error.strerror}") from error
        return saved

    def _save(self, file: BinaryIO) -> Saved:
        """Read everything, again where the shop changed several items under the reading."""
        saved = self._read(file)
        for _ in range(_TRIES - 1):
            if not saved.problems:
                break
            print("something changed meanwhile, so once more:", file=sys.stderr)
            print(told(saved.problems), file=sys.stderr)
            file.seek(0)
            file.truncate()
            saved = self._read(file)
        file.flush()
        os.fsync(file.fileno())
        return saved

    def _read(self, file: BinaryIO) -> Saved:
        # The clock's second may be over in a moment; what was placed within it is to be in the
        # file.
        as_of = self._tables.now() + timedelta(seconds=1)
        begun = time.monotonic()
        shapes = {table: self._tables.shape(table) for table in self._tables.logical_ids}
        writer = Writer(file, Header(self._tables.stage, to_iso(as_of), shapes))
        survey = Survey()
        with tqdm(total=self._expected(), unit=" items", desc="backup", disable=None) as bar:
            for table in self._order:
                if table == ORDERS:
                    _wait_until(begun + 1 + self._grace_seconds)
                for page in self._tables.scan(table):
                    for item in page:
                        self._take(table, item, as_of, writer, survey)
                    bar.update(len(page))
        return Saved(dict(writer.counts), writer.finish(), survey.problems())

    def _expected(self) -> int | None:
        return sum(self._tables.size(table).items for table in self._order) or None

    def _take(
        self, table: str, item: RawItem, as_of: datetime, writer: Writer, survey: Survey
    ) -> None:
        if is_restoring(table, item):
            raise BackupError("a restore was cut off here: run it again, to its end, before")
        if is_derived(table, item) or (table == ORDERS and _is_later(item, as_of)):
            return
        writer.write(table, item)
        survey.add(table, item)


def _is_later(item: RawItem, as_of: datetime) -> bool:
    """Tell whether an order, or what a request remembers of one, was made after the beginning."""
    if is_order(item):
        return text(item, "createdAt") >= to_iso(as_of)
    if "orderId" not in item:
        return False
    try:
        return ULID.from_str(text(item, "orderId")).datetime >= as_of
    except ValueError:
        return False


def _wait_until(moment: float) -> None:
    wait = moment - time.monotonic()
    if wait > 0:
        time.sleep(wait)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open the unfinished file for one process, for nobody else's eyes; remove it if it fails.

    One that a killed process left is written over.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, _PRIVATE)
    with os.fdopen(descriptor, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"{path} is just being written by somebody else") from None
        os.fchmod(descriptor, _PRIVATE)
        file.truncate()
        try:
            yield file
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _sync_directory(directory: Path) -> None:
    """Have the file's name on the disk, too."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
