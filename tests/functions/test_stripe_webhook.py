"""Stripe's webhook, as Lambda calls it: by the handler string that is packaged, over moto."""

import base64
import importlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import EndpointConnectionError

from chalicelib import wiring
from chalicelib.adapters.secrets import ParameterStore
from chalicelib.domain.events import EventRecord
from chalicelib.domain.orders import Order, OrderStatus
from chalicelib.domain.refunds import Refund, RefundStatus
from chalicelib.errors import PaymentProviderError
from chalicelib.http.headers import SECURITY_HEADERS
from chalicelib.store import Stores
from tests.support.builders import NOW, a_city, a_paid_session, an_event, an_order
from tests.support.fakes import FakePayments
from tests.support.http_server import Reply, serving
from tests.support.log_lines import LogLines
from tests.support.metric_lines import metrics_of
from tests.support.stripe_objects import (
    WEBHOOK_SECRET,
    a_paid_stripe_session,
    a_stripe_dispute,
    a_stripe_refund,
    a_stripe_session,
    delivery,
    event_text,
    signature,
)

HANDLER = "chalicelib.functions.stripe_webhook.stripe_webhook"
ORDER_ID = an_order().id
COMPLETED = "checkout.session.completed"
SUCCEEDED = "checkout.session.async_payment_succeeded"
FAILED = "checkout.session.async_payment_failed"
EXPIRED = "checkout.session.expired"
UNPAID = a_stripe_session(status="complete", url=None)


def handler() -> Callable[[dict[str, Any], object], dict[str, Any]]:
    module, _, name = HANDLER.rpartition(".")
    found: Callable[[dict[str, Any], object], dict[str, Any]] = getattr(
        importlib.import_module(module), name
    )
    return found


def deliver(request: dict[str, Any]) -> tuple[int, Any]:
    answer = handler()(request, None)
    json.dumps(answer)
    assert answer["headers"]["X-Request-Id"] == "req-1"
    assert SECURITY_HEADERS.items() <= answer["headers"].items()
    assert answer["headers"]["Content-Type"] == "application/json"
    assert answer["headers"]["Cache-Control"] == "no-store"
    return answer["statusCode"], json.loads(answer["body"])


def heard(event_type: str, subject: dict[str, Any], event_id: str = "evt_1") -> str:
    status, body = deliver(delivery(event_text(event_type, subject, event_id)))
    assert status == 200
    assert body["received"] is True
    outcome: str = body["outcome"]
    return outcome


class Sale:
    """One pending order of two of an event's hundred seats, in the real store."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        stores.cities.create(a_city())
        stores.events.create(an_event())
        stores.orders.place(an_order())

    @property
    def order(self) -> Order:
        order = self.stores.orders.get(ORDER_ID)
        assert order is not None
        return order

    @property
    def stock(self) -> tuple[int, int, int]:
        record = self.stores.events.get("tech-conference", consistent=True)
        assert isinstance(record, EventRecord)
        return record.free, record.held, record.sold


@pytest.fixture
def sale(dynamodb: Any) -> Sale:
    return Sale(wiring.stores())


@pytest.fixture
def stripe(monkeypatch: pytest.MonkeyPatch) -> FakePayments:
    fake = FakePayments()
    monkeypatch.setattr(wiring, "payments", lambda: fake)
    return fake


def test_a_completed_checkout_sells_its_seats(sale: Sale, log_lines: LogLines) -> None:
    assert heard(COMPLETED, a_paid_stripe_session()) == "paid"
    assert sale.stock == (98, 0, 2)
    assert sale.order.status is OrderStatus.PAID
    assert (sale.order.session_id, sale.order.payment_intent_id) == ("cs_test_1", "pi_1")
    assert sale.order.history[-1].cause == "evt_1"
    [line] = log_lines.of("audit")
    assert (line["message"], line["orderId"], line["requestId"]) == (
        "order_paid",
        ORDER_ID,
        "req-1",
    )


def test_a_delayed_payment_that_succeeds_sells_its_seats(sale: Sale) -> None:
    assert heard(COMPLETED, UNPAID, "evt_1") == "waiting"
    assert sale.stock == (98, 2, 0)
    assert heard(SUCCEEDED, a_paid_stripe_session(), "evt_2") == "paid"
    assert sale.stock == (98, 0, 2)


def test_a_delayed_payment_that_fails_gives_its_seats_back(sale: Sale) -> None:
    heard(COMPLETED, UNPAID, "evt_1")
    assert heard(FAILED, UNPAID, "evt_2") == "released"
    assert sale.stock == (100, 0, 0)
    assert sale.order.status is OrderStatus.FAILED


def test_an_expired_checkout_gives_its_seats_back(sale: Sale) -> None:
    assert heard(EXPIRED, a_stripe_session(status="expired", url=None)) == "released"
    assert sale.stock == (100, 0, 0)
    assert sale.order.status is OrderStatus.EXPIRED


def test_a_replay_changes_nothing(sale: Sale) -> None:
    heard(COMPLETED, a_paid_stripe_session(), "evt_1")
    before = sale.order
    assert heard(COMPLETED, a_paid_stripe_session(), "evt_1") == "repeated"
    assert heard(SUCCEEDED, a_paid_stripe_session(), "evt_2") == "repeated"
    assert sale.order == before
    assert sale.stock == (98, 0, 2)


def test_events_in_the_wrong_order_have_the_same_end(sale: Sale) -> None:
    assert heard(SUCCEEDED, a_paid_stripe_session(), "evt_2") == "paid"
    assert heard(COMPLETED, UNPAID, "evt_1") == "repeated"
    assert sale.order.status is OrderStatus.PAID
    assert sale.stock == (98, 0, 2)


def test_a_late_payment_takes_seats_that_are_free(sale: Sale, log_lines: LogLines) -> None:
    heard(EXPIRED, a_stripe_session(status="expired"), "evt_1")
    assert heard(COMPLETED, a_paid_stripe_session(), "evt_2") == "paid_late"
    assert sale.stock == (98, 0, 2)
    assert [line["message"] for line in log_lines.of("audit")] == [
        "order_expired",
        "order_paid_late",
    ]


def test_a_late_payment_without_seats_goes_back_once(sale: Sale, stripe: FakePayments) -> None:
    heard(EXPIRED, a_stripe_session(status="expired"), "evt_1")
    record = sale.stores.events.get("tech-conference", consistent=True)
    assert record is not None
    sale.stores.events.replace(record, an_event(capacity=1))
    assert heard(COMPLETED, a_paid_stripe_session(), "evt_2") == "refunding"
    assert heard(COMPLETED, a_paid_stripe_session(), "evt_2") == "repeated"
    assert sale.order.status is OrderStatus.REFUNDED
    assert [(made.amount, made.reason) for made in stripe.refunds["pi_1"]] == [(29998, "sold_out")]
    assert sale.stock == (1, 0, 0)


def test_money_of_another_amount_goes_back(
    sale: Sale, stripe: FakePayments, log_lines: LogLines
) -> None:
    assert heard(COMPLETED, a_paid_stripe_session(amount_total=1)) == "refunding"
    assert sale.stock == (100, 0, 0)
    assert [made.amount for made in stripe.refunds["pi_1"]] == [1]
    assert [line["message"] for line in log_lines.of("problem")] == ["paid_amount_differs"]


class TestWhatBecomesOfAPayment:
    """Refunds and disputes, in whichever order they are heard of."""

    @pytest.fixture
    def paid(self, sale: Sale, stripe: FakePayments) -> Sale:
        heard(COMPLETED, a_paid_stripe_session(), "evt_0")
        stripe.sessions["cs_test_1"] = a_paid_session(order_id=ORDER_ID)
        return sale

    @pytest.mark.parametrize("event_type", ["refund.created", "refund.updated", "refund.failed"])
    def test_a_refund_made_in_the_dashboard_is_noted_once(
        self, paid: Sale, event_type: str
    ) -> None:
        assert heard(event_type, a_stripe_refund(), "evt_1") == "refund"
        assert heard(event_type, a_stripe_refund(), "evt_2") == "repeated"
        assert paid.order.status is OrderStatus.PARTIALLY_REFUNDED
        assert paid.order.good_tickets == 1
        assert paid.stock == (99, 0, 1)

    def test_a_refund_that_failed_after_all_gives_its_ticket_back(
        self, paid: Sale, log_lines: LogLines
    ) -> None:
        failed = a_stripe_refund(status="failed", failure_reason="lost_or_stolen_card")
        heard("refund.created", a_stripe_refund(), "evt_1")
        assert heard("refund.failed", failed, "evt_2") == "refund"
        assert heard("refund.updated", a_stripe_refund(), "evt_1") == "repeated"
        assert (paid.order.status, paid.order.good_tickets) == (OrderStatus.PAID, 2)
        assert paid.stock == (98, 0, 2)
        (line,) = log_lines.of("problem")
        assert (line["message"], line["failure"]) == ("refund_failed", "lost_or_stolen_card")

    def test_a_charge_that_was_refunded_has_its_refunds_asked_for(
        self, paid: Sale, stripe: FakePayments
    ) -> None:
        made = Refund("re_1", 14999, RefundStatus.SUCCEEDED, NOW, stripe_id="re_1")
        stripe.refunds["pi_1"] = [made]
        charge = {"id": "ch_1", "object": "charge", "payment_intent": "pi_1"}
        assert heard("charge.refunded", charge, "evt_1") == "refund"
        assert heard("refund.created", a_stripe_refund(), "evt_2") == "repeated"
        assert paid.order.amount_returned == 14999

    def test_a_refund_that_is_heard_of_before_its_payment_comes_after_it(
        self, sale: Sale, stripe: FakePayments
    ) -> None:
        stripe.sessions["cs_test_1"] = a_paid_session(order_id=ORDER_ID)
        assert heard("refund.created", a_stripe_refund(), "evt_1") == "refund"
        assert heard(COMPLETED, a_paid_stripe_session(), "evt_0") == "repeated"
        assert sale.order.status is OrderStatus.PARTIALLY_REFUNDED
        assert sale.stock == (99, 0, 1)

    def test_a_dispute_is_recorded_told_and_voids_the_tickets_until_it_is_won(
        self, paid: Sale, log_lines: LogLines
    ) -> None:
        assert heard("charge.dispute.created", a_stripe_dispute(), "evt_1") == "dispute"
        assert (paid.order.status, paid.order.good_tickets) == (OrderStatus.DISPUTED, 0)
        assert [line["message"] for line in log_lines.of("problem")] == ["payment_disputed"]
        won = a_stripe_dispute(status="won")
        assert heard("charge.dispute.closed", won, "evt_2") == "dispute"
        assert heard("charge.dispute.created", a_stripe_dispute(), "evt_1") == "repeated"
        assert (paid.order.status, paid.order.good_tickets) == (OrderStatus.PAID, 2)

    @pytest.mark.parametrize(
        "event_type", ["refund.created", "charge.refunded", "charge.dispute.created"]
    )
    def test_of_a_payment_that_is_not_ours_nothing_is_noted(
        self, paid: Sale, event_type: str
    ) -> None:
        before = paid.order
        subject = {**a_stripe_refund(), **a_stripe_dispute(), "payment_intent": "pi_other"}
        subject["status"] = "succeeded" if event_type == "refund.created" else "lost"
        assert heard(event_type, subject) == "not_ours"
        assert paid.order == before

    def test_when_stripe_cannot_be_asked_it_is_asked_to_try_again(
        self, paid: Sale, stripe: FakePayments
    ) -> None:
        stripe.failure = PaymentProviderError("down")
        status, body = deliver(delivery(event_text("refund.created", a_stripe_refund())))
        assert (status, body["code"]) == (502, "PAYMENT_PROVIDER_ERROR")
        stripe.failure = None
        assert heard("refund.created", a_stripe_refund()) == "refund"


@pytest.mark.parametrize(
    ("metadata", "outcome"),
    [
        ({}, "ignored"),
        (None, "ignored"),
        ({"cart": "7"}, "ignored"),
        ({"orderId": "01JNUNKNOWN"}, "not_ours"),
    ],
)
def test_a_session_that_is_not_ours_is_taken_and_left_alone(
    sale: Sale, metadata: dict[str, str] | None, outcome: str
) -> None:
    assert heard(COMPLETED, a_paid_stripe_session(metadata=metadata)) == outcome
    assert sale.stock == (98, 2, 0)


@pytest.mark.parametrize(
    "event_type", ["charge.succeeded", "customer.created", "checkout.session.unheard_of", ""]
)
def test_a_type_that_is_not_ours_is_taken_and_left_alone(sale: Sale, event_type: str) -> None:
    assert heard(event_type, {"id": "ch_1", "object": "charge"}) == "ignored"
    assert sale.stock == (98, 2, 0)


@pytest.mark.parametrize(
    "header", ["Stripe-Signature", "stripe-signature", "STRIPE-SIGNATURE", "sTRIPE-sIGNATURE"]
)
def test_the_signatures_header_is_found_in_any_letter_case(sale: Sale, header: str) -> None:
    status, body = deliver(delivery(event_text(COMPLETED, a_paid_stripe_session()), header=header))
    assert (status, body["outcome"]) == (200, "paid")


def test_the_signature_is_found_among_other_headers(sale: Sale) -> None:
    request = delivery(event_text(COMPLETED, a_paid_stripe_session()))
    request["headers"] = {"Accept": "*/*", "X-Signature": "t=1,v1=00", **request["headers"]}
    assert deliver(request)[1]["outcome"] == "paid"


def test_a_body_in_base64_is_the_body_that_was_signed(sale: Sale) -> None:
    text = event_text(COMPLETED, a_paid_stripe_session())
    encoded = base64.b64encode(text.encode()).decode()
    request = {**delivery(text), "body": encoded, "isBase64Encoded": True}
    assert deliver(request)[1]["outcome"] == "paid"


def test_a_body_beyond_ascii_is_the_body_that_was_signed(sale: Sale) -> None:
    text = event_text(COMPLETED, a_paid_stripe_session(note="here")).replace("here", "Zürich 🎉")
    assert deliver(delivery(text))[1]["outcome"] == "paid"


def test_either_of_two_secrets_will_do(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "whsec_new, whsec_old")
    text = event_text("charge.succeeded", {})
    for secret in ("whsec_new", "whsec_old"):
        assert deliver(delivery(text, signed=signature(text, secret)))[0] == 200
    assert deliver(delivery(text, signed=signature(text, WEBHOOK_SECRET)))[0] == 400


@pytest.fixture
def no_calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every call to AWS that is made, by the name of its operation."""
    made: list[str] = []

    def call(_client: BaseClient, operation: str, _params: Any) -> Any:
        made.append(operation)
        raise AssertionError(operation)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    yield made
    assert made == []


TEXT = event_text(COMPLETED, a_paid_stripe_session())


def forged_deliveries() -> dict[str, dict[str, Any]]:
    now = int(time.time())
    good = delivery(TEXT)
    return {
        "no header": {**good, "headers": {}},
        "null headers": {**good, "headers": None},
        "empty header": delivery(TEXT, signed=""),
        "nonsense": delivery(TEXT, signed="nonsense"),
        "beyond ASCII": delivery(TEXT, signed=f"t={now},v1=é"),
        "another secret": delivery(TEXT, signed=signature(TEXT, "whsec_evil")),
        "an hour old": delivery(TEXT, signed=signature(TEXT, timestamp=now - 3_600)),
        "an hour ahead": delivery(TEXT, signed=signature(TEXT, timestamp=now + 3_600)),
        "another body": {**good, "body": TEXT.replace("29998", "1")},
        "written anew": {**good, "body": json.dumps(json.loads(TEXT), indent=1)},
        "no body": {**good, "body": None},
        "half a character": {**good, "body": "\ud800"},
        "not UTF-8": {**good, "body": "/////w==", "isBase64Encoded": True},
    }


@pytest.mark.parametrize("kind", sorted(forged_deliveries()))
def test_a_forged_delivery_reads_and_writes_nothing(
    kind: str, no_calls: list[str], log_lines: LogLines, capsys: pytest.CaptureFixture[str]
) -> None:
    status, body = deliver(forged_deliveries()[kind])
    assert json.loads(capsys.readouterr().out)["WebhookRejected"] == [1.0]
    assert (status, body["code"], body["requestId"]) == (400, "VALIDATION_ERROR", "req-1")
    [line] = log_lines
    assert (line["kind"], line["message"]) == ("security", "webhook_rejected")
    assert line["requestId"] == "req-1"
    assert WEBHOOK_SECRET not in log_lines.text + json.dumps(body)


def test_a_type_that_is_not_ours_reads_and_writes_nothing(no_calls: list[str]) -> None:
    assert heard("charge.succeeded", {"id": "ch_1"}) == "ignored"


def test_a_store_that_is_down_asks_stripe_to_try_again(
    monkeypatch: pytest.MonkeyPatch, log_lines: LogLines, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    refusal = b'{"__type": "com.amazonaws.dynamodb.v20120810#InternalServerError"}'
    with serving(lambda _: Reply(500, refusal)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", server.url)
        answer = handler()(delivery(TEXT), None)
    assert answer["statusCode"] == 503
    assert answer["headers"]["Retry-After"] == "2"
    assert json.loads(answer["body"])["code"] == "UNAVAILABLE"
    [line] = log_lines.of("crash")
    assert (line["message"], line["code"]) == ("webhook_failed", "UNAVAILABLE")
    told = metrics_of(capsys.readouterr().out)
    assert told == {"StoreFailed": [1], "Crash": [1], "WebhookFailed": [1]}


def test_a_repeat_does_what_an_outage_left_undone(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as outage:
        call = BaseClient._make_api_call

        def fail_to_write(client: BaseClient, operation: str, params: Any) -> Any:
            if operation == "TransactWriteItems":
                raise EndpointConnectionError(endpoint_url="http://dynamodb.test")
            return call(client, operation, params)

        outage.setattr(BaseClient, "_make_api_call", fail_to_write)
        answer = handler()(delivery(TEXT), None)
        assert answer["statusCode"] == 503
    assert sale.stock == (98, 2, 0)
    assert heard(COMPLETED, a_paid_stripe_session()) == "paid"
    assert sale.stock == (98, 0, 2)


@pytest.mark.parametrize(
    "text",
    ["{}", '{"id": "evt_1"}', '{"id": "evt_1", "object": "v2.core.event", "type": "v2.thin"}'],
)
def test_a_signed_event_of_another_kind_is_not_sent_again(text: str) -> None:
    assert deliver(delivery(text)) == (200, {"received": True, "outcome": "ignored"})


@pytest.mark.parametrize("session", [{"id": "cs_test_1"}, {"id": "cs_test_1", "status": None}])
def test_a_session_of_somebody_elses_is_not_read(session: dict[str, Any]) -> None:
    answer = deliver(delivery(event_text(COMPLETED, session)))
    assert answer == (200, {"received": True, "outcome": "ignored"})


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        event_text(COMPLETED, {"id": "cs_test_1", "metadata": {"orderId": "01J"}}),
        "not JSON",
        "",
    ],
)
def test_a_signed_event_that_cannot_be_read_is_a_500_that_tells_nothing(
    text: str, log_lines: LogLines, capsys: pytest.CaptureFixture[str]
) -> None:
    status, body = deliver(delivery(text))
    assert (status, body["code"]) == (500, "INTERNAL_ERROR")
    assert metrics_of(capsys.readouterr().out)["WebhookFailed"] == [1]
    assert body["message"] == "something went wrong on our side"
    [line] = log_lines.of("crash")
    assert line["message"] == "webhook_crashed"
    assert line["exception"]


@pytest.mark.parametrize(
    ("missing", "named"),
    [("STRIPE_WEBHOOK_SECRET", "STRIPE_WEBHOOK_SECRET"), ("ORDERS_TABLE", "ORDERS_TABLE")],
)
def test_a_missing_setting_is_a_500_that_only_the_log_names(
    monkeypatch: pytest.MonkeyPatch, log_lines: LogLines, missing: str, named: str
) -> None:
    monkeypatch.delenv(missing)
    status, body = deliver(delivery(TEXT))
    assert (status, body["code"]) == (500, "INTERNAL_ERROR")
    assert named not in json.dumps(body)
    assert named in log_lines.text


def test_a_broken_list_of_origins_costs_no_delivery(
    sale: Sale, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://shop.example?x")

    assert heard(COMPLETED, a_paid_stripe_session()) == "paid"

    [line] = log_lines.of("crash")
    assert line["message"] == "webhook_without_cors"
    assert "CORS_ORIGINS" in line["exception"]


def test_a_broken_list_of_origins_hides_no_failure(
    monkeypatch: pytest.MonkeyPatch, log_lines: LogLines, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://shop.example?x")

    status, body = deliver(delivery("not JSON"))

    assert (status, body["code"]) == (500, "INTERNAL_ERROR")
    assert metrics_of(capsys.readouterr().out)["WebhookFailed"] == [1]
    messages = [line["message"] for line in log_lines.of("crash")]
    assert messages == ["webhook_crashed", "webhook_without_cors"]


@pytest.fixture
def parameter(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have the webhook's secret in SSM; returns what puts another one there."""
    ssm = boto3.client("ssm")

    def put(value: str) -> None:
        ssm.put_parameter(Name="/shop/whsec", Value=value, Type="SecureString", Overwrite=True)

    monkeypatch.delenv("STRIPE_WEBHOOK_SECRET")
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET_PARAMETER", "/shop/whsec")
    put("whsec_first")
    return put


@pytest.fixture
def ssm_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parameters that SSM is asked for."""
    asked: list[str] = []
    read = ParameterStore.read

    def noted(store: ParameterStore, parameter: str) -> str:
        asked.append(parameter)
        return read(store, parameter)

    monkeypatch.setattr(ParameterStore, "read", noted)
    return asked


def signed(secret: str) -> dict[str, Any]:
    text = event_text("charge.succeeded", {})
    return delivery(text, signed=signature(text, secret))


def test_a_rolled_webhook_secret_is_found_by_the_first_event_it_signs(
    parameter: Callable[[str], None], ssm_calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_000.0]
    monkeypatch.setattr(wiring.secrets(), "_now", lambda: clock[0])
    assert deliver(signed("whsec_first"))[0] == 200
    parameter("whsec_second,whsec_first")
    clock[0] += 60
    assert deliver(signed("whsec_second"))[0] == 200
    assert deliver(signed("whsec_first"))[0] == 200
    assert ssm_calls == ["/shop/whsec"] * 2


def test_bad_signatures_cannot_make_calls_to_ssm_at_will(
    parameter: Callable[[str], None], ssm_calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_000.0]
    monkeypatch.setattr(wiring.secrets(), "_now", lambda: clock[0])
    for second in range(180):
        clock[0] = 1_000.0 + second
        assert deliver(signed("whsec_evil"))[0] == 400
    assert len(ssm_calls) == 3


def test_a_malformed_webhook_secret_is_told_to_the_log_and_not_to_the_caller(
    parameter: Callable[[str], None], log_lines: LogLines
) -> None:
    parameter("sk_live_hunter2")
    status, body = deliver(signed("whsec_first"))
    assert (status, body["code"]) == (500, "INTERNAL_ERROR")
    assert "whsec" not in json.dumps(body)
    [line] = log_lines.of("crash")
    assert "the SSM parameter /shop/whsec is an API key" in json.dumps(line)
    assert "hunter2" not in json.dumps(line)


def test_the_store_is_made_of_the_session_that_ssm_was_asked_with(
    parameter: Callable[[str], None],
) -> None:
    assert deliver(signed("whsec_first"))[0] == 200
    assert wiring.stores().session is wiring._parameters().session


def test_ssm_is_asked_with_the_session_that_the_store_was_made_of(
    parameter: Callable[[str], None],
) -> None:
    session = wiring.stores().session
    assert wiring.secrets().get("STRIPE_WEBHOOK_SECRET") == "whsec_first"
    assert wiring._parameters().session is session
