"""How long a piece of work may go on before what is left is somebody else's."""

import time
from collections.abc import Callable
from typing import NamedTuple

# Seconds of a clock that only goes forward.
Stopwatch = Callable[[], float]


class TimeBudget(NamedTuple):
    """A time on a clock that only goes forward. Work asks between its steps and may overrun by one
    of them.
    """

    ends_at: float
    now: Stopwatch

    @classmethod
    def of(cls, seconds: float, now: Stopwatch = time.monotonic) -> "TimeBudget":
        """Return a budget that begins now."""
        return cls(now() + seconds, now)

    def share(self, among: int) -> "TimeBudget":
        """Return a budget that begins now and has one of so many equal parts of the time left."""
        now = self.now()
        return TimeBudget(now + (self.ends_at - now) / among, self.now)

    @property
    def is_up(self) -> bool:
        """Whether no time is left."""
        return self.now() >= self.ends_at
