"""Finding an order for who may see it: by its id for its buyer, by its checkout session's id for
whoever has that, which is a guest's key to it.
"""

import hmac
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.domain.free_orders import order_id_of
from chalicelib.domain.orders import Order, OrderStatus
from chalicelib.errors import InvalidSession, NotFound
from chalicelib.log_context import bind_order
from chalicelib.services.port_types import OrderPage, OrderQuery

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog, OrderStore, PaymentGateway

# What a store can look for: other texts may be longer than any key.
_ORDER_ID = re.compile(r"[0-9A-Z]{26}")
_SESSION_PREFIX = "cs_"
_SESSION_ID = re.compile(r"cs_[A-Za-z0-9_]{1,250}")


def names_a_session(text: str) -> bool:
    """Tell whether a text is the id of a checkout session, not of an order."""
    return text.startswith(_SESSION_PREFIX)


def names_a_free_session(text: str) -> bool:
    """Tell whether a text is the id of a free order's session, which Stripe has no part in."""
    return order_id_of(text) is not None


class OrderFinder:
    """The use case behind the buyers' routes of orders. Stripe is only needed where the store does
    not know a session (yet), so it is made then.
    """

    def __init__(
        self,
        *,
        orders: "OrderStore",
        payments: Callable[[], "PaymentGateway"],
        log: "AuditLog",
    ) -> None:
        self._orders = orders
        self._payments = payments
        self._log = log

    def get(self, order_id: str) -> Order:
        """Return an order, whosever it is; raises `NotFound`."""
        order = self._orders.get(order_id) if _ORDER_ID.fullmatch(order_id) else None
        if order is None:
            raise NotFound("no such order")
        bind_order(order.id)
        return order

    def page(self, query: OrderQuery) -> OrderPage:
        """Return a page of orders, and tell of those that cannot be read."""
        page = self._orders.find(query)
        for order_id in page.unreadable:
            self._log.error("order_unreadable", {"orderId": order_id})
        return page

    def of_buyer(self, order_id: str, user_id: str) -> Order:
        """Return a signed-in buyer's own order; raises `NotFound`, for another's too."""
        order = self.get(order_id)
        if order.user_id != user_id:
            raise NotFound("no such order")
        return order

    def of_session(self, session_id: str) -> Order:
        """Return the order of a checkout session.

        Raises `NotFound`, or `PaymentProviderError` where only Stripe could tell.
        """
        order = self._of_session(session_id) if _SESSION_ID.fullmatch(session_id) else None
        if order is None:
            raise NotFound("no such order")
        bind_order(order.id)
        return order

    def paid_of_session(self, session_id: str) -> Order | None:
        """Return the order of a checkout session if the store knows that it is paid, and that no
        money went back since; of any other only Stripe can tell how it stands now.
        """
        known = _SESSION_ID.fullmatch(session_id) is not None
        order = self._orders.get_by_session(session_id) if known else None
        if order is None or order.status is not OrderStatus.PAID:
            return None
        bind_order(order.id)
        return order

    def _of_session(self, session_id: str) -> Order | None:
        order_id = order_id_of(session_id)
        if order_id is not None:
            return self._if_of(session_id, order_id)
        found = self._orders.get_by_session(session_id)
        return self._as_stripe_says(session_id) if found is None else found

    def _as_stripe_says(self, session_id: str) -> Order | None:
        """Return the order that Stripe knows a session to be of: the store's index of sessions is
        behind its writes, for moments.
        """
        try:
            session = self._payments().retrieve_session(session_id)
        except InvalidSession:
            return None
        return self._if_of(session_id, session.order_id or "")

    def _if_of(self, session_id: str, order_id: str) -> Order | None:
        """Return the order if the session is its own: who guesses an order's id must not get at it
        with a session's id of the same beginning.
        """
        order = self._orders.get(order_id) if _ORDER_ID.fullmatch(order_id) else None
        if order is None or not hmac.compare_digest(order.session_id or "", session_id):
            return None
        return order
