"""The words that events are found by: an entry for each word of each event, in the index table.

An event may have hundreds of words, more than one transaction takes. So the transaction that
changes an event leaves a mark, "the words of this event are not in step"; the entries are written
after it, then the mark is removed. Whoever searches looks at the marked events themselves and not
at their entries. If the writer dies in between, the mark stays until the next writer of the event
or the timer finishes the work, and no search has shown anything wrong.

A word's entry: the term is `w#` and the word's first letter, the entry the word, a tab and the
event's id, and `facts` are the event's. A mark: its term is `#marks`, its entry the event's id,
`slug` the event's, `words` those that entries may exist of, `since` when it was left, `token` whose
it is.
"""

import random
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pynamodb.connection.base import Connection
from pynamodb.exceptions import DeleteError, PutError
from pynamodb.expressions.condition import Condition

from chalicelib.domain.clock import from_iso, to_iso, utc_now
from chalicelib.domain.event_facts import EventFacts, event_words, id_text
from chalicelib.domain.events import Event
from chalicelib.errors import Unavailable
from chalicelib.store.connection import code_of, unavailable
from chalicelib.store.models import IndexEntryModel
from chalicelib.store.reading import RawItem, query_raw, text
from chalicelib.store.transactions import ConditionFailed, Put, Transaction
from chalicelib.store.writing import BATCH, write_many

MARKS = "#marks"
_WORDS = "w#"
# A writer stops long before another one may take its work over: longer than any request lives.
GIVE_UP_AFTER = timedelta(seconds=8)
TAKEN_OVER_AFTER = timedelta(seconds=20)
# While another writer is at the same event. Its work takes some hundredths of a second.
_PATIENCE_SECONDS = 3.0
_PAUSE_SECONDS = 0.05


def word_term(word: str) -> str:
    """Return the partition that a word's entries are in, and those of every word it begins."""
    return f"{_WORDS}{word[0]}"


def is_word_term(term: str) -> bool:
    """Tell whether a partition is one of words' entries."""
    return term.startswith(_WORDS)


def word_entry(word: str, event_id: str) -> str:
    """Return the key of an event's entry; a folded word has no tab."""
    return f"{word}\t{event_id}"


@dataclass(frozen=True, slots=True)
class Mark:
    """That the entries of an event are not in step. `words` are those that may have an entry."""

    event_id: int
    slug: str
    words: frozenset[str]
    since: datetime
    token: str = field(default_factory=lambda: str(uuid.uuid4()))

    @classmethod
    def of(cls, event: Event, words: frozenset[str]) -> "Mark":
        """Return a mark, left now."""
        return cls(event.id, event.slug, words, utc_now())

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody can be working at it any more."""
        return utc_now() > self.since + TAKEN_OVER_AFTER

    def put(self, condition: Condition) -> Put:
        """Return the write that leaves the mark."""
        return Put("mark", self.item(), condition)

    def item(self) -> IndexEntryModel:
        """Return the mark as it is stored."""
        return IndexEntryModel(
            MARKS,
            id_text(self.event_id),
            slug=self.slug,
            words=" ".join(sorted(self.words)),
            since=to_iso(self.since),
            token=self.token,
        )

    @classmethod
    def read(cls, item: RawItem) -> "Mark":
        """Return the mark of an item."""
        return cls(
            event_id=int(text(item, "entry")),
            slug=text(item, "slug"),
            words=frozenset(text(item, "words").split()),
            since=from_iso(text(item, "since")),
            token=text(item, "token"),
        )


class WordIndex:
    """Keeps the words' entries in step with the events."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._table = IndexEntryModel.Meta.table_name

    def commit(self, mark: Mark, build: Callable[[Put], Transaction], after: Event | None) -> None:
        """Make a transaction that changes an event and leaves the mark; bring its words in step.

        Raises `ConditionFailed` for conditions other than the mark's, or `Unavailable`, also where
        another writer stays at the same event. `after` is the event as it is then, None where it is
        gone. That the words could not be brought in step is no failure: the mark says so.
        """
        condition: Condition = IndexEntryModel.entry.does_not_exist()
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                build(mark.put(condition)).commit()
            except ConditionFailed as failed:
                if failed.labels != {"mark"}:
                    raise
                mark, condition = self._after_another_writer(mark, deadline)
            else:
                self.bring_in_step(mark, after)
                return

    def _after_another_writer(self, mark: Mark, deadline: float) -> tuple[Mark, Condition]:
        """Wait for the writer whose mark is in the way, or take over what it left undone."""
        other = self.mark_of(mark.event_id)
        if other is not None and other.is_abandoned:
            both = replace(mark, words=mark.words | other.words, since=utc_now())
            return both, IndexEntryModel.token == other.token
        if time.monotonic() > deadline:
            raise Unavailable("this event is being changed by somebody else right now; try again")
        time.sleep(random.uniform(0, _PAUSE_SECONDS))  # noqa: S311 - jitter is no secret
        return replace(mark, since=utc_now()), IndexEntryModel.entry.does_not_exist()

    def bring_in_step(self, mark: Mark, event: Event | None) -> bool:
        """Write the entries that the event should have, delete the others, remove the mark.

        Returns whether it was done; if not, the mark stays, and with it the work.
        """
        try:
            for batch in self._batches(mark, event):
                if utc_now() > mark.since + GIVE_UP_AFTER:
                    return False
                write_many(self._connection, self._table, *batch)
            self._remove(mark)
        except Unavailable:
            return False
        return True

    def _batches(
        self, mark: Mark, event: Event | None
    ) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
        """Yield the entries to put and the keys to delete, as many as one call takes."""
        event_id = id_text(mark.event_id)
        wanted = frozenset() if event is None else event_words(event)
        puts = [] if event is None else _entries(event, wanted)
        gone = [
            {"term": word_term(word), "entry": word_entry(word, event_id)}
            for word in sorted(mark.words - wanted)
        ]
        for start in range(0, len(puts), BATCH):
            yield puts[start : start + BATCH], []
        for start in range(0, len(gone), BATCH):
            yield [], gone[start : start + BATCH]

    def _remove(self, mark: Mark) -> None:
        try:
            self._connection.delete_item(
                self._table,
                MARKS,
                id_text(mark.event_id),
                condition=IndexEntryModel.token == mark.token,
            )
        except DeleteError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise unavailable(error) from error

    def marks(self) -> list[Mark]:
        """Return every mark, as of every write that was acknowledged."""
        return self._marks(None)

    def mark_of(self, event_id: int) -> Mark | None:
        """Return an event's mark, as of every write that was acknowledged."""
        found = self._marks(IndexEntryModel.entry == id_text(event_id))
        return found[0] if found else None

    def _marks(self, keys: Condition | None) -> list[Mark]:
        rows = query_raw(
            self._connection,
            self._table,
            None,
            MARKS,
            keys=keys,
            descending=False,
            limit=None,
            attributes=("entry", "slug", "words", "since", "token"),
            consistent=True,
        )
        return [Mark.read(row) for row in rows]

    def take_over(self, mark: Mark, words: frozenset[str] = frozenset()) -> Mark | None:
        """Make an abandoned mark one's own; None where somebody else was first."""
        own = Mark(mark.event_id, mark.slug, mark.words | words, utc_now())
        return own if self._leave(own, IndexEntryModel.token == mark.token) else None

    def leave(self, event_id: int, slug: str, words: frozenset[str]) -> Mark | None:
        """Mark an event without changing it; None where somebody is at it.

        Nobody can change the event from then on until the mark is removed, so it is read after.
        """
        mark = Mark(event_id, slug, words, utc_now())
        return mark if self._leave(mark, IndexEntryModel.entry.does_not_exist()) else None

    def _leave(self, mark: Mark, condition: Condition) -> bool:
        put = mark.put(condition)
        try:
            put.item.save(condition=condition)
        except PutError as error:
            if code_of(error) == "ConditionalCheckFailedException":
                return False
            raise unavailable(error) from error
        return True


def word_entries(event: Event) -> list[dict[str, Any]]:
    """Return the entries that an event should have, as plain attributes."""
    return _entries(event, event_words(event))


def _entries(event: Event, words: frozenset[str]) -> list[dict[str, Any]]:
    facts = EventFacts.of(event)
    line = facts.text()
    return [
        {"term": word_term(word), "entry": word_entry(word, facts.id), "facts": line}
        for word in sorted(words)
    ]
