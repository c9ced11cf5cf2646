"""Fixtures of the unit tests."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.log_lines import LogLines, captured_log

# How long an example takes depends on the machine and is no property of the program.
settings.register_profile("unit", parent=settings(), deadline=None)
settings.load_profile("unit")


@pytest.fixture
def log_lines() -> Iterator[LogLines]:
    """The structured log's lines."""
    with captured_log() as lines:
        yield lines
