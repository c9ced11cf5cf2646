"""A limit on the whole of a call. Libraries limit each read; an answer that trickles in, a byte at
a time, never meets such a limit.
"""

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Generic, TypeVar

_T = TypeVar("_T")

# What the thread of a call is called.
THREAD_NAME = "call-within-a-deadline"


class DeadlineExceeded(Exception):
    """The call had not ended in time. It may still have its effect."""


class _Call(Generic[_T]):
    """A call in a thread of its own, and what came of it."""

    def __init__(self, work: Callable[[], _T]) -> None:
        self._work = work
        self._result: list[_T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result.append(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            self._error = error

    def result(self) -> _T:
        if self._error is not None:
            raise self._error
        return self._result[0]


def within(seconds: float, work: Callable[[], _T]) -> _T:
    """Return what `work` returns, or raise what it raises; `DeadlineExceeded` if it takes longer.

    A call that is given up goes on in its thread until its own limits end it; nobody waits.
    """
    call = _Call(work)
    thread = threading.Thread(
        target=copy_context().run, args=(call.run,), name=THREAD_NAME, daemon=True
    )
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise DeadlineExceeded
    return call.result()
