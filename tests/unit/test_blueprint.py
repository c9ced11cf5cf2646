"""Where views are wrapped: every outcome becomes a response of the contract's shape."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from chalice.app import Chalice, Response

from chalicelib import wiring
from chalicelib.errors import (
    ConfigurationError,
    EventsApiError,
    Forbidden,
    InvalidInput,
    NotFound,
    PaymentProviderError,
    Unauthenticated,
    Unavailable,
)
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.headers import SECURITY_HEADERS
from chalicelib.http.operations import (
    IF_NONE_MATCH,
    Operation,
    PathParameter,
    Tag,
    description_of,
)
from chalicelib.http.operations import (
    Answer as DescribedAnswer,
)
from chalicelib.http.query import ChoiceParameter
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import json_response, public_json
from chalicelib.log_context import bind_order
from tests.support.lambda_api import Answer, LambdaApi, signed_in
from tests.support.log_lines import LogLines

SECRET = "sk_test_hunter2"
OPERATION = Operation(
    summary="Show a thing",
    tag=Tag.OPERATIONS,
    parameters=(
        PathParameter("name", "Its name.", example="a"),
        ChoiceParameter("sortOrder", {"asc": 1}, 1, aliases=("order",)),
        IF_NONE_MATCH,
    ),
    answers=(DescribedAnswer("The thing."),),
)


def an_api(view: Callable[[ApiRequest], Response]) -> LambdaApi:
    blueprint = ApiBlueprint("views")
    blueprint.api("/things/{name}", "/older/{name}", methods=("GET", "POST"), describes=OPERATION)(
        view
    )
    app = Chalice("test", configure_logs=False)
    app.register_blueprint(blueprint)
    return LambdaApi(app)


def answer_to(error: Exception, **request: Any) -> Answer:
    def view(_request: ApiRequest) -> Response:
        raise error

    return an_api(view).get("/things/a", **request)


def show_name(request: ApiRequest) -> Response:
    return json_response({"name": request.path("name")})


def test_a_malformed_list_of_origins_is_a_500_of_the_contracts_shape(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "shop.example")
    wiring.http_settings.cache_clear()
    answer = an_api(show_name).get("/things/a", headers={"Origin": "https://shop.example"})
    assert (answer.status, answer.json["code"]) == (500, "INTERNAL_ERROR")
    assert {name.lower() for name in SECURITY_HEADERS} <= answer.headers.keys()
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("url", ["/things/z%C3%BCrich", "/older/z%C3%BCrich"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_view_answers_under_each_path_and_verb(method: str, url: str) -> None:
    answer = an_api(show_name).request(method, url)
    assert (answer.status, answer.json) == (200, {"name": "zürich"})


def test_a_body_of_any_content_type_reaches_the_view() -> None:
    answer = an_api(lambda request: json_response(request.json_object())).post(
        "/things/a", {"a": 1}, headers={"Content-Type": "text/plain"}
    )
    assert (answer.status, answer.json) == (200, {"a": 1})


ANSWERS: list[Callable[[], Answer]] = [
    lambda: an_api(show_name).get("/things/a"),
    lambda: an_api(lambda request: public_json(request, "{}")).get("/things/a"),
    lambda: answer_to(InvalidInput.of("a", "is wrong")),
    lambda: answer_to(Unauthenticated("who?")),
    lambda: answer_to(Unavailable("down")),
    lambda: answer_to(ZeroDivisionError("oops")),
]


@pytest.mark.parametrize("ask", ANSWERS)
def test_no_response_lacks_the_headers_of_all_responses(ask: Callable[[], Answer]) -> None:
    headers = ask().headers
    for name, value in SECURITY_HEADERS.items():
        assert headers[name.lower()] == value
    assert headers["x-request-id"] == "req-1"
    assert headers["access-control-allow-origin"] == "*"
    assert "cache-control" in headers


def test_only_what_a_view_makes_public_is_kept_by_caches() -> None:
    controls = [ask().headers["cache-control"] for ask in ANSWERS]
    assert [control.split(",")[0] for control in controls] == [
        "no-store", "public", "no-store", "no-store", "no-store", "no-store",
    ]  # fmt: skip


def test_a_listed_origin_is_told_apart_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example")
    wiring.http_settings.cache_clear()
    api = an_api(show_name)
    mine = api.get("/things/a", headers={"Origin": "https://a.example"})
    other = api.get("/things/a", headers={"Origin": "https://evil.example"})
    assert mine.headers["access-control-allow-origin"] == "https://a.example"
    assert "access-control-allow-origin" not in other.headers
    assert mine.headers["vary"] == other.headers["vary"] == "Accept-Encoding, Origin"


def test_a_domain_error_becomes_a_response_and_no_log_line(log_lines: LogLines) -> None:
    answer = answer_to(NotFound("no such event"))
    assert answer.status == 404
    assert answer.json == {
        "statusCode": 404,
        "error": "Not Found",
        "code": "NOT_FOUND",
        "message": "no such event",
        "requestId": "req-1",
    }
    assert log_lines.text == ""


@pytest.mark.parametrize(
    ("error", "header", "value"),
    [
        (Unavailable("down"), "retry-after", "2"),
        (Unauthenticated("sign in to do this"), "www-authenticate", "Bearer"),
    ],
)
def test_an_error_brings_its_own_header(error: EventsApiError, header: str, value: str) -> None:
    assert answer_to(error).headers[header] == value


def test_an_unexpected_exception_is_a_500_that_does_not_tell_its_text(
    log_lines: LogLines,
) -> None:
    answer = answer_to(ValueError(f"no such key {SECRET}"))
    assert answer.status == 500
    assert answer.json == {
        "statusCode": 500,
        "error": "Internal Server Error",
        "code": "INTERNAL_ERROR",
        "message": "something went wrong on our side",
        "requestId": "req-1",
    }
    [line] = log_lines.of("crash")
    assert (line["level"], line["message"]) == ("ERROR", "unexpected_error")
    assert line["route"] == "GET /things/{name}"
    assert line["requestId"] == "req-1"
    assert "ValueError" in line["exception"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unavailable("down"), "UNAVAILABLE"),
        (PaymentProviderError("down"), "PAYMENT_PROVIDER_ERROR"),
        (ConfigurationError("the setting JWT_ISSUER is missing"), "INTERNAL_ERROR"),
    ],
)
def test_a_failure_of_ours_is_logged_with_its_trace(
    log_lines: LogLines, error: EventsApiError, code: str
) -> None:
    assert answer_to(error).json["code"] == code
    [line] = log_lines.of("crash")
    assert (line["message"], line["code"]) == ("request_failed", code)
    assert type(error).__name__ in line["exception"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unauthenticated("sign in to do this"), "UNAUTHORIZED"),
        (Forbidden("only admins may do this"), "FORBIDDEN"),
    ],
)
def test_a_refusal_leaves_a_security_line(
    log_lines: LogLines, capsys: pytest.CaptureFixture[str], error: EventsApiError, code: str
) -> None:
    assert answer_to(error, caller=signed_in("user_1")).json["code"] == code
    assert json.loads(capsys.readouterr().out)["RequestRefused"] == [1.0]
    [line] = log_lines.of("security")
    assert (line["level"], line["message"]) == ("WARNING", "request_refused")
    assert (line["route"], line["code"]) == ("GET /things/{name}", code)
    assert (line["by"], line["requestId"]) == ("user_1", "req-1")
    assert line["userId"] == "user_1"


def test_a_line_of_a_guests_request_names_nobody_of_the_one_before(log_lines: LogLines) -> None:
    def view(request: ApiRequest) -> Response:
        wiring.log().audit("seen", {})
        if request.user_id is not None:
            bind_order("01J")
            wiring.log().audit("seen", {})
        return json_response({})

    api = an_api(view)
    api.get("/things/a", caller=signed_in("user_1"))
    api.get("/things/a")

    assert [(line.get("userId"), line.get("orderId")) for line in log_lines] == [
        ("user_1", None),
        ("user_1", "01J"),
        (None, None),
    ]


def test_a_log_line_holds_neither_token_nor_query(log_lines: LogLines) -> None:
    def view(_request: ApiRequest) -> Response:
        raise Forbidden("only admins may do this")

    an_api(view).get(
        f"/things/{SECRET}?key={SECRET}", headers={"Authorization": f"Bearer {SECRET}"}
    )
    assert log_lines.of("security")
    assert SECRET not in log_lines.text


@pytest.mark.parametrize("name", ["sortOrder", "order"])
def test_a_view_may_read_what_its_route_describes(name: str) -> None:
    api = an_api(lambda request: json_response({"value": request.query(name)}))
    assert api.get(f"/things/a?{name}=asc").json == {"value": "asc"}


@pytest.mark.parametrize(
    "read",
    [
        lambda request: request.query("city"),
        # The letter case of a parameter's name matters, and a header is no parameter.
        lambda request: request.query("sortorder"),
        lambda request: request.query("If-None-Match"),
        lambda request: request.header("If-Match"),
        lambda request: request.header("sortOrder"),
    ],
)
def test_a_view_that_reads_what_its_route_does_not_describe_fails_whatever_is_sent(
    read: Callable[[ApiRequest], object], log_lines: LogLines
) -> None:
    answer = an_api(lambda request: json_response({"value": read(request)})).get("/things/a")

    assert (answer.status, answer.json["code"]) == (500, "INTERNAL_ERROR")
    [line] = log_lines.of("crash")
    assert "does not describe what it reads" in line["exception"]


def test_a_header_may_be_read_in_any_letter_case() -> None:
    api = an_api(lambda request: json_response({"tag": request.header("iF-NONE-mAtch")}))
    answer = api.get("/things/a", headers={"If-None-Match": '"1"'})
    assert answer.json == {"tag": '"1"'}


def test_a_route_carries_its_description_and_the_views_docstring() -> None:
    def show_thing(_request: ApiRequest) -> Response:
        """Show a thing.

        At length.
        """
        return json_response({})

    blueprint = ApiBlueprint("views")
    blueprint.api("/things", "/older", methods=("GET", "PUT"), describes=OPERATION)(show_thing)
    app = Chalice("test", configure_logs=False)
    app.register_blueprint(blueprint)

    found = description_of(app.routes["/older"]["PUT"].view_function)

    assert found is not None
    assert found.operation is OPERATION
    assert (found.view, found.longer) == ("show_thing", "Show a thing.\n\nAt length.")
    assert (found.paths, found.methods) == (("/things", "/older"), ("GET", "PUT"))


def test_a_preflight_has_no_description() -> None:
    blueprint = ApiBlueprint("views")
    blueprint.api("/things", describes=None, methods=("OPTIONS",))(show_name)
    app = Chalice("test", configure_logs=False)
    app.register_blueprint(blueprint)

    assert description_of(app.routes["/things"]["OPTIONS"].view_function) is None
