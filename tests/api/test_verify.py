"""`GET /api/payments/verify/{sessionId}`, and the same under its older path."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.checkout_sessions import CheckoutSession, PaymentStatus, SessionStatus
from chalicelib.domain.orders import OrderStatus
from chalicelib.errors import PaymentProviderError
from chalicelib.store import Stores
from tests.support.answers import check_common_headers, problem
from tests.support.fakes import FakePayments
from tests.support.lambda_api import Answer, LambdaApi, signed_in
from tests.support.log_lines import captured_log
from tests.support.routes import CHECKOUT
from tests.support.seeding import seed_city, seed_event
from tests.support.tables import EVENTS, MotoTables
from tests.support.traffic import refusal, watched

PATHS = ["/api/payments/verify", "/api/payments/verify-session"]


@pytest.fixture
def session(api: LambdaApi, stores: Stores, payments: FakePayments) -> CheckoutSession:
    """An open session of two seats."""
    seed_city(stores)
    seed_event(stores)
    started = api.post(
        "/api/payments/checkout",
        {
            "eventSlug": "tech-conference",
            "quantity": 2,
            "unitPrice": 149.99,
            "totalAmount": 299.98,
            "successUrl": "http://localhost:3000/thanks",
            "cancelUrl": "http://localhost:3000/",
        },
    ).json
    return payments.sessions[started["sessionId"]]


def become(payments: FakePayments, session: CheckoutSession, **changes: Any) -> None:
    """Let something happen at the payment provider."""
    payments.sessions[session.id] = replace(session, **changes)


PAID = {
    "status": SessionStatus.COMPLETE,
    "payment_status": PaymentStatus.PAID,
    "payment_intent_id": "pi_1",
    "url": None,
}


def verify(api: LambdaApi, session: CheckoutSession, path: str = PATHS[0]) -> Answer:
    return api.get(f"{path}/{session.id}")


def stock(tables: MotoTables) -> tuple[int, int, int]:
    item = tables.item(EVENTS, "tech-conference")
    free, held, sold = (int(item[name]["N"]) for name in ("free", "held", "sold"))
    return free, held, sold


@pytest.mark.parametrize("path", PATHS)
def test_an_open_session_is_shown_and_changes_nothing(
    api: LambdaApi, session: CheckoutSession, tables: MotoTables, path: str
) -> None:
    before = tables.contents()

    answer = verify(api, session, path)

    assert answer.status == 200
    check_common_headers(answer)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json == {
        "id": session.id,
        "status": "open",
        "payment_status": "unpaid",
        "amount_total": 29998,
        "currency": "usd",
        "metadata": session.metadata,
        "order": {"id": session.order_id, "status": "pending", "reason": None},
    }
    assert tables.contents() == before


@pytest.mark.parametrize("path", PATHS)
def test_a_paid_session_whose_webhook_has_not_come_is_fulfilled(
    api: LambdaApi, session: CheckoutSession, payments: FakePayments, stores: Stores, path: str
) -> None:
    become(payments, session, **PAID)

    shown = verify(api, session, path).json

    assert (shown["status"], shown["payment_status"]) == ("complete", "paid")
    assert shown["order"] == {"id": session.order_id, "status": "paid", "reason": None}
    order = stores.orders.get(shown["order"]["id"])
    assert order is not None
    assert (order.status, order.payment_intent_id) == (OrderStatus.PAID, "pi_1")
    assert [entry.cause for entry in order.history] == ["checkout", "verify"]


def test_a_second_look_sells_nothing_again(
    api: LambdaApi, session: CheckoutSession, payments: FakePayments, tables: MotoTables
) -> None:
    become(payments, session, **PAID)

    first = verify(api, session)
    once = tables.contents()
    second = verify(api, session)

    assert second.json == first.json
    assert tables.contents() == once
    assert stock(tables) == (98, 0, 2)


def test_who_has_paid_is_told_so_while_stripe_is_down(
    api: LambdaApi, session: CheckoutSession, payments: FakePayments, stores: Stores
) -> None:
    become(payments, session, **PAID)
    first = verify(api, session)
    payments.failure = PaymentProviderError("Stripe is not needed for this")

    with watched(stores.orders._connection) as traffic:
        second = verify(api, session)

    assert second.json == first.json
    assert traffic.operations() == ["Query", "GetItem"]


def test_a_session_with_nothing_to_pay_is_fulfilled_too(
    api: LambdaApi, session: CheckoutSession, payments: FakePayments
) -> None:
    become(payments, session, **{**PAID, "payment_status": PaymentStatus.NO_PAYMENT_REQUIRED})

    shown = verify(api, session).json

    assert (shown["payment_status"], shown["order"]["status"]) == ("no_payment_required", "paid")


def test_an_expired_session_gives_its_seats_back(
    api: LambdaApi, session: CheckoutSession, payments: FakePayments, tables: MotoTables
) -> None:
    become(payments, session, status=SessionStatus.EXPIRED, url=None)

    shown = verify(api, session).json

    assert (shown["status"], shown["order"]["status"]) == ("expired", "expired")
    assert stock(tables) == (100, 0, 0)


def test_a_payment_that_is_on_its_way_keeps_its_seats(
    api: LambdaApi, session: CheckoutSession, payments: FakePayments, tables: MotoTables
) -> None:
    become(payments, session, status=SessionStatus.COMPLETE, url=None)

    shown = verify(api, session).json

    assert (shown["status"], shown["payment_status"]) == ("complete", "unpaid")
    assert shown["order"]["status"] == "pending"
    assert stock(tables) == (98, 2, 0)


@pytest.mark.parametrize("changes", [{"amount_total": 1}, {"currency": "jpy"}])
def test_money_of_another_amount_goes_back_and_sells_nothing(
    api: LambdaApi,
    session: CheckoutSession,
    payments: FakePayments,
    tables: MotoTables,
    changes: dict[str, Any],
) -> None:
    become(payments, session, **PAID, **changes)

    with captured_log() as log:
        shown = verify(api, session).json

    assert shown["order"] == {
        "id": session.order_id,
        "status": "refunded",
        "reason": "amount_differs",
    }
    assert stock(tables) == (100, 0, 0)
    assert [line["message"] for line in log.of("problem")] == ["paid_amount_differs"]


def test_money_that_comes_after_the_seats_went_back_takes_free_ones(
    api: LambdaApi, session: CheckoutSession, payments: FakePayments, tables: MotoTables
) -> None:
    become(payments, session, status=SessionStatus.EXPIRED)
    verify(api, session)
    become(payments, session, **PAID)

    first, second = verify(api, session).json, verify(api, session).json

    assert first["order"] == {"id": session.order_id, "status": "paid", "reason": None}
    assert second == first
    assert stock(tables) == (98, 0, 2)


def test_money_that_comes_when_the_seats_are_sold_to_others_goes_back_once(
    api: LambdaApi,
    session: CheckoutSession,
    payments: FakePayments,
    stores: Stores,
    tables: MotoTables,
) -> None:
    become(payments, session, status=SessionStatus.EXPIRED)
    verify(api, session)
    event = stores.events.get("tech-conference", consistent=True)
    assert event is not None
    stores.events.replace(event, replace(event.described(), capacity=1))
    become(payments, session, **PAID)

    first, second = verify(api, session).json, verify(api, session).json

    assert first["order"]["status"] == "refunded"
    assert first["order"]["reason"] == "sold_out"
    assert second == first
    assert [refund.amount for refund in payments.refunds["pi_1"]] == [29998]
    assert stock(tables) == (1, 0, 0)


def test_a_refund_that_an_admin_made_is_no_reason(
    api: LambdaApi, session: CheckoutSession, payments: FakePayments
) -> None:
    become(payments, session, **PAID)
    verify(api, session)
    api.post(f"/api/admin/orders/{session.order_id}/refund", {"reason": "ill"}, caller=signed_in())

    assert verify(api, session).json["order"] == {
        "id": session.order_id,
        "status": "refunded",
        "reason": None,
    }


class TestOfAFreeEvent:
    """There is no session at Stripe: the order is all there is."""

    @pytest.fixture
    def started(self, api: LambdaApi, stores: Stores, payments: FakePayments) -> dict[str, str]:
        seed_city(stores)
        seed_event(stores, price=0)
        payments.failure = PaymentProviderError("Stripe has no part in this")
        body = {**CHECKOUT, "quantity": 2, "unitPrice": 0, "totalAmount": 0}
        started: dict[str, str] = api.post("/api/payments/checkout", body).json
        return started

    @pytest.mark.parametrize("path", PATHS)
    def test_it_is_complete_with_nothing_to_pay(
        self, api: LambdaApi, started: dict[str, str], path: str
    ) -> None:
        answer = api.get(f"{path}/{started['sessionId']}")

        assert answer.status == 200
        check_common_headers(answer)
        assert answer.json == {
            "id": started["sessionId"],
            "status": "complete",
            "payment_status": "no_payment_required",
            "amount_total": 0,
            "currency": "usd",
            "metadata": {
                "orderId": started["orderId"],
                "eventSlug": "tech-conference",
                "eventName": "Tech Conference",
                "quantity": "2",
            },
            "order": {"id": started["orderId"], "status": "paid", "reason": None},
        }

    def test_that_its_event_was_cancelled_is_told(
        self, api: LambdaApi, payments: FakePayments, started: dict[str, str]
    ) -> None:
        payments.failure = None
        api.post("/api/admin/events/tech-conference/cancel", caller=signed_in())

        shown = api.get(f"{PATHS[0]}/{started['sessionId']}").json

        assert shown["order"]["status"] == "cancelled"
        assert shown["order"]["reason"] == "event_cancelled"

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda session_id: session_id[:-1],
            lambda session_id: f"{session_id}0",
            lambda session_id: session_id[:-1] + ("0" if session_id[-1] != "0" else "1"),
            lambda session_id: session_id[: len("cs_free_") + 26],
            lambda _: "cs_free_",
            lambda _: "cs_free_01JZX5K7Q8M9N0P1R2S3T4V5W60000000000000000",
            lambda _: "cs_free_%23totals",
            lambda _: "cs_free_" + "A" * 3000,
        ],
    )
    def test_another_session_is_refused_whatever_it_begins_with(
        self, api: LambdaApi, started: dict[str, str], spoil: Callable[[str], str]
    ) -> None:
        answer = api.get(f"{PATHS[0]}/{spoil(started['sessionId'])}")

        assert problem(answer, "INVALID_SESSION")["message"] == "no such checkout session"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "session_id", ["cs_test_unknown", "x", "%00", "cs_test_%2F..%2F..", "%23totals", "a" * 3000]
)
@pytest.mark.usefixtures("payments")
def test_a_session_that_does_not_exist_is_refused_as_such(
    api: LambdaApi, path: str, session_id: str
) -> None:
    body = problem(api.get(f"{path}/{session_id}"), "INVALID_SESSION")

    assert body["message"] == "no such checkout session"


@pytest.mark.parametrize(
    "session_id", ["x", "%00", "cs_", "cs_a%2Fb", "cs_%C3%A9", "cs_" + "a" * 251]
)
def test_a_malformed_session_never_reaches_stripe(api: LambdaApi, session_id: str) -> None:
    problem(api.get(f"{PATHS[0]}/{session_id}"), "INVALID_SESSION")


@pytest.mark.parametrize(
    "changes",
    [{"order_id": None}, {"order_id": "01JNSOMEBODYELSES000000000"}, {"id": "cs_test_other"}],
)
def test_a_session_that_is_not_of_our_order_is_refused_and_changes_nothing(
    api: LambdaApi,
    session: CheckoutSession,
    payments: FakePayments,
    tables: MotoTables,
    changes: dict[str, Any],
) -> None:
    become(payments, session, **{**PAID, **changes})
    before = tables.contents()

    problem(verify(api, session), "INVALID_SESSION")

    assert tables.contents() == before


def test_when_stripe_is_down_it_is_a_502(
    api: LambdaApi, session: CheckoutSession, payments: FakePayments
) -> None:
    payments.failure = PaymentProviderError("the payment provider cannot be reached right now")

    problem(verify(api, session), "PAYMENT_PROVIDER_ERROR")


def test_when_the_store_fails_the_next_look_does_what_was_left_undone(
    api: LambdaApi,
    session: CheckoutSession,
    payments: FakePayments,
    stores: Stores,
    tables: MotoTables,
) -> None:
    become(payments, session, **PAID)
    with watched(stores.orders._connection) as traffic:
        traffic.answer("TransactWriteItems", refusal("AccessDeniedException"))
        problem(verify(api, session), "UNAVAILABLE")
    assert stock(tables) == (98, 2, 0)

    assert verify(api, session).json["order"]["status"] == "paid"
    assert stock(tables) == (98, 0, 2)
