"""The API's handler, by the string that is packaged: what only the whole of it can show."""

import importlib
import json
from typing import Any

import pytest

from chalicelib import wiring
from tests.support.builders import a_city, an_event
from tests.support.lambda_api import proxy_event

HANDLER = "app.app"


def call(event: dict[str, Any]) -> tuple[int, Any]:
    module, _, name = HANDLER.rpartition(".")
    answer = getattr(importlib.import_module(module), name)(event, None)
    return answer["statusCode"], json.loads(answer["body"])


def test_the_front_door_answers() -> None:
    status, body = call(proxy_event("GET", "/"))
    assert status == 200
    assert body["documentation"] == "/api/docs"


def test_what_is_stored_is_listed(dynamodb: Any) -> None:
    wiring.stores().cities.create(a_city())
    wiring.stores().events.create(an_event())
    status, body = call(proxy_event("GET", "/api/events"))
    assert (status, body["count"]) == (200, 1)
    assert body["events"][0]["slug"] == "tech-conference"


@pytest.mark.parametrize("slug", ["#totals", "stripe-event#evt_1"])
def test_the_stores_own_bookkeeping_is_no_event(dynamodb: Any, slug: str) -> None:
    wiring.stores().cities.create(a_city())
    wiring.stores().events.create(an_event())
    body = {
        "eventSlug": slug,
        "quantity": 1,
        "unitPrice": 1,
        "totalAmount": 1,
        "successUrl": "http://localhost/a",
        "cancelUrl": "http://localhost/b",
    }
    status, answer = call(proxy_event("POST", "/api/payments/checkout", body=json.dumps(body)))
    assert (status, answer["code"]) == (404, "NOT_FOUND")
