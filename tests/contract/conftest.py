"""The stores of `services.ports`, once as the tests' fakes and once for real on moto."""

from collections.abc import Iterator

import pytest

from tests.support.store_worlds import Both, World, fake_world, real_world
from tests.support.tables import MotoTables, moto_tables


@pytest.fixture(scope="module")
def shared_tables() -> Iterator[MotoTables]:
    with moto_tables() as tables:
        yield tables


@pytest.fixture(params=["fake", "dynamodb"])
def world(request: pytest.FixtureRequest, shared_tables: MotoTables) -> World:
    """Each kind in turn: what a test says of one is true of the other."""
    return fake_world() if request.param == "fake" else real_world(shared_tables)


@pytest.fixture
def both(shared_tables: MotoTables) -> Both:
    return Both(shared_tables)
