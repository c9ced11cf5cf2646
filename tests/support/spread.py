"""Events whose stock is in several places, whatever their size: what holds of others holds of
them.
"""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from chalicelib.domain.audit import AuditEntry
from chalicelib.domain.events import Event, EventRecord
from chalicelib.domain.stock_places import Spreading
from chalicelib.store.events import DynamoEventStore
from chalicelib.store.patience import Patience
from chalicelib.store.stock import Stock
from tests.support.store_worlds import World, real_world
from tests.support.tables import MotoTables

# An event is spread at its first sale over as many places as it has seats, three at the most.
SPREAD = Spreading(from_seats=0, seats_a_place=1, most=3)
UNSPREAD = Spreading(from_seats=10**12, most=0)
# Both kinds of stock, for tests of what holds of each.
KINDS = [pytest.param(UNSPREAD, id="one item"), pytest.param(SPREAD, id="several places")]


class SpreadEvents(DynamoEventStore):
    """Spreads every event when it is stored, and shows all of its stock to whoever reads it."""

    def create(self, event: Event, entry: AuditEntry | None = None) -> None:
        super().create(event, entry)
        record = super().get(event.slug, consistent=True)
        assert record is not None
        self._stock.offer(record)

    def get(
        self, slug: str, *, consistent: bool = False, patience: Patience | None = None
    ) -> EventRecord | None:
        record = super().get(slug, consistent=consistent, patience=patience)
        return None if record is None else self.whole(record, consistent=True)

    def get_many(self, slugs: Iterable[str]) -> dict[str, EventRecord]:
        found = super().get_many(slugs)
        return {slug: self.whole(record, consistent=True) for slug, record in found.items()}


def spread_world(tables: MotoTables) -> World:
    """Return the real stores, on tables that are emptied first; whoever stores an event spreads
    it.
    """
    world, events = real_world(tables), tables.stores.events
    spread = SpreadEvents(events._connection, events._words, Stock(events._connection, SPREAD))
    return replace(world, events=spread)
