"""Preflights: answered for every path, with the app's own list of origins."""

from typing import Any

import pytest

from app import app
from chalicelib import wiring
from chalicelib.http.headers import SECURITY_HEADERS
from chalicelib.http.preflight import ANY_PATH
from tests.support.lambda_api import proxy_event


def preflight(resource: str, origin: str = "https://a.example") -> Any:
    event = proxy_event(
        "OPTIONS",
        resource,
        path_parameters={"slug": "gala", "session_id": "cs_1", "proxy": "no/such/path"},
        headers={"Origin": origin, "Access-Control-Request-Method": "POST"},
    )
    return app(event, None)


@pytest.mark.parametrize("resource", sorted(app.routes))
def test_no_path_lacks_a_preflight(resource: str) -> None:
    assert "OPTIONS" in app.routes[resource]


@pytest.mark.parametrize("resource", ["/", "/api/events/{slug}", "/api/admin/events", ANY_PATH])
def test_a_preflight_is_answered_without_a_token(resource: str) -> None:
    answer = preflight(resource)
    assert (answer["statusCode"], answer["body"]) == (204, "")
    headers = answer["headers"]
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Access-Control-Max-Age"] == "600"
    assert "POST" in headers["Access-Control-Allow-Methods"]
    assert headers["X-Request-Id"] == "req-1"
    assert headers["Cache-Control"] == "no-store"
    assert SECURITY_HEADERS.items() <= headers.items()


@pytest.mark.parametrize("resource", sorted(app.routes))
def test_no_preflight_has_an_authorizer(resource: str) -> None:
    assert app.routes[resource]["OPTIONS"].authorizer is None


def test_a_preflight_of_an_origin_that_is_not_listed_allows_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example")
    wiring.http_settings.cache_clear()
    allowed, refused = preflight("/"), preflight("/", origin="https://evil.example")
    assert allowed["headers"]["Access-Control-Allow-Origin"] == "https://a.example"
    assert not [name for name in refused["headers"] if name.startswith("Access-Control")]
    assert refused["headers"]["Vary"] == "Accept-Encoding, Origin"


@pytest.mark.parametrize("resource", ["/", "/api/events/{slug}", "/api/admin/events", ANY_PATH])
@pytest.mark.parametrize("origin", ["https://a.example", "https://b.example", "HTTPS://B.example"])
def test_each_origin_of_a_list_gets_itself_back_with_all_that_it_may_send(
    monkeypatch: pytest.MonkeyPatch, resource: str, origin: str
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example, https://b.example")
    wiring.http_settings.cache_clear()
    headers = preflight(resource, origin)["headers"]
    assert headers["Access-Control-Allow-Origin"] == origin
    assert headers["Vary"] == "Accept-Encoding, Origin"
    assert "PATCH" in headers["Access-Control-Allow-Methods"]
    assert {"Authorization", "Idempotency-Key", "If-None-Match", "X-Api-Key"} <= set(
        headers["Access-Control-Allow-Headers"].split(", ")
    )


@pytest.mark.parametrize(
    "origin",
    ["null", "https://a.example.evil.example", "http://a.example", "https://a.example:8443", ""],
)
def test_what_resembles_an_origin_of_the_list_is_none(
    monkeypatch: pytest.MonkeyPatch, origin: str
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example,https://b.example")
    wiring.http_settings.cache_clear()
    headers = preflight("/api/events/{slug}", origin)["headers"]
    assert not [name for name in headers if name.startswith("Access-Control")]
    assert headers["Vary"] == "Accept-Encoding, Origin"
