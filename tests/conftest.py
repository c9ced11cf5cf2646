"""Fixtures that every suite may use: a clean environment, tables in moto, and the wired app."""

import inspect
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib import sign_in, wiring
from chalicelib.settings import StoreSettings
from chalicelib.store import Stores, open_stores
from infra.tables import create_tables
from tests.support.lambda_api import LambdaApi
from tests.support.patience import await_calls_given_up, wait_for_long

# Reads along what the suite logs, and fails the test that gives something away.
pytest_plugins = ("tests.support.log_watch",)

TABLES = {
    "EventsTable": "events",
    "CitiesTable": "cities",
    "IndexTable": "index",
    "OrdersTable": "orders",
    "AuditTable": "audit",
}
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "STAGE": "local",
    "EVENTS_TABLE": "events",
    "CITIES_TABLE": "cities",
    "INDEX_TABLE": "index",
    "ORDERS_TABLE": "orders",
    "AUDIT_TABLE": "audit",
    "STRIPE_SECRET_KEY": "sk_test_unit",
    "STRIPE_WEBHOOK_SECRET": "whsec_unit",
    "JWT_ISSUER": "https://issuer.example",
    "ALLOW_DATABASE_RESET": "true",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give every test the same settings, and parts that are made anew from them."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    forget_parts()
    yield
    forget_parts()


@pytest.fixture(autouse=True)
def _patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no test fail for being slow, nor meet what a test before it gave up on."""
    if request.node.get_closest_marker("own_limits") is None:
        wait_for_long(monkeypatch)
    yield
    await_calls_given_up()


def forget_parts() -> None:
    """Have every part made anew when it is needed next."""
    for module in (wiring, sign_in):
        for _, part in inspect.getmembers(module, lambda member: hasattr(member, "cache_clear")):
            part.cache_clear()


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    """A moto DynamoDB with the declared tables; yields a boto3 client."""
    with mock_aws():
        client = boto3.client("dynamodb")
        create_tables(client, TABLES)
        yield client


@pytest.fixture
def stores(dynamodb: Any) -> Stores:
    """The real store on moto."""
    return open_stores(StoreSettings("events", "cities", "index", "orders", "audit"))


@pytest.fixture
def api(dynamodb: Any) -> LambdaApi:
    """The API's handler with empty tables."""
    from app import app

    return LambdaApi(app)
