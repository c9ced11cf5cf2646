"""The documentation: the document as it is served, its page, and the page's two files."""

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from app import app
from chalicelib.http.operations import Place, description_of
from chalicelib.services import samples
from chalicelib.services.sample_catalogue import EVENTS
from chalicelib.store import Stores
from tests.support.answers import check_common_headers, problem, refused_field
from tests.support.fakes import FakePayments
from tests.support.lambda_api import Answer, LambdaApi, proxy_event, signed_in
from tests.support.routes import (
    CHECKOUT,
    GOOD,
    ROUTES,
    Route,
    open_shop,
    send,
    send_good,
)
from tests.support.seeding import ORDER_ID, seed_event, seed_order

PACKAGED = Path(__file__).resolve().parents[2] / "chalicelib" / "static" / "openapi.json"
DOCUMENT = json.loads(PACKAGED.read_text())
ASSETS = ["swagger-ui-bundle.min.js", "swagger-ui.min.css"]
IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.fixture
def shop(stores: Stores, payments: FakePayments, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something to look at, to buy and to verify, and few samples to put in its place."""
    monkeypatch.setattr(samples, "EVENTS", EVENTS[:2])
    open_shop(stores, payments)


def operation_of(route: Route) -> Any:
    method, path = route
    return DOCUMENT["paths"][path][method.lower()]


def ensure_described(route: Route, answer: Answer) -> None:
    """Check the answer against what the document says of its status."""
    response = operation_of(route)["responses"][str(answer.status)]
    if "$ref" in response:
        response = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
    for name, header in response["headers"].items():
        described = DOCUMENT["components"]["headers"][name] if "$ref" in header else header
        assert name.lower() in answer.headers or not described["required"], name
    if "content" not in response:
        assert answer.text == ""
        return
    [content] = [
        content
        for media_type, content in response["content"].items()
        if answer.headers["content-type"].startswith(media_type)
    ]
    value = answer.json if "json" in answer.headers["content-type"] else answer.text
    whole = {**content["schema"], "components": DOCUMENT["components"]}
    jsonschema_rs.validate(whole, value)


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_a_good_answer_is_as_the_document_says(route: Route) -> None:
    answer = send_good(route)

    assert answer.status < 300, answer.text
    ensure_described(route, answer)


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("url", ["/api/cities?includeEventCount=true", "/api/events?limit=1"])
def test_another_form_of_an_answer_is_as_the_document_says(api: LambdaApi, url: str) -> None:
    ensure_described(("GET", url.partition("?")[0]), api.get(url))


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
@pytest.mark.parametrize("role", [None, "user", "admin"])
def test_a_refusal_is_as_the_document_says(route: Route, role: str | None) -> None:
    caller = None if role is None else signed_in(role=role)
    parameters = dict.fromkeys(GOOD[route][0], "nothing-of-this-name")

    answer = send(*route, caller=caller, parameters=parameters, body='{"what": 1}')

    ensure_described(route, answer)


@pytest.mark.usefixtures("shop")
def test_a_second_try_is_refused_as_the_document_says(api: LambdaApi, stores: Stores) -> None:
    checkout = ("POST", "/api/payments/checkout")
    key = {"Idempotency-Key": "one-of-them"}
    api.post(checkout[1], CHECKOUT, headers=key)
    other = api.post(checkout[1], {**CHECKOUT, "cancelUrl": "http://localhost/"}, headers=key)
    check_in = ("POST", "/api/admin/tickets/{code}/check-in")
    send_good(check_in)
    used = send_good(check_in)
    refund = ("POST", "/api/admin/orders/{id}/refund")
    url = refund[1].format(id=ORDER_ID)
    api.post(url, {}, caller=signed_in())
    void, refunded = send_good(check_in), api.post(url, {"quantity": 1}, caller=signed_in())

    assert {other.status, used.status, void.status, refunded.status} == {409}
    assert (bool(used.json["checkIn"]), bool(void.json["checkIn"])) == (True, False)
    for route, answer in (
        (checkout, other),
        (check_in, used),
        (check_in, void),
        (refund, refunded),
    ):
        ensure_described(route, answer)


@pytest.mark.usefixtures("shop")
def test_an_order_is_as_the_document_says_whatever_became_of_it(
    api: LambdaApi, stores: Stores
) -> None:
    event = seed_event(stores, "harbour-jazz")
    pending = seed_order(stores, event, id=ORDER_ID[::-1], session_id="cs_pending")
    tickets = ("GET", "/api/orders/{id}/tickets")
    ensure_described(tickets, api.get("/api/orders/cs_pending/tickets"))
    url = f"/api/admin/orders/{ORDER_ID}"
    send_good(("POST", "/api/admin/tickets/{code}/check-in"))
    api.post(f"{url}/refund", {"quantity": 1, "reason": "ill"}, caller=signed_in())
    answers = {
        ("GET", "/api/orders/{id}"): api.get(f"/api/orders/{pending.session_id}"),
        tickets: api.get("/api/orders/cs_test_1/tickets"),
        ("GET", "/api/admin/orders/{id}"): api.get(url, caller=signed_in()),
        ("GET", "/api/admin/orders"): api.get("/api/admin/orders", caller=signed_in()),
        ("GET", "/api/orders"): api.get("/api/orders?limit=1", caller=signed_in()),
    }

    for route, answer in answers.items():
        assert answer.status == 200
        ensure_described(route, answer)


def query_parameters() -> list[tuple[Route, str]]:
    return [
        (route, shown.name)
        for route in ROUTES
        for parameter in described_parameters(route)
        for shown in parameter.described()
        if shown.place is Place.QUERY
    ]


def described_parameters(route: Route) -> Any:
    method, path = route
    description = description_of(app.routes[path][method].view_function)
    assert description is not None
    return description.operation.parameters


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(("route", "name"), query_parameters(), ids=str)
def test_a_parameter_that_is_described_but_not_read_would_be_a_false_promise(
    route: Route, name: str
) -> None:
    answer = send(
        *route, caller=signed_in(), parameters=GOOD[route][0], query={name: ["asc", "asc"]}
    )

    assert refused_field(answer)[::2] == (name, "duplicate_parameter")


def test_the_document_is_served_as_it_is_packaged() -> None:
    answer = send("GET", "/api/openapi.json")

    assert answer.status == 200
    assert answer.text == PACKAGED.read_text()
    assert answer.headers["content-type"] == "application/json"
    check_common_headers(answer)


@pytest.mark.parametrize(
    ("path", "parameters", "kept"),
    [
        ("/api/openapi.json", {}, "no-cache"),
        *(("/api/docs/{asset}", {"asset": name}, IMMUTABLE) for name in ASSETS),
    ],
)
def test_a_file_that_the_client_has_is_not_sent_again(
    path: str, parameters: dict[str, str], kept: str
) -> None:
    first = send("GET", path, parameters=parameters)
    again = send(
        "GET", path, parameters=parameters, headers={"If-None-Match": first.headers["etag"]}
    )

    assert (first.status, again.status, again.text) == (200, 304, "")
    assert first.headers["cache-control"] == again.headers["cache-control"] == kept
    assert again.headers["etag"] == first.headers["etag"]
    check_common_headers(again)


def test_the_page_may_run_its_own_scripts_and_styles_and_nothing_else() -> None:
    answer = send("GET", "/api/docs")
    [nonce] = set(re.findall(r'nonce="([^"]+)"', answer.text))

    assert answer.headers["content-security-policy"] == (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_no_two_pages_share_a_nonce() -> None:
    policies = [send("GET", "/api/docs").headers["content-security-policy"] for _ in range(2)]

    assert policies[0] != policies[1]


@pytest.mark.parametrize(("sent", "above"), [("/api/docs", ""), ("/dev/api/docs/", "../")])
def test_the_page_names_no_address_that_is_not_relative_to_its_own(sent: str, above: str) -> None:
    text = app(proxy_event("GET", "/api/docs", path=sent), None)["body"]
    addresses = re.findall(r'(?:src|href)="([^"]*)"', text)

    assert {address.partition("?")[0] for address in addresses} == {
        "data:,", *(f"{above}docs/{name}" for name in ASSETS), f"{above}openapi.json",
    }  # fmt: skip
    assert f'new URL("{above}openapi.json", location.href)' in text
    assert "//" not in text.replace("// ", "")


@pytest.mark.parametrize("name", ASSETS)
def test_the_page_asks_for_a_file_by_what_is_in_it(name: str) -> None:
    tag = send("GET", "/api/docs/{asset}", parameters={"asset": name}).headers["etag"]

    assert f'docs/{name}?v={tag.strip(chr(34))}"' in send("GET", "/api/docs").text


@pytest.mark.parametrize("name", ASSETS)
def test_a_file_is_powertools_own(name: str) -> None:
    package = find_spec("aws_lambda_powertools")
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent / "event_handler/openapi/swagger_ui"

    answer = send("GET", "/api/docs/{asset}", parameters={"asset": name})

    assert answer.text.encode() == (folder / name).read_bytes()
    kind = "javascript" if name.endswith(".js") else "css"
    assert answer.headers["content-type"] == f"text/{kind}; charset=utf-8"


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "html.py", "__init__.py", "SWAGGER-UI.min.css", "swagger-ui.min.css/",
        "../swagger_ui/swagger-ui.min.css", "..%2Fswagger_ui%2Fswagger-ui.min.css",
        "%2e%2e/html.py", "/etc/passwd", "swagger-ui.min.css%00",
    ],
)  # fmt: skip
def test_no_other_file_is_served(name: str) -> None:
    problem(send("GET", "/api/docs/{asset}", parameters={"asset": name}), "NOT_FOUND")
