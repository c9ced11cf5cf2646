"""Cities: where events take place."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.domain.clock import to_iso


@dataclass(frozen=True, slots=True)
class City:
    """A city; `slug` is its public name and its key."""

    id: int
    name: str
    slug: str
    country: str | None
    image_url: str | None
    alt: str
    created_at: datetime
    updated_at: datetime


def public_city(city: City) -> dict[str, Any]:
    """Show a city as clients see it: its own keys, then the same values under the older names."""
    return {
        "id": city.id,
        "name": city.name,
        "slug": city.slug,
        "country": city.country,
        "imageUrl": city.image_url,
        "alt": city.alt,
        "createdAt": to_iso(city.created_at),
        "updatedAt": to_iso(city.updated_at),
        "city": city.name,
        "citySlug": city.slug,
        "url": city.image_url,
    }
