"""Many buyers at once, on an engine that really runs transactions side by side: ministack.

moto is not used here: it oversells by itself under threads.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from pynamodb.expressions.condition import Condition
from ulid import ULID

from chalicelib.domain.clock import utc_now
from chalicelib.domain.orders import (
    Cause,
    Order,
    OrderStatus,
    RedirectUrls,
)
from chalicelib.errors import SoldOut
from chalicelib.services.checkout import Checkout, CheckoutRequest, RedirectPolicy
from chalicelib.services.fulfilment import Fulfilment, Outcome
from chalicelib.settings import StoreSettings
from chalicelib.store import Stores, open_stores, orders
from chalicelib.store.models import EventModel
from tests.support.builders import a_city, a_paid_session, a_session, an_event
from tests.support.fakes import FakePayments, RecordingLog
from tests.support.ministack import ministack_tables

BUYERS = 16
SEATS = 50
EVENTS = 20

pytestmark = pytest.mark.xdist_group("ministack")


@pytest.fixture(scope="module")
def ministack_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ministack_tables(tmp_path_factory.mktemp("ministack")) as url:
        yield url


@pytest.fixture
def real_stores(ministack_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", ministack_url)
    stores = open_stores(StoreSettings("events", "cities", "index", "orders"))
    stores.eraser.erase_everything()
    stores.cities.create(a_city())
    yield stores
    stores.eraser.erase_everything()


def add_events(stores: Stores, count: int, seats: int) -> list[str]:
    slugs = [f"event-{number}-of-{count}" for number in range(1, count + 1)]
    for number, slug in enumerate(slugs, start=1):
        date = utc_now() + timedelta(days=30)
        stores.events.create(an_event(id=number, slug=slug, capacity=seats, date=date))
    return slugs


def at_once(workers: int, work: Callable[[int], None]) -> None:
    """Run the same work in many threads that begin together; what one raises is raised here."""
    start = threading.Barrier(workers)

    def begin(worker: int) -> None:
        start.wait()
        work(worker)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(begin, range(workers)))


def checkout_with(stores: Stores) -> tuple[Checkout, FakePayments]:
    payments = FakePayments()
    checkout = Checkout(
        events=stores.events,
        orders=stores.orders,
        payments=payments,
        redirects=RedirectPolicy((), allow_loopback=True),
        clock=utc_now,
        new_id=lambda: str(ULID()),
        log=RecordingLog(),
    )
    return checkout, payments


def request_for(slug: str, quantity: int = 1) -> CheckoutRequest:
    price = Decimal("149.99")
    urls = RedirectUrls("http://localhost/done", "http://localhost/back")
    return CheckoutRequest(slug, quantity, price, price * quantity, urls, None)


def sell_until_sold_out(stores: Stores, slugs: list[str]) -> None:
    """Let the buyers take one ticket after the other, each paid at once, until none is left."""
    checkout, payments = checkout_with(stores)
    fulfilment = Fulfilment(orders=stores.orders, clock=utc_now, log=RecordingLog())

    def buy_all(_buyer: int) -> None:
        for slug in slugs:
            while True:
                try:
                    started = checkout.start(request_for(slug))
                except SoldOut:
                    break
                session = payments.sessions[started.session_id]
                paid = a_paid_session(
                    id=session.id, order_id=session.order_id, amount_total=session.amount_total
                )
                settlement = fulfilment.settle(paid, Cause.stripe_event(f"evt_{session.order_id}"))
                assert settlement.outcome is Outcome.PAID

    at_once(BUYERS, buy_all)


def sold(stores: Stores, slug: str) -> int:
    record = stores.events.get(slug, consistent=True)
    assert record is not None
    return record.sold


def test_sixteen_buyers_get_exactly_the_last_fifty_seats_of_each_of_twenty_events(
    real_stores: Stores,
) -> None:
    slugs = add_events(real_stores, EVENTS, SEATS)

    sell_until_sold_out(real_stores, slugs)

    assert [sold(real_stores, slug) for slug in slugs] == [SEATS] * EVENTS
    for slug in slugs:
        record = real_stores.events.get(slug, consistent=True)
        assert record is not None
        assert (record.free, record.held) == (0, 0)


def test_the_same_crowd_oversells_when_the_hold_has_no_condition(
    real_stores: Stores,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    def no_condition(_order: Order) -> Condition:
        return EventModel.slug.exists()

    monkeypatch.setattr(orders, "hold_condition", no_condition)
    slugs = add_events(real_stores, EVENTS, SEATS)

    sell_until_sold_out(real_stores, slugs)

    total = sum(sold(real_stores, slug) for slug in slugs)
    assert total > SEATS * EVENTS
    record_property("sold_of_1000_seats_without_the_condition", total)


def test_one_payment_told_sixteen_times_at_once_sells_its_seats_once(real_stores: Stores) -> None:
    (slug,) = add_events(real_stores, 1, SEATS)
    checkout, payments = checkout_with(real_stores)
    started = checkout.start(request_for(slug, quantity=3))
    session = payments.sessions[started.session_id]
    paid = a_paid_session(
        id=session.id, order_id=session.order_id, amount_total=session.amount_total
    )
    fulfilment = Fulfilment(orders=real_stores.orders, clock=utc_now, log=RecordingLog())
    outcomes: list[Outcome] = []

    def tell(teller: int) -> None:
        # Half of them are the same event delivered twice, half are the buyer's own questions.
        cause = Cause.stripe_event("evt_1") if teller % 2 else Cause("verify")
        outcomes.append(fulfilment.settle(paid, cause).outcome)

    at_once(BUYERS, tell)

    assert sorted(outcomes) == [Outcome.PAID, *[Outcome.REPEATED] * (BUYERS - 1)]
    assert sold(real_stores, slug) == 3


def test_payment_and_expiry_at_the_same_moment_end_in_one_of_the_two(real_stores: Stores) -> None:
    (slug,) = add_events(real_stores, 1, SEATS)
    checkout, payments = checkout_with(real_stores)
    started = [checkout.start(request_for(slug)) for _ in range(BUYERS // 2)]
    fulfilment = Fulfilment(orders=real_stores.orders, clock=utc_now, log=RecordingLog())

    def settle(worker: int) -> None:
        session = payments.sessions[started[worker // 2].session_id]
        news = a_paid_session if worker % 2 else a_session
        told = news(id=session.id, order_id=session.order_id, amount_total=session.amount_total)
        if worker % 2:
            fulfilment.settle(told, Cause("verify"))
        else:
            fulfilment.settle(told, Cause("failed"), payment_failed=True)

    at_once(BUYERS, settle)

    found = [real_stores.orders.get(checkout.order_id) for checkout in started]
    paid = [order for order in found if order and order.status is OrderStatus.PAID]
    failed = [order for order in found if order and order.status is OrderStatus.FAILED]
    assert len(paid) + len(failed) == BUYERS // 2
    record = real_stores.events.get(slug, consistent=True)
    assert record is not None
    assert (record.free, record.held, record.sold) == (SEATS - len(paid), 0, len(paid))
