"""What the gateway's calls do at Stripe, and what they make of its refusals: against the local
Stripe in this process, over the official SDK.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from chalicelib.adapters import stripe_gateway
from chalicelib.adapters.stripe_gateway import StripeGateway
from chalicelib.domain.checkout_sessions import (
    CheckoutSession,
    PaymentStatus,
    RedirectUrls,
    SessionStatus,
)
from chalicelib.domain.orders import HOLD, Order
from chalicelib.domain.refunds import DisputeStatus, Refund, RefundStatus
from chalicelib.errors import (
    InvalidInput,
    InvalidSession,
    PaymentProviderError,
    RefundRefused,
    TooBroad,
)
from infra.local.stripe_server import objects
from tests.support.builders import an_order
from tests.support.fakes import RecordingLog
from tests.support.local_stripe import LocalStripe

START = datetime(2027, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
URLS = RedirectUrls("https://shop.example/done", "https://shop.example/back")


class Killed(BaseException):
    """The process ends here."""


class World:
    """A shop, its Stripe, and the time."""

    def __init__(self) -> None:
        self.now = START
        self.stripe = LocalStripe(lambda: self.now)
        self.log = RecordingLog()
        self.gateway: StripeGateway = self.stripe.gateway(self.log)

    def order(self, number: int = 1, **changes: Any) -> Order:
        return an_order(
            id=f"{number:026}", created_at=self.now, hold_expires_at=self.now + HOLD, **changes
        )

    def open(self, order: Order) -> CheckoutSession:
        return self.gateway.create_session(order, URLS, order.hold_expires_at)

    def paid(self, order: Order) -> Order:
        session = self.open(order)
        self.stripe.pay(session.id)
        intent = self.gateway.retrieve_session(session.id).payment_intent_id
        return replace(order, session_id=session.id, payment_intent_id=intent)

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def world() -> World:
    return World()


def a_refund(world: World, key: str = "admin-1", amount: int = 14999, **changes: Any) -> Refund:
    refund = Refund(key, amount, RefundStatus.REQUESTED, world.now)
    return replace(refund, **changes)


def payment(order: Order) -> str:
    assert order.payment_intent_id is not None
    return order.payment_intent_id


def session_id(order: Order) -> str:
    assert order.session_id is not None
    return order.session_id


def test_a_session_made_twice_for_an_order_is_one(world: World) -> None:
    order = world.order()
    assert world.open(order) == world.open(order)
    assert len(world.stripe.sessions()) == 1


def test_a_session_tells_what_its_buyer_typed_in(world: World) -> None:
    session = world.open(world.order())
    assert session.customer_email is None
    world.stripe.pay(session.id, "ada@mail.example")
    assert world.gateway.retrieve_session(session.id).customer_email == "ada@mail.example"


def test_a_session_tells_that_its_promised_money_will_not_come(world: World) -> None:
    session = world.open(world.order())
    world.stripe.promise(session.id)
    promised = world.gateway.retrieve_session(session.id)
    assert (promised.status, promised.payment_status) == (
        SessionStatus.COMPLETE,
        PaymentStatus.UNPAID,
    )
    assert not promised.payment_failed
    world.stripe.bounce(session.id)
    bounced = world.gateway.retrieve_session(session.id)
    assert bounced == replace(promised, payment_failed=True)


def test_a_promised_payment_that_came_in_has_not_failed(world: World) -> None:
    session = world.open(world.order())
    world.stripe.promise(session.id)
    world.stripe.arrive(session.id)
    arrived = world.gateway.retrieve_session(session.id)
    assert (arrived.settled, arrived.payment_failed) == (True, False)


def test_an_unknown_session_is_no_session(world: World) -> None:
    with pytest.raises(InvalidSession):
        world.gateway.retrieve_session("cs_test_unknown")


@pytest.mark.parametrize(
    ("currency", "unit_price"), [("kwd", 1001), ("isk", 10_050), ("usd", 10), ("usd", 99_999_999)]
)
def test_an_amount_that_stripe_cannot_charge_is_the_buyers_error(
    world: World, currency: str, unit_price: int
) -> None:
    # A three-decimal currency's last digit is 0, and two others are charged in whole units.
    order = world.order(currency=currency, unit_price=unit_price, quantity=3)
    with pytest.raises(InvalidInput) as refused:
        world.open(order)
    assert refused.value.problems[0].field == "totalAmount"


@pytest.mark.parametrize(
    ("currency", "unit_price"), [("kwd", 1010), ("jpy", 1501), ("isk", 10_100)]
)
def test_amounts_of_any_decimals_are_charged_as_they_are(
    world: World, currency: str, unit_price: int
) -> None:
    session = world.open(world.order(currency=currency, unit_price=unit_price, quantity=3))
    assert (session.amount_total, session.currency) == (3 * unit_price, currency)


def test_the_session_of_an_order_is_found_among_hundreds_of_others(world: World) -> None:
    wanted = world.order(0)
    made = world.open(wanted)
    for number in range(1, 251):
        world.open(world.order(number))
    world.stripe.calls.clear()
    assert world.gateway.find_session(wanted) == made
    assert world.stripe.calls == ["GET /v1/checkout/sessions"] * 3


def test_no_session_is_found_for_an_order_that_has_none(world: World) -> None:
    world.open(world.order(1))
    assert world.gateway.find_session(world.order(2)) is None


@pytest.mark.parametrize(("seconds", "found"), [(-6, False), (-5, True), (59, True)])
def test_a_session_is_looked_for_when_it_can_have_been_made(
    world: World, seconds: int, found: bool
) -> None:
    order = world.order()
    world.later(seconds=seconds)
    world.open(order)
    assert (world.gateway.find_session(order) is not None) is found


@pytest.mark.parametrize("fraction", [0, 250_000, 999_999])
def test_a_session_that_arrives_late_is_either_found_or_refused(
    world: World, fraction: int
) -> None:
    # Stripe makes no session that lives less than 30 minutes, so a request that was given up
    # cannot make one once the search is over.
    world.now = START.replace(microsecond=fraction)
    order = world.order()
    for seconds in range(55, 66):
        world.now = order.created_at + timedelta(seconds=seconds)
        arrived = world.order(seconds, amount_total=29998)
        arrived = replace(
            arrived, created_at=order.created_at, hold_expires_at=order.hold_expires_at
        )
        try:
            world.open(arrived)
        except PaymentProviderError:
            assert seconds >= 60
        else:
            assert seconds <= 60
            assert world.gateway.find_session(arrived) is not None


def test_a_found_session_tells_whether_its_payment_failed(world: World) -> None:
    order = world.order()
    made = world.open(order)
    world.stripe.promise(made.id)
    world.stripe.bounce(made.id)
    found = world.gateway.find_session(order)
    assert found == world.gateway.retrieve_session(made.id)
    assert found.payment_failed


def test_a_payment_leads_to_its_session(world: World) -> None:
    orders = [world.paid(world.order(number)) for number in range(3)]
    for order in orders:
        found = world.gateway.session_of_payment(payment(order))
        assert found is not None
        assert (found.id, found.order_id) == (order.session_id, order.id)


def test_a_payment_that_is_not_of_a_session_leads_nowhere(world: World) -> None:
    assert world.gateway.session_of_payment("pi_unknown") is None


def test_a_session_of_somebody_else_on_the_account_is_not_ours(world: World) -> None:
    other = stripe.StripeClient(
        "sk_test_inprocess",
        base_addresses={"api": "https://stripe.test"},
        http_client=world.stripe.http_client(),
    )
    session = other.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "success_url": "https://other.example",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": "usd",
                        "unit_amount": 1000,
                        "product_data": {"name": "Mug"},
                    },
                }
            ],
        }
    )
    world.stripe.pay(session.id)
    intent = world.stripe.session(session.id)["payment_intent"]
    assert world.gateway.session_of_payment(intent) is None
    assert [event.news() for event in world.stripe.events()] == [None]


def test_an_open_session_is_ended_and_cannot_be_paid_any_more(world: World) -> None:
    session = world.open(world.order())
    assert world.gateway.expire_session(session.id)
    assert world.gateway.retrieve_session(session.id).expired


@pytest.mark.parametrize("ending", ["pay", "promise", "expire_in_dashboard"])
def test_a_session_that_had_ended_before_says_so(world: World, ending: str) -> None:
    session = world.open(world.order())
    getattr(world.stripe, ending)(session.id)
    assert not world.gateway.expire_session(session.id)
    assert world.log.lines == []


def test_a_session_whose_time_is_over_had_ended_before(world: World) -> None:
    session = world.open(world.order())
    world.later(minutes=32)
    assert not world.gateway.expire_session(session.id)


def test_ending_an_unknown_session_is_an_error_and_no_end(world: World) -> None:
    with pytest.raises(PaymentProviderError):
        world.gateway.expire_session("cs_test_unknown")


def test_a_session_that_stripe_will_not_end_is_not_taken_for_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = world.open(world.order())
    expire = type(world.gateway._v1.checkout.sessions).expire

    def refused(service: Any, session_id: str) -> Any:
        return expire(service, session_id, {"expand": ["no_such_field"]})

    monkeypatch.setattr(type(world.gateway._v1.checkout.sessions), "expire", refused)
    with pytest.raises(PaymentProviderError):
        world.gateway.expire_session(session.id)
    assert world.gateway.retrieve_session(session.id).open


def test_money_goes_back_and_is_known_again(world: World) -> None:
    order = world.paid(world.order())
    wanted = a_refund(world, quantity=1, returns_seats=False, reason="rained off")
    made = world.gateway.refund(order, wanted)
    assert made.stripe_id is not None
    at = world.now.replace(microsecond=0)
    assert made == replace(wanted, status=RefundStatus.SUCCEEDED, stripe_id=made.stripe_id, at=at)
    assert world.gateway.refunds_of(payment(order)) == [made]
    assert world.stripe.balance() == 14999


def test_a_refund_asked_for_twice_is_made_once(world: World) -> None:
    order, wanted = world.paid(world.order()), a_refund(world, amount=5000)
    assert world.gateway.refund(order, wanted) == world.gateway.refund(order, wanted)
    assert world.stripe.balance() == 29998 - 5000


def test_refunds_of_other_keys_are_others(world: World) -> None:
    order = world.paid(world.order())
    made = {world.gateway.refund(order, a_refund(world, key, 100)).stripe_id for key in "abc"}
    assert len(made) == 3


@pytest.mark.parametrize("amount", [5000, 29998])
@pytest.mark.parametrize("hours", [1, 23.5, 25, 24 * 40])
def test_a_refund_whose_answer_was_lost_is_not_made_again_however_late(
    world: World, amount: int, hours: float
) -> None:
    # Stripe forgets idempotency keys after a day, and its trouble may take longer.
    order, wanted = world.paid(world.order()), a_refund(world, amount=amount)
    world.stripe.failing_at(1, "after", Killed)
    with pytest.raises(Killed):
        world.gateway.refund(order, wanted)
    world.later(hours=hours)
    again = world.gateway.refund(order, wanted)
    assert (again.key, again.status) == ("admin-1", RefundStatus.SUCCEEDED)
    assert world.stripe.balance() == 29998 - amount


def test_looking_for_a_refund_first_is_what_keeps_a_late_one_from_being_made_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripe_gateway, "_KEY_KEPT", timedelta(days=1000))
    order, wanted = world.paid(world.order()), a_refund(world, amount=5000)
    world.gateway.refund(order, wanted)
    world.later(hours=25)
    world.gateway.refund(order, wanted)
    assert world.stripe.balance() == 29998 - 2 * 5000


def test_an_old_refund_that_was_never_made_is_made(world: World) -> None:
    order, wanted = world.paid(world.order()), a_refund(world)
    world.later(days=2, minutes=2)
    assert world.gateway.refund(order, wanted).status is RefundStatus.SUCCEEDED


def test_what_stripe_refused_once_is_asked_for_anew_an_hour_later(world: World) -> None:
    # Under the same key, it would go on saying what it said the first time.
    order, wanted = world.paid(world.order()), a_refund(world)
    dispute = world.stripe.dispute(session_id(order))
    with pytest.raises(RefundRefused):
        world.gateway.refund(order, wanted)
    world.stripe.win_dispute(dispute)
    with pytest.raises(RefundRefused):
        world.gateway.refund(order, wanted)
    world.later(minutes=62)
    assert world.gateway.refund(order, wanted).status is RefundStatus.SUCCEEDED


def test_in_the_minute_in_which_keys_change_nothing_is_asked_for(world: World) -> None:
    # What was sent under the key before may still arrive, and would be a second refund.
    order, wanted = world.paid(world.order()), a_refund(world)
    world.later(minutes=60, seconds=5)
    with pytest.raises(PaymentProviderError):
        world.gateway.refund(order, wanted)
    assert world.stripe.refunds() == []


def test_a_repeat_in_other_words_finds_what_was_made(world: World) -> None:
    # A new version of the program may word a request differently from the one that was killed.
    order, wanted = world.paid(world.order()), a_refund(world)
    made = world.gateway.refund(order, wanted)
    again = world.gateway.refund(order, replace(wanted, reason="in other words"))
    assert again == made


def test_a_repeat_in_other_words_of_what_was_refused_is_refused(world: World) -> None:
    order, wanted = world.paid(world.order()), a_refund(world)
    world.stripe.dispute(session_id(order))
    for reason, code in ((None, "charge_disputed"), ("other", "idempotency_error")):
        with pytest.raises(RefundRefused) as refused:
            world.gateway.refund(order, replace(wanted, reason=reason))
        assert refused.value.code == code


def test_a_disputed_payment_is_not_refunded(world: World) -> None:
    order = world.paid(world.order())
    dispute = world.stripe.dispute(session_id(order))
    with pytest.raises(RefundRefused, match="disputed") as refused:
        world.gateway.refund(order, a_refund(world))
    assert refused.value.code == "charge_disputed"
    world.stripe.win_dispute(dispute)
    assert world.gateway.refund(order, a_refund(world, "another")).counts


def test_more_than_is_left_is_not_refunded(world: World) -> None:
    order = world.paid(world.order())
    world.stripe.refund_in_dashboard(session_id(order), 20_000)
    with pytest.raises(RefundRefused, match="more than what is left") as refused:
        world.gateway.refund(order, a_refund(world))
    assert refused.value.code is None


def test_what_was_refunded_in_the_dashboard_is_not_refunded_again(world: World) -> None:
    order = world.paid(world.order())
    world.stripe.refund_in_dashboard(session_id(order))
    with pytest.raises(RefundRefused) as refused:
        world.gateway.refund(order, a_refund(world))
    assert refused.value.code == "charge_already_refunded"


@pytest.mark.parametrize(("amount", "taken"), [(1000, True), (1001, False)])
def test_a_three_decimal_currency_is_refunded_in_tens(
    world: World, amount: int, taken: bool
) -> None:
    order = world.paid(world.order(currency="kwd", unit_price=14990))
    if taken:
        assert world.gateway.refund(order, a_refund(world, amount=amount)).amount == amount
        return
    with pytest.raises(RefundRefused) as refused:
        world.gateway.refund(order, a_refund(world, amount=amount))
    assert refused.value.code == "invalid_charge_amount"


def test_an_order_without_a_payment_has_nothing_to_refund(world: World) -> None:
    with pytest.raises(RefundRefused, match="no payment"):
        world.gateway.refund(world.order(), a_refund(world))
    assert world.stripe.calls == []


def test_a_refund_may_be_on_its_way_or_fail_at_once(world: World) -> None:
    order = world.paid(world.order())
    world.stripe.next_refund("pending")
    assert world.gateway.refund(order, a_refund(world, "a")).status is RefundStatus.PENDING
    world.stripe.next_refund("failed")
    failed = world.gateway.refund(order, a_refund(world, "b"))
    assert (failed.status, failed.failure) == (RefundStatus.FAILED, "expired_or_canceled_card")


def test_a_refund_in_a_status_that_is_new_to_us_is_on_its_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, wanted = world.paid(world.order()), a_refund(world)
    make_refunds(monkeypatch, world, status="reconsidered")
    made = world.gateway.refund(order, wanted)
    [stored] = world.stripe.refunds()
    assert made == replace(wanted, status=RefundStatus.PENDING, stripe_id=stored["id"])
    assert world.gateway.refunds_of(payment(order)) == []
    world.later(days=2)
    assert world.gateway.refund(order, wanted) == made
    assert len(world.stripe.refunds()) == 1


def make_refunds(monkeypatch: pytest.MonkeyPatch, world: World, **changes: Any) -> None:
    """Have the next refund look as no refund of today does; None takes a field away."""
    usual = objects.refund

    def unusual(*args: Any) -> dict[str, Any]:
        refund = {**usual(*args), **changes}
        return {name: value for name, value in refund.items() if value is not None}

    monkeypatch.setattr(objects, "refund", unusual)
    world.stripe.next_refund("pending")


def test_all_refunds_of_a_payment_are_told_however_many(world: World) -> None:
    order, other = world.paid(world.order(1)), world.paid(world.order(2))
    for number in range(150):
        world.gateway.refund(order, a_refund(world, f"{number}", 100))
    world.stripe.refund_in_dashboard(session_id(other))
    told = world.gateway.refunds_of(payment(order))
    assert {refund.key for refund in told} == {f"{number}" for number in range(150)}


def test_a_refund_of_the_dashboard_has_stripes_id_for_a_key(world: World) -> None:
    order = world.paid(world.order())
    made = world.stripe.refund_in_dashboard(session_id(order), 100)
    [told] = world.gateway.refunds_of(payment(order))
    assert (told.key, told.stripe_id, told.returns_seats) == (made, made, True)


def test_refunds_are_told_as_they_are_now(world: World) -> None:
    order = world.paid(world.order())
    made = world.gateway.refund(order, a_refund(world))
    assert made.stripe_id is not None
    world.stripe.fail_refund(made.stripe_id, "lost_or_stolen_card")
    [told] = world.gateway.refunds_of(payment(order))
    assert told == replace(made, status=RefundStatus.FAILED, failure="lost_or_stolen_card")
    assert world.stripe.balance() == 29998


def test_events_that_were_not_delivered_are_told_oldest_first(world: World) -> None:
    order = world.paid(world.order())
    world.later(seconds=10)
    dispute = world.stripe.dispute(session_id(order))
    world.stripe.lose_dispute(dispute)
    for event in world.stripe.events():
        if event.type == "charge.dispute.funds_withdrawn":
            world.stripe.deliver(event)
    news = world.gateway.undelivered_news(START, world.now + timedelta(seconds=1))
    assert [item.event_id for item in news] == [event.id for event in world.stripe.undelivered()]
    assert [item.dispute and item.dispute.status for item in news] == [
        None,
        DisputeStatus.NEEDS_RESPONSE,
        DisputeStatus.LOST,
    ]
    assert [event.news() for event in world.stripe.undelivered()] == news


def test_each_event_is_told_in_one_of_two_windows_that_meet(world: World) -> None:
    for number in range(8):
        world.later(milliseconds=300)
        world.stripe.pay(world.open(world.order(number)).id)
    border, end = START + timedelta(milliseconds=1250), world.now + timedelta(seconds=1)
    first = world.gateway.undelivered_news(START, border)
    second = world.gateway.undelivered_news(border, end)
    told = [item.event_id for item in (*first, *second)]
    assert first
    assert second
    assert told == [event.id for event in world.stripe.events()]


def test_hundreds_of_undelivered_events_are_all_told(world: World) -> None:
    for number in range(120):
        world.paid(world.order(number))
    world.stripe.calls.clear()
    news = world.gateway.undelivered_news(START, START + timedelta(minutes=1))
    assert len(news) == 120
    assert world.stripe.calls == ["GET /v1/events"] * 2


def test_more_undelivered_events_than_wanted_are_not_all_read(world: World) -> None:
    for number in range(250):
        world.paid(world.order(number))
    world.stripe.calls.clear()
    end = START + timedelta(minutes=1)
    with pytest.raises(TooBroad):
        world.gateway.undelivered_news(START, end, 100)
    assert world.stripe.calls == ["GET /v1/events"] * 2


def test_as_many_undelivered_events_as_wanted_are_all_told(world: World) -> None:
    for number in range(3):
        world.paid(world.order(number))
    end = START + timedelta(minutes=1)
    assert len(world.gateway.undelivered_news(START, end, 3)) == 3
    with pytest.raises(TooBroad):
        world.gateway.undelivered_news(START, end, 2)


def test_one_event_that_cannot_be_read_does_not_hide_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = world.paid(world.order())
    make_refunds(monkeypatch, world, status=None)
    world.stripe.refund_in_dashboard(session_id(order), 100)
    news = world.gateway.undelivered_news(START, START + timedelta(minutes=1))
    [completed, created, refunded] = world.stripe.events()
    assert [item.event_id for item in news] == [completed.id, refunded.id]
    unreadable = {"event": created.id, "eventType": "refund.created", "type": "KeyError"}
    assert world.log.lines == [("error", "stripe_event_unreadable", unreadable)]


def test_a_page_that_fails_is_the_payment_providers_error(world: World) -> None:
    order = world.order()
    for number in range(150):
        world.open(world.order(number))
    world.stripe.failing_at(2, "before")
    world.stripe.failing_at(3, "before")
    with pytest.raises(PaymentProviderError):
        world.gateway.find_session(replace(order, id="another"))
