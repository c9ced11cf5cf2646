"""Many at once: threads that begin together, and a clock that they all may read and move."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.support.shop import MovingClock


@dataclass
class CrowdClock(MovingClock):
    """A moving clock for several threads."""

    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> datetime:
        with self._lock:
            return super().__call__()

    def move(self, by: timedelta) -> None:
        with self._lock:
            super().move(by)


def at_once(workers: int, work: Callable[[int], None]) -> None:
    """Run the same work in many threads that begin together; what one raises is raised here."""
    start = threading.Barrier(workers)

    def begin(worker: int) -> None:
        start.wait()
        work(worker)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(begin, range(workers)))


class InBackground:
    """Work that is done again and again beside other work, until that is over."""

    def __init__(self, *works: Callable[[], object], pause: float = 0.02) -> None:
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(len(works))
        self._pause = pause
        self._works = works

    def __enter__(self) -> None:
        self._futures = [self._pool.submit(self._repeat, work) for work in self._works]

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._pool.shutdown()
        for future in self._futures:
            future.result()

    def _repeat(self, work: Callable[[], object]) -> None:
        while not self._stopped.wait(self._pause):
            work()
