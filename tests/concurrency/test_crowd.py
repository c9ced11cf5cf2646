"""A crowd of 64 for the 1,000 seats of one event, on engines that really run transactions side by
side, while webhooks come late and more than once, holds run out, and an admin gives money back.

In the end every seat is sold exactly once, and who paid has tickets or the money back. That
is so on a DynamoDB that refuses a tenth of all requests too, and then no buyer is told of it.
"""

import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from chalicelib.domain.orders import Cause, OrderStatus
from chalicelib.domain.stock_places import SPREADING, Spreading
from chalicelib.errors import (
    EventsApiError,
    PaymentProviderError,
    RefundRefused,
    SoldOut,
    Unavailable,
)
from chalicelib.services.checkout import StartedCheckout
from chalicelib.services.refunding import RefundWish
from chalicelib.store import Stores
from tests.support.builders import a_city, an_event
from tests.support.crowds import CrowdClock, InBackground, at_once
from tests.support.ledger import (
    assert_all_ended,
    assert_money_adds_up,
    assert_seats_add_up,
    assert_trail_adds_up,
)
from tests.support.local_stripe import LocalStripe, WebhookEvent
from tests.support.shop import AMPLE, Shop
from tests.support.spread import UNSPREAD
from tests.support.store_worlds import world_of
from tests.support.trouble import Trouble, busy

BUYERS = 64
SEATS = 1000
# Held before the crowd comes, by buyers who never pay.
ABANDONED, SEATS_OF_ABANDONED = 40, 5
DELIVERERS = 16


@dataclass
class Crowd:
    """Everybody at one event, and what they are told."""

    shop: Shop
    stripe: LocalStripe
    clock: CrowdClock
    errors: Counter[str] = field(default_factory=Counter)
    """What buyers were told but that it is sold out."""
    bought: list[str] = field(default_factory=list)
    """The ids of orders that were paid."""
    refunds: int = 0
    """How many refunds the admin made."""

    def __post_init__(self) -> None:
        self.event = an_event(capacity=SEATS, price=5000, date=self.clock.now + timedelta(days=30))
        self.shop.world.cities.create(a_city())
        self.shop.world.events.create(self.event)
        self._deliveries: queue.SimpleQueue[WebhookEvent] = queue.SimpleQueue()
        self._seen = 0
        self._listing = threading.Lock()
        self._unrefundable = 0
        self._random = random.Random(1)

    def abandon(self) -> None:
        """Let buyers hold seats, and never pay; their time runs out."""

        def hold(worker: int) -> None:
            for _ in range(ABANDONED // 8):
                self.shop.buy(self.event, SEATS_OF_ABANDONED)

        at_once(8, hold)
        self.clock.move(timedelta(minutes=35))

    def buy(self, buyer: int, *, all_pay: bool = False) -> None:
        """Buy again and again until nothing is left; every twelfth checkout or so is not paid."""
        rng = random.Random(buyer)
        refusals = 0
        while refusals < 3:
            # Who is refused is content with one.
            quantity = 1 if refusals else rng.randint(1, 5)
            try:
                started = self.shop.buy(self.event, quantity, email=None)
            except SoldOut:
                # Holds run out and tickets come back while the crowd is here.
                refusals += 1
                time.sleep(0.2)
                continue
            except EventsApiError as error:
                self.errors[type(error).__name__] += 1
                return
            if all_pay or rng.random() > 1 / 12:
                self._pay(started, asks=rng.random() < 0.5)

    def _pay(self, started: StartedCheckout, *, asks: bool) -> None:
        self.stripe.pay(started.session_id)
        self.bought.append(started.order_id)
        if asks:
            self._come_back(started.session_id)

    def _come_back(self, session_id: str) -> None:
        """Have the buyer's browser ask what became of it."""
        try:
            session = self.shop.payments.retrieve_session(session_id)
            self.shop.fulfilment.settle(session, Cause("verify"))
        except EventsApiError as error:
            self.errors[type(error).__name__] += 1

    def list_webhooks(self) -> None:
        """Put Stripe's new events on their way, each once, twice or three times."""
        with self._listing:
            events, self._seen = self.stripe.events_after(self._seen)
            for event in events:
                for _ in range(self._random.randint(1, 3)):
                    self._deliveries.put(event)

    def deliver_webhooks(self) -> None:
        """Deliver what is on its way; what fails comes again."""
        while True:
            try:
                event = self._deliveries.get_nowait()
            except queue.Empty:
                return
            try:
                self.shop.hear(event.news())
            except EventsApiError:
                self._deliveries.put(event)
            else:
                self.stripe.deliver(event)

    def refund_some(self) -> None:
        """Give the money of every eighth order back, of some of them that of one ticket."""
        number = self.refunds + self._unrefundable
        if len(self.bought) < 8 * (number + 1):
            return
        wish = RefundWish(quantity=1) if number % 3 else RefundWish()
        try:
            self.shop.refunding.request(self.bought[8 * number], wish, "user_admin")
        except RefundRefused:
            # Where nobody has told of the payment yet, the admin asks for the same again.
            if self.shop.order(self.bought[8 * number]).status is not OrderStatus.PENDING:
                self._unrefundable += 1
        except (Unavailable, PaymentProviderError):
            # The admin asks for the same again.
            return
        else:
            self.refunds += 1

    def run_timer(self) -> None:
        """Let the timer run once."""
        self.shop.timer.run(AMPLE)

    def settle(self) -> None:
        """Let all webhooks arrive, all holds run out, and the timer run until nothing is left."""
        for pause in (5, 35, 5):
            self.list_webhooks()
            at_once(DELIVERERS, lambda _: self.deliver_webhooks())
            self.clock.move(timedelta(minutes=pause))
            self.run_timer()


def let_them_in(crowd: Crowd, trouble: Trouble) -> float:
    """Let everybody do what they do, all at once; return how many transactions a second it was."""
    crowd.abandon()
    trouble.forget()
    deliverers = [crowd.deliver_webhooks] * DELIVERERS
    with InBackground(crowd.list_webhooks, *deliverers, crowd.refund_some, crowd.run_timer):
        at_once(BUYERS, crowd.buy)
        rate = trouble.per_second("TransactWriteItems")
    # On a busy machine the crowd may have gone before the first webhook came.
    crowd.deliver_webhooks()
    crowd.refund_some()
    crowd.settle()
    return rate


def check(crowd: Crowd) -> None:
    """Check that all adds up, that seats came back and that none was left over by mistake."""
    assert_all_ended(crowd.shop, crowd.stripe)
    assert_seats_add_up(crowd.shop, [crowd.event.slug])
    assert_money_adds_up(crowd.shop, crowd.stripe)
    assert_trail_adds_up(crowd.shop)
    orders = {order.id: order for order in crowd.shop.orders()}
    assert all(orders[order_id].is_paid for order_id in crowd.bought)
    statuses = Counter(order.status for order in orders.values())
    assert statuses[OrderStatus.EXPIRED] >= ABANDONED
    assert statuses[OrderStatus.REFUNDED] + statuses[OrderStatus.PARTIALLY_REFUNDED] > 0
    assert crowd.refunds > 0


def sell_the_rest(crowd: Crowd) -> None:
    """Sell what was given back at the last moment, and see that it was no seat too many or few."""
    at_once(BUYERS, lambda buyer: crowd.buy(buyer, all_pay=True))
    crowd.settle()
    record = crowd.shop.stock(crowd.event.slug)
    assert (record.free, record.held, record.sold) == (0, 0, SEATS)


@pytest.fixture
def crowd(real_stores: Stores) -> Crowd:
    clock = CrowdClock()
    stripe = LocalStripe(lambda: clock.now)
    shop = Shop(world_of(real_stores), stripe.gateway(), clock=clock, event_ids=(1,))
    return Crowd(shop, stripe, clock)


@pytest.mark.parametrize(
    ("share", "spreading"),
    [
        pytest.param(0.0, UNSPREAD, id="a calm DynamoDB"),
        pytest.param(0.1, UNSPREAD, id="a busy DynamoDB"),
        pytest.param(0.1, SPREADING, id="a busy DynamoDB, ten places"),
    ],
)
def test_a_crowd_gets_every_seat_once_and_nobody_pays_for_nothing(
    share: float,
    spreading: Spreading,
    crowd: Crowd,
    real_stores: Stores,
    record_property: Callable[[str, object], None],
) -> None:
    with busy(real_stores.orders._connection, share) as trouble:
        rate = let_them_in(crowd, trouble)
        check(crowd)
        sell_the_rest(crowd)
        check(crowd)

    assert crowd.shop.stock(crowd.event.slug).places == spreading.places(SEATS)
    assert crowd.errors == Counter(), "buyers were told of what could have been spared them"
    assert bool(trouble.refused) is bool(share)
    record_property("transactions_per_second", round(rate))
    record_property("requests_refused", trouble.refused)
