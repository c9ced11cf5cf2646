"""`POST /api/admin/orders/{id}/refund`."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.events import Event
from chalicelib.domain.refunds import Dispute, DisputeStatus, Refund, RefundStatus
from chalicelib.errors import PaymentProviderError, RefundRefused
from chalicelib.store import Stores
from tests.support.answers import check_common_headers, problem, refused_field
from tests.support.builders import NOW
from tests.support.fakes import FakePayments
from tests.support.lambda_api import Answer, LambdaApi, signed_in
from tests.support.log_lines import LogLines
from tests.support.seeding import (
    ORDER_ID,
    seed_city,
    seed_event,
    seed_order,
    seed_paid_order,
    ticket_code,
)
from tests.support.tables import EVENTS, MotoTables

INTENT = f"pi_{ORDER_ID}"
EMAIL = "ada@mail.example"


@pytest.fixture(autouse=True)
def _city(stores: Stores, payments: FakePayments) -> None:
    seed_city(stores)


@pytest.fixture
def event(stores: Stores) -> Event:
    """An event of which two seats are sold, for 299.98 usd."""
    event = seed_event(stores)
    seed_paid_order(stores, event, customer_email=EMAIL)
    return event


def refund(
    api: LambdaApi, body: Any = None, key: str | None = None, order_id: str = ORDER_ID
) -> Answer:
    headers = {} if key is None else {"Idempotency-Key": key}
    url = f"/api/admin/orders/{order_id}/refund"
    return api.post(url, {} if body is None else body, headers=headers, caller=signed_in("user_7"))


def stock(tables: MotoTables) -> tuple[int, int, int]:
    item = tables.item(EVENTS, "tech-conference")
    free, held, sold = (int(item[name]["N"]) for name in ("free", "held", "sold"))
    return free, held, sold


def amounts(payments: FakePayments) -> list[int]:
    return [made.amount for made in payments.refunds.get(INTENT, [])]


def statuses(answer: Answer) -> list[str]:
    return [ticket["status"] for ticket in answer.json["tickets"]]


def test_an_empty_object_refunds_all_that_is_left(
    api: LambdaApi, event: Event, payments: FakePayments, tables: MotoTables
) -> None:
    answer = refund(api)

    assert answer.status == 200
    check_common_headers(answer)
    assert (answer.json["status"], answer.json["amountRefunded"]) == ("refunded", 299.98)
    assert statuses(answer) == ["void", "void"]
    assert amounts(payments) == [29998]
    assert stock(tables) == (100, 0, 0)
    assert answer.json == api.get(f"/api/admin/orders/{ORDER_ID}", caller=signed_in()).json


def test_an_amount_is_refunded_to_the_last_minor_unit(
    api: LambdaApi, event: Event, payments: FakePayments, tables: MotoTables
) -> None:
    answer = refund(api, {"amount": 20.05, "reason": "The second act was cut"})

    assert answer.json["status"] == "partially_refunded"
    assert answer.json["amountRefunded"] == 20.05
    (shown,) = answer.json["refunds"]
    assert (shown["amount"], shown["status"], shown["quantity"]) == (20.05, "succeeded", 0)
    assert shown["reason"] == "The second act was cut"
    assert amounts(payments) == [2005]
    # Less than a ticket's price takes none away.
    assert statuses(answer) == ["valid", "valid"]
    assert stock(tables) == (98, 0, 2)


def test_tickets_are_refunded_at_their_price(
    api: LambdaApi, event: Event, payments: FakePayments, tables: MotoTables
) -> None:
    answer = refund(api, {"quantity": 1})

    assert answer.json["status"] == "partially_refunded"
    assert statuses(answer) == ["valid", "void"]
    assert amounts(payments) == [14999]
    assert stock(tables) == (99, 0, 1)


def test_seats_can_be_kept_from_going_back(
    api: LambdaApi, event: Event, tables: MotoTables
) -> None:
    answer = refund(api, {"returnSeats": False})

    assert answer.json["status"] == "refunded"
    assert answer.json["refunds"][0]["returnsSeats"] is False
    assert stock(tables) == (98, 0, 2)


def test_the_buyer_is_told_how_much_and_not_what_the_admin_wrote(
    api: LambdaApi, event: Event
) -> None:
    refund(api, {"amount": 5, "reason": "late start"})

    shown = api.get("/api/orders/cs_test_1").json

    assert (shown["status"], shown["amountRefunded"]) == ("partially_refunded", 5)
    assert [(each["amount"], each["reason"]) for each in shown["refunds"]] == [(5, None)]
    assert "late start" not in api.get("/api/orders/cs_test_1").text


@pytest.mark.parametrize("key", [None, "refund-1"])
def test_the_same_wish_is_the_same_refund_however_often_it_is_sent(
    api: LambdaApi, event: Event, payments: FakePayments, key: str | None
) -> None:
    first, second = (refund(api, {"amount": 5}, key) for _ in range(2))

    assert second.json == first.json
    assert amounts(payments) == [500]


def test_another_key_is_another_refund(
    api: LambdaApi, event: Event, payments: FakePayments
) -> None:
    refund(api, {"amount": 5}, "refund-1")
    answer = refund(api, {"amount": 5}, "refund-2")

    assert answer.json["amountRefunded"] == 10
    assert amounts(payments) == [500, 500]


@pytest.mark.parametrize("other", [{"amount": 6}, {"amount": 5, "reason": "x"}, {"quantity": 1}])
def test_the_key_of_another_refund_is_a_conflict(
    api: LambdaApi, event: Event, payments: FakePayments, other: dict[str, Any]
) -> None:
    refund(api, {"amount": 5}, "refund-1")

    message = problem(refund(api, other, "refund-1"), "CONFLICT")["message"]

    assert message == "this idempotency key belongs to another refund"
    assert amounts(payments) == [500]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"amount": 299.99}, "the amount is more than what is left to refund"),
        ({"quantity": 3}, "the order has 2 tickets that are not refunded"),
    ],
)
def test_more_than_there_is_cannot_be_refunded(
    api: LambdaApi, event: Event, payments: FakePayments, body: dict[str, Any], message: str
) -> None:
    assert problem(refund(api, body), "CONFLICT")["message"] == message
    assert amounts(payments) == []


def test_nothing_is_left_after_everything(api: LambdaApi, event: Event) -> None:
    refund(api)

    message = problem(refund(api, {"amount": 1}), "CONFLICT")["message"]

    assert message == "all of the money has been refunded already"


def test_an_order_that_is_not_paid_has_nothing_to_refund(api: LambdaApi, stores: Stores) -> None:
    seed_order(stores, seed_event(stores))

    assert problem(refund(api), "CONFLICT")["message"] == "nothing was paid for this order"


def test_what_the_bank_has_taken_back_is_not_paid_twice(
    api: LambdaApi, event: Event, stores: Stores, payments: FakePayments
) -> None:
    order = stores.orders.get(ORDER_ID)
    assert order is not None
    dispute = Dispute("dp_1", DisputeStatus.NEEDS_RESPONSE, 29998, "fraudulent", NOW)
    stores.orders.replace(order, replace(order, disputes=(dispute,)))

    problem(refund(api), "CONFLICT")

    assert amounts(payments) == []


def test_what_stripe_will_not_do_is_a_conflict_and_is_noted(
    api: LambdaApi, event: Event, stores: Stores, payments: FakePayments
) -> None:
    payments.refusal = RefundRefused("insufficient funds", "insufficient_funds")

    message = problem(refund(api), "CONFLICT")["message"]

    assert message == "the payment provider refused the refund (insufficient_funds)"
    order = stores.orders.get(ORDER_ID)
    assert order is not None
    assert [each.failure for each in order.refunds] == ["insufficient_funds"]


def test_when_stripe_is_down_the_refund_is_decided_and_a_repeat_carries_it_out(
    api: LambdaApi, event: Event, payments: FakePayments
) -> None:
    payments.failure = PaymentProviderError("the payment provider cannot be reached right now")
    problem(refund(api), "PAYMENT_PROVIDER_ERROR")
    url = f"/api/admin/orders/{ORDER_ID}"
    assert api.get(url, caller=signed_in()).json["status"] == "refunding"
    payments.failure = None

    assert refund(api).json["status"] == "refunded"
    assert amounts(payments) == [29998]


def test_a_refund_made_in_stripes_dashboard_is_known_by_stripes_id(
    api: LambdaApi, event: Event, payments: FakePayments
) -> None:
    found = Refund("re_9", 9998, RefundStatus.SUCCEEDED, NOW, stripe_id="re_9")
    payments.refunds[INTENT] = [found]
    payments.refusal = RefundRefused("too much", "charge_already_refunded")
    problem(refund(api), "CONFLICT")

    shown = api.get(f"/api/admin/orders/{ORDER_ID}", caller=signed_in()).json

    assert shown["amountRefunded"] == 99.98
    assert "re_9" in [each["key"] for each in shown["refunds"]]


@pytest.mark.parametrize(
    ("currency", "amount", "minor"),
    [("jpy", 500, 500), ("kwd", 0.5, 500), ("kwd", 1.23, 1230), ("usd", 1.23, 123)],
)
def test_an_amount_is_of_the_orders_currency(
    api: LambdaApi,
    stores: Stores,
    payments: FakePayments,
    currency: str,
    amount: float,
    minor: int,
) -> None:
    seed_paid_order(stores, seed_event(stores, price=1500, currency=currency))

    assert refund(api, {"amount": amount}).json["amountRefunded"] == amount
    assert amounts(payments) == [minor]


@pytest.mark.parametrize(
    ("currency", "amount", "message"),
    [
        ("jpy", 0.5, "must have no decimals"),
        ("isk", 10.55, "must have no decimals"),
        ("kwd", 0.505, "must have at most 2 decimals"),
        ("usd", 0.001, "must have at most 2 decimals"),
    ],
)
def test_an_amount_that_the_currency_does_not_have_is_refused(
    api: LambdaApi, stores: Stores, currency: str, amount: float, message: str
) -> None:
    seed_paid_order(stores, seed_event(stores, price=1500, currency=currency))

    assert refused_field(refund(api, {"amount": amount}))[:2] == ("amount", message)


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"amount": 0}, "amount", "must be more than 0"),
        ({"amount": -1}, "amount", "must be more than 0"),
        ({"amount": "5"}, "amount", "must be a number"),
        ({"amount": None}, "amount", "must be a number"),
        ({"amount": 10**20}, "amount", "must be at most 999999999.90"),
        ({"quantity": 0}, "quantity", "must be at least 1"),
        ({"quantity": 11}, "quantity", "must be at most 10"),
        ({"quantity": None}, "quantity", "must be a whole number"),
        ({"amount": 5, "quantity": 1}, "quantity", "cannot be combined with amount"),
        ({"reason": ""}, "reason", "must not be empty"),
        ({"reason": "x" * 501}, "reason", "must have at most 500 characters"),
        ({"returnSeats": "no"}, "returnSeats", "must be true or false"),
        ({"all": True}, "all", "is not a known field"),
    ],
)
def test_a_body_that_breaks_a_rule_refunds_nothing(
    api: LambdaApi,
    event: Event,
    payments: FakePayments,
    body: dict[str, Any],
    field: str,
    message: str,
) -> None:
    assert refused_field(refund(api, body))[:2] == (field, message)
    assert amounts(payments) == []


def test_a_body_is_needed_lest_everything_be_refunded_by_mistake(
    api: LambdaApi, event: Event, payments: FakePayments
) -> None:
    answer = api.post(f"/api/admin/orders/{ORDER_ID}/refund", caller=signed_in())

    problem(answer, "VALIDATION_ERROR")
    assert amounts(payments) == []


def test_a_key_that_is_none_is_refused_by_the_headers_name(api: LambdaApi, event: Event) -> None:
    assert refused_field(refund(api, key="a b"))[0] == "Idempotency-Key"


@pytest.mark.parametrize("order_id", ["x", "01JZ0000000000000000000009", "cs_test_1", "%00"])
def test_an_order_that_is_not_there_is_a_404(api: LambdaApi, event: Event, order_id: str) -> None:
    problem(refund(api, order_id=order_id), "NOT_FOUND")


def test_a_refund_leaves_a_line_that_says_who_and_what_and_no_address(
    api: LambdaApi, event: Event, log: LogLines
) -> None:
    answer = refund(api, {"amount": 5}, "refund-1")

    key = answer.json["refunds"][0]["key"]
    requested, done = log.of("audit")
    assert (requested["message"], done["message"]) == ("refund_requested", "refund_succeeded")
    assert (requested["by"], requested["orderId"]) == ("admin:user_7", ORDER_ID)
    assert requested["refund"] == done["refund"] == key
    assert done["amount"] == 500
    assert answer.json["history"][-1]["cause"].endswith("(admin:user_7)")
    assert not [secret for secret in (EMAIL, ticket_code(1)) if secret in log.text]


class TestOfAFreeOrder:
    """Its tickets are cancelled; no money moves."""

    @pytest.fixture(autouse=True)
    def _free(self, stores: Stores, payments: FakePayments) -> None:
        seed_paid_order(stores, seed_event(stores, price=0))
        payments.failure = PaymentProviderError("Stripe has no part in this")

    def test_all_of_its_tickets(self, api: LambdaApi, tables: MotoTables) -> None:
        answer = refund(api)

        assert (answer.json["status"], statuses(answer)) == ("cancelled", ["void", "void"])
        assert stock(tables) == (100, 0, 0)

    def test_some_of_its_tickets(self, api: LambdaApi, tables: MotoTables) -> None:
        answer = refund(api, {"quantity": 1})

        assert (answer.json["status"], statuses(answer)) == ("paid", ["valid", "void"])
        assert stock(tables) == (99, 0, 1)

    def test_it_has_no_money(self, api: LambdaApi) -> None:
        message = problem(refund(api, {"amount": 1}), "CONFLICT")["message"]

        assert message == "there is no money of this order to refund"
