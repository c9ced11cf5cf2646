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
from chalicelib.domain.events import EventRecord, EventStatus
from chalicelib.domain.orders import Order
from chalicelib.domain.stock_places import OWN_PLACE, Seats, added, choose, shrunk
from chalicelib.errors import (
    Changed,
    Conflict,
    EventsApiError,
    NotFound,
    PriceMismatch,
    SalesClosed,
    SoldOut,
    Unavailable,
)
from chalicelib.services.port_types import OrderPage, OrderQuery
from chalicelib.store.audit import audit_puts
from chalicelib.store.connection import code_of, unavailable
from chalicelib.store.event_reading import EventReader
from chalicelib.store.kept_counts import Counts
from chalicelib.store.models import OrderModel
from chalicelib.store.order_items import order_item, places_text, read_order
from chalicelib.store.order_lists import OrderLists
from chalicelib.store.patience import Patience, patiently
from chalicelib.store.reading import get_raw, query_raw, text
from chalicelib.store.stock import Stock, free_seats
from chalicelib.store.stock_moves import (
    Moves,
    as_places,
    moves_between,
    sale_condition,
    sells_held,
    stock_condition,
)
from chalicelib.store.transactions import ConditionFailed, Put, Transaction

# How often seats are chosen anew that somebody else took between the look at them and the write.
_TRIES = 10


class IntegrityError(EventsApiError):
    """Seats and orders do not add up. Never expected: the write that found it was refused."""


class DynamoOrderStore:
    """`services.ports.OrderStore` on DynamoDB."""

    def __init__(self, connection: Connection, events: EventReader, stock: Stock) -> None:
        self._connection = connection
        self._events = events
        self._stock = stock
        self._table = OrderModel.Meta.table_name
        self._lists = OrderLists(connection)

    def place(self, order: Order, event: EventRecord | None = None) -> Order:
        """Store a new order, and take the seats that it holds or that are sold to it, both or
        neither. Returns it as it is stored: with the places of its seats.

        `event` is what was read of its event a moment ago, if it was: where its stock is spread,
        or to be. All that is asked of DynamoDB for one order shares one patience. Raises
        `NotFound`, `SalesClosed`, `SoldOut`, `Conflict`, `PriceMismatch` if the event's price is
        not (any more) the order's, or `Unavailable` where others were faster time and again.
        """
        patience = Patience()
        free = {OWN_PLACE: order.quantity} if event is None else self._stock.offer(event, patience)
        if not any(count >= order.quantity for count in free.values()):
            free = self._free_seats(order, patience)
        placing = _Placing(self._connection, order, patience)
        for _ in range(_TRIES):
            try:
                placed = placing.at(free)
            except ConditionFailed as failed:
                if "order" in failed.labels:
                    return self._placed_before(placing, failed)
                free = self._free_seats(order, patience)
                if patience.is_over:
                    break
            else:
                self._stock.forget(order.event_id)
                return placed
        raise _too_many_at_once()

    def _placed_before(self, placing: "_Placing", failed: ConditionFailed) -> Order:
        """Return the order of which an earlier try was made after all, unlike it was told."""
        stored = self.get(placing.order.id) if placing.tries > 1 else None
        if stored != placing.order or stored is None:
            raise IntegrityError("an order with this id exists already") from failed
        return stored

    def _free_seats(self, order: Order, patience: Patience) -> dict[int, int]:
        """Return the free seats of each place of an event, as they are now, for an order that found
        none. Where there are too few in all, or something else is not as the order has it, raise
        which part of the sale's condition did not hold.

        Where nothing is wrong any more, seats came free a moment after they were asked for.
        """
        event = self._event_now(order.event_slug, patience)
        if event is None:
            raise NotFound("no such event")
        whole, counts = self._stock.now(event, patience)
        whole.ensure_on_sale(order.quantity, order.created_at)
        if event.slug != order.event_slug:
            raise Conflict("the event has just moved to another address; reload it and try again")
        if (event.price, event.currency) != (order.unit_price, order.currency):
            raise PriceMismatch("the price has just changed; reload the event and try again")
        if event.id != order.event_id:
            raise Conflict("another event has this address now; reload it and try again")
        return free_seats(counts)

    def _event_now(self, slug: str, patience: Patience) -> EventRecord | None:
        """Return an event as it is now, with all the places that it has."""
        event = self._events.get(slug, consistent=True, patience=patience)
        if event is not None and self._stock.take_up(event, patience):
            event = self._events.get(slug, consistent=True, patience=patience)
        return event

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
        seats would be sold of an event that was cancelled, and `NotFound` where it is gone. Seats
        that go back to an event that is gone are nobody's.
        """
        change = _Change(before, replace(after, version=before.version + 1), entry, before)
        if change.moves_seats:
            return self._put_with_stock(change)
        if entry is not None:
            self._put_with_entry(change.puts(change.after))
        else:
            self._put(order_item(change.after), unchanged(before))
        return change.after

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

    def _put_with_stock(self, change: "_Change") -> Order:
        """Change the order and its event's stock together; where the event has another slug by
        now, its own item is there. Seats that it needs anew are asked for there first.
        """
        order, slug, patience = change.after, change.after.event_slug, Patience()
        chosen: Seats = {OWN_PLACE: change.needed} if change.needed else {}
        tries = 0
        while True:
            tries += 1
            stored = change.with_seats(chosen)
            moves = moves_between(change.located, stored)
            updates = [
                one.update(order.event_id, slug, stock_condition(order, one)) for one in moves
            ]
            transaction = Transaction(self._connection, puts=change.puts(stored), updates=updates)
            try:
                transaction.commit(patience=patience)
            except ConditionFailed as failed:
                if "order" in failed.labels:
                    raise _changed() from failed
                now = self._events.slug_now(slug, order.event_id)
                if now is None:
                    return self._put_without_stock(change)
                if now == slug and change.needed:
                    chosen = self._other_places(change, slug, moves, patience)
                elif now == slug:
                    change = self._elsewhere(change, slug, moves, patience)
                if tries > _TRIES or patience.is_over:
                    raise (_too_many_at_once() if change.needed else _changed()) from failed
                slug = now
            else:
                self._stock.forget(order.event_id)
                return stored

    def _put_without_stock(self, change: "_Change") -> Order:
        """Change an order alone whose event is gone, and its stock with it: seats that it gives
        back are nobody's any more. Raises `NotFound` where seats would be taken, or sold.
        """
        if self._events.get_by_id(change.after.event_id) is not None:
            raise Changed("the event has just moved; try again")
        if not change.only_gives_back:
            raise NotFound("the event is gone")
        stored = change.with_seats({})
        self._put_with_entry(change.puts(stored))
        return stored

    def _other_places(
        self, change: "_Change", slug: str, moves: Sequence[Moves], patience: Patience
    ) -> dict[int, int]:
        """Return where the seats can be had that an order needs anew. Where they cannot, raise
        which part of the stock's condition did not hold.
        """
        whole, counts = self._stock_now(change, slug, moves, patience)
        regains = change.before.is_paid
        if not regains:
            whole.ensure_on_sale(change.needed, change.after.updated_at)
        chosen = choose(free_seats(counts), change.needed)
        if chosen is None:
            raise SoldOut("the seats were sold to somebody else")
        return chosen

    def _elsewhere(
        self, change: "_Change", slug: str, moves: Sequence[Moves], patience: Patience
    ) -> "_Change":
        """Return the change of an order whose seats are not where it says, with where they are to
        be taken from. Seats are alike: if an order that lost its way takes those of another one in
        the same place, that one takes its.

        A version of the program that knows of no places stores orders without theirs. Raises which
        part of the stock's condition did not hold, or `IntegrityError` if all places together do
        not hold the order's seats, or its own do.
        """
        whole, counts = self._stock_now(change, slug, moves, patience)
        before = change.before
        there = {
            place: count.held if before.seats_held else count.sold
            for place, count in counts.items()
        }
        said = change.located.seats_at
        are_there = all(there.get(place, 0) >= count for place, count in said.items())
        found = choose(there, _seats(before)) if whole.places and not are_there else None
        if found is None:
            raise IntegrityError(f"order {before.id} and the stock of {slug} disagree")
        return replace(change, located=replace(before, places=as_places(found)))

    def _stock_now(
        self, change: "_Change", slug: str, moves: Sequence[Moves], patience: Patience
    ) -> tuple[EventRecord, dict[int, Counts]]:
        """Return the event with all of its seats, and those of each place, as they are now; raises
        `Changed` or `SalesClosed` where it has moved, or was cancelled.
        """
        event = self._event_now(slug, patience)
        if event is None or event.slug != slug or event.id != change.after.event_id:
            raise Changed("the event has just moved; try again")
        regains = change.needed and change.before.is_paid
        if (sells_held(moves) or regains) and event.status is EventStatus.CANCELLED:
            raise SalesClosed("the event was cancelled")
        return self._stock.now(event, patience)

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


class _Placing:
    """A new order, which is tried at one choice of places after another."""

    def __init__(self, connection: Connection, order: Order, patience: Patience) -> None:
        self._connection = connection
        self._patience = patience
        self._free: dict[int, int] = {}
        self.order = order
        """With the places of the latest try."""
        self.tries = 0

    def at(self, free: dict[int, int]) -> Order:
        """Store the order with seats of places that had so many; where another buyer is at one at
        the same moment, with seats of others that are left.
        """
        self._free = free
        first = self._next()
        # Who asked for these places found enough in them.
        assert first is not None
        first.commit(self._next, self._patience)
        return self.order

    def _next(self) -> Transaction | None:
        chosen = choose(self._free, self.order.quantity)
        if chosen is None:
            return None
        self._free = {place: n for place, n in self._free.items() if place not in chosen}
        self.tries += 1
        order = self.order = replace(self.order, places=as_places(chosen))
        put = Put("order", order_item(order), OrderModel.id.does_not_exist())
        updates = [
            moves.update(order.event_id, order.event_slug, sale_condition(order, moves))
            for moves in moves_between(None, order)
        ]
        return Transaction(self._connection, puts=[put], updates=updates)


@dataclass(frozen=True, slots=True)
class _Change:
    """An order as it was read, and as it is to be stored but for the places of its seats; and with
    the places where its seats are to be found, which are those that it was read with if they hold
    them.
    """

    before: Order
    after: Order
    entry: AuditEntry | None
    located: Order

    @property
    def needed(self) -> int:
        """How many seats the order needs that it does not have."""
        return max(_seats(self.after) - _seats(self.before), 0)

    @property
    def only_gives_back(self) -> bool:
        """Whether no seats are held or sold that were not before."""
        return (
            self.after.seats_held <= self.before.seats_held
            and self.after.seats_sold <= self.before.seats_sold
        )

    @property
    def moves_seats(self) -> bool:
        """Whether any seat moves."""
        return (self.before.seats_held, self.before.seats_sold) != (
            self.after.seats_held,
            self.after.seats_sold,
        )

    def with_seats(self, chosen: Seats) -> Order:
        """Return the order with the seats that it keeps, and those that were chosen anew."""
        kept = shrunk(self.located.seats_at, _seats(self.after))
        return replace(self.after, places=as_places(added(kept, chosen)))

    def puts(self, stored: Order) -> list[Put]:
        """Return the writes that are made beside those of the stock."""
        put = Put("order", order_item(stored), unchanged(self.before))
        return [put, *audit_puts(self.entry)]


def _seats(order: Order) -> int:
    return order.seats_held + order.seats_sold


def unchanged(before: Order) -> Condition:
    """Return what holds while nobody has changed an order since it was read: as it is stored, or
    nobody would know where its seats are.
    """
    places = places_text(before)
    same_places = (
        OrderModel.places.does_not_exist() if places is None else OrderModel.places == places
    )
    condition: Condition = (OrderModel.version == before.version) & same_places
    return condition


def _changed() -> Changed:
    return Changed("this order was changed by somebody else at the same moment; try again")


def _too_many_at_once() -> Unavailable:
    """Return what is to be said to who was too late time and again: it is no word on the seats."""
    return Unavailable("too many are buying at this moment; try again")
