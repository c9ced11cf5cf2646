"""The few facts of an event that lists filter and sort by, small enough to be kept many times over.

Every fact is text that sorts as its value does, so that nothing is converted when thousands are
compared.
"""

import json
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import NamedTuple

from chalicelib.domain.clock import to_iso
from chalicelib.domain.events import Event, public_event
from chalicelib.domain.html_text import plain_text
from chalicelib.domain.money import to_thousandths
from chalicelib.domain.text import fold_for_key, words

_SEPARATOR = "\t"
# Between a name and what follows it in a key: sorts before all that a folded name holds, so York is
# before York City.
NAME_END = "\t"
_MAX_PRICE_DIGITS = 14
# Beside the description, whose tags are no words.
_SEARCHED = ("name", "city", "citySlug", "location", "organizerName")


class EventOrder(StrEnum):
    """What events can be sorted by; ties are in order of the id (in a city: of the date first)."""

    DATE = "date"
    NAME = "name"
    PRICE = "price"
    CITY = "city"
    CREATED_AT = "createdAt"
    UPDATED_AT = "updatedAt"


class EventFacts(NamedTuple):
    """An event's facts: times as `to_iso` writes them, `price` in thousandths of major units, names
    folded, numbers with leading zeros.
    """

    id: str
    slug: str
    status: str
    city_slug: str
    city: str
    date: str
    price: str
    created_at: str
    updated_at: str
    name: str

    @classmethod
    def of(cls, event: Event) -> "EventFacts":
        """Return the facts of an event."""
        return cls(
            id=id_text(event.id),
            slug=event.slug,
            status=event.status.value,
            city_slug=event.city_slug,
            city=fold_for_key(event.city),
            date=to_iso(event.date),
            price=price_text(to_thousandths(event.price, event.currency)),
            created_at=to_iso(event.created_at),
            updated_at=to_iso(event.updated_at),
            name=fold_for_key(event.name),
        )

    @classmethod
    def of_public(cls, public: str) -> "EventFacts":
        """Return the facts of the event of a public JSON text."""
        shown = json.loads(public)
        return cls(
            id=id_text(shown["id"]),
            slug=shown["slug"],
            status=shown["status"],
            city_slug=shown["citySlug"],
            city=fold_for_key(shown["city"]),
            date=shown["date"],
            price=price_text(int(Decimal(str(shown["price"])) * 1000)),
            created_at=shown["createdAt"],
            updated_at=shown["updatedAt"],
            name=fold_for_key(shown["name"]),
        )

    @classmethod
    def read(cls, text: str) -> "EventFacts":
        """Read what `text` wrote."""
        return cls._make(text.split(_SEPARATOR))

    def text(self) -> str:
        """Write the facts as one line."""
        return _SEPARATOR.join(self)

    def sort_key(self, order: EventOrder) -> str:
        """Return what the event is sorted by: no two events have the same key."""
        return _SORT_KEYS[order](self)


_SORT_KEYS: dict[EventOrder, Callable[[EventFacts], str]] = {
    EventOrder.DATE: lambda facts: f"{facts.date}#{facts.id}",
    EventOrder.NAME: lambda facts: f"{facts.name}{NAME_END}#{facts.id}",
    EventOrder.PRICE: lambda facts: f"{facts.price}#{facts.id}",
    EventOrder.CITY: lambda facts: f"{facts.city}{NAME_END}{facts.date}#{facts.id}",
    EventOrder.CREATED_AT: lambda facts: f"{facts.created_at}#{facts.id}",
    EventOrder.UPDATED_AT: lambda facts: f"{facts.updated_at}#{facts.id}",
}


def key_of_public(public: str, order: EventOrder) -> str:
    """Return what the event of a public JSON text is sorted by."""
    return EventFacts.of_public(public).sort_key(order)


def id_text(event_id: int) -> str:
    """Write an id so that it sorts as its number does."""
    return f"{event_id:012d}"


def price_text(thousandths: int) -> str:
    """Write a price so that it sorts as its number does."""
    return f"{thousandths:0{_MAX_PRICE_DIGITS}d}"


def lowest_price(major: Decimal) -> str:
    """Return the lowest price that is not below an amount of major units."""
    return price_text(int((major * 1000).to_integral_value(ROUND_CEILING)))


def highest_price(major: Decimal) -> str:
    """Return the highest price that is not above an amount of major units."""
    return price_text(int((major * 1000).to_integral_value(ROUND_FLOOR)))


def event_words(event: Event) -> frozenset[str]:
    """Return the words that an event is found by."""
    return public_words(public_event(event))


def public_words(public: str) -> frozenset[str]:
    """Return the words that an event with this public JSON text is found by."""
    shown = json.loads(public)
    description = plain_text(shown["description"])
    return words(" ".join((*(shown[name] for name in _SEARCHED), description)))
