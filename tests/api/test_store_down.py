"""DynamoDB refuses connections, or takes them and says nothing: a 503 with a time to come back."""

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.settings import StoreSettings
from chalicelib.store import Stores, open_stores, patience
from tests.support.answers import problem
from tests.support.builders import a_paid_session
from tests.support.fakes import FakePayments
from tests.support.routes import (
    ABOUT_PARTS,
    GOOD,
    ROUTES,
    WITHOUT_STORE,
    Route,
    send_good,
)

pytestmark = pytest.mark.enable_socket

# What API Gateway and the contract give the whole request, in seconds.
TIME_FOR_A_REQUEST = 10
# botocore's standard retry mode waits up to a second before its first retry.
LONGEST_PAUSE_BEFORE_A_RETRY = 1


def stores_at(port: int) -> Stores:
    """Open the store of a machine where somebody else may be listening."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_REGION", "us-east-1")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        stores = open_stores(StoreSettings("events", "cities", "index", "orders", "audit"))
        assert stores.orders._connection.client.meta.endpoint_url.endswith(f":{port}")
    return stores


@pytest.fixture(scope="module")
def refusing() -> Stores:
    """A store behind a port that nobody listens on."""
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    return stores_at(port)


@pytest.fixture(scope="module")
def silent() -> Iterator[Stores]:
    """A store behind a port that takes connections and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield stores_at(server.getsockname()[1])


@pytest.fixture(autouse=True)
def _payments(monkeypatch: pytest.MonkeyPatch) -> FakePayments:
    payments = FakePayments(sessions={"cs_test_1": a_paid_session()})
    monkeypatch.setattr(wiring, "payments", lambda: payments)
    return payments


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES if route not in WITHOUT_STORE | ABOUT_PARTS],
    ids=" ".join,
)
def test_every_route_that_needs_the_store_says_when_to_come_back(
    refusing: Stores, monkeypatch: pytest.MonkeyPatch, route: Route
) -> None:
    monkeypatch.setattr(wiring, "stores", lambda: refusing)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)

    answer = send_good(route)

    body = problem(answer, "UNAVAILABLE")
    assert body["message"] == "the store cannot be reached right now; try again"
    assert int(answer.headers["retry-after"]) > 0
    assert "127.0.0.1" not in answer.text


@pytest.mark.parametrize("route", sorted(WITHOUT_STORE), ids=" ".join)
def test_a_route_that_needs_no_store_goes_on(
    refusing: Stores, monkeypatch: pytest.MonkeyPatch, route: Route
) -> None:
    monkeypatch.setattr(wiring, "stores", lambda: refusing)

    assert send_good(route).status == 200


def test_a_checkout_asks_stripe_for_nothing_while_the_store_is_down(
    refusing: Stores, monkeypatch: pytest.MonkeyPatch, _payments: FakePayments
) -> None:
    monkeypatch.setattr(wiring, "stores", lambda: refusing)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)

    problem(send_good(("POST", "/api/payments/checkout")), "UNAVAILABLE")

    assert list(_payments.sessions) == ["cs_test_1"]


def test_a_store_that_says_nothing_is_given_up_on(
    silent: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "stores", lambda: silent)

    answer = send_good(("GET", "/api/events/{slug}"))

    problem(answer, "UNAVAILABLE")
    assert answer.headers["retry-after"]


def test_one_call_to_a_lost_store_takes_well_under_the_time_of_a_request(refusing: Stores) -> None:
    config: Any = refusing.orders._connection.client.meta.config
    attempts = config.retries["total_max_attempts"]

    per_attempt = config.connect_timeout + config.read_timeout
    call = attempts * per_attempt + (attempts - 1) * LONGEST_PAUSE_BEFORE_A_RETRY

    assert call < TIME_FOR_A_REQUEST
    assert patience._PATIENCE_SECONDS + per_attempt < TIME_FOR_A_REQUEST


def test_every_route_has_a_good_request_to_fail_with() -> None:
    assert set(GOOD) == set(ROUTES)
