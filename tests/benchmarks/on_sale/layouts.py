"""Where an event's stock is, and what a sale writes where: sizes of real items, and the units that
were counted (`tests.benchmarks.budgets`).
"""

import math
from dataclasses import dataclass
from typing import Final

from chalicelib.store.event_items import event_item
from chalicelib.store.order_items import SHARDS
from tests.benchmarks.budgets import counts
from tests.benchmarks.budgets.cases import API, WEBHOOK
from tests.benchmarks.budgets.metering import Count
from tests.benchmarks.catalogue.units import item_bytes
from tests.support.builders import an_event

_KB: Final = 1024
_READ_BYTES: Final = 4096
_IN_TRANSACTION: Final = 2
# A place holds numbers and the terms of the sale: well below a KB.
PLACE_UNITS: Final = _IN_TRANSACTION
# So many places are looked at for a sale.
LOOKED_AT: Final = 4
MOST_PLACES: Final = 16

CHECKOUT: Final = counts.of(API, "POST /api/payments/checkout")
PAID: Final = counts.of(WEBHOOK, "checkout.session.completed (paid)")
# Giving seats back is the transaction that a checkout's expiry is.
RELEASE: Final = counts.of(WEBHOOK, "checkout.session.expired")
INDEXES: Final = ("by_event", "by_created", "due", "by_session")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the stock is: in the event's own item, or in `places` beside it.

    `stock_units` is what a transaction costs at the item that has the seats; `event_reads` are read
    units of the event's item, read consistently; over `shards` keys the orders are spread in the
    indexes that know no better.
    """

    name: str
    places: int
    stock_units: int
    event_reads: int
    shards: int = len(SHARDS)

    @property
    def items(self) -> int:
        """How many items the stock is in."""
        return max(1, self.places)


def single(description: int) -> Layout:
    """Return the layout with the stock in the event's own item, with a description of so many
    characters.
    """
    size = event_bytes(description)
    units = _IN_TRANSACTION * math.ceil(size / _KB)
    reads = math.ceil(size / _READ_BYTES)
    return Layout(f"one item, description of {description:,} characters", 0, units, reads)


def spread(places: int, description: int = 2_000) -> Layout:
    """Return the layout with the stock in places."""
    reads = math.ceil(event_bytes(description) / _READ_BYTES)
    return Layout(f"{places} places", places, PLACE_UNITS, reads)


def event_bytes(description: int) -> int:
    """Return how large an event's item is."""
    text = "A day of talks about how things are made. " * (description // 42 + 1)
    return item_bytes(event_item(an_event(description=text[:description])).serialize())


def per_sold_order(count: str) -> float:
    """Return the write units of an order from its checkout to its mail, at the orders' table or at
    one of its indexes.
    """
    return sum(float(part.written.get(count, 0)) for part in (CHECKOUT, PAID))


def written(count: Count, name: str) -> float:
    """Return the units that a step writes at an index of the orders, or at their table."""
    return float(count.written.get(name, 0))
