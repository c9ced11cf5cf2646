"""Makes the entries of the audit trail. They are stored by whoever stores the change, with it."""

from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Any

from chalicelib.domain.audit import (
    SYSTEM_ROLE,
    AuditEntry,
    Changes,
    Subject,
    city_changes,
    entry_id,
    event_changes,
)
from chalicelib.domain.cities import City
from chalicelib.domain.clock import Clock
from chalicelib.domain.events import Event
from chalicelib.log_context import Bound


class Auditor:
    """Writes down who does something and in which request."""

    def __init__(self, clock: Clock, context: Callable[[], Bound]) -> None:
        self._clock = clock
        self._context = context

    def entry(
        self,
        action: str,
        subject: Subject,
        by: str,
        changes: Changes | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> AuditEntry:
        """Return an entry of now. `by` is the id of who does it."""
        now, context = self._clock(), self._context()
        return AuditEntry(
            id=entry_id(now, token_hex(8)),
            at=now,
            actor=by,
            role=context.role or SYSTEM_ROLE,
            action=action,
            subject=subject,
            request_id=context.request_id,
            changes=changes or {},
            details=details or {},
        )

    def of_event(
        self, action: str, by: str, before: Event | None, after: Event | None
    ) -> AuditEntry:
        """Return the entry of an event's change; one of the two is there."""
        event = after or before
        assert event is not None
        subject = Subject.event(event.id, event.slug)
        return self.entry(action, subject, by, event_changes(before, after))

    def of_city(self, action: str, by: str, before: City | None, after: City | None) -> AuditEntry:
        """Return the entry of a city's change; one of the two is there."""
        city = after or before
        assert city is not None
        return self.entry(action, Subject.city(city.id, city.slug), by, city_changes(before, after))
