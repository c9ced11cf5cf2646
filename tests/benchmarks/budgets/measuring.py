"""Measures the processor's time of each function as it is deployed: the built package, in a process
that is started as Lambda starts one (`tests.benchmarks.track`), and that talks to servers of this
one. Three times are told apart: Lambda's init phase, the first answer, and a warm answer.

The servers answer at once and the same every time; what they take is nobody's here.
"""

import json
import os
import platform
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from chalicelib.store.cities import TOTAL, city_item
from chalicelib.store.event_items import event_item
from chalicelib.store.order_items import order_item
from chalicelib.store.totals import TOTALS_KEY
from infra.local.timer import scheduled_event
from tests.benchmarks.budgets.cases import API, AUTHORIZER, TIMER, WEBHOOK
from tests.benchmarks.budgets.durations import FUNCTION_NAMES, MEASURED, memory_mb
from tests.benchmarks.budgets.world import DESCRIPTION
from tests.benchmarks.track import packages
from tests.benchmarks.track.lambda_process import Function, running
from tests.conftest import ENVIRONMENT
from tests.support.builders import a_city, an_event, an_order
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

_ENVIRONMENT, _BUILD = Path(".venv-bench"), Path("build/budgets")
_STAGE = "prod"
_PROCESSES = 9
_WARM_CALLS = 40
# Lambda's own limit of the timer; it stops half a minute before.
_SECONDS = 240
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


@dataclass(frozen=True)
class Deployed:
    """The package that is measured, and the interpreter that runs it."""

    python: Path
    package: packages.Package

    def function(self, function: str, settings: Mapping[str, str]) -> Function:
        """Return a function as the template has it, with more settings."""
        name = FUNCTION_NAMES[function]
        template = self.package.folder.with_suffix(".json")
        return Function(
            name,
            self.package.folder,
            packages.handlers(template)[name],
            memory_mb(function),
            {**packages.fixed_settings(template, name), **settings},
            _SECONDS,
        )


Requests = Callable[[], list[Any]]
"""Makes requests, the first of which a function that has just started gets."""


def measure() -> None:
    """Measure everything, and keep it."""
    deployed = build()
    with servers() as environment, tqdm(total=_PROCESSES * len(work()), unit="process") as bar:
        rows = {
            name: measured(deployed.function(function, environment), deployed.python, make, bar)
            for name, (function, make) in work().items()
        }
    MEASURED.write_text(
        json.dumps({"circumstances": _circumstances(), "processor": rows}, indent=1) + "\n"
    )


def build() -> Deployed:
    """Build the package by the command that deploys it, and what stands in for Lambda's Python."""
    _BUILD.mkdir(parents=True, exist_ok=True)
    python = packages.make_runtime(packages.Installed(_ENVIRONMENT), _BUILD / "runtime")
    return Deployed(python, packages.make_ours(_STAGE, _BUILD / "ours"))


def _circumstances() -> dict[str, str]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "processes": str(_PROCESSES),
    }


def work() -> dict[str, tuple[str, Requests]]:
    """Return what is measured: the function, and its requests."""
    checkout = proxy_event("POST", "/api/payments/checkout", body=json.dumps(CHECKOUT))
    return {
        "GET /api/events/{slug}": (
            API,
            _same(proxy_event("GET", "/api/events/{slug}", path_parameters=_SLUG)),
        ),
        "GET /api/events": (API, _same(proxy_event("GET", "/api/events"))),
        "GET /api/cities": (API, _same(proxy_event("GET", "/api/cities"))),
        "POST /api/payments/checkout": (API, _same(checkout)),
        "checkout.session.completed (paid)": (
            WEBHOOK,
            lambda: _news("checkout.session.completed", a_paid_stripe_session()),
        ),
        "checkout.session.expired": (
            WEBHOOK,
            lambda: _news("checkout.session.expired", a_stripe_session(status="expired", url=None)),
        ),
        "nothing to do": (TIMER, _same(scheduled_event())),
        "a good token": (AUTHORIZER, _tokens),
    }


def _same(request: Any) -> Requests:
    return lambda: [request] * (_WARM_CALLS + 1)


def _news(kind: str, session: dict[str, Any]) -> list[Any]:
    return [
        delivery(event_text(kind, session, f"evt_{number}")) for number in range(_WARM_CALLS + 1)
    ]


def _tokens() -> list[Any]:
    return [_token(number) for number in range(_WARM_CALLS + 1)]


def _token(number: int) -> Any:
    token = a_token(rsa_key(), sub=f"user_{number}")
    return {"type": "TOKEN", "authorizationToken": f"Bearer {token}", "methodArn": _METHOD_ARN}


def measured(
    function: Function, python: Path, requests: Requests, bar: "tqdm[Any] | None" = None
) -> dict[str, float]:
    """Return the medians over several processes, each of which has requests of its own: what is
    signed does not hold for long.
    """
    ran = []
    for _ in range(_PROCESSES):
        ran.append(_times(function, python, requests()))
        if bar is not None:
            bar.update()
    init, first, warm, peak = (statistics.median(column) for column in zip(*ran, strict=True))
    return {
        "init_ms": round(init),
        "first_ms": round(first, 1),
        "warm_ms": round(warm, 1),
        "peak_mb": round(peak),
    }


def _times(
    function: Function, python: Path, requests: Sequence[Any]
) -> tuple[float, float, float, float]:
    with running(function, python) as process:
        process.settle()
        init = before = process.spent().cpu_ms
        took = []
        for request in requests:
            check(process.invoke(json.dumps(request).encode()).payload)
            process.settle()
            after = process.spent().cpu_ms
            took.append(after - before)
            before = after
        return init, took[0], statistics.median(took[1:]), process.spent().peak_mb


def check(payload: bytes) -> None:
    """Raise `AssertionError` where an answer is a refusal."""
    answer = json.loads(payload)
    refused = answer is not None and answer.get("statusCode", 200) not in (200, 201)
    assert not refused, answer


@contextmanager
def servers() -> Iterator[dict[str, str]]:
    """Run what the functions call; yields the settings that lead to it."""
    with (
        serving(_as_dynamodb) as dynamodb,
        serving(_as_stripe) as stripe,
        serving(lambda _: Reply(200, b'{"MessageId": "m-1"}')) as ses,
        serving(lambda _: Reply(200, jwks(rsa_key()))) as issuer,
    ):
        yield {
            **ENVIRONMENT,
            "API_NAME": "events-api",
            "CHECKOUT_ALLOWED_ORIGINS": "http://localhost:3000",
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
