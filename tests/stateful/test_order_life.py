"""The life of orders as a state machine: holds, payments, failures, expiries and their webhooks,
late, twice and in any order, on the real store.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import boto3
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)
from moto import mock_aws
from ulid import ULID

from chalicelib.domain.orders import Cause, OrderStatus, RedirectUrls
from chalicelib.errors import SoldOut, Unavailable
from chalicelib.services.checkout import Checkout, CheckoutRequest, RedirectPolicy
from chalicelib.services.fulfilment import Fulfilment
from chalicelib.settings import StoreSettings
from chalicelib.store import open_stores
from infra.tables import create_tables
from tests.conftest import TABLES
from tests.support.builders import NOW, a_city, an_event
from tests.support.fakes import RecordingLog
from tests.support.stripe_world import Delivery, StripeWorld

CAPACITY = 12
SLUG = "tech-conference"
PRICE = Decimal("149.99")


class OrderLife(RuleBasedStateMachine):
    """Buyers buy, Stripe tells; seats and orders must add up after every step."""

    sessions = Bundle("sessions")
    promised = Bundle("promised")

    def __init__(self) -> None:
        super().__init__()
        self.aws = mock_aws()
        self.aws.start()
        self.dynamodb: Any = boto3.client("dynamodb", region_name="us-east-1")
        create_tables(self.dynamodb, TABLES)
        self.stores = open_stores(StoreSettings("events", "cities", "index", "orders"))
        self.stores.cities.create(a_city())
        self.stores.events.create(an_event(capacity=CAPACITY))
        self.now: datetime = NOW
        self.stripe = StripeWorld()
        self.checkout = Checkout(
            events=self.stores.events,
            orders=self.stores.orders,
            payments=self.stripe,
            redirects=RedirectPolicy((), allow_loopback=True),
            clock=self._clock,
            new_id=lambda: str(ULID()),
            log=RecordingLog(),
        )
        self.fulfilment = Fulfilment(
            orders=self.stores.orders, clock=self._clock, log=RecordingLog()
        )
        self.order_ids: dict[str, str] = {}
        self.undelivered: list[Delivery] = []

    def teardown(self) -> None:
        self.dynamodb.close()
        self.aws.stop()

    def _clock(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now.astimezone(UTC)

    @rule(target=sessions, quantity=st.integers(1, 5))
    def buy(self, quantity: int) -> str:
        try:
            started = self.checkout.start(self._request(quantity))
        except SoldOut:
            assert self._stock()["free"] < quantity
            return ""
        self.order_ids[started.session_id] = started.order_id
        return started.session_id

    @rule(quantity=st.integers(1, 5))
    def buy_while_stripe_is_down(self, quantity: int) -> None:
        before = self._stock()
        self.stripe.failure = Unavailable("down")
        try:
            self.checkout.start(self._request(quantity))
        except (SoldOut, Unavailable):
            assert self._stock() == before
        finally:
            self.stripe.failure = None

    @rule(session=sessions)
    def pay(self, session: str) -> None:
        if self._is_open(session):
            self.stripe.pay(session)
            self._new_events()

    @rule(target=promised, session=sessions)
    def promise(self, session: str) -> str:
        if not self._is_open(session):
            return ""
        self.stripe.promise(session)
        self._new_events()
        return session

    @rule(session=promised, arrives=st.booleans())
    def money_comes_or_not(self, session: str, arrives: bool) -> None:
        if not session or session in self._ended:
            return
        self._ended.add(session)
        self._act(self.stripe.money_arrives if arrives else self.stripe.money_fails, session)

    @rule(session=sessions)
    def expire(self, session: str) -> None:
        if self._is_open(session):
            self._act(self.stripe.expire, session)

    @precondition(lambda self: self.undelivered)
    @rule(data=st.data())
    def deliver_some_event(self, data: st.DataObject) -> None:
        delivery = data.draw(st.sampled_from(self.undelivered))
        self.undelivered.remove(delivery)
        self._deliver(delivery)

    @precondition(lambda self: len(self.undelivered) < len(self.stripe.events))
    @rule(data=st.data())
    def deliver_an_event_again(self, data: st.DataObject) -> None:
        done = [event for event in self.stripe.events if event not in self.undelivered]
        delivery = data.draw(st.sampled_from(done))
        before = self._everything()
        self._deliver(delivery)
        assert self._everything() == before, "a replay changed something"

    @rule(session=sessions)
    def verify(self, session: str) -> None:
        if session:
            self.fulfilment.settle(self.stripe.retrieve_session(session), Cause("verify"))

    @invariant()
    def seats_add_up(self) -> None:
        stock = self._stock()
        assert stock["free"] + stock["held"] + stock["sold"] == CAPACITY
        assert min(stock.values()) >= 0

    @invariant()
    def seats_match_the_orders(self) -> None:
        stock = self._stock()
        orders = [self.stores.orders.get(order_id) for order_id in self.order_ids.values()]
        seats = {OrderStatus.PENDING: 0, OrderStatus.PAID: 0}
        for order in orders:
            assert order is not None
            if order.status in seats:
                seats[order.status] += order.quantity
        assert stock["held"] == seats[OrderStatus.PENDING]
        assert stock["sold"] == seats[OrderStatus.PAID]

    @invariant()
    def whoever_paid_and_was_heard_has_a_ticket(self) -> None:
        waiting = {delivery.session.id for delivery in self.undelivered}
        for session_id, session in self.stripe.sessions.items():
            if session.settled and session_id not in waiting:
                order = self.stores.orders.get(self.order_ids[session_id])
                assert order is not None
                assert order.status is OrderStatus.PAID

    @property
    def _ended(self) -> set[str]:
        ended: set[str] = self.__dict__.setdefault("ended_sessions", set())
        return ended

    def _act(self, action: Callable[[str], None], session: str) -> None:
        action(session)
        self._new_events()

    def _new_events(self) -> None:
        self.undelivered.append(self.stripe.events[-1])

    def _is_open(self, session: str) -> bool:
        return bool(session) and self.stripe.sessions[session].url is not None

    def _deliver(self, delivery: Delivery) -> None:
        cause = Cause.stripe_event(delivery.id)
        self.fulfilment.settle(delivery.session, cause, payment_failed=delivery.payment_failed)

    def _request(self, quantity: int) -> CheckoutRequest:
        urls = RedirectUrls("http://localhost/done", "http://localhost/back")
        return CheckoutRequest(SLUG, quantity, PRICE, PRICE * quantity, urls, None)

    def _stock(self) -> dict[str, int]:
        record = self.stores.events.get(SLUG, consistent=True)
        assert record is not None
        return {"free": record.free, "held": record.held, "sold": record.sold}

    def _everything(self) -> list[Any]:
        """Every item of every table."""
        items: list[Any] = []
        for table in TABLES.values():
            items.extend(self.dynamodb.scan(TableName=table)["Items"])
        return sorted(items, key=repr)


OrderLife.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


TestOrderLife = OrderLife.TestCase


def test_an_expired_order_that_is_paid_all_the_same_is_noted_once_and_sells_nothing() -> None:
    machine = OrderLife()
    try:
        session_id = str(machine.buy(2))
        machine.expire(session_id)
        machine._deliver(machine.undelivered.pop())
        assert machine._stock() == {"free": CAPACITY, "held": 0, "sold": 0}
        machine.stripe.pay(session_id)
        late = machine.stripe.events[-1]

        machine._deliver(late)
        once = machine._everything()
        machine._deliver(replace(late, id="evt_other"))

        assert machine._everything() == once
        assert machine._stock() == {"free": CAPACITY, "held": 0, "sold": 0}
        order = machine.stores.orders.get(machine.order_ids[session_id])
        assert order is not None
        assert order.history[-1].cause == f"paid_late:{late.id}"
    finally:
        machine.teardown()
