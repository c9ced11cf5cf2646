"""Finding events by words: what a search costs follows what it finds, not what there is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pynamodb.connection.base import Connection

from chalicelib.domain.event_facts import EventFacts, id_text, public_words
from chalicelib.domain.text import begins_words
from chalicelib.errors import TooBroad
from chalicelib.store.models import EventModel, IndexEntryModel
from chalicelib.store.reading import RawItem, get_many_raw, query_raw, text
from chalicelib.store.word_index import WordIndex, word_term

# How many entries of a word are read before another word is tried, and by how much that grows.
_FIRST_LOOK, _GROWTH = 128, 4
# So few events are looked at themselves: one call, and the page shows them anyway.
_FEW = 100
# Reading an event costs about as much as reading this many entries.
_ENTRIES_FOR_AN_EVENT = 25
# So many entries are read for one search: some ten answers of DynamoDB, a second or two. Of events
# that have to be looked at themselves, as many as that time allows.
MOST_ENTRIES, MOST_EVENTS = 100_000, 5_000
# Above every character that a word can have.
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Found:
    """Events that have all the words: their facts, and the JSON of those that were looked at."""

    facts: Sequence[EventFacts]
    seen: Mapping[str, str] = field(default_factory=dict)
    """Public JSON texts by slug."""


class WordSearch:
    """Searches the words' entries that `word_index` keeps."""

    def __init__(self, connection: Connection, index: WordIndex) -> None:
        self._connection = connection
        self._index = index

    def find(self, words: Sequence[str]) -> Found:
        """Return the events, of every status, in which each of the words begins one.

        Raises `TooBroad` where that takes reading too much, and `Unavailable`.

        Entries of events that are marked count for nothing: those events are looked at themselves,
        after the entries were read, so that a write that was cut off shows nowhere.
        """
        found = self._by_entries(words)
        marks = self._index.marks()
        if not marks:
            return found
        marked = {id_text(mark.event_id) for mark in marks}
        facts, seen = self._looked_at((mark.slug for mark in marks), words)
        kept = [item for item in found.facts if item.id not in marked]
        return Found(kept + [item for item in facts if item.id in marked], {**found.seen, **seen})

    def _by_entries(self, words: Sequence[str]) -> Found:
        allowance = _Allowance(MOST_ENTRIES)
        entries = [_WordEntries(self._connection, word, allowance) for word in words]
        rarest = _rarest(entries)
        candidates = dict(rarest.found)
        others = [word for word in entries if word is not rarest]
        if not others or not candidates:
            return Found(tuple(candidates.values()))
        if len(candidates) > _FEW:
            enough = len(candidates) * _ENTRIES_FOR_AN_EVENT
            for other in others:
                other.read(min(enough, other.rows + allowance.left))
                if other.is_finished:
                    candidates = {key: candidates[key] for key in candidates.keys() & other.found}
            if all(other.is_finished for other in others):
                return Found(tuple(candidates.values()))
        if len(candidates) > MOST_EVENTS:
            raise TooBroad("this search finds too much")
        facts, seen = self._looked_at((item.slug for item in candidates.values()), words)
        return Found([item for item in facts if item.id in candidates], seen)

    def _looked_at(
        self, slugs: Iterable[str], words: Sequence[str]
    ) -> tuple[list[EventFacts], dict[str, str]]:
        """Return the facts and the JSON of those of the events that really have the words."""
        items = get_many_raw(
            self._connection,
            EventModel.Meta.table_name,
            slugs,
            ("slug", "public", "facts", "movedTo"),
            consistent=True,
        )
        items += get_many_raw(
            self._connection,
            EventModel.Meta.table_name,
            (text(item, "movedTo") for item in items if "movedTo" in item),
            ("slug", "public", "facts"),
            consistent=True,
        )
        having = [item for item in items if "public" in item and _has(item, words)]
        return (
            [EventFacts.read(text(item, "facts")) for item in having],
            {text(item, "slug"): text(item, "public") for item in having},
        )


def _has(item: RawItem, words: Sequence[str]) -> bool:
    return begins_words(words, public_words(text(item, "public")))


def _rarest(entries: Sequence["_WordEntries"]) -> "_WordEntries":
    """Return a word whose entries were all read: the first to come to its end when all are read
    side by side. None has far fewer.
    """
    if len(entries) == 1:
        entries[0].read(None)
        return entries[0]
    limit = _FIRST_LOOK
    while True:
        for word in entries:
            word.read(limit)
            if word.is_finished:
                return word
        limit *= _GROWTH


class _Allowance:
    """How many entries may still be read for a search, of all its words together."""

    def __init__(self, entries: int) -> None:
        self.left = entries

    def spend(self, entries: int) -> None:
        """Count entries that were read; raises `TooBroad` for more than there may be."""
        self.left -= entries
        if self.left < 0:
            raise TooBroad("this search finds too much")


class _WordEntries:
    """The entries of the words that one word begins, read as far as they are needed."""

    def __init__(self, connection: Connection, word: str, allowance: _Allowance) -> None:
        self._connection = connection
        self._word = word
        self._allowance = allowance
        self._next = word
        self.rows = 0
        self.found: dict[str, EventFacts] = {}
        self.is_finished = False

    def read(self, limit: int | None) -> None:
        """Read until there were so many entries, or all."""
        # One more than may be read tells whether there is more.
        most = self._allowance.left + 1
        wanted = most if limit is None else min(limit - self.rows, most)
        if self.is_finished or wanted <= 0:
            return
        rows = query_raw(
            self._connection,
            IndexEntryModel.Meta.table_name,
            None,
            word_term(self._word),
            keys=IndexEntryModel.entry.between(self._next, self._word + _LAST),
            descending=False,
            limit=wanted,
            attributes=("entry", "facts"),
        )
        self._allowance.spend(len(rows))
        self.rows += len(rows)
        self.is_finished = len(rows) < wanted
        for row in rows:
            facts = EventFacts.read(text(row, "facts"))
            self.found[facts.id] = facts
        if rows:
            # No entry begins with another one, so this lies between the last and the next.
            self._next = text(rows[-1], "entry") + " "
