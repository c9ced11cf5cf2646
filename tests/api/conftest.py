"""The API's handler over tables in moto, and a payment provider in memory."""

from collections.abc import Iterator

import pytest
from chalice.app import Chalice

from app import app
from chalicelib import wiring
from chalicelib.store import Stores
from tests.support.dynamodb_use import held_to
from tests.support.fakes import FakePayments
from tests.support.issuer import issuing, trust
from tests.support.lambda_api import LambdaApi
from tests.support.log_lines import LogLines, captured_log
from tests.support.tables import MotoTables, moto_tables


@pytest.fixture(autouse=True)
def _stripe_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody ask the real Stripe whether it is there."""
    monkeypatch.setattr(wiring, "_check_payments", lambda: 0.012)


@pytest.fixture(scope="module")
def shared_tables() -> Iterator[MotoTables]:
    with moto_tables() as tables:
        yield tables


@pytest.fixture
def tables(shared_tables: MotoTables, monkeypatch: pytest.MonkeyPatch) -> MotoTables:
    """Empty tables, and the wired app on them, which may do what its role may."""
    shared_tables.empty()
    monkeypatch.setattr(wiring, "stores", lambda: shared_tables.stores)
    connection = shared_tables.stores.orders._connection
    held = held_to("policy-api-dev.json", connection, Chalice.__call__)
    monkeypatch.setattr(Chalice, "__call__", held)
    return shared_tables


@pytest.fixture
def stores(tables: MotoTables) -> Stores:
    return tables.stores


@pytest.fixture
def log() -> Iterator[LogLines]:
    """What is logged meanwhile."""
    with captured_log() as lines:
        yield lines


@pytest.fixture
def api(tables: MotoTables) -> LambdaApi:
    return LambdaApi(app)


@pytest.fixture
def payments(monkeypatch: pytest.MonkeyPatch) -> FakePayments:
    fake = FakePayments()
    monkeypatch.setattr(wiring, "payments", lambda: fake)
    return fake


@pytest.fixture(scope="module")
def issuers_keys() -> Iterator[str]:
    with issuing() as keys_url:
        yield keys_url


@pytest.fixture
def _issuer(issuers_keys: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the app take the tokens of `tests.support.issuer`."""
    trust(monkeypatch, issuers_keys)
