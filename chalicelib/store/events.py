"""Events in DynamoDB: each change in one transaction with the numbers that depend on it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pynamodb.connection.base import Connection
from pynamodb.expressions.update import Action

from chalicelib.domain.audit import AuditEntry
from chalicelib.domain.event_facts import event_words
from chalicelib.domain.events import Event, EventRecord, EventStatus, seats
from chalicelib.errors import (
    Changed,
    EventsApiError,
    InUse,
    SlugTaken,
    SlugUnknown,
)
from chalicelib.store.audit import audit_puts
from chalicelib.store.cancellations import cancellation_put
from chalicelib.store.cities import event_count_updates
from chalicelib.store.day_counts import day_updates
from chalicelib.store.event_batches import EventBatches
from chalicelib.store.event_items import (
    description,
    event_item,
    moved_item,
    stocked_item,
    unchanged,
)
from chalicelib.store.event_lists import EventLists
from chalicelib.store.event_reading import EventReader
from chalicelib.store.models import EventModel, MovedEventModel
from chalicelib.store.stock import Stock, capacity_too_low
from chalicelib.store.totals import TOTALS_KEY, count_up, next_id, next_ids
from chalicelib.store.transactions import ConditionFailed, Delete, Put, Transaction, Update
from chalicelib.store.word_index import Mark, WordIndex
from chalicelib.store.word_search import WordSearch

# So many former slugs of an event are kept; the oldest one is given up for another.
_FORMER_SLUGS = 10


class DynamoEventStore(EventReader):
    """`services.ports.EventStore` on DynamoDB."""

    def __init__(self, connection: Connection, words: WordIndex, stock: Stock) -> None:
        lists = EventLists(connection, WordSearch(connection, words))
        super().__init__(connection, lambda: lists, lambda: stock)
        self._stock = stock
        self._words = words
        self._batches = EventBatches(connection)

    def next_id(self) -> int:
        """Return an id that was never given out before."""
        return next_id(self._connection, self._table)

    def next_ids(self, count: int) -> Sequence[int]:
        """Return so many ids that were never given out before."""
        return next_ids(self._connection, self._table, count)

    def create(self, event: Event, entry: AuditEntry | None = None) -> None:
        """Store a new event; raises `SlugTaken`, or `SlugUnknown` if its city is not (any more) as
        the event names it.

        One transaction: the event if its slug is free, one more event for its city if that
        exists, one more in the total and on its day, and the entry of the audit trail.
        """
        put = Put("event", event_item(event), EventModel.slug.does_not_exist())
        try:
            self._words.commit(
                Mark.of(event, frozenset()),
                lambda mark: Transaction(
                    self._connection,
                    puts=[put, mark, *audit_puts(entry)],
                    updates=_number_updates(None, event),
                ),
                event,
            )
        except ConditionFailed as failed:
            raise _why_refused(failed, event) from failed
        # After a reset another event has had this id.
        self._stock.forget(event.id)

    def create_many(
        self, events: Sequence[Event], entries: Sequence[AuditEntry] = ()
    ) -> list[EventsApiError | None]:
        """Store new events of different slugs; return what stands in the way of each.

        None is an event that is stored; the others are `SlugTaken`, `SlugUnknown`, or, from the
        first one on for which the store could not be reached, `Unavailable`. `entries` are one for
        each event, stored with it, or none at all.
        """
        for event in events:
            self._stock.forget(event.id)
        return self._batches.create(events, entries)

    def replace(self, before: EventRecord, after: Event, entry: AuditEntry | None = None) -> None:
        """Describe an event anew; its seats stay sold, held and free, but for a new capacity.

        Its former slug keeps leading to it. Raises `Changed` if the event is not as `before` says,
        `SlugTaken`, `SlugUnknown` as `create` does, or `CapacityTooLow`.
        """
        described = before.described()
        mark = Mark.of(after, event_words(described))
        edit = self._stock.edit(before, after)
        updates = [*_number_updates(described, after), *edit.updates]
        noted = [*_cancellation_puts(before, after), *audit_puts(entry), *edit.puts]
        moves = before.slug != after.slug
        build = self._moved if moves else self._edited
        own = self._stock.own(before) if moves and before.places else before
        change = _Change(own, after, edit.own, edit.places)
        try:
            self._words.commit(mark, lambda put: build(change, [put, *noted], updates), after)
        except ConditionFailed as failed:
            raise self._why_not_replaced(failed, before, after) from failed
        self._stock.forget(before.id)

    def _edited(
        self, change: "_Change", notes: Sequence[Put], updates: Sequence[Update]
    ) -> Transaction:
        """Change the item where it is, while its seats go on being sold."""
        before, more = change.before, change.more_seats
        condition = unchanged(before)
        if more < 0:
            condition &= EventModel.free >= -more
        actions = _edits(change.after, more)
        if change.places != before.places:
            actions.append(EventModel.places.set(change.places))
        event = Update("event", EventModel(before.slug), actions, condition)
        return Transaction(self._connection, puts=notes, updates=[event, *updates])

    def _moved(
        self, change: "_Change", notes: Sequence[Put], updates: Sequence[Update]
    ) -> Transaction:
        """Store the item under its new slug, with its seats as they are, and leave the way there
        under its former ones.
        """
        before, after = change.before, change.after
        former = [slug for slug in before.former_slugs if slug != after.slug]
        kept, given_up = (before.slug, *former)[:_FORMER_SLUGS], former[_FORMER_SLUGS - 1 :]
        is_free = EventModel.slug.does_not_exist() | (MovedEventModel.event_id == before.id)
        same_stock = (EventModel.held == before.held) & (EventModel.sold == before.sold)
        others = [moved_item(slug, after) for slug in kept if slug != before.slug]
        return Transaction(
            self._connection,
            deletes=[Delete("former", EventModel(slug)) for slug in given_up],
            puts=[
                Put("slug", stocked_item(after, change.restocked(kept)), is_free),
                Put("event", moved_item(before.slug, after), unchanged(before) & same_stock),
                *(Put("former", item) for item in others),
                *notes,
            ],
            updates=updates,
        )

    def _why_not_replaced(
        self, failed: ConditionFailed, before: EventRecord, after: Event
    ) -> EventsApiError:
        if failed.labels & {"slug", "city"}:
            return _why_refused(failed, after)
        current = self.get(before.slug, consistent=True)
        if (
            current is None
            or self._stock.take_up(current)
            or (current.public, current.places) != (before.public, before.places)
            or before.slug != after.slug
        ):
            return Changed("this event was changed by somebody else at the same moment; try again")
        whole = self.whole(current, consistent=True)
        if whole.places and whole.free >= seats(before.capacity) - seats(after.capacity):
            return Changed("seats of this event were sold at the same moment; try again")
        return capacity_too_low(whole)

    def delete(self, record: EventRecord, entry: AuditEntry | None = None) -> None:
        """Delete an event; raises `Changed`, or `InUse` while seats are sold or held."""
        if self._stock.take_up(record):
            raise self._why_not_deleted(record)
        event = record.described()
        idle = (EventModel.sold == 0) & (EventModel.held == 0)
        deletes = [
            Delete("event", EventModel(record.slug), unchanged(record) & idle),
            *self._stock.deletes(record),
            *(Delete("former", EventModel(slug)) for slug in record.former_slugs),
        ]
        try:
            self._words.commit(
                Mark.of(event, event_words(event)),
                lambda mark: Transaction(
                    self._connection,
                    deletes=deletes,
                    puts=[mark, *audit_puts(entry)],
                    updates=_number_updates(event, None),
                ),
                None,
            )
        except ConditionFailed as failed:
            raise self._why_not_deleted(record) from failed

    def _why_not_deleted(self, record: EventRecord) -> EventsApiError:
        found = self.get(record.slug, consistent=True)
        if found is not None and self._stock.take_up(found):
            found = self.get(record.slug, consistent=True)
        if found is not None and found.public == record.public:
            current = self.whole(found, consistent=True)
            if current.sold:
                return InUse("tickets of this event are sold; cancel it instead")
            if current.held:
                return InUse("seats of this event are held by open checkouts; try again later")
        return Changed("this event was changed by somebody else at the same moment; try again")


@dataclass(frozen=True, slots=True)
class _Change:
    """An event as it was read, with the stock of its own item; what it is to be described as; how
    many more seats that item is to have, and how many places the event.
    """

    before: EventRecord
    after: Event
    more_seats: int
    places: int

    def restocked(self, former_slugs: tuple[str, ...]) -> EventRecord:
        """Return the seats and former slugs of an event that moves; raises `CapacityTooLow`."""
        free = self.before.free + self.more_seats
        if free < 0:
            raise capacity_too_low(self.before)
        return replace(self.before, free=free, former_slugs=former_slugs, places=self.places)


def _cancellation_puts(before: EventRecord, after: Event) -> list[Put]:
    """Note that an event's orders have to be ended if this is what cancels it."""
    is_cancelled = after.status is EventStatus.CANCELLED
    return [cancellation_put(after)] if is_cancelled and before.status is not after.status else []


def _edits(after: Event, more_seats: int) -> list[Action]:
    attributes: dict[str, Any] = description(after)
    actions = [getattr(EventModel, name).set(value) for name, value in attributes.items()]
    if after.capacity is None:
        actions.append(EventModel.capacity.remove())
    else:
        actions.append(EventModel.capacity.set(after.capacity))
    if more_seats:
        actions.append(EventModel.free.add(more_seats))
    return actions


def _number_updates(before: Event | None, after: Event | None) -> list[Update]:
    """Return the changes of every number that goes with a change of an event."""
    old = {} if before is None else {before.status.value: -1}
    totals = dict(old)
    if after is not None:
        totals[after.status.value] = totals.get(after.status.value, 0) + 1
    changed = [count_up(name, by) for name, by in totals.items() if by]
    updates = [Update("totals", EventModel(TOTALS_KEY), changed)] if changed else []
    return [*event_count_updates(before, after), *updates, *day_updates(before, after)]


def _why_refused(failed: ConditionFailed, event: Event) -> EventsApiError:
    if failed.labels & {"event", "slug"}:
        return SlugTaken(f"an event with the slug {event.slug} exists already")
    return SlugUnknown("the event's city has just been changed or deleted; try again")
