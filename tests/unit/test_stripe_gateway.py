"""Stripe through its SDK, against a server that answers as Stripe's API does."""

import json
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe
from stripe.params.checkout import SessionCreateParams

from chalicelib.adapters import stripe_gateway
from chalicelib.adapters.stripe_gateway import StripeGateway
from chalicelib.adapters.stripe_objects import session_from
from chalicelib.domain.checkout_sessions import (
    CheckoutSession,
    PaymentStatus,
    RedirectUrls,
    SessionStatus,
)
from chalicelib.domain.refunds import Refund, RefundStatus
from chalicelib.errors import InvalidInput, InvalidSession, PaymentProviderError
from chalicelib.services.ports import PaymentGateway
from infra.local.stripe_server.errors import InvalidRequestError
from infra.local.stripe_server.form import parse
from infra.local.stripe_server.parameters import check
from tests.support.builders import NOW, a_paid_session, a_session, an_order
from tests.support.fakes import RecordingLog
from tests.support.http_server import (
    LocalServer,
    Received,
    Reply,
    closed_port,
    hanging,
    serving,
)
from tests.support.stripe_objects import a_paid_stripe_session, a_stripe_session

KEY = "sk_test_hunter2"
EMAIL = "ada@mail.example"
URLS = RedirectUrls("https://shop.example/done?lang=de#top", "https://shop.example/back")
EXPIRES = datetime(2027, 3, 1, 12, 31, tzinfo=UTC)


def json_reply(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode(), {"Request-Id": "req_stripe_1"})


def error_reply(status: int, kind: str, **error: Any) -> Reply:
    return json_reply({"error": {"type": kind, **error}}, status)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the SDK try again at once."""
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0)


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with serving(lambda _: json_reply(a_stripe_session())) as server:
        yield server


@pytest.fixture
def log() -> RecordingLog:
    return RecordingLog()


@pytest.fixture
def gateway(server: LocalServer, log: RecordingLog) -> StripeGateway:
    return StripeGateway(KEY, server.url, log)


def created(gateway: StripeGateway, server: LocalServer, **order: Any) -> dict[str, Any]:
    gateway.create_session(an_order(**order), URLS, EXPIRES)
    return parse(server.received[-1].body)


def test_a_session_is_created_with_the_servers_price_and_name(
    gateway: StripeGateway, server: LocalServer
) -> None:
    assert created(gateway, server, customer_email=EMAIL) == {
        "mode": "payment",
        "client_reference_id": "01JNTEST0RDER0000000000000",
        "metadata": {
            "orderId": "01JNTEST0RDER0000000000000",
            "eventSlug": "tech-conference",
            "eventName": "Tech Conference",
            "quantity": "2",
        },
        "expires_at": str(int(EXPIRES.timestamp())),
        "line_items": {
            "0": {
                "quantity": "2",
                "price_data": {
                    "currency": "usd",
                    "unit_amount": "14999",
                    "product_data": {"name": "Tech Conference"},
                },
            }
        },
        "success_url": ("https://shop.example/done?lang=de&session_id={CHECKOUT_SESSION_ID}#top"),
        "cancel_url": "https://shop.example/back",
        "payment_intent_data": {"metadata": {"orderId": "01JNTEST0RDER0000000000000"}},
        "customer_email": EMAIL,
    }


def test_a_buyer_who_gave_no_address_is_asked_by_stripe(
    gateway: StripeGateway, server: LocalServer
) -> None:
    assert "customer_email" not in created(gateway, server)


def test_a_session_with_nothing_to_pay_names_no_payment(
    gateway: StripeGateway, server: LocalServer
) -> None:
    assert "payment_intent_data" not in created(gateway, server, unit_price=0, amount_total=0)


def test_payment_methods_are_left_to_stripe(gateway: StripeGateway, server: LocalServer) -> None:
    assert "payment_method_types" not in created(gateway, server)


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"customer_email": EMAIL},
        {"unit_price": 0, "amount_total": 0},
        {"currency": "jpy", "unit_price": 1200},
        {"event_name": "Zürich & <Söhne>"},
    ],
)
def test_every_parameter_is_one_of_the_sdks_with_a_value_of_its_type(
    gateway: StripeGateway, server: LocalServer, order: dict[str, Any]
) -> None:
    assert check(SessionCreateParams, created(gateway, server, **order))


@pytest.mark.parametrize(
    "wrong",
    [
        {"no_such_parameter": "x"},
        {"mode": "gift"},
        {"expires_at": "soon"},
        {"line_items": {"0": {"quantity": "2", "price_data": {"no_such": "x"}}}},
    ],
)
def test_the_sdks_parameters_are_checked_in_earnest(
    gateway: StripeGateway, server: LocalServer, wrong: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequestError):
        check(SessionCreateParams, {**created(gateway, server), **wrong})


def test_a_request_is_signed_and_names_its_order(
    gateway: StripeGateway, server: LocalServer
) -> None:
    gateway.create_session(an_order(), URLS, EXPIRES)
    [request] = server.received
    assert (request.method, request.path) == ("POST", "/v1/checkout/sessions")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["idempotency-key"] == "01JNTEST0RDER0000000000000-checkout-1"


def test_the_same_order_has_the_same_key_and_another_another(
    gateway: StripeGateway, server: LocalServer
) -> None:
    for order in (an_order(), an_order(), an_order(id="01JNOTHER")):
        gateway.create_session(order, URLS, EXPIRES)
    sent = [request.headers["idempotency-key"] for request in server.received]
    assert sent[0] == sent[1] != sent[2]


def test_a_created_session_comes_back_as_ours(gateway: StripeGateway) -> None:
    assert gateway.create_session(an_order(), URLS, EXPIRES) == a_session()


def test_a_session_is_retrieved(gateway: StripeGateway, server: LocalServer) -> None:
    server.answer = lambda _: json_reply(a_paid_stripe_session())
    assert gateway.retrieve_session("cs_test_1") == a_paid_session()
    [request] = server.received
    # Only with its payment does a session tell that the payment failed.
    path = "/v1/checkout/sessions/cs_test_1?expand%5B0%5D=payment_intent"
    assert (request.method, request.path) == ("GET", path)


@pytest.mark.parametrize(
    "session_id",
    [
        "",
        "cs_",
        "pi_1",
        "cs_test_1/expire",
        "cs_test_1?expand[]=customer",
        "cs_../customers",
        "cs_test 1",
        "cs_test_1\n",
        "cs_test_\x00",
        "CS_test_1",
        "cs_ü",
        "cs_" + "a" * 251,
    ],
)
def test_what_is_no_session_id_is_not_sent_to_stripe(
    gateway: StripeGateway, server: LocalServer, session_id: str
) -> None:
    with pytest.raises(InvalidSession):
        gateway.retrieve_session(session_id)
    assert server.received == []


@pytest.mark.parametrize("status", [400, 404])
def test_a_session_that_stripe_does_not_know_is_no_session(
    gateway: StripeGateway, server: LocalServer, log: RecordingLog, status: int
) -> None:
    server.answer = lambda _: error_reply(
        status, "invalid_request_error", code="resource_missing", message="No such session"
    )
    with pytest.raises(InvalidSession, match="no such checkout session"):
        gateway.retrieve_session("cs_test_1")
    assert log.lines == []


def test_a_payment_that_stripe_does_not_know_is_of_no_session(
    gateway: StripeGateway, server: LocalServer, log: RecordingLog
) -> None:
    server.answer = lambda _: error_reply(404, "invalid_request_error", code="resource_missing")
    assert gateway.session_of_payment("pi_1") is None
    assert log.lines == []


@pytest.mark.parametrize("code", [None, "parameter_unknown", "secret_key_required"])
def test_a_request_that_is_refused_does_not_make_a_session_unknown(
    gateway: StripeGateway, server: LocalServer, code: str | None
) -> None:
    # Whoever hears that there is no such session gives its seats back.
    server.answer = lambda _: error_reply(400, "invalid_request_error", code=code)
    with pytest.raises(PaymentProviderError):
        gateway.retrieve_session("cs_test_1")


def test_a_session_is_ended(gateway: StripeGateway, server: LocalServer) -> None:
    assert gateway.expire_session("cs_test_1")
    [request] = server.received
    assert (request.method, request.path) == ("POST", "/v1/checkout/sessions/cs_test_1/expire")


ORDER = an_order(customer_email=EMAIL, payment_intent_id="pi_1")
REFUND = Refund("admin-1", 14999, RefundStatus.REQUESTED, NOW, reason=EMAIL)
CALLS: dict[str, Callable[[StripeGateway], object]] = {
    "create_session": lambda gateway: gateway.create_session(ORDER, URLS, EXPIRES),
    "retrieve_session": lambda gateway: gateway.retrieve_session("cs_test_1"),
    "find_session": lambda gateway: gateway.find_session(ORDER),
    "session_of_payment": lambda gateway: gateway.session_of_payment("pi_1"),
    "expire_session": lambda gateway: gateway.expire_session("cs_test_1"),
    "refund": lambda gateway: gateway.refund(ORDER, REFUND),
    "refunds_of": lambda gateway: gateway.refunds_of("pi_1"),
    "undelivered_news": lambda gateway: gateway.undelivered_news(NOW, EXPIRES),
}


def test_every_call_of_the_port_is_among_those_that_are_tried() -> None:
    port = {name for name in vars(PaymentGateway) if not name.startswith("_")}
    assert CALLS.keys() == port


@pytest.mark.parametrize("kind", ["idempotency_error", "invalid_request_error"])
def test_a_refund_that_somebody_else_is_making_right_now_is_not_refused(
    gateway: StripeGateway, server: LocalServer, kind: str
) -> None:
    server.answer = lambda _: error_reply(409, kind, code="idempotency_key_in_use")
    with pytest.raises(PaymentProviderError):
        gateway.refund(ORDER, REFUND)


FAILURES = [
    error_reply(401, "invalid_request_error", message=f"Invalid API Key provided: {KEY}"),
    error_reply(402, "card_error", code="card_declined", message=f"{EMAIL} was declined"),
    error_reply(403, "invalid_request_error", message=f"{KEY} may not do this"),
    error_reply(409, "idempotency_error", message=f"Keys for {EMAIL} differ"),
    error_reply(429, "rate_limit_error", message="Slow down"),
    error_reply(500, "api_error", message=f"oops {EMAIL}"),
    Reply(503, b"<html>Service Unavailable</html>"),
    Reply(200, b"<html>Sign in to the hotel's network</html>"),
    Reply(200, b""),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("reply", FAILURES, ids=range(len(FAILURES)))
def test_whatever_stripe_fails_with_is_the_payment_providers_error(
    gateway: StripeGateway, server: LocalServer, log: RecordingLog, call: str, reply: Reply
) -> None:
    server.answer = lambda _: reply
    with pytest.raises(PaymentProviderError) as failed:
        CALLS[call](gateway)
    [(kind, name, fields)] = log.lines
    assert (kind, name, fields["call"]) == ("error", "stripe_failed", call)
    # Stripe's messages quote what was sent; logs write the whole trace down.
    told = "".join(traceback.format_exception(failed.value)) + repr(log.lines)
    assert EMAIL not in told
    assert KEY not in told


def test_a_request_that_stripe_finds_wrong_is_the_payment_providers_error(
    gateway: StripeGateway, server: LocalServer, log: RecordingLog
) -> None:
    server.answer = lambda _: error_reply(
        400,
        "invalid_request_error",
        code="parameter_invalid_string_blank",
        message=f"Invalid email address: {EMAIL}",
    )
    with pytest.raises(PaymentProviderError) as failed:
        gateway.create_session(an_order(customer_email=EMAIL), URLS, EXPIRES)
    assert log.lines == [
        (
            "error",
            "stripe_failed",
            {
                "call": "create_session",
                "type": "InvalidRequestError",
                "code": "parameter_invalid_string_blank",
                "httpStatus": 400,
                "stripeRequestId": "req_stripe_1",
            },
        )
    ]
    assert EMAIL not in "".join(traceback.format_exception(failed.value))


def test_an_address_that_stripe_refuses_is_the_requests_error(
    gateway: StripeGateway, server: LocalServer
) -> None:
    server.answer = lambda _: error_reply(400, "invalid_request_error", code="email_invalid")
    with pytest.raises(InvalidInput, match="customerEmail: must be an e-mail address"):
        gateway.create_session(an_order(customer_email=EMAIL), URLS, EXPIRES)


def test_a_session_without_a_status_tells_nothing() -> None:
    session = session_from(a_paid_stripe_session(status=None))
    assert (session.status, session.settled) == (SessionStatus.OPEN, False)


@pytest.mark.parametrize("code", ["amount_too_small", "amount_too_large", "invalid_charge_amount"])
def test_an_amount_that_cannot_be_charged_is_the_requests_error(
    gateway: StripeGateway, server: LocalServer, log: RecordingLog, code: str
) -> None:
    server.answer = lambda _: error_reply(
        400, "invalid_request_error", code=code, message="The amount must be at least $0.50"
    )
    with pytest.raises(InvalidInput) as refused:
        gateway.create_session(an_order(), URLS, EXPIRES)
    [problem] = refused.value.problems
    assert (problem.field, problem.type) == ("totalAmount", code)
    assert log.lines == []


def test_a_failure_that_may_pass_is_tried_once_more_under_the_same_key(
    gateway: StripeGateway, server: LocalServer
) -> None:
    def answer(_: Received) -> Reply:
        first = len(server.received) == 1
        return Reply(500, b"{}") if first else json_reply(a_stripe_session())

    server.answer = answer
    assert gateway.create_session(an_order(), URLS, EXPIRES).id == "cs_test_1"
    sent = [request.headers["idempotency-key"] for request in server.received]
    assert len(sent) == 2
    assert len(set(sent)) == 1


def test_a_stripe_that_stays_down_is_not_tried_a_third_time(
    gateway: StripeGateway, server: LocalServer
) -> None:
    server.answer = lambda _: Reply(500, b"{}")
    with pytest.raises(PaymentProviderError):
        gateway.create_session(an_order(), URLS, EXPIRES)
    assert len(server.received) == 2


def test_a_stripe_that_nobody_listens_for_is_the_payment_providers_error(
    log: RecordingLog,
) -> None:
    gateway = StripeGateway(KEY, closed_port(), log)
    with pytest.raises(PaymentProviderError):
        gateway.expire_session("cs_test_1")
    assert log.lines[0][2]["type"] == "APIConnectionError"


def test_a_stripe_that_hangs_is_given_up(
    monkeypatch: pytest.MonkeyPatch, log: RecordingLog
) -> None:
    monkeypatch.setattr(stripe_gateway, "_READ_TIMEOUT_SECONDS", 0.05)
    with hanging() as server:
        gateway = StripeGateway(KEY, server.url, log)
        with pytest.raises(PaymentProviderError):
            gateway.create_session(an_order(), URLS, EXPIRES)
        assert len(server.received) == 2
    assert log.lines[0][2]["type"] == "APIConnectionError"


def test_a_stripe_that_takes_its_time_is_given_up_as_a_whole(
    monkeypatch: pytest.MonkeyPatch, log: RecordingLog
) -> None:
    monkeypatch.setattr(stripe_gateway, "_DEADLINE_SECONDS", 0.1)
    with hanging() as server:
        gateway = StripeGateway(KEY, server.url, log)
        for call in CALLS.values():
            with pytest.raises(PaymentProviderError):
                call(gateway)
    assert [fields["type"] for _, _, fields in log.lines] == ["DeadlineExceeded"] * len(CALLS)


@pytest.mark.own_limits
def test_stripes_limit_leaves_the_store_its_share_of_ten_seconds() -> None:
    assert stripe_gateway._READ_TIMEOUT_SECONDS < stripe_gateway._DEADLINE_SECONDS <= 6


def test_without_an_address_stripe_is_the_real_one(log: RecordingLog) -> None:
    gateway = StripeGateway(KEY, None, log)
    addresses = gateway._v1._requestor._options.base_addresses
    assert addresses["api"] == "https://api.stripe.com"


@pytest.mark.parametrize("intent", ["pi_1", {"id": "pi_1", "object": "payment_intent"}])
def test_a_payment_is_read_as_its_id_or_whole(intent: Any) -> None:
    session = session_from(a_paid_stripe_session(payment_intent=intent))
    assert session.payment_intent_id == "pi_1"


def test_a_session_that_is_not_ours_is_read_too() -> None:
    bare = {
        "id": "cs_test_9",
        "status": "complete",
        "payment_status": "no_payment_required",
        "amount_total": None,
        "currency": None,
        "metadata": None,
    }
    assert session_from(bare) == CheckoutSession(
        id="cs_test_9",
        status=SessionStatus.COMPLETE,
        payment_status=PaymentStatus.NO_PAYMENT_REQUIRED,
        amount_total=0,
        currency="",
        metadata={},
        url=None,
        order_id=None,
        payment_intent_id=None,
    )


def test_an_order_in_any_currency_is_sent_in_minor_units(
    gateway: StripeGateway, server: LocalServer
) -> None:
    sent = created(gateway, server, unit_price=1250, currency="kwd")
    price = sent["line_items"]["0"]["price_data"]
    assert (price["currency"], price["unit_amount"]) == ("kwd", "1250")


class Roller:
    """Stripe that takes one key only, and what an operator has put in the parameter by now."""

    def __init__(self, good: str, stored: str | None) -> None:
        self.good = good
        self.stored = stored
        self.asked: list[str] = []

    def answer(self, request: Received) -> Reply:
        if request.headers["authorization"] != f"Bearer {self.good}":
            return error_reply(401, "invalid_request_error", message="Invalid API Key provided")
        return json_reply(a_stripe_session())

    def renewed(self, refused: str) -> str | None:
        self.asked.append(refused)
        return self.stored

    def gateway(self, url: str, log: RecordingLog) -> StripeGateway:
        return StripeGateway(KEY, url, log, renewed_key=self.renewed)


def test_a_rolled_key_is_used_for_the_very_call_that_the_old_one_is_refused_for(
    log: RecordingLog,
) -> None:
    roller = Roller("sk_test_rolled", "sk_test_rolled")
    with serving(roller.answer) as server:
        gateway = roller.gateway(server.url, log)
        for _ in range(2):
            assert gateway.retrieve_session("cs_test_1").id == "cs_test_1"
    assert roller.asked == [KEY]
    assert len(server.received) == 3
    assert log.lines == []


@pytest.mark.parametrize("stored", [None, "sk_test_wrong_too"])
def test_without_a_key_that_works_it_is_an_error_and_asked_for_once(
    log: RecordingLog, stored: str | None
) -> None:
    roller = Roller("sk_test_rolled", stored)
    with serving(roller.answer) as server:
        with pytest.raises(PaymentProviderError) as failed:
            roller.gateway(server.url, log).retrieve_session("cs_test_1")
        assert len(server.received) == (1 if stored is None else 2)
    assert roller.asked == [KEY]
    assert "sk_test" not in "".join(traceback.format_exception(failed.value))


def test_what_a_key_may_not_do_is_no_reason_to_look_for_another(log: RecordingLog) -> None:
    roller = Roller(KEY, "sk_test_rolled")
    refused = error_reply(403, "invalid_request_error", message="lacks the permission")
    with serving(lambda _: refused) as server, pytest.raises(PaymentProviderError):
        roller.gateway(server.url, log).retrieve_session("cs_test_1")
    assert roller.asked == []


def test_without_anybody_to_ask_a_refused_key_is_an_error(log: RecordingLog) -> None:
    with serving(Roller("sk_test_other", None).answer) as server:
        with pytest.raises(PaymentProviderError):
            StripeGateway(KEY, server.url, log).retrieve_session("cs_test_1")
        assert len(server.received) == 1
