"""What each route asks of DynamoDB: as few calls as the design says, and never a scan.

A call is money and some milliseconds of every request, so one more should be a decision.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.events import Event
from chalicelib.store import Stores
from tests.support.fakes import FakePayments
from tests.support.lambda_api import LambdaApi, signed_in
from tests.support.routes import (
    CHECKOUT,
    EMPTY_CITY,
    GOOD,
    GUARDED,
    ROUTES,
    UNSOLD,
    Route,
    open_shop,
    send,
    send_good,
)
from tests.support.seeding import seed_city, seed_event
from tests.support.traffic import Traffic, watched

READ, READ_MANY, QUERY = "GetItem", "BatchGetItem", "Query"
PUT, WRITE, WRITE_MANY, TRANSACT, DELETE = (
    "PutItem",
    "UpdateItem",
    "BatchWriteItem",
    "TransactWriteItems",
    "DeleteItem",
)
# A change that an admin makes is a transaction with its entry of the audit trail.
# What an event is found by, put or deleted; then the mark that said it was not done yet.
WORDS = [WRITE_MANY, DELETE]
# The event as it is now; the change with the numbers it changes; its words with the new facts and
# those that are gone; the event as it is then.
CHANGE = [READ, TRANSACT, WRITE_MANY, *WORDS, READ]

EXPECTED: dict[Route, list[str]] = {
    ("GET", "/"): [],
    ("GET", "/api/openapi.json"): [],
    ("GET", "/api/docs"): [],
    ("GET", "/api/docs/{asset}"): [],
    ("GET", "/api/auth/me"): [],
    # One cheap read, and none of orders or sales.
    ("GET", "/health"): [READ],
    ("GET", "/health/json"): [READ],
    ("GET", "/ready"): [READ],
    ("GET", "/metrics"): [],
    # The total, and one page of an index.
    ("GET", "/api/events"): [READ, QUERY],
    ("GET", "/api/cities"): [READ, QUERY],
    ("GET", "/api/events/{slug}"): [READ],
    ("GET", "/api/events/{slug}/calendar.ics"): [READ],
    ("GET", "/api/cities/{slug}"): [READ],
    # One query a status.
    ("GET", "/api/admin/events"): [READ, QUERY, QUERY, QUERY],
    # The city, an id, the event with its city's count, the total and the day; its words.
    ("POST", "/api/admin/events"): [READ, WRITE, TRANSACT, *WORDS],
    ("GET", "/api/admin/events/{id_or_slug}"): [READ],
    # By its id: from the id to the slug.
    ("PUT", "/api/admin/events/{id_or_slug}"): [QUERY, *CHANGE],
    ("PATCH", "/api/admin/events/{id_or_slug}"): [QUERY, *CHANGE],
    ("DELETE", "/api/admin/events/{id_or_slug}"): [READ, TRANSACT, *WORDS],
    # A page of an index for each status.
    ("GET", "/api/admin/events/export"): [READ, QUERY, QUERY, QUERY],
    # What is there already, the city, an id, the events with their numbers; their words and marks.
    ("POST", "/api/admin/events/import"): [READ_MANY, READ, WRITE, TRANSACT, WRITE_MANY, TRANSACT],
    ("POST", "/api/admin/cities"): [WRITE, TRANSACT],
    ("PUT", "/api/admin/cities/{slug}"): [READ, TRANSACT],
    ("PATCH", "/api/admin/cities/{slug}"): [READ, TRANSACT],
    ("DELETE", "/api/admin/cities/{slug}"): [READ, TRANSACT],
    # The event, the hold, the session's id.
    ("POST", "/api/payments/checkout"): [READ, TRANSACT, PUT],
    ("POST", "/api/payments/create-checkout-session"): [READ, TRANSACT, PUT],
    # From the session to the order, which is paid.
    ("GET", "/api/payments/verify/{session_id}"): [QUERY, READ],
    ("GET", "/api/payments/verify-session/{session_id}"): [QUERY, READ],
    # The buyer's orders, whose index holds their ids only.
    ("GET", "/api/orders"): [QUERY, READ_MANY],
    # By its session: from the session to the order.
    ("GET", "/api/orders/{id}"): [QUERY, READ],
    # And its event.
    ("GET", "/api/orders/{id}/tickets"): [QUERY, READ, READ],
    # Orders of all buyers are spread over eight partitions.
    ("GET", "/api/admin/orders"): [*[QUERY] * 8, READ_MANY],
    ("GET", "/api/admin/orders/{id}"): [READ],
    # Its currency; the order as it is; what is decided; what Stripe says.
    ("POST", "/api/admin/orders/{id}/refund"): [READ, READ, TRANSACT, PUT],
    ("POST", "/api/admin/tickets/{code}/check-in"): [READ, TRANSACT],
    # Entries of all subjects are spread over four partitions; there are none yet.
    ("GET", "/api/admin/audit"): [QUERY] * 4,
    # The event, its city, the change, the event as it is then; its orders; the event with its seats
    # as they are then.
    ("POST", "/api/admin/events/{id_or_slug}/cancel"): [
        *[READ, READ, TRANSACT, *WORDS, READ],
        QUERY,
        READ,
    ],
}
# They are not on a page's path, and say in their own tests what they send.
ERASES = [route for route in ROUTES if "/database/" in route[1]]


@pytest.fixture
def traffic(stores: Stores, payments: FakePayments) -> Iterator[Traffic]:
    open_shop(stores, payments)
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
        # Whether it is the former slug of a city is asked only where nothing was found.
        ("/api/events?city=atlantis", [READ, READ]),
        # In one city, the order by city is the order by date.
        ("/api/events?city=london&orderBy=city", [READ, QUERY]),
        # The words' entries, the marks of events that are being written, the page's events.
        ("/api/events?search=tech", [QUERY, QUERY, READ_MANY]),
        ("/api/events?search=nothing", [QUERY, QUERY]),
        # What one word finds is looked at for the other.
        ("/api/events?search=tech+lon", [QUERY, READ_MANY, QUERY]),
        # Beside words, nothing else costs a call.
        (
            "/api/events?search=tech&city=london&minPrice=1&from=2020-01-01&orderBy=price",
            [QUERY, QUERY, READ_MANY],
        ),
        # The numbers of the days, and the page.
        ("/api/events?from=2099-06-15", [QUERY, QUERY]),
        ("/api/events?from=2099-06-15&city=london", [QUERY, QUERY]),
        # And what there is of a day that is cut.
        ("/api/events?from=2099-06-15T08:00:00Z", [QUERY, QUERY, QUERY]),
        ("/api/events?to=2099-06-15T10:00:00Z&city=london", [QUERY, QUERY, QUERY]),
        ("/api/events?from=2099-06-15T08:00:00Z&to=2099-06-15T10:00:00Z", [QUERY, QUERY, QUERY]),
        # Of days without events there is nothing to count.
        ("/api/events?to=2098-01-01T12:00:00Z", [QUERY]),
        # The facts in the range, and the page's events.
        ("/api/events?from=2099-06-15&orderBy=name", [QUERY, READ_MANY]),
        ("/api/events?minPrice=1", [QUERY, READ_MANY]),
        ("/api/events?minPrice=1&city=london", [QUERY, READ_MANY]),
        ("/api/events?minPrice=1&maxPrice=2000&from=2099-06-15", [QUERY, READ_MANY]),
        ("/api/events?maxPrice=1", [QUERY]),
        # Nothing can be in there.
        ("/api/events?from=2099-06-16&to=2099-06-15", []),
        ("/api/events?minPrice=2&maxPrice=1", []),
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


@pytest.mark.parametrize(
    ("order", "index"),
    [
        ("date", "by_date"),
        ("name", "by_name"),
        ("price", "by_price"),
        ("city", "by_city"),
        ("createdAt", "by_created"),
        ("updatedAt", "by_updated"),
    ],
)
def test_every_order_has_an_index_of_its_own(
    api: LambdaApi, traffic: Traffic, order: str, index: str
) -> None:
    api.get(f"/api/events?orderBy={order}")

    (query,) = [call.body for call in traffic.calls if call.operation == QUERY]
    assert query["IndexName"] == index


def test_the_marks_are_read_as_they_are_now(api: LambdaApi, traffic: Traffic) -> None:
    api.get("/api/events?search=tech")

    entries, marks = [call.body for call in traffic.calls if call.operation == QUERY]
    assert "ConsistentRead" not in entries or entries["ConsistentRead"] is False
    assert marks["ConsistentRead"] is True
    assert {"S": "#marks"} in marks["ExpressionAttributeValues"].values()


def test_pages_cost_no_more_calls_where_there_are_more_events(
    api: LambdaApi, stores: Stores, traffic: Traffic
) -> None:
    urls = [
        "/api/events?limit=5",
        "/api/events?limit=5&search=t",
        "/api/events?limit=5&minPrice=1",
        "/api/events?limit=5&from=2020-01-01&orderBy=name",
        "/api/events?limit=5&from=2020-01-01&city=london",
    ]

    def calls(url: str) -> list[str]:
        traffic.forget()
        assert api.get(url).json["pagination"]["limit"] == 5
        return traffic.operations()

    few = [calls(url) for url in urls]
    for number in range(30):
        seed_event(stores, f"event-{number}x")

    assert [calls(url) for url in urls] == few


@pytest.mark.parametrize(
    ("method", "name", "body", "expected"),
    [
        ("GET", "1", None, [QUERY, READ]),
        ("GET", "999", None, [QUERY, QUERY, QUERY]),
        ("GET", "nowhere", None, [READ]),
        ("GET", "NOT A SLUG", None, []),
        ("GET", "9" * 30, None, []),
        ("PATCH", UNSOLD, {}, [READ]),
        ("PATCH", UNSOLD, {"name": "Tech Conference"}, [READ]),
        ("PATCH", UNSOLD, {"price": 1}, [READ, TRANSACT, *WORDS, READ]),
        # The city that it comes to is read before.
        ("PATCH", UNSOLD, {"citySlug": "porto"}, [READ, *CHANGE]),
        ("PATCH", UNSOLD, {"slug": "renamed"}, [READ, TRANSACT, *WORDS, READ]),
        ("PATCH", UNSOLD, {"price": -1}, []),
        ("DELETE", "2", None, [QUERY, READ, TRANSACT, *WORDS]),
        # Why it was refused is looked up.
        ("DELETE", "tech-conference", None, [READ, TRANSACT, READ]),
    ],
)
def test_an_admins_work_on_an_event_costs_what_it_changes(
    stores: Stores,
    traffic: Traffic,
    method: str,
    name: str,
    body: dict[str, Any] | None,
    expected: list[str],
) -> None:
    seed_city(stores, "porto")
    traffic.forget()

    send(
        method,
        "/api/admin/events/{id_or_slug}",
        caller=signed_in(),
        parameters={"id_or_slug": name},
        body=None if body is None else json.dumps(body),
    )

    assert traffic.operations() == expected


# A city's events: a query of each status, and one more of the status that has some.
LOOK = [QUERY] * 4
# Two events of a city and what it is called now are read; each event is written with its words.
FOLLOW = [READ_MANY, READ, *[TRANSACT, *WORDS] * 2]


@pytest.mark.parametrize(
    ("method", "slug", "body", "expected"),
    [
        ("PATCH", "nowhere", {}, [READ]),
        ("PATCH", "NOT A SLUG", {}, []),
        ("PATCH", "london", {}, [READ]),
        ("PATCH", "london", {"name": "London"}, [READ]),
        ("PATCH", "london", {"name": ""}, []),
        ("PATCH", EMPTY_CITY, {"name": "Calm"}, [READ, TRANSACT, READ, *[QUERY] * 3]),
        ("PATCH", "london", {"name": "Londinium"}, [READ, TRANSACT, READ, *LOOK, *FOLLOW]),
        ("PATCH", "london", {"slug": EMPTY_CITY}, [READ, TRANSACT]),
        # Why it was refused is looked up.
        ("DELETE", "london", None, [READ, TRANSACT, READ]),
    ],
)
def test_an_admins_work_on_a_city_costs_what_it_changes(
    traffic: Traffic, method: str, slug: str, body: dict[str, Any] | None, expected: list[str]
) -> None:
    send(
        method,
        "/api/admin/cities/{slug}",
        caller=signed_in(),
        parameters={"slug": slug},
        body=None if body is None else json.dumps(body),
    )

    assert traffic.operations() == expected


def test_an_edit_that_comes_too_late_costs_one_read(traffic: Traffic) -> None:
    answer = send(
        "PATCH",
        "/api/admin/events/{id_or_slug}",
        caller=signed_in(),
        headers={"If-Match": '"of-another-time"'},
        parameters={"id_or_slug": UNSOLD},
        body='{"price": 1}',
    )

    assert answer.status == 412
    assert traffic.operations() == [READ]


@pytest.mark.parametrize("route", list(EXPECTED), ids=" ".join)
def test_a_304_costs_what_a_200_costs(traffic: Traffic, route: Route) -> None:
    send_good(route, {"If-None-Match": "*"})

    assert traffic.operations() == EXPECTED[route]


def test_a_list_asks_an_index_for_the_page_and_one_more(api: LambdaApi, traffic: Traffic) -> None:
    api.get("/api/events?limit=10")

    (query,) = [call.body for call in traffic.calls if call.operation == QUERY]
    assert (query["IndexName"], query["Limit"]) == ("by_date", 11)
    # What the index sorts by follows from what is sent.
    assert set(query["ExpressionAttributeNames"].values()) == {"public", "status"}
    assert "FilterExpression" not in query


def test_a_citys_list_asks_that_citys_partition(api: LambdaApi, traffic: Traffic) -> None:
    api.get("/api/events?city=london")

    (query,) = [call.body for call in traffic.calls if call.operation == QUERY]
    assert query["IndexName"] == "in_city_by_date"
    assert {"S": "published#london"} in query["ExpressionAttributeValues"].values()


def test_a_checkout_looks_at_the_event_as_it_is_now(api: LambdaApi, traffic: Traffic) -> None:
    api.post("/api/payments/checkout", CHECKOUT)

    assert traffic.calls[0].body["ConsistentRead"] is True


class TestAnEventWhoseStockIsInSeveralPlaces:
    """One that many buy tickets of: a page view costs a call more, a sale no more writes."""

    @pytest.fixture
    def event(self, stores: Stores, traffic: Traffic, capacity: int | None) -> Event:
        """An event of which something is sold: its first sale makes the places."""
        event = seed_event(stores, "popular", capacity=capacity)
        traffic.forget()
        assert self.buy() == [READ, TRANSACT, TRANSACT, PUT]
        return event

    @pytest.fixture(autouse=True)
    def _watched(self, api: LambdaApi, traffic: Traffic) -> None:
        self.api, self.traffic = api, traffic

    def buy(self, quantity: int = 2) -> list[str]:
        """Buy tickets; return what it took."""
        self.traffic.forget()
        total = quantity * 149.99
        body = {
            **CHECKOUT,
            "eventSlug": "popular",
            "quantity": quantity,
            "totalAmount": round(total, 2),
        }
        answer = self.api.post("/api/payments/checkout", body)
        assert answer.status == 201, answer.text
        return self.traffic.operations()

    def ask(self, method: str, url: str, body: Any = None) -> list[str]:
        """Send an admin's request; return what it took."""
        self.traffic.forget()
        answer = self.api.request(method, url, json_body=body, caller=signed_in())
        assert answer.status < 300, answer.text
        return self.traffic.operations()

    @pytest.mark.parametrize(
        ("capacity", "sale", "view"),
        [
            # A look at some of the places.
            (400, [READ, READ_MANY, TRANSACT, PUT], [READ, READ_MANY]),
            # There are always seats, and how many is not shown.
            (None, [READ, TRANSACT, PUT], [READ]),
        ],
    )
    def test_a_sale_and_a_page_view(self, event: Event, sale: list[str], view: list[str]) -> None:
        assert self.buy() == sale
        assert self.ask("GET", f"/api/events/{event.slug}") == view
        assert self.ask("GET", f"/api/events/{event.slug}/calendar.ics") == [READ]
        assert self.ask("GET", "/api/events") == [READ, QUERY]

    @pytest.mark.parametrize("capacity", [400])
    def test_an_admins_work(self, event: Event) -> None:
        url = f"/api/admin/events/{event.slug}"
        seen = [READ, READ_MANY]
        assert self.ask("GET", url) == seen
        # What is no term of a sale reaches no place.
        assert self.ask("PATCH", url, {"alt": "Drums"}) == [READ, TRANSACT, *WORDS, *seen]
        assert self.ask("PATCH", url, {"price": 1}) == [READ, TRANSACT, *WORDS, *seen]
        assert self.ask("PATCH", url, {"capacity": 500}) == [READ, TRANSACT, *WORDS, *seen]
        # Where there are free seats to take is read before.
        lower = [READ, READ, READ_MANY, TRANSACT, *WORDS, *seen]
        assert self.ask("PATCH", url, {"capacity": 450}) == lower


@pytest.mark.parametrize("capacity", [199, 200])
def test_only_an_event_with_many_seats_has_them_in_several_places(
    api: LambdaApi, stores: Stores, traffic: Traffic, capacity: int
) -> None:
    seed_event(stores, "big", capacity=capacity)
    traffic.forget()

    api.post("/api/payments/checkout", {**CHECKOUT, "eventSlug": "big"})

    assert traffic.operations().count(TRANSACT) == 1 + (capacity == 200)


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
