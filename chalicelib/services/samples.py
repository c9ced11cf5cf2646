"""Sample data: what a stage for trying things out is filled with, and how it is emptied."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.audit import DATABASE
from chalicelib.domain.clock import Clock
from chalicelib.domain.events import EventStatus
from chalicelib.services.auditing import Auditor
from chalicelib.services.editing_cities import CityDraft, CityEditor
from chalicelib.services.editing_events import EventDraft, EventEditor
from chalicelib.services.sample_catalogue import CITIES, EVENTS, SampleEvent

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog, AuditTrail, Eraser


class SampleData:
    """The use cases behind the database's reset and truncation."""

    def __init__(  # noqa: PLR0913 - a constructor lists what the use case is made of
        self,
        *,
        events: EventEditor,
        cities: CityEditor,
        eraser: "Eraser",
        trail: "AuditTrail",
        auditor: Auditor,
        clock: Clock,
        log: "AuditLog",
    ) -> None:
        self._events = events
        self._cities = cities
        self._eraser = eraser
        self._trail = trail
        self._auditor = auditor
        self._clock = clock
        self._log = log

    def truncate(self, by: str) -> int:
        """Delete everything but the audit trail; return how many items that was.

        No transaction holds so much. So an entry before says that it begins, and one after that it
        is done: whatever is gone, there is an entry, and one without the other was cut off.
        """
        begun = self._auditor.entry("database_truncation_begun", DATABASE, by)
        self._trail.record(begun)
        erased = self._eraser.erase_everything()
        details = {"erased": erased}
        done = self._auditor.entry("database_truncated", DATABASE, by, details=details)
        self._trail.record(done)
        self._log.audit("database_truncated", {"by": by, "erased": erased})
        return erased

    def reset(self, by: str) -> tuple[int, int]:
        """Delete everything, then add the samples; return how many cities and events.

        Cut off in the middle, it leaves fewer samples; a repeat starts over.
        """
        self.truncate(by)
        return self.fill(by)

    def fill(self, by: str) -> tuple[int, int]:
        """Add the samples to empty tables; return how many cities and events."""
        for city in CITIES:
            self._cities.add(CityDraft(city.name, city.slug, city.country, None, city.name), by)
        today = self._clock()
        for event in EVENTS:
            self._events.add(_draft(event, today), by)
        return len(CITIES), len(EVENTS)


def _draft(event: SampleEvent, today: datetime) -> EventDraft:
    day = today.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return EventDraft(
        name=event.name,
        slug=event.slug,
        city_slug=event.city_slug,
        location=event.location,
        date=day + timedelta(days=event.days_ahead, hours=event.hour),
        organizer_name=event.organizer,
        image_url=None,
        alt=event.name,
        description=event.description,
        price=event.price,
        currency=event.currency,
        status=EventStatus.PUBLISHED,
        capacity=event.capacity,
    )
