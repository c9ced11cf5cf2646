"""Starting a sale: seats are held before Stripe is called, and go back if that comes to nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from chalicelib.domain.events import EventStatus
from chalicelib.domain.orders import (
    Cause,
    CheckoutSession,
    HistoryEntry,
    Order,
    OrderStatus,
    RedirectUrls,
)
from chalicelib.errors import (
    EventsApiError,
    InvalidInput,
    NotFound,
    PaymentProviderError,
    PriceMismatch,
    SalesClosed,
    SoldOut,
    Unavailable,
)
from chalicelib.http.problems import problem_of
from chalicelib.services.checkout import (
    Checkout,
    CheckoutRequest,
    RedirectPolicy,
    StartedCheckout,
)
from chalicelib.services.ports import Change
from tests.support.builders import NOW, a_city, an_event, an_order
from tests.support.fakes import FakeCities, FakeEvents, FakeOrders, FakePayments, RecordingLog

URLS = RedirectUrls("https://shop.example/done", "https://shop.example/back")
DOWN = Unavailable("the store cannot be reached right now; try again")
NO_STRIPE = PaymentProviderError("the payment provider cannot be reached right now; try again")
REQUEST = CheckoutRequest(
    event_slug="tech-conference",
    quantity=2,
    unit_price=Decimal("149.99"),
    total_amount=Decimal("299.98"),
    urls=URLS,
    customer_email="ada@mail.example",
)
ORDER_ID = an_order().id
SESSION_ID = f"cs_test_{ORDER_ID}"


@dataclass
class Orders(FakeOrders):
    """Orders that write down what is asked of them, and can be told to fail."""

    calls: list[str] = field(default_factory=list)
    attach_failure: EventsApiError | None = None
    release_failure: EventsApiError | None = None
    ends_first: bool = False

    def place_hold(self, order: Order) -> None:
        self.calls.append("hold")
        super().place_hold(order)

    def attach_session(self, order_id: str, session: CheckoutSession) -> Change:
        self.calls.append("note the session")
        if self.attach_failure is not None:
            raise self.attach_failure
        if self.ends_first:
            self.orders[order_id] = replace(self.orders[order_id], status=OrderStatus.EXPIRED)
        return super().attach_session(order_id, session)

    def release(self, order: Order, status: OrderStatus, cause: Cause, at: datetime) -> Change:
        self.calls.append("give back")
        if self.release_failure is not None:
            raise self.release_failure
        return super().release(order, status, cause, at)


@dataclass
class Payments(FakePayments):
    """Payments that write down what is asked of them, and can fail in one call."""

    calls: list[str] = field(default_factory=list)
    expire_failure: EventsApiError | None = None
    no_page: bool = False

    def create_session(
        self, order: Order, urls: RedirectUrls, expires_at: datetime
    ) -> CheckoutSession:
        self.calls.append("open a session")
        session = super().create_session(order, urls, expires_at)
        return replace(session, url=None) if self.no_page else session

    def expire_session(self, session_id: str) -> None:
        self.calls.append("end the session")
        if self.expire_failure is not None:
            raise self.expire_failure
        super().expire_session(session_id)


class Shop:
    """A checkout over fakes that share one list of calls; the event has 100 seats at 149.99."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.events = FakeEvents(FakeCities())
        self.events.cities.create(a_city())
        self.events.create(an_event())
        self.orders = Orders(self.events, calls=self.calls)
        self.payments = Payments(calls=self.calls)
        self.log = RecordingLog()
        self.now = NOW
        self.checkout = Checkout(
            events=self.events,
            orders=self.orders,
            payments=self.payments,
            redirects=RedirectPolicy(("https://shop.example",), allow_loopback=False),
            clock=lambda: self.now,
            new_id=lambda: ORDER_ID,
            log=self.log,
        )

    def start(self, request: CheckoutRequest = REQUEST) -> StartedCheckout:
        return self.checkout.start(request)

    @property
    def stock(self) -> tuple[int, int, int]:
        record = self.events.records["tech-conference"]
        return record.free, record.held, record.sold


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A shop whose seats are all accounted for at the end, whatever happened."""
    shop = Shop()
    yield shop
    assert sum(shop.stock) == 100


def test_a_checkout_holds_its_seats_and_gives_the_page_to_pay_at(shop: Shop) -> None:
    assert shop.start() == StartedCheckout(
        checkout_url=f"http://stripe.test/c/pay/{SESSION_ID}",
        session_id=SESSION_ID,
        order_id=ORDER_ID,
        expires_at=NOW + timedelta(minutes=31),
    )
    assert shop.stock == (98, 2, 0)
    assert shop.payments.urls[SESSION_ID] == URLS


def test_seats_are_held_before_stripe_is_called(shop: Shop) -> None:
    shop.start()
    assert shop.calls == ["hold", "open a session", "note the session"]


def test_the_order_is_of_the_events_price_and_name(shop: Shop) -> None:
    shop.start()
    assert shop.orders.orders[ORDER_ID] == an_order(
        customer_email="ada@mail.example",
        session_id=SESSION_ID,
        history=(HistoryEntry(NOW, OrderStatus.PENDING, "checkout"),),
    )


def test_a_started_checkout_is_audited_without_the_buyers_address(shop: Shop) -> None:
    shop.start()
    audited = {"orderId": ORDER_ID, "event": "tech-conference", "quantity": 2}
    assert shop.log.lines == [("audit", "checkout_started", audited)]


@pytest.mark.parametrize("slug", ["unknown", "#totals", "", "x" * 3000])
def test_an_event_that_does_not_exist_is_not_found(shop: Shop, slug: str) -> None:
    with pytest.raises(NotFound, match="no such event"):
        shop.start(replace(REQUEST, event_slug=slug))
    assert shop.calls == []


def test_the_store_is_not_asked_for_what_is_no_slug(shop: Shop) -> None:
    # The key of the store's own bookkeeping, which is no event and cannot be read as one.
    shop.events.records["#totals"] = shop.events.records["tech-conference"]
    with pytest.raises(NotFound):
        shop.start(replace(REQUEST, event_slug="#totals"))


@pytest.mark.parametrize("status", [EventStatus.DRAFT, EventStatus.CANCELLED])
def test_an_event_that_is_not_published_is_not_sold(shop: Shop, status: EventStatus) -> None:
    record = shop.events.records["tech-conference"]
    shop.events.records["tech-conference"] = replace(record, status=status)
    with pytest.raises(SalesClosed):
        shop.start()
    assert shop.calls == []


def test_an_event_that_has_begun_is_not_sold(shop: Shop) -> None:
    shop.now = an_event().date
    with pytest.raises(SalesClosed):
        shop.start()


def test_a_sold_out_event_refuses_a_hold(shop: Shop) -> None:
    shop.events.move("tech-conference", free=-99, sold=99)
    with pytest.raises(SoldOut, match="only 1 seats are left"):
        shop.start()
    assert shop.calls == []
    assert shop.stock == (1, 0, 99)


def test_seats_that_go_between_the_look_and_the_hold_are_not_sold(shop: Shop) -> None:
    class Crowd(Orders):
        def place_hold(self, order: Order) -> None:
            self.events.move(order.event_slug, free=-99, sold=99)
            super().place_hold(order)

    crowd = Crowd(shop.events, calls=shop.calls)
    shop.checkout._orders = crowd
    with pytest.raises(SoldOut):
        shop.start()
    assert shop.calls == ["hold"]
    assert shop.stock == (1, 0, 99)


@pytest.mark.parametrize(
    ("unit_price", "total"),
    [
        ("149.98", "299.96"),
        ("149.99", "299.97"),
        ("149.99", "149.99"),
        ("0", "0"),
        ("74.99", "299.98"),
        ("150", "300"),
        ("14999", "29998"),
    ],
)
def test_a_price_that_is_not_the_servers_is_refused_and_logged(
    shop: Shop, unit_price: str, total: str
) -> None:
    sent = replace(REQUEST, unit_price=Decimal(unit_price), total_amount=Decimal(total))
    with pytest.raises(PriceMismatch):
        shop.start(sent)
    assert shop.calls == []
    [(kind, name, fields)] = shop.log.lines
    assert (kind, name) == ("security", "price_mismatch")
    assert fields == {
        "event": "tech-conference",
        "quantity": 2,
        "sentUnitPrice": int(Decimal(unit_price) * 100),
        "sentTotal": int(Decimal(total) * 100),
        "price": 14999,
    }


@pytest.mark.parametrize(("unit_price", "total"), [("149.990", "299.980"), ("1.4999E+2", "299.98")])
def test_a_price_written_another_way_is_the_same_price(
    shop: Shop, unit_price: str, total: str
) -> None:
    shop.start(replace(REQUEST, unit_price=Decimal(unit_price), total_amount=Decimal(total)))
    assert shop.stock == (98, 2, 0)


@pytest.mark.parametrize(
    ("unit_price", "total", "field_name"),
    [
        ("149.995", "299.98", "unitPrice"),
        ("149.9900000000000000000000000000000001", "299.98", "unitPrice"),
        ("149.99", "299.985", "totalAmount"),
        ("1E+5000", "299.98", "unitPrice"),
        ("149.99", "1E+999999999", "totalAmount"),
        ("-149.99", "299.98", "unitPrice"),
    ],
)
def test_an_amount_that_is_no_money_is_a_bad_request(
    shop: Shop, unit_price: str, total: str, field_name: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        shop.start(replace(REQUEST, unit_price=Decimal(unit_price), total_amount=Decimal(total)))
    assert refused.value.problems[0].field == field_name
    assert shop.calls == []
    assert shop.log.lines == []


@pytest.mark.parametrize(
    ("urls", "field_name"),
    [
        (replace(URLS, success="https://evil.example/"), "successUrl"),
        (replace(URLS, cancel="//evil.example/"), "cancelUrl"),
    ],
)
def test_a_way_back_to_elsewhere_is_refused_before_anything_is_read(
    shop: Shop, urls: RedirectUrls, field_name: str
) -> None:
    shop.events.records.clear()
    try:
        with pytest.raises(InvalidInput) as refused:
            shop.start(replace(REQUEST, urls=urls))
        assert refused.value.problems[0].field == field_name
    finally:
        shop.events.records.update(Shop().events.records)


def test_seats_go_back_when_stripe_fails(shop: Shop) -> None:
    shop.payments.failure = NO_STRIPE
    with pytest.raises(PaymentProviderError) as failed:
        shop.start()
    assert problem_of(failed.value).status == 502
    assert shop.calls == ["hold", "open a session", "give back"]
    assert shop.stock == (100, 0, 0)
    order = shop.orders.orders[ORDER_ID]
    assert order.status is OrderStatus.FAILED
    assert order.history[-1] == HistoryEntry(NOW, OrderStatus.FAILED, "no_session")
    assert shop.log.names("audit") == []


def test_seats_go_back_when_stripe_gives_no_page(shop: Shop) -> None:
    shop.payments.no_page = True
    with pytest.raises(PaymentProviderError, match="no checkout page"):
        shop.start()
    assert shop.calls == ["hold", "open a session", "give back"]
    assert shop.stock == (100, 0, 0)


def test_an_order_whose_seats_cannot_go_back_stays_pending_and_is_logged(shop: Shop) -> None:
    shop.payments.failure = NO_STRIPE
    shop.orders.release_failure = DOWN
    with pytest.raises(PaymentProviderError):
        shop.start()
    assert shop.stock == (98, 2, 0)
    assert shop.orders.orders[ORDER_ID].status is OrderStatus.PENDING
    left = {"orderId": ORDER_ID, "cause": "no_session"}
    assert shop.log.lines == [("error", "hold_left_behind", left)]


def test_a_session_that_cannot_be_noted_is_ended_before_its_seats_go_back(shop: Shop) -> None:
    shop.orders.attach_failure = DOWN
    with pytest.raises(Unavailable) as failed:
        shop.start()
    assert failed.value is DOWN
    assert shop.calls == [
        "hold",
        "open a session",
        "note the session",
        "end the session",
        "give back",
    ]
    assert shop.payments.expired == [SESSION_ID]
    assert shop.stock == (100, 0, 0)
    assert shop.orders.orders[ORDER_ID].history[-1].cause == "session_not_noted"


def test_a_session_that_may_still_be_paid_keeps_its_seats_and_is_logged(shop: Shop) -> None:
    shop.orders.attach_failure = DOWN
    shop.payments.expire_failure = NO_STRIPE
    with pytest.raises(Unavailable):
        shop.start()
    assert shop.calls[-1] == "end the session"
    assert shop.stock == (98, 2, 0)
    assert shop.orders.orders[ORDER_ID].status is OrderStatus.PENDING
    assert shop.log.lines == [("error", "session_left_open", {"orderId": ORDER_ID})]


def test_an_order_that_ended_first_does_not_send_its_buyer_to_pay(shop: Shop) -> None:
    shop.orders.ends_first = True
    with pytest.raises(Unavailable, match="ended before its checkout began"):
        shop.start()
    assert "checkout_started" not in shop.log.names("audit")
