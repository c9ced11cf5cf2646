"""One local run at a time has the state directory. The operating system keeps the claim, and lets
go of it however the program that had it ends.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from infra.local.settings import LOCK_FILE


class StateInUse(Exception):
    """Another local run has this directory's data."""

    def __init__(self) -> None:
        super().__init__(
            "A local run of this folder is up already: stop it with Ctrl-C first. Two cannot share "
            "one set of data; another clone of the repository can have a run of its own."
        )


@contextmanager
def claimed_state() -> Iterator[None]:
    """Hold the state directory; raises `StateInUse`."""
    LOCK_FILE.parent.mkdir(parents=True, exist_ok=True)
    with LOCK_FILE.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateInUse from None
        yield
