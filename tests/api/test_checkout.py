"""`POST /api/payments/checkout`, and the same under its older path."""

import json
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest

from chalicelib import wiring
from chalicelib.domain.events import EventStatus
from chalicelib.domain.orders import HOLD, OrderStatus
from chalicelib.errors import PaymentProviderError
from chalicelib.store import Stores
from tests.support.answers import check_common_headers, problem, refused_field
from tests.support.builders import a_session
from tests.support.fakes import FakePayments
from tests.support.http_server import closed_port
from tests.support.issuer import bearer, trust
from tests.support.lambda_api import Answer, LambdaApi, signed_in
from tests.support.log_lines import LogLines
from tests.support.seeding import LONG_AGO, seed_city, seed_event
from tests.support.tables import EVENTS, ORDERS, MotoTables
from tests.support.tokens import a_token, rsa_key
from tests.support.traffic import refusal, watched

PATHS = ["/api/payments/checkout", "/api/payments/create-checkout-session"]
BODY = {
    "eventSlug": "tech-conference",
    "quantity": 2,
    "unitPrice": 149.99,
    "totalAmount": 299.98,
    "successUrl": "https://shop.example/thanks?from=mail",
    "cancelUrl": "https://shop.example/",
}


@pytest.fixture(autouse=True)
def _shop(stores: Stores, payments: FakePayments, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHECKOUT_ALLOWED_ORIGINS", "https://shop.example, http://b.example:8080")
    seed_city(stores)


def buy(
    api: LambdaApi, path: str = PATHS[0], headers: dict[str, str] | None = None, **changes: Any
) -> Answer:
    body = {name: value for name, value in {**BODY, **changes}.items() if value is not ...}
    return api.post(path, body, headers=headers)


def buy_raw(api: LambdaApi, field: str, value: str) -> Answer:
    """Send a field's value as JSON text, for numbers that Python would not write."""
    fields = {name: json.dumps(known) for name, known in BODY.items()} | {field: value}
    body = "{" + ",".join(f'"{name}":{text}' for name, text in fields.items()) + "}"
    return api.request("POST", PATHS[0], body=body)


def stock(tables: MotoTables, slug: str = "tech-conference") -> tuple[int, int, int]:
    item = tables.item(EVENTS, slug)
    free, held, sold = (int(item[name]["N"]) for name in ("free", "held", "sold"))
    return free, held, sold


@pytest.mark.parametrize("path", PATHS)
def test_a_checkout_answers_where_to_pay_and_until_when(
    api: LambdaApi, stores: Stores, payments: FakePayments, path: str
) -> None:
    seed_event(stores)

    answer = buy(api, path, customerEmail="ada@mail.example", eventName="ignored")

    assert answer.status == 201
    check_common_headers(answer)
    assert answer.headers["cache-control"] == "no-store"
    assert list(answer.json) == ["checkoutUrl", "sessionId", "orderId", "expiresAt"]
    started = answer.json
    order = stores.orders.get(started["orderId"])
    assert order is not None
    assert started["checkoutUrl"] == payments.sessions[started["sessionId"]].url
    assert started["sessionId"] == order.session_id
    assert datetime.fromisoformat(started["expiresAt"]) == order.created_at + HOLD


def test_the_order_is_the_servers_view_of_the_sale(
    api: LambdaApi, stores: Stores, tables: MotoTables
) -> None:
    event = seed_event(stores)

    started = buy(api, eventName="Free Beer", customerEmail="ada@mail.example").json

    order = stores.orders.get(started["orderId"])
    assert order is not None
    assert (order.event_id, order.event_slug, order.event_name) == (
        event.id,
        "tech-conference",
        "Tech Conference",
    )
    assert (order.quantity, order.unit_price, order.amount_total) == (2, 14999, 29998)
    assert (order.currency, order.status) == ("usd", OrderStatus.PENDING)
    assert order.customer_email == "ada@mail.example"
    assert stock(tables) == (98, 2, 0)


def test_the_urls_reach_the_payment_provider_as_they_were_sent(
    api: LambdaApi, stores: Stores, payments: FakePayments
) -> None:
    seed_event(stores)

    started = buy(api).json

    urls = payments.urls[started["sessionId"]]
    assert (urls.success, urls.cancel) == (BODY["successUrl"], BODY["cancelUrl"])


@pytest.mark.parametrize(
    ("price", "currency", "unit", "total"),
    [
        (14999, "usd", "149.99", "299.98"),
        (14999, "usd", "149.990", "2.9998e2"),
        (7000, "usd", "70", "140.00"),
        (10, "usd", "0.1", "0.2"),
        (1500, "jpy", "1500", "3000"),
        (1230, "kwd", "1.23", "2.46"),
        (9_999_999_999, "usd", "99999999.99", "199999999.98"),
    ],
)
def test_a_price_is_compared_to_the_last_minor_unit(
    api: LambdaApi, stores: Stores, price: int, currency: str, unit: str, total: str
) -> None:
    seed_event(stores, price=price, currency=currency)
    fields = {name: json.dumps(value) for name, value in BODY.items()}
    fields |= {"unitPrice": unit, "totalAmount": total}
    body = "{" + ",".join(f'"{name}":{text}' for name, text in fields.items()) + "}"

    answer = api.request("POST", PATHS[0], body=body)

    assert answer.status == 201, answer.text


@pytest.mark.parametrize(
    "changes",
    [
        {"unitPrice": 149.98},
        {"unitPrice": 150, "totalAmount": 300},
        {"totalAmount": 299.97},
        {"totalAmount": 149.99},
        {"unitPrice": 0, "totalAmount": 0},
        {"quantity": 1},
        {"quantity": 3},
        {"unitPrice": 299.98, "totalAmount": 149.99},
        {"unitPrice": 999_999_999_999},
    ],
)
def test_a_price_that_is_not_the_servers_sells_nothing_and_is_told_to_security(
    api: LambdaApi, stores: Stores, tables: MotoTables, log: LogLines, changes: dict[str, Any]
) -> None:
    seed_event(stores)

    problem(buy(api, **changes), "PRICE_MISMATCH")

    assert stock(tables) == (100, 0, 0)
    assert tables.scan(ORDERS) == []
    (line,) = log.of("security")
    assert (line["message"], line["event"]) == ("price_mismatch", "tech-conference")
    assert line["requestId"] == "req-1"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("unitPrice", "149.99000000000000000000000000001"),
        ("unitPrice", "149.9900000000000000000000000000000001"),
        ("unitPrice", "149.989999999999999999999999999999999"),
        ("totalAmount", "299.98000000000000000000000000001"),
        ("unitPrice", "149.991"),
        ("unitPrice", "1e999"),
        ("unitPrice", "1e999999"),
        ("unitPrice", "1e1000000"),
        ("unitPrice", "1e999999999999999999"),
        ("totalAmount", "1e99999"),
        ("totalAmount", "1e-999999999"),
        ("unitPrice", "-149.99"),
    ],
)
def test_an_amount_that_is_none_of_the_currency_is_refused_by_its_name(
    api: LambdaApi, stores: Stores, tables: MotoTables, field: str, value: str
) -> None:
    seed_event(stores)

    assert refused_field(buy_raw(api, field, value))[0] == field
    assert stock(tables) == (100, 0, 0)


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"capacity": 1}, ("SOLD_OUT", "only 1 seat is left")),
        ({"capacity": 0}, ("SOLD_OUT", "this event is sold out")),
        (
            {"status": EventStatus.DRAFT},
            ("SALES_CLOSED", "tickets for this event are not on sale"),
        ),
        (
            {"status": EventStatus.CANCELLED},
            ("SALES_CLOSED", "tickets for this event are not on sale"),
        ),
        ({"date": LONG_AGO}, ("SALES_CLOSED", "this event has already taken place")),
    ],
)
def test_what_is_not_for_sale_is_not_sold(
    api: LambdaApi,
    tables: MotoTables,
    payments: FakePayments,
    changes: dict[str, Any],
    refused: tuple[str, str],
) -> None:
    seed_event(tables.stores, **changes)
    before = tables.contents()
    code, message = refused

    assert problem(buy(api), code)["message"] == message
    assert tables.contents() == before
    assert payments.sessions == {}


def test_the_last_seats_are_sold_once(api: LambdaApi, stores: Stores, tables: MotoTables) -> None:
    seed_event(stores, capacity=3)

    assert buy(api).status == 201
    problem(buy(api), "SOLD_OUT")
    assert buy(api, quantity=1, totalAmount=149.99).status == 201
    problem(buy(api, quantity=1, totalAmount=149.99), "SOLD_OUT")
    assert stock(tables) == (0, 3, 0)


def test_an_event_without_a_limit_never_sells_out(api: LambdaApi, stores: Stores) -> None:
    event = seed_event(stores, capacity=None)

    assert [buy(api).status for _ in range(3)] == [201, 201, 201]
    record = stores.events.get(event.slug, consistent=True)
    assert record is not None
    assert stores.events.whole(record, consistent=True).held == 6


@pytest.mark.parametrize(
    "slug",
    [
        "nowhere",
        "#totals",
        "#stock#000000000001#01",
        "Tech-Conference",
        "tech-conference ev",
        "é" * 100,
        "123",
    ],
)
def test_an_event_that_does_not_exist_cannot_be_bought(
    api: LambdaApi, stores: Stores, slug: str
) -> None:
    seed_event(stores)

    assert problem(buy(api, eventSlug=slug), "NOT_FOUND")["message"] == "no such event"


@pytest.mark.parametrize(
    ("changes", "refusal_"),
    [
        ({"quantity": 0}, ("quantity", "must be at least 1", "greater_than_equal")),
        ({"quantity": 11}, ("quantity", "must be at most 10", "less_than_equal")),
        ({"quantity": -2}, ("quantity", "must be at least 1", "greater_than_equal")),
        ({"quantity": 10**39}, ("quantity", "must be at most 10", "less_than_equal")),
        ({"quantity": 2.0}, ("quantity", "must be a whole number", "int_type")),
        ({"quantity": "2"}, ("quantity", "must be a whole number", "int_type")),
        ({"quantity": True}, ("quantity", "must be a whole number", "int_type")),
        ({"quantity": None}, ("quantity", "must be a whole number", "int_type")),
        ({"unitPrice": "149.99"}, ("unitPrice", "must be a number", "number_type")),
        ({"unitPrice": None}, ("unitPrice", "must be a number", "number_type")),
        ({"totalAmount": [299.98]}, ("totalAmount", "must be a number", "number_type")),
        ({"totalAmount": -1}, ("totalAmount", "must not be negative", "greater_than_equal")),
        ({"eventSlug": ""}, ("eventSlug", "must not be empty", "string_too_short")),
        (
            {"eventSlug": "x" * 101},
            ("eventSlug", "must have at most 100 characters", "string_too_long"),
        ),
        (
            {"eventName": "x" * 256},
            ("eventName", "must have at most 255 characters", "string_too_long"),
        ),
        (
            {"customerEmail": "nobody"},
            ("customerEmail", "must be an e-mail address", "email_pattern"),
        ),
        (
            {"customerEmail": "a@b.example\r\nBcc: x@y.example"},
            ("customerEmail", "must be an e-mail address", "email_pattern"),
        ),
        (
            {"successUrl": "https://shop.example/" + "x" * 1980},
            ("successUrl", "must have at most 2000 characters", "string_too_long"),
        ),
        ({"price": 1}, ("price", "is not a known field", "extra_forbidden")),
        ({"metadata": {}}, ("metadata", "is not a known field", "extra_forbidden")),
    ],
)
def test_a_field_that_breaks_a_rule_is_named_and_no_seat_is_held(
    api: LambdaApi,
    stores: Stores,
    tables: MotoTables,
    changes: dict[str, Any],
    refusal_: tuple[str, str, str],
) -> None:
    seed_event(stores)

    assert refused_field(buy(api, **changes)) == refusal_
    assert stock(tables) == (100, 0, 0)


@pytest.mark.parametrize("field", list(BODY))
def test_a_required_field_that_is_missing_is_named(api: LambdaApi, field: str) -> None:
    absent: dict[str, Any] = {field: ...}

    assert refused_field(buy(api, **absent)) == (field, "is required", "missing")


@pytest.mark.parametrize("field", ["successUrl", "cancelUrl"])
@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://evil.example/", "origin_not_allowed"),
        ("http://shop.example/", "origin_not_allowed"),
        ("https://shop.example:444/", "origin_not_allowed"),
        ("https://shop.example.evil.example/", "origin_not_allowed"),
        ("https://evil.example/https://shop.example", "origin_not_allowed"),
        ("https://evil.example#https://shop.example/", "origin_not_allowed"),
        ("http://b.example/", "origin_not_allowed"),
        ("https://shop.example@evil.example/", "url_parsing"),
        ("https://user:pass@shop.example/", "url_parsing"),
        ("https://evil.example\\@shop.example/", "url_parsing"),
        ("https:\\\\shop.example/", "url_parsing"),
        ("https://shop.example/\ta", "url_parsing"),
        ("https://shop.example:port/", "url_parsing"),
        ("https://[shop.example/", "url_parsing"),
        ("javascript:alert(1)//https://shop.example", "url_parsing"),
        ("data:text/html,x", "url_parsing"),
        ("//shop.example/", "url_parsing"),
        ("/thanks", "url_parsing"),
        ("https:///thanks", "url_parsing"),
    ],
)
def test_a_buyer_is_sent_back_to_allowed_origins_only(
    api: LambdaApi, stores: Stores, tables: MotoTables, field: str, url: str, kind: str
) -> None:
    seed_event(stores)

    changes: dict[str, Any] = {field: url}
    refused, _, type_ = refused_field(buy(api, **changes))

    assert (refused, type_) == (field, kind)
    assert stock(tables) == (100, 0, 0)


@pytest.mark.parametrize(
    "url",
    ["https://shop.example", "HTTPS://SHOP.example/a?b=c#d", "http://b.example:8080/done"],
)
def test_an_allowed_origin_is_taken_whatever_comes_after_it(
    api: LambdaApi, stores: Stores, url: str
) -> None:
    seed_event(stores)

    assert buy(api, successUrl=url, cancelUrl=url).status == 201


@pytest.mark.parametrize(
    "url", ["http://localhost:5173/a", "http://127.0.0.1:9/", "http://localhost"]
)
@pytest.mark.parametrize(("stage", "status"), [("local", 201), ("dev", 400), ("prod", 400)])
def test_loopback_is_allowed_on_the_local_stage_only(
    api: LambdaApi,
    stores: Stores,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    stage: str,
    status: int,
) -> None:
    monkeypatch.setenv("STAGE", stage)
    seed_event(stores)

    assert buy(api, successUrl=url, cancelUrl=url).status == status


class TestWhenThePaymentProviderFails:
    """The buyer hears of it, and the seats are free again."""

    FAILURE = PaymentProviderError("the payment provider cannot be reached right now; try again")

    def test_the_seats_go_back_and_the_answer_is_a_502(
        self, api: LambdaApi, stores: Stores, tables: MotoTables, payments: FakePayments
    ) -> None:
        seed_event(stores)
        payments.failure = self.FAILURE

        body = problem(buy(api), "PAYMENT_PROVIDER_ERROR")

        assert body["message"] == str(self.FAILURE)
        assert stock(tables) == (100, 0, 0)
        (order,) = tables.scan(ORDERS)
        assert order["status"] == {"S": "failed"}
        assert "dueAt" not in order

    def test_the_next_buyer_can_have_the_seats(
        self, api: LambdaApi, stores: Stores, payments: FakePayments
    ) -> None:
        seed_event(stores, capacity=2)
        payments.failure = self.FAILURE
        buy(api)
        payments.failure = None

        assert buy(api).status == 201

    def test_a_session_without_a_page_to_pay_on_is_a_failure_too(
        self, api: LambdaApi, stores: Stores, tables: MotoTables, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class NoPage(FakePayments):
            def create_session(self, *_args: Any) -> Any:
                return a_session(url=None)

        monkeypatch.setattr(wiring, "payments", NoPage)
        seed_event(stores)

        problem(buy(api), "PAYMENT_PROVIDER_ERROR")

        assert stock(tables) == (100, 0, 0)

    def test_seats_that_cannot_be_given_back_stay_with_a_pending_order(
        self,
        api: LambdaApi,
        stores: Stores,
        tables: MotoTables,
        payments: FakePayments,
        log: LogLines,
    ) -> None:
        seed_event(stores)
        payments.failure = self.FAILURE
        with watched(stores.orders._connection) as traffic:
            traffic.first("TransactWriteItems", lambda: None)
            traffic.answer("TransactWriteItems", refusal("AccessDeniedException"))
            problem(buy(api), "PAYMENT_PROVIDER_ERROR")

        assert stock(tables) == (98, 2, 0)
        (order,) = tables.scan(ORDERS)
        assert order["status"] == {"S": "pending"}
        assert order["holdExpiresAt"]["S"] > order["createdAt"]["S"]
        assert [line["message"] for line in log.of("problem")] == ["hold_left_behind"]


class TestWhenTheSessionCannotBeNoted:
    """The store fails after Stripe has made the session: it must not be paid."""

    def test_the_session_is_ended_before_its_seats_go_back(
        self, api: LambdaApi, stores: Stores, tables: MotoTables, payments: FakePayments
    ) -> None:
        seed_event(stores)
        with watched(stores.orders._connection) as traffic:
            traffic.answer("PutItem", refusal("AccessDeniedException"))
            answer = buy(api)

        problem(answer, "UNAVAILABLE")
        assert answer.headers["retry-after"]
        assert payments.expired == list(payments.sessions)
        assert stock(tables) == (100, 0, 0)

    def test_seats_of_a_session_that_may_still_be_paid_stay_held(
        self,
        api: LambdaApi,
        stores: Stores,
        tables: MotoTables,
        payments: FakePayments,
        log: LogLines,
    ) -> None:
        seed_event(stores)

        def stripe_goes_down() -> None:
            payments.failure = PaymentProviderError("down")

        with watched(stores.orders._connection) as traffic:
            traffic.first("PutItem", stripe_goes_down, refusal("AccessDeniedException"))
            problem(buy(api), "UNAVAILABLE")

        assert stock(tables) == (98, 2, 0)
        assert [line["message"] for line in log.of("problem")] == ["session_left_open"]


def test_a_checkout_leaves_a_line_without_the_buyers_address(
    api: LambdaApi, stores: Stores, log: LogLines
) -> None:
    seed_event(stores)

    started = buy(api, customerEmail="ada@mail.example").json

    (line,) = log.of("audit")
    assert (line["message"], line["orderId"], line["quantity"]) == (
        "checkout_started",
        started["orderId"],
        2,
    )
    assert "ada@mail.example" not in log.text


def test_prices_that_change_between_look_and_hold_sell_nothing(
    api: LambdaApi, stores: Stores, tables: MotoTables
) -> None:
    seed_event(stores)

    def raise_the_price() -> None:
        tables.client.update_item(
            TableName=EVENTS,
            Key={"slug": {"S": "tech-conference"}},
            UpdateExpression="SET price = :p",
            ExpressionAttributeValues={":p": {"N": "20000"}},
        )

    with watched(stores.orders._connection) as traffic:
        traffic.first("TransactWriteItems", raise_the_price)
        problem(buy(api), "PRICE_MISMATCH")

    assert stock(tables) == (100, 0, 0)


def test_an_order_is_due_when_its_hold_ends(
    api: LambdaApi, stores: Stores, tables: MotoTables
) -> None:
    seed_event(stores)
    started = buy(api).json

    item = tables.item(ORDERS, started["orderId"])

    created = datetime.fromisoformat(item["createdAt"]["S"])
    assert datetime.fromisoformat(item["holdExpiresAt"]["S"]) == created + timedelta(minutes=31)
    assert item["dueAt"] == item["holdExpiresAt"]


@pytest.mark.usefixtures("_issuer")
class TestWithAToken:
    """Who is signed in has the order among their own."""

    @pytest.mark.parametrize("path", PATHS)
    def test_the_order_is_the_buyers(self, api: LambdaApi, stores: Stores, path: str) -> None:
        seed_event(stores)

        started = buy(api, path, headers=bearer("user_7")).json

        order = stores.orders.get(started["orderId"])
        assert order is not None
        assert order.user_id == "user_7"
        listed = api.get("/api/orders", caller=signed_in("user_7", role="")).json["orders"]
        assert [each["id"] for each in listed] == [started["orderId"]]

    def test_without_one_the_order_is_nobodys(self, api: LambdaApi, stores: Stores) -> None:
        seed_event(stores)

        order = stores.orders.get(buy(api).json["orderId"])

        assert order is not None
        assert order.user_id is None

    @pytest.mark.parametrize(
        ("header", "reason"),
        [
            ("", "the header holds no bearer token"),
            ("Basic dXNlcjpwYXNz", "the header holds no bearer token"),
            ("Bearer a.b.c", "the token cannot be read"),
            (bearer(exp=1)["Authorization"], "the token was refused: ExpiredSignatureError"),
            (
                f"Bearer {a_token(rsa_key('stranger'), {'kid': 'rsa-1'})}",
                "the token was refused: InvalidSignatureError",
            ),
        ],
        # A token has the time in it: in its name, the test would be another one to each worker.
        ids=["no header", "another scheme", "no token", "over", "of a stranger"],
    )
    def test_a_bad_one_sells_nothing_and_only_the_log_says_what_is_wrong_with_it(
        self,
        api: LambdaApi,
        stores: Stores,
        tables: MotoTables,
        log: LogLines,
        header: str,
        reason: str,
    ) -> None:
        seed_event(stores)

        answer = buy(api, headers={"Authorization": header})

        assert problem(answer, "UNAUTHORIZED")["message"] == (
            "the token is not valid, or not any more"
        )
        assert answer.headers["www-authenticate"] == "Bearer"
        assert stock(tables) == (100, 0, 0)
        assert tables.scan(ORDERS) == []
        (line,) = log.of("security")
        assert (line["message"], line["reason"]) == ("request_refused", reason)
        assert (line["route"], line["requestId"]) == (f"POST {PATHS[0]}", "req-1")
        pieces = [piece for piece in header.partition(" ")[2].split(".") if len(piece) > 5]
        assert not [piece for piece in pieces if piece in log.text]

    def test_keys_that_cannot_be_had_are_no_verdict_on_it(
        self, api: LambdaApi, stores: Stores, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seed_event(stores)
        trust(monkeypatch, f"{closed_port()}/keys")

        problem(buy(api, headers=bearer()), "UNAVAILABLE")


class TestWithAnIdempotencyKey:
    """The same request is one checkout, however often it is sent."""

    KEY: ClassVar = {"Idempotency-Key": "order-of-ada-1"}

    @pytest.mark.parametrize("path", PATHS)
    def test_the_same_key_gives_the_same_answer_and_one_hold(
        self, api: LambdaApi, stores: Stores, tables: MotoTables, path: str
    ) -> None:
        seed_event(stores)

        first, second = (buy(api, path, headers=self.KEY) for _ in range(2))

        assert (first.status, second.status) == (201, 201)
        check_common_headers(second)
        assert second.json == first.json
        assert stock(tables) == (98, 2, 0)

    def test_without_a_key_each_is_a_checkout_of_its_own(
        self, api: LambdaApi, stores: Stores, tables: MotoTables
    ) -> None:
        seed_event(stores)

        assert buy(api).json["orderId"] != buy(api).json["orderId"]
        assert stock(tables) == (96, 4, 0)

    @pytest.mark.parametrize(
        "changes",
        [
            {"quantity": 1, "totalAmount": 149.99},
            {"customerEmail": "eve@mail.example"},
            {"successUrl": "https://shop.example/elsewhere"},
        ],
    )
    def test_the_key_of_another_request_is_a_conflict(
        self, api: LambdaApi, stores: Stores, tables: MotoTables, changes: dict[str, Any]
    ) -> None:
        seed_event(stores)
        buy(api, headers=self.KEY)

        answer = buy(api, headers=self.KEY, **changes)

        message = "this idempotency key belongs to another request"
        assert problem(answer, "CONFLICT")["message"] == message
        assert "retry-after" not in answer.headers
        assert stock(tables) == (98, 2, 0)

    @pytest.mark.usefixtures("_issuer")
    def test_who_is_signed_in_has_keys_that_no_stranger_can_take(
        self, api: LambdaApi, stores: Stores, tables: MotoTables
    ) -> None:
        seed_event(stores)
        guests = buy(api, headers=self.KEY)

        mine = buy(api, headers={**self.KEY, **bearer("user_7")})

        assert mine.json["orderId"] != guests.json["orderId"]
        assert stock(tables) == (96, 4, 0)

    def test_while_the_first_still_runs_the_second_is_told_to_wait(
        self,
        api: LambdaApi,
        stores: Stores,
        tables: MotoTables,
        payments: FakePayments,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        seed_event(stores)
        meanwhile: list[Answer] = []
        create = payments.create_session

        def create_slowly(*args: Any) -> Any:
            meanwhile.append(buy(api, headers=self.KEY))
            return create(*args)

        monkeypatch.setattr(payments, "create_session", create_slowly)
        first = buy(api, headers=self.KEY)

        (second,) = meanwhile
        assert problem(second, "CONFLICT")["message"] == "the same request is still running"
        assert 1 <= int(second.headers["retry-after"]) <= 5
        assert first.status == 201
        assert stock(tables) == (98, 2, 0)
        assert buy(api, headers=self.KEY).json == first.json

    def test_what_failed_may_be_tried_again_under_the_same_key(
        self, api: LambdaApi, stores: Stores, tables: MotoTables, payments: FakePayments
    ) -> None:
        seed_event(stores)
        payments.failure = PaymentProviderError("the payment provider cannot be reached right now")
        problem(buy(api, headers=self.KEY), "PAYMENT_PROVIDER_ERROR")
        payments.failure = None

        assert buy(api, headers=self.KEY).status == 201
        assert stock(tables) == (98, 2, 0)

    def test_a_refusal_is_not_remembered(
        self, api: LambdaApi, stores: Stores, tables: MotoTables
    ) -> None:
        seed_event(stores)
        problem(buy(api, headers=self.KEY, unitPrice=1), "PRICE_MISMATCH")

        assert buy(api, headers=self.KEY).status == 201
        assert stock(tables) == (98, 2, 0)

    @pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "sch\u00f6n", "a\tb", "a\x7f"])
    def test_what_is_no_key_is_refused_by_the_headers_name(
        self, api: LambdaApi, stores: Stores, tables: MotoTables, key: str
    ) -> None:
        seed_event(stores)

        refused = refused_field(buy(api, headers={"Idempotency-Key": key}))

        message = "must have 1 to 255 visible ASCII characters"
        assert refused == ("Idempotency-Key", message, "idempotency_key")
        assert stock(tables) == (100, 0, 0)

    @pytest.mark.parametrize("key", ["!", "~" * 255])
    def test_a_key_may_be_any_visible_text(self, api: LambdaApi, stores: Stores, key: str) -> None:
        seed_event(stores)

        assert buy(api, headers={"iDEMPOTENCY-kEY": key}).status == 201


class TestOfAFreeEvent:
    """It is confirmed at once, without Stripe, under the same rules of stock."""

    FREE: ClassVar[dict[str, Any]] = {"unitPrice": 0, "totalAmount": 0}

    @pytest.fixture(autouse=True)
    def _without_stripe(self, payments: FakePayments) -> None:
        payments.failure = PaymentProviderError("Stripe has no part in this")

    def test_the_buyer_goes_on_to_the_success_page(
        self, api: LambdaApi, stores: Stores, tables: MotoTables
    ) -> None:
        seed_event(stores, price=0)

        answer = buy(api, **self.FREE)

        assert answer.status == 201
        check_common_headers(answer)
        started = answer.json
        session_id = started["sessionId"]
        assert session_id.startswith(f"cs_free_{started['orderId']}")
        assert started["checkoutUrl"] == f"{BODY['successUrl']}&session_id={session_id}"
        order = stores.orders.get(started["orderId"])
        assert order is not None
        assert (order.status, order.amount_paid) == (OrderStatus.PAID, 0)
        assert stock(tables) == (98, 0, 2)

    def test_the_last_seats_are_given_away_once(self, api: LambdaApi, stores: Stores) -> None:
        seed_event(stores, price=0, capacity=3)

        assert buy(api, **self.FREE).status == 201
        problem(buy(api, **self.FREE), "SOLD_OUT")

    def test_the_same_key_gives_the_same_seats(
        self, api: LambdaApi, stores: Stores, tables: MotoTables
    ) -> None:
        seed_event(stores, price=0)
        key = {"Idempotency-Key": "free-1"}

        first, second = (buy(api, headers=key, **self.FREE).json for _ in range(2))

        assert second == first
        assert stock(tables) == (98, 0, 2)

    def test_a_price_is_a_mismatch_all_the_same(self, api: LambdaApi, stores: Stores) -> None:
        seed_event(stores, price=0)

        problem(buy(api), "PRICE_MISMATCH")


@pytest.mark.parametrize(
    ("currency", "price", "numbers"),
    [
        ("jpy", 1500, (1500, 3000)),
        ("kwd", 1500, (1.5, 3)),
        ("kwd", 1230, (1.23, 2.46)),
        ("usd", 14999, (149.99, 299.98)),
    ],
)
def test_a_price_is_the_same_number_from_the_event_to_the_order(
    api: LambdaApi,
    stores: Stores,
    payments: FakePayments,
    currency: str,
    price: int,
    numbers: tuple[float, float],
) -> None:
    unit, total = numbers
    seed_event(stores, price=price, currency=currency)
    assert api.get("/api/events/tech-conference").json["price"] == unit

    started = buy(api, unitPrice=unit, totalAmount=total).json

    session = payments.sessions[started["sessionId"]]
    assert (session.amount_total, session.currency) == (2 * price, currency)
    assert api.get(f"/api/payments/verify/{session.id}").json["amount_total"] == 2 * price
    order = api.get(f"/api/orders/{session.id}").json
    assert (order["unitPrice"], order["totalAmount"], order["currency"]) == (unit, total, currency)


@pytest.mark.parametrize(
    ("currency", "price", "unit", "message"),
    [
        ("jpy", 1500, "1500.5", "must have no decimals"),
        ("kwd", 1500, "1.505", "must have at most 2 decimals"),
    ],
)
def test_a_price_with_more_decimals_than_are_sold_by_is_refused(
    api: LambdaApi, stores: Stores, currency: str, price: int, unit: str, message: str
) -> None:
    seed_event(stores, price=price, currency=currency)

    assert refused_field(buy_raw(api, "unitPrice", unit))[:2] == ("unitPrice", message)
