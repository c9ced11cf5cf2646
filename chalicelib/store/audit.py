"""The audit trail in DynamoDB. Entries are only ever put, each under a key that was free: functions
may neither change nor delete them.

The key is the subject and the entry's id, which begins with its time. Three indexes of keys find
entries by time, by actor, and a subject by a slug that it had.
"""

import heapq
from collections.abc import Iterable, Sequence
from itertools import islice

from pynamodb.connection.base import Connection
from pynamodb.exceptions import PutError
from pynamodb.expressions.condition import Condition

from chalicelib.domain.audit import AuditEntry, SubjectKind
from chalicelib.domain.clock import to_iso
from chalicelib.services.port_types import AuditQuery, Page
from chalicelib.store.connection import code_of, unavailable
from chalicelib.store.models import AuditModel
from chalicelib.store.patience import patiently
from chalicelib.store.reading import RawItem, get_many_raw, query_raw, text
from chalicelib.store.transactions import AUDIT, Put

# Every entry is in the index by time; one partition takes about 1,000 writes a second.
_SHARDS = tuple(str(shard) for shard in range(4))
# An actor's entries among a subject's are found by reading those. After so many a page ends,
# however short it is, and the next goes on from there.
_MOST_READ = 500
_READ_AT_A_TIME = 100
# Ids begin with a time, so all of them lie between these.
_FIRST, _LAST = "0", "~"


def audit_puts(entry: AuditEntry | None) -> list[Put]:
    """Return the write that adds an entry; none where nobody asked for the change."""
    return [] if entry is None else [audit_put(entry)]


def audit_put(entry: AuditEntry) -> Put:
    """Return the write that adds an entry, and changes none."""
    return Put(AUDIT, audit_item(entry), is_new_entry())


def is_new_entry() -> Condition:
    """Return what holds where no entry has this key yet."""
    condition: Condition = AuditModel.id.does_not_exist()
    return condition


def audit_item(entry: AuditEntry) -> AuditModel:
    """Return an entry as the table has it."""
    subject = entry.subject
    return AuditModel(
        subject.key,
        entry.id,
        shard=_SHARDS[sum(entry.id.encode()) % len(_SHARDS)],
        actor=entry.actor,
        named=_named(subject.kind, subject.slug) if subject.slug else None,
        public=entry.public,
    )


def _named(kind: SubjectKind, slug: str) -> str:
    return f"{kind}#{slug}"


class DynamoAuditTrail:
    """`services.ports.AuditTrail` on DynamoDB."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._table = AuditModel.Meta.table_name

    def record(self, entry: AuditEntry) -> None:
        """Add an entry of what cannot be one transaction with it; raises `Unavailable`.

        A repeat after a lost answer finds the entry there: then it is its own.
        """
        item = audit_item(entry)
        try:
            patiently(lambda: item.save(condition=is_new_entry()))
        except PutError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise unavailable(error) from error

    def subject_named(self, kind: SubjectKind, slug: str) -> str | None:
        """Return the key of the subject that had this slug last, one that is gone too."""
        rows = query_raw(
            self._connection,
            self._table,
            "by_slug",
            _named(kind, slug),
            keys=None,
            descending=True,
            limit=1,
            attributes=("subject",),
        )
        return text(rows[0], "subject") if rows else None

    def find(self, query: AuditQuery) -> Page:
        """Return a page of entries as JSON texts, latest first; the very latest may be missing,
        and of an actor's entries about a subject a page may be short although more follows.
        """
        found: list[RawItem] = []
        filters = query.subject is not None and query.actor is not None
        size = max(query.limit, _READ_AT_A_TIME) if filters else query.limit
        after, read = query.after, 0
        while read < _MOST_READ:
            rows = self._rows(query, after, size + 1)
            fitting = [row for row in rows[:size] if _is_by(row, query.actor)]
            room = query.limit - len(found)
            found += fitting[:room]
            if len(fitting) > room:
                return _page(found, text(found[-1], "id"))
            if len(rows) <= size:
                return _page(found, None)
            after, read = text(rows[size - 1], "id"), read + size
            if len(fitting) == room:
                break
        return _page(found, after)

    def _rows(self, query: AuditQuery, after: str | None, limit: int) -> list[RawItem]:
        """Return the next entries that the query's first filter finds."""
        if query.subject is not None:
            return self._query(None, query.subject, query, after, limit)
        if query.actor is not None:
            partitions = [self._query("by_actor", query.actor, query, after, limit)]
        else:
            partitions = [self._query("by_time", shard, query, after, limit) for shard in _SHARDS]
        merged: Iterable[RawItem] = heapq.merge(
            *partitions, key=lambda row: text(row, "id"), reverse=True
        )
        return self._whole(list(islice(merged, limit)))

    def _query(
        self, index: str | None, partition: str, query: AuditQuery, after: str | None, limit: int
    ) -> list[RawItem]:
        first = _FIRST if query.since is None else to_iso(query.since)
        last = _LAST if query.until is None else f"{to_iso(query.until)}{_LAST}"
        if after is not None:
            last = min(after, last)
        if last < first:
            return []
        rows = query_raw(
            self._connection,
            self._table,
            index,
            partition,
            keys=AuditModel.id.between(first, last),
            descending=True,
            # A key condition has no "from here, but not including it".
            limit=limit + 1,
            attributes=("subject", "id", "actor", "public") if index is None else ("subject", "id"),
            consistent=index is None,
        )
        return [row for row in rows if text(row, "id") != after][:limit]

    def _whole(self, rows: Sequence[RawItem]) -> list[RawItem]:
        """Return the entries of these keys, in their order."""
        keys = [(text(row, "subject"), text(row, "id")) for row in rows]
        items = get_many_raw(self._connection, self._table, keys, None, consistent=True)
        by_id = {text(item, "id"): item for item in items}
        return [by_id[entry] for _, entry in keys if entry in by_id]


def _is_by(row: RawItem, actor: str | None) -> bool:
    return actor is None or text(row, "actor") == actor


def _page(rows: Sequence[RawItem], next_after: str | None) -> Page:
    return Page(tuple(text(row, "public") for row in rows), next_after)
