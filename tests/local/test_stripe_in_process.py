"""The local Stripe inside a test's process: what tests may rely on when they drive it."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from chalicelib.adapters.stripe_gateway import StripeGateway
from chalicelib.adapters.stripe_signatures import verify_event
from chalicelib.domain.checkout_sessions import CheckoutSession, RedirectUrls
from chalicelib.domain.orders import HOLD
from chalicelib.errors import PaymentProviderError
from tests.support.builders import an_order
from tests.support.local_stripe import WEBHOOK_SECRET, LocalStripe, NotPossible

START = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
URLS = RedirectUrls("https://shop.example/done", "https://shop.example/back")


class Killed(BaseException):
    """The process ends here."""


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def local(clock: Clock) -> LocalStripe:
    return LocalStripe(clock)


@pytest.fixture
def gateway(local: LocalStripe) -> StripeGateway:
    return local.gateway()


def opened(gateway: StripeGateway, number: int = 1) -> CheckoutSession:
    return gateway.create_session(an_order(id=f"{number:026}"), URLS, START + HOLD)


def paid(local: LocalStripe, gateway: StripeGateway) -> str:
    session = opened(gateway)
    local.pay(session.id)
    return session.id


def event_types(local: LocalStripe) -> list[str]:
    return [event.type for event in local.events()]


def test_a_call_that_fails_before_its_effect_has_none(
    local: LocalStripe, gateway: StripeGateway
) -> None:
    local.failing_at(1, "before", Killed)
    with pytest.raises(Killed):
        opened(gateway)
    assert local.sessions() == []
    assert opened(gateway).open


def test_a_call_that_fails_after_its_effect_has_had_it(
    local: LocalStripe, gateway: StripeGateway
) -> None:
    local.failing_at(1, "after", Killed)
    with pytest.raises(Killed):
        opened(gateway)
    [made] = local.sessions()
    assert opened(gateway).id == made["id"]


def test_the_call_that_fails_is_counted_from_when_it_was_asked_for(
    local: LocalStripe, gateway: StripeGateway
) -> None:
    session = opened(gateway)
    local.failing_at(3, "before", Killed)
    for _ in range(2):
        gateway.retrieve_session(session.id)
    with pytest.raises(Killed):
        gateway.retrieve_session(session.id)
    assert gateway.retrieve_session(session.id) == session


def test_calls_are_counted_whether_they_fail_or_not(
    local: LocalStripe, gateway: StripeGateway
) -> None:
    session = opened(gateway)
    local.failing_at(1, "before", Killed)
    with pytest.raises(Killed):
        gateway.expire_session(session.id)
    assert local.calls == [
        "POST /v1/checkout/sessions",
        f"POST /v1/checkout/sessions/{session.id}/expire",
    ]


def test_a_lost_connection_is_tried_again_by_the_sdk_at_once(
    local: LocalStripe, gateway: StripeGateway
) -> None:
    local.failing_at(1, "after")
    session = opened(gateway)
    assert [made["id"] for made in local.sessions()] == [session.id]
    assert len(local.calls) == 2


def test_faults_that_are_forgotten_do_not_happen(
    local: LocalStripe, gateway: StripeGateway
) -> None:
    local.failing_at(1, "before", Killed)
    local.down = True
    local.forget_faults()
    assert opened(gateway).open


def test_while_it_is_down_nothing_reaches_it(local: LocalStripe, gateway: StripeGateway) -> None:
    local.down = True
    with pytest.raises(PaymentProviderError):
        opened(gateway)
    local.down = False
    assert local.sessions() == []


def test_another_key_is_refused(local: LocalStripe) -> None:
    with pytest.raises(PaymentProviderError):
        opened(local.gateway(api_key="sk_test_other"))


def test_time_expires_sessions_and_tells_of_it(
    local: LocalStripe, gateway: StripeGateway, clock: Clock
) -> None:
    session = opened(gateway)
    clock.now = START + HOLD - timedelta(seconds=1)
    assert local.events() == []
    clock.now = START + HOLD
    [event] = local.events()
    news = event.news()
    assert news is not None
    assert news.session is not None
    assert (news.happened_at, news.session.id) == (clock.now, session.id)
    assert news.session.expired


def test_a_promised_payment_is_decided_by_the_test_and_not_by_time(
    local: LocalStripe, gateway: StripeGateway, clock: Clock
) -> None:
    arriving, bouncing = opened(gateway, 1), opened(gateway, 2)
    for session in (arriving, bouncing):
        local.promise(session.id)
    clock.now += timedelta(days=6)
    assert event_types(local) == ["checkout.session.completed"] * 2
    local.arrive(arriving.id)
    local.bounce(bouncing.id)
    assert event_types(local)[2:] == [
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
    ]
    for session in (arriving, bouncing):
        with pytest.raises(NotPossible):
            local.arrive(session.id)


def test_events_are_what_the_webhook_is_sent(local: LocalStripe, gateway: StripeGateway) -> None:
    paid(local, gateway)
    [event] = local.events()
    verified = verify_event(event.payload.encode(), event.header(), [WEBHOOK_SECRET])
    assert (verified.id, verified.type) == (event.id, event.type)
    assert verified.news() == event.news()


def test_every_event_is_known_though_few_types_are_sent(
    local: LocalStripe, gateway: StripeGateway
) -> None:
    paid(local, gateway)
    told = [event.type for event in local.all_events()]
    assert told[-1:] == event_types(local) == ["checkout.session.completed"]
    assert "charge.succeeded" in told


def test_an_event_is_undelivered_until_it_is_delivered(
    local: LocalStripe, gateway: StripeGateway
) -> None:
    local.refund_in_dashboard(paid(local, gateway))
    first, *others = local.events()
    local.deliver(first)
    assert local.undelivered() == others
    told = gateway.undelivered_news(START, START + timedelta(hours=1))
    assert [news.event_id for news in told] == [event.id for event in others]
    assert local.events() == [first, *others]


def test_a_payload_is_the_object_as_it_was_then(local: LocalStripe, gateway: StripeGateway) -> None:
    session = paid(local, gateway)
    local.refund_in_dashboard(session, 100)
    local.refund_in_dashboard(session, 200)
    amounts = [
        json.loads(event.payload)["data"]["object"]["amount_refunded"]
        for event in local.events()
        if event.type == "charge.refunded"
    ]
    assert amounts == [100, 300]


def test_the_balance_is_what_came_in_less_what_went(
    local: LocalStripe, gateway: StripeGateway
) -> None:
    assert local.balance() == 0
    session = paid(local, gateway)
    assert local.balance() == 29998
    refund = local.refund_in_dashboard(session, 998)
    dispute = local.dispute(session, 20_000)
    assert local.balance() == 29998 - 998 - 20_000
    local.win_dispute(dispute)
    local.fail_refund(refund)
    assert local.balance() == 29998
    local.lose_dispute(local.dispute(session))
    assert local.balance() == 0
    assert local.balance("eur") == 0
    with pytest.raises(NotPossible):
        local.dispute(session)


IMPOSSIBLE: dict[str, Callable[[LocalStripe, str], object]] = {
    "pay twice": lambda local, session: local.pay(session),
    "promise what is paid": lambda local, session: local.promise(session),
    "receive what is there": lambda local, session: local.arrive(session),
    "bounce what is there": lambda local, session: local.bounce(session),
    "expire what is paid": lambda local, session: local.expire_in_dashboard(session),
    "refund too much": lambda local, session: local.refund_in_dashboard(session, 30_000),
    "refund nothing": lambda local, session: local.refund_in_dashboard(session, 0),
    "dispute too much": lambda local, session: local.dispute(session, 30_000),
    "dispute nothing": lambda local, session: local.dispute(session, 0),
    "dispute for no reason": lambda local, session: local.dispute(session, reason="spite"),
    "pay what is not there": lambda local, _: local.pay("cs_test_none"),
    "finish what is not there": lambda local, _: local.finish_refund("re_none"),
    "win what is not there": lambda local, _: local.win_dispute("dp_none"),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_what_cannot_happen_is_said_and_does_not(
    local: LocalStripe, gateway: StripeGateway, what: str
) -> None:
    session = paid(local, gateway)
    before = local.all_events()
    with pytest.raises(NotPossible):
        IMPOSSIBLE[what](local, session)
    assert local.all_events() == before


def test_nothing_can_be_disputed_or_refunded_before_it_is_paid(
    local: LocalStripe, gateway: StripeGateway
) -> None:
    session = opened(gateway)
    for act in (local.dispute, local.refund_in_dashboard):
        with pytest.raises(NotPossible):
            act(session.id)


def test_what_is_open_is_listed(local: LocalStripe, gateway: StripeGateway) -> None:
    session = paid(local, gateway)
    refund, dispute = local.refund_in_dashboard(session, 100), local.dispute(session)
    assert [item["id"] for item in local.refunds()] == [refund]
    assert [item["id"] for item in local.disputes()] == [dispute]
    assert [item["amount_refunded"] for item in local.charges()] == [100]
    assert local.session(session) == local.sessions()[0]


def test_a_switch_has_no_other_settings_than_its_own(local: LocalStripe) -> None:
    with pytest.raises(ValueError, match="succeeded, pending, failed"):
        local.next_refund("lost")  # type: ignore[arg-type]


def test_two_stripes_know_nothing_of_each_other(local: LocalStripe, clock: Clock) -> None:
    opened(local.gateway())
    assert LocalStripe(clock).sessions() == []


def test_many_threads_may_call_at_once(local: LocalStripe, gateway: StripeGateway) -> None:
    def buy(number: int) -> str:
        session = opened(gateway, number)
        local.pay(session.id)
        return session.id

    with ThreadPoolExecutor(16) as pool:
        bought = list(pool.map(buy, range(64)))
    assert len(set(bought)) == 64
    assert len(local.calls) == 64
    assert event_types(local) == ["checkout.session.completed"] * 64


def test_a_fault_hits_one_of_many_threads(local: LocalStripe, gateway: StripeGateway) -> None:
    local.failing_at(10, "after", Killed)

    def buy(number: int) -> bool:
        try:
            opened(gateway, number)
        except Killed:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(buy, range(32)))
    assert outcomes.count(False) == 1
    assert len(local.sessions()) == 32


def test_any_sdk_client_may_speak_to_it(local: LocalStripe, clock: Clock) -> None:
    client = stripe.StripeClient(
        local.config.secret_key,
        base_addresses={"api": "https://stripe.test"},
        http_client=local.http_client(),
    )
    opened(local.gateway())
    listed: Any = client.v1.checkout.sessions.list({"created": {"gte": int(START.timestamp())}})
    assert [session.id for session in listed.auto_paging_iter()] == [
        made["id"] for made in local.sessions()
    ]
