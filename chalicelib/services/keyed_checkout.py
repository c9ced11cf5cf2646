"""Checkouts under an idempotency key: the same request is one checkout, however often it comes.

The key is remembered before anything is held, with the id that the order will have. So whoever
repeats a request that was cut off finds out how far it came, and goes on from there.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.clock import Clock, from_iso, to_iso
from chalicelib.domain.order_changes import release, with_session
from chalicelib.domain.orders import Cause, Order, OrderStatus
from chalicelib.errors import EventsApiError, KeyInUse, PaymentProviderError, Unavailable
from chalicelib.log_context import bind_order
from chalicelib.services.checkout import (
    Checkout,
    CheckoutRequest,
    StartedCheckout,
    started_free,
)
from chalicelib.services.order_updates import update
from chalicelib.services.port_types import KeyedRequest

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog, KeyedRequests, OrderStore, PaymentGateway

# Longer than API Gateway lets a request run (29 s, "Quotas for REST APIs").
_LEASE = timedelta(seconds=30)
_TIME_FOR_A_SESSION = timedelta(seconds=50)


class KeyedCheckout:
    """The use case behind a checkout with an `Idempotency-Key`."""

    def __init__(  # noqa: PLR0913 - a constructor lists what the use case is made of
        self,
        *,
        checkout: Checkout,
        requests: "KeyedRequests",
        orders: "OrderStore",
        payments: "PaymentGateway",
        clock: Clock,
        new_id: Callable[[], str],
        log: "AuditLog",
    ) -> None:
        self._checkout = checkout
        self._requests = requests
        self._orders = orders
        self._payments = payments
        self._clock = clock
        self._new_id = new_id
        self._log = log

    def start(self, request: CheckoutRequest, key: str) -> StartedCheckout:
        """Start a checkout, or answer what it was answered before.

        Raises what `Checkout.start` does, and `KeyInUse`.
        """
        now = self._clock()
        # Callers who are signed in have keys of their own; a guest's has to be one that nobody
        # else thinks of.
        own = f"{request.user_id or ''} {key}"
        mine = KeyedRequest(own, request.fingerprint(), self._new_id(), now + _LEASE)
        known = self._requests.begin(mine, now)
        if known is None:
            return self._run(mine, lambda: self._checkout.start(request, mine.order_id))
        if known.fingerprint not in {mine.fingerprint, request.earlier_fingerprint()}:
            raise KeyInUse("this idempotency key belongs to another request")
        if known.answer is not None:
            return _read(known.answer)
        if known.leased_until > now:
            left = int((known.leased_until - now).total_seconds()) + 1
            raise KeyInUse("the same request is still running", min(left, 5))
        return self._go_on(known, mine._replace(order_id=known.order_id), request)

    def _go_on(
        self, known: KeyedRequest, mine: KeyedRequest, request: CheckoutRequest
    ) -> StartedCheckout:
        """Take over a request that was cut off."""
        bind_order(mine.order_id)
        order = self._in_time(self._orders.get(mine.order_id))
        is_over = order is not None and order.status in {OrderStatus.FAILED, OrderStatus.EXPIRED}
        if is_over:
            order, mine = None, mine._replace(order_id=self._new_id())
        if not self._requests.take_over(known, mine, self._clock()):
            raise KeyInUse("the same request is still running", 1)
        if order is None:
            return self._run(mine, lambda: self._checkout.start(request, mine.order_id))
        found = order
        return self._run(mine, lambda: self._of_order(found, request))

    def _in_time(self, order: Order | None) -> Order | None:
        """Return the order with the session that was made for it, or given back where none was and
        it is too late for one: sessions live for 30 minutes at least, and end with the hold.
        """
        if order is None or order.session_id is not None or order.status is not OrderStatus.PENDING:
            return order
        if self._clock() - order.created_at < _TIME_FOR_A_SESSION:
            return order
        session = self._payments.find_session(order)

        def change(current: Order) -> Order:
            if current.session_id is not None or current.status is not OrderStatus.PENDING:
                return current
            if session is not None:
                return with_session(current, session.id, self._clock())
            return release(current, OrderStatus.FAILED, self._clock(), Cause("cut_off"))

        return update(self._orders, order, change).order

    def _of_order(self, order: Order, request: CheckoutRequest) -> StartedCheckout:
        if order.is_free:
            return started_free(order, request.urls)
        if order.session_id is None:
            return self._checkout.open_session(order, request.urls)
        session = self._payments.retrieve_session(order.session_id)
        if not session.url:
            raise KeyInUse("the checkout under this idempotency key is over; use another key")
        return StartedCheckout(session.url, session.id, order.id, order.hold_expires_at)

    def _run(self, mine: KeyedRequest, work: Callable[[], StartedCheckout]) -> StartedCheckout:
        try:
            started = work()
        except (Unavailable, PaymentProviderError, KeyInUse):
            # Something may have been held: a repeat has to find out, and need not wait for it.
            self._quietly(lambda: self._give_up(mine))
            raise
        except EventsApiError:
            self._quietly(lambda: self._requests.forget(mine, self._clock()))
            raise
        self._quietly(lambda: self._requests.finish(mine, _written(started), self._clock()))
        return started

    def _give_up(self, mine: KeyedRequest) -> None:
        now = self._clock()
        self._requests.take_over(mine, mine._replace(leased_until=now), now)

    def _quietly(self, note: Callable[[], object]) -> None:
        """Make a note that a repeat can do without: it then finds out by itself."""
        try:
            note()
        except EventsApiError:
            self._log.error("idempotency_key_left", {})


def _written(started: StartedCheckout) -> dict[str, str]:
    return {
        "checkoutUrl": started.checkout_url,
        "sessionId": started.session_id,
        "orderId": started.order_id,
        "expiresAt": to_iso(started.expires_at),
    }


def _read(answer: Mapping[str, str]) -> StartedCheckout:
    return StartedCheckout(
        answer["checkoutUrl"],
        answer["sessionId"],
        answer["orderId"],
        from_iso(answer["expiresAt"]),
    )
