"""Tables in moto that the tests of a module share."""

from collections.abc import Iterator

import pytest

from tests.support.tables import MotoTables, moto_tables


@pytest.fixture(scope="module")
def shared_tables() -> Iterator[MotoTables]:
    with moto_tables() as tables:
        yield tables
