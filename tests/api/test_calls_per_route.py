"""What each route asks of DynamoDB: as few calls as the design says, and never a scan.

A call is money and some milliseconds of every request, so one more should be a decision.
"""

from collections.abc import Iterator

import pytest

from chalicelib.store import Stores
from tests.support.fakes import FakePayments
from tests.support.lambda_api import LambdaApi
from tests.support.routes import CHECKOUT, GOOD, GUARDED, ROUTES, Route, send, send_good
from tests.support.seeding import seed_city, seed_event
from tests.support.traffic import Traffic, watched

READ, QUERY, WRITE, TRANSACT = "GetItem", "Query", "UpdateItem", "TransactWriteItems"

EXPECTED: dict[Route, list[str]] = {
    ("GET", "/"): [],
    ("GET", "/api/openapi.json"): [],
    ("GET", "/api/docs"): [],
    ("GET", "/api/docs/{asset}"): [],
    ("GET", "/api/auth/me"): [],
    # The total, and one page of an index.
    ("GET", "/api/events"): [READ, QUERY],
    ("GET", "/api/cities"): [READ, QUERY],
    ("GET", "/api/events/{slug}"): [READ],
    ("GET", "/api/events/{slug}/calendar.ics"): [READ],
    ("GET", "/api/cities/{slug}"): [READ],
    # One query a status.
    ("GET", "/api/admin/events"): [READ, QUERY, QUERY, QUERY],
    # The city, an id, the event with its city's count and the total.
    ("POST", "/api/admin/events"): [READ, WRITE, TRANSACT],
    ("POST", "/api/admin/cities"): [WRITE, TRANSACT],
    # The event, the hold, the session's id.
    ("POST", "/api/payments/checkout"): [READ, TRANSACT, WRITE],
    ("POST", "/api/payments/create-checkout-session"): [READ, TRANSACT, WRITE],
    # The order, before and after.
    ("GET", "/api/payments/verify/{session_id}"): [READ],
    ("GET", "/api/payments/verify-session/{session_id}"): [READ],
}
# They are not on a page's path, and say in their own tests what they send.
ERASES = [route for route in ROUTES if "/database/" in route[1]]


@pytest.fixture
def traffic(api: LambdaApi, stores: Stores, payments: FakePayments) -> Iterator[Traffic]:
    seed_city(stores)
    seed_event(stores)
    started = api.post("/api/payments/checkout", CHECKOUT).json
    payments.sessions["cs_test_1"] = payments.sessions[started["sessionId"]]
    with watched(stores.orders._connection) as watching:
        yield watching


def test_a_route_without_an_expectation_would_go_unwatched() -> None:
    assert {*EXPECTED, *ERASES} == set(ROUTES)


@pytest.mark.parametrize("route", list(EXPECTED), ids=" ".join)
def test_a_route_makes_no_more_calls_than_it_needs(traffic: Traffic, route: Route) -> None:
    answer = send_good(route)

    assert answer.status < 300, answer.text
    assert traffic.operations() == EXPECTED[route]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/api/events?city=london", [READ, QUERY]),
        ("/api/events?city=atlantis", [READ]),
        ("/api/events?city=NOT+A+SLUG", []),
        ("/api/events?offset=5000", [READ]),
        ("/api/events?limit=0", []),
        ("/api/events?cursor=x", []),
        ("/api/cities?search=lon", [QUERY]),
        ("/api/cities?orderBy=createdAt", [QUERY]),
        ("/api/cities?includeEventCount=true", [READ, QUERY]),
        ("/api/cities?offset=10000", [READ]),
        ("/api/cities?offset=10001", []),
    ],
)
def test_a_list_reads_what_it_shows_and_no_more(
    api: LambdaApi, traffic: Traffic, url: str, expected: list[str]
) -> None:
    api.get(url)

    assert traffic.operations() == expected


@pytest.mark.parametrize("route", list(EXPECTED), ids=" ".join)
def test_a_304_costs_what_a_200_costs(traffic: Traffic, route: Route) -> None:
    send_good(route, {"If-None-Match": "*"})

    assert traffic.operations() == EXPECTED[route]


def test_a_list_asks_an_index_for_the_page_and_one_more(api: LambdaApi, traffic: Traffic) -> None:
    api.get("/api/events?limit=10")

    (query,) = [call.body for call in traffic.calls if call.operation == QUERY]
    assert (query["IndexName"], query["Limit"]) == ("by_date", 11)
    assert set(query["ExpressionAttributeNames"].values()) >= {"public", "dateKey"}
    assert "FilterExpression" not in query


def test_a_citys_list_asks_that_citys_partition(api: LambdaApi, traffic: Traffic) -> None:
    api.get("/api/events?city=london")

    (query,) = [call.body for call in traffic.calls if call.operation == QUERY]
    assert query["IndexName"] == "by_city"
    assert {"S": "published#london"} in query["ExpressionAttributeValues"].values()


def test_a_checkout_looks_at_the_event_as_it_is_now(api: LambdaApi, traffic: Traffic) -> None:
    api.post("/api/payments/checkout", CHECKOUT)

    assert traffic.calls[0].body["ConsistentRead"] is True


@pytest.mark.parametrize("route", GUARDED, ids=" ".join)
def test_nobody_without_a_token_costs_a_call(traffic: Traffic, route: Route) -> None:
    answer = send(*route, parameters=GOOD[route][0])

    assert answer.status == 401
    assert traffic.operations() == []


def test_a_sold_out_event_costs_one_read(api: LambdaApi, stores: Stores, traffic: Traffic) -> None:
    seed_event(stores, "gone", capacity=0)
    traffic.forget()

    answer = api.post("/api/payments/checkout", {**CHECKOUT, "eventSlug": "gone"})

    assert answer.json["code"] == "SOLD_OUT"
    assert traffic.operations() == [READ]
