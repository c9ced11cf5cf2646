"""How events are written as items, and read back."""

from typing import Any

from pynamodb.expressions.condition import Condition

from chalicelib.domain.clock import from_iso, to_iso
from chalicelib.domain.event_facts import EventFacts, EventOrder
from chalicelib.domain.events import (
    Event,
    EventRecord,
    EventStatus,
    new_record,
    public_event,
    seats,
)
from chalicelib.store.models import EventModel, MovedEventModel
from chalicelib.store.reading import RawItem, number, text


def status_city(status: EventStatus, city_slug: str) -> str:
    """Return the partition of a city's events in one status; a slug has no `#`."""
    return f"{status.value}#{city_slug}"


def event_item(event: Event) -> EventModel:
    """Return the item of a new event: all its seats free."""
    return stocked_item(event, new_record(event))


def stocked_item(event: Event, stock: EventRecord) -> EventModel:
    """Return the item of an event with a record's seats and former slugs."""
    return EventModel(
        event.slug,
        id=event.id,
        capacity=event.capacity,
        free=stock.free,
        held=stock.held,
        sold=stock.sold,
        former_slugs=" ".join(stock.former_slugs) or None,
        places=stock.places or None,
        **description(event),
    )


def description(event: Event) -> dict[str, Any]:
    """Return the attributes of an event's item that follow from its description alone, by their
    names in the model; the capacity, which may be None, is not among them.
    """
    facts = EventFacts.of(event)
    return {
        "status": facts.status,
        "status_city": status_city(event.status, event.city_slug),
        "date_key": facts.sort_key(EventOrder.DATE),
        "name_key": facts.sort_key(EventOrder.NAME),
        "price_key": facts.sort_key(EventOrder.PRICE),
        "city_key": facts.sort_key(EventOrder.CITY),
        "created_key": facts.sort_key(EventOrder.CREATED_AT),
        "updated_key": facts.sort_key(EventOrder.UPDATED_AT),
        "public": public_event(event),
        "facts": facts.text(),
        "date": to_iso(event.date),
        "price": event.price,
        "currency": event.currency,
    }


def unchanged(before: EventRecord) -> Condition:
    """Return what holds while nobody has described the event anew, which moves `updatedAt` each
    time, nor spread its stock.
    """
    facts = EventFacts.of(before.described())
    same_places = (
        EventModel.places == before.places if before.places else EventModel.places.does_not_exist()
    )
    condition: Condition = (
        EventModel.updated_key == facts.sort_key(EventOrder.UPDATED_AT)
    ) & same_places
    return condition


def moved_item(former_slug: str, event: Event) -> MovedEventModel:
    """Return what stands under a former slug of an event."""
    return MovedEventModel(former_slug, moved_to=event.slug, event_id=event.id)


def read_record(item: RawItem) -> EventRecord:
    """Return the event of an item, with the stock that is in this item."""
    places = number(item, "places") if "places" in item else 0
    capacity = number(item, "capacity") if "capacity" in item else None
    free, held, sold = number(item, "free"), number(item, "held"), number(item, "sold")
    return EventRecord(
        public=text(item, "public"),
        id=number(item, "id"),
        slug=text(item, "slug"),
        status=EventStatus(text(item, "status")),
        date=from_iso(text(item, "date")),
        price=number(item, "price"),
        currency=text(item, "currency"),
        capacity=capacity,
        free=free,
        held=held,
        sold=sold,
        former_slugs=tuple(text(item, "formerSlugs").split()) if "formerSlugs" in item else (),
        places=places,
        is_whole=not places and free + held + sold == seats(capacity),
    )


def moved_to(item: RawItem) -> str | None:
    """Return the slug that a former slug's item leads to, or None where it is an event."""
    return text(item, "movedTo") if "movedTo" in item else None
