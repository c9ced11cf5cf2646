"""Bodies that are none: each a 4xx of the contract's shape, and nothing stored."""

import base64
import json
from typing import Any

import pytest

from tests.support.answers import problem, refused_field
from tests.support.fakes import FakePayments
from tests.support.lambda_api import Answer, signed_in
from tests.support.routes import GOOD, MAY_LACK_A_BODY, ROUTES, Route, open_shop, send
from tests.support.tables import MotoTables

READS_A_BODY = [
    route
    for route in ROUTES
    if GOOD[route][1] is not None and route != ("POST", "/api/admin/events/import")
]
NO_JSON = ("", "the body must be JSON", "json_invalid")
NO_OBJECT = ("", "the body must be a JSON object", "json_type")


@pytest.fixture(autouse=True, params=READS_A_BODY, ids=" ".join)
def route(request: pytest.FixtureRequest, tables: MotoTables, payments: FakePayments) -> Route:
    """Each route that reads a JSON object, in a shop where there is something to spoil."""
    open_shop(tables.stores, payments)
    read: Route = request.param
    return read


def send_body(route: Route, body: str | None, **parts: Any) -> Answer:
    return send(*route, caller=signed_in(), parameters=GOOD[route][0], body=body, **parts)


def send_bytes(route: Route, body: str) -> Answer:
    return send_body(route, body, is_base64_encoded=True)


@pytest.mark.parametrize("body", [None, ""])
def test_no_body_is_refused_where_one_is_needed(route: Route, body: str | None) -> None:
    answer = send_body(route, body)

    if route in MAY_LACK_A_BODY:
        assert answer.status == 200
    else:
        assert refused_field(answer) == NO_JSON


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (" ", NO_JSON),
        ("{", NO_JSON),
        ("{}{}", NO_JSON),
        ("{'name': 1}", NO_JSON),
        ('{"name": NaN}', NO_JSON),
        ('{"name": -Infinity}', NO_JSON),
        ('{"name": 1e99999999999999999999}', NO_JSON),
        ('{"name": ' + "9" * 41 + "}", NO_JSON),
        ('{"name": 0.' + "9" * 5000 + "}", NO_JSON),
        ('{"name": "a\nb"}', NO_JSON),
        ("name=Harbour+Jazz", NO_JSON),
        ("\ufeff{}", NO_JSON),
        ('{"a":' * 5000 + "1" + "}" * 5000, NO_JSON),
        ('{"a":' + "[" * 40000 + "]" * 40000 + "}", NO_JSON),
        ("[]", NO_OBJECT),
        ("null", NO_OBJECT),
        ("true", NO_OBJECT),
        ("1e999", NO_OBJECT),
        ('"{}"', NO_OBJECT),
        ('{"name": "a", "name": "b"}', ("name", "must be given once", "duplicate_key")),
        (
            '{"name": "a\\u0000b"}',
            ("name", "must not hold a NUL or half a character", "string_unicode"),
        ),
        (
            '{"name": "\\ud83d"}',
            ("name", "must not hold a NUL or half a character", "string_unicode"),
        ),
        (
            '{"x": [["\\udc00"]]}',
            ("x", "must not hold a NUL or half a character", "string_unicode"),
        ),
        (
            '{"x": {"y": "\\u0000"}}',
            ("y", "must not hold a NUL or half a character", "string_unicode"),
        ),
        (
            '{"a\\u0000": 1}',
            ("a\0", "must not hold a NUL or half a character", "string_unicode"),
        ),
        (
            '{"a\\ud83d": 1}',
            ("a?", "must not hold a NUL or half a character", "string_unicode"),
        ),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(
    tables: MotoTables,
    route: Route,
    body: str | None,
    refusal: tuple[str, str, str],
) -> None:
    before = tables.contents()

    assert refused_field(send_body(route, body)) == refusal
    assert tables.contents() == before


def test_a_raw_lone_surrogate_in_the_body_is_refused(route: Route) -> None:
    assert refused_field(send_body(route, '{"name": "\ud83d"}')) == NO_JSON


@pytest.mark.parametrize(
    ("raw", "refusal"),
    [
        (b"\xff\xfe", ("", "the body must be UTF-8", "json_invalid")),
        (b'{"name": "\xe9"}', ("", "the body must be UTF-8", "json_invalid")),
        (b'{"name": "\xed\xa0\x80"}', ("", "the body must be UTF-8", "json_invalid")),
        (b"\x1f\x8b\x08\x00", ("", "the body must be UTF-8", "json_invalid")),
        (b"\x00", NO_JSON),
        ('{"name": 1}'.encode("utf-16-le"), NO_JSON),
    ],
)
def test_bytes_that_are_no_text_are_refused(
    route: Route, raw: bytes, refusal: tuple[str, str, str]
) -> None:
    assert refused_field(send_bytes(route, base64.b64encode(raw).decode())) == refusal


@pytest.mark.parametrize("body", ["a", "é", "a===="])
def test_what_only_claims_to_be_base64_is_refused(route: Route, body: str) -> None:
    problem(send_bytes(route, body), "VALIDATION_ERROR")


def test_a_body_that_came_as_base64_is_read(route: Route) -> None:
    answer = send_bytes(route, base64.b64encode(b'{"unheardOf": 1}').decode())

    fields = [detail["field"] for detail in problem(answer, "VALIDATION_ERROR")["details"]]
    assert "unheardOf" in fields


@pytest.mark.parametrize("letter", ["x", "é", "🎷"])
def test_the_limit_of_a_body_is_in_bytes(route: Route, letter: str) -> None:
    frame = len(b'{"x":""}')
    count, rest = divmod(100_000 - frame, len(letter.encode()))
    fits = '{"x":"' + letter * count + "." * rest + '"}'
    assert len(fits.encode()) == 100_000

    problem(send_body(route, fits), "VALIDATION_ERROR")
    body = problem(send_body(route, fits + " "), "PAYLOAD_TOO_LARGE")

    assert body["message"] == "the body must not be larger than 100000 bytes"


def test_unknown_keys_are_named_up_to_a_sane_number(route: Route) -> None:
    many = json.dumps({f"k{number}" + "x" * 200: 1 for number in range(400)})

    answer = send_body(route, many)

    details = problem(answer, "VALIDATION_ERROR")["details"]
    assert len(details) <= 20
    assert len(answer.text) < 10_000


def test_text_of_the_client_comes_back_as_json_and_not_as_markup(route: Route) -> None:
    answer = send_body(route, '{"<script>alert(1)</script>": 1, "q\\"uote\\\\": 2}')

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    fields = [detail["field"] for detail in problem(answer, "VALIDATION_ERROR")["details"]]
    assert {"<script>alert(1)</script>", 'q"uote\\'} <= set(fields)


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "", "a;b;c", "\xff"])
def test_the_content_type_decides_nothing(route: Route, content_type: str) -> None:
    answer = send_body(route, "[]", headers={"Content-Type": content_type})

    assert refused_field(answer) == NO_OBJECT
