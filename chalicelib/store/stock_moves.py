"""How seats move in an event's stock with its orders, place by place, and what must hold for it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pynamodb.expressions.condition import Condition

from chalicelib.domain.clock import to_iso
from chalicelib.domain.events import EventStatus
from chalicelib.domain.orders import Order
from chalicelib.domain.stock_places import OWN_PLACE, Seats
from chalicelib.store.models import EventModel, StockPlaceModel
from chalicelib.store.stock import place_key
from chalicelib.store.transactions import Update


@dataclass(frozen=True, slots=True)
class Moves:
    """How many seats come to the held and sold ones of a place; what they gain, its free ones lose.

    `regains` says that free ones go to an order that had them before: its refund has failed.
    """

    place: int
    held: int
    sold: int
    regains: bool = False

    @property
    def free(self) -> int:
        """How many seats come to the free ones."""
        return -self.held - self.sold

    @property
    def sells_held(self) -> bool:
        """Whether held seats are sold."""
        return self.held < 0 < self.sold

    def update(self, event_id: int, slug: str, condition: Condition) -> Update:
        """Return the write that moves the seats of the event of this id, or under this slug."""
        key = slug if self.place == OWN_PLACE else place_key(event_id, self.place)
        by = (
            (EventModel.free, self.free),
            (EventModel.held, self.held),
            (EventModel.sold, self.sold),
        )
        actions = [seats.add(count) for seats, count in by if count]
        return Update("stock", EventModel(key), actions, condition)


def moves_between(before: Order | None, after: Order) -> list[Moves]:
    """Return how seats move when an order becomes another: its places say where."""
    was_held, was_sold = ({}, {}) if before is None else _seats(before)
    held, sold = _seats(after)
    regains = before is not None and before.is_paid
    return [
        Moves(
            place,
            held.get(place, 0) - was_held.get(place, 0),
            sold.get(place, 0) - was_sold.get(place, 0),
            regains,
        )
        for place in sorted({*was_held, *was_sold, *held, *sold})
        if (held.get(place), sold.get(place)) != (was_held.get(place), was_sold.get(place))
    ]


def _seats(order: Order) -> tuple[Seats, Seats]:
    """Return where an order's held and its sold seats are: it has one kind only."""
    at = order.seats_at
    return (at, {}) if order.seats_held else ({}, at)


def as_places(at: Seats) -> tuple[tuple[int, int], ...]:
    """Return an order's `places`: none where its seats are in the event's own item."""
    return () if set(at) <= {OWN_PLACE} else tuple(sorted(at.items()))


def sale_condition(order: Order, moves: Moves) -> Condition:
    """Return what must hold of a place for a new order's seats to be taken."""
    condition: Condition = (
        on_sale_condition(order, moves, order.created_at)
        & (EventModel.price == order.unit_price)
        & (EventModel.currency == order.currency)
    )
    return condition


def on_sale_condition(order: Order, moves: Moves, at: datetime) -> Condition:
    """Return what must hold of a place for free seats of it to go to an order at a time."""
    condition: Condition = (
        _of_event(order, moves)
        & (EventModel.status == EventStatus.PUBLISHED.value)
        & (EventModel.date > to_iso(at))
        & (EventModel.free >= -moves.free)
    )
    return condition


def stock_condition(order: Order, moves: Moves) -> Condition:
    """Return what must hold of a place for a stored order's seats to move.

    Free seats are sold while the event is on sale; held ones, and those that an order had before,
    unless it was cancelled.
    """
    if moves.free < 0 and not moves.regains:
        return on_sale_condition(order, moves, order.updated_at)
    condition = _of_event(order, moves)
    if moves.free < 0:
        condition &= EventModel.free >= -moves.free
    if moves.held < 0:
        condition &= EventModel.held >= -moves.held
    if moves.sold < 0:
        condition &= EventModel.sold >= -moves.sold
    if moves.sells_held or moves.free < 0:
        condition &= EventModel.status != EventStatus.CANCELLED.value
    return condition


def _of_event(order: Order, moves: Moves) -> Condition:
    """Return what holds of a place of the order's event."""
    event_id = EventModel.id if moves.place == OWN_PLACE else StockPlaceModel.event_id
    condition: Condition = event_id == order.event_id
    return condition


def sells_held(moves: Iterable[Moves]) -> bool:
    """Tell whether held seats are sold anywhere."""
    return any(one.sells_held for one in moves)
