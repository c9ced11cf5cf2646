"""The audit trail: which admin changed what, when, from what to what. An entry is never changed.

It is kept for good, so it holds no personal data of buyers and no free text about them: of an
order it names the id, and the order's own history tells the rest.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from chalicelib.domain.cities import City, public_city
from chalicelib.domain.clock import to_iso
from chalicelib.domain.events import Event, public_event

# Who acts where nobody is signed in: a command on the operator's own machine.
SYSTEM_ROLE = "system"

# What is in a public form, and no admin describes: who and when is said by the entry itself, and a
# city has some of its values twice.
_NOT_DESCRIBED = frozenset({"id", "createdAt", "updatedAt"})
_OLDER_NAMES = frozenset({"city", "citySlug", "url"})


class SubjectKind(StrEnum):
    """What can be changed by an admin."""

    EVENT = "event"
    CITY = "city"
    ORDER = "order"
    DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Subject:
    """What was changed. `slug` is its public name at that time, where it has one."""

    kind: SubjectKind
    id: str
    slug: str | None = None

    @property
    def key(self) -> str:
        """What it is found by: stays the same when its slug changes."""
        return f"{self.kind}#{self.id}"

    @classmethod
    def event(cls, event_id: int, slug: str) -> "Subject":
        """Return the subject that an event is."""
        return cls(SubjectKind.EVENT, str(event_id), slug)

    @classmethod
    def city(cls, city_id: int, slug: str) -> "Subject":
        """Return the subject that a city is."""
        return cls(SubjectKind.CITY, str(city_id), slug)

    @classmethod
    def order(cls, order_id: str) -> "Subject":
        """Return the subject that an order is."""
        return cls(SubjectKind.ORDER, order_id)


DATABASE = Subject(SubjectKind.DATABASE, "all")


@dataclass(frozen=True, slots=True)
class Change:
    """A field's value before and after; None is no value."""

    before: Any
    after: Any


Changes = Mapping[str, Change]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """That `actor` (a user's id) did `action` to `subject`.

    `id` sorts by time and is unique. `details` are plain values, for what is no change of a field.
    """

    id: str
    at: datetime
    actor: str
    role: str
    action: str
    subject: Subject
    request_id: str | None
    changes: Changes = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def public(self) -> str:
        """The entry as admins are shown it, as JSON text."""
        shown = {
            "id": self.id,
            "at": to_iso(self.at),
            "actor": {"userId": self.actor, "role": self.role},
            "action": self.action,
            "subject": {
                "kind": self.subject.kind.value,
                "id": self.subject.id,
                "slug": self.subject.slug,
            },
            "requestId": self.request_id,
            "changes": {
                name: {"from": change.before, "to": change.after}
                for name, change in self.changes.items()
            },
            "details": dict(self.details),
        }
        return json.dumps(shown, ensure_ascii=False, separators=(",", ":"))


def entry_id(at: datetime, token: str) -> str:
    """Return the id of an entry made at a time; the token tells it from others of the moment."""
    return f"{to_iso(at)}_{token}"


def event_changes(before: Event | None, after: Event | None) -> Changes:
    """Return which fields of an event changed; None is before there was one, or after."""
    return _changes(_event_fields(before), _event_fields(after))


def _event_fields(event: Event | None) -> dict[str, Any]:
    shown: dict[str, Any] = {} if event is None else json.loads(public_event(event))
    return {name: value for name, value in shown.items() if name not in _NOT_DESCRIBED}


def city_changes(before: City | None, after: City | None) -> Changes:
    """Return which fields of a city changed; None is before there was one, or after."""
    return _changes(_city_fields(before), _city_fields(after))


def _city_fields(city: City | None) -> dict[str, Any]:
    shown = {} if city is None else public_city(city)
    hidden = _NOT_DESCRIBED | _OLDER_NAMES
    return {name: value for name, value in shown.items() if name not in hidden}


def _changes(before: dict[str, Any], after: dict[str, Any]) -> Changes:
    return {
        name: Change(before.get(name), after.get(name))
        for name in before | after
        if before.get(name) != after.get(name)
    }
