"""Orders and tickets of other people: by every id that can be guessed, borrowed or spelled another
way. Whether somebody else's order exists is not to be told from the answer.
"""

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from app import app
from chalicelib.domain.orders import Order
from tests.attacks.forging import signed
from tests.support.fakes import FakePayments
from tests.support.issuer import bearer
from tests.support.lambda_api import Answer, LambdaApi, signed_in
from tests.support.log_lines import LogLines
from tests.support.routes import CHECKOUT, GOOD, ROUTES, send
from tests.support.seeding import ORDER_ID, seed_event, seed_order, ticket_code
from tests.support.tables import ORDERS, MotoTables
from tests.support.tokens import claims

# The shop's order is of `user_1`; her session's id is `cs_test_1`.
ADA, EVE = "user_1", "user_eve"
NOBODYS = "01JZX5K7Q8M9N0P1R2S3T4ZZZZ"
GUESTS = "01JZX5K7Q8M9N0P1R2S3T4GGGG"
PLACES = ["/api/orders/{}", "/api/orders/{}/tickets"]


@pytest.fixture
def orders(shop: MotoTables) -> MotoTables:
    """Ada's paid order, and a guest's of another event."""
    event = seed_event(shop.stores, "other-event")
    seed_order(shop.stores, event, id=GUESTS, session_id="cs_test_guest", user_id=None)
    return shop


@pytest.fixture
def here(orders: MotoTables) -> LambdaApi:
    return LambdaApi(app)


def shown(answer: Answer) -> tuple[int, dict[str, Any], dict[str, str]]:
    """What a stranger can tell an answer by: all of it but the request's id."""
    body = {name: value for name, value in answer.json.items() if name != "requestId"}
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    return answer.status, body, headers


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("order_id", [ORDER_ID, GUESTS])
def test_another_s_order_is_answered_as_one_that_does_not_exist(
    here: LambdaApi, place: str, order_id: str
) -> None:
    none = shown(here.get(place.format(NOBODYS), headers=bearer(EVE)))
    assert none[0] == 404
    assert shown(here.get(place.format(order_id), headers=bearer(EVE))) == none


@pytest.mark.parametrize("place", PLACES)
def test_who_is_not_signed_in_cannot_tell_an_order_s_id_from_another(
    here: LambdaApi, place: str
) -> None:
    answers = [shown(here.get(place.format(each))) for each in (ORDER_ID, GUESTS, NOBODYS, "x")]
    assert answers[0][0] == 401
    assert answers == [answers[0]] * 4


@pytest.mark.parametrize("place", PLACES)
def test_the_buyer_s_own_order_is_shown(here: LambdaApi, place: str) -> None:
    assert here.get(place.format(ORDER_ID), headers=bearer(ADA)).status == 200
    assert here.get(place.format("cs_test_1")).status == 200


def neighbours(text: str) -> list[str]:
    """Ids that are one letter away, as those of orders of the same millisecond are."""
    letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    return [text[:place] + each + text[place + 1 :] for place in (0, 9, 25) for each in letters]


SPELLINGS = [
    *(ORDER_ID.lower(), f"{ORDER_ID} ", f" {ORDER_ID}", f"{ORDER_ID}\n", f"{ORDER_ID}\0"),
    *(ORDER_ID[:-1], f"{ORDER_ID}0", ORDER_ID[1:], ORDER_ID.replace("0", "O"), "*", "%", "?", ".."),
    *(ORDER_ID.translate({ord("0"): "\uff10"}), f"{ORDER_ID},{GUESTS}", f"../orders/{ORDER_ID}"),
    *(ticket_code(), ticket_code(2), ticket_code().lower(), "cs_", "cs_test_", "CS_TEST_1"),
    *(
        "cs_test_1 ",
        " cs_test_1",
        "cs_test_1\0",
        "cs_test_1/",
        "cs_test_%",
        "cs_test_*",
        "cs_test_2",
    ),
    *(
        f"cs_{ORDER_ID}",
        f"cs_test_{ORDER_ID}",
        f"cs_free_{ORDER_ID}",
        f"cs_free_{ORDER_ID}{'0' * 16}",
    ),
    *(f"cs_free_{GUESTS}", "pi_1", "evt_paid", "#totals", "key#x", "'", '{"S": "x"}', "x" * 3_000),
    *("cs_" + "x" * 250, "cs_" + "x" * 3_000, "null", "undefined", "0", "-1", "me", "mine", "all"),
]


@pytest.mark.parametrize("place", PLACES)
def test_no_id_that_resembles_one_shows_anything(here: LambdaApi, place: str) -> None:
    for spelling in [*SPELLINGS, *(each for each in neighbours(ORDER_ID) if each != ORDER_ID)]:
        parameters = {"id": spelling}
        for headers in ({}, bearer(EVE), bearer(ADA)):
            answer = send("GET", place.format("{id}"), parameters=parameters, headers=headers)
            assert answer.status in {401, 404}, spelling
            assert ORDER_ID not in answer.text


@pytest.mark.parametrize("name", ["verify", "verify-session"])
def test_verify_tells_no_session_of_others_from_none(
    here: LambdaApi, payments: FakePayments, name: str
) -> None:
    # One that the same Stripe account has, made by another program.
    known = payments.sessions["cs_test_1"]
    payments.sessions["cs_test_shop"] = replace(known, id="cs_test_shop", order_id=None)
    payments.sessions["cs_test_liar"] = replace(known, id="cs_test_liar")
    path = f"/api/payments/{name}"
    theirs = shown(here.get(f"{path}/cs_test_shop"))
    assert theirs[0] == 400
    for spelling in (*SPELLINGS, ORDER_ID, GUESTS, "cs_test_none", "cs_test_liar"):
        answer = send("GET", f"{path}/{{session_id}}", parameters={"session_id": spelling})
        assert shown(answer) == theirs, spelling


def test_a_list_is_one_s_own_whatever_is_asked(here: LambdaApi) -> None:
    for query in (
        *("user=user_1", "userId=user_1", "user_id=user_1", "sub=user_1", "by=user_1", "all=true"),
        *("status=paid", "event=tech-conference", "limit=100", "offset=0", "role=admin", "admin=1"),
        *("customerEmail=ada%40mail.example", "id=" + ORDER_ID, "session=cs_test_1"),
    ):
        answer = here.get(f"/api/orders?{query}", caller=signed_in(EVE, role=""))
        assert (answer.status, answer.json["orders"]) == (200, [])


def test_a_cursor_of_another_s_list_is_none_of_one_s_own(
    here: LambdaApi, orders: MotoTables
) -> None:
    event = seed_event(orders.stores, "third-event")
    for number in range(3):
        seed_order(
            orders.stores, event, id=f"01JZ{number:022d}", session_id=f"cs_{number}", user_id=ADA
        )
    theirs = here.get("/api/orders?limit=1", caller=signed_in(ADA, role="")).json["pagination"]
    admins = here.get("/api/admin/orders?limit=1", caller=signed_in()).json["pagination"]
    for cursor in (theirs["nextCursor"], admins["nextCursor"]):
        answer = here.get(f"/api/orders?cursor={cursor}", caller=signed_in(EVE, role=""))
        assert (answer.status, answer.json["code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "route", [each for each in ROUTES if "/admin/" in each[1] and "{" in each[1]], ids=" ".join
)
def test_admin_s_routes_tell_nobody_else_what_exists(
    orders: MotoTables, route: tuple[str, str]
) -> None:
    before = orders.contents()
    good, body = GOOD[route]
    (name,) = good
    answers = [
        shown(
            send(
                *route,
                caller=signed_in(EVE, role="user"),
                parameters={name: value},
                body=json.dumps(body),
            )
        )
        for value in (good[name], NOBODYS, "none-of-these", "1", ticket_code(2))
    ]
    assert answers[0][0] == 403
    assert answers == [answers[0]] * 5
    assert orders.contents() == before


KEY = {"Idempotency-Key": "5f0c1c9a-7d3b-4e8f-9a0b-1c2d3e4f5a6b"}


def buy(here: LambdaApi, user: str | None, **changes: Any) -> Answer:
    headers = {**KEY, **(bearer(user) if user else {})}
    return here.post("/api/payments/checkout", {**CHECKOUT, **changes}, headers=headers)


def test_another_s_idempotency_key_is_one_s_own(here: LambdaApi, orders: MotoTables) -> None:
    started = [buy(here, user) for user in (ADA, EVE, None)]
    assert [answer.status for answer in started] == [201] * 3
    assert len({answer.json["sessionId"] for answer in started}) == 3
    owners = {item["id"]["S"]: item.get("userId", {}).get("S") for item in orders.scan(ORDERS)
              if "quantity" in item}  # fmt: skip
    assert [owners[answer.json["orderId"]] for answer in started] == [ADA, EVE, None]


@pytest.mark.parametrize(
    ("user", "key"),
    [("a", "b c"), ("a b", "c"), (f"{ADA} {KEY['Idempotency-Key']}", "x"), (" ", "x")],
)
def test_no_user_s_name_and_key_make_another_s(
    here: LambdaApi, orders: MotoTables, user: str, key: str
) -> None:
    buy(here, ADA)
    before = len(orders.scan(ORDERS))
    headers = {"Idempotency-Key": key, "Authorization": f"Bearer {signed(claims(sub=user))}"}
    answer = here.post("/api/payments/checkout", CHECKOUT, headers=headers)
    # A key with a space is none; a user of spaces is nobody. Otherwise it is a new order.
    assert answer.status in {400, 401} or len(orders.scan(ORDERS)) == before + 2


def test_a_guest_s_key_with_another_body_tells_only_that_it_is_taken(here: LambdaApi) -> None:
    buy(here, None, customerEmail="ada@mail.example")
    answer = buy(here, None, customerEmail="eve@mail.example")
    assert (answer.status, answer.json["code"]) == (409, "CONFLICT")
    assert "ada" not in answer.text
    assert "cs_" not in answer.text


def test_an_order_cannot_be_started_for_somebody_else(here: LambdaApi, orders: MotoTables) -> None:
    for extra in (
        {"userId": ADA},
        {"user": ADA},
        {"orderId": ORDER_ID},
        {"metadata": {"orderId": ORDER_ID}},
        {"sessionId": "cs_test_1"},
        {"client_reference_id": ORDER_ID},
    ):
        answer = here.post("/api/payments/checkout", {**CHECKOUT, **extra}, headers=bearer(EVE))
        assert (answer.status, answer.json["code"]) == (400, "VALIDATION_ERROR")


def test_tickets_of_one_order_say_nothing_of_another_s_codes(orders: MotoTables) -> None:
    order = orders.stores.orders.get(ORDER_ID)
    assert isinstance(order, Order)
    codes = [str(code) for code in order.ticket_codes()]
    admin = signed_in()
    for first, second in itertools.permutations(codes):
        mixed = first[:28] + second[28:]
        answer = send(
            "POST",
            "/api/admin/tickets/{code}/check-in",
            caller=admin,
            parameters={"code": mixed},
            body="{}",
        )
        assert (answer.status, answer.json["code"]) == (404, "NOT_FOUND")


def test_who_tries_ids_is_in_the_log_and_the_ids_are_not(here: LambdaApi, log: LogLines) -> None:
    here.get(f"/api/orders/{ORDER_ID}")
    (line,) = log.of("security")
    assert (line["message"], line["route"]) == ("request_refused", "GET /api/orders/{id}")
    assert ORDER_ID not in log.text
