"""Taking a file of events in: each line adds an event, changes the one that has its slug, or leaves
it as it is. A line that is wrong stops no other, and a file that was taken in before, in whole or
in part, comes to the same result.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.domain.clock import Clock
from chalicelib.domain.events import EventRecord, EventStatus, seats
from chalicelib.errors import (
    CapacityTooLow,
    Conflict,
    EventsApiError,
    FieldProblem,
    InvalidInput,
    NotFound,
    Unavailable,
)
from chalicelib.services.auditing import Auditor
from chalicelib.services.editing_events import (
    EventDraft,
    EventEditor,
    Redescribe,
    ensure_in_future,
)
from chalicelib.services.transfer_lines import Described, ImportLine, ImportReport, Outcome

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog, CityStore, EventStore

# API Gateway waits 29 seconds for an answer. What is not done by then is left for another request.
BUDGET_SECONDS = 18.0
# So many lines are looked up and written together: as many as one BatchGetItem takes.
TOGETHER = 100

Timer = Callable[[], float]


@dataclass(frozen=True, slots=True)
class _New:
    """An event that is to be added, with the name of its city."""

    draft: EventDraft
    city: str


@dataclass(frozen=True, slots=True)
class _Planned:
    """What a line comes to: an event to add, one to change, or neither."""

    line: ImportLine
    outcome: Outcome
    problems: tuple[FieldProblem, ...] = ()
    new: _New | None = None
    change: tuple[str, Redescribe] | None = None


class EventImport:
    """The use cases behind the import of events."""

    def __init__(  # noqa: PLR0913 - a constructor lists what the use case is made of
        self,
        *,
        events: "EventStore",
        cities: "CityStore",
        editor: EventEditor,
        auditor: Auditor,
        clock: Clock,
        timer: Timer,
        log: "AuditLog",
    ) -> None:
        self._events = events
        self._cities = cities
        self._editor = editor
        self._auditor = auditor
        self._clock = clock
        self._timer = timer
        self._log = log

    def check(self, lines: Sequence[ImportLine], from_line: int) -> ImportReport:
        """Tell what the lines would come to, and write nothing; raises `Unavailable`."""
        ends = self._timer() + BUDGET_SECONDS
        return self._in_batches(lines, from_line, ends, lambda planned: planned)

    def run(self, lines: Sequence[ImportLine], from_line: int, by: str) -> ImportReport:
        """Take in the lines from a number on, as many as there is time for.

        Raises `Unavailable` where the store failed before anything was reported; later, the report
        ends where it failed.
        """
        ends = self._timer() + BUDGET_SECONDS
        report = self._in_batches(
            lines, from_line, ends, lambda planned: self._carried_out(planned, by, ends)
        )
        counts = {outcome.value: report.counts[outcome] for outcome in Outcome}
        told = {"by": by, "lines": counts, "nextLine": report.next_line}
        self._log.audit("events_imported", told)
        return report

    def _in_batches(
        self,
        lines: Sequence[ImportLine],
        from_line: int,
        ends: float,
        finish: Callable[[Sequence[_Planned]], Sequence[_Planned]],
    ) -> ImportReport:
        firsts = _first_lines(lines)
        left = [line for line in lines if line.number >= from_line]
        report = ImportReport()
        for start in range(0, len(left), TOGETHER):
            batch = left[start : start + TOGETHER]
            report.next_line = batch[0].number
            if start and self._timer() > ends:
                return report
            try:
                done = finish(self._plan(batch, firsts))
            except Unavailable:
                if not start:
                    raise
                return report
            for item in done:
                report.add(item.line, item.outcome, item.problems)
            if len(done) < len(batch):
                report.next_line = batch[len(done)].number
                return report
        report.next_line = None
        return report

    def _plan(self, batch: Sequence[ImportLine], firsts: Mapping[str, int]) -> list[_Planned]:
        """Compare lines with what is stored."""
        read = [_read(line, firsts) for line in batch]
        slugs = [item.draft.slug for item in read if isinstance(item, _Read)]
        events, cities, now = _Events(self._events, slugs), _Cities(self._cities), self._clock()
        return [
            _decided(line, item, events, cities, now)
            if isinstance(item, _Read)
            else _failed(line, item)
            for line, item in zip(batch, read, strict=True)
        ]

    def _carried_out(self, batch: Sequence[_Planned], by: str, ends: float) -> list[_Planned]:
        """Do what the lines come to; return the first of them, as many as there was time for.

        New events are added together, changes made one by one. What was added beyond the last line
        that is returned is found unchanged when its turn comes again.
        """
        refused = self._create([(item.line, item.new) for item in batch if item.new], by)
        done: list[_Planned] = []
        for item in batch:
            again = item.line.number in refused
            if done and (again or item.change) and self._timer() > ends:
                break
            done.append(self._again(item.line, by) if again else self._done(item, by))
        return done

    def _create(self, batch: Sequence[tuple[ImportLine, _New]], by: str) -> frozenset[int]:
        """Add new events; return the lines of those that something stood in the way of.

        Raises `Unavailable`; some may have been added then.
        """
        if not batch:
            return frozenset()
        now, ids = self._clock(), self._events.next_ids(len(batch))
        events = [
            new.draft.event(event_id=event_id, city=new.city, created_at=now, updated_at=now)
            for (_, new), event_id in zip(batch, ids, strict=True)
        ]
        entries = [self._auditor.of_event("event_created", by, None, event) for event in events]
        refusals = self._events.create_many(events, entries)
        for event, refusal in zip(events, refusals, strict=True):
            if refusal is None:
                told = {"by": by, "event": event.slug, "eventId": event.id}
                self._log.audit("event_created", told)
        for refusal in refusals:
            if isinstance(refusal, Unavailable):
                raise refusal
        return frozenset(
            line.number for (line, _), refusal in zip(batch, refusals, strict=True) if refusal
        )

    def _done(self, item: _Planned, by: str) -> _Planned:
        """Change the event where that is what the line comes to."""
        if item.change is None:
            return item
        slug, redescribe = item.change
        try:
            self._editor.change(slug, redescribe, None, by)
        except (InvalidInput, Conflict, NotFound) as error:
            return _failed(item.line, error)
        return item

    def _again(self, line: ImportLine, by: str) -> _Planned:
        """Do one line as a request of its own would, since somebody else was faster."""
        (item,) = self._plan([line], {})
        if item.new is None:
            return self._done(item, by)
        try:
            self._editor.add(item.new.draft, by)
        except (InvalidInput, Conflict) as error:
            return _failed(line, error)
        return item


class _Events:
    """The events that lines name, as they are stored."""

    def __init__(self, events: "EventStore", slugs: Sequence[str]) -> None:
        self._events = events
        self._known = events.get_many(slugs)

    def find(self, slug: str) -> EventRecord | None:
        """Return the event that has or had this slug."""
        return self._known.get(slug)

    def ensure_room(self, record: EventRecord, capacity: int | None) -> None:
        """Raise `CapacityTooLow` where more seats are taken than an event is to have."""
        fewer = seats(record.capacity) - seats(capacity)
        if fewer <= 0:
            return
        whole = self._events.whole(record, consistent=True)
        if whole.free < fewer:
            taken = whole.held + whole.sold
            raise CapacityTooLow(f"{taken} seats are sold or held: the capacity cannot be lower")


class _Cities:
    """The cities that lines name, each looked up once."""

    def __init__(self, cities: "CityStore") -> None:
        self._cities = cities
        self._found: dict[str, tuple[str, str] | None] = {}

    def find(self, slug: str) -> tuple[str, str]:
        """Return the slug and the name, as they are now, of the city that has or had this slug;
        raises `InvalidInput`.
        """
        if slug not in self._found:
            city = self._cities.get(slug)
            shown = {} if city is None else city.fields()
            self._found[slug] = (shown["slug"], shown["name"]) if shown else None
        found = self._found[slug]
        if found is None:
            raise InvalidInput.of("citySlug", "must be the slug of a city", "unknown_city")
        return found


@dataclass(frozen=True, slots=True)
class _Read:
    """A line that is in order by itself."""

    described: Described
    draft: EventDraft


def _read(line: ImportLine, firsts: Mapping[str, int]) -> _Read | InvalidInput:
    try:
        described = line.read()
        draft = described.draft()
    except InvalidInput as error:
        return error
    first = firsts.get(draft.slug, line.number)
    if first != line.number:
        return InvalidInput.of("slug", f"is that of line {first} already", "duplicate_slug")
    return _Read(described, draft)


def _first_lines(lines: Iterable[ImportLine]) -> dict[str, int]:
    """Return the line that each slug stands in first."""
    firsts: dict[str, int] = {}
    for line in lines:
        if line.slug is not None:
            firsts.setdefault(line.slug, line.number)
    return firsts


def _decided(
    line: ImportLine,
    read: _Read,
    events: _Events,
    cities: _Cities,
    now: datetime,
) -> _Planned:
    record = events.find(read.draft.slug)
    try:
        if record is None:
            return _Planned(line, Outcome.CREATED, new=_new(read.draft, cities, now))
        if not _changes(read, record, events, cities):
            return _Planned(line, Outcome.UNCHANGED)
    except (InvalidInput, Conflict) as error:
        return _failed(line, error)
    change = (read.draft.slug, read.described.applied_to)
    return _Planned(line, Outcome.UPDATED, change=change)


def _new(draft: EventDraft, cities: _Cities, now: datetime) -> _New:
    if draft.status is EventStatus.CANCELLED:
        raise InvalidInput.of("status", "must be draft or published", "literal_error")
    ensure_in_future(draft, now)
    city_slug, city = cities.find(draft.city_slug)
    return _New(replace(draft, city_slug=city_slug), city)


def _changes(read: _Read, record: EventRecord, events: _Events, cities: _Cities) -> bool:
    """Tell whether the line changes the event; raises what would stand in the way of the change, so
    that a check finds it too.
    """
    if record.slug != read.draft.slug:
        raise InvalidInput.of("slug", f"is a former slug of {record.slug}; use that", "slug_moved")
    event = record.described()
    before, after = EventDraft.of(event), read.described.applied_to(event)
    if after.city_slug != before.city_slug:
        after = replace(after, city_slug=cities.find(after.city_slug)[0])
    if after == before:
        return False
    _ensure_status_may_follow(before.status, after.status)
    events.ensure_room(record, after.capacity)
    return True


def _ensure_status_may_follow(before: EventStatus, after: EventStatus) -> None:
    """Raise `InvalidInput` on the way to cancelled and back: cancelling gives tickets back, which
    is more than a line of a file may do, and nothing takes them again.
    """
    if before is after:
        return
    if before is EventStatus.CANCELLED:
        raise InvalidInput.of("status", "is cancelled and stays so", "event_cancelled")
    if after is EventStatus.CANCELLED:
        raise InvalidInput.of("status", "cannot become cancelled by a file", "event_not_cancelled")


def _failed(line: ImportLine, error: EventsApiError) -> _Planned:
    return _Planned(line, Outcome.FAILED, _problems(error))


def _problems(error: EventsApiError) -> tuple[FieldProblem, ...]:
    if isinstance(error, InvalidInput):
        return error.problems
    if isinstance(error, CapacityTooLow):
        return (FieldProblem("capacity", str(error), "capacity_too_low"),)
    return (FieldProblem("", str(error), "conflict"),)
