"""Who may read a response, and what every response carries."""

import pytest

from chalicelib.http.headers import (
    NO_STORE,
    PUBLIC_CACHE,
    SECURITY_HEADERS,
    cors_headers,
    preflight_headers,
    vary,
)
from chalicelib.settings import HttpSettings

ANYONE = HttpSettings(("*",))
LISTED = HttpSettings(("https://a.example", "http://b.example:8080"))


def words(text: str) -> set[str]:
    return {word.strip() for word in text.split(",")}


@pytest.mark.parametrize("origin", [None, "https://any.example", "null"])
def test_an_open_api_says_so_to_everyone(origin: str | None) -> None:
    headers = cors_headers(ANYONE, origin)
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Vary" not in headers


@pytest.mark.parametrize("origin", ["https://a.example", "http://b.example:8080"])
def test_a_listed_origin_gets_itself_back(origin: str) -> None:
    headers = cors_headers(LISTED, origin)
    assert headers["Access-Control-Allow-Origin"] == origin
    assert headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "",
        "null",
        "*",
        "https://evil.example",
        "http://a.example",
        "https://a.example:8443",
        "https://a.example.evil.example",
        "https://evil.example/https://a.example",
        "https://a.example/",
    ],
)
def test_an_origin_that_is_not_listed_gets_none(origin: str | None) -> None:
    assert cors_headers(LISTED, origin) == {"Vary": "Origin"}
    assert preflight_headers(LISTED, origin) == {"Vary": "Origin"}


def test_a_page_may_read_the_headers_that_the_contract_exposes() -> None:
    for settings, origin in ((ANYONE, None), (LISTED, "https://a.example")):
        exposed = words(cors_headers(settings, origin)["Access-Control-Expose-Headers"])
        assert exposed == {"ETag", "X-Request-Id", "Retry-After", "Location", "X-Next-Cursor"}


@pytest.mark.parametrize(("settings", "origin"), [(ANYONE, None), (LISTED, "https://a.example")])
def test_a_preflight_tells_what_may_be_sent(settings: HttpSettings, origin: str | None) -> None:
    headers = preflight_headers(settings, origin)
    assert words(headers["Access-Control-Allow-Methods"]) == {
        "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS",
    }  # fmt: skip
    assert words(headers["Access-Control-Allow-Headers"]) >= {
        "Content-Type",
        "Authorization",
        "Accept",
        "X-Requested-With",
        "X-Api-Key",
        "Idempotency-Key",
        "If-None-Match",
    }
    assert headers["Access-Control-Max-Age"] == "600"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), "Accept-Encoding"),
        ((None, None), "Accept-Encoding"),
        (("Origin",), "Accept-Encoding, Origin"),
        (("Origin", "Origin"), "Accept-Encoding, Origin"),
        (("Origin", "Accept"), "Accept-Encoding, Origin, Accept"),
        ((["Accept", "Origin"], "Accept ,Origin"), "Accept-Encoding, Accept, Origin"),
    ],
)
def test_caches_are_told_all_that_a_response_depends_on_in_one_header(
    names: tuple[str | list[str] | None, ...], expected: str
) -> None:
    assert vary(*names) == {"Vary": expected}


def test_credentials_are_never_allowed_across_origins() -> None:
    for settings in (ANYONE, LISTED):
        headers = preflight_headers(settings, "https://a.example")
        assert "Access-Control-Allow-Credentials" not in headers


def test_the_security_headers_are_the_contracts() -> None:
    exact = {
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    }
    assert exact.items() <= SECURITY_HEADERS.items()
    assert set(SECURITY_HEADERS) - set(exact) == {
        "Permissions-Policy",
        "Cross-Origin-Opener-Policy",
    }


def test_what_caches_may_keep_is_the_contracts() -> None:
    assert NO_STORE == {"Cache-Control": "no-store"}
    assert PUBLIC_CACHE == {"Cache-Control": "public, max-age=30, stale-while-revalidate=60"}
