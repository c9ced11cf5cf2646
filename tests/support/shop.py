"""The whole shop in one process: the use cases as they are wired for Lambda, on a real store and
the real Stripe adapter, with a clock that a test moves.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from ulid import ULID

from chalicelib.domain.checkout_sessions import RedirectUrls
from chalicelib.domain.events import Event, EventRecord
from chalicelib.domain.orders import Order
from chalicelib.domain.payment_news import PaymentNews
from chalicelib.domain.tickets import ticket_secret
from chalicelib.log_context import bound
from chalicelib.services.auditing import Auditor
from chalicelib.services.cancelling import Cancelling
from chalicelib.services.check_in import Doors
from chalicelib.services.checkout import Checkout, CheckoutRequest, StartedCheckout
from chalicelib.services.confirmations import Confirmations
from chalicelib.services.due_orders import DueOrders
from chalicelib.services.fulfilment import Fulfilment
from chalicelib.services.keyed_checkout import KeyedCheckout
from chalicelib.services.payment_news import PaymentNewsDesk
from chalicelib.services.port_types import OrderQuery
from chalicelib.services.ports import PaymentGateway
from chalicelib.services.reconciliation import (
    Reconciliation,
    cancellations_chore,
    due_orders_chore,
    undelivered_news_chore,
)
from chalicelib.services.redirects import RedirectPolicy
from chalicelib.services.refunding import Refunding, RefundWish
from chalicelib.services.time_budget import TimeBudget
from chalicelib.services.undelivered_news import UndeliveredNews
from tests.support.builders import NOW
from tests.support.fakes import FakeMailer, RecordingLog, RecordingMeter
from tests.support.store_worlds import World

AMPLE = TimeBudget(1.0, lambda: 0.0)
URLS = RedirectUrls("http://localhost/done", "http://localhost/back")


@dataclass
class MovingClock:
    """A clock that goes a millisecond further whenever it is read, and further when it is told."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def move(self, by: timedelta) -> None:
        """Let time pass."""
        self.now += by


@dataclass
class Shop:
    """The use cases over one world of stores and one payment gateway.

    Whoever knows of which events all orders are says so in `event_ids`: they are found faster.
    """

    world: World
    payments: PaymentGateway
    clock: MovingClock = field(default_factory=MovingClock)
    mailer: FakeMailer = field(default_factory=FakeMailer)
    log: RecordingLog = field(default_factory=RecordingLog)
    meter: RecordingMeter = field(default_factory=RecordingMeter)
    workers: int = 1
    event_ids: tuple[int | None, ...] = (None,)
    _secrets: int = 0

    def __post_init__(self) -> None:
        common: Any = {"clock": self.clock, "log": self.log, "meter": self.meter}
        # It looks at the clock without moving it.
        auditor = Auditor(lambda: self.clock.now, bound)
        orders, events, payments = self.world.orders, self.world.events, self.payments
        self.confirmations = Confirmations(
            orders=orders, events=events, mailer=self.mailer, **common
        )
        self.refunding = Refunding(orders=orders, payments=payments, auditor=auditor, **common)
        self.fulfilment = Fulfilment(
            orders=orders,
            refunding=self.refunding,
            confirmations=self.confirmations,
            new_secret=self._secret,
            **common,
        )
        self.checkout = Checkout(
            events=events,
            orders=orders,
            payments=payments,
            confirmations=self.confirmations,
            redirects=RedirectPolicy((), allow_loopback=True),
            new_id=self._id,
            new_secret=self._secret,
            **common,
        )
        self.keyed_checkout = KeyedCheckout(
            checkout=self.checkout,
            requests=self.world.keyed_requests,
            orders=orders,
            payments=payments,
            clock=self.clock,
            new_id=self._id,
            log=self.log,
        )
        self.desk = PaymentNewsDesk(
            orders=orders,
            events=events,
            payments=payments,
            fulfilment=self.fulfilment,
            refunding=self.refunding,
            **common,
        )
        self.due_orders = DueOrders(
            orders=orders,
            payments=payments,
            fulfilment=self.fulfilment,
            refunding=self.refunding,
            confirmations=self.confirmations,
            **common,
        )
        self.undelivered = UndeliveredNews(
            payments=payments, desk=self.desk, marker=self.world.news_marker, **common
        )
        self.cancelling = Cancelling(
            orders=orders,
            cancellations=self.world.cancellations,
            due_orders=self.due_orders,
            refunding=self.refunding,
            clock=self.clock,
            log=self.log,
            workers=self.workers,
        )
        self.doors = Doors(orders=orders, events=events, auditor=auditor, **common)
        self.timer = Reconciliation(
            (
                due_orders_chore(self.due_orders),
                undelivered_news_chore(self.undelivered),
                cancellations_chore(self.cancelling),
            ),
            self.log,
        )

    def _id(self) -> str:
        return str(ULID.from_datetime(self.clock()))

    def _secret(self) -> str:
        self._secrets += 1
        return ticket_secret(self._secrets.to_bytes(10, "big"))

    def request(
        self, event: Event, quantity: int = 2, email: str | None = "ann@example.org"
    ) -> CheckoutRequest:
        """Return what a buyer of an event's tickets sends; its prices are in usd or free."""
        price = Decimal(event.price) / 100
        return CheckoutRequest(event.slug, quantity, price, price * quantity, URLS, email)

    def buy(self, event: Event, quantity: int = 2, **request: Any) -> StartedCheckout:
        """Start a checkout."""
        return self.checkout.start(self.request(event, quantity, **request))

    def hear(self, news: PaymentNews | None) -> str:
        """Have a webhook's news handled."""
        return "ignored" if news is None else self.desk.hear(news)

    def refund(self, order_id: str, **wish: Any) -> Order:
        """Refund an order as an admin does."""
        return self.refunding.request(order_id, RefundWish(**wish), "user_admin")

    def run_timer(self, rounds: int = 1, every: timedelta = timedelta(minutes=5)) -> None:
        """Let the timer run, so many times."""
        for _ in range(rounds):
            self.timer.run(AMPLE)
            self.clock.move(every)

    def orders(self) -> list[Order]:
        """Return all orders, of each event latest first."""
        return [order for event_id in self.event_ids for order in self._orders_of(event_id)]

    def _orders_of(self, event_id: int | None) -> list[Order]:
        found: list[Order] = []
        after: str | None = None
        while True:
            page = self.world.orders.find(OrderQuery(100, after, event_id=event_id))
            found += page.orders
            after = page.next_after
            if after is None:
                return found

    def order(self, order_id: str) -> Order:
        """Return an order that is there."""
        order = self.world.orders.get(order_id)
        assert order is not None
        return order

    def stock(self, slug: str) -> EventRecord:
        """Return an event with all of its stock."""
        record = self.world.events.get(slug, consistent=True)
        assert record is not None
        return self.world.events.whole(record, consistent=True)
