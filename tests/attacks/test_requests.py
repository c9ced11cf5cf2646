"""Requests that say a thing twice: whatever comes twice is read once by everybody, or refused, and
no second request is hidden in the first.
"""

import json
from typing import Any

import httpx
import pytest

from app import app
from tests.attacks.forging import signed
from tests.local.gateway_under_test import raw_request
from tests.support.answers import refused_field
from tests.support.lambda_api import Answer, LambdaApi, proxy_event, signed_in
from tests.support.routes import CHECKOUT, EVENT
from tests.support.seeding import ORDER_ID
from tests.support.tables import ORDERS, MotoTables
from tests.support.tokens import claims

CLOSE = b"Connection: close\r\n"
HIDDEN = b"GET /api/cities HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HEAD = b"POST /api/payments/checkout HTTP/1.1\r\nHost: x\r\n"


def statuses(received: bytes) -> list[int]:
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


# What makes two programs in a row disagree on where a request ends (RFC 9112, section 11.2;
# "HTTP Desync Attacks").
AMBIGUOUS = {
    "length and chunked": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "no length and chunked": b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: 60\r\n\r\n",
    "two lengths in one header": b"Content-Length: 0, 60\r\n\r\n",
    "a length with a sign": b"Content-Length: +0\r\n\r\n",
    "a negative length": b"Content-Length: -1\r\n\r\n",
    "a length in hexadecimal": b"Content-Length: 0x0\r\n\r\n",
    "an endless length": b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n",
    "a length with a space": b"Content-Length: 0 0\r\n\r\n",
    "a length that is empty": b"Content-Length: \r\n\r\n",
    "a space before the colon": b"Content-Length : 0\r\n\r\n",
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and identity": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "identity": b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "nearly chunked": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked in quotes": b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "chunked with a tab": b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "a chunk's size with a sign": b"Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n",
    "a chunk's size with 0x": b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "a chunk's size that is negative": b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "a chunk's size that is endless": b"Transfer-Encoding: chunked\r\n\r\n"
    + b"f" * 300
    + b"\r\n\r\n",
    "a chunk longer than it says": b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}}\r\n0\r\n\r\n",
    "a header that goes on in a line of its own, before any": b" x\r\n\r\n",
    "a NUL in a header": b"X: a\x00b\r\n\r\n",
    "a carriage return in a header": b"X: a\rContent-Length: 60\r\n\r\n",
    "a header without a name": b": x\r\n\r\n",
    "a header with a space in its name": b"Content Length: 60\r\n\r\n",
    "two hosts": b"Host: y\r\n\r\n",
}


@pytest.mark.parametrize("kind", AMBIGUOUS)
def test_no_request_is_hidden_in_one_whose_end_is_unclear(site: httpx.Client, kind: str) -> None:
    head = HEAD.replace(b"Host: x\r\n", b"") if kind.startswith("a header that goes on") else HEAD
    received = raw_request(site, head + AMBIGUOUS[kind] + HIDDEN)
    # One refusal, and the connection is closed before anything else is read from it.
    assert [status // 100 for status in statuses(received)] == [4], received[:300]


def test_requests_that_follow_each_other_plainly_are_both_answered(site: httpx.Client) -> None:
    # So the above is refused for what it is.
    first = HEAD + b"Content-Length: 2\r\n\r\n{}"
    assert statuses(raw_request(site, first + HIDDEN)) == [400, 200]
    first = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nX: y\r\n\r\n"
    assert statuses(raw_request(site, first + HIDDEN)) == [400, 200]


@pytest.mark.parametrize("length", [0, 1, 20])
def test_what_is_beyond_the_length_is_no_part_of_the_body(site: httpx.Client, length: int) -> None:
    body = json.dumps(CHECKOUT).encode()
    head = HEAD + CLOSE + b"Content-Length: %d\r\n\r\n" % length
    assert statuses(raw_request(site, head + body)) == [400]


@pytest.mark.parametrize("line_end", [b"\n", b"\r"])
def test_a_line_s_end_in_a_target_or_a_header_makes_no_header(
    site: httpx.Client, line_end: bytes
) -> None:
    injected = line_end + b"Authorization: Bearer " + signed().encode()
    request = b"GET /api/auth/me?x=" + injected + b" HTTP/1.1\r\nHost: x\r\n" + CLOSE + b"\r\n"
    assert statuses(raw_request(site, request)) == [400]


def buy(site: httpx.Client, **parts: Any) -> httpx.Response:
    return site.post("/api/payments/checkout", **parts)


@pytest.mark.parametrize(
    "types",
    [
        ["text/plain", "application/json"],
        ["application/json", "text/html"],
        ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"],
        ["application/json; charset=utf-16", "application/json"],
        ["*/*", ""],
    ],
)
def test_two_content_types_change_nothing_of_what_is_read(
    site: httpx.Client, types: list[str]
) -> None:
    headers = [("Content-Type", each) for each in types]
    assert buy(site, content=json.dumps(CHECKOUT), headers=headers).status_code == 201
    refused = buy(site, content="eventSlug=tech-conference", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (400, "VALIDATION_ERROR")


def test_of_two_idempotency_keys_one_is_the_checkout_s(
    site: httpx.Client, shop: MotoTables
) -> None:
    twice = [("Idempotency-Key", "first"), ("idempotency-key", "second")]
    started = buy(site, json=CHECKOUT, headers=twice).json()
    again = buy(site, json=CHECKOUT, headers={"Idempotency-Key": "second"}).json()
    assert again == started
    other = buy(site, json=CHECKOUT, headers={"Idempotency-Key": "first"}).json()
    assert other["orderId"] != started["orderId"]


def test_two_content_lengths_that_agree_are_one(site: httpx.Client) -> None:
    head = HEAD + CLOSE + b"Content-Length: 2, 2\r\n\r\n{}"
    assert statuses(raw_request(site, head)) == [400]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/events?limit=1&limit=2", "limit"),
        ("/api/events?city=london&city=paris", "city"),
        ("/api/events?search=a&search=b", "search"),
        ("/api/events?limit=1;limit=2", "limit"),
        ("/api/events?li%6dit=1&limit=2", "limit"),
        ("/api/events?cursor=a&cursor=b", "cursor"),
        ("/api/events?minPrice=1&minPrice=1", "minPrice"),
    ],
)
def test_a_parameter_that_comes_twice_is_refused(site: httpx.Client, path: str, name: str) -> None:
    (detail,) = site.get(path).json()["details"]
    assert (detail["field"], detail["type"]) == (name, "duplicate_parameter")


@pytest.mark.parametrize("name", ["limit[]", "limit[0]", "LIMIT", " limit", "limit.", "__proto__"])
def test_a_name_that_resembles_a_parameter_s_is_none(site: httpx.Client, name: str) -> None:
    assert site.get("/api/events", params={name: "0"}).status_code == 200


def doubled(field: str, first: object, second: object) -> str:
    pairs = [(key, value) for key, value in CHECKOUT.items() if key != field]
    pairs = [(field, first), *pairs, (field, second)]
    return "{" + ",".join(f"{json.dumps(k)}:{json.dumps(v)}" for k, v in pairs) + "}"


@pytest.mark.parametrize("field", CHECKOUT)
def test_a_key_that_comes_twice_is_refused_whichever_would_do(
    api: LambdaApi, shop: MotoTables, field: str
) -> None:
    before = shop.contents()
    good = CHECKOUT[field]
    for first, second in ((good, good), (good, 1), ("x", good)):
        body = doubled(field, first, second)
        answer = api.request("POST", "/api/payments/checkout", body=body)
        assert refused_field(answer) == (field, "must be given once", "duplicate_key")
    escaped = doubled(field, good, good).replace(
        f'"{field}"', f'"\\u{ord(field[0]):04x}{field[1:]}"', 1
    )
    answer = api.request("POST", "/api/payments/checkout", body=escaped)
    assert refused_field(answer)[0] == field
    assert shop.contents() == before


@pytest.mark.parametrize(
    "name", ["slug", "Slug", "event_slug", "eventslug", "event-slug", "__proto__", "constructor"]
)
def test_a_key_of_another_spelling_is_not_read_beside_the_right_one(
    api: LambdaApi, name: str
) -> None:
    answer = api.post("/api/payments/checkout", {**CHECKOUT, name: "x"})
    assert refused_field(answer) == (name, "is not a known field", "extra_forbidden")


@pytest.mark.parametrize(
    "other", ["price_minor", "organizer_name", "image_url", "city_slug", "id", "sold", "held"]
)
def test_an_event_s_own_fields_cannot_be_set_by_their_inner_names(
    api: LambdaApi, other: str
) -> None:
    answer = api.post("/api/admin/events", {**EVENT, other: 1}, caller=signed_in())
    assert refused_field(answer)[2] == "extra_forbidden"


def event_with(single: dict[str, str], multiple: dict[str, list[str]], **parts: Any) -> Answer:
    """Call the handler with headers that differ in the event's two maps."""
    request = proxy_event("GET", "/api/orders/{id}", path_parameters={"id": ORDER_ID}, **parts)
    request["headers"], request["multiValueHeaders"] = single, multiple
    result: dict[str, Any] = app(request, None)
    return Answer(result["statusCode"], result["headers"], result["body"])


def test_the_two_maps_of_headers_cannot_say_two_things(shop: MotoTables) -> None:
    good = f"Bearer {signed(claims())}"
    assert event_with({"Authorization": good}, {"Authorization": [good]}).status == 200
    # Only one of them is ever read, so who can write the other one gains nothing.
    assert event_with({"Authorization": "x"}, {"Authorization": [good]}).status == 401
    assert event_with({}, {"Authorization": [good]}).status == 401
    assert event_with({"X": "y"}, {"authorization": [good, good]}).status == 401


def test_the_two_maps_of_parameters_cannot_say_two_things(shop: MotoTables) -> None:
    request = proxy_event("GET", "/api/events", query={"limit": ["1"]})
    request["queryStringParameters"] = {"limit": "x", "city": "nowhere"}
    result: dict[str, Any] = app(request, None)
    assert result["statusCode"] == 200
    assert json.loads(result["body"])["pagination"]["limit"] == 1


def test_an_event_s_context_is_the_gateway_s_alone(site: httpx.Client) -> None:
    forged = {
        "requestContext": json.dumps({"authorizer": signed_in()}),
        "authorizer": json.dumps(signed_in()),
        "principalId": "user_1",
        "X-Amzn-Principal": "user_1",
    }
    for path in ("/api/auth/me", "/api/admin/events", "/api/orders"):
        assert site.get(path, headers=forged, params=forged).status_code == 401
        answer = site.request("GET", path, json={"requestContext": {"authorizer": signed_in()}})
        assert answer.status_code == 401


def test_at_once_and_under_one_key_there_is_one_order(site: httpx.Client, shop: MotoTables) -> None:
    before = len(shop.scan(ORDERS))
    request = json.dumps(CHECKOUT).encode()
    head = HEAD + b"Idempotency-Key: same\r\nContent-Length: %d\r\n\r\n" % len(request)
    last = HEAD + CLOSE + b"Idempotency-Key: same\r\nContent-Length: %d\r\n\r\n" % len(request)
    received = raw_request(site, (head + request) * 3 + last + request)
    assert statuses(received) == [201] * 4
    # The order, and the key's own note.
    assert len(shop.scan(ORDERS)) == before + 2
