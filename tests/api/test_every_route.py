"""What holds for every route and every error: headers, CORS, preflights, request ids, one shape.

The routes are the app's own, so a new one is under these tests from its first day.
"""

import inspect
import json
import re

import pytest

from app import app
from chalicelib import wiring
from chalicelib.http.operations import ETAG, description_of
from chalicelib.services import samples
from chalicelib.services.sample_catalogue import EVENTS
from chalicelib.store import Stores
from tests.support.answers import check_common_headers, problem
from tests.support.fakes import FakePayments
from tests.support.lambda_api import Answer, signed_in
from tests.support.log_lines import captured_log
from tests.support.routes import (
    ANY_PATH,
    FOR_ANY_CALLER,
    GOOD,
    GUARDED,
    KEPT,
    MEDIA_TYPES,
    ROUTES,
    WITHOUT_PARTS,
    Route,
    open_shop,
    send,
    send_good,
)
from tests.support.seeding import seed_city
from tests.support.tables import MotoTables

# What a view asks `wiring` for, and must not tell of.
PARTS = [
    name
    for name, part in inspect.getmembers(wiring, callable)
    if part.__module__ == wiring.__name__ and name not in {"http_settings", "admin_settings", "log"}
]


@pytest.fixture
def shop(stores: Stores, payments: FakePayments, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something to look at, to buy and to verify, and few samples to put in its place."""
    monkeypatch.setattr(samples, "EVENTS", EVENTS[:2])
    open_shop(stores, payments)


def test_a_route_without_a_good_request_here_would_go_untested() -> None:
    assert sorted(GOOD) == ROUTES


def test_a_route_of_an_admin_or_an_account_without_the_authorizer_would_be_open_to_all() -> None:
    private = [(m, p) for m, p in ROUTES if "/admin/" in p or "/auth/" in p or p == "/api/orders"]

    assert private == GUARDED


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_a_good_answer_carries_every_header(route: Route) -> None:
    answer = send_good(route)

    assert answer.status in {200, 201, 204}, answer.text
    check_common_headers(answer)
    if answer.status == 204:
        assert answer.text == ""
    else:
        assert answer.headers["content-type"] == MEDIA_TYPES.get(route, "application/json")
        assert route in MEDIA_TYPES or isinstance(answer.json, dict)


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_only_public_events_and_cities_may_be_cached(route: Route) -> None:
    _, path = route
    public = path.startswith(("/api/events", "/api/cities"))

    answer = send_good(route)

    expected = "public, max-age=30, stale-while-revalidate=60" if public else "no-store"
    assert answer.headers["cache-control"] == KEPT.get(route, expected)
    assert "etag" in answer.headers or not public
    assert ("etag" in answer.headers) is _is_tagged(route)


def _is_tagged(route: Route) -> bool:
    """Tell whether the document promises an ETag."""
    method, path = route
    described = description_of(app.routes[path][method].view_function)
    assert described is not None
    return ETAG in described.operation.answers[0].headers


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("route", GUARDED, ids=" ".join)
def test_nobody_gets_in_without_a_caller(route: Route) -> None:
    parameters, body = GOOD[route]

    answer = send(*route, parameters=parameters, body=json.dumps(body))

    problem(answer, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("route", GUARDED, ids=" ".join)
def test_a_kept_answer_of_the_authorizer_does_not_outlive_its_token(route: Route) -> None:
    parameters, body = GOOD[route]

    answer = send(*route, caller=signed_in(ttl=-60), parameters=parameters, body=json.dumps(body))

    assert problem(answer, "UNAUTHORIZED")["message"] == "the token has expired"
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "route", [route for route in GUARDED if route not in FOR_ANY_CALLER], ids=" ".join
)
@pytest.mark.parametrize("role", ["", "user", "Admin", "admin "])
def test_who_is_no_admin_is_refused_and_nothing_is_written(
    route: Route, role: str, tables: MotoTables
) -> None:
    seed_city(tables.stores)
    before = tables.contents()
    parameters, body = GOOD[route]

    answer = send(*route, caller=signed_in(role=role), parameters=parameters, body=json.dumps(body))

    problem(answer, "FORBIDDEN")
    assert tables.contents() == before


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route not in WITHOUT_PARTS], ids=" ".join
)
def test_an_error_that_nobody_expected_tells_nothing_of_itself(
    route: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("password=hunter2")

    for part in PARTS:
        monkeypatch.setattr(wiring, part, broken)

    answer = send_good(route)

    assert problem(answer, "INTERNAL_ERROR")["message"] == "something went wrong on our side"
    assert "hunter2" not in answer.text + str(answer.headers)


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize("route", [route for route in ROUTES if "slug}" in route[1]], ids=" ".join)
@pytest.mark.parametrize("name", ["nowhere", "NOT A SLUG", "999", "9" * 40, "x" * 3000])
def test_what_is_not_there_is_a_404_of_the_contracts_shape(route: Route, name: str) -> None:
    parameters, body = GOOD[route]

    answer = send(
        *route,
        caller=signed_in(),
        parameters=dict.fromkeys(parameters, name),
        body=json.dumps(body),
    )

    problem(answer, "NOT_FOUND")


class TestCorsWithAList:
    """The origins are a list: each gets itself back, others nothing."""

    @pytest.fixture(autouse=True)
    def _origins(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CORS_ORIGINS", "https://a.example, https://b.example:8443")

    @pytest.mark.usefixtures("shop")
    @pytest.mark.parametrize("route", ROUTES, ids=" ".join)
    @pytest.mark.parametrize("origin", ["https://a.example", "https://b.example:8443"])
    def test_a_listed_origin_gets_itself_back(self, route: Route, origin: str) -> None:
        headers = send_good(route, {"oRiGiN": origin}).headers

        assert headers["access-control-allow-origin"] == origin
        assert headers["vary"] == "Accept-Encoding, Origin"
        assert "ETag" in headers["access-control-expose-headers"]

    @pytest.mark.usefixtures("shop")
    @pytest.mark.parametrize("route", ROUTES, ids=" ".join)
    @pytest.mark.parametrize(
        "origin", ["https://evil.example", "https://a.example.evil.example", "null", None]
    )
    def test_another_origin_gets_none(self, route: Route, origin: str | None) -> None:
        headers = send_good(route, {"Origin": origin} if origin else {}).headers

        assert not [name for name in headers if name.startswith("access-control-")]
        assert headers["vary"] == "Accept-Encoding, Origin"

    @pytest.mark.usefixtures("tables")
    def test_an_error_may_be_read_by_a_listed_origin_too(self) -> None:
        answer = send("GET", "/api/admin/events", headers={"Origin": "https://a.example"})

        assert answer.status == 401
        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        assert answer.headers["vary"] == "Accept-Encoding, Origin"

    @pytest.mark.usefixtures("tables")
    def test_a_304_may_be_read_by_a_listed_origin_too(self) -> None:
        headers = {"Origin": "https://a.example", "If-None-Match": "*"}

        answer = send("GET", "/api/events", headers=headers)

        assert answer.status == 304
        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        assert answer.headers["vary"] == "Accept-Encoding, Origin"

    def test_a_preflight_of_another_origin_allows_nothing(self) -> None:
        answer = send("OPTIONS", "/api/events", headers={"Origin": "https://evil.example"})

        assert answer.status == 204
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["vary"] == "Accept-Encoding, Origin"

    def test_a_preflight_of_a_listed_origin_is_for_that_origin_only(self) -> None:
        answer = send("OPTIONS", "/api/events", headers={"Origin": "https://a.example"})

        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        assert answer.headers["vary"] == "Accept-Encoding, Origin"
        assert answer.headers["access-control-max-age"] == "600"


@pytest.mark.parametrize("path", sorted({path for _, path in ROUTES} | {ANY_PATH}))
def test_a_preflight_asks_for_no_token_and_allows_what_the_contract_lists(path: str) -> None:
    captured = dict.fromkeys(re.findall(r"{(\w+)\+?}", path), "anything")

    answer = send("OPTIONS", path, headers={"Origin": "https://x.example"}, parameters=captured)

    assert (answer.status, answer.text) == (204, "")
    check_common_headers(answer)
    assert answer.headers["access-control-max-age"] == "600"
    assert _words(answer, "access-control-allow-methods") == {
        "GET",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
    }
    assert _words(answer, "access-control-allow-headers") >= {
        "Content-Type",
        "Authorization",
        "Accept",
        "X-Requested-With",
        "X-Api-Key",
        "Idempotency-Key",
        "If-None-Match",
    }
    assert _words(answer, "access-control-expose-headers") == {
        "ETag",
        "X-Request-Id",
        "Retry-After",
        "Location",
        "X-Next-Cursor",
    }


def test_a_preflight_behind_the_authorizer_would_never_get_through() -> None:
    assert all(methods["OPTIONS"].authorizer is None for methods in app.routes.values())


def _words(answer: Answer, header: str) -> set[str]:
    return {word.strip() for word in answer.headers[header].split(",")}


def test_the_front_door_says_where_the_documentation_is() -> None:
    answer = send("GET", "/")

    assert list(answer.json) == ["message", "version", "documentation"]
    assert answer.json["documentation"] == "/api/docs"


def test_a_refusal_leaves_a_line_that_says_who_what_and_which_request() -> None:
    with captured_log() as log:
        send("POST", "/api/admin/cities", caller=signed_in("user_7", role="user"), body="{}")

    (line,) = log.of("security")
    names = ("message", "by", "route", "code", "reason", "requestId")
    shown = {name: line[name] for name in names}
    assert shown == {
        "message": "request_refused",
        "by": "user_7",
        "route": "POST /api/admin/cities",
        "code": "FORBIDDEN",
        "reason": "only admins may do this",
        "requestId": "req-1",
    }
