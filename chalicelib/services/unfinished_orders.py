"""How much is left undone of orders that should be over: what the timer measures for its alarms.

An order that the timer cannot bring to its end is put off, for longer and longer. So it is not
enough to look at what is due: what counts is how long ago it should have ended.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.clock import Clock
from chalicelib.domain.orders import HOLD, Order, OrderStatus

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog, Meter, OrderStore

# What is decided is carried out within a minute or two. An hour later somebody should look.
_OWED_TOO_LONG = timedelta(hours=1)
# Where money is owed to more buyers, so many tell enough.
_MOST_OWED = 500


class UnfinishedOrders:
    """Measures what is left of orders whose holds are over. Where nothing is, it writes nothing."""

    def __init__(
        self, *, orders: "OrderStore", clock: Clock, log: "AuditLog", meter: "Meter"
    ) -> None:
        self._orders = orders
        self._clock = clock
        self._log = log
        self._meter = meter

    def measure(self) -> None:
        """Note how long the hold of the oldest pending order has been over, in seconds, and how
        many orders wait for money that should have gone back over an hour ago.

        An order whose payment is on its way by a delayed method is pending for days, rightly, and
        one that is paid may wait as long for its mail. However many of these there are, they hide
        none of the others.
        """
        now = self._clock()
        oldest, owed = self._look(now)
        if oldest is not None:
            self._meter.gauge("OldestPendingOrderAge", (now - oldest).total_seconds(), "Seconds")
        if owed:
            self._log.error("paid_without_ticket", {"orders": len(owed), "orderId": owed[0]})
            self._meter.gauge("PaidWithoutTicket", len(owed))

    def _look(self, now: datetime) -> tuple[datetime | None, Sequence[str]]:
        """Return since when the oldest hold has been over, and the ids of orders with money owed;
        goes on until both say enough, or there are no more orders.
        """
        oldest: datetime | None = None
        owed: list[str] = []
        for order in self._orders.unfinished(now - HOLD):
            if _is_overdue(order, now):
                over = order.hold_expires_at
                oldest = over if oldest is None else min(oldest, over)
            if _is_owed(order, now):
                owed.append(order.id)
            if oldest is not None and len(owed) == _MOST_OWED:
                break
        return oldest, owed


def _is_overdue(order: Order, now: datetime) -> bool:
    is_waiting = order.awaiting_since is not None
    return order.status is OrderStatus.PENDING and not is_waiting and order.hold_expires_at < now


def _is_owed(order: Order, now: datetime) -> bool:
    """Tell whether a buyer has neither the ticket nor, for too long, the money.

    While a dispute is open, it is not ours to send.
    """
    if order.is_contested:
        return False
    return any(now - refund.at > _OWED_TOO_LONG for refund in order.requested_refunds)
