"""A request as views see it."""

import base64
from types import SimpleNamespace

import pytest
from chalice.app import Request

from chalicelib.domain.identity import Caller
from chalicelib.errors import Forbidden, InvalidInput, PayloadTooLarge, Unauthenticated
from chalicelib.http import requests
from chalicelib.http.requests import MAX_BODY_BYTES, ApiRequest
from tests.support.api_requests import an_api_request
from tests.support.lambda_api import proxy_event

NOW = 1_800_000_000
CALLER = {"principalId": "user_1", "role": "admin", "sessionId": "sess_1", "expiresAt": str(NOW)}


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock that a token's end is compared with."""
    monkeypatch.setattr(requests, "time", SimpleNamespace(time=lambda: float(NOW)))


def body_refusal(body: str, *, is_base64_encoded: bool = False) -> tuple[str, str]:
    request = an_api_request("POST", body=body, is_base64_encoded=is_base64_encoded)
    with pytest.raises(InvalidInput) as refused:
        request.json_object()
    [problem] = refused.value.problems
    return problem.message, problem.type


def test_a_request_has_the_gateways_id() -> None:
    assert an_api_request().id == "req-1"


@pytest.mark.parametrize(
    ("sent", "location"),
    [
        ("/api/admin/events", "/api/events/gala"),
        ("/api/admin/events/", "/api/events/gala"),
        ("/dev/api/admin/events", "/dev/api/events/gala"),
        ("/tickets/v1/api/admin/events", "/tickets/v1/api/events/gala"),
        ("/somewhere/else", "/api/events/gala"),
    ],
)
def test_a_location_is_behind_the_prefix_that_the_request_came_by(sent: str, location: str) -> None:
    request = Request(proxy_event("POST", "/api/admin/events", path=sent))

    assert ApiRequest(request, {}).location_of("/api/events/gala") == location


def test_logs_get_the_pattern_of_the_route_and_not_the_path() -> None:
    request = an_api_request("POST", "/api/payments/verify/{id}", path={"id": "cs_1"}, headers={})
    assert request.method_and_path == "POST /api/payments/verify/{id}"


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("gala", "gala"),
        ("z%C3%BCrich", "zürich"),
        ("a%2Fb", "a/b"),
        ("%252F", "%2F"),
        ("%00", "\x00"),
        ("%FF", "\ufffd"),
        ("100%", "100%"),
    ],
)
def test_a_path_parameter_is_decoded_once(sent: str, name: str) -> None:
    assert an_api_request(path={"name": sent}).path("name") == name


@pytest.mark.parametrize("name", ["If-None-Match", "if-none-match", "IF-NONE-MATCH"])
def test_a_header_is_found_in_any_letter_case(name: str) -> None:
    assert an_api_request(headers={name: "x"}).header("If-None-Match") == "x"


def test_a_header_that_was_not_sent_is_none() -> None:
    assert an_api_request().header("Origin") is None


def test_a_query_parameter_is_read() -> None:
    request = an_api_request(query={"city": ["london"]})
    assert request.query("city") == "london"
    assert request.query("limit") is None
    assert an_api_request().query("city") is None


def test_a_body_is_a_json_object() -> None:
    assert an_api_request("POST", body='{"name": "Zürich"}').json_object() == {"name": "Zürich"}


def test_a_body_may_come_as_base64() -> None:
    body = base64.b64encode('{"name": "Zürich"}'.encode()).decode()
    request = an_api_request("POST", body=body, is_base64_encoded=True)
    assert request.json_object() == {"name": "Zürich"}


def a_body_of(size: int) -> str:
    return '{"a": "' + "x" * (size - 9) + '"}'


def test_a_body_of_100_kb_is_read() -> None:
    assert an_api_request("POST", body=a_body_of(MAX_BODY_BYTES)).json_object()


def test_a_larger_body_is_refused() -> None:
    request = an_api_request("POST", body=a_body_of(MAX_BODY_BYTES + 1))
    with pytest.raises(PayloadTooLarge, match="100000 bytes"):
        request.json_object()


def test_a_bodys_size_is_counted_in_bytes() -> None:
    with pytest.raises(PayloadTooLarge):
        an_api_request("POST", body='{"a": "' + "ü" * 50_000 + '"}').json_object()


def test_a_large_body_is_too_large_before_it_is_wrong() -> None:
    body = base64.b64encode(b"\xff" * (MAX_BODY_BYTES + 1)).decode()
    with pytest.raises(PayloadTooLarge):
        an_api_request("POST", body=body, is_base64_encoded=True).json_object()


def test_a_body_that_is_not_utf_8_is_refused() -> None:
    body = base64.b64encode(b'{"a": "\xff"}').decode()
    assert body_refusal(body, is_base64_encoded=True) == (
        "the body must be UTF-8",
        "json_invalid",
    )


@pytest.mark.parametrize("body", ["e", "ü", "\ud800"])
def test_a_body_that_is_not_base64_is_refused(body: str) -> None:
    assert body_refusal(body, is_base64_encoded=True) == ("the body must be JSON", "json_invalid")


def test_a_body_with_half_a_character_is_refused() -> None:
    assert body_refusal('{"a": "\ud800"}') == ("the body must be JSON", "json_invalid")


def test_no_body_is_no_json() -> None:
    with pytest.raises(InvalidInput, match="the body must be JSON"):
        an_api_request("POST").json_object()


def test_no_body_is_an_empty_object_where_none_is_needed() -> None:
    assert an_api_request("POST").optional_json_object() == {}
    assert an_api_request("POST", body="").optional_json_object() == {}
    assert an_api_request("POST", body='{"a": 1}').optional_json_object() == {"a": 1}


@pytest.mark.parametrize("body", [" ", "null", "[]", "{", "x"])
def test_a_body_that_is_sent_is_json_even_where_none_is_needed(body: str) -> None:
    with pytest.raises(InvalidInput, match="the body must be"):
        an_api_request("POST", body=body).optional_json_object()


def test_a_caller_is_who_the_authorizer_says() -> None:
    request = an_api_request(authorizer=CALLER)
    assert request.caller() == Caller("user_1", "admin", "sess_1", NOW)
    assert request.admin() == request.caller()


def test_a_caller_without_role_and_session_is_still_a_caller() -> None:
    request = an_api_request(authorizer={"principalId": "user_1", "expiresAt": str(NOW)})
    assert request.caller() == Caller("user_1", "", "", NOW)


@pytest.mark.parametrize("context", [None, {}, {"principalId": "", "expiresAt": str(NOW)}])
def test_nobody_is_no_caller(context: dict[str, str] | None) -> None:
    with pytest.raises(Unauthenticated, match="sign in"):
        an_api_request(authorizer=context).caller()


def test_logs_get_the_callers_id_even_of_a_token_that_ran_out() -> None:
    assert an_api_request(authorizer=expiring(NOW - 600)).user_id == "user_1"
    assert an_api_request().user_id is None


def expiring(at: int) -> dict[str, str]:
    return {**CALLER, "expiresAt": str(at)}


def test_a_token_that_ran_out_while_its_policy_was_cached_is_refused() -> None:
    with pytest.raises(Unauthenticated, match="expired"):
        an_api_request(authorizer=expiring(NOW - 6)).caller()


def test_a_clock_that_is_five_seconds_off_locks_nobody_out() -> None:
    assert an_api_request(authorizer=expiring(NOW - 5)).caller().user_id == "user_1"


@pytest.mark.parametrize("role", ["", "user", "Admin", "administrator", "admin "])
def test_who_is_not_an_admin_is_forbidden(role: str) -> None:
    with pytest.raises(Forbidden):
        an_api_request(authorizer={**CALLER, "role": role}).admin()


def test_an_admin_whose_token_ran_out_is_unknown_rather_than_forbidden() -> None:
    with pytest.raises(Unauthenticated):
        an_api_request(authorizer=expiring(NOW - 6)).admin()
