"""Whatever is sent to whichever route: no 5xx, the contract's shape, and what is refused leaves
nothing behind.
"""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.answers import check_common_headers, problem
from tests.support.fakes import FakePayments
from tests.support.lambda_api import Answer, signed_in
from tests.support.routes import GOOD, MAY_LACK_A_BODY, ROUTES, Route, open_shop, send
from tests.support.tables import MotoTables

# `test_event_import.py` sends them whatever there is: a line that is wrong is no refusal.
READS_LINES = [("POST", "/api/admin/events/import")]
READS_A_BODY = [
    route for route in ROUTES if GOOD[route][1] is not None and route not in READS_LINES
]
READS_A_QUERY = [route for route in ROUTES if route[0] == "GET"]
# They do what they are for, whatever is sent.
ERASES = [route for route in ROUTES if "/database/" in route[1]]
DELETES = [route for route in ROUTES if route[0] == "DELETE" and route not in ERASES]
CANCELS = [route for route in ROUTES if route[1].endswith("/cancel")]
TAKES_A_KEY = [
    ("POST", "/api/payments/checkout"),
    ("POST", "/api/admin/orders/{id}/refund"),
    ("POST", "/api/admin/tickets/{code}/check-in"),
]
# They look at what a change is made from.
CONDITIONAL = [*DELETES, *CANCELS, *(each for each in ROUTES if each[0] in {"PUT", "PATCH"})]
# They write to what their path names.
WRITES_BY_PATH = [
    *(*DELETES, *CANCELS),
    ("POST", "/api/admin/tickets/{code}/check-in"),
    ("POST", "/api/admin/orders/{id}/refund"),
]

relaxed = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# With lone surrogates and NUL, which JSON can spell and DynamoDB cannot hold.
any_text = st.text(st.characters(), max_size=30) | st.sampled_from(
    ["", "\0", "\ud800", "#totals", "../..", "a" * 3000, "\u0661", "2099-01-01", "1e999"]
)
any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**38, max_value=10**42)
    | st.floats()
    | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)
any_number_text = st.from_regex(
    r"-?[0-9]{1,30}(\.[0-9]{1,45})?([eE][+-]?[0-9]{1,22})?", fullmatch=True
)
parameter_names = st.sampled_from(
    [
        "city",
        "country",
        "cursor",
        "event",
        "format",
        "from",
        "includeEventCount",
        "limit",
        "maxPrice",
        "minPrice",
        "offset",
        "order",
        "orderBy",
        "search",
        "sortBy",
        "sortOrder",
        "status",
        "to",
    ]
)
queries = st.dictionaries(
    parameter_names | any_text,
    st.lists(any_text | st.integers().map(str), min_size=1, max_size=2),
    max_size=3,
)


@pytest.fixture
def shop(tables: MotoTables, payments: FakePayments) -> MotoTables:
    """Something that could be spoiled."""
    open_shop(tables.stores, payments, capacity=None)
    return tables


def check(answer: Answer) -> None:
    """Check what holds of any answer that is not a failure of ours."""
    assert answer.status < 500, answer.text
    answer.text.encode()
    if answer.status >= 400:
        problem(answer, answer.json["code"])
    else:
        check_common_headers(answer)


def check_leaves_nothing_if_refused(tables: MotoTables, route: Route, **parts: Any) -> None:
    before = tables.contents()
    answer = send(*route, caller=signed_in(), parameters=dict(GOOD[route][0]), **parts)
    check(answer)
    if answer.status >= 400:
        assert tables.contents() == before


@pytest.mark.parametrize("route", READS_A_BODY, ids=" ".join)
@relaxed
@given(body=any_json)
def test_any_json_is_taken_or_refused_whole(shop: MotoTables, route: Route, body: Any) -> None:
    check_leaves_nothing_if_refused(shop, route, body=json.dumps(body))


@pytest.mark.parametrize("route", READS_A_BODY, ids=" ".join)
@relaxed
@given(data=st.data())
def test_a_good_body_with_one_field_gone_wrong_is_taken_or_refused_whole(
    shop: MotoTables, route: Route, data: st.DataObject
) -> None:
    good = GOOD[route][1]
    field = data.draw(st.sampled_from([*sorted(good), "other"]) | any_text)

    body = json.dumps({**good, field: data.draw(any_json)})

    check_leaves_nothing_if_refused(shop, route, body=body)


@pytest.mark.parametrize(
    ("route", "field"),
    [
        (("POST", "/api/payments/checkout"), "unitPrice"),
        (("POST", "/api/payments/checkout"), "totalAmount"),
        (("POST", "/api/payments/checkout"), "quantity"),
        (("POST", "/api/admin/orders/{id}/refund"), "amount"),
        (("POST", "/api/admin/events"), "price"),
        (("POST", "/api/admin/events"), "capacity"),
        (("PATCH", "/api/admin/events/{id_or_slug}"), "price"),
        (("PATCH", "/api/admin/events/{id_or_slug}"), "capacity"),
    ],
)
@relaxed
@given(number=any_number_text)
@example(number="1e999999")
@example(number="1e1000000")
@example(number="1e999999999999999999")
@example(number="1e9999999999999999999")
@example(number="0e9999999999")
@example(number="-0")
@example(number="1e-999999999")
@example(number="149.9900000000000000000000000000000001")
def test_any_number_is_taken_or_refused_whole(
    shop: MotoTables, route: Route, field: str, number: str
) -> None:
    fields = {name: json.dumps(value) for name, value in GOOD[route][1].items()} | {field: number}
    body = "{" + ",".join(f'"{name}":{text}' for name, text in fields.items()) + "}"

    check_leaves_nothing_if_refused(shop, route, body=body)


@pytest.mark.parametrize("route", sorted({*READS_A_BODY} - MAY_LACK_A_BODY), ids=" ".join)
@relaxed
@given(body=any_text | st.binary().map(lambda raw: raw.decode("latin-1")), encoded=st.booleans())
def test_any_bytes_are_refused(shop: MotoTables, route: Route, body: str, encoded: bool) -> None:
    before = shop.contents()

    answer = send(
        *route,
        caller=signed_in(),
        parameters=dict(GOOD[route][0]),
        body=body,
        is_base64_encoded=encoded,
    )

    assert answer.status in {400, 413}
    check(answer)
    assert shop.contents() == before


@pytest.mark.parametrize("route", sorted(MAY_LACK_A_BODY), ids=" ".join)
@relaxed
@given(body=any_text | st.binary().map(lambda raw: raw.decode("latin-1")), encoded=st.booleans())
def test_any_bytes_are_taken_or_refused_where_none_are_needed(
    shop: MotoTables, route: Route, body: str, encoded: bool
) -> None:
    check_leaves_nothing_if_refused(shop, route, body=body, is_base64_encoded=encoded)


@pytest.mark.parametrize("route", READS_A_QUERY, ids=" ".join)
@relaxed
@given(query=queries)
def test_any_query_is_answered_or_refused_and_writes_nothing(
    shop: MotoTables, route: Route, query: dict[str, list[str]]
) -> None:
    before = shop.contents()

    answer = send(*route, caller=signed_in(), parameters=dict(GOOD[route][0]), query=query)

    check(answer)
    assert answer.status in {200, 400}
    assert shop.contents() == before


@pytest.mark.parametrize(
    "route",
    [route for route in (*READS_A_QUERY, *WRITES_BY_PATH) if "{" in route[1]],
    ids=" ".join,
)
@relaxed
@given(value=any_text | st.from_regex(r"(%[0-9a-fA-F]{2}){1,6}", fullmatch=True))
def test_any_path_is_answered_or_refused_and_writes_nothing(
    shop: MotoTables, route: Route, value: str
) -> None:
    before = shop.contents()
    (name,), body = GOOD[route]

    # On a condition that never holds: what is there is not deleted by its name.
    headers = {"If-Match": '"of-another-time"'}
    answer = send(
        *route,
        caller=signed_in(),
        parameters={name: value},
        headers=headers,
        body=None if body is None else json.dumps(body),
    )

    check(answer)
    # An order's id is asked for a token, a session's is not.
    assert answer.status in {200, 400, 401, 404, 412}
    assert shop.contents() == before


@pytest.mark.parametrize("route", READS_A_QUERY, ids=" ".join)
@relaxed
@given(origin=any_text, condition=any_text)
def test_any_header_is_answered(
    shop: MotoTables, route: Route, origin: str, condition: str
) -> None:
    headers = {"Origin": origin, "If-None-Match": condition, "Accept": condition}

    answer = send(*route, caller=signed_in(), parameters=dict(GOOD[route][0]), headers=headers)

    check(answer)


@pytest.mark.parametrize("route", TAKES_A_KEY, ids=" ".join)
@relaxed
@given(key=any_text, token=st.none() | any_text)
def test_any_key_and_any_token_are_taken_or_refused(
    shop: MotoTables, route: Route, key: str, token: str | None
) -> None:
    parameters, body = GOOD[route]
    before = shop.contents()
    headers = {"Idempotency-Key": key, **({} if token is None else {"Authorization": token})}

    answer = send(
        *route,
        caller=signed_in(),
        parameters=parameters,
        headers=headers,
        body=json.dumps(body),
    )

    check(answer)
    if answer.status >= 400:
        assert shop.contents() == before


@pytest.mark.parametrize("route", CONDITIONAL, ids=" ".join)
@relaxed
@given(
    condition=any_text.filter(lambda text: text.strip() != "*")
    | st.from_regex(r'((W/)?"[a-f0-9]{0,32}(-[0-9.]{0,5})?"[ ,]{0,2}){1,3}', fullmatch=True)
)
def test_any_condition_but_a_star_keeps_everything(
    shop: MotoTables, route: Route, condition: str
) -> None:
    before = shop.contents()
    parameters, body = GOOD[route]

    answer = send(
        *route,
        caller=signed_in(),
        parameters=parameters,
        headers={"If-Match": condition},
        body=None if body is None else json.dumps(body),
    )

    check(answer)
    assert answer.status in {400, 412}
    assert shop.contents() == before


@pytest.mark.parametrize("route", ERASES, ids=" ".join)
@relaxed
@given(role=any_text.filter(lambda text: text != "admin"), body=any_text, query=queries)
def test_nothing_that_can_be_sent_stands_in_for_the_admins_role(
    shop: MotoTables, route: Route, role: str, body: str, query: dict[str, list[str]]
) -> None:
    before = shop.contents()

    answer = send(*route, caller=signed_in(role=role), body=body, query=query)

    problem(answer, "FORBIDDEN")
    assert shop.contents() == before


def test_the_properties_cover_every_route() -> None:
    covered = {*READS_A_BODY, *READS_LINES, *READS_A_QUERY, *DELETES, *CANCELS, *ERASES}
    assert covered == set(ROUTES)
