"""Orders in DynamoDB, and the seats they hold. Each write is one transaction whose conditions are
the rules: seats are taken only where they are free, and an order changes from what was read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from secrets import token_hex

from pynamodb.connection.base import Connection
from pynamodb.exceptions import PutError
from pynamodb.expressions.condition import Condition

from chalicelib.domain.audit import AuditEntry
from chalicelib.domain.clock import to_iso
from chalicelib.domain.events import EventRecord, EventStatus
from chalicelib.domain.orders import Order
from chalicelib.errors import (
    Changed,
    Conflict,
    EventsApiError,
    NotFound,
    PriceMismatch,
    SalesClosed,
    SoldOut,
)
from chalicelib.services.port_types import OrderPage, OrderQuery
from chalicelib.store.audit import audit_puts
from chalicelib.store.connection import code_of, unavailable
from chalicelib.store.events import DynamoEventStore
from chalicelib.store.models import EventModel, OrderModel
from chalicelib.store.order_items import order_item, read_order
from chalicelib.store.order_lists import OrderLists
from chalicelib.store.patience import patiently
from chalicelib.store.reading import get_raw, query_raw, text
from chalicelib.store.transactions import ConditionFailed, Put, Transaction, Update


class IntegrityError(EventsApiError):
    """Seats and orders do not add up. Never expected: the write that found it was refused."""


class DynamoOrderStore:
    """`services.ports.OrderStore` on DynamoDB."""

    def __init__(self, connection: Connection, events: DynamoEventStore) -> None:
        self._connection = connection
        self._events = events
        self._table = OrderModel.Meta.table_name
        self._lists = OrderLists(connection)

    def place(self, order: Order) -> None:
        """Store a new order, and take the seats that it holds or that are sold to it, both or
        neither.

        Raises `NotFound`, `SalesClosed`, `SoldOut`, `Conflict`, or `PriceMismatch` if the event's
        price is not (any more) the order's.
        """
        moves = Moves(order.seats_held, order.seats_sold)
        stock = moves.update(order.event_slug, sale_condition(order))
        put = Put("order", order_item(order), OrderModel.id.does_not_exist())
        try:
            Transaction(self._connection, puts=[put], updates=[stock]).commit()
        except ConditionFailed as failed:
            if "order" in failed.labels:
                raise IntegrityError("an order with this id exists already") from failed
            raise self._why_not_placed(order) from failed

    def _why_not_placed(self, order: Order) -> EventsApiError:
        """Find out which part of the sale's condition did not hold.

        Where nothing is wrong any more, seats came free a moment after they were asked for.
        """
        event = self._events.get(order.event_slug, consistent=True)
        if event is None:
            return NotFound("no such event")
        try:
            event.ensure_on_sale(order.quantity, order.created_at)
        except EventsApiError as error:
            return error
        if event.slug != order.event_slug:
            return Conflict("the event has just moved to another address; reload it and try again")
        if (event.price, event.currency) != (order.unit_price, order.currency):
            return PriceMismatch("the price has just changed; reload the event and try again")
        return SoldOut("these seats were taken a moment ago; try again")

    def get(self, order_id: str) -> Order | None:
        """Return the order, as of every write that was acknowledged."""
        item = get_raw(self._connection, self._table, order_id, consistent=True)
        return None if item is None or "quantity" not in item else read_order(item)

    def get_by_session(self, session_id: str) -> Order | None:
        """Return the order that is paid by this checkout session; one whose session was noted a
        moment ago may be missing.
        """
        rows = query_raw(
            self._connection,
            self._table,
            "by_session",
            session_id,
            keys=None,
            descending=False,
            limit=1,
            attributes=("id",),
        )
        return self.get(text(rows[0], "id")) if rows else None

    def replace(self, before: Order, after: Order, entry: AuditEntry | None = None) -> Order:
        """Store what became of an order, and move its seats accordingly, both or neither.

        Returns the order as it is stored: its version is one higher. Raises `Changed` if it is not
        (any more) as `before` says. Where it needs seats that it does not have, raises `SoldOut`,
        `SalesClosed` or `NotFound` if the event has none for it; `SalesClosed` also where held
        seats would be sold of an event that was cancelled.
        """
        stored = replace(after, version=before.version + 1)
        item, condition = order_item(stored), unchanged(before)
        moves = Moves(
            after.seats_held - before.seats_held,
            after.seats_sold - before.seats_sold,
            regains=before.is_paid,
        )
        puts = [Put("order", item, condition), *audit_puts(entry)]
        if moves.any:
            self._put_with_stock(puts, stored, moves)
        elif entry is not None:
            self._put_with_entry(puts)
        else:
            self._put(item, condition)
        return stored

    def _put(self, item: OrderModel, condition: Condition) -> None:
        """Change an order alone, in half the write units that a transaction costs.

        Unlike a transaction, a put that is sent again after its answer got lost finds the order
        changed: by itself.
        """
        item.write_id = token_hex(8)
        try:
            patiently(lambda: item.save(condition=condition))
        except PutError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise unavailable(error) from error
            stored = get_raw(self._connection, self._table, item.id, consistent=True) or {}
            if stored.get("writeId") != {"S": item.write_id}:
                raise _changed() from error

    def _put_with_entry(self, puts: Sequence[Put]) -> None:
        """Change the order and note who did it, both or neither."""
        try:
            Transaction(self._connection, puts=puts).commit()
        except ConditionFailed as failed:
            raise _changed() from failed

    def _put_with_stock(self, puts: Sequence[Put], order: Order, moves: "Moves") -> None:
        """Change the order and its event's stock together; where the event has another slug by
        now, the stock is there.
        """
        slug = order.event_slug
        while True:
            stock = moves.update(slug, stock_condition(order, moves))
            try:
                Transaction(self._connection, puts=puts, updates=[stock]).commit()
            except ConditionFailed as failed:
                if "order" in failed.labels:
                    raise _changed() from failed
                now = self._events.slug_now(slug, order.event_id)
                if now is None:
                    raise NotFound("the event is gone") from failed
                if now == slug:
                    raise self._why_not_moved(order, slug, moves) from failed
                slug = now
            else:
                return

    def _why_not_moved(self, order: Order, slug: str, moves: "Moves") -> EventsApiError:
        """Find out which part of the stock's condition did not hold."""
        event = self._events.get(slug, consistent=True)
        if event is None or event.slug != slug or event.id != order.event_id:
            return Changed("the event has just moved; try again")
        if moves.free < 0 and not moves.regains:
            return _why_no_seats(event, -moves.free, order)
        if (moves.sells_held or moves.regains) and event.status is EventStatus.CANCELLED:
            return SalesClosed("the event was cancelled")
        if moves.free < 0:
            return SoldOut("the seats were sold to somebody else")
        return IntegrityError(f"order {order.id} and the stock of {slug} disagree")

    def due(self, at: datetime, limit: int) -> Sequence[str]:
        """Return the ids of some orders that are due at that time, those due longest first.

        Latest writes may be missing.
        """
        return self._lists.due(at, limit)

    def unfinished(self, made_before: datetime) -> Iterator[Order]:
        """Yield the orders made before that time of which something is left to do, be it due or
        put off; the oldest first. They are read a page at a time, as far as somebody goes on.
        Latest writes may be missing.
        """
        return self._lists.unfinished(made_before)

    def find(self, query: OrderQuery) -> OrderPage:
        """Return a page of orders; latest writes may be missing, and with statuses a page may be
        short, or empty, although more follows.
        """
        return self._lists.find(query)


@dataclass(frozen=True, slots=True)
class Moves:
    """How many seats come to an event's held and sold ones; what they gain, the free ones lose.

    `regains` says that free ones go to an order that had them before: its refund has failed.
    """

    held: int
    sold: int
    regains: bool = False

    @property
    def free(self) -> int:
        """How many seats come to the free ones."""
        return -self.held - self.sold

    @property
    def any(self) -> bool:
        """Whether any seat moves."""
        return bool(self.held or self.sold)

    @property
    def sells_held(self) -> bool:
        """Whether held seats are sold."""
        return self.held < 0 < self.sold

    def update(self, slug: str, condition: Condition) -> Update:
        """Return the write that moves the seats of the event under this slug."""
        by = (
            (EventModel.free, self.free),
            (EventModel.held, self.held),
            (EventModel.sold, self.sold),
        )
        actions = [seats.add(count) for seats, count in by if count]
        return Update("stock", EventModel(slug), actions, condition)


def sale_condition(order: Order) -> Condition:
    """Return what must hold of an event for a new order's seats to be taken."""
    condition: Condition = (
        on_sale_condition(order, order.quantity, order.created_at)
        & (EventModel.price == order.unit_price)
        & (EventModel.currency == order.currency)
    )
    return condition


def on_sale_condition(order: Order, seats: int, at: datetime) -> Condition:
    """Return what must hold of an event for free seats of it to go to an order at a time."""
    condition: Condition = (
        (EventModel.id == order.event_id)
        & (EventModel.status == EventStatus.PUBLISHED.value)
        & (EventModel.date > to_iso(at))
        & (EventModel.free >= seats)
    )
    return condition


def stock_condition(order: Order, moves: Moves) -> Condition:
    """Return what must hold of an event for a stored order's seats to move.

    Free seats are sold while the event is on sale; held ones, and those that an order had before,
    unless it was cancelled.
    """
    if moves.free < 0 and not moves.regains:
        return on_sale_condition(order, -moves.free, order.updated_at)
    condition: Condition = EventModel.id == order.event_id
    if moves.free < 0:
        condition &= EventModel.free >= -moves.free
    if moves.held < 0:
        condition &= EventModel.held >= -moves.held
    if moves.sold < 0:
        condition &= EventModel.sold >= -moves.sold
    if moves.sells_held or moves.free < 0:
        condition &= EventModel.status != EventStatus.CANCELLED.value
    return condition


def unchanged(before: Order) -> Condition:
    """Return what holds while nobody has changed an order since it was read."""
    condition: Condition = OrderModel.version == before.version
    return condition


def _changed() -> Changed:
    return Changed("this order was changed by somebody else at the same moment; try again")


def _why_no_seats(event: EventRecord, seats: int, order: Order) -> EventsApiError:
    try:
        event.ensure_on_sale(seats, order.updated_at)
    except EventsApiError as error:
        return error
    return SoldOut("these seats were taken a moment ago")
