"""A limit on the whole of a call, whatever it waits for."""

import threading
from contextvars import ContextVar

import pytest

from chalicelib.adapters.deadline import DeadlineExceeded, within

REQUEST: ContextVar[str] = ContextVar("request", default="")


def test_a_call_in_time_gives_its_result() -> None:
    assert within(5, lambda: "done") == "done"


def test_what_a_call_raises_is_raised_here() -> None:
    def fail() -> None:
        raise KeyError("no such thing")

    with pytest.raises(KeyError, match="no such thing"):
        within(5, fail)


def test_a_call_that_takes_too_long_is_given_up() -> None:
    never = threading.Event()
    with pytest.raises(DeadlineExceeded):
        within(0.01, lambda: never.wait(30))
    never.set()


def test_a_call_keeps_the_request_it_belongs_to() -> None:
    REQUEST.set("req-7")
    assert within(5, REQUEST.get) == "req-7"
