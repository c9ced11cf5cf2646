"""Caches between the API and its readers: no header that is not part of a cache's key changes what
is kept, and what is kept is never taken for something else by a browser.
"""

import json

import httpx
import pytest

from chalicelib import wiring
from infra.packaging.gateway_responses import REFUSALS
from tests.local.gateway_under_test import raw_get, raw_request
from tests.support.answers import SECURITY_HEADERS
from tests.support.log_lines import LogLines

PUBLIC = [
    *("/api/events", "/api/events?limit=1", "/api/events/tech-conference", "/api/cities"),
    *("/api/cities/london", "/api/events/tech-conference/calendar.ics", "/api/openapi.json"),
    *("/", "/api/docs/swagger-ui.min.css"),
]
POISON = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Port": "1",
    "X-Forwarded-For": "127.0.0.1, evil.example",
    "X-Forwarded-Server": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Scheme": "http",
    "Forwarded": 'host="evil.example";proto=gopher',
    "X-Original-URL": "/api/admin/events",
    "X-Rewrite-URL": "/api/admin/events",
    "X-Original-Host": "evil.example",
    "X-Host": "evil.example",
    "X-HTTP-Method-Override": "DELETE",
    "X-Method-Override": "POST",
    "X-Real-IP": "127.0.0.1",
    "True-Client-IP": "127.0.0.1",
    "X-Amzn-Trace-Id": "evil",
    "X-Amzn-RequestId": "evil",
    "X-Request-Id": "evil",
    "X-Api-Version": "evil",
    "Accept": "text/html",
    "Accept-Language": "evil",
    "Cookie": "session=evil; role=admin",
    "User-Agent": "<script>alert(1)</script>",
    "Referer": "https://evil.example/<script>",
    "Range": "bytes=0-1",
    "If-Modified-Since": "Sat, 01 Jan 2050 00:00:00 GMT",
    "If-Range": '"x"',
    "Content-Type": "text/html",
    "Origin": "https://evil.example",
    "Via": "1.1 evil",
    "Max-Forwards": "0",
    "Transfer-Coding": "evil",
}


def kept(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """What a cache keeps: all but what is of this one answer."""
    own = {"date", "x-request-id", "x-amzn-requestid", "x-amz-apigw-id"}
    headers = {name: value for name, value in answer.headers.items() if name not in own}
    return answer.status_code, answer.content, headers


@pytest.mark.parametrize("header", POISON)
def test_no_header_that_caches_do_not_look_at_changes_an_answer(
    site: httpx.Client, header: str
) -> None:
    for path in PUBLIC:
        clean = kept(site.get(path))
        assert clean[0] == 200
        assert kept(site.get(path, headers={header: POISON[header]})) == clean


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80@x", "x/../..", "127.0.0.1", '"><script>']
)
def test_the_host_a_client_asks_for_is_in_no_answer(site: httpx.Client, host: str) -> None:
    for path in PUBLIC:
        assert kept(site.get(path, headers={"Host": host})) == kept(site.get(path))


def test_an_absolute_target_names_no_other_host(site: httpx.Client) -> None:
    status, body = raw_get(site, "http://evil.example/api/cities")
    assert status == 200
    assert b"evil" not in body


@pytest.mark.parametrize("path", PUBLIC)
def test_answers_vary_by_what_they_depend_on(
    site: httpx.Client, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    assert "Accept-Encoding" in site.get(path).headers["Vary"]
    monkeypatch.setenv("CORS_ORIGINS", "https://shop.example,https://kiosk.example")
    wiring.http_settings.cache_clear()
    origins = {
        "https://shop.example": True,
        "https://kiosk.example": True,
        "https://evil.example": False,
    }
    origins |= {
        "https://shop.example.evil.example": False,
        "https://evilshop.example": False,
        "http://shop.example": False,
        "https://shop.example:443": False,
        "null": False,
        "https://shop.example https://evil.example": False,
        "*": False,
    }
    for origin, listed in origins.items():
        answer = site.get(path, headers={"Origin": origin})
        assert answer.headers["Vary"] == "Accept-Encoding, Origin"
        assert answer.headers.get("Access-Control-Allow-Origin") == (origin if listed else None)
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_an_origin_that_is_only_lowered_to_a_listed_one_is_another(
    site: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The Kelvin sign's small letter is a k.
    monkeypatch.setenv("CORS_ORIGINS", "https://kiosk.example")
    wiring.http_settings.cache_clear()
    answer = site.get("/api/cities", headers=[(b"Origin", "https://\u212aiosk.example".encode())])
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


PRIVATE = ["/api/auth/me", "/api/orders", "/api/orders/cs_test_1", "/api/payments/verify/cs_test_1"]


@pytest.mark.parametrize("path", [*PRIVATE, "/api/admin/events", "/api/none", "/api/events/none"])
def test_what_is_private_or_wrong_is_kept_by_nobody(site: httpx.Client, path: str) -> None:
    # "Web cache deception": a private page under an address that looks like a style sheet's.
    for tail in ("", "/", "?x=.css", "/x.css", ";x.css", "%2f.css", "%00.css", ".css"):
        answer = site.get(path + tail)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "ETag" not in answer.headers


STORED = "</script><script>alert(1)</script><img src=x onerror=alert(1)>'\"`${7*7}{{7*7}}"


@pytest.mark.parametrize(
    "path", ["/api/events/{}", "/api/cities/{}", "/api/payments/verify/{}", "/{}", "/api/docs/{}"]
)
def test_what_a_client_sends_is_not_shown_as_a_page(site: httpx.Client, path: str) -> None:
    answer = site.get(path.format(httpx.QueryParams({"": STORED})))
    assert answer.status_code in {400, 404}
    assert answer.headers["Content-Type"] == "application/json"
    assert "<script" not in answer.text


@pytest.mark.parametrize(
    "path", [*PUBLIC, *PRIVATE, "/api/docs", "/api/none", "/api/events?limit=x"]
)
def test_no_answer_can_be_sniffed_framed_or_run(site: httpx.Client, path: str) -> None:
    answer = site.get(path)
    for name, value in SECURITY_HEADERS.items():
        if name != "content-security-policy":
            assert answer.headers[name] == value
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Content-Type"].partition(";")[0] in {
        *("application/json", "text/calendar", "text/html", "text/css"),
    }


def test_the_page_s_nonce_is_new_each_time_and_nothing_of_the_request_is_in_the_page(
    site: httpx.Client,
) -> None:
    headers = {name: f"{STORED}-{name}" for name in ("User-Agent", "Referer", "X-Forwarded-Host")}
    pages = [
        site.get(
            "/api/docs", params={"url": "https://evil.example", STORED: STORED}, headers=headers
        )
        for _ in range(2)
    ]
    policies = {page.headers["Content-Security-Policy"] for page in pages}
    assert len(policies) == 2
    for page in pages:
        assert "evil" not in page.text
        assert "alert(1)" not in page.text
        assert page.headers["Cache-Control"] == "no-store"


def test_what_the_gateway_answers_by_itself_repeats_nothing() -> None:
    for refusal in REFUSALS.values():
        assert "$" not in json.dumps([refusal.message, dict(refusal.headers)])


@pytest.mark.parametrize(
    "target",
    ["/api/events?x=%", "/%", "/api/events?a|b", "/api/events?{}", "/<script>", "/" + "x" * 11_000],
)
def test_a_target_that_the_gateway_refuses_is_not_repeated(
    site: httpx.Client, log: LogLines, target: str
) -> None:
    request = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    answer = raw_request(site, request)
    assert answer.startswith(b"HTTP/1.1 4")
    assert b"nosniff" in answer
    assert b"<script>" not in answer
