"""The timer of the local run: it goes on, whatever happens, until it is told to stop."""

import threading
from typing import Any

import pytest

from chalicelib.functions.reconcile import reconcile
from infra.local.functions import load_functions
from infra.local.gateway import LambdaContext
from infra.local.timer import ticking
from infra.packaging.parameters import TIMER


class Recorder:
    """A scheduled function that keeps what it gets, and fails if it is told to."""

    def __init__(self, *, is_broken: bool = False) -> None:
        self.calls: list[tuple[dict[str, Any], LambdaContext]] = []
        self.called_twice = threading.Event()
        self._is_broken = is_broken

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> None:
        self.calls.append((event, context))
        if len(self.calls) > 1:
            self.called_twice.set()
        if self._is_broken:
            raise RuntimeError("a bug")


def test_the_function_is_called_again_and_again_with_what_eventbridge_sends() -> None:
    function = Recorder()

    with ticking(function, period=0.01):
        assert function.called_twice.wait(60)

    event, context = function.calls[0]
    assert event["detail-type"] == "Scheduled Event"
    assert event["id"] != function.calls[1][0]["id"]
    assert context.function_name == TIMER
    assert 30_000 < context.get_remaining_time_in_millis() <= 33_000


def test_a_function_that_fails_is_told_and_called_again(caplog: pytest.LogCaptureFixture) -> None:
    function = Recorder(is_broken=True)

    with ticking(function, period=0.01):
        assert function.called_twice.wait(60)

    assert {record.message for record in caplog.records} == {"the scheduled function failed"}
    assert caplog.records[0].exc_info is not None


def test_nothing_is_called_after_the_end() -> None:
    function = Recorder()

    with ticking(function, period=0.01):
        assert function.called_twice.wait(60)

    assert "timer" not in {thread.name for thread in threading.enumerate()}


def test_the_end_does_not_wait_for_the_next_call() -> None:
    function = Recorder()

    with ticking(function, period=3600):
        pass

    assert function.calls == []


def test_the_function_is_the_one_that_is_deployed() -> None:
    assert load_functions()[TIMER] is reconcile
