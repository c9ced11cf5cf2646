"""What each function loads, in a process of its own: a cold start pays for every module.

The handlers talk to real servers on this machine, so that nothing is loaded by a stand-in.
"""

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib.domain.orders import OrderStatus
from chalicelib.store.event_items import event_item
from chalicelib.store.order_items import order_item
from infra.local.timer import scheduled_event
from tests.support.builders import NOW, an_event, an_order
from tests.support.fresh_process import run_fresh
from tests.support.http_server import LocalServer, Received, Reply, serving
from tests.support.lambda_api import proxy_event
from tests.support.stripe_objects import a_paid_stripe_session, delivery, event_text
from tests.support.tokens import a_token, jwks, rsa_key

METHOD_ARN = "arn:aws:execute-api:eu-central-1:123456789012:abc123/api/GET/api/auth/me"
AUTHORIZER = "from chalicelib.functions.authorizer import jwt_authorizer as handler\n"
WEBHOOK = "from chalicelib.functions.stripe_webhook import stripe_webhook as handler\n"
TIMER = "from chalicelib.functions.reconcile import reconcile as handler\n"
API = "from app import app as handler\n"

NOT_IN_AUTHORIZER = ("stripe", "pynamodb", "botocore", "boto3", "pydantic", "chalice", "app")
# Its expressions are compiled as it is loaded.
REDACTION = "chalicelib.redaction"
NOT_IN_WEBHOOK = ("app", "jwt", "pydantic", "segno", "icalendar")
NOT_IN_TIMER = ("app", "jwt", "pydantic", "segno", "icalendar")
NOT_IN_API = ("stripe", "jwt", "segno")
NOT_IN_API_UNTIL_NEEDED = ("stripe", "jwt", "pydantic", "pynamodb", "icalendar", "segno")

ORDER_ITEM = order_item(an_order()).serialize()
FREE_ORDER = an_order(
    id="01JZX5K7Q8M9N0P1R2S3T4V5W6",
    quantity=1,
    unit_price=0,
    status=OrderStatus.PAID,
    paid_at=NOW,
    tickets=("0" * 16,),
    session_id="cs_free_01JZX5K7Q8M9N0P1R2S3T4V5W60000000000000000",
)
FREE_SESSION = {"id": str(FREE_ORDER.session_id)}
CHECKOUT = {
    "eventSlug": "nowhere",
    "quantity": 1,
    "unitPrice": 1,
    "totalAmount": 1,
    "successUrl": "http://localhost:3000/",
    "cancelUrl": "http://localhost:3000/",
}
TECH_CONFERENCE = {"slug": "tech-conference"}
EVENT_ITEM = event_item(an_event()).serialize()


def calling(event: dict[str, Any]) -> str:
    """A script's line that calls the handler and keeps its answer."""
    return f"import json\nresult = handler(json.loads({json.dumps(event)!r}), None)\n"


def loads(script: str, **environment: str) -> tuple[set[str], Any]:
    """Run a script; return the third parties and our top modules it loaded, and its result."""
    ran = run_fresh(script, **environment)
    return {name.partition(".")[0] for name in ran["loaded"]}, ran["result"]


def absent(names: tuple[str, ...], loaded: set[str]) -> bool:
    assert sorted(loaded.intersection(names)) == []
    return True


def answer_as_dynamodb(request: Received) -> Reply:
    """A store with one pending order and one event, which takes every write."""
    operation = request.headers["x-amz-target"].partition(".")[2]
    answer = {"GetItem": {"Item": ORDER_ITEM}, "Query": {"Items": [], "Count": 0}}
    if operation == "GetItem" and json.loads(request.body)["Key"] == {"slug": EVENT_ITEM["slug"]}:
        return Reply(200, json.dumps({"Item": EVENT_ITEM}).encode())
    if operation == "GetItem" and FREE_ORDER.id.encode() in request.body:
        return Reply(200, json.dumps({"Item": order_item(FREE_ORDER).serialize()}).encode())
    if operation == "GetItem" and an_order().id.encode() not in request.body:
        return Reply(200, b"{}")
    return Reply(200, json.dumps(answer.get(operation, {})).encode())


@pytest.fixture
def dynamodb_server() -> Iterator[LocalServer]:
    with serving(answer_as_dynamodb) as server:
        yield server


def operations(server: LocalServer) -> list[str]:
    return [request.headers["x-amz-target"].partition(".")[2] for request in server.received]


def test_a_fresh_process_tells_what_it_loaded() -> None:
    # The other tests prove an absence, so this one proves that a presence would be seen.
    loaded, result = loads("import stripe, pydantic\nresult = 7\n")
    assert {"stripe", "pydantic"} <= loaded
    assert "pynamodb" not in loaded
    assert result == 7


def test_the_authorizer_does_not_load_what_it_does_not_need() -> None:
    loaded, _ = loads(AUTHORIZER)
    assert absent((*NOT_IN_AUTHORIZER, "jwt", "aws_lambda_powertools"), loaded)


def test_the_authorizer_admits_a_caller_without_loading_more_than_its_verifier() -> None:
    event = {
        "type": "TOKEN",
        "authorizationToken": f"Bearer {a_token(rsa_key())}",
        "methodArn": METHOD_ARN,
    }
    with serving(lambda _: Reply(200, jwks(rsa_key()))) as issuer:
        ran = run_fresh(AUTHORIZER + calling(event), JWT_JWKS_URL=issuer.url)
    assert ran["result"]["principalId"] == "user_1"
    loaded = {name.partition(".")[0] for name in ran["loaded"]}
    assert "jwt" in loaded
    assert absent(NOT_IN_AUTHORIZER, loaded)
    assert REDACTION not in ran["loaded"]


def test_the_authorizer_loads_what_cleans_its_log_line_only_when_it_writes_one() -> None:
    event = {"type": "TOKEN", "authorizationToken": "Bearer x.y.z", "methodArn": METHOD_ARN}
    script = AUTHORIZER + (
        "import json\n"
        "try:\n"
        f"    handler(json.loads({json.dumps(event)!r}), None)\n"
        "except Exception as refusal:\n"
        "    result = str(refusal)\n"
    )
    ran = run_fresh(script)
    assert ran["result"] == "Unauthorized"
    assert REDACTION in ran["loaded"]


def test_the_webhook_does_not_load_what_it_does_not_need() -> None:
    loaded, _ = loads(WEBHOOK)
    assert absent((*NOT_IN_WEBHOOK, "stripe", "pynamodb", "botocore"), loaded)


def test_the_webhook_fulfils_an_order_without_the_api_tokens_or_models(
    dynamodb_server: LocalServer,
) -> None:
    event = delivery(event_text("checkout.session.completed", a_paid_stripe_session()))
    loaded, answer = loads(WEBHOOK + calling(event), AWS_ENDPOINT_URL_DYNAMODB=dynamodb_server.url)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["outcome"] == "paid"
    assert operations(dynamodb_server) == ["GetItem", "TransactWriteItems"]
    assert {"stripe", "pynamodb"} <= loaded
    assert absent(NOT_IN_WEBHOOK, loaded)


def test_a_forged_webhook_does_not_load_the_store(dynamodb_server: LocalServer) -> None:
    text = event_text("checkout.session.completed", a_paid_stripe_session())
    loaded, answer = loads(
        WEBHOOK + calling(delivery(text, signed="t=1,v1=00")),
        AWS_ENDPOINT_URL_DYNAMODB=dynamodb_server.url,
    )
    assert answer["statusCode"] == 400
    assert dynamodb_server.received == []
    # The refusal's log line brings botocore, which Powertools loads for its own sake.
    assert absent((*NOT_IN_WEBHOOK, "pynamodb"), loaded)


def test_the_timer_does_not_load_what_it_does_not_need() -> None:
    loaded, _ = loads(TIMER)
    heavy = ("stripe", "pynamodb", "botocore", "aws_lambda_powertools")
    assert absent((*NOT_IN_TIMER, *heavy), loaded)


def test_a_run_of_the_timer_loads_the_store_and_stripe_and_nothing_else(
    dynamodb_server: LocalServer,
) -> None:
    nothing = {"object": "list", "data": [], "has_more": False, "url": "/v1/events"}
    with serving(lambda _: Reply(200, json.dumps(nothing).encode())) as stripe:
        loaded, _ = loads(
            TIMER + calling(scheduled_event()),
            AWS_ENDPOINT_URL_DYNAMODB=dynamodb_server.url,
            STRIPE_API_BASE=stripe.url,
        )
    assert {urlsplit(request.path).path for request in stripe.received} == {"/v1/events"}
    # Orders that are due, by their partitions; up to when events were handled, noted for each
    # window without any; cancelled events; the marks of words; the cities whose events are behind.
    expected = [*["Query"] * 8, "GetItem", "PutItem", *["Query"] * 3]
    assert [name for name, _ in groupby(operations(dynamodb_server))] == [
        name for name, _ in groupby(expected)
    ]
    assert {"pynamodb", "stripe"} <= loaded
    assert absent((*NOT_IN_TIMER, "aws_lambda_powertools"), loaded)


def test_the_api_does_not_load_what_its_first_request_may_not_need() -> None:
    loaded, _ = loads(API)
    assert absent((*NOT_IN_API_UNTIL_NEEDED, "botocore", "aws_lambda_powertools"), loaded)


def test_the_front_door_loads_nothing_more() -> None:
    loaded, answer = loads(API + calling(proxy_event("GET", "/")))
    assert answer["statusCode"] == 200
    assert absent((*NOT_IN_API_UNTIL_NEEDED, "botocore", "aws_lambda_powertools"), loaded)


# What tells how the service is, and its numbers: no other route's start pays for it.
OF_HEALTH = {
    "chalicelib.adapters.cloudwatch",
    "chalicelib.adapters.memory",
    "chalicelib.adapters.stripe_reach",
    "chalicelib.http.exposition",
    "chalicelib.http.health_page",
    "chalicelib.services.figures",
    "chalicelib.services.health",
    "chalicelib.services.process_figures",
}


@pytest.mark.parametrize("start", [API, WEBHOOK, TIMER, AUTHORIZER])
def test_no_start_loads_what_tells_of_health(start: str) -> None:
    assert OF_HEALTH.isdisjoint(run_fresh(start)["loaded"])


def test_a_page_view_loads_nothing_that_tells_of_health(dynamodb_server: LocalServer) -> None:
    event = proxy_event("GET", "/api/events/{slug}", path_parameters=TECH_CONFERENCE)
    ran = run_fresh(API + calling(event), AWS_ENDPOINT_URL_DYNAMODB=dynamodb_server.url)
    assert ran["result"]["statusCode"] == 200
    assert OF_HEALTH.isdisjoint(ran["loaded"])


def test_deployed_a_sale_loads_nothing_that_counts_in_the_process(
    dynamodb_server: LocalServer,
) -> None:
    event = delivery(event_text("checkout.session.completed", a_paid_stripe_session()))
    ran = run_fresh(
        WEBHOOK + calling(event), AWS_ENDPOINT_URL_DYNAMODB=dynamodb_server.url, STAGE="dev"
    )
    assert json.loads(ran["result"]["body"])["outcome"] == "paid"
    assert OF_HEALTH.isdisjoint(ran["loaded"])


@pytest.mark.parametrize("path", ["/health", "/health/json", "/ready"])
def test_the_health_loads_the_store_and_what_asks_stripe_but_not_its_sdk(
    dynamodb_server: LocalServer, path: str
) -> None:
    with serving(lambda _: Reply(401, b"{}")) as stripe:
        ran = run_fresh(
            API + calling(proxy_event("GET", path)),
            AWS_ENDPOINT_URL_DYNAMODB=dynamodb_server.url,
            STRIPE_API_BASE=stripe.url,
        )
    assert ran["result"]["statusCode"] == 200, ran["result"]
    assert operations(dynamodb_server) == ["GetItem"]
    assert [request.path for request in stripe.received] == ["/v1"]
    loaded = {name.partition(".")[0] for name in ran["loaded"]}
    assert {"pynamodb", "requests"} <= loaded
    assert absent((*NOT_IN_API, "pydantic", "icalendar", "aws_lambda_powertools"), loaded)
    unused = {"chalicelib.adapters.cloudwatch", "chalicelib.services.figures"}
    assert unused.isdisjoint(ran["loaded"])


def test_the_numbers_load_no_store_and_no_stripe() -> None:
    loaded, answer = loads(API + calling(proxy_event("GET", "/metrics")))
    assert answer["statusCode"] == 200
    assert absent(("stripe", "jwt", "pynamodb", "pydantic", "botocore", "segno"), loaded)


def test_a_list_of_events_loads_the_store_and_nothing_else(dynamodb_server: LocalServer) -> None:
    loaded, answer = loads(
        API + calling(proxy_event("GET", "/api/events")),
        AWS_ENDPOINT_URL_DYNAMODB=dynamodb_server.url,
    )
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["count"] == 0
    assert "pynamodb" in loaded
    assert absent((*NOT_IN_API, "pydantic", "aws_lambda_powertools"), loaded)


# What a page view of an event loads of ours that is of events and nothing else: each further module
# is a part of every cold start.
OF_A_PAGE_VIEW = {
    "chalicelib.routes.event_pages",
    "chalicelib.routes.events",
    "chalicelib.services.catalogue",
    "chalicelib.services.port_types",
    "chalicelib.store.connection",
    "chalicelib.store.event_items",
    "chalicelib.store.event_reading",
    "chalicelib.store.item_parser",
    "chalicelib.store.models",
    "chalicelib.store.patience",
    "chalicelib.store.reading",
}
# The catalogue knows cities too, and these have changes of theirs beside them.
WITH_CITIES = {
    "chalicelib.store.audit",
    "chalicelib.store.cities",
    "chalicelib.store.renames",
    "chalicelib.store.totals",
    "chalicelib.store.transactions",
}


def test_a_page_view_loads_these_modules_and_no_others(dynamodb_server: LocalServer) -> None:
    event = proxy_event("GET", "/api/events/{slug}", path_parameters=TECH_CONFERENCE)
    ran = run_fresh(API + calling(event), AWS_ENDPOINT_URL_DYNAMODB=dynamodb_server.url)
    assert ran["result"]["statusCode"] == 200
    parts = ("chalicelib.routes.", "chalicelib.services.", "chalicelib.store.")
    loaded = {name for name in ran["loaded"] if name.startswith(parts)}
    # The timer, whose declaration comes with every function, keeps its time with this.
    assert loaded == OF_A_PAGE_VIEW | WITH_CITIES | {"chalicelib.services.time_budget"}


@pytest.mark.parametrize("start", [API, WEBHOOK, TIMER, AUTHORIZER])
def test_no_start_loads_the_ports(start: str) -> None:
    loaded = run_fresh(start)["loaded"]
    assert not {"chalicelib.services.ports", "chalicelib.domain.orders"} & set(loaded)


def test_an_events_page_does_not_load_what_its_calendar_needs(dynamodb_server: LocalServer) -> None:
    loaded, answer = loads(
        API + calling(proxy_event("GET", "/api/events/{slug}", path_parameters=TECH_CONFERENCE)),
        AWS_ENDPOINT_URL_DYNAMODB=dynamodb_server.url,
    )
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["name"] == "Tech Conference"
    assert "pynamodb" in loaded
    assert absent((*NOT_IN_API, "pydantic", "icalendar", "aws_lambda_powertools"), loaded)


def test_a_calendar_loads_its_library_and_nothing_else(dynamodb_server: LocalServer) -> None:
    route = "/api/events/{slug}/calendar.ics"
    loaded, answer = loads(
        API + calling(proxy_event("GET", route, path_parameters=TECH_CONFERENCE)),
        AWS_ENDPOINT_URL_DYNAMODB=dynamodb_server.url,
    )
    assert answer["statusCode"] == 200
    assert "SUMMARY:Tech Conference" in answer["body"]
    assert "icalendar" in loaded
    assert absent((*NOT_IN_API, "pydantic", "aws_lambda_powertools"), loaded)


def test_an_order_loads_the_store_and_nothing_else(dynamodb_server: LocalServer) -> None:
    event = proxy_event("GET", "/api/orders/{id}", path_parameters=FREE_SESSION)
    loaded, answer = loads(API + calling(event), AWS_ENDPOINT_URL_DYNAMODB=dynamodb_server.url)
    assert json.loads(answer["body"])["id"] == FREE_ORDER.id
    assert "pynamodb" in loaded
    assert absent((*NOT_IN_API, "pydantic", "aws_lambda_powertools"), loaded)


def test_tickets_load_what_draws_their_codes_and_nothing_else(dynamodb_server: LocalServer) -> None:
    event = proxy_event("GET", "/api/orders/{id}/tickets", path_parameters=FREE_SESSION)
    loaded, answer = loads(API + calling(event), AWS_ENDPOINT_URL_DYNAMODB=dynamodb_server.url)
    assert len(json.loads(answer["body"])["tickets"]) == 1
    assert {"pynamodb", "segno"} <= loaded
    assert absent(("stripe", "jwt", "pydantic", "aws_lambda_powertools"), loaded)


def test_a_checkout_without_a_token_does_not_load_what_checks_one(
    dynamodb_server: LocalServer,
) -> None:
    event = proxy_event("POST", "/api/payments/checkout", body=json.dumps(CHECKOUT))
    loaded, answer = loads(API + calling(event), AWS_ENDPOINT_URL_DYNAMODB=dynamodb_server.url)
    assert answer["statusCode"] == 404
    assert operations(dynamodb_server) == ["GetItem"]
    assert absent(("jwt", "segno", "icalendar"), loaded)


def test_a_refused_body_loads_neither_store_nor_stripe(dynamodb_server: LocalServer) -> None:
    event = proxy_event("POST", "/api/payments/checkout", body='{"quantity": 0}')
    loaded, answer = loads(API + calling(event), AWS_ENDPOINT_URL_DYNAMODB=dynamodb_server.url)
    assert answer["statusCode"] == 400
    assert dynamodb_server.received == []
    assert absent(("stripe", "jwt", "pynamodb", "botocore"), loaded)
