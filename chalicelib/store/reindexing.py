"""Making the words' entries anew, for whoever suspects them or has changed what a word is.

It reads both tables whole, so it is an operator's command and on no request's path. The API goes on
meanwhile: each event is marked while its entries are written.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pynamodb.connection.base import Connection
from pynamodb.exceptions import ScanError

from chalicelib.domain.event_facts import EventFacts, event_words
from chalicelib.domain.events import Event
from chalicelib.settings import StoreSettings
from chalicelib.store.connection import connect, unavailable
from chalicelib.store.events import DynamoEventStore
from chalicelib.store.models import EventModel, IndexEntryModel
from chalicelib.store.reading import RawItem, text
from chalicelib.store.stock import Stock
from chalicelib.store.word_index import WordIndex, is_word_term


@dataclass(frozen=True, slots=True)
class Reindexed:
    """One event whose entries were looked after; `done` is False where somebody was at it."""

    slug: str
    done: bool


class Reindexing:
    """Writes every event's entries, then deletes those that no event should have."""

    def __init__(self, connection: Connection, words: WordIndex, events: DynamoEventStore) -> None:
        self._connection = connection
        self._words = words
        self._events = events
        self._facts: dict[str, str] = {}
        # Tuples of interned words: sets of them would take ten times the memory.
        self._having: dict[str, tuple[str, ...]] = {}

    def events(self) -> Iterator[Reindexed]:
        """Write the entries of all events, one event after the other. Raises `Unavailable`."""
        for item in self._scan(EventModel.Meta.table_name, ("slug", "id", "facts")):
            if "facts" in item:
                facts = EventFacts.read(text(item, "facts"))
                yield Reindexed(facts.slug, self._bring_in_step(facts, frozenset()))

    def strays(self) -> Iterator[Reindexed]:
        """Delete the entries that `events`, which runs first, has not written or found.

        Such an entry may also be newer than that, so its event is looked at again, under a mark.
        Raises `Unavailable`.
        """
        strays: dict[EventFacts, set[str]] = defaultdict(set)
        for item in self._scan(IndexEntryModel.Meta.table_name, ("term", "entry", "facts")):
            if not is_word_term(text(item, "term")):
                continue
            word, _, event_id = text(item, "entry").partition("\t")
            if not self._is_known(event_id, word, text(item, "facts")):
                strays[EventFacts.read(text(item, "facts"))].add(word)
        for facts, words in strays.items():
            yield Reindexed(facts.slug, self._bring_in_step(facts, frozenset(words)))

    def _is_known(self, event_id: str, word: str, facts: str) -> bool:
        return self._facts.get(event_id) == facts and word in self._having[event_id]

    def _bring_in_step(self, facts: EventFacts, stale: frozenset[str]) -> bool:
        mark = self._words.leave(int(facts.id), facts.slug, stale)
        if mark is None:
            return False
        event = self._event(facts.slug, mark.event_id)
        if event is not None:
            self._facts[facts.id] = EventFacts.of(event).text()
            self._having[facts.id] = tuple(map(sys.intern, event_words(event)))
        return self._words.bring_in_step(mark, event)

    def _event(self, slug: str, event_id: int) -> Event | None:
        """Return the event wherever it is by now; another one may have its slug."""
        record = self._events.get(slug, consistent=True)
        if record is None or record.id != event_id:
            record = self._events.get_by_id(event_id)
        return None if record is None else record.described()

    def _scan(self, table: str, attributes: tuple[str, ...]) -> Iterator[RawItem]:
        start: Any = None
        while True:
            try:
                answer = self._connection.scan(
                    table,
                    attributes_to_get=list(attributes),
                    exclusive_start_key=start,
                    consistent_read=True,
                )
            except ScanError as error:
                raise unavailable(error) from error
            yield from answer.get("Items", ())
            start = answer.get("LastEvaluatedKey")
            if start is None:
                return


def open_reindexing(settings: StoreSettings) -> Reindexing:
    """Connect to the tables; nothing is sent until the work begins."""
    connection = connect(settings)
    words = WordIndex(connection)
    return Reindexing(connection, words, DynamoEventStore(connection, words, Stock(connection)))
