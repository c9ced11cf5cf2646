"""`GET /api/orders/{id}/tickets`: codes, pictures of them, and which are good."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.adapters.qr import qr_png, qr_svg
from chalicelib.domain.events import Event
from chalicelib.domain.order_changes import pay_in_vain
from chalicelib.domain.orders import Cause, Order, OrderStatus
from chalicelib.domain.refunds import Dispute, DisputeStatus, Refund, RefundStatus, Why
from chalicelib.domain.tickets import CheckIn
from chalicelib.store import Stores
from tests.support.answers import check_common_headers, problem
from tests.support.builders import NOW, a_paid_session
from tests.support.issuer import bearer
from tests.support.lambda_api import LambdaApi
from tests.support.log_lines import captured_log
from tests.support.seeding import (
    ORDER_ID,
    seed_city,
    seed_event,
    seed_order,
    seed_paid_order,
    ticket_code,
)

URL = "/api/orders/cs_test_1/tickets"


@pytest.fixture
def event(stores: Stores) -> Event:
    seed_city(stores)
    return seed_event(stores)


def store(stores: Stores, order: Order, **changes: Any) -> Order:
    """Have something become of an order."""
    return stores.orders.replace(order, replace(order, **changes))


def as_uri(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def test_a_paid_order_has_a_ticket_for_each_seat(
    api: LambdaApi, stores: Stores, event: Event
) -> None:
    seed_paid_order(stores, event)

    answer = api.get(URL)

    assert answer.status == 200
    check_common_headers(answer)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json == {
        "orderId": ORDER_ID,
        "event": {
            "name": "Tech Conference",
            "slug": "tech-conference",
            "date": "2099-06-15T09:00:00.000Z",
            "location": "Dockside Halls",
            "city": "London",
        },
        "tickets": [
            {
                "number": number,
                "code": ticket_code(number),
                "status": "valid",
                "checkedInAt": None,
                "qr": {
                    "svg": as_uri("image/svg+xml", qr_svg(ticket_code(number)).encode()),
                    "png": as_uri("image/png", qr_png(ticket_code(number))),
                },
            }
            for number in (1, 2)
        ],
    }


@pytest.mark.usefixtures("_issuer")
def test_the_signed_in_buyer_gets_the_same(api: LambdaApi, stores: Stores, event: Event) -> None:
    seed_paid_order(stores, event, user_id="user_ada")

    answer = api.get(f"/api/orders/{ORDER_ID}/tickets", headers=bearer("user_ada"))

    assert answer.json == api.get(URL).json


def test_a_used_ticket_says_when_and_still_has_its_code(
    api: LambdaApi, stores: Stores, event: Event
) -> None:
    order = seed_paid_order(stores, event)
    store(stores, order, check_ins=(CheckIn(2, NOW, "North"),))

    first, second = api.get(URL).json["tickets"]

    assert (first["status"], first["checkedInAt"]) == ("valid", None)
    assert (second["status"], second["checkedInAt"]) == ("used", "2027-03-01T12:00:00.000Z")
    assert second["code"] == ticket_code(2)
    # At which door somebody came in is none of what a ticket tells.
    assert "door" not in second


def test_a_void_ticket_has_neither_code_nor_picture(
    api: LambdaApi, stores: Stores, event: Event
) -> None:
    order = seed_paid_order(stores, event)
    refund = Refund("r1", 14999, RefundStatus.SUCCEEDED, NOW)
    store(stores, order, refunds=(refund,), voided=(2,))

    answer = api.get(URL)

    first, second = answer.json["tickets"]
    assert first["status"] == "valid"
    assert second == {
        "number": 2, "code": None, "status": "void", "checkedInAt": None, "qr": None,
    }  # fmt: skip
    assert ticket_code(2) not in answer.text


def test_a_disputed_orders_tickets_are_all_void(
    api: LambdaApi, stores: Stores, event: Event
) -> None:
    order = seed_paid_order(stores, event)
    dispute = Dispute("dp_1", DisputeStatus.NEEDS_RESPONSE, 29998, "fraudulent", NOW)
    store(stores, order, disputes=(dispute,))

    tickets = api.get(URL).json["tickets"]

    assert [(ticket["status"], ticket["code"]) for ticket in tickets] == [("void", None)] * 2


def test_an_event_that_moved_is_shown_as_it_is_now(
    api: LambdaApi, stores: Stores, event: Event
) -> None:
    seed_paid_order(stores, event)
    record = stores.events.get(event.slug, consistent=True)
    assert record is not None
    stores.events.replace(record, replace(event, slug="tech-congress", location="Quay 4"))

    shown = api.get(URL).json["event"]

    assert (shown["slug"], shown["location"]) == ("tech-congress", "Quay 4")


def test_an_event_whose_former_slug_is_another_s_is_still_found(
    api: LambdaApi, stores: Stores, event: Event
) -> None:
    order = seed_paid_order(stores, event)
    other = seed_event(stores, slug="jazz-night", location="Quay 4")
    store(stores, order, event_slug=other.slug)

    shown = api.get(URL).json["event"]

    assert (shown["slug"], shown["location"]) == (event.slug, "Dockside Halls")


def test_the_tickets_of_an_event_that_is_gone_are_shown_without_it(
    api: LambdaApi, stores: Stores, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_paid_order(stores, event)
    for read in ("get", "get_by_id"):
        monkeypatch.setattr(type(stores.event_reader), read, lambda *_, **__: None)

    assert api.get(URL).json["event"] is None


def test_an_event_that_took_the_slug_is_not_passed_off_as_the_orders(
    api: LambdaApi, stores: Stores, event: Event
) -> None:
    order = seed_paid_order(stores, event)
    store(stores, order, event_id=event.id + 7)

    assert api.get(URL).json["event"] is None


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (OrderStatus.PENDING, "the order is not paid yet, so it has no tickets"),
        (OrderStatus.EXPIRED, "the order was not paid in time, so it has no tickets"),
        (OrderStatus.FAILED, "the order's payment failed, so it has no tickets"),
    ],
)
def test_an_order_without_tickets_says_why(
    api: LambdaApi, stores: Stores, event: Event, status: OrderStatus, message: str
) -> None:
    order = seed_order(stores, event)
    store(stores, order, status=status)

    assert problem(api.get(URL), "CONFLICT")["message"] == message


def test_an_order_that_was_paid_in_vain_has_no_tickets(
    api: LambdaApi, stores: Stores, event: Event
) -> None:
    order = seed_order(stores, event)
    session = a_paid_session()
    stores.orders.replace(order, pay_in_vain(order, session, Why.SOLD_OUT, NOW, Cause("evt_1")))

    message = problem(api.get(URL), "CONFLICT")["message"]

    assert message == "the order has no tickets: its money goes back, or went back"


def test_no_code_gets_into_the_log(api: LambdaApi, stores: Stores, event: Event) -> None:
    seed_paid_order(stores, event)

    with captured_log() as log:
        api.get(URL)

    assert ticket_code(1) not in log.text
