"""`POST /api/admin/events/{idOrSlug}/cancel`: sales stop, and every order is ended."""

from dataclasses import replace

import pytest

from chalicelib.domain.events import Event, EventStatus
from chalicelib.domain.orders import Order
from chalicelib.errors import PaymentProviderError, RefundRefused
from chalicelib.routes import admin
from chalicelib.store import Stores
from tests.support.answers import EVENT_KEYS, check_common_headers, problem
from tests.support.builders import a_session
from tests.support.fakes import FakePayments
from tests.support.lambda_api import Answer, LambdaApi, signed_in
from tests.support.log_lines import LogLines
from tests.support.routes import CHECKOUT
from tests.support.seeding import seed_city, seed_event, seed_order, seed_paid_order

EMAIL = "ada@mail.example"


@pytest.fixture(autouse=True)
def _without_stripe(payments: FakePayments) -> None:
    """Have the payment provider in memory."""


@pytest.fixture
def event(stores: Stores) -> Event:
    seed_city(stores)
    return seed_event(stores)


def order_id(number: int) -> str:
    return f"01JZ{number:022d}"


def seed_paid(stores: Stores, event: Event, number: int) -> Order:
    each = order_id(number)
    return seed_paid_order(
        stores, event, id=each, session_id=f"cs_test_{each}", customer_email=EMAIL
    )


def cancel(
    api: LambdaApi, name: str = "tech-conference", headers: dict[str, str] | None = None
) -> Answer:
    url = f"/api/admin/events/{name}/cancel"
    return api.post(url, headers=headers, caller=signed_in("user_7"))


def status(stores: Stores, number: int) -> str:
    order = stores.orders.get(order_id(number))
    assert order is not None
    return order.status.value


@pytest.mark.parametrize("body", ["{not json", '{"dryRun": true}', '{"reason": "rain"}', "[]"])
def test_who_meant_something_else_has_cancelled_nothing(
    api: LambdaApi, event: Event, body: str
) -> None:
    url = f"/api/admin/events/{event.slug}/cancel"

    problem(api.post(url, body=body, caller=signed_in("user_7")), "VALIDATION_ERROR")

    assert api.get(f"/api/events/{event.slug}").json["status"] == "published"


def test_the_event_is_cancelled_and_shown_as_such(api: LambdaApi, event: Event) -> None:
    answer = cancel(api)

    assert answer.status == 200
    check_common_headers(answer)
    assert list(answer.json) == [*EVENT_KEYS, "available", "held", "sold", "cancellation"]
    assert answer.json["status"] == "cancelled"
    assert answer.json["cancellation"] == {"ended": 0, "left": 0, "stuck": 0, "complete": True}
    url = "/api/admin/events/tech-conference"
    assert answer.headers["etag"] == api.get(url, caller=signed_in()).headers["etag"]
    assert api.get("/api/events/tech-conference").json["status"] == "cancelled"


def test_nothing_more_is_sold(api: LambdaApi, event: Event) -> None:
    cancel(api)

    problem(api.post("/api/payments/checkout", CHECKOUT), "SALES_CLOSED")


def test_paid_orders_are_refunded_and_open_checkouts_ended(
    api: LambdaApi, stores: Stores, event: Event, payments: FakePayments
) -> None:
    paid = seed_paid(stores, event, 1)
    seed_order(stores, event, id=order_id(2), session_id="cs_open")
    payments.sessions["cs_open"] = a_session(id="cs_open", order_id=order_id(2))

    answer = cancel(api, str(event.id))

    assert answer.json["cancellation"] == {"ended": 2, "left": 0, "stuck": 0, "complete": True}
    assert (answer.json["available"], answer.json["held"], answer.json["sold"]) == (100, 0, 0)
    assert [status(stores, number) for number in (1, 2)] == ["refunded", "expired"]
    assert [made.amount for made in payments.refunds[f"pi_{paid.id}"]] == [29998]
    assert payments.expired == ["cs_open"]
    shown = api.get(f"/api/orders/{paid.session_id}").json
    assert [refund["reason"] for refund in shown["refunds"]] == ["event_cancelled"]


def test_what_stripe_cannot_do_now_is_left_and_told(
    api: LambdaApi, stores: Stores, event: Event, payments: FakePayments
) -> None:
    seed_paid(stores, event, 1)
    payments.failure = PaymentProviderError("down")

    answer = cancel(api)

    assert answer.status == 200
    assert answer.json["status"] == "cancelled"
    assert answer.json["cancellation"] == {"ended": 0, "left": 1, "stuck": 0, "complete": False}
    assert status(stores, 1) == "refunding"


def test_cancelling_once_more_goes_on_with_what_is_left(
    api: LambdaApi, stores: Stores, event: Event, payments: FakePayments, log: LogLines
) -> None:
    seed_paid(stores, event, 1)
    payments.failure = PaymentProviderError("down")
    first = cancel(api)
    payments.failure = None

    second = cancel(api)

    assert second.status == 200
    assert second.json["cancellation"] == {"ended": 1, "left": 0, "stuck": 0, "complete": True}
    assert second.json["updatedAt"] == first.json["updatedAt"]
    assert status(stores, 1) == "refunded"
    assert [line["message"] for line in log.of("audit")].count("event_cancelled") == 1
    assert len(payments.refunds[f"pi_{order_id(1)}"]) == 1


def test_what_takes_too_long_is_left_for_the_timer(
    api: LambdaApi, stores: Stores, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_paid(stores, event, 1)
    monkeypatch.setattr(admin, "_CANCELLING_SECONDS", 0.0)

    answer = cancel(api)

    assert answer.json["cancellation"] == {"ended": 0, "left": 0, "stuck": 0, "complete": False}
    assert [pending.event_id for pending in stores.cancellations.pending()] == [event.id]
    assert status(stores, 1) == "paid"


def test_cancelling_once_more_tries_refunds_again_that_failed(
    api: LambdaApi, stores: Stores, event: Event, payments: FakePayments
) -> None:
    seed_paid(stores, event, 1)
    payments.refusal = RefundRefused("no", "charge_not_refundable")
    first = cancel(api)
    for pending in stores.cancellations.pending():
        stores.cancellations.remove(pending)
    payments.refusal = None

    second = cancel(api)

    assert first.json["cancellation"] == {"ended": 0, "left": 0, "stuck": 1, "complete": False}
    assert second.json["cancellation"] == {"ended": 1, "left": 0, "stuck": 0, "complete": True}
    assert status(stores, 1) == "refunded"


def test_another_events_orders_are_left_alone(api: LambdaApi, stores: Stores, event: Event) -> None:
    other = seed_event(stores, "harbour-jazz")
    seed_paid(stores, other, 1)
    record = stores.events.get(other.slug, consistent=True)
    assert record is not None
    stores.events.replace(record, replace(other, status=EventStatus.CANCELLED))

    cancel(api)

    assert status(stores, 1) == "paid"


def test_a_draft_can_be_cancelled(api: LambdaApi, stores: Stores, event: Event) -> None:
    seed_event(stores, "harbour-jazz", status=EventStatus.DRAFT)

    assert cancel(api, "harbour-jazz").json["status"] == "cancelled"


@pytest.mark.parametrize("changes", [{"status": "published"}, {"status": "draft"}])
def test_it_cannot_be_put_on_sale_again(
    api: LambdaApi, event: Event, changes: dict[str, str]
) -> None:
    cancel(api)

    url = "/api/admin/events/tech-conference"
    answer = api.request("PATCH", url, json_body=changes, caller=signed_in())

    problem(answer, "CONFLICT")


def test_an_edit_that_came_first_keeps_a_cancellation_on_a_condition_from_being_made(
    api: LambdaApi, stores: Stores, event: Event
) -> None:
    url = "/api/admin/events/tech-conference"
    tag = api.get(url, caller=signed_in()).headers["etag"]
    api.request("PATCH", url, json_body={"price": 20}, caller=signed_in())

    problem(cancel(api, headers={"If-Match": tag}), "PRECONDITION_FAILED")
    assert stores.cancellations.pending() == []

    now = api.get(url, caller=signed_in()).headers["etag"]
    assert cancel(api, headers={"If-Match": now}).status == 200


@pytest.mark.parametrize("name", ["nowhere", "999", "NOT A SLUG", "%00"])
def test_an_event_that_is_not_there_is_a_404(api: LambdaApi, event: Event, name: str) -> None:
    problem(cancel(api, name), "NOT_FOUND")


def test_cancelling_leaves_a_line_that_says_who_and_what(
    api: LambdaApi, stores: Stores, event: Event, log: LogLines
) -> None:
    seed_paid(stores, event, 1)

    cancel(api)

    (line,) = [line for line in log.of("audit") if line["message"] == "event_cancelled"]
    assert (line["by"], line["event"], line["eventId"]) == ("user_7", event.slug, event.id)
    assert EMAIL not in log.text
