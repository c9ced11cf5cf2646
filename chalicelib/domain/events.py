"""Events and their stock of seats: what may be sold, and what clients see of it."""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from chalicelib.domain.clock import from_iso, to_iso
from chalicelib.domain.money import to_major
from chalicelib.errors import SalesClosed, SoldOut

# The stock of an event without a capacity: more seats than can ever be asked for, so that one
# rule (`free >= quantity`) serves both kinds.
UNLIMITED_SEATS = 10**12


class EventStatus(StrEnum):
    """A draft is not public yet; a cancelled event stays, for its orders' sake."""

    DRAFT = "draft"
    PUBLISHED = "published"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Event:
    """An event as an admin describes it. `price` is in minor units of `currency`, `date` in UTC.

    `capacity` is the number of seats, or None for no limit.
    """

    id: int
    name: str
    slug: str
    city: str
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
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event as it is stored: its public JSON text, and the few fields that rules look at.

    `free + held + sold` is the capacity (or `UNLIMITED_SEATS` where `capacity` is None).
    `former_slugs` lead here too, latest first.

    The stock of an event with `places` is spread over so many beside the event's own item
    (`stock_places`). Until `is_whole`, free, held and sold are those of that item alone;
    `EventStore.whole` adds the others. What does not add up by itself is not whole either: it has
    places that it does not tell of.
    """

    public: str
    id: int
    slug: str
    status: EventStatus
    date: datetime
    price: int
    currency: str
    capacity: int | None
    free: int
    held: int
    sold: int
    former_slugs: tuple[str, ...] = ()
    places: int = 0
    is_whole: bool = True

    @property
    def adds_up(self) -> bool:
        """Whether these seats are all that there are to be."""
        return self.free + self.held + self.sold == seats(self.capacity)

    @property
    def name(self) -> str:
        """The event's name, out of its public JSON."""
        name: str = json.loads(self.public)["name"]
        return name

    @property
    def available(self) -> int | None:
        """How many seats are free, or None for no limit."""
        return None if self.capacity is None else max(self.free, 0)

    def public_with_stock(self) -> str:
        """Return the public JSON text with `available` added: seats free, or null for no limit."""
        return f'{self.public[:-1]},"available":{json.dumps(self.available)}}}'

    def public_for_admins(self) -> str:
        """Return the public JSON text with the whole stock: `available`, `held` and `sold`."""
        stock = f'"available":{json.dumps(self.available)},"held":{self.held},"sold":{self.sold}'
        return f"{self.public[:-1]},{stock}}}"

    def described(self) -> Event:
        """Return the event as its admin described it."""
        shown = json.loads(self.public)
        return Event(
            id=self.id,
            name=shown["name"],
            slug=self.slug,
            city=shown["city"],
            city_slug=shown["citySlug"],
            location=shown["location"],
            date=self.date,
            organizer_name=shown["organizerName"],
            image_url=shown["imageUrl"],
            alt=shown["alt"],
            description=shown["description"],
            price=self.price,
            currency=self.currency,
            status=self.status,
            capacity=self.capacity,
            created_at=from_iso(shown["createdAt"]),
            updated_at=from_iso(shown["updatedAt"]),
        )

    def ensure_on_sale(self, quantity: int, now: datetime) -> None:
        """Raise `SalesClosed` or `SoldOut` unless `quantity` seats may be sold at `now`. Where not
        all of the stock is known, whether it is sold out is not.
        """
        if self.status is not EventStatus.PUBLISHED:
            raise SalesClosed("tickets for this event are not on sale")
        if self.date <= now:
            raise SalesClosed("this event has already taken place")
        if self.is_whole and self.free < quantity:
            left = "1 seat is" if self.free == 1 else f"{self.free} seats are"
            raise SoldOut("this event is sold out" if self.free <= 0 else f"only {left} left")


def seats(capacity: int | None) -> int:
    """Return the stock that an event of this capacity starts with."""
    return UNLIMITED_SEATS if capacity is None else capacity


def new_record(event: Event) -> EventRecord:
    """Return an event as it is stored at first: all its seats free."""
    return EventRecord(
        public=public_event(event),
        id=event.id,
        slug=event.slug,
        status=event.status,
        date=event.date,
        price=event.price,
        currency=event.currency,
        capacity=event.capacity,
        free=seats(event.capacity),
        held=0,
        sold=0,
    )


def public_event(event: Event) -> str:
    """Write the event's public JSON text, as lists send it (without `available`)."""
    shown: dict[str, Any] = {
        "id": event.id,
        "name": event.name,
        "slug": event.slug,
        "city": event.city,
        "citySlug": event.city_slug,
        "location": event.location,
        "date": to_iso(event.date),
        "organizerName": event.organizer_name,
        "imageUrl": event.image_url,
        "alt": event.alt,
        "description": event.description,
        "price": to_major(event.price, event.currency),
        "currency": event.currency,
        "status": event.status.value,
        "capacity": event.capacity,
        "createdAt": to_iso(event.created_at),
        "updatedAt": to_iso(event.updated_at),
    }
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
