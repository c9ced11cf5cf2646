"""A plugin of pytest's that reads along: every log record of every logger, every line that the
structured log writes, and every JSON line on standard output, in every test of the suite. A test
that logs a secret or somebody's e-mail address fails.

What other processes log is read by those who start them (`local_run`, the deployed stack).
"""

import json
import logging
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import pytest

from chalicelib import observability
from tests.support.leaks import leaks_in

_PLAIN = frozenset(vars(logging.makeLogRecord({})))
_found: list[str] = []


def _note(where: str, text: str) -> None:
    _found.extend(f"{where}: {leak}" for leak in leaks_in(text))


def _told(record: logging.LogRecord) -> str:
    """Return what a caller handed to a logger."""
    extra = {name: value for name, value in vars(record).items() if name not in _PLAIN}
    told = f"{record.getMessage()} {json.dumps(extra, default=str, ensure_ascii=False)}"
    # The structured log takes secrets out of traces when it writes them; others write them whole.
    if record.exc_info and record.name != observability.SERVICE:
        told += logging.Formatter().formatException(record.exc_info)
    return told


@contextmanager
def _reading_along() -> Iterator[None]:
    handle, serialized = logging.Logger.handle, observability._serialized

    @wraps(handle)
    def read_and_handle(self: logging.Logger, record: logging.LogRecord) -> None:
        _note(f"{record.name} was told", _told(record))
        handle(self, record)

    @wraps(serialized)
    def read_and_write(line: dict[str, Any]) -> str:
        text = serialized(line)
        _note("the structured log wrote", text)
        return text

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.Logger, "handle", read_and_handle)
        patch.setattr(observability, "_serialized", read_and_write)
        yield


@contextmanager
def planted() -> Iterator[list[str]]:
    """Let a test log what it must not; what was found of it is in the list afterwards."""
    before, caught = list(_found), list[str]()
    _found.clear()
    yield caught
    caught += _found
    _found[:] = before


@pytest.fixture(scope="session", autouse=True)
def _log_is_read() -> Iterator[None]:
    with _reading_along():
        yield
    # Of what is stopped after the last test.
    assert not _found, f"the log gives away {_found}"


@pytest.fixture(autouse=True)
def _nothing_is_given_away() -> Iterator[None]:
    """Fail the test that logged what must be in no log."""
    yield
    given_away = list(_found)
    _found.clear()
    assert not given_away, f"the log gives away {given_away}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Read the JSON lines, such as metrics, that were written past the loggers."""
    report = yield
    for line in report.capstdout.splitlines():
        if line.startswith("{"):
            leaks = leaks_in(line)
            if leaks and report.passed and report.when == "call":
                report.outcome = "failed"
                report.longrepr = f"standard output gives away {leaks}"
    return report
