"""Tables in moto that the tests of a module share."""

from collections.abc import Iterator

import pytest

from chalicelib.domain.stock_places import Spreading
from tests.support.spread import KINDS
from tests.support.tables import MotoTables, moto_tables


@pytest.fixture(scope="module", params=KINDS)
def spreading(request: pytest.FixtureRequest) -> Spreading:
    """Whether a store keeps stock in one item or in several places: each in turn."""
    kind: Spreading = request.param
    return kind


@pytest.fixture(scope="module")
def shared_tables(spreading: Spreading) -> Iterator[MotoTables]:
    with moto_tables(spreading) as tables:
        yield tables
