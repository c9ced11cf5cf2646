"""The stores of `services.ports` of one kind, together: all fakes, or all real ones."""

from dataclasses import dataclass

from chalicelib.services.ports import CityStore, EventStore, OrderStore, RenameStore
from tests.support.fakes import FakeCities, FakeEvents, FakeOrders, FakeRenames
from tests.support.tables import MotoTables


@dataclass(frozen=True)
class World:
    """One kind of stores."""

    cities: CityStore
    events: EventStore
    orders: OrderStore
    renames: RenameStore


def fake_world() -> World:
    """Return empty fakes."""
    cities = FakeCities()
    events = FakeEvents(cities)
    return World(cities, events, FakeOrders(events), FakeRenames(cities, events))


def real_world(tables: MotoTables) -> World:
    """Return the real stores, on tables that are emptied first."""
    tables.empty()
    stores = tables.stores
    return World(stores.cities, stores.events, stores.orders, stores.renames)


class Both:
    """Makes the two kinds side by side, empty, as often as a property test needs them."""

    def __init__(self, tables: MotoTables) -> None:
        self._tables = tables

    def anew(self) -> tuple[World, World]:
        """Return an empty fake and an empty real world."""
        return fake_world(), real_world(self._tables)
