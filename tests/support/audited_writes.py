"""Every write of the stores that takes an audit entry, and what the trail holds afterwards."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.domain.audit import AuditEntry
from chalicelib.domain.events import EventStatus
from chalicelib.domain.orders import Order
from chalicelib.services.port_types import AuditQuery
from tests.support.builders import NOW, a_city, an_entry, an_event, an_order
from tests.support.order_steps import noted, paid
from tests.support.store_worlds import World

ORDER = an_order()
SLUG = "tech-conference"


def entry(number: int, **changes: Any) -> AuditEntry:
    """One of several entries, a minute apart."""
    return an_entry(at=NOW + timedelta(minutes=number), request_id=f"req-{number}", **changes)


def found(world: World, limit: int = 100, **query: Any) -> list[int]:
    """The numbers of the entries that a query finds, over all of its pages."""
    numbers: list[int] = []
    after: str | None = None
    while True:
        page = world.audit_trail.find(AuditQuery(limit, after, **query))
        numbers += [int(json.loads(text)["requestId"].removeprefix("req-")) for text in page.items]
        after = page.next_after
        if after is None:
            return numbers


def open_shop(world: World) -> None:
    world.cities.create(a_city())
    world.events.create(an_event())
    world.orders.place(ORDER)


def stored(world: World) -> Order:
    """The order as it is stored."""
    order = world.orders.get(ORDER.id)
    assert order is not None
    return order


def rename(world: World, noted_as: AuditEntry, **changes: Any) -> None:
    before = world.events.get(SLUG, consistent=True)
    assert before is not None
    later = before.described().updated_at + timedelta(seconds=1)
    world.events.replace(before, replace(before.described(), updated_at=later, **changes), noted_as)


def delete_event(world: World, noted_as: AuditEntry) -> None:
    world.events.create(an_event(id=2, slug="quiet"))
    record = world.events.get("quiet", consistent=True)
    assert record is not None
    world.events.delete(record, noted_as)


def change_city(world: World, noted_as: AuditEntry, **changes: Any) -> None:
    city = world.cities.get("london", consistent=True)
    assert city is not None
    later = city.described().updated_at + timedelta(seconds=1)
    world.cities.replace(city, replace(city.described(), updated_at=later, **changes), noted_as)


def delete_city(world: World, noted_as: AuditEntry) -> None:
    world.cities.create(a_city(id=2, name="Porto", slug="porto"))
    city = world.cities.get("porto", consistent=True)
    assert city is not None
    world.cities.delete(city, noted_as)


Write = Callable[[World, AuditEntry], object]
WRITES: dict[str, Write] = {
    "an event is added": lambda world, noted_as: world.events.create(
        an_event(id=2, slug="two"), noted_as
    ),
    "an event is changed": lambda world, noted_as: rename(world, noted_as, price=1),
    "an event moves": lambda world, noted_as: rename(world, noted_as, slug="moved"),
    "an event is cancelled": lambda world, noted_as: rename(
        world, noted_as, status=EventStatus.CANCELLED
    ),
    "an event is deleted": delete_event,
    "events are added": lambda world, noted_as: world.events.create_many(
        [an_event(id=2, slug="two")], [noted_as]
    ),
    "a city is added": lambda world, noted_as: world.cities.create(
        a_city(id=2, name="Porto", slug="porto"), noted_as
    ),
    "a city is changed": lambda world, noted_as: change_city(world, noted_as, country="England"),
    "a city moves": lambda world, noted_as: change_city(world, noted_as, slug="londinium"),
    "a city is deleted": delete_city,
    "an order changes with its seats": lambda world, noted_as: world.orders.replace(
        stored(world), paid(stored(world)), noted_as
    ),
    "an order changes alone": lambda world, noted_as: world.orders.replace(
        stored(world), noted(stored(world)), noted_as
    ),
}
