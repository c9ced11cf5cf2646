"""The engines that really run transactions side by side, and the store on each of them.

moto is none of them: it oversells by itself under threads.
"""

import os
from collections.abc import Iterator

import pytest

from chalicelib.domain.stock_places import SPREADING, Spreading
from chalicelib.settings import StoreSettings
from chalicelib.store import Stores, connection, open_stores, patience
from tests.support.dynoxide import EngineMissing, dynoxide_tables
from tests.support.ministack import ministack_tables

ENGINES = [
    pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ("ministack", "dynoxide")
]


@pytest.fixture(autouse=True)
def _patient_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a buyer wait for as long as a crowd takes on a machine that is busy with other things:
    how long they wait in life is for tests of the store, with a clock of their own.
    """
    monkeypatch.setattr(patience, "_PATIENCE_SECONDS", 60.0)
    monkeypatch.setattr(connection, "_CONNECT_TIMEOUT_SECONDS", 60.0)
    monkeypatch.setattr(connection, "_READ_TIMEOUT_SECONDS", 60.0)


@pytest.fixture(scope="module")
def ministack_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ministack_tables(tmp_path_factory.mktemp("ministack")) as url:
        yield url


@pytest.fixture(scope="module")
def dynoxide_url() -> Iterator[str]:
    try:
        with dynoxide_tables() as url:
            yield url
    except EngineMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="module", params=ENGINES)
def engine_url(request: pytest.FixtureRequest) -> str:
    """Return where an engine with the declared tables is: each in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def spreading() -> Spreading:
    """Return whose stock is kept in several places; a test may say otherwise."""
    return SPREADING


@pytest.fixture
def stores_on_ministack(
    ministack_url: str, spreading: Spreading, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stores]:
    yield from _emptied(ministack_url, spreading, monkeypatch)


@pytest.fixture
def real_stores(
    engine_url: str, spreading: Spreading, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stores]:
    yield from _emptied(engine_url, spreading, monkeypatch)


def _emptied(url: str, spreading: Spreading, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
    settings = StoreSettings("events", "cities", "index", "orders", "audit")
    stores = open_stores(settings, spreading=spreading)
    stores.eraser.erase_everything()
    yield stores
    stores.eraser.erase_everything()
