"""The API as a stranger meets it: the real app behind the local gateway, over HTTP, with tables in
moto and a payment provider in memory. Tests that need no gateway call the app's handler.
"""

from collections.abc import Iterator

import httpx
import pytest

from app import app
from chalicelib import wiring
from chalicelib.store import Stores
from infra.local.functions import load_functions
from infra.local.gateway import GatewayConfig, create_gateway, running
from infra.packaging import api_definition
from tests.support.fakes import FakePayments
from tests.support.http_server import LocalServer, Reply, serving
from tests.support.issuer import trust
from tests.support.lambda_api import LambdaApi
from tests.support.log_lines import LogLines, captured_log
from tests.support.routes import open_shop
from tests.support.tables import MotoTables, moto_tables
from tests.support.tokens import ec_key, jwks, rsa_key


@pytest.fixture(autouse=True)
def _stripe_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody ask the real Stripe whether it is there."""
    monkeypatch.setattr(wiring, "_check_payments", lambda: 0.012)


@pytest.fixture(scope="module")
def shared_tables() -> Iterator[MotoTables]:
    with moto_tables() as tables:
        yield tables


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalServer]:
    """Whose tokens are taken."""
    with serving(lambda _: Reply(200, jwks(rsa_key(), ec_key()))) as server:
        yield server


@pytest.fixture(scope="module")
def gateway_url() -> Iterator[str]:
    """The deployed definition with the packaged functions, on a port of its own."""
    gateway = create_gateway(api_definition("local"), load_functions(), GatewayConfig())
    with running(gateway) as url:
        yield url


@pytest.fixture
def tables(shared_tables: MotoTables, monkeypatch: pytest.MonkeyPatch) -> MotoTables:
    """Empty tables, and the wired app on them."""
    shared_tables.empty()
    monkeypatch.setattr(wiring, "stores", lambda: shared_tables.stores)
    return shared_tables


@pytest.fixture
def stores(tables: MotoTables) -> Stores:
    return tables.stores


@pytest.fixture
def payments(monkeypatch: pytest.MonkeyPatch) -> FakePayments:
    fake = FakePayments()
    monkeypatch.setattr(wiring, "payments", lambda: fake)
    return fake


@pytest.fixture
def log() -> Iterator[LogLines]:
    """What is logged meanwhile."""
    with captured_log() as lines:
        yield lines


@pytest.fixture
def _trusted(issuer: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(monkeypatch, f"{issuer.url}/keys")


@pytest.fixture
def shop(tables: MotoTables, payments: FakePayments, _trusted: None) -> MotoTables:
    """A shop with a city, events and a paid order of `user_1`."""
    open_shop(tables.stores, payments)
    return tables


@pytest.fixture
def empty_site(tables: MotoTables, gateway_url: str, _trusted: None) -> Iterator[httpx.Client]:
    """The API over HTTP with nothing in it, for what ends before there is anything to find."""
    with httpx.Client(base_url=gateway_url, timeout=60) as client:
        yield client


@pytest.fixture
def api(shop: MotoTables) -> LambdaApi:
    """The shop by its handler."""
    return LambdaApi(app)


@pytest.fixture
def site(shop: MotoTables, gateway_url: str) -> Iterator[httpx.Client]:
    """The shop over HTTP."""
    with httpx.Client(base_url=gateway_url, timeout=60) as client:
        yield client
