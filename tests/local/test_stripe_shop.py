"""What the tests of the local Stripe share: a running server, its clients, its clock, an order.

There are no tests here.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import stripe
from stripe.params.checkout import SessionCreateParams

from infra.local.stripe_server import Config, running

Json = dict[str, Any]

KEY = "sk_test_madeup0123456789abcd"
WEBHOOK_SECRET = "whsec_madeup"
HEADERS = {"Authorization": f"Bearer {KEY}"}
FORM = {
    "mode": "payment",
    "success_url": "http://localhost/done",
    "line_items[0][quantity]": "1",
    "line_items[0][price_data][currency]": "usd",
    "line_items[0][price_data][unit_amount]": "1499",
    "line_items[0][price_data][product_data][name]": "Ticket",
}

_PATIENCE_SECONDS = 60


class Clock:
    """The real time, set forward by a test."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Shop:
    """A running server as a shop sees it: by the SDK, by plain HTTP, and its buyers."""

    def __init__(
        self, base: str, clock: Clock, sdk_client: stripe.HTTPClient, http: httpx.Client
    ) -> None:
        self.base = base
        self.clock = clock
        self.http = http
        self.v1 = stripe.StripeClient(
            KEY, base_addresses={"api": base}, http_client=sdk_client, max_network_retries=0
        ).v1

    def session(self, **changes: object) -> stripe.checkout.Session:
        return self.v1.checkout.sessions.create(order(**changes))

    def press(self, session: stripe.checkout.Session, action: str, **form: str) -> httpx.Response:
        return self.http.post(f"{self.base}/c/pay/{session.id}/{action}", data=form)

    def paid(self, **changes: object) -> stripe.checkout.Session:
        session = self.session(**changes)
        assert self.press(session, "pay").status_code == 303
        return self.v1.checkout.sessions.retrieve(session.id)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self.http.get(path, headers={**HEADERS, **(headers or {})})

    def post(
        self,
        path: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        return self.http.post(path, data=form or {}, headers={**HEADERS, **(headers or {})})


@contextmanager
def running_shop(state_dir: Path, clock: Clock | None = None, **settings: Any) -> Iterator[Shop]:
    clock = clock or Clock()
    config = Config(KEY, WEBHOOK_SECRET, state_dir, now=clock, **settings)
    with (
        running(config) as base,
        closing(stripe.RequestsClient()) as sdk_client,
        httpx.Client(base_url=base, trust_env=False, timeout=30) as http,
    ):
        yield Shop(base, clock, sdk_client, http)


def order(**changes: object) -> SessionCreateParams:
    params = {
        "mode": "payment",
        "success_url": "http://localhost:5173/done?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://localhost:5173/back",
        "client_reference_id": "01ORDER",
        "line_items": [item()],
        "metadata": {"orderId": "01ORDER"},
        **changes,
    }
    return cast("SessionCreateParams", {k: v for k, v in params.items() if v is not None})


def item(*, quantity: int = 2, currency: str | None = "usd", **price: object) -> Json:
    price_data: Json = {
        "currency": currency,
        "unit_amount": 1499,
        "product_data": {"name": "Tech Conference"},
        **price,
    }
    return {
        "quantity": quantity,
        "price_data": {k: v for k, v in price_data.items() if v is not None},
    }


def refused(call: Callable[[], object]) -> stripe.InvalidRequestError:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        call()
    return caught.value


def event_types(shop: Shop) -> list[str]:
    """Oldest first."""
    return [event.type for event in reversed(shop.v1.events.list({"limit": 100}).data)]


def eventually(condition: Callable[[], object]) -> None:
    """Wait until the condition holds, however slow the machine is; fail after a long while."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
