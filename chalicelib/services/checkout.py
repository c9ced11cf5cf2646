"""Starting a sale: check, hold the seats, then ask Stripe for a checkout session."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlsplit

from chalicelib.domain.clock import Clock
from chalicelib.domain.events import EventRecord
from chalicelib.domain.money import to_minor
from chalicelib.domain.orders import (
    HOLD,
    Cause,
    CheckoutSession,
    HistoryEntry,
    Order,
    OrderStatus,
    RedirectUrls,
)
from chalicelib.domain.slugs import is_slug
from chalicelib.errors import (
    EventsApiError,
    InvalidInput,
    NotFound,
    PaymentProviderError,
    PriceMismatch,
    Unavailable,
)
from chalicelib.services.ports import AuditLog, Change, EventStore, OrderStore, PaymentGateway

_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1"})
# Browsers read a backslash as a slash and drop control characters, so a URL with either is not
# what `urlsplit` takes it for.
_MISREAD_IN_URLS = re.compile(r"[\\\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """What a buyer's front end asks for. `unit_price` and `total_amount` are major units of the
    event's currency, as sent: the server's own decide.
    """

    event_slug: str
    quantity: int
    unit_price: Decimal
    total_amount: Decimal
    urls: RedirectUrls
    customer_email: str | None


@dataclass(frozen=True, slots=True)
class StartedCheckout:
    """Where the buyer pays, and until when the seats are held (UTC)."""

    checkout_url: str
    session_id: str
    order_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class RedirectPolicy:
    """Which origins a buyer may be sent back to."""

    allowed_origins: tuple[str, ...]
    allow_loopback: bool

    def check(self, field: str, url: str) -> None:
        """Raise `InvalidInput` on `field` unless the URL is http(s) on an allowed origin.

        User information, backslashes and white space are refused outright: they are how a URL
        looks to be on one host and leads to another.
        """
        if _MISREAD_IN_URLS.search(url):
            raise InvalidInput.of(field, "must be an http(s) URL", "url_parsing")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise InvalidInput.of(field, "must be an http(s) URL", "url_parsing") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidInput.of(field, "must be an http(s) URL", "url_parsing")
        if "@" in parts.netloc:
            raise InvalidInput.of(field, "must not hold user information", "url_parsing")
        # Names are in lower case here; an IPv6 address lost its brackets.
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        origin = f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")
        if self.allow_loopback and parts.hostname in _LOOPBACK_HOSTS:
            return
        if origin not in self.allowed_origins:
            raise InvalidInput.of(field, "must be on an allowed origin", "origin_not_allowed")


class Checkout:
    """The use case behind `POST /api/payments/checkout`."""

    def __init__(  # noqa: PLR0913 - a constructor lists what the use case is made of
        self,
        *,
        events: EventStore,
        orders: OrderStore,
        payments: PaymentGateway,
        redirects: RedirectPolicy,
        clock: Clock,
        new_id: Callable[[], str],
        log: AuditLog,
    ) -> None:
        self._events = events
        self._orders = orders
        self._payments = payments
        self._redirects = redirects
        self._clock = clock
        self._new_id = new_id
        self._log = log

    def start(self, request: CheckoutRequest) -> StartedCheckout:
        """Hold the seats and open a session; the order stays pending until Stripe tells more.

        Raises `NotFound`, `InvalidInput`, `SalesClosed`, `SoldOut`, `PriceMismatch`,
        `PaymentProviderError` (the seats are free again) or `Unavailable`.
        """
        self._redirects.check("successUrl", request.urls.success)
        self._redirects.check("cancelUrl", request.urls.cancel)
        slug = request.event_slug
        event = self._events.get(slug, consistent=True) if is_slug(slug) else None
        if event is None:
            raise NotFound("no such event")
        now = self._clock()
        event.ensure_on_sale(request.quantity, now)
        self._check_price(request, event)
        order = self._new_order(request, event, now)
        self._hold(order)
        session = self._open_session(order, request.urls)
        self._log.audit(
            "checkout_started",
            {"orderId": order.id, "event": order.event_slug, "quantity": order.quantity},
        )
        return StartedCheckout(session.url or "", session.id, order.id, order.hold_expires_at)

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
                "sentUnitPrice": unit_price,
                "sentTotal": total,
                "price": event.price,
            },
        )
        raise PriceMismatch("the price is not the event's price; reload the event and try again")

    def _new_order(self, request: CheckoutRequest, event: EventRecord, now: datetime) -> Order:
        return Order(
            id=self._new_id(),
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
            customer_email=request.customer_email,
            history=(HistoryEntry(now, OrderStatus.PENDING, "checkout"),),
        )

    def _hold(self, order: Order) -> None:
        try:
            self._orders.place_hold(order)
        except PriceMismatch:
            self._log.security("price_mismatch", {"event": order.event_slug, "race": True})
            raise
        except Unavailable:
            # The hold may have been placed all the same, its answer lost.
            self._give_back(order, "hold_unsure")
            raise

    def _open_session(self, order: Order, urls: RedirectUrls) -> CheckoutSession:
        """Open the session and note it on the order; whatever fails, nobody can pay and the seats
        go back. If giving them back fails too, the order stays pending and is found as such.
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
        try:
            noted = self._orders.attach_session(order.id, session)
        except Unavailable:
            self._abandon(order, session)
            raise
        if noted is Change.REFUSED:
            raise Unavailable("the order ended before its checkout began; try again")
        return session

    def _abandon(self, order: Order, session: CheckoutSession) -> None:
        """Make the session unpayable first, and only then give its seats back."""
        try:
            self._payments.expire_session(session.id)
        except EventsApiError:
            self._log.error("session_left_open", {"orderId": order.id})
            return
        self._give_back(order, "session_not_noted")

    def _give_back(self, order: Order, cause: str) -> None:
        try:
            self._orders.release(order, OrderStatus.FAILED, Cause(cause), self._clock())
        except EventsApiError:
            self._log.error("hold_left_behind", {"orderId": order.id, "cause": cause})
