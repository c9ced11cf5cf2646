"""The stores of `services.ports` of one kind, together: all fakes, or all real ones."""

from dataclasses import dataclass

from chalicelib.services.ports import (
    AuditTrail,
    CancellationStore,
    CityStore,
    EventStore,
    KeyedRequests,
    NewsMarker,
    OrderStore,
    RenameStore,
)
from chalicelib.store import Stores
from tests.support.fakes import (
    FakeAuditTrail,
    FakeCities,
    FakeEvents,
    FakeKeyedRequests,
    FakeNewsMarker,
    FakeOrders,
    FakeRenames,
)
from tests.support.tables import MotoTables


@dataclass(frozen=True)
class World:
    """One kind of stores."""

    cities: CityStore
    events: EventStore
    orders: OrderStore
    renames: RenameStore
    cancellations: CancellationStore
    keyed_requests: KeyedRequests
    news_marker: NewsMarker
    audit_trail: AuditTrail


def fake_world() -> World:
    """Return empty fakes."""
    trail = FakeAuditTrail()
    cities = FakeCities(trail=trail)
    events = FakeEvents(cities, trail=trail)
    return World(
        cities=cities,
        events=events,
        orders=FakeOrders(events, trail=trail),
        renames=FakeRenames(cities, events),
        cancellations=events.cancellations,
        keyed_requests=FakeKeyedRequests(),
        news_marker=FakeNewsMarker(),
        audit_trail=trail,
    )


def real_world(tables: MotoTables) -> World:
    """Return the real stores, on tables that are emptied first."""
    tables.empty()
    return world_of(tables.stores)


def world_of(stores: Stores) -> World:
    """Return the real stores as they are."""
    return World(
        cities=stores.cities,
        events=stores.events,
        orders=stores.orders,
        renames=stores.renames,
        cancellations=stores.cancellations,
        keyed_requests=stores.keyed_requests,
        news_marker=stores.news_marker,
        audit_trail=stores.audit_trail,
    )


class Both:
    """Makes the two kinds side by side, empty, as often as a property test needs them."""

    def __init__(self, tables: MotoTables) -> None:
        self._tables = tables

    def anew(self) -> tuple[World, World]:
        """Return an empty fake and an empty real world."""
        return fake_world(), real_world(self._tables)
