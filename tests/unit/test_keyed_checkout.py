"""Checkouts under an idempotency key: one checkout, however often and whenever it is asked for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.domain.checkout_sessions import CheckoutSession, RedirectUrls
from chalicelib.domain.order_changes import with_session
from chalicelib.domain.orders import Order, OrderStatus
from chalicelib.errors import (
    EventsApiError,
    InvalidSession,
    KeyInUse,
    PaymentProviderError,
    SoldOut,
    Unavailable,
)
from chalicelib.services.checkout import CheckoutRequest, StartedCheckout
from chalicelib.services.port_types import KeyedRequest
from tests.support.fake_shop import FakeShop, fails
from tests.support.fakes import FakeKeyedRequests, FakePayments

DOWN = Unavailable("the store is down")
LEASE = timedelta(seconds=30)
REQUEST = CheckoutRequest(
    event_slug="tech-conference",
    quantity=2,
    unit_price=Decimal("149.99"),
    total_amount=Decimal("299.98"),
    urls=RedirectUrls("http://localhost/done", "http://localhost/back"),
    customer_email=None,
)
FREE = replace(REQUEST, unit_price=Decimal(0), total_amount=Decimal(0))


@dataclass
class Requests(FakeKeyedRequests):
    """Keyed requests whose notes can fail, by their names."""

    failing: set[str] = field(default_factory=set)

    def take_over(self, known: KeyedRequest, request: KeyedRequest, now: datetime) -> bool:
        self._maybe_fail("take_over")
        return super().take_over(known, request, now)

    def finish(self, request: KeyedRequest, answer: Mapping[str, str], now: datetime) -> None:
        self._maybe_fail("finish")
        super().finish(request, answer, now)

    def forget(self, request: KeyedRequest, now: datetime) -> None:
        self._maybe_fail("forget")
        super().forget(request, now)

    def _maybe_fail(self, name: str) -> None:
        if name in self.failing:
            raise DOWN


@dataclass
class Payments(FakePayments):
    """Payments in the middle of which the process can be killed."""

    dies: bool = False

    def create_session(
        self, order: Order, urls: RedirectUrls, expires_at: datetime
    ) -> CheckoutSession:
        if self.dies:
            raise KeyboardInterrupt
        return super().create_session(order, urls, expires_at)


class Sale(FakeShop):
    """A shop whose keys can fail."""

    def __init__(self, **event: object) -> None:
        super().__init__(**event)
        self.stripe = Payments()
        self.payments = self.stripe
        self.shop.checkout._payments = self.shop.keyed_checkout._payments = self.stripe
        self.requests = Requests()
        self.shop.keyed_checkout._requests = self.requests

    def begin(self, request: CheckoutRequest = REQUEST, key: str = "key-1") -> StartedCheckout:
        return self.shop.keyed_checkout.start(request, key)

    def cut_off(self, request: CheckoutRequest = REQUEST) -> None:
        """Let a request die before it can note its answer."""
        self.requests.failing = {"finish", "forget", "take_over"}
        try:
            self.begin(request)
        except EventsApiError:
            pass
        finally:
            self.requests.failing = set()
            self.log.lines.clear()

    def wait(self) -> None:
        """Let the lease run out."""
        self.shop.clock.move(LEASE)

    @property
    def only(self) -> Order:
        [order] = self.orders.orders.values()
        return order


@pytest.fixture
def shop() -> Iterator[Sale]:
    shop = Sale()
    yield shop
    assert sum(shop.stock) == 100


def test_a_repeat_is_answered_as_the_first_was_and_holds_nothing(shop: Sale) -> None:
    started = shop.begin()
    assert shop.begin() == started
    shop.shop.clock.move(timedelta(hours=23))
    assert shop.begin() == started
    assert shop.stock == (98, 2, 0)
    assert shop.only.id == started.order_id


def test_callers_who_are_signed_in_have_keys_of_their_own(shop: Sale) -> None:
    started = {
        user: shop.begin(replace(REQUEST, user_id=user)).order_id for user in (None, "ada", "bob")
    }
    assert len(set(started.values())) == 3
    assert shop.stock == (94, 6, 0)


def test_another_key_is_another_checkout(shop: Sale) -> None:
    assert shop.begin().order_id != shop.begin(key="key-2").order_id
    assert shop.stock == (96, 4, 0)


def test_after_a_day_a_key_is_new(shop: Sale) -> None:
    started = shop.begin()
    shop.shop.clock.move(timedelta(hours=24))
    assert shop.begin() != started


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize(
    "changes",
    [{"quantity": 1, "total_amount": Decimal("149.99")}, {"event_name": "Tech Conference"}],
)
def test_a_key_is_of_one_request(shop: Sale, answered: bool, changes: dict[str, Any]) -> None:
    if answered:
        shop.begin()
    else:
        shop.cut_off()
    other = replace(REQUEST, **changes)
    with pytest.raises(KeyInUse, match="belongs to another request") as refused:
        shop.begin(other)
    assert refused.value.retry_after_seconds is None
    assert shop.stock == (98, 2, 0)


def test_a_key_that_an_earlier_version_remembered_is_known(shop: Sale) -> None:
    named = replace(REQUEST, event_name="Tech Conference")
    started = shop.begin(named)
    [(key, (known, since))] = shop.requests.requests.items()
    earlier = known._replace(fingerprint=named.earlier_fingerprint())
    shop.requests.requests[key] = (earlier, since)
    assert shop.begin(named) == started


def test_a_request_that_still_runs_is_waited_for(shop: Sale) -> None:
    waits: list[int | None] = []

    def repeat() -> None:
        for seconds in (0, 27, 2):
            shop.shop.clock.move(timedelta(seconds=seconds))
            with pytest.raises(KeyInUse, match="still running") as refused:
                shop.begin()
            waits.append(refused.value.retry_after_seconds)

    shop.orders.before_place.append(repeat)
    shop.begin()
    assert waits == [5, 3, 1]
    assert shop.stock == (98, 2, 0)


class TestCutOff:
    def test_after_its_session_was_made_the_same_page_is_given(self, shop: Sale) -> None:
        shop.cut_off()
        shop.wait()
        started = shop.begin()
        assert started.session_id == shop.only.session_id
        assert started.checkout_url == f"http://stripe.test/c/pay/{started.session_id}"
        assert started.expires_at == shop.only.hold_expires_at
        assert shop.stock == (98, 2, 0)
        assert shop.begin() == started

    def test_after_its_seats_were_held_its_session_is_made(self, shop: Sale) -> None:
        shop.stripe.dies = True
        with pytest.raises(KeyboardInterrupt):
            shop.begin()
        assert shop.stock == (98, 2, 0)
        shop.stripe.dies = False
        shop.wait()
        started = shop.begin()
        assert (started.order_id, shop.stock) == (shop.only.id, (98, 2, 0))

    def test_when_it_is_too_late_for_a_session_the_seats_are_held_anew(self, shop: Sale) -> None:
        shop.stripe.dies = True
        with pytest.raises(KeyboardInterrupt):
            shop.begin()
        shop.stripe.dies = False
        shop.shop.clock.move(timedelta(minutes=2))
        started = shop.begin()
        first, second = sorted(shop.orders.orders.values(), key=lambda order: order.id)
        assert (first.status, second.id) == (OrderStatus.FAILED, started.order_id)
        assert shop.stock == (98, 2, 0)

    def test_a_session_that_was_made_unnoticed_is_found_and_given(self, shop: Sale) -> None:
        shop.stripe.dies = True
        with pytest.raises(KeyboardInterrupt):
            shop.begin()
        shop.stripe.dies = False
        made = shop.stripe.create_session(shop.only, REQUEST.urls, shop.only.hold_expires_at)
        shop.shop.clock.move(timedelta(minutes=2))
        assert shop.begin().session_id == made.id == shop.only.session_id
        assert shop.stock == (98, 2, 0)

    def test_what_came_in_between_is_not_undone(self, shop: Sale) -> None:
        shop.stripe.dies = True
        with pytest.raises(KeyboardInterrupt):
            shop.begin()
        shop.stripe.dies = False
        shop.shop.clock.move(timedelta(minutes=2))
        made = shop.stripe.create_session(shop.only, REQUEST.urls, shop.only.hold_expires_at)
        order = shop.only
        shop.orders.before_replace.append(
            lambda: shop.orders.replace(order, with_session(order, made.id, shop.shop.clock()))
        )
        assert shop.begin().session_id == made.id

    def test_before_its_seats_were_held_it_is_begun_under_the_same_order(self, shop: Sale) -> None:
        shop.orders.before_place.append(fails(KeyError("killed")))
        with pytest.raises(KeyError):
            shop.begin()
        [(known, _)] = shop.requests.requests.values()
        shop.wait()
        assert shop.begin().order_id == known.order_id
        assert shop.stock == (98, 2, 0)

    @pytest.mark.parametrize("status", [OrderStatus.FAILED, OrderStatus.EXPIRED])
    def test_after_its_order_is_over_it_is_begun_anew(
        self, shop: Sale, status: OrderStatus
    ) -> None:
        shop.cut_off()
        first = shop.only
        shop.orders.replace(first, replace(first, status=status, due_at=None))
        shop.wait()
        started = shop.begin()
        assert started.order_id != first.id
        assert shop.stock == (98, 2, 0)
        assert shop.begin() == started

    def test_after_it_was_paid_no_second_hold_is_made_however_often_it_is_repeated(
        self, shop: Sale
    ) -> None:
        shop.cut_off()
        shop.pay(shop.only)
        shop.wait()
        for _ in range(3):
            with pytest.raises(KeyInUse, match="is over"):
                shop.begin()
        assert len(shop.orders.orders) == 1

    def test_two_that_come_back_for_it_make_one_checkout(self, shop: Sale) -> None:
        shop.cut_off()
        shop.wait()
        shop.orders.before_get.append(shop.begin)
        with pytest.raises(KeyInUse, match="still running") as refused:
            shop.begin()
        assert refused.value.retry_after_seconds == 1
        assert shop.stock == (98, 2, 0)

    def test_a_free_order_is_answered_from_what_is_stored(self) -> None:
        shop = Sale(price=0)
        shop.cut_off(FREE)
        shop.wait()
        started = shop.begin(FREE)
        assert started.session_id == shop.only.session_id
        assert started.checkout_url == f"http://localhost/done?session_id={shop.only.session_id}"
        assert shop.stock == (98, 0, 2)

    def test_a_session_that_stripe_does_not_know_gives_the_key_back(self, shop: Sale) -> None:
        shop.cut_off()
        shop.payments.sessions.clear()
        shop.wait()
        with pytest.raises(InvalidSession):
            shop.begin()
        assert shop.requests.requests == {}


def test_a_refusal_leaves_the_key_to_be_used_again(shop: Sale) -> None:
    shop.events.move("tech-conference", free=-99, sold=99)
    with pytest.raises(SoldOut):
        shop.begin()
    shop.events.move("tech-conference", free=99, sold=-99)
    assert shop.begin().order_id == shop.only.id


@pytest.mark.parametrize(
    "failure", [PaymentProviderError("down"), Unavailable("down")], ids=["stripe", "store"]
)
def test_a_failure_can_be_repeated_at_once(shop: Sale, failure: EventsApiError) -> None:
    shop.payments.failure = failure
    with pytest.raises(type(failure)):
        shop.begin()
    shop.payments.failure = None
    started = shop.begin()
    assert shop.order(started.order_id).status is OrderStatus.PENDING
    assert shop.stock == (98, 2, 0)


@pytest.mark.parametrize(
    ("note", "failure", "raised"),
    [
        ("finish", None, None),
        ("forget", SoldOut("none"), SoldOut),
        ("take_over", PaymentProviderError("down"), PaymentProviderError),
    ],
)
def test_a_note_that_cannot_be_made_changes_no_answer(
    shop: Sale, note: str, failure: EventsApiError | None, raised: type[EventsApiError] | None
) -> None:
    shop.requests.failing = {note}
    shop.payments.failure = failure
    if raised is None:
        assert shop.begin().order_id == shop.only.id
    else:
        with pytest.raises(raised):
            shop.begin()
    assert ("error", "idempotency_key_left", {}) in shop.log.lines
