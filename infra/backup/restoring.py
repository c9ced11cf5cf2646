"""Writing a file's items into a stage: looked at as a whole first, and compared afterwards.

Cut off anywhere, it can be run again with the same file: it writes the same items once more. Until
it is done, a note in the index table says of which file the stage is to be.
"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tqdm import tqdm

from chalicelib.store.cancellations import CANCELLATIONS
from chalicelib.store.reading import text
from chalicelib.store.renames import RENAMES
from chalicelib.store.totals import TOTALS_KEY
from infra.backup.errors import BackupError
from infra.backup.file_format import RawItem, Reader, digest
from infra.backup.key_ledger import Found, KeyLedger
from infra.backup.recording import AUDIT, BEGUN, DONE, restore_entry
from infra.backup.settling import Settling, without_stock
from infra.backup.survey import (
    CITIES,
    EVENTS,
    INDEX,
    ONLY_ADDED_TO,
    ORDERS,
    RESTORING,
    Survey,
    is_restoring,
)
from infra.backup.tables import Batches, Tables, delete, key_text, put

_LAST_ID = "lastId"
# Of a table that counts as empty: its counters of ids, or notes of the timer's and a restore's.
_NO_CONTENT = 3
# What expires while it is being restored is not missed either.
_SOON_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class Wishes:
    """What an operator said: whether what is there may go, and whether orders of another stage are
    to be as they were there.
    """

    replace: bool = False
    as_is: bool = False


@dataclass(frozen=True, slots=True)
class Replaced:
    """How many items of a table a restore writes over, and how many go that are not in the file."""

    overwritten: int
    deleted: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a restore will do."""

    counts: Mapping[str, int]
    problems: list[str]
    stale: list[str]
    skipped: list[str]
    occupied: list[str]
    drill: bool
    replaced: Mapping[str, "Replaced"]
    """What REPLACE does to the items of each table that the stage has; asked for by a dry run."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a restore. What is `missing` was lost; what `changed` is used by somebody."""

    written: Counter[str]
    deleted: Counter[str]
    missing: Counter[str]
    changed: Counter[str]
    extra: Counter[str]
    problems: list[str]

    @property
    def is_whole(self) -> bool:
        """Whether every item is there, and as it was written."""
        return not (self.missing or self.changed or self.problems)


class Restoring:
    """Restores one file into one stage. Raises `BackupError`."""

    def __init__(self, tables: Tables, backup: Reader, wishes: Wishes) -> None:
        self._tables = tables
        self._backup = backup
        self._replace = wishes.replace
        self._survey = Survey()
        self._drill = backup.header.stage != tables.stage and not wishes.as_is

    def plan(self, *, counts: bool = False) -> Plan:
        """Read the whole file and look at the stage; nothing is written. Raises `BadFile` too.

        With `counts`, the stage is read as a whole, for how many items of it would be replaced.
        """
        self._compare_shapes()
        with KeyLedger() as ledger:
            for table, item in self._backup.items():
                key = key_text(self._backup.header.tables[table].key_of(item))
                if not ledger.add(table, key):
                    raise BackupError(f"the file has an item of {table} twice; it is not used")
                self._survey.add(table, item)
        return Plan(
            counts=self._backup.counts,
            problems=self._survey.problems(),
            stale=self._survey.stale_stock(),
            skipped=[one for one in self._tables.logical_ids if one not in self._in_file],
            occupied=self._occupied(),
            drill=self._drill,
            replaced=self._replaced() if counts else {},
        )

    def _replaced(self) -> dict[str, Replaced]:
        """Count what is written over and what goes, as `run` with REPLACE would find it now."""
        last_ids = {table: self._last_id(table) for table in (EVENTS, CITIES)}
        settling = Settling(self._backup, self._survey, last_ids, drill=self._drill)
        found = {}
        with KeyLedger() as ledger:
            for table, item in settling.items():
                ledger.add(table, key_text(self._key(table, item)))
            for table in sorted(self._in_file):
                overwritten = deleted = 0
                for item in (item for page in self._tables.scan(table) for item in page):
                    key = key_text(self._key(table, item))
                    is_known = ledger.look_up(table, key, b"") is not Found.UNKNOWN
                    overwritten += is_known
                    deleted += not is_known and self._is_replaceable(table, item)
                if overwritten or deleted:
                    found[table] = Replaced(overwritten, deleted)
        return found

    @property
    def _in_file(self) -> Mapping[str, object]:
        return self._backup.header.tables

    def _compare_shapes(self) -> None:
        for table, shape in self._backup.header.tables.items():
            if table not in self._tables.logical_ids:
                raise BackupError(f"the file has a {table}, the stage has none; nothing is used")
            if self._tables.shape(table).key != shape.key:
                raise BackupError(
                    f"the {table} of the file has another key than the stage's; nothing is used"
                )

    def _occupied(self) -> list[str]:
        """Return the tables that hold something, unless it is of this very restore, cut off."""
        note = next(iter(self._tables.query(INDEX, "term", RESTORING)), None)
        if note is not None and note["entry"] == {"S": str(self._backup.checksum)}:
            self._replace = self._replace or "replaces" in note
            return []
        return [
            table
            for table in self._in_file
            if table not in ONLY_ADDED_TO
            and any(
                not _is_no_content(table, item)
                for item in self._tables.first(table, _NO_CONTENT + 1)
            )
        ]

    def run(self) -> Outcome:
        """Write everything, then compare. `plan` comes first."""
        self._leave_note()
        begun = restore_entry(BEGUN, self._backup, replace=self._replace, drill=self._drill)
        self._tables.write([(AUDIT, put(begun))])
        last_ids = {table: self._last_id(table) for table in (EVENTS, CITIES)}
        if self._replace:
            self._forget_what_is_to_do()
        self._keep_expiring()
        settling = Settling(self._backup, self._survey, last_ids, drill=self._drill)
        with KeyLedger() as ledger:
            written = self._write(settling, ledger)
            if AUDIT in self._in_file:
                ledger.add(AUDIT, key_text(self._key(AUDIT, begun)), *_fingerprint(AUDIT, begun))
            outcome = self._compare(ledger, written)
        if not outcome.missing:
            self._record_end(outcome)
            self._remove_notes()
        return outcome

    def _record_end(self, outcome: Outcome) -> None:
        """Write down what was done, while a note still tells that it is not."""
        done = restore_entry(
            DONE,
            self._backup,
            replace=self._replace,
            drill=self._drill,
            items=outcome.written.total(),
            deleted=outcome.deleted.total(),
            whole=outcome.is_whole,
        )
        self._tables.write([(AUDIT, put(done))])

    def _leave_note(self) -> None:
        self._remove_notes()
        note = {"term": {"S": RESTORING}, "entry": {"S": str(self._backup.checksum)}}
        replaces = {"replaces": {"S": "yes"}} if self._replace else {}
        self._tables.write([(INDEX, put({**note, **replaces}))])

    def _remove_notes(self) -> None:
        for note in list(self._tables.query(INDEX, "term", RESTORING)):
            self._tables.write([(INDEX, delete(self._key(INDEX, note)))])

    def _last_id(self, table: str) -> int:
        totals = self._tables.get(table, {"slug": {"S": TOTALS_KEY}}) or {}
        return int(totals[_LAST_ID]["N"]) if _LAST_ID in totals else 0

    def _forget_what_is_to_do(self) -> None:
        """Forget what the stage has yet to do of its own: a timer that goes on would refund orders
        of the file because an event was cancelled after it.
        """
        batches = Batches(self._tables)
        for term in (CANCELLATIONS, RENAMES):
            for item in list(self._tables.query(INDEX, "term", term)):
                batches.add(INDEX, delete(self._key(INDEX, item)))
        batches.flush()

    def _keep_expiring(self) -> None:
        """Have items expire as they did: a table that was restored to a point in time does not."""
        for table, shape in self._backup.header.tables.items():
            wanted = shape.time_to_live
            if wanted is not None and self._tables.shape(table).time_to_live is None:
                self._tables.expire_by(table, wanted)

    def _write(self, settling: Settling, ledger: KeyLedger) -> Counter[str]:
        written: Counter[str] = Counter()
        batches = Batches(self._tables)
        for table, item in tqdm(settling.items(), unit=" items", desc="restore", disable=None):
            if not self._is_passing(table, item):
                ledger.add(table, key_text(self._key(table, item)), *_fingerprint(table, item))
            batches.add(table, put(item))
            written[table] += 1
        batches.flush()
        return written

    def _compare(self, ledger: KeyLedger, written: Counter[str]) -> Outcome:
        """Read the stage again, and tell what is not there, or not as it was written."""
        deleted: Counter[str] = Counter()
        changed: Counter[str] = Counter()
        extra: Counter[str] = Counter()
        survey, batches = Survey(), Batches(self._tables)
        expected = sum(written.values())
        with tqdm(total=expected, unit=" items", desc="compare", disable=None) as bar:
            for table in sorted(self._in_file):
                for page in self._tables.scan(table):
                    for item in page:
                        found = self._look_up(ledger, table, item)
                        if found is Found.UNKNOWN and self._may_go(table, item):
                            batches.add(table, delete(self._key(table, item)))
                            deleted[table] += 1
                            continue
                        changed[table] += found is Found.CHANGED
                        extra[table] += found is Found.UNKNOWN and not self._is_passing(table, item)
                        survey.add(table, item)
                    bar.update(len(page))
        batches.flush()
        return Outcome(
            written=written,
            deleted=+deleted,
            missing=Counter(dict(ledger.missing())),
            changed=+changed,
            extra=+extra,
            problems=[
                *survey.problems(),
                *(
                    f"the seats of {slug} are not those of its orders"
                    for slug in survey.stale_stock()
                ),
            ],
        )

    def _look_up(self, ledger: KeyLedger, table: str, item: RawItem) -> Found:
        key = key_text(self._key(table, item))
        return ledger.look_up(table, key, *_fingerprint(table, item))

    def _may_go(self, table: str, item: RawItem) -> bool:
        return self._replace and self._is_replaceable(table, item)

    def _is_replaceable(self, table: str, item: RawItem) -> bool:
        if table in ONLY_ADDED_TO:
            return False
        return not (self._is_passing(table, item) or item.get("slug") == {"S": TOTALS_KEY})

    def _is_passing(self, table: str, item: RawItem) -> bool:
        """Tell whether an item may be gone the next moment, or have come, or be another: a note of
        the timer's, or what has expired, which DynamoDB removes when it likes to.
        """
        if (table == INDEX and text(item, "term").startswith("#")) or (
            table == ORDERS and text(item, "id").startswith("#")
        ):
            return True
        expires = self._backup.header.tables[table].time_to_live
        return expires in item and int(item[str(expires)]["N"]) < time.time() + _SOON_SECONDS

    def _key(self, table: str, item: RawItem) -> RawItem:
        return self._backup.header.tables[table].key_of(item)


def _is_no_content(table: str, item: RawItem) -> bool:
    """Tell whether an item is a counter, or a note of the timer's, which a new stage has too."""
    is_note = table == ORDERS and text(item, "id").startswith("#")
    return is_note or is_restoring(table, item) or item.get("slug") == {"S": TOTALS_KEY}


def _fingerprint(table: str, item: RawItem) -> tuple[bytes, int]:
    """Return what an item hashes to, but for the seats that selling moves, and its version."""
    version = int(item["version"]["N"]) if "version" in item else 0
    return digest(without_stock(table, item)), version
