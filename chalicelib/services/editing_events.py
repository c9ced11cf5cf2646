"""What admins do with events."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.domain.clock import Clock
from chalicelib.domain.events import Event, EventRecord, EventStatus, new_record
from chalicelib.domain.revisions import changed_at, revision_of
from chalicelib.domain.slugs import is_slug
from chalicelib.errors import (
    Changed,
    Conflict,
    InvalidInput,
    NotFound,
    PreconditionFailed,
    SlugUnknown,
)
from chalicelib.services.auditing import Auditor

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog, CityStore, EventStore

# How often a change is made again to an event that somebody else changes at the same moment.
_TRIES = 5

# The revisions that a change may be made from; None is any.
Revisions = frozenset[str] | None


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event as an admin describes it, read and cleaned. `price` is in minor units of `currency`,
    `date` in UTC. `capacity` is None for no limit.
    """

    name: str
    slug: str
    city_slug: str
    location: str
    date: datetime
    organizer_name: str
    image_url: str | None
    alt: str
    description: str
    price: int
    currency: str
    status: EventStatus
    capacity: int | None

    @classmethod
    def of(cls, event: Event) -> "EventDraft":
        """Return the draft that would describe this event."""
        return cls(**{name: getattr(event, name) for name in _DESCRIBED})

    def event(
        self, *, event_id: int, city: str, created_at: datetime, updated_at: datetime
    ) -> Event:
        """Return the event that this describes; `city` is the name of its city."""
        described = {name: getattr(self, name) for name in _DESCRIBED}
        return Event(
            id=event_id, city=city, created_at=created_at, updated_at=updated_at, **described
        )


_DESCRIBED = tuple(field.name for field in fields(EventDraft))

# What a change makes of the event as it is now.
Redescribe = Callable[[Event], EventDraft]


class EventEditor:
    """The use cases behind the admins' routes of events."""

    def __init__(
        self,
        *,
        events: "EventStore",
        cities: "CityStore",
        auditor: Auditor,
        clock: Clock,
        log: "AuditLog",
    ) -> None:
        self._events = events
        self._cities = cities
        self._auditor = auditor
        self._clock = clock
        self._log = log

    def get(self, id_or_slug: str) -> EventRecord:
        """Return the event of an id (all digits) or slug, whatever its status, as it is now with
        all of its stock; raises `NotFound`.
        """
        return self._whole(self._found(id_or_slug))

    def _whole(self, record: EventRecord) -> EventRecord:
        return self._events.whole(record, consistent=True)

    def _found(self, id_or_slug: str) -> EventRecord:
        if id_or_slug.isascii() and id_or_slug.isdigit():
            record = self._events.get_by_id(int(id_or_slug[:20]))
        else:
            known = is_slug(id_or_slug)
            record = self._events.get(id_or_slug, consistent=True) if known else None
        if record is None:
            raise NotFound("no such event")
        return record

    def add(self, draft: EventDraft, by: str) -> EventRecord:
        """Store a new event; raises `SlugTaken`, or `InvalidInput` if its city does not exist or
        its date is past.
        """
        now = self._clock()
        ensure_in_future(draft, now)
        city_slug, city = self._city(draft.city_slug)
        event = replace(draft, city_slug=city_slug).event(
            event_id=self._events.next_id(), city=city, created_at=now, updated_at=now
        )
        self._events.create(event, self._auditor.of_event("event_created", by, None, event))
        self._log.audit("event_created", {"by": by, "event": event.slug, "eventId": event.id})
        return new_record(event)

    def change(
        self, id_or_slug: str, redescribe: Redescribe, wanted: Revisions, by: str
    ) -> EventRecord:
        """Describe an event anew and return it; what changes nothing is not written.

        Where somebody else changes the event at the same moment, the change is made again to what
        they left, unless `wanted` says from which revisions it may be made. Raises `NotFound`,
        `PreconditionFailed`, `SlugTaken`, `CapacityTooLow`, `InvalidInput`, or `Conflict`.
        """
        return self._change(id_or_slug, redescribe, wanted, by, "event_changed")

    def cancel(self, id_or_slug: str, wanted: Revisions, by: str) -> EventRecord:
        """Cancel an event and return it: nothing more of it is sold. One that is cancelled stays
        as it is.

        Its orders are ended by `services.cancelling`. Raises `NotFound`, `PreconditionFailed`, or
        `Conflict`.
        """

        def cancelled(event: Event) -> EventDraft:
            return replace(EventDraft.of(event), status=EventStatus.CANCELLED)

        return self._change(id_or_slug, cancelled, wanted, by, "event_cancelled")

    def _change(
        self, id_or_slug: str, redescribe: Redescribe, wanted: Revisions, by: str, action: str
    ) -> EventRecord:
        for _ in range(_TRIES):
            record = self._found(id_or_slug)
            _ensure_wanted(record, wanted)
            try:
                return self._changed(record, redescribe, by, action)
            except (Changed, SlugUnknown):
                # The event, or its city: what is there now is looked at again.
                continue
        raise Changed("this event is being changed all the time; try again")

    def _changed(
        self, record: EventRecord, redescribe: Redescribe, by: str, action: str
    ) -> EventRecord:
        before = record.described()
        draft, city = redescribe(before), before.city
        _ensure_status_may_follow(before.status, draft.status)
        if draft.city_slug != before.city_slug or draft.status is not before.status:
            # Where a city's numbers change, the event shows what it is called by then.
            city_slug, city = self._city(draft.city_slug)
            draft = replace(draft, city_slug=city_slug)
        names = [name for name in _DESCRIBED if getattr(before, name) != getattr(draft, name)]
        if not names:
            return self._whole(record)
        after = draft.event(
            event_id=before.id,
            city=city,
            created_at=before.created_at,
            updated_at=changed_at(self._clock(), before.updated_at),
        )
        self._events.replace(record, after, self._auditor.of_event(action, by, before, after))
        self._log.audit(
            action,
            {"by": by, "event": after.slug, "eventId": after.id, "changed": names},
        )
        return self.get(after.slug)

    def delete(self, id_or_slug: str, wanted: Revisions, by: str) -> None:
        """Delete an event; raises `NotFound`, `PreconditionFailed`, `InUse`, or `Changed`."""
        record = self._found(id_or_slug)
        _ensure_wanted(record, wanted)
        event = record.described()
        self._events.delete(record, self._auditor.of_event("event_deleted", by, event, None))
        self._log.audit("event_deleted", {"by": by, "event": record.slug, "eventId": record.id})

    def _city(self, slug: str) -> tuple[str, str]:
        """Return the slug and the name, as they are now, of the city that has or had this slug."""
        city = self._cities.get(slug, consistent=True)
        if city is None:
            raise InvalidInput.of("citySlug", "must be the slug of a city", "unknown_city")
        shown = city.fields()
        return shown["slug"], shown["name"]


def ensure_in_future(draft: EventDraft, now: datetime) -> None:
    """Raise `InvalidInput` where a new event would be past already."""
    if draft.date <= now:
        raise InvalidInput.of("date", "must be in the future", "date_in_past")


def _ensure_wanted(record: EventRecord, wanted: Revisions) -> None:
    if wanted is not None and revision_of(record.public) not in wanted:
        raise PreconditionFailed("this event has been changed since; read it again")


def _ensure_status_may_follow(before: EventStatus, after: EventStatus) -> None:
    if before is EventStatus.CANCELLED and after is not EventStatus.CANCELLED:
        raise Conflict("a cancelled event stays cancelled: its tickets are given back")
