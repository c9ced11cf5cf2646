"""Changing an order as it is now, whoever else changes it at the same moment."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.domain.audit import AuditEntry
from chalicelib.domain.order_changes import without_taking_seats
from chalicelib.domain.orders import Order
from chalicelib.errors import Changed, NotFound, SalesClosed, SoldOut, Unavailable

if TYPE_CHECKING:
    from chalicelib.services.ports import OrderStore

# What an order makes of news; the very same order where there is nothing to do.
ChangeOfOrder = Callable[[Order], Order]
# The audit entry of a change, made of the order before and after it. Only what an admin asks for
# has one: everything else is told by the order's own history.
NoteOfChange = Callable[[Order, Order], AuditEntry]

# Few are ever at one order at the same moment: its webhooks, its buyer, an admin, the timer.
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Updated:
    """The order as it is stored now, and whether that was this change's doing."""

    order: Order
    made: bool


def update(
    orders: "OrderStore", order: Order, change: ChangeOfOrder, note: NoteOfChange | None = None
) -> Updated:
    """Make a change of an order that was read a moment ago; again if somebody else was first.

    Raises what `OrderStore.replace` raises but `Changed`, and `NotFound` if the order is gone.
    """
    for _ in range(_TRIES):
        after = change(order)
        if after is order:
            return Updated(order, made=False)
        try:
            entry = None if note is None else note(order, after)
            return Updated(orders.replace(order, after, entry), made=True)
        except Changed:
            order = _as_it_is_now(orders, order)
    raise Unavailable("many changes are made to this order right now; try again")


def update_keeping_seats(
    orders: "OrderStore", order: Order, change: ChangeOfOrder, note: NoteOfChange | None = None
) -> Updated:
    """Do the same for a change that may need seats back which went to stock; where they are gone,
    the rest of the change is made.
    """
    try:
        return update(orders, order, change, note)
    except (SoldOut, SalesClosed, NotFound):
        order = _as_it_is_now(orders, order)

    def without_seats(current: Order) -> Order:
        after = change(current)
        return current if after is current else without_taking_seats(after, current)

    return update(orders, order, without_seats, note)


def _as_it_is_now(orders: "OrderStore", order: Order) -> Order:
    current = orders.get(order.id)
    if current is None:
        raise NotFound("no such order")
    return current
