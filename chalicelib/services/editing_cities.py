"""What admins do with cities."""

from dataclasses import dataclass

from chalicelib.domain.cities import City, public_city
from chalicelib.domain.clock import Clock
from chalicelib.services.ports import AuditLog, CityEntry, CityStore


@dataclass(frozen=True, slots=True)
class CityDraft:
    """A city as an admin sends it."""

    name: str
    slug: str
    country: str | None
    image_url: str | None
    alt: str


class CityEditor:
    """The use cases behind the admins' routes of cities."""

    def __init__(self, *, cities: CityStore, clock: Clock, log: AuditLog) -> None:
        self._cities = cities
        self._clock = clock
        self._log = log

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
        self._cities.create(city)
        self._log.audit("city_created", {"by": by, "city": city.slug, "cityId": city.id})
        return CityEntry.of(public_city(city), published_events=0)
