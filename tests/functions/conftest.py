"""Fixtures of the tests of functions."""

from collections.abc import Iterator

import pytest

from tests.support.log_lines import LogLines, captured_log


@pytest.fixture
def log_lines() -> Iterator[LogLines]:
    """The structured log's lines."""
    with captured_log() as lines:
        yield lines
