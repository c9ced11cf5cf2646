"""Simulated time: processes that wait, in the order in which their waits end."""

import heapq
import itertools
from collections.abc import Callable, Generator

Process = Generator[float, None, None]
"""Yields how many seconds it waits."""


class Scheduler:
    """Runs processes; those whose waits end at the same time in the order in which they began."""

    def __init__(self) -> None:
        self.now = 0.0
        self._waiting: list[tuple[float, int, Process]] = []
        self._numbers = itertools.count()

    def start(self, process: Process, after: float = 0.0) -> None:
        """Let a process begin so many seconds from now."""
        heapq.heappush(self._waiting, (self.now + after, next(self._numbers), process))

    def run(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Go on until nothing waits any more, or it is over."""
        while self._waiting and not is_over():
            self.now, _, process = heapq.heappop(self._waiting)
            pause = next(process, None)
            if pause is not None:
                self.start(process, pause)
