"""Something happens at one of the calls that the store makes: the process ends, or somebody else
does something in between.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from chalicelib.store import Stores


class Killed(BaseException):
    """The process ends here; nothing catches it."""


def kill() -> None:
    """End the process."""
    raise Killed


@contextmanager
def happening_at(
    stores: Stores, number: int, action: Callable[[], object], *, after_effect: bool
) -> Iterator[None]:
    """Do something once, at the call of this number, before or after it took effect."""
    counter = itertools.count()
    moment = "after-call.dynamodb" if after_effect else "before-send.dynamodb"

    def act(**_: Any) -> None:
        if next(counter) == number:
            action()

    events = stores.orders._connection.client.meta.events
    events.register_first(moment, act)
    try:
        yield
    finally:
        events.unregister(moment, act)


def is_killed_at(
    stores: Stores, number: int, work: Callable[[], object], *, after_effect: bool
) -> bool:
    """Do some work that is killed at a call; False where it has no such call, and was not."""
    try:
        with happening_at(stores, number, kill, after_effect=after_effect):
            work()
    except Killed:
        return True
    return False
