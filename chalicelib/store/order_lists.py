"""Lists of orders, from indexes that hold their ids only: what they show is read by those."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from pynamodb.connection.base import Connection
from pynamodb.expressions.condition import Condition

from chalicelib.domain.clock import to_iso
from chalicelib.domain.orders import Order
from chalicelib.services.port_types import OrderPage, OrderQuery
from chalicelib.store.models import OrderModel
from chalicelib.store.order_items import SHARDS, read_if_possible
from chalicelib.store.reading import get_many_raw, query_raw, text

# Statuses are in no index, which would cost every sale more: orders are read and left out. After so
# many a page ends, however short it is, and the next goes on from there.
_MOST_READ = 500
_READ_AT_A_TIME = 100
# Of a ULID's 26 digits.
_TIME_DIGITS = 10


class OrderLists:
    """Pages of orders, and which orders are due."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._table = OrderModel.Meta.table_name

    def due(self, at: datetime, limit: int) -> Sequence[str]:
        """Return the ids of some orders that are due, those due longest first."""
        keys = OrderModel.due_at <= to_iso(at)
        rows = [
            (text(row, "dueAt"), text(row, "id"))
            for shard in SHARDS
            for row in self._query("due", shard, keys, limit, descending=False, by="dueAt")
        ]
        return [order_id for _, order_id in sorted(rows)[:limit]]

    def unfinished(self, made_before: datetime) -> Iterator[Order]:
        """Yield the orders made before that time of which something is left to do, oldest first.

        An order's id begins with when it was made (ULID), so current holds, of which a popular
        event has thousands, are left out by their index entries alone. One that cannot be read is
        left out too: those who end what is due come to it, and tell.
        """
        bound = _first_id(made_before)
        ids = sorted(
            text(row, "id")
            for shard in SHARDS
            for row in self._query("due", shard, None, None, descending=False, by="dueAt")
            if text(row, "id") < bound
        )
        for start in range(0, len(ids), _READ_AT_A_TIME):
            page = ids[start : start + _READ_AT_A_TIME]
            items = get_many_raw(self._connection, self._table, page, None, consistent=True)
            orders = (order for item in items if (order := read_if_possible(item)) is not None)
            yield from sorted((item for item in orders if item.due_at), key=lambda item: item.id)

    def find(self, query: OrderQuery) -> OrderPage:
        """Return a page of orders, latest first."""
        found: list[Order] = []
        unreadable: list[str] = []
        after, read = query.after, 0
        # Where orders are left out, few reads of many find the rest sooner than many of few.
        size = max(query.limit, _READ_AT_A_TIME) if query.statuses else query.limit
        while read < _MOST_READ:
            ids = self._ids(query, after, size + 1)
            orders = self._orders(ids[:size])
            unreadable += [order_id for order_id, order in orders.items() if order is None]
            fitting = [order for order in orders.values() if order and _fits(order, query)]
            room = query.limit - len(found)
            found += fitting[:room]
            if len(fitting) > room:
                return OrderPage(tuple(found), found[-1].id, tuple(unreadable))
            if len(ids) <= size:
                return OrderPage(tuple(found), None, tuple(unreadable))
            after, read = ids[size - 1], read + size
            if len(fitting) == room:
                break
        return OrderPage(tuple(found), after, tuple(unreadable))

    def _orders(self, ids: Sequence[str]) -> dict[str, Order | None]:
        """Return those orders that there are, by their ids, and in their order; None for one that
        cannot be read.
        """
        items = get_many_raw(self._connection, self._table, ids, None, consistent=True)
        by_id = {text(item, "id"): read_if_possible(item) for item in items}
        return {order_id: by_id[order_id] for order_id in ids if order_id in by_id}

    def _ids(self, query: OrderQuery, after: str | None, limit: int) -> list[str]:
        """Return the ids of the next orders, whatever their status."""
        keys = None if after is None else OrderModel.created_key < after
        partitions = [
            [text(row, "id") for row in self._query(index, key, keys, limit, descending=True)]
            for index, key in _partitions(query)
        ]
        merged: Iterable[str] = heapq.merge(*partitions, reverse=True)
        return list(islice(merged, limit))

    def _query(
        self,
        index: str,
        partition: str,
        keys: Condition | None,
        limit: int | None,
        *,
        descending: bool,
        by: str = "createdKey",
    ) -> list[dict[str, Any]]:
        return query_raw(
            self._connection,
            self._table,
            index,
            partition,
            keys=keys,
            descending=descending,
            limit=limit,
            attributes=("id", by),
        )


def _fits(order: Order, query: OrderQuery) -> bool:
    return not query.statuses or order.status in query.statuses


def _first_id(at: datetime) -> str:
    """Return what comes before the ids of all orders that are made at that time or later."""
    from ulid import ULID

    return str(ULID.from_datetime(at))[:_TIME_DIGITS]


def _partitions(query: OrderQuery) -> list[tuple[str, str]]:
    """Return where the orders are: their index and its partitions."""
    if query.event_id is not None:
        return [("by_event", str(query.event_id))]
    if query.user_id is not None:
        return [("by_user", query.user_id)]
    return [("by_created", shard) for shard in SHARDS]
