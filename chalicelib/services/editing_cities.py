"""What admins do with cities."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from chalicelib.domain.cities import City, public_city
from chalicelib.domain.clock import Clock
from chalicelib.domain.revisions import changed_at, revision_of
from chalicelib.domain.slugs import is_slug
from chalicelib.errors import Changed, EventsApiError, NotFound, PreconditionFailed
from chalicelib.services.auditing import Auditor
from chalicelib.services.editing_events import Revisions
from chalicelib.services.port_types import CityEntry
from chalicelib.services.renames import Renames
from chalicelib.services.time_budget import Stopwatch, TimeBudget

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog, CityStore

# How often a change is made again to a city that somebody else changes at the same moment.
_TRIES = 5
# What an admin may wait for a new name to reach the city's events; the timer does the rest.
SECONDS_FOR_EVENTS = 3.0


@dataclass(frozen=True, slots=True)
class CityDraft:
    """A city as an admin sends it."""

    name: str
    slug: str
    country: str | None
    image_url: str | None
    alt: str

    @classmethod
    def of(cls, city: City) -> "CityDraft":
        """Return the draft that would describe this city."""
        return cls(**{name: getattr(city, name) for name in _DESCRIBED})


_DESCRIBED = tuple(field.name for field in fields(CityDraft))

# What a change makes of the city as it is now.
Redescribe = Callable[[City], CityDraft]


class CityEditor:
    """The use cases behind the admins' routes of cities."""

    def __init__(
        self,
        *,
        cities: "CityStore",
        renames: Renames,
        auditor: Auditor,
        clock: Clock,
        stopwatch: Stopwatch,
        log: "AuditLog",
    ) -> None:
        self._cities = cities
        self._renames = renames
        self._auditor = auditor
        self._clock = clock
        self._stopwatch = stopwatch
        self._log = log

    def get(self, slug: str) -> CityEntry:
        """Return the city that has or had this slug, as it is now; raises `NotFound`."""
        entry = self._cities.get(slug, consistent=True) if is_slug(slug) else None
        if entry is None:
            raise NotFound("no such city")
        return entry

    def add(self, draft: CityDraft, by: str) -> CityEntry:
        """Store a new city; raises `SlugTaken`."""
        now = self._clock()
        city = City(
            id=self._cities.next_id(),
            name=draft.name,
            slug=draft.slug,
            country=draft.country,
            image_url=draft.image_url,
            alt=draft.alt,
            created_at=now,
            updated_at=now,
        )
        self._cities.create(city, self._auditor.of_city("city_created", by, None, city))
        self._log.audit("city_created", {"by": by, "city": city.slug, "cityId": city.id})
        return CityEntry.of(public_city(city), published_events=0)

    def change(self, slug: str, redescribe: Redescribe, wanted: Revisions, by: str) -> CityEntry:
        """Describe a city anew and return it; what changes nothing is not written.

        A new name or slug reaches the city's events now, as many as there is time for, and the
        others by the timer. Where somebody else changes the city at the same moment, the change is
        made again to what they left, unless `wanted` says from which revisions it may be made.
        Raises `NotFound`, `PreconditionFailed`, `SlugTaken`, `InUse`, or `Conflict`.
        """
        for _ in range(_TRIES):
            entry = self.get(slug)
            _ensure_wanted(entry, wanted)
            try:
                return self._changed(entry, redescribe, by)
            except Changed:
                continue
        raise Changed("this city is being changed all the time; try again")

    def _changed(self, entry: CityEntry, redescribe: Redescribe, by: str) -> CityEntry:
        before = entry.described()
        draft = redescribe(before)
        names = [name for name in _DESCRIBED if getattr(before, name) != getattr(draft, name)]
        if not names:
            return entry
        after = City(
            id=before.id,
            name=draft.name,
            slug=draft.slug,
            country=draft.country,
            image_url=draft.image_url,
            alt=draft.alt,
            created_at=before.created_at,
            updated_at=changed_at(self._clock(), before.updated_at),
        )
        noted = self._auditor.of_city("city_changed", by, before, after)
        self._cities.replace(entry, after, noted)
        self._log.audit(
            "city_changed", {"by": by, "city": after.slug, "cityId": after.id, "changed": names}
        )
        if "name" in names or "slug" in names:
            self._have_events_follow(after)
        return CityEntry.of(public_city(after), entry.published_events)

    def _have_events_follow(self, city: City) -> None:
        """Bring the change to the city's events. That it cannot be done now is no failure: the
        timer knows.
        """
        budget = TimeBudget.of(SECONDS_FOR_EVENTS, self._stopwatch)
        try:
            self._renames.follow(city.id, city.slug, budget)
        except EventsApiError:
            self._log.crash("events_wait_for_the_timer", {"city": city.slug, "cityId": city.id})

    def delete(self, slug: str, wanted: Revisions, by: str) -> None:
        """Delete a city; raises `NotFound`, `PreconditionFailed`, `InUse`, or `Changed`."""
        entry = self.get(slug)
        _ensure_wanted(entry, wanted)
        city = entry.described()
        self._cities.delete(entry, self._auditor.of_city("city_deleted", by, city, None))
        self._log.audit("city_deleted", {"by": by, "city": city.slug, "cityId": city.id})


def _ensure_wanted(entry: CityEntry, wanted: Revisions) -> None:
    if wanted is not None and revision_of(entry.public) not in wanted:
        raise PreconditionFailed("this city has been changed since; read it again")
