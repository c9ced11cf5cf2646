"""Cancelling an event: its sales stop at once, and then all of its orders are ended.

The event's change to cancelled leaves a `Cancellation`. From then on nobody can buy, and who pays
after all gets the money back (`fulfilment`). The orders there were are ended one by one, each as
often as somebody looks at it with one effect, until a look at all of them finds none that is left.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING

from chalicelib.domain.clock import Clock
from chalicelib.domain.orders import Cause, Order, OrderStatus
from chalicelib.domain.refunds import Why
from chalicelib.log_context import apart, bind_order
from chalicelib.services.due_orders import DueOrders
from chalicelib.services.port_types import Cancellation, OrderQuery
from chalicelib.services.refunding import Refunding
from chalicelib.services.time_budget import TimeBudget

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog, CancellationStore, OrderStore

# Longer than a store's indexes are ever behind its writes: a look at an event's orders that begins
# so long after it was cancelled misses none.
_SETTLED_AFTER = timedelta(seconds=30)
_PAGE = 100
_CAUSE = Cause(Why.EVENT_CANCELLED.value)


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at an event's orders came to: how many it ended, how many it could not, how many
    wait for somebody else, and whether it was at all of them.
    """

    ended: int
    left: int
    is_whole: bool
    stuck: int = 0


class Cancelling:
    """Ends the orders of cancelled events, `workers` at the same time."""

    def __init__(  # noqa: PLR0913 - a constructor lists what the use case is made of
        self,
        *,
        orders: "OrderStore",
        cancellations: "CancellationStore",
        due_orders: DueOrders,
        refunding: Refunding,
        clock: Clock,
        log: "AuditLog",
        workers: int,
    ) -> None:
        self._orders = orders
        self._cancellations = cancellations
        self._due_orders = due_orders
        self._refunding = refunding
        self._clock = clock
        self._log = log
        self._workers = workers

    def pending(self) -> Sequence[Cancellation]:
        """Return the cancellations whose orders are not all ended."""
        return self._cancellations.pending()

    def finish(self, cancellation: Cancellation, budget: TimeBudget) -> Look:
        """End an event's orders as far as the time goes; forget the cancellation once none is
        left.
        """
        is_settled = self._clock() >= cancellation.since + _SETTLED_AFTER
        look = self.end_orders(cancellation.event_id, budget)
        if is_settled and look.is_whole and not look.ended and not look.left:
            self._cancellations.remove(cancellation)
        return look

    def end_orders(self, event_id: int, budget: TimeBudget, *, failed_too: bool = False) -> Look:
        """Look at all orders of an event, and end those that are not; those whose refund failed are
        tried again only where somebody asks for it.
        """
        found: Counter[_End] = Counter()
        after: str | None = None
        with ThreadPoolExecutor(self._workers) as pool:
            while not budget.is_up:
                page = self._orders.find(OrderQuery(_PAGE, after, event_id=event_id))
                end = apart(partial(self._end, budget=budget, failed_too=failed_too))
                found.update(pool.map(end, page.orders))
                found.update(map(self._tell_unreadable, page.unreadable))
                after = page.next_after
                if after is None:
                    return _look(found, is_whole=True)
        return _look(found, is_whole=False)

    def _end(self, order: Order, budget: TimeBudget, *, failed_too: bool) -> "_End":
        bind_order(order.id)
        has_failed = order.status is OrderStatus.REFUND_FAILED
        if not (_is_left(order) or (failed_too and has_failed)):
            return _End.STUCK if _is_stuck(order) else _End.BEFORE
        if budget.is_up:
            return _End.LEFT
        try:
            order = self._ended(order)
        except Exception:  # noqa: BLE001 - whatever it is, the next order has its turn
            self._log.crash("order_not_ended", {"orderId": order.id})
            return _End.LEFT
        if _is_left(order):
            return _End.LEFT
        return _End.STUCK if _is_stuck(order) else _End.NOW

    def _tell_unreadable(self, order_id: str) -> "_End":
        """Tell of an order that this version of the program cannot read. It is left, so that a
        later one ends it; others have their turn.
        """
        try:
            self._orders.get(order_id)
        except Exception:  # noqa: BLE001 - it says why it cannot be read, whatever it is
            self._log.crash("order_not_ended", {"orderId": order_id})
        return _End.LEFT

    def _ended(self, order: Order) -> Order:
        """Return an order as it is after it was tried to end it."""
        if order.status is not OrderStatus.PENDING:
            return self._refunding.return_all(order, Why.EVENT_CANCELLED, _CAUSE)
        if order.session_id is None:
            # Its checkout is just being made. The timer ends it when its hold is over, and nobody
            # can pay before.
            return order
        return self._due_orders.end_hold(order, _CAUSE)


class _End(Enum):
    """What a look found of one order."""

    BEFORE = auto()
    NOW = auto()
    LEFT = auto()
    STUCK = auto()


def _look(found: "Counter[_End]", *, is_whole: bool) -> Look:
    return Look(found[_End.NOW], found[_End.LEFT], is_whole, found[_End.STUCK])


def _is_left(order: Order) -> bool:
    """Tell whether an order of a cancelled event can and has to be ended.

    What is not left may be stuck all the same.
    """
    if order.status is OrderStatus.PENDING:
        return order.awaiting_since is None
    if order.status is OrderStatus.REFUNDING:
        return True
    if order.status is OrderStatus.REFUND_FAILED:
        # Somebody has to see to the refund that failed. The tickets that are still good are the
        # event's, and their money goes back: tried once, or there would be no end to it.
        return order.good_tickets > 0 and order.owed_for is None
    if order.status is OrderStatus.DISPUTED:
        # A dispute that is lost may have been about a part of the money.
        return not order.is_contested and order.amount_refundable > 0
    return order.status in {OrderStatus.PAID, OrderStatus.PARTIALLY_REFUNDED}


def _is_stuck(order: Order) -> bool:
    """Tell whether an order of a cancelled event waits for somebody else: its payment is on the
    way, and it is ended when the money has come, or not; the bank has its money; or its refund
    failed, and somebody has to see to it.
    """
    is_awaited = order.status is OrderStatus.PENDING and order.awaiting_since is not None
    return is_awaited or order.status in {OrderStatus.DISPUTED, OrderStatus.REFUND_FAILED}
