"""Stripe or DynamoDB hanging under the running API: a buyer hears so within ten seconds, and the
seats are free again.
"""

from pathlib import Path

import httpx
import pytest

from tests.support.black_hole import black_hole
from tests.support.local_run import local_run

pytestmark = pytest.mark.xdist_group("outages")

# The promise of the API, kept by the client: it hangs up after ten seconds.
PROMISE_SECONDS = 10


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
