"""Many buyers at once, on engines that really run transactions side by side: who gets the last
seats, with the condition that guards them and without it; and one order that many work at.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from pynamodb.expressions.condition import Condition

from chalicelib.domain.checkout_sessions import CheckoutSession
from chalicelib.domain.events import Event, EventRecord
from chalicelib.domain.orders import Cause, Order, OrderStatus
from chalicelib.errors import SoldOut
from chalicelib.services.fulfilment import Outcome
from chalicelib.store import Stores, orders
from chalicelib.store.models import EventModel
from chalicelib.store.stock_moves import Moves
from tests.support.builders import a_city, a_paid_session, a_session, an_event
from tests.support.crowds import CrowdClock, at_once
from tests.support.fakes import FakePayments
from tests.support.ledger import assert_money_adds_up, assert_seats_add_up, mails
from tests.support.local_stripe import LocalStripe, NotPossible
from tests.support.shop import Shop
from tests.support.spread import KINDS
from tests.support.store_worlds import world_of

BUYERS = 16
SEATS = 50
EVENTS = 20


@pytest.fixture
def payments() -> FakePayments:
    return FakePayments()


@pytest.fixture
def shop(real_stores: Stores, payments: FakePayments) -> Shop:
    real_stores.cities.create(a_city())
    return Shop(world_of(real_stores), payments, clock=CrowdClock())


def add_events(shop: Shop, count: int, seats: int) -> list[Event]:
    date = shop.clock.now + timedelta(days=30)
    events = [
        an_event(id=number, slug=f"event-{number}-of-{count}", capacity=seats, date=date)
        for number in range(1, count + 1)
    ]
    for event in events:
        shop.world.events.create(event)
    return events


def as_paid(session: CheckoutSession) -> CheckoutSession:
    return a_paid_session(
        id=session.id,
        order_id=session.order_id,
        amount_total=session.amount_total,
        payment_intent_id=f"pi_{session.order_id}",
    )


def sell_until_sold_out(shop: Shop, payments: FakePayments, events: list[Event]) -> None:
    """Let the buyers take one ticket after the other, each paid at once, until none is left."""

    def buy_all(_buyer: int) -> None:
        for event in events:
            while True:
                try:
                    started = shop.buy(event, 1, email=None)
                except SoldOut:
                    break
                session = as_paid(payments.sessions[started.session_id])
                settlement = shop.fulfilment.settle(session, Cause("evt_paid"))
                assert settlement.outcome is Outcome.PAID

    at_once(BUYERS, buy_all)


def stocks(shop: Shop, events: list[Event]) -> list[EventRecord]:
    return [shop.stock(event.slug) for event in events]


@pytest.mark.parametrize("spreading", KINDS)
def test_sixteen_buyers_get_exactly_the_last_fifty_seats_of_each_of_twenty_events(
    shop: Shop, payments: FakePayments
) -> None:
    events = add_events(shop, EVENTS, SEATS)

    sell_until_sold_out(shop, payments, events)

    left = [(record.free, record.held, record.sold) for record in stocks(shop, events)]
    assert left == [(0, 0, SEATS)] * EVENTS
    assert_seats_add_up(shop, [event.slug for event in events])


@pytest.mark.parametrize("spreading", KINDS)
def test_the_same_crowd_oversells_when_the_sale_has_no_condition(
    shop: Shop,
    payments: FakePayments,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    def no_condition(_order: Order, _moves: Moves) -> Condition:
        return EventModel.slug.exists()

    monkeypatch.setattr(orders, "sale_condition", no_condition)
    events = add_events(shop, EVENTS, SEATS)

    sell_until_sold_out(shop, payments, events)

    total = sum(record.sold for record in stocks(shop, events))
    assert total > SEATS * EVENTS
    record_property("sold_of_1000_seats_without_the_condition", total)


def test_one_payment_told_sixteen_times_at_once_sells_its_seats_once(
    shop: Shop, payments: FakePayments
) -> None:
    (event,) = add_events(shop, 1, SEATS)
    started = shop.buy(event, 3)
    paid = as_paid(payments.sessions[started.session_id])
    outcomes: list[Outcome] = []

    def tell(teller: int) -> None:
        # Half of them are the same event delivered twice, half are the buyer's own questions.
        cause = Cause.stripe_event("evt_1") if teller % 2 else Cause("verify")
        outcomes.append(shop.fulfilment.settle(paid, cause).outcome)

    at_once(BUYERS, tell)

    assert sorted(outcomes) == [Outcome.PAID, *[Outcome.REPEATED] * (BUYERS - 1)]
    assert shop.stock(event.slug).sold == 3
    order = shop.order(started.order_id)
    assert (order.good_tickets, mails(shop, order)) == (3, 1)


def test_news_of_a_payment_and_of_its_failure_at_the_same_moment_sell_its_seats_once(
    shop: Shop, payments: FakePayments
) -> None:
    (event,) = add_events(shop, 1, SEATS)
    started = [shop.buy(event, 1) for _ in range(BUYERS // 2)]

    def settle(worker: int) -> None:
        session = payments.sessions[started[worker // 2].session_id]
        if worker % 2:
            shop.fulfilment.settle(as_paid(session), Cause("verify"))
        else:
            failed = a_session(id=session.id, order_id=session.order_id, payment_failed=True)
            shop.fulfilment.settle(failed, Cause("failed"))

    at_once(BUYERS, settle)

    # Money that came is never ignored: where the failure was first, the payment was a late one.
    assert {shop.order(one.order_id).status for one in started} == {OrderStatus.PAID}
    record = shop.stock(event.slug)
    assert (record.free, record.held, record.sold) == (SEATS - len(started), 0, len(started))


def test_a_payment_and_the_expiry_of_its_session_at_the_same_moment_end_in_one_of_the_two(
    real_stores: Stores,
) -> None:
    real_stores.cities.create(a_city())
    clock = CrowdClock()
    stripe = LocalStripe(lambda: clock.now)
    shop = Shop(world_of(real_stores), stripe.gateway(), clock=clock)
    (event,) = add_events(shop, 1, SEATS)
    started = [shop.buy(event, 1) for _ in range(BUYERS)]
    paid: list[str] = []

    def pay_or_end(worker: int) -> None:
        one = started[worker // 2]
        if worker % 2:
            shop.due_orders.end_hold(shop.order(one.order_id))
            return
        try:
            stripe.pay(one.session_id)
        except NotPossible:
            return
        paid.append(one.order_id)
        session = shop.payments.retrieve_session(one.session_id)
        shop.fulfilment.settle(session, Cause("verify"))

    at_once(2 * BUYERS, pay_or_end)

    for one in started:
        expected = OrderStatus.PAID if one.order_id in paid else OrderStatus.EXPIRED
        assert shop.order(one.order_id).status is expected
    assert shop.stock(event.slug).sold == len(paid)
    assert_seats_add_up(shop, [event.slug])
    assert_money_adds_up(shop, stripe)
