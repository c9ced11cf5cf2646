"""The local Stripe's sessions, parameters, keys and idempotency, over HTTP."""

import base64
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
import stripe

from infra.local.stripe_server import Config
from infra.local.stripe_server.api import OPERATIONS
from infra.local.stripe_server.parameters import check
from tests.local.test_stripe_shop import (
    FORM,
    HEADERS,
    KEY,
    WEBHOOK_SECRET,
    Json,
    Shop,
    event_types,
    eventually,
    item,
    order,
    refused,
    running_shop,
)

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_shop(tmp_path_factory.mktemp("stripe")) as shared:
        yield shared


@pytest.fixture
def new_shop(tmp_path: Path) -> Iterator[Shop]:
    with running_shop(tmp_path) as fresh:
        yield fresh


def test_a_session_starts_open_and_unpaid_with_what_it_was_given(shop: Shop) -> None:
    session = shop.session(customer_email="ada@example.com")
    assert session.id.startswith("cs_test_")
    assert session.status == "open"
    assert session.payment_status == "unpaid"
    assert session.payment_intent is None
    assert session.amount_total == session.amount_subtotal == 2998
    assert session.currency == "usd"
    assert session.client_reference_id == "01ORDER"
    assert session.customer_email == "ada@example.com"
    assert session.metadata is not None
    assert session.metadata.to_dict() == {"orderId": "01ORDER"}
    assert session.url == f"{shop.base}/c/pay/{session.id}"
    assert session.livemode is False


def test_a_session_lives_a_day_unless_told_otherwise(shop: Shop) -> None:
    session = shop.session()
    assert session.expires_at == session.created + 86_400
    half_an_hour = int(shop.clock()) + 31 * 60
    assert shop.session(expires_at=half_an_hour).expires_at == half_an_hour


def test_a_session_can_be_read_back(shop: Shop) -> None:
    session = shop.session()
    again = shop.v1.checkout.sessions.retrieve(session.id)
    assert again.to_dict() == session.to_dict()


def test_line_items_keep_their_order_and_are_paged(shop: Shop) -> None:
    names = [f"Ticket {number}" for number in range(12)]
    session = shop.session(
        line_items=[item(quantity=1, product_data={"name": name}) for name in names]
    )
    line_items = shop.v1.checkout.sessions.line_items
    first = line_items.list(session.id, {"limit": 5})
    assert [line.description for line in first.data] == names[:5]
    assert first.has_more
    assert [line.description for line in first.auto_paging_iter()] == names
    unknown = refused(lambda: line_items.list(session.id, {"starting_after": "li_x"}))
    assert unknown.param == "starting_after"
    before_last = line_items.list(session.id, {"limit": 2, "ending_before": first.data[4].id})
    assert [line.description for line in before_last.data] == names[2:4]
    assert session.amount_total == 12 * 1499


def test_an_item_without_a_whole_unit_amount_is_rounded_as_a_line(shop: Shop) -> None:
    line = item(quantity=3, unit_amount=None, unit_amount_decimal=Decimal("100.5"))
    session = shop.session(line_items=[line])
    assert session.amount_total == 302
    (shown,) = shop.v1.checkout.sessions.line_items.list(session.id).data
    assert shown.price is not None
    assert shown.price.unit_amount is None
    assert shown.price.unit_amount_decimal == Decimal("100.5")


def test_a_zero_total_needs_no_payment(shop: Shop) -> None:
    session = shop.paid(line_items=[item(unit_amount=0)])
    assert session.amount_total == 0
    assert session.status == "complete"
    assert session.payment_status == "no_payment_required"
    assert session.payment_intent is None


def test_an_open_session_can_be_expired_once(shop: Shop) -> None:
    session = shop.session()
    expired = shop.v1.checkout.sessions.expire(session.id)
    assert expired.status == "expired"
    assert expired.url is None
    error = refused(lambda: shop.v1.checkout.sessions.expire(session.id))
    assert error.http_status == 400
    assert "expired" in str(error)


def test_a_paid_session_cannot_be_expired(shop: Shop) -> None:
    session = shop.paid()
    assert refused(lambda: shop.v1.checkout.sessions.expire(session.id)).http_status == 400
    assert shop.v1.checkout.sessions.retrieve(session.id).status == "complete"


def test_sessions_are_listed_newest_first_and_filtered(new_shop: Shop) -> None:
    opened = [new_shop.session() for _ in range(5)]
    paid = new_shop.paid(customer_email="ada@example.com")
    sessions = new_shop.v1.checkout.sessions
    newest_first = [paid.id, *(session.id for session in reversed(opened))]
    listed = sessions.list({"limit": 2})
    assert [session.id for session in listed.data] == newest_first[:2]
    assert listed.has_more
    assert [session.id for session in listed.auto_paging_iter()] == newest_first
    assert isinstance(paid.payment_intent, str)
    for params in (
        {"status": "complete"},
        {"payment_intent": paid.payment_intent},
        {"customer_details": {"email": "ada@example.com"}},
    ):
        (found,) = sessions.list(cast("Any", params)).data
        assert found.id == paid.id
    backwards = sessions.list({"limit": 2, "ending_before": newest_first[4]})
    assert [session.id for session in backwards.data] == newest_first[2:4]
    assert not sessions.list({"created": {"lt": opened[0].created}}).data


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"success_ur": "x"}, "parameter_unknown", "success_ur"),
        ({"line_items": [{**item(), "note": "x"}]}, "parameter_unknown",
         "line_items[0][note]"),
        ({"payment_method_types": ["card"]}, "parameter_unknown", "payment_method_types"),
        ({"success_url": None}, "parameter_missing", "success_url"),
        ({"mode": None}, "parameter_missing", "mode"),
        ({"line_items": None}, "parameter_missing", "line_items"),
        ({"line_items": [item(currency=None)]}, "parameter_missing",
         "line_items[0][price_data][currency]"),
        ({"line_items": [item(unit_amount=None)]}, "parameter_missing",
         "line_items[0][price_data][unit_amount]"),
        ({"line_items": [item(product_data=None)]}, "parameter_missing",
         "line_items[0][price_data][product_data]"),
        ({"line_items": [item(product_data={"description": "x"})]}, "parameter_missing",
         "line_items[0][price_data][product_data][name]"),
        ({"line_items": [item(), {"price_data": item()["price_data"]}]}, "parameter_missing",
         "line_items[1][quantity]"),
        ({"line_items": [{"quantity": 1}]}, "parameter_missing", "line_items[0][price_data]"),
        ({"line_items": [item(quantity=0)]}, "parameter_invalid_integer",
         "line_items[0][quantity]"),
        ({"line_items": [item(unit_amount=-1)]}, "parameter_invalid_integer",
         "line_items[0][price_data][unit_amount]"),
        ({"line_items": [item(unit_amount=14.99)]}, "parameter_invalid_integer",
         "line_items[0][price_data][unit_amount]"),
        ({"line_items": [{"price": "price_1x", "quantity": 1}]}, "resource_missing",
         "line_items[0][price]"),
        ({"line_items": [item(product="prod_x", product_data=None)]}, "resource_missing",
         "line_items[0][price_data][product]"),
        ({"line_items": [item(unit_amount=24)]}, "amount_too_small", None),
        ({"line_items": [item(unit_amount=60_000_000)]}, "amount_too_large", None),
        ({"line_items": [item(unit_amount=100_000_000)]}, "amount_too_large",
         "line_items[0][price_data][unit_amount]"),
        ({"line_items": [item(currency="kwd", quantity=1, unit_amount=12_341)]},
         "invalid_charge_amount", None),
        ({"line_items": [item(currency="xyz")]}, None, "line_items[0][price_data][currency]"),
        ({"line_items": [item(), item(currency="eur")]}, None, "line_items"),
        ({"line_items": [item(quantity=1)] * 101}, None, "line_items"),
        ({"line_items": [item(recurring={"interval": "month"})]}, None,
         "line_items[0][price_data][recurring]"),
        ({"line_items": [item(unit_amount_decimal="1")]}, None,
         "line_items[0][price_data][unit_amount]"),
        ({"line_items": [item(unit_amount=None, unit_amount_decimal="NaN")]}, None,
         "line_items[0][price_data][unit_amount_decimal]"),
        ({"line_items": [item(unit_amount=None, unit_amount_decimal="1e")]}, None,
         "line_items[0][price_data][unit_amount_decimal]"),
        ({"line_items": [item(unit_amount=None, unit_amount_decimal="1e-999999")]}, None,
         "line_items[0][price_data][unit_amount_decimal]"),
        ({"currency": "eur"}, None, "currency"),
        ({"success_url": ""}, "parameter_invalid_empty", "success_url"),
        ({"success_url": "/done"}, "url_invalid", "success_url"),
        ({"success_url": "javascript:alert(1)"}, "url_invalid", "success_url"),
        ({"success_url": "http://[::1"}, "url_invalid", "success_url"),
        ({"cancel_url": "http://localhost:port/"}, "url_invalid", "cancel_url"),
        ({"cancel_url": "http://localhost/a\r\nSet-Cookie: b"}, "url_invalid", "cancel_url"),
        ({"customer_email": "nobody"}, "email_invalid", "customer_email"),
        ({"mode": "paymnt"}, None, "mode"),
        ({"locale": "xx"}, None, "locale"),
        ({"allow_promotion_codes": "perhaps"}, None, "allow_promotion_codes"),
        ({"client_reference_id": "x" * 201}, None, "client_reference_id"),
        ({"metadata": {f"k{n}": "v" for n in range(51)}}, None, "metadata"),
        ({"metadata": {"k" * 41: "v"}}, None, "metadata"),
        ({"metadata": {"k": "v" * 501}}, None, "metadata[k]"),
        ({"payment_intent_data": {"metadata": {"k": "v" * 501}}}, None,
         "payment_intent_data[metadata][k]"),
        ({"expand": ["nonsense"]}, None, "expand"),
    ],
)  # fmt: skip
def test_a_session_stripe_would_refuse_is_refused_by_name(
    shop: Shop, changes: Json, code: str | None, param: str | None
) -> None:
    error = refused(lambda: shop.session(**changes))
    assert (error.http_status, error.code, error.param) == (400, code, param)


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "subscription"},
        {"ui_mode": "embedded_page"},
        {"automatic_tax": {"enabled": True}},
        {"customer": "cus_x"},
        {"discounts": [{"coupon": "x"}]},
        {"line_items": [{**item(), "tax_rates": ["txr_x"]}]},
        {"payment_intent_data": {"capture_method": "manual"}},
    ],
)
def test_what_is_not_modelled_is_refused_rather_than_ignored(shop: Shop, changes: Json) -> None:
    error = refused(lambda: shop.session(**changes))
    assert (error.http_status, error.code) == (400, "not_modelled_locally")
    assert error.param is not None


def test_a_filter_that_is_not_modelled_is_refused_rather_than_ignored(shop: Shop) -> None:
    error = refused(lambda: shop.v1.checkout.sessions.list({"customer": "cus_x"}))
    assert error.code == "not_modelled_locally"


def test_a_currency_in_capitals_is_the_same_currency(shop: Shop) -> None:
    assert shop.session(currency="USD", line_items=[item(currency="Usd")]).currency == "usd"


@pytest.mark.parametrize("currency", ["isk", "ugx"])
def test_what_has_no_decimals_any_more_is_charged_in_whole_units(shop: Shop, currency: str) -> None:
    line = item(quantity=1, currency=currency, unit_amount=50_050)
    error = refused(lambda: shop.session(line_items=[line]))
    assert error.code == "invalid_charge_amount_no_decimal_compatible"
    whole = item(quantity=1, currency=currency, unit_amount=50_000)
    assert shop.session(line_items=[whole]).amount_total == 50_000


def test_features_that_are_switched_off_are_taken(shop: Shop) -> None:
    off = {"enabled": False}
    adjustable = {**item(), "adjustable_quantity": off}
    session = shop.session(automatic_tax=off, invoice_creation=off, line_items=[adjustable])
    assert session.automatic_tax.enabled is False


@pytest.mark.parametrize(("seconds", "accepted"), [
    (1_790, False), (1_860, True), (86_340, True), (86_460, False),
])  # fmt: skip
def test_a_session_lives_from_half_an_hour_to_a_day(
    shop: Shop, seconds: int, *, accepted: bool
) -> None:
    expires_at = int(shop.clock()) + seconds
    if accepted:
        assert shop.session(expires_at=expires_at).expires_at == expires_at
    else:
        error = refused(lambda: shop.session(expires_at=expires_at))
        assert error.param == "expires_at"


@pytest.mark.parametrize(
    ("currency", "least"), [("usd", 50), ("gbp", 30), ("jpy", 50), ("czk", 1500)]
)
def test_the_smallest_charge_depends_on_the_currency(shop: Shop, currency: str, least: int) -> None:
    def one(amount: int) -> stripe.checkout.Session:
        return shop.session(line_items=[item(quantity=1, currency=currency, unit_amount=amount)])

    assert one(least).amount_total == least
    assert refused(lambda: one(least - 1)).code == "amount_too_small"


def test_metadata_with_an_empty_value_is_unset(shop: Shop) -> None:
    session = shop.session(metadata={"a": "1", "b": ""})
    assert session.metadata is not None
    assert session.metadata.to_dict() == {"a": "1"}


def test_a_session_is_expired_when_its_time_has_passed(new_shop: Shop) -> None:
    session = new_shop.session(expires_at=int(time.time()) + 1_860)
    assert new_shop.v1.checkout.sessions.retrieve(session.id).status == "open"
    new_shop.clock.ahead = 1_900
    eventually(lambda: event_types(new_shop) == ["checkout.session.expired"])
    assert new_shop.v1.checkout.sessions.retrieve(session.id).status == "expired"


def test_a_session_past_its_time_is_never_paid(new_shop: Shop) -> None:
    session = new_shop.session(expires_at=int(time.time()) + 1_860)
    new_shop.clock.ahead = 1_900
    assert new_shop.press(session, "pay").status_code == 409
    assert event_types(new_shop) == ["checkout.session.expired"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.path)
def test_every_operation_knows_its_parameter_type(operation: Any) -> None:
    # The types are turned into validators on first use; one the translation does not know raises.
    with pytest.raises(Exception, match="unknown parameter"):
        check(operation.params, {"surely_unknown": "1"})


def test_lists_in_brackets_are_read_like_numbered_ones(shop: Shop) -> None:
    form = {name.replace("[0]", "[]"): value for name, value in FORM.items()}
    answer = shop.post("/v1/checkout/sessions", {**form, "expand[]": "line_items"})
    assert answer.status_code == 200
    assert answer.json()["line_items"]["data"][0]["quantity"] == 1


@pytest.mark.parametrize(
    "body",
    [
        b"mode[=payment",
        b"mode=payment&mode[a]=b",
        b"mode[a]=b&mode=payment",
        b"mode[a]=b&mode[a][c]=d",
        b"mode=%ff",
        b"mode=\xff",
        b"line_items[a]=b&mode=payment",
        b"metadata=x",
        b"expires_at[a]=1",
    ],
)
def test_malformed_parameters_are_refused_not_a_crash(shop: Shop, body: bytes) -> None:
    answer = shop.http.post(
        "/v1/checkout/sessions",
        content=body,
        headers={**HEADERS, "Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_json_body_is_refused(shop: Shop) -> None:
    answer = shop.http.post("/v1/checkout/sessions", json={}, headers=HEADERS)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "authorization",
    [
        f"Bearer {KEY}",
        "bearer  " + KEY,
        "Basic " + base64.b64encode(f"{KEY}:".encode()).decode(),
    ],
)
def test_the_right_key_is_let_in_either_way(shop: Shop, authorization: str) -> None:
    answer = shop.http.get("/v1/balance", headers={"Authorization": authorization})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ({}, "No API key"),
        ({"Authorization": "Bearer"}, "No API key"),
        ({"Authorization": "Basic ???"}, "No API key"),
        ({"Authorization": "Digest x"}, "No API key"),
        ({"Authorization": "Bearer sk_test_wrong0123456789wxyz"}, "sk_test_****wxyz"),
        ({"Authorization": "Bearer sk_test_x"}, "sk_test_****"),
        ({"Authorization": "Bearer nonsense"}, "****"),
    ],
)
def test_a_wrong_key_is_a_401_that_does_not_repeat_it(
    shop: Shop, headers: dict[str, str], shown: str
) -> None:
    answer = shop.http.get("/v1/balance", headers=headers)
    assert answer.status_code == 401
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert shown in error["message"]
    assert "wrong0123" not in answer.text
    assert "nonsense" not in answer.text


def test_the_sdk_sees_a_wrong_key_as_such(shop: Shop) -> None:
    client = stripe.StripeClient("sk_test_wrong", base_addresses={"api": shop.base})
    with pytest.raises(stripe.AuthenticationError):
        client.v1.balance.retrieve()


def test_every_answer_names_its_request_and_the_version(shop: Shop) -> None:
    first, second = shop.get("/v1/balance"), shop.get("/v1/charges/ch_x")
    assert first.headers["request-id"].startswith("req_")
    assert first.headers["request-id"] != second.headers["request-id"]
    assert first.headers["stripe-version"] == stripe.api_version
    assert second.headers["stripe-version"] == stripe.api_version


def test_another_api_version_is_refused_rather_than_faked(shop: Shop) -> None:
    answer = shop.get("/v1/balance", headers={"Stripe-Version": "2020-08-27"})
    assert answer.status_code == 400
    assert "2020-08-27" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/customers"), ("PUT", "/v1/refunds"), ("POST", "/v1/balance"), ("GET", "/v1/")],
)
def test_an_unknown_address_is_a_404_in_stripes_shape(shop: Shop, method: str, path: str) -> None:
    answer = shop.http.request(method, path, headers=HEADERS)
    assert answer.status_code == 404
    assert f"{method}: {path}" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "path",
    ["checkout/sessions/cs_test_x", "checkout/sessions/cs_test_x/line_items",
     "payment_intents/pi_x", "charges/ch_x", "refunds/re_x", "disputes/dp_x", "events/evt_x"],
)  # fmt: skip
def test_an_unknown_id_is_a_404(shop: Shop, path: str) -> None:
    answer = shop.get(f"/v1/{path}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "resource_missing"
    assert answer.json()["error"]["doc_url"].startswith("https://docs.stripe.com/")


def test_an_id_of_another_kind_is_a_404(shop: Shop) -> None:
    assert shop.get(f"/v1/charges/{shop.session().id}").status_code == 404


def test_a_defect_is_a_500_without_its_text_and_is_not_stored(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> Json:
        raise ZeroDivisionError("inside story")

    with monkeypatch.context() as patched:
        patched.setattr("infra.local.stripe_server.line_items.total", broken)
        answer = shop.post("/v1/checkout/sessions", FORM, headers={"Idempotency-Key": "defect"})
    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "api_error"
    assert "inside" not in answer.text
    retried = shop.post("/v1/checkout/sessions", FORM, headers={"Idempotency-Key": "defect"})
    assert retried.status_code == 200


def test_a_repeated_request_gets_the_first_answer(shop: Shop) -> None:
    header = {"Idempotency-Key": "order-1"}
    first = shop.post("/v1/checkout/sessions", FORM, headers=header)
    again = shop.post("/v1/checkout/sessions", dict(reversed(FORM.items())), headers=header)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["original-request"] == first.headers["request-id"]
    assert again.headers["request-id"] != first.headers["request-id"]
    assert again.content == first.content


def test_a_key_used_for_another_request_is_refused(shop: Shop) -> None:
    create = shop.v1.checkout.sessions.create
    create(order(), {"idempotency_key": "order-2"})
    with pytest.raises(stripe.IdempotencyError) as caught:
        create(order(client_reference_id="other"), {"idempotency_key": "order-2"})
    assert caught.value.http_status == 400
    with pytest.raises(stripe.IdempotencyError):
        shop.v1.refunds.create({"charge": "ch_x"}, {"idempotency_key": "order-2"})


def test_a_refusal_in_the_course_of_a_request_is_repeated_too(shop: Shop) -> None:
    session = shop.session()
    path, header = f"/v1/checkout/sessions/{session.id}/expire", {"Idempotency-Key": "expire-1"}
    shop.post(path)
    first = shop.post(path, headers=header)
    assert first.status_code == 400
    again = shop.post(path, headers=header)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.content == first.content


def test_a_request_with_bad_parameters_leaves_its_key_free(shop: Shop) -> None:
    header = {"Idempotency-Key": "order-3"}
    assert (
        shop.post("/v1/checkout/sessions", {**FORM, "mde": "x"}, headers=header).status_code == 400
    )
    assert shop.post("/v1/checkout/sessions", FORM, headers=header).status_code == 200


def test_a_key_is_forgotten_after_a_day(new_shop: Shop) -> None:
    header = {"Idempotency-Key": "order-4"}
    first = new_shop.post("/v1/checkout/sessions", FORM, headers=header).json()["id"]
    new_shop.clock.ahead = 86_390
    assert new_shop.post("/v1/checkout/sessions", FORM, headers=header).json()["id"] == first
    new_shop.clock.ahead = 86_500
    assert new_shop.post("/v1/checkout/sessions", FORM, headers=header).json()["id"] != first


def test_a_key_longer_than_stripe_takes_is_refused(shop: Shop) -> None:
    answer = shop.post("/v1/checkout/sessions", FORM, headers={"Idempotency-Key": "k" * 256})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "idempotency_error"


def test_requests_at_once_with_one_key_have_one_effect(new_shop: Shop) -> None:
    def create(_: int) -> tuple[int, str]:
        answer = new_shop.post("/v1/checkout/sessions", FORM, headers={"Idempotency-Key": "same"})
        return answer.status_code, answer.json()["id"]

    with ThreadPoolExecutor(32) as pool:
        answers = set(pool.map(create, range(64)))
    assert len(answers) == 1
    assert len(new_shop.v1.checkout.sessions.list({"limit": 100}).data) == 1


def test_many_clients_at_once_are_all_served(new_shop: Shop) -> None:
    def buy(number: int) -> str:
        session = new_shop.session(client_reference_id=f"order-{number}")
        assert new_shop.press(session, "pay").status_code == 303
        again = new_shop.v1.checkout.sessions.retrieve(session.id)
        assert again.client_reference_id == f"order-{number}"
        return again.payment_status

    with ThreadPoolExecutor(64) as pool:
        assert set(pool.map(buy, range(128))) == {"paid"}
    completed = new_shop.v1.events.list({"type": "checkout.session.completed", "limit": 100})
    assert len(list(completed.auto_paging_iter())) == 128


@pytest.mark.parametrize(
    ("key", "secret"), [("sk_live_x", WEBHOOK_SECRET), ("pk_test_x", WEBHOOK_SECRET), (KEY, "x")]
)
def test_settings_that_are_not_for_tests_are_refused(tmp_path: Path, key: str, secret: str) -> None:
    with pytest.raises(ValueError, match="must begin with"):
        Config(key, secret, tmp_path)


def test_settings_do_not_show_their_secrets(tmp_path: Path) -> None:
    shown = repr(Config(KEY, WEBHOOK_SECRET, tmp_path))
    assert KEY not in shown
    assert WEBHOOK_SECRET not in shown
