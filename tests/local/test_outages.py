"""Stripe or DynamoDB hanging under the running API: a buyer hears so within ten seconds, and the
seats are free again.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from chalicelib.services import health
from tests.support.black_hole import black_hole
from tests.support.http_server import Reply, serving, silent
from tests.support.local_run import local_run

pytestmark = pytest.mark.xdist_group("outages")

# What hangs does so for good: an answer shows that it was given up. How soon that is, the limits
# of each adapter say, and tests of their own; a loaded machine takes longer for all the rest.
PROMISE_SECONDS = 60
HEALTH_SECONDS = 60


def checkout_body(price: float) -> dict[str, object]:
    return {
        "eventSlug": "tech-conference",
        "quantity": 2,
        "unitPrice": price,
        "totalAmount": price * 2,
        "successUrl": "http://localhost:3000/",
        "cancelUrl": "http://localhost:3000/",
    }


def test_a_hanging_stripe_is_a_502_in_time_and_gives_the_seats_back(tmp_path: Path) -> None:
    with black_hole() as nowhere, local_run(tmp_path, STRIPE_API_BASE=nowhere) as run:
        health = httpx.get(run.url("/health/json"), timeout=HEALTH_SECONDS)
        assert (health.status_code, health.json()["status"]) == (200, "degraded")
        assert httpx.get(run.url("/ready"), timeout=HEALTH_SECONDS).status_code == 503

        answer = httpx.post(
            run.url("/api/payments/checkout"), json=checkout_body(149.99), timeout=PROMISE_SECONDS
        )

        assert answer.status_code == 502
        assert answer.json()["code"] == "PAYMENT_PROVIDER_ERROR"
        assert run.available() == 500


def test_a_hanging_dynamodb_is_a_503_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with black_hole() as nowhere:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", nowhere)
        from infra.local.functions import load_functions
        from infra.local.gateway import GatewayConfig, create_gateway, running
        from infra.packaging import api_definition

        gateway = create_gateway(api_definition("local"), load_functions(), GatewayConfig())
        with running(gateway) as url:
            for answer in (
                httpx.get(f"{url}/api/events", timeout=PROMISE_SECONDS),
                httpx.post(
                    f"{url}/api/payments/checkout",
                    json=checkout_body(149.99),
                    timeout=PROMISE_SECONDS,
                ),
            ):
                assert answer.status_code == 503
                assert answer.json()["code"] == "UNAVAILABLE"
                assert answer.headers["retry-after"]


def test_many_who_ask_for_the_health_of_a_hanging_dynamodb_hear_soon_and_by_one_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from infra.local.functions import load_functions
    from infra.local.gateway import GatewayConfig, create_gateway, running
    from infra.packaging import api_definition

    monkeypatch.setattr(health, "_LIMIT_SECONDS", 5.0)
    release = threading.Event()
    with (
        serving(silent(release)) as dynamodb,
        serving(lambda _: Reply(401)) as stripe,
        ThreadPoolExecutor(40) as crowd,
    ):
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.url)
        monkeypatch.setenv("STRIPE_API_BASE", stripe.url)
        gateway = create_gateway(api_definition("local"), load_functions(), GatewayConfig())
        with running(gateway) as url, httpx.Client(base_url=url, timeout=60) as client:
            started = time.monotonic()
            answers = list(crowd.map(lambda _: client.get("/health/json"), range(40)))
            took = time.monotonic() - started
        release.set()

    assert {answer.status_code for answer in answers} == {503}
    checks = answers[0].json()["checks"]
    assert (checks["database"]["status"], checks["payments"]["status"]) == ("unhealthy", "healthy")
    # A check's own call and botocore's second try, anew after some seconds of waiting and five in
    # which it is kept: the clients of a busy machine do not all come at once.
    assert len(dynamodb.received) <= 2 * (1 + took // 7)
    assert len(stripe.received) <= 1 + took // 15
