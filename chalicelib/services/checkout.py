"""Starting a sale: check, hold the seats, then ask Stripe for a checkout session."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from chalicelib.domain.checkout_sessions import CheckoutSession, RedirectUrls
from chalicelib.domain.clock import Clock
from chalicelib.domain.events import EventRecord
from chalicelib.domain.free_orders import free_session_id, with_session_id
from chalicelib.domain.money import to_minor
from chalicelib.domain.order_changes import pay, release, with_session
from chalicelib.domain.order_sessions import settled_session
from chalicelib.domain.orders import HOLD, Cause, HistoryEntry, Order, OrderStatus
from chalicelib.domain.slugs import is_slug
from chalicelib.errors import (
    EventsApiError,
    NotFound,
    PaymentProviderError,
    PriceMismatch,
    SalesClosed,
    SoldOut,
    Unavailable,
)
from chalicelib.log_context import bind_order
from chalicelib.services.confirmations import Confirmations
from chalicelib.services.order_updates import update
from chalicelib.services.redirects import RedirectPolicy

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog, EventReader, Meter, OrderStore, PaymentGateway

# They have 13 digits or more; no total of ours has (ISO/IEC 7812).
_SHORTEST_CARD_NUMBER = 10**12


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """What a buyer's front end asks for. `unit_price` and `total_amount` are major units of the
    event's currency, as sent: the server's own decide. `user_id` is the buyer's where signed in.
    `event_name` is what the front end calls the event, which tells one request from another and
    nothing else.
    """

    event_slug: str
    quantity: int
    unit_price: Decimal
    total_amount: Decimal
    urls: RedirectUrls
    customer_email: str | None
    user_id: str | None = None
    event_name: str | None = None

    def fingerprint(self) -> str:
        """Return what tells this request from others, and cannot be read back."""
        return _digest((*self._parts(), self.event_name))

    def earlier_fingerprint(self) -> str:
        """Return what an earlier version of the program remembered of this request, for the day
        that keys last after it was replaced.
        """
        return _digest(self._parts())

    def _parts(self) -> tuple[object, ...]:
        return (
            self.event_slug,
            self.quantity,
            str(self.unit_price),
            str(self.total_amount),
            self.urls.success,
            self.urls.cancel,
            self.customer_email,
            self.user_id,
        )


def _digest(parts: tuple[object, ...]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class StartedCheckout:
    """Where the buyer pays, and until when the seats are held (UTC)."""

    checkout_url: str
    session_id: str
    order_id: str
    expires_at: datetime


class Checkout:
    """The use case behind `POST /api/payments/checkout`."""

    def __init__(  # noqa: PLR0913 - a constructor lists what the use case is made of
        self,
        *,
        events: "EventReader",
        orders: "OrderStore",
        payments: "PaymentGateway",
        confirmations: Confirmations,
        redirects: RedirectPolicy,
        clock: Clock,
        new_id: Callable[[], str],
        new_secret: Callable[[], str],
        log: "AuditLog",
        meter: "Meter",
    ) -> None:
        self._events = events
        self._orders = orders
        self._payments = payments
        self._confirmations = confirmations
        self._redirects = redirects
        self._clock = clock
        self._new_id = new_id
        self._new_secret = new_secret
        self._log = log
        self._meter = meter

    def start(self, request: CheckoutRequest, order_id: str | None = None) -> StartedCheckout:
        """Hold the seats and open a session; the order stays pending until Stripe tells more. A
        free order is paid at once.

        Raises `NotFound`, `InvalidInput`, `SalesClosed`, `SoldOut`, `PriceMismatch`,
        `PaymentProviderError` (the seats are free again) or `Unavailable`.
        """
        try:
            return self._start(request, order_id)
        except SoldOut:
            self._meter.count("SoldOut")
            raise
        except SalesClosed:
            self._meter.count("SalesClosed")
            raise

    def _start(self, request: CheckoutRequest, order_id: str | None) -> StartedCheckout:
        self._redirects.check_both(request.urls)
        slug = request.event_slug
        event = self._events.get(slug, consistent=True) if is_slug(slug) else None
        if event is None:
            raise NotFound("no such event")
        now = self._clock()
        event.ensure_on_sale(request.quantity, now)
        self._check_price(request, event)
        order = self._new_order(request, event, now, order_id or self._new_id())
        bind_order(order.id)
        if order.is_free:
            return self._confirm_free(order, event, request.urls)
        order = self._hold(order, event)
        started = self.open_session(order, request.urls)
        self._log_started(order)
        return started

    def _log_started(self, order: Order) -> None:
        self._meter.count("CheckoutStarted")
        self._log.audit(
            "checkout_started",
            {"orderId": order.id, "event": order.event_slug, "quantity": order.quantity},
        )

    def _check_price(self, request: CheckoutRequest, event: EventRecord) -> None:
        unit_price = to_minor(request.unit_price, event.currency, "unitPrice")
        total = to_minor(request.total_amount, event.currency, "totalAmount")
        if unit_price == event.price and total == event.price * request.quantity:
            return
        self._log.security(
            "price_mismatch",
            {
                "event": event.slug,
                "quantity": request.quantity,
                "sentUnitPrice": _loggable(unit_price),
                "sentTotal": _loggable(total),
                "price": event.price,
            },
        )
        self._meter.count("PriceMismatch")
        raise PriceMismatch("the price is not the event's price; reload the event and try again")

    def _new_order(
        self, request: CheckoutRequest, event: EventRecord, now: datetime, order_id: str
    ) -> Order:
        return Order(
            id=order_id,
            event_id=event.id,
            event_slug=event.slug,
            event_name=event.name,
            quantity=request.quantity,
            unit_price=event.price,
            amount_total=event.price * request.quantity,
            currency=event.currency,
            status=OrderStatus.PENDING,
            created_at=now,
            updated_at=now,
            hold_expires_at=now + HOLD,
            due_at=now + HOLD,
            customer_email=request.customer_email,
            user_id=request.user_id,
            history=(HistoryEntry(now, OrderStatus.PENDING, "checkout"),),
        )

    def _confirm_free(
        self, order: Order, event: EventRecord, urls: RedirectUrls
    ) -> StartedCheckout:
        """Sell the seats of an order that costs nothing, in one write."""
        session = settled_session(order, free_session_id(order.id, self._new_secret()))
        paid = pay(order, session, self._new_secret, order.created_at, Cause("free"))
        paid = self._place(self._confirmations.ask(paid), event)
        self._log_started(order)
        self._log.audit("order_paid", {"orderId": order.id, "event": order.event_slug})
        self._meter.count("OrderPaid")
        if paid.mail_claimed_until is not None:
            self._confirmations.send_claimed(paid)
        return started_free(paid, urls)

    def _place(self, order: Order, event: EventRecord) -> Order:
        """Return the order as it is stored."""
        try:
            return self._orders.place(order, event)
        except PriceMismatch:
            self._log.security("price_mismatch", {"event": order.event_slug, "race": True})
            raise
        except Unavailable:
            # It may have been placed all the same, its answer lost.
            placed = self._orders.get(order.id)
            if placed is None:
                raise
            return placed

    def _hold(self, order: Order, event: EventRecord) -> Order:
        try:
            return self._place(order, event)
        except Unavailable:
            self._give_back(order, "hold_unsure")
            raise

    def open_session(self, order: Order, urls: RedirectUrls) -> StartedCheckout:
        """Open the session of a pending order and note it there; whatever fails, nobody can pay and
        the seats go back. If giving them back fails too, the order stays pending and the timer
        finds it.

        Raises `InvalidInput`, `PaymentProviderError` or `Unavailable`.
        """
        try:
            session = self._payments.create_session(order, urls, order.hold_expires_at)
        except Exception:
            # Stripe may have made the session all the same, but nobody has its URL.
            self._give_back(order, "no_session")
            raise
        if not session.url:
            self._give_back(order, "no_session")
            raise PaymentProviderError("the payment provider gave no checkout page")
        self._note(order, session)
        return StartedCheckout(session.url, session.id, order.id, order.hold_expires_at)

    def _note(self, order: Order, session: CheckoutSession) -> None:
        try:
            noted = update(self._orders, order, lambda current: self._noted(current, session))
        except Unavailable:
            self._abandon(order, session)
            raise
        if noted.order.status is not OrderStatus.PENDING:
            raise Unavailable("the order ended before its checkout began; try again")

    def _noted(self, order: Order, session: CheckoutSession) -> Order:
        if order.status is not OrderStatus.PENDING or order.session_id == session.id:
            return order
        return with_session(order, session.id, self._clock())

    def _abandon(self, order: Order, session: CheckoutSession) -> None:
        """Make the session unpayable first, and only then give its seats back."""
        try:
            self._payments.expire_session(session.id)
        except EventsApiError:
            self._log.error("session_left_open", {"orderId": order.id})
            return
        self._give_back(order, "session_not_noted", session.id)

    def _give_back(self, order: Order, cause: str, ended_session: str | None = None) -> None:
        """Release an order, unless another session than the one that was ended can pay it: that of
        a repeat under the same idempotency key.
        """

        def give_back(current: Order) -> Order:
            if current.session_id not in {None, ended_session}:
                return current
            return release(current, OrderStatus.FAILED, self._clock(), Cause(cause))

        try:
            current = self._orders.get(order.id)
            if current is not None:
                update(self._orders, current, give_back)
        except EventsApiError:
            self._log.error("hold_left_behind", {"orderId": order.id, "cause": cause})


def _loggable(amount: int) -> int | None:
    """Return an amount, unless it may be a card's number that went into the wrong field."""
    return amount if amount < _SHORTEST_CARD_NUMBER else None


def started_free(order: Order, urls: RedirectUrls) -> StartedCheckout:
    """Return the answer to a free order: the buyer goes on to the success page at once."""
    session_id = order.session_id or ""
    url = with_session_id(urls.success, session_id)
    return StartedCheckout(url, session_id, order.id, order.hold_expires_at)
