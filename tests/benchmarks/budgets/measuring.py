"""Measures the processor's time of each function, in a process of its own that talks to servers of
this one: from its start to its first answer, and of a warm answer, the median of many.

The servers answer at once and the same every time; what they take is nobody's here.
"""

import json
import os
import platform
import py_compile
import statistics
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chalicelib.store.cities import TOTAL, city_item
from chalicelib.store.event_items import event_item
from chalicelib.store.order_items import order_item
from chalicelib.store.totals import TOTALS_KEY
from infra.local.timer import scheduled_event
from infra.packaging.stages import ROOT
from tests.benchmarks.budgets.durations import MEASURED
from tests.benchmarks.budgets.world import DESCRIPTION
from tests.conftest import ENVIRONMENT
from tests.support.builders import a_city, an_event, an_order
from tests.support.fresh_process import run_fresh
from tests.support.http_server import Received, Reply, serving
from tests.support.lambda_api import proxy_event
from tests.support.routes import CHECKOUT
from tests.support.seeding import FAR_AHEAD
from tests.support.stripe_objects import (
    a_paid_stripe_session,
    a_stripe_session,
    delivery,
    event_text,
)
from tests.support.tokens import a_token, jwks, rsa_key

_PROCESSES = 7
_WARM_CALLS = 40
_PAGE = 50
_SLUG = {"slug": "tech-conference"}
_METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:abc123/dev/GET/api/auth/me"
_EVENT = an_event(date=FAR_AHEAD, capacity=10**6, description=DESCRIPTION)
_EVENT_ITEM = event_item(_EVENT).serialize()
_ORDER_ITEM = order_item(an_order(customer_email="ann@mail.example")).serialize()

_CITY_ITEM = city_item(a_city()).serialize()
_TOTALS = {"slug": {"S": TOTALS_KEY}, **{name: {"N": "50"} for name in ("published", TOTAL)}}
_ROWS = {
    "by_date": {name: _EVENT_ITEM[name] for name in ("public", "dateKey", "slug", "status")},
    "by_name": _CITY_ITEM,
}

_HANDLERS = {
    "api": "from app import app as handler",
    "webhook": "from chalicelib.functions.stripe_webhook import stripe_webhook as handler",
    "timer": "from chalicelib.functions.reconcile import reconcile as handler",
    "authorizer": "from chalicelib.functions.authorizer import jwt_authorizer as handler",
}
_SCRIPT = """
import time
{handler}
import json, statistics
requests = json.loads({requests!r})
def once(request):
    before = time.process_time()
    answer = handler(request, None)
    assert answer is None or answer.get("statusCode", 200) in (200, 201), answer
    return (time.process_time() - before) * 1000
once(requests[0])
cold = time.process_time() * 1000
warm = statistics.median(once(request) for request in requests[1:])
peak = next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if "VmHWM" in line)
result = [cold, warm, peak]
"""


def measure() -> None:
    """Measure everything, and keep it."""
    _compile()
    with _servers() as environment:
        rows = {name: _measured(*what, environment) for name, what in _work().items()}
    MEASURED.write_text(
        json.dumps({"circumstances": _circumstances(), "processor": rows}, indent=1) + "\n"
    )


def _compile() -> None:
    """Have bytecode of our own modules, as the package has."""
    for source in (ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")):
        py_compile.compile(str(source), doraise=True)


def _circumstances() -> dict[str, str]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "processes": str(_PROCESSES),
    }


def _work() -> dict[str, tuple[str, list[Any]]]:
    """Return what is measured: the function, and its requests, the first of which is cold."""
    checkout = proxy_event("POST", "/api/payments/checkout", body=json.dumps(CHECKOUT))
    return {
        "GET /api/events/{slug}": (
            "api",
            _same(proxy_event("GET", "/api/events/{slug}", path_parameters=_SLUG)),
        ),
        "GET /api/events": ("api", _same(proxy_event("GET", "/api/events"))),
        "GET /api/cities": ("api", _same(proxy_event("GET", "/api/cities"))),
        "POST /api/payments/checkout": ("api", _same(checkout)),
        "checkout.session.completed (paid)": (
            "webhook",
            list(_news("checkout.session.completed", a_paid_stripe_session())),
        ),
        "checkout.session.expired": (
            "webhook",
            list(_news("checkout.session.expired", a_stripe_session(status="expired", url=None))),
        ),
        "nothing to do": ("timer", _same(scheduled_event())),
        "a good token": ("authorizer", [_token(number) for number in range(_WARM_CALLS + 1)]),
    }


def _same(request: Any) -> list[Any]:
    return [request] * (_WARM_CALLS + 1)


def _news(kind: str, session: dict[str, Any]) -> Iterator[Any]:
    for number in range(_WARM_CALLS + 1):
        yield delivery(event_text(kind, session, f"evt_{number}"))


def _token(number: int) -> Any:
    token = a_token(rsa_key(), sub=f"user_{number}")
    return {"type": "TOKEN", "authorizationToken": f"Bearer {token}", "methodArn": _METHOD_ARN}


def _measured(
    function: str, requests: list[Any], environment: Mapping[str, str]
) -> dict[str, float]:
    script = _SCRIPT.format(handler=_HANDLERS[function], requests=json.dumps(requests))
    ran = [run_fresh(script, **environment)["result"] for _ in range(_PROCESSES)]
    cold, warm, peak = (statistics.median(column) for column in zip(*ran, strict=True))
    return {"cold_ms": round(cold), "warm_ms": round(warm, 1), "peak_mb": round(peak)}


@contextmanager
def _servers() -> Iterator[dict[str, str]]:
    with (
        serving(_as_dynamodb) as dynamodb,
        serving(_as_stripe) as stripe,
        serving(lambda _: Reply(200, b'{"MessageId": "m-1"}')) as ses,
        serving(lambda _: Reply(200, jwks(rsa_key()))) as issuer,
    ):
        yield {
            **ENVIRONMENT,
            "PYTHONPATH": str(Path.cwd()),
            "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url,
            "AWS_ENDPOINT_URL_SESV2": ses.url,
            "STRIPE_API_BASE": stripe.url,
            "JWT_JWKS_URL": issuer.url,
            "MAIL_FROM": "tickets@shop.example",
        }


def _as_dynamodb(request: Received) -> Reply:
    """Have one event, one pending order, a page of events, and take every write."""
    operation = request.headers["x-amz-target"].partition(".")[2]
    body = json.loads(request.body)
    if operation == "GetItem":
        return _json({"Item": _item(body)} if _item(body) else {})
    if operation == "Query" and body.get("IndexName") in _ROWS:
        return _json({"Items": [_ROWS[body["IndexName"]]] * _PAGE, "Count": _PAGE})
    return _json({"Items": [], "Count": 0} if operation == "Query" else {})


def _item(body: Mapping[str, Any]) -> Any:
    (key,) = (value["S"] for value in body["Key"].values())
    if key == TOTALS_KEY:
        return _TOTALS
    if body["TableName"] == "events":
        return _EVENT_ITEM if key == "tech-conference" else None
    return _ORDER_ITEM if body["TableName"] == "orders" and "#" not in key else None


def _as_stripe(request: Received) -> Reply:
    if request.path.startswith("/v1/events"):
        return _json({"object": "list", "data": [], "has_more": False, "url": "/v1/events"})
    return _json(a_stripe_session())


def _json(answer: Mapping[str, Any]) -> Reply:
    return Reply(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})
