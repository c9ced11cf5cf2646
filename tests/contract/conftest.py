"""The stores of `services.ports`, once as the tests' fakes and once for real on moto."""

from collections.abc import Iterator

import pytest

from tests.support.spread import spread_world
from tests.support.store_worlds import Both, World, fake_world, real_world
from tests.support.tables import MotoTables, moto_tables


@pytest.fixture(scope="module")
def shared_tables() -> Iterator[MotoTables]:
    with moto_tables() as tables:
        yield tables


@pytest.fixture(params=["fake", "dynamodb", "spread"])
def world(request: pytest.FixtureRequest, shared_tables: MotoTables) -> World:
    """Each kind in turn: what a test says of one is true of the others. In the third, every event's
    stock is in several places.
    """
    if request.param == "fake":
        return fake_world()
    return real_world(shared_tables) if request.param == "dynamodb" else spread_world(shared_tables)


@pytest.fixture
def both(shared_tables: MotoTables) -> Both:
    return Both(shared_tables)
