"""The store on tables in moto, and what it sends to them."""

from collections.abc import Iterator

import pytest

from chalicelib.store import Stores
from tests.support.tables import MotoTables, moto_tables
from tests.support.traffic import Traffic, watched


@pytest.fixture(scope="module")
def shared_tables() -> Iterator[MotoTables]:
    with moto_tables() as tables:
        yield tables


@pytest.fixture
def tables(shared_tables: MotoTables) -> MotoTables:
    shared_tables.empty()
    return shared_tables


@pytest.fixture
def stores(tables: MotoTables) -> Stores:
    return tables.stores


@pytest.fixture
def traffic(stores: Stores) -> Iterator[Traffic]:
    with watched(stores.orders._connection) as watching:
        yield watching


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits; the list has how long they would have."""
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses
