"""The shop over fakes, with one event on sale, and orders at which things happen at the wrong
moment: somebody is faster, or the store fails.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from chalicelib.domain.audit import AuditEntry
from chalicelib.domain.checkout_sessions import (
    CheckoutSession,
    PaymentStatus,
    RedirectUrls,
    SessionStatus,
)
from chalicelib.domain.events import EventRecord, EventStatus
from chalicelib.domain.order_changes import with_session
from chalicelib.domain.orders import Cause, Order
from chalicelib.errors import EventsApiError
from tests.support.builders import a_city, a_paid_session, an_event, an_order
from tests.support.fakes import (
    FakeAuditTrail,
    FakeCities,
    FakeEvents,
    FakeKeyedRequests,
    FakeNewsMarker,
    FakeOrders,
    FakePayments,
    FakeRenames,
)
from tests.support.shop import Shop
from tests.support.store_worlds import World

CAUSE = Cause("evt_1")
URLS = RedirectUrls("http://localhost/done", "http://localhost/back")


@dataclass
class EventfulOrders(FakeOrders):
    """Orders at which something happens just before, or just after, a write or a read.

    What happens may raise; what happens after a write is as if its answer got lost. `calls` are the
    writes.
    """

    calls: list[str] = field(default_factory=list)
    before_place: deque[Callable[[], object]] = field(default_factory=deque)
    after_place: deque[Callable[[], object]] = field(default_factory=deque)
    before_replace: deque[Callable[[], object]] = field(default_factory=deque)
    after_replace: deque[Callable[[], object]] = field(default_factory=deque)
    before_get: deque[Callable[[], object]] = field(default_factory=deque)

    def place(self, order: Order, event: EventRecord | None = None) -> Order:
        self.calls.append("place")
        _happen(self.before_place)
        placed = super().place(order, event)
        _happen(self.after_place)
        return placed

    def get(self, order_id: str) -> Order | None:
        _happen(self.before_get)
        return super().get(order_id)

    def replace(self, before: Order, after: Order, entry: AuditEntry | None = None) -> Order:
        self.calls.append("replace")
        _happen(self.before_replace)
        stored = super().replace(before, after, entry)
        _happen(self.after_replace)
        return stored


def _happen(waiting: deque[Callable[[], object]]) -> None:
    if waiting:
        waiting.popleft()()


def fails(error: EventsApiError | Exception) -> Callable[[], object]:
    """Return something that happens: an error."""

    def fail() -> object:
        raise error

    return fail


class FakeShop:
    """A shop over fakes. Its event has 100 seats at 149.99 usd, unless it is described otherwise;
    its orders are of two of them.
    """

    def __init__(self, **event: Any) -> None:
        self.trail = FakeAuditTrail()
        cities = FakeCities(trail=self.trail)
        self.events = FakeEvents(cities, trail=self.trail)
        self.orders = EventfulOrders(self.events, trail=self.trail)
        self.payments = FakePayments()
        self.keyed_requests = FakeKeyedRequests()
        self.news_marker = FakeNewsMarker()
        world = World(
            cities=cities,
            events=self.events,
            orders=self.orders,
            renames=FakeRenames(cities, self.events),
            cancellations=self.events.cancellations,
            keyed_requests=self.keyed_requests,
            news_marker=self.news_marker,
            audit_trail=self.trail,
        )
        self.shop = Shop(world, self.payments)
        self.log, self.meter, self.mailer = self.shop.log, self.shop.meter, self.shop.mailer
        cities.create(a_city())
        self.event = an_event(**event)
        self.events.create(self.event)

    def start(self, **changes: Any) -> Order:
        """Place a pending order with a session that can be paid; return it."""
        order = an_order(**changes)
        self.orders.place(order)
        session = self.payments.create_session(order, URLS, order.hold_expires_at)
        noted = with_session(order, session.id, order.updated_at)
        order = self.orders.replace(order, noted)
        self.orders.calls.clear()
        return order

    def pay(self, order: Order, **changes: Any) -> CheckoutSession:
        """Have the buyer pay at Stripe; return the session as it is then."""
        session = a_paid_session(
            **{
                "id": f"cs_test_{order.id}",
                "order_id": order.id,
                "amount_total": order.amount_total,
                "currency": order.currency,
                "payment_intent_id": f"pi_{order.id}",
                **changes,
            }
        )
        self.payments.sessions[session.id] = session
        return session

    def promise(self, order: Order, *, failed: bool = False) -> CheckoutSession:
        """Have the buyer choose a payment method whose money comes days later, or never."""
        return self.pay(order, payment_status=PaymentStatus.UNPAID, payment_failed=failed)

    def expire(self, order: Order) -> CheckoutSession:
        """Have the session end at Stripe."""
        return self.pay(
            order,
            status=SessionStatus.EXPIRED,
            payment_status=PaymentStatus.UNPAID,
            payment_intent_id=None,
        )

    def start_and_pay(self, **changes: Any) -> Order:
        """Place an order, have it paid, and heard of; return it."""
        order = self.start(**changes)
        settled = self.shop.fulfilment.settle(self.pay(order), CAUSE)
        assert settled.order is not None
        return settled.order

    def describe(self, **changes: Any) -> None:
        """Change the event as an admin does."""
        before = self.events.records[self.event.slug]
        later = self.event.updated_at + timedelta(seconds=1)
        self.event = replace(self.event, updated_at=later, **changes)
        self.events.replace(before, self.event)

    def cancel_event(self) -> None:
        """Cancel the event, as far as the event goes."""
        self.describe(status=EventStatus.CANCELLED)

    def order(self, order_id: str = an_order().id) -> Order:
        """Return an order as it is stored."""
        return self.orders.orders[order_id]

    @property
    def stock(self) -> tuple[int, int, int]:
        """How many seats are free, held and sold."""
        record = self.events.records[self.event.slug]
        return record.free, record.held, record.sold
