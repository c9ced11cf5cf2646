"""Time for code that waits: nobody really does."""

from dataclasses import dataclass, field


@dataclass
class FakeTime:
    """A clock that only sleeping moves; it stands in for the module `time`."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
