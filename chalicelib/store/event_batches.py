"""Many new events at once: several in one transaction with the numbers that depend on them, their
words' entries written side by side. Each event is stored with the guarantees of a single one.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from pynamodb.connection.base import Connection
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path

from chalicelib.domain.audit import AuditEntry
from chalicelib.domain.clock import utc_now
from chalicelib.domain.event_facts import id_text
from chalicelib.domain.events import Event
from chalicelib.errors import EventsApiError, SlugTaken, SlugUnknown, Unavailable
from chalicelib.store.audit import audit_puts
from chalicelib.store.cities import EVENT_COUNTS
from chalicelib.store.day_counts import day_additions
from chalicelib.store.event_items import event_item
from chalicelib.store.models import CityModel, EventModel, IndexEntryModel
from chalicelib.store.totals import TOTALS_KEY, count_up
from chalicelib.store.transactions import ConditionFailed, Delete, Put, Transaction, Update
from chalicelib.store.word_index import GIVE_UP_AFTER, MARKS, Mark, word_entries
from chalicelib.store.writing import BATCH, write_many

# An event brings its item, its mark and its audit entry into a transaction and, where it shares
# nothing with the others, a city and two numbers of a day: 6 each, 97 with the totals. A
# transaction takes 100.
_TOGETHER = 16
# Writing words is waiting for DynamoDB, so a few threads do it side by side.
_WRITERS = 6


@dataclass(frozen=True, slots=True)
class _New:
    """A new event, its audit entry, and the mark that is left with it."""

    event: Event
    entry: AuditEntry | None
    mark: Mark

    @classmethod
    def of(cls, event: Event, entry: AuditEntry | None) -> "_New":
        return cls(event, entry, Mark.of(event, frozenset()))

    def once_more(self) -> "_New":
        """Return it with a mark that is left now."""
        return self.of(self.event, self.entry)

    @property
    def labels(self) -> dict[str, EventsApiError]:
        """What each condition that may fail would say of this event, by the write's label."""
        slug = self.event.slug
        return {
            f"event {slug}": SlugTaken(f"an event with the slug {slug} exists already"),
            f"city {self.event.city_slug}": SlugUnknown(
                "the event's city has just been changed or deleted; try again"
            ),
            f"mark {slug}": Unavailable("this event is being changed by somebody else right now"),
        }

    def refusal(self, failed: frozenset[str]) -> EventsApiError | None:
        """Return what stands in the event's way, where one of the failed labels is its own."""
        return next((error for label, error in self.labels.items() if label in failed), None)


@dataclass(slots=True)
class _Outcome:
    """What became of the events so far; those that are in neither are stored."""

    refused: dict[int, EventsApiError] = field(default_factory=dict)
    """By the event's id."""

    failure: Unavailable | None = None
    """Why nothing more was tried."""


class EventBatches:
    """Creates many events for `DynamoEventStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self, events: Sequence[Event], entries: Sequence[AuditEntry]
    ) -> list[EventsApiError | None]:
        """Store new events of different slugs and ids; return what stands in the way of each.

        None is an event that is stored; the others are `SlugTaken`, `SlugUnknown`, or, from the
        first one on for which the store could not be reached, `Unavailable`.
        """
        outcome = _Outcome()
        entry_of = {event.id: entry for event, entry in zip(events, entries, strict=bool(entries))}
        with ThreadPoolExecutor(_WRITERS, "words") as pool:
            writing = [
                pool.submit(self._bring_in_step, stored)
                for group in _groups(events)
                if (stored := self._store([_New.of(e, entry_of.get(e.id)) for e in group], outcome))
            ]
        for done in writing:
            done.result()
        return [outcome.refused.get(event.id) for event in events]

    def _store(self, group: Sequence[_New], outcome: _Outcome) -> list[_New]:
        """Store those of the group that nothing stands in the way of, in one transaction.

        DynamoDB names every condition that failed, so the second try is nearly always the last.
        """
        left = list(group)
        while left and outcome.failure is None:
            try:
                self._transaction(left).commit()
            except ConditionFailed as failed:
                refused = {new.event.id: new.refusal(failed.labels) for new in left}
                outcome.refused |= {key: error for key, error in refused.items() if error}
                left = [new.once_more() for new in left if refused[new.event.id] is None]
            except Unavailable as failure:
                outcome.failure = failure
            else:
                return left
        if outcome.failure is not None:
            outcome.refused |= dict.fromkeys((new.event.id for new in left), outcome.failure)
        return []

    def _transaction(self, group: Sequence[_New]) -> Transaction:
        free: Condition = EventModel.slug.does_not_exist()
        unmarked: Condition = IndexEntryModel.entry.does_not_exist()
        items = [Put(f"event {new.event.slug}", event_item(new.event), free) for new in group]
        marks = [Put(f"mark {new.event.slug}", new.mark.item(), unmarked) for new in group]
        return Transaction(
            self._connection,
            puts=[*items, *marks, *(put for new in group for put in audit_puts(new.entry))],
            updates=_number_updates([new.event for new in group]),
        )

    def _bring_in_step(self, group: Sequence[_New]) -> None:
        """Write the words' entries, then remove the marks; where it fails, they stay and say so."""
        entries = [entry for new in group for entry in word_entries(new.event)]
        give_up = min(new.mark.since for new in group) + GIVE_UP_AFTER
        try:
            for start in range(0, len(entries), BATCH):
                if utc_now() > give_up:
                    return
                write_many(
                    self._connection,
                    IndexEntryModel.Meta.table_name,
                    entries[start : start + BATCH],
                    [],
                )
            self._remove([new.mark for new in group])
        except Unavailable:
            return

    def _remove(self, marks: Sequence[Mark]) -> None:
        """Remove the marks that are still ours: who took one over removes it."""
        ours = {id_text(mark.event_id): mark for mark in marks}
        while ours:
            deletes = [
                Delete(entry, IndexEntryModel(MARKS, entry), IndexEntryModel.token == mark.token)
                for entry, mark in ours.items()
            ]
            try:
                Transaction(self._connection, deletes=deletes).commit()
            except ConditionFailed as failed:
                ours = {entry: mark for entry, mark in ours.items() if entry not in failed.labels}
            else:
                return


def _groups(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Yield what goes into one transaction: in it, a city can have one name only."""
    group: list[Event] = []
    cities: dict[str, str] = {}
    for event in events:
        known = cities.setdefault(event.city_slug, event.city)
        if len(group) == _TOGETHER or known != event.city:
            yield group
            group, cities = [], {event.city_slug: event.city}
        group.append(event)
    if group:
        yield group


def _number_updates(events: Sequence[Event]) -> list[Update]:
    """Return the changes of every number that goes with new events, one for each item."""
    totals = Counter(event.status for event in events)
    actions = [count_up(status.value, by) for status, by in totals.items()]
    return [
        *_city_updates(events),
        Update("totals", EventModel(TOTALS_KEY), actions),
        *day_additions(events),
    ]


def _city_updates(events: Sequence[Event]) -> Iterator[Update]:
    """Count the events of each city, which must exist and have the name that they show."""
    names = {event.city_slug: event.city for event in events}
    counts = Counter((event.city_slug, event.status) for event in events)
    for slug, name in names.items():
        exists: Condition = CityModel.slug.exists() & (CityModel.name == name)
        actions = [
            Path(EVENT_COUNTS[status]).add({"N": str(by)})
            for (city, status), by in counts.items()
            if city == slug
        ]
        yield Update(f"city {slug}", CityModel(slug), actions, exists)
