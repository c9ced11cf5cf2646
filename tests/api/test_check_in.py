"""`POST /api/admin/tickets/{code}/check-in`: once, at whichever door is first."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.domain.clock import utc_now
from chalicelib.domain.events import Event
from chalicelib.domain.refunds import Dispute, DisputeStatus, Refund, RefundStatus
from chalicelib.store import Stores
from tests.support.answers import check_common_headers, problem, refused_field
from tests.support.builders import NOW
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


@pytest.fixture
def event(stores: Stores) -> Event:
    """An event of which two seats are sold."""
    seed_city(stores)
    event = seed_event(stores)
    seed_paid_order(stores, event)
    return event


def scan(
    api: LambdaApi, body: Any = None, code: str = ticket_code(), key: str | None = None
) -> Answer:
    headers = {} if key is None else {"Idempotency-Key": key}
    url = f"/api/admin/tickets/{code}/check-in"
    return api.post(url, body, headers=headers, caller=signed_in("user_7"))


def change(stores: Stores, **changes: Any) -> None:
    order = stores.orders.get(ORDER_ID)
    assert order is not None
    stores.orders.replace(order, replace(order, **changes))


def test_a_good_ticket_lets_its_holder_in(api: LambdaApi, stores: Stores, event: Event) -> None:
    answer = scan(api, {"door": "North"})

    assert answer.status == 200
    check_common_headers(answer)
    at = answer.json["checkedInAt"]
    assert timedelta() <= utc_now() - datetime.fromisoformat(at) < timedelta(minutes=1)
    assert answer.json == {
        "orderId": ORDER_ID,
        "number": 1,
        "event": {"id": event.id, "slug": "tech-conference", "name": "Tech Conference"},
        "checkedInAt": at,
        "door": "North",
        "ticketsOfOrder": 2,
    }
    first, second = api.get("/api/orders/cs_test_1/tickets").json["tickets"]
    assert (first["status"], first["checkedInAt"]) == ("used", at)
    assert second["status"] == "valid"


def test_the_second_door_is_told_when_and_where(api: LambdaApi, event: Event) -> None:
    at = scan(api, {"door": "North"}).json["checkedInAt"]

    body = problem(scan(api, {"door": "South"}), "CONFLICT")

    assert body["message"] == f"this ticket was used at {at} at North"
    assert body["checkIn"] == {"checkedInAt": at, "door": "North"}


def test_each_ticket_of_an_order_lets_one_in(api: LambdaApi, event: Event) -> None:
    assert [scan(api, code=ticket_code(number)).json["number"] for number in (1, 2)] == [1, 2]
    problem(scan(api, code=ticket_code(2)), "CONFLICT")


@pytest.mark.parametrize("body", ["", "{}", '{"door": null}', None])
def test_a_scanner_need_not_say_which_door_it_is_at(
    api: LambdaApi, event: Event, body: str | None
) -> None:
    url = f"/api/admin/tickets/{ticket_code()}/check-in"
    answer = api.request("POST", url, body=body, caller=signed_in())

    assert (answer.status, answer.json["door"]) == (200, None)
    again = problem(scan(api), "CONFLICT")
    assert again["checkIn"] == {"checkedInAt": answer.json["checkedInAt"], "door": None}


def test_a_scan_that_is_sent_again_is_no_second_try(api: LambdaApi, event: Event) -> None:
    first = scan(api, {"door": "North"}, key="scan-1")

    assert scan(api, {"door": "North"}, key="scan-1").json == first.json
    problem(scan(api, {"door": "South"}, key="scan-1"), "CONFLICT")
    problem(scan(api, {"door": "North"}, key="scan-2"), "CONFLICT")
    problem(scan(api, {"door": "North"}), "CONFLICT")


def test_a_door_of_an_event_takes_no_ticket_of_another(
    api: LambdaApi, stores: Stores, event: Event
) -> None:
    other = seed_event(stores, slug="jazz-night")
    for named in ("jazz-night", other.id, str(other.id)):
        body = problem(scan(api, {"door": "North", "event": named}), "CONFLICT")
        assert body["message"] == "this ticket is for another event: Tech Conference"
        assert body["checkIn"] is None

    for number, here in enumerate((event.slug, event.id), start=1):
        assert scan(api, {"event": here}, code=ticket_code(number)).status == 200


@pytest.mark.parametrize("code", [ticket_code().lower(), f"%{ord('0'):x}{ticket_code()[1:]}"])
def test_a_code_may_be_in_small_letters_or_encoded(api: LambdaApi, event: Event, code: str) -> None:
    assert scan(api, code=code).status == 200


def test_a_refunded_ticket_lets_nobody_in(api: LambdaApi, stores: Stores, event: Event) -> None:
    refund = Refund("r1", 14999, RefundStatus.SUCCEEDED, NOW)
    change(stores, refunds=(refund,), voided=(1,))

    body = problem(scan(api), "CONFLICT")

    assert body["checkIn"] is None
    assert body["message"] == (
        "this ticket is not valid: it was refunded or its payment is disputed"
    )
    assert scan(api, code=ticket_code(2)).status == 200


def test_a_disputed_ticket_lets_nobody_in(api: LambdaApi, stores: Stores, event: Event) -> None:
    dispute = Dispute("dp_1", DisputeStatus.NEEDS_RESPONSE, 29998, "fraudulent", NOW)
    change(stores, disputes=(dispute,))

    assert problem(scan(api), "CONFLICT")["checkIn"] is None


@pytest.mark.parametrize(
    "code",
    [
        "x",
        "%00",
        ORDER_ID,
        ticket_code()[:-1],
        ticket_code() + "0",
        ticket_code()[:-1] + "2",
        ticket_code(3),
        ticket_code(0),
        ticket_code(order_id="01JZX5K7Q8M9N0P1R2S3T4V5W7"),
        quote("é" * 44),
        "A" * 3000,
    ],
)
def test_a_code_that_nobody_was_given_is_a_404(
    api: LambdaApi, stores: Stores, event: Event, code: str
) -> None:
    problem(scan(api, code=code), "NOT_FOUND")
    order = stores.orders.get(ORDER_ID)
    assert order is not None
    assert order.check_ins == ()


def test_an_order_that_is_not_paid_has_no_tickets(api: LambdaApi, stores: Stores) -> None:
    seed_city(stores)
    seed_order(stores, seed_event(stores))

    problem(scan(api), "NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"door": ""}, "door", "must not be empty"),
        ({"door": " "}, "door", "must not be empty"),
        ({"door": "x" * 101}, "door", "must have at most 100 characters"),
        ({"door": 1}, "door", "must be a string"),
        ({"gate": "North"}, "gate", "is not a known field"),
        ({"event": "Tech Conference"}, "event", "must be an event's id or slug"),
        ([], "", "the body must be a JSON object"),
    ],
)
def test_a_body_that_breaks_a_rule_lets_nobody_in(
    api: LambdaApi, stores: Stores, event: Event, body: Any, field: str, message: str
) -> None:
    assert refused_field(scan(api, body))[:2] == (field, message)
    order = stores.orders.get(ORDER_ID)
    assert order is not None
    assert order.check_ins == ()


def test_a_scans_name_is_refused_where_it_is_none(api: LambdaApi, event: Event) -> None:
    assert refused_field(scan(api, key="x" * 256))[0] == "Idempotency-Key"


def test_letting_in_leaves_a_line_without_the_code(
    api: LambdaApi, event: Event, log: LogLines
) -> None:
    scan(api, {"door": "North"})
    scan(api)

    (line,) = log.of("audit")
    shown = {name: line[name] for name in ("message", "by", "orderId", "ticket", "door")}
    assert shown == {
        "message": "ticket_checked_in",
        "by": "user_7",
        "orderId": ORDER_ID,
        "ticket": 1,
        "door": "North",
    }
    assert ticket_code() not in log.text
    assert ticket_code()[-16:] not in log.text
