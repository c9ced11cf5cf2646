"""Finding the event that an order is of, whatever became of its slug."""

from typing import TYPE_CHECKING

from chalicelib.domain.events import EventRecord
from chalicelib.domain.orders import Order

if TYPE_CHECKING:
    from chalicelib.services.ports import EventReader


def event_of(events: "EventReader", order: Order) -> EventRecord | None:
    """Return the order's event, or None where it is gone.

    The slug that it had when it was ordered may lead to another one by now.
    """
    event = events.get(order.event_slug)
    if event is not None and event.id == order.event_id:
        return event
    return events.get_by_id(order.event_id)


def is_of_event(events: "EventReader", order: Order, named: str) -> bool:
    """Tell whether an order is of the event with this id (all digits) or slug.

    Of an event that is gone, the slug is the one that it had when it was ordered.
    """
    if named.isascii() and named.isdigit():
        return named.lstrip("0") == str(order.event_id)
    event = events.get(named)
    return named == order.event_slug if event is None else event.id == order.event_id
