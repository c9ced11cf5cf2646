"""Cities, events and orders put straight into a store: also such as the API would refuse, like past
ones.

Dates are far ahead, since the API under test reads the real clock.
"""

import itertools
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.cities import City
from chalicelib.domain.events import Event
from chalicelib.domain.order_changes import pay
from chalicelib.domain.orders import Cause, Order
from chalicelib.store import Stores
from tests.support.builders import NOW, a_city, a_paid_session, an_event, an_order

FAR_AHEAD = datetime(2099, 6, 15, 9, 0, tzinfo=UTC)
# Its parts are of the letters that ids and tickets' codes have.
ORDER_ID = "01JZX5K7Q8M9N0P1R2S3T4V5W6"
LONG_AGO = datetime(2020, 6, 15, 9, 0, tzinfo=UTC)


def seed_city(stores: Stores, slug: str = "london", **changes: Any) -> City:
    """Store a city named after its slug."""
    named = {"name": slug.replace("-", " ").title(), **changes}
    city = a_city(id=stores.cities.next_id(), slug=slug, **named)
    stores.cities.create(city)
    return city


def seed_event(stores: Stores, slug: str = "tech-conference", **changes: Any) -> Event:
    """Store an event of London (which must exist), on sale: 100 seats at 149.99 usd."""
    described = {"date": FAR_AHEAD, **changes}
    event = an_event(id=stores.events.next_id(), slug=slug, **described)
    stores.events.create(event)
    return event


def seed_order(stores: Stores, event: Event, **changes: Any) -> Order:
    """Store a pending order of two seats of an event; they are held."""
    described = {
        "id": ORDER_ID,
        "event_id": event.id,
        "event_slug": event.slug,
        "event_name": event.name,
        "unit_price": event.price,
        "currency": event.currency,
        "session_id": "cs_test_1",
        **changes,
    }
    order = an_order(**described)
    stores.orders.place(order)
    return order


def seed_paid_order(stores: Stores, event: Event, **changes: Any) -> Order:
    """Store an order of two seats of an event, and have it paid."""
    return pay_order(stores, seed_order(stores, event, **changes))


def pay_order(stores: Stores, order: Order) -> Order:
    """Have a pending order paid; its tickets' secrets are their numbers."""
    session = a_paid_session(
        id=order.session_id or "cs_test_1",
        amount_total=order.amount_total,
        currency=order.currency,
        order_id=order.id,
        payment_intent_id=f"pi_{order.id}",
    )
    numbers = itertools.count(1)
    paid = pay(order, session, lambda: f"{next(numbers):016d}", NOW, Cause("evt_paid"))
    return stores.orders.replace(order, paid)


def ticket_code(number: int = 1, order_id: str = ORDER_ID) -> str:
    """The code of a ticket of an order that was seeded."""
    return f"{order_id}{number:02d}{number:016d}"
