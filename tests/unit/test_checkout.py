"""Starting a sale: seats are held before Stripe is called, and go back if that comes to nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from chalicelib.domain.checkout_sessions import CheckoutSession, RedirectUrls
from chalicelib.domain.events import EventStatus
from chalicelib.domain.order_changes import release, with_session
from chalicelib.domain.orders import HOLD, MailStatus, Order, OrderStatus
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
from chalicelib.services.checkout import CheckoutRequest, StartedCheckout
from tests.support.fake_shop import CAUSE, FakeShop, fails
from tests.support.fakes import FakePayments

URLS = RedirectUrls("http://localhost/done", "http://localhost/back")
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
FREE = replace(REQUEST, unit_price=Decimal(0), total_amount=Decimal("0.00"))
ORDER_ID = "01JNTEST0RDER0000000000000"
SESSION_ID = f"cs_test_{ORDER_ID}"


@dataclass
class Payments(FakePayments):
    """Payments that write down what is asked of them, and can fail in one call."""

    calls: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None
    create_failure: Exception | None = None
    expire_failure: EventsApiError | None = None
    no_page: bool = False

    def create_session(
        self, order: Order, urls: RedirectUrls, expires_at: datetime
    ) -> CheckoutSession:
        self.calls.append("open a session")
        self.meanwhile()
        if self.create_failure is not None:
            raise self.create_failure
        session = super().create_session(order, urls, expires_at)
        return replace(session, url=None) if self.no_page else session

    def expire_session(self, session_id: str) -> bool:
        self.calls.append("end the session")
        if self.expire_failure is not None:
            raise self.expire_failure
        return super().expire_session(session_id)


class Sale(FakeShop):
    """A shop whose orders and payments share one list of calls."""

    def __init__(self, **event: object) -> None:
        super().__init__(**event)
        self.stripe = Payments(calls=self.orders.calls)
        self.payments = self.stripe
        self.shop.checkout._payments = self.stripe

    def begin(self, request: CheckoutRequest = REQUEST) -> StartedCheckout:
        return self.shop.checkout.start(request, ORDER_ID)

    @property
    def calls(self) -> list[str]:
        return self.orders.calls


@pytest.fixture
def shop() -> Iterator[Sale]:
    """A shop whose seats are all accounted for at the end, whatever happened."""
    shop = Sale()
    yield shop
    assert sum(shop.stock) == 100


class TestPaid:
    def test_a_checkout_holds_its_seats_and_gives_the_page_to_pay_at(self, shop: Sale) -> None:
        started = shop.begin()
        order = shop.order(ORDER_ID)
        assert started == StartedCheckout(
            checkout_url=f"http://stripe.test/c/pay/{SESSION_ID}",
            session_id=SESSION_ID,
            order_id=ORDER_ID,
            expires_at=order.created_at + HOLD,
        )
        assert shop.stock == (98, 2, 0)
        assert shop.stripe.urls[SESSION_ID] == URLS

    def test_seats_are_held_before_stripe_is_called(self, shop: Sale) -> None:
        shop.begin()
        assert shop.calls == ["place", "open a session", "replace"]

    def test_the_order_is_of_the_events_price_and_name_and_of_its_buyer(self, shop: Sale) -> None:
        shop.begin(replace(REQUEST, user_id="user_1"))
        order = shop.order(ORDER_ID)
        assert (order.event_id, order.event_slug, order.event_name) == (
            1,
            "tech-conference",
            "Tech Conference",
        )
        assert (order.quantity, order.unit_price, order.amount_total) == (2, 14999, 29998)
        assert (order.customer_email, order.user_id) == ("ada@mail.example", "user_1")
        assert (order.status, order.session_id) == (OrderStatus.PENDING, SESSION_ID)
        assert order.due_at == order.hold_expires_at == order.created_at + HOLD

    def test_every_checkout_is_another_order(self, shop: Sale) -> None:
        ids = {shop.shop.checkout.start(REQUEST).order_id for _ in range(3)}
        assert len(ids) == 3
        assert ids == set(shop.orders.orders)

    def test_a_started_checkout_is_told_without_the_buyers_address(self, shop: Sale) -> None:
        shop.begin()
        audited = {"orderId": ORDER_ID, "event": "tech-conference", "quantity": 2}
        assert shop.log.lines == [("audit", "checkout_started", audited)]
        assert shop.meter.counts == {"CheckoutStarted": 1}


class TestRefused:
    @pytest.mark.parametrize("slug", ["unknown", "#totals", "", "x" * 3000])
    def test_an_event_that_does_not_exist_is_not_found(self, shop: Sale, slug: str) -> None:
        with pytest.raises(NotFound, match="no such event"):
            shop.begin(replace(REQUEST, event_slug=slug))
        assert shop.calls == []

    def test_the_store_is_not_asked_for_what_is_no_slug(self, shop: Sale) -> None:
        # The key of the store's own bookkeeping, which is no event and cannot be read as one.
        shop.events.records["#totals"] = shop.events.records["tech-conference"]
        with pytest.raises(NotFound):
            shop.begin(replace(REQUEST, event_slug="#totals"))

    @pytest.mark.parametrize("status", [EventStatus.DRAFT, EventStatus.CANCELLED])
    def test_an_event_that_is_not_published_is_not_sold(
        self, shop: Sale, status: EventStatus
    ) -> None:
        shop.describe(status=status)
        with pytest.raises(SalesClosed):
            shop.begin()
        assert shop.calls == []

    def test_an_event_that_has_begun_is_not_sold(self, shop: Sale) -> None:
        shop.shop.clock.now = shop.event.date
        with pytest.raises(SalesClosed):
            shop.begin()
        assert shop.meter.counts == {"SalesClosed": 1}

    def test_a_sold_out_event_refuses_a_hold(self, shop: Sale) -> None:
        shop.events.move("tech-conference", free=-99, sold=99)
        with pytest.raises(SoldOut, match="only 1 seat is left"):
            shop.begin()
        assert shop.calls == []
        assert shop.meter.counts == {"SoldOut": 1}

    @pytest.mark.parametrize("request_", [REQUEST, FREE])
    def test_seats_that_go_between_the_look_and_the_hold_are_not_sold(
        self, request_: CheckoutRequest
    ) -> None:
        shop = Sale(price=0 if request_ is FREE else 14999)
        shop.orders.before_place.append(
            lambda: shop.events.move("tech-conference", free=-99, sold=99)
        )
        with pytest.raises(SoldOut):
            shop.begin(request_)
        assert shop.calls == ["place"]
        assert shop.orders.orders == {}
        assert shop.meter.counts == {"SoldOut": 1}

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
    def test_a_price_that_is_not_the_servers_is_refused_and_told(
        self, shop: Sale, unit_price: str, total: str
    ) -> None:
        sent = replace(REQUEST, unit_price=Decimal(unit_price), total_amount=Decimal(total))
        with pytest.raises(PriceMismatch):
            shop.begin(sent)
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
        assert shop.meter.counts == {"PriceMismatch": 1}

    def test_a_cards_number_in_the_wrong_field_reaches_no_log(self, shop: Sale) -> None:
        number = Decimal("4242424242424.24")
        with pytest.raises(PriceMismatch):
            shop.begin(replace(REQUEST, unit_price=number, total_amount=number))
        [(_, _, fields)] = shop.log.lines
        assert (fields["sentUnitPrice"], fields["sentTotal"]) == (None, None)

    @pytest.mark.parametrize("changes", [{"price": 15000}, {"currency": "eur"}])
    def test_a_price_that_changes_at_the_same_moment_is_refused_and_told(
        self, shop: Sale, changes: dict[str, object]
    ) -> None:
        shop.orders.before_place.append(lambda: shop.describe(**changes))
        with pytest.raises(PriceMismatch, match="has just changed"):
            shop.begin()
        fields = {"event": "tech-conference", "race": True}
        assert shop.log.lines == [("security", "price_mismatch", fields)]
        assert shop.stock == (100, 0, 0)

    @pytest.mark.parametrize(
        ("currency", "price", "unit_price", "total"),
        [
            ("usd", 14999, "149.990", "299.980"),
            ("usd", 14999, "1.4999E+2", "299.98"),
            ("jpy", 1500, "1500", "3000"),
            ("kwd", 1500, "1.5", "3.00"),
        ],
    )
    def test_a_price_is_the_same_however_it_is_written_and_in_any_currency(
        self, currency: str, price: int, unit_price: str, total: str
    ) -> None:
        shop = Sale(price=price, currency=currency)
        shop.begin(replace(REQUEST, unit_price=Decimal(unit_price), total_amount=Decimal(total)))
        assert shop.order(ORDER_ID).amount_total == 2 * price
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
        self, shop: Sale, unit_price: str, total: str, field_name: str
    ) -> None:
        sent = replace(REQUEST, unit_price=Decimal(unit_price), total_amount=Decimal(total))
        with pytest.raises(InvalidInput) as refused:
            shop.begin(sent)
        assert refused.value.problems[0].field == field_name
        assert (shop.calls, shop.log.lines) == ([], [])

    def test_a_way_back_to_elsewhere_is_refused_before_anything_is_read(self, shop: Sale) -> None:
        sent = replace(REQUEST, event_slug="unknown", urls=replace(URLS, cancel="//evil.example/"))
        with pytest.raises(InvalidInput) as refused:
            shop.begin(sent)
        assert refused.value.problems[0].field == "cancelUrl"


class TestStripeFails:
    @pytest.mark.parametrize(
        "failure",
        [NO_STRIPE, InvalidInput.of("customerEmail", "is none"), RuntimeError("unforeseen")],
    )
    def test_seats_go_back_when_stripe_makes_no_session(
        self, shop: Sale, failure: Exception
    ) -> None:
        shop.stripe.create_failure = failure
        with pytest.raises(type(failure)) as failed:
            shop.begin()
        assert failed.value is failure
        assert shop.calls == ["place", "open a session", "replace"]
        assert shop.stock == (100, 0, 0)
        order = shop.order(ORDER_ID)
        assert (order.status, order.history[-1].cause) == (OrderStatus.FAILED, "no_session")
        assert shop.log.names("audit") == []

    def test_seats_go_back_when_stripe_gives_no_page(self, shop: Sale) -> None:
        shop.stripe.no_page = True
        with pytest.raises(PaymentProviderError, match="no checkout page"):
            shop.begin()
        assert shop.stock == (100, 0, 0)

    def test_an_order_whose_seats_cannot_go_back_stays_pending_and_is_told(
        self, shop: Sale
    ) -> None:
        shop.stripe.create_failure = NO_STRIPE
        shop.orders.before_replace.append(fails(DOWN))
        with pytest.raises(PaymentProviderError):
            shop.begin()
        assert shop.stock == (98, 2, 0)
        assert shop.order(ORDER_ID).status is OrderStatus.PENDING
        left = {"orderId": ORDER_ID, "cause": "no_session"}
        assert shop.log.lines == [("error", "hold_left_behind", left)]

    def test_seats_that_another_session_can_pay_for_do_not_go_back(self, shop: Sale) -> None:
        def repeat() -> None:
            """Somebody goes on with the same order, under the same idempotency key."""
            order = shop.order(ORDER_ID)
            shop.orders.replace(order, with_session(order, SESSION_ID, order.created_at))

        shop.stripe.meanwhile = repeat
        shop.stripe.create_failure = NO_STRIPE
        with pytest.raises(PaymentProviderError):
            shop.begin()
        assert shop.stock == (98, 2, 0)
        assert shop.order(ORDER_ID).status is OrderStatus.PENDING


class TestStoreFails:
    def test_a_hold_that_was_not_placed_leaves_nothing(self, shop: Sale) -> None:
        shop.orders.before_place.append(fails(DOWN))
        with pytest.raises(Unavailable):
            shop.begin()
        assert shop.calls == ["place"]
        assert shop.orders.orders == {}

    def test_a_hold_whose_answer_got_lost_goes_on(self, shop: Sale) -> None:
        shop.orders.after_place.append(fails(DOWN))
        assert shop.begin().session_id == SESSION_ID
        assert shop.stock == (98, 2, 0)

    def test_a_hold_of_which_nothing_is_known_is_given_back_as_soon_as_it_is(
        self, shop: Sale
    ) -> None:
        shop.orders.after_place.append(fails(DOWN))
        shop.orders.before_get.append(fails(DOWN))
        with pytest.raises(Unavailable):
            shop.begin()
        assert shop.stock == (100, 0, 0)
        assert shop.order(ORDER_ID).history[-1].cause == "hold_unsure"

    def test_a_hold_that_cannot_be_looked_for_is_told(self, shop: Sale) -> None:
        shop.orders.after_place.append(fails(DOWN))
        shop.orders.before_get.extend([fails(DOWN), fails(DOWN)])
        with pytest.raises(Unavailable):
            shop.begin()
        assert shop.log.names("error") == ["hold_left_behind"]
        assert shop.order(ORDER_ID).due_at is not None

    def test_a_session_that_cannot_be_noted_is_ended_before_its_seats_go_back(
        self, shop: Sale
    ) -> None:
        shop.orders.before_replace.append(fails(DOWN))
        with pytest.raises(Unavailable) as failed:
            shop.begin()
        assert failed.value is DOWN
        assert shop.calls == ["place", "open a session", "replace", "end the session", "replace"]
        assert shop.stripe.expired == [SESSION_ID]
        assert shop.stock == (100, 0, 0)
        assert shop.order(ORDER_ID).history[-1].cause == "session_not_noted"

    def test_a_session_whose_note_got_lost_is_ended_and_its_seats_go_back(self, shop: Sale) -> None:
        shop.orders.after_replace.append(fails(DOWN))
        with pytest.raises(Unavailable):
            shop.begin()
        assert shop.stripe.expired == [SESSION_ID]
        assert shop.stock == (100, 0, 0)

    def test_a_session_that_may_still_be_paid_keeps_its_seats_and_is_told(self, shop: Sale) -> None:
        shop.orders.before_replace.append(fails(DOWN))
        shop.stripe.expire_failure = NO_STRIPE
        with pytest.raises(Unavailable):
            shop.begin()
        assert shop.calls[-1] == "end the session"
        assert shop.stock == (98, 2, 0)
        assert shop.order(ORDER_ID).status is OrderStatus.PENDING
        assert shop.log.lines == [("error", "session_left_open", {"orderId": ORDER_ID})]

    def test_an_order_that_ended_first_does_not_send_its_buyer_to_pay(self, shop: Sale) -> None:
        def end() -> None:
            order = shop.order(ORDER_ID)
            after = release(order, OrderStatus.EXPIRED, order.created_at, CAUSE)
            shop.orders.replace(order, after)

        shop.stripe.meanwhile = end
        with pytest.raises(Unavailable, match="ended before its checkout began"):
            shop.begin()
        assert shop.log.names("audit") == []

    def test_a_session_that_is_noted_already_is_not_noted_again(self, shop: Sale) -> None:
        shop.begin()
        shop.calls.clear()
        again = shop.shop.checkout.open_session(shop.order(ORDER_ID), URLS)
        assert again.session_id == SESSION_ID
        assert shop.calls == ["open a session"]


class TestFree:
    @pytest.fixture
    def shop(self) -> Sale:
        return Sale(price=0)

    def test_a_free_order_is_confirmed_at_once_without_stripe(self, shop: Sale) -> None:
        started = shop.begin(FREE)

        order = shop.order(ORDER_ID)
        assert (order.status, len(order.tickets)) == (OrderStatus.PAID, 2)
        assert shop.stock == (98, 0, 2)
        assert started.session_id.startswith(f"cs_free_{ORDER_ID}")
        assert started.session_id == order.session_id
        assert started.checkout_url == f"http://localhost/done?session_id={order.session_id}"
        assert shop.calls == ["place", "replace"]
        assert shop.log.names("audit") == ["checkout_started", "order_paid"]
        assert shop.meter.counts["OrderPaid"] == shop.meter.counts["CheckoutStarted"] == 1

    def test_its_session_cannot_be_guessed_from_its_order(self, shop: Sale) -> None:
        ids = {shop.shop.checkout.start(FREE).session_id for _ in range(3)}
        assert len({session_id[-16:] for session_id in ids}) == 3

    def test_its_buyer_gets_a_confirmation(self, shop: Sale) -> None:
        shop.begin(FREE)
        assert [order.id for order in shop.mailer.sent] == [ORDER_ID]
        assert shop.order(ORDER_ID).mail is MailStatus.SENT

    def test_without_an_address_nothing_is_sent(self, shop: Sale) -> None:
        shop.begin(replace(FREE, customer_email=None))
        assert shop.mailer.sent == []
        assert shop.calls == ["place"]

    def test_the_last_free_seat_is_given_once(self, shop: Sale) -> None:
        shop.describe(capacity=2)
        shop.begin(FREE)
        with pytest.raises(SoldOut):
            shop.shop.checkout.start(FREE)

    def test_a_free_order_whose_answer_got_lost_is_answered(self, shop: Sale) -> None:
        shop.orders.after_place.append(fails(DOWN))
        assert shop.begin(FREE).order_id == ORDER_ID

    def test_a_free_order_that_could_not_be_placed_is_not_confirmed(self, shop: Sale) -> None:
        shop.orders.before_place.append(fails(DOWN))
        with pytest.raises(Unavailable):
            shop.begin(FREE)
        assert (shop.orders.orders, shop.mailer.sent) == ({}, [])


class TestFingerprints:
    def test_the_same_request_has_the_same(self) -> None:
        assert replace(REQUEST).fingerprint() == REQUEST.fingerprint()

    @pytest.mark.parametrize(
        "changes",
        [
            {"event_slug": "another"},
            {"quantity": 1},
            {"unit_price": Decimal(1)},
            {"total_amount": Decimal("1E+999999999")},
            {"urls": replace(URLS, success="http://localhost/")},
            {"urls": replace(URLS, cancel="http://localhost/")},
            {"customer_email": None},
            {"user_id": "user_1"},
            {"event_name": "Free beer"},
        ],
    )
    def test_another_request_has_another(self, changes: dict[str, object]) -> None:
        other = replace(REQUEST, **changes)  # type: ignore[arg-type]
        assert other.fingerprint() != REQUEST.fingerprint()

    def test_it_cannot_be_read_back(self) -> None:
        assert "ada" not in REQUEST.fingerprint()
        assert len(REQUEST.fingerprint()) == 64


def test_a_hold_lasts_as_long_as_its_session(shop: Sale) -> None:
    assert shop.begin().expires_at - shop.order(ORDER_ID).created_at == timedelta(minutes=31)
