"""The figures of one process: for the local run, where no CloudWatch counts. In Lambda, where many
processes share the work, it is never loaded.
"""

import math
import threading
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.domain.clock import Clock
from chalicelib.services.figures import OUTCOMES, Figures, ResponseTimes, Source

if TYPE_CHECKING:
    from chalicelib.services.ports import Meter

# A response time is counted in a bucket that ends two percent above where it begins, from a tenth
# of a millisecond to more than the minute that no request takes: so many numbers are kept, however
# many requests there are.
_SHORTEST_SECONDS = 0.0001
_LONGEST_SECONDS = 120.0
_GROWTH = math.log(1.02)
_CLIENT_ERROR, _SERVER_ERROR, _BEYOND = 400, 500, 600


class ProcessFigures:
    """`services.figures.FigureSource` since this process began, and `services.ports.Meter`.

    What is counted is handed on to `meter` too.
    """

    def __init__(self, clock: Clock, meter: "Meter") -> None:
        self._clock = clock
        self._meter = meter
        self._since = clock()
        self._lock = threading.Lock()
        self._requests = self._client_errors = self._server_errors = 0
        self._seconds = 0.0
        self._buckets: Counter[int] = Counter()
        self._outcomes = dict.fromkeys((outcome.name for outcome in OUTCOMES), 0)

    def record(self, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        with self._lock:
            self._requests += 1
            self._client_errors += _CLIENT_ERROR <= status < _SERVER_ERROR
            self._server_errors += _SERVER_ERROR <= status < _BEYOND
            self._seconds += seconds
            self._buckets[_bucket(seconds)] += 1

    def count(self, outcome: str, by: int = 1) -> None:
        """Count that something came out this way, so many times."""
        with self._lock:
            if outcome in self._outcomes:
                self._outcomes[outcome] += by
        self._meter.count(outcome, by)

    def gauge(self, reading: str, value: float, unit: str = "Count") -> None:
        """Note how much of something there is now; no figure shows it here."""
        self._meter.gauge(reading, value, unit)

    def read(self) -> Figures:
        """Return the figures as they are now."""
        with self._lock:
            percentile = self._percentiles()
            return Figures(
                source=Source.PROCESS,
                since=self._since,
                until=self._clock(),
                requests=self._requests,
                client_errors=self._client_errors,
                server_errors=self._server_errors,
                times=ResponseTimes(
                    percentile(0.5), percentile(0.95), percentile(0.99), self._seconds
                ),
                outcomes=dict(self._outcomes),
            )

    def _percentiles(self) -> Callable[[float], float | None]:
        buckets = sorted(self._buckets.items())

        def percentile(share: float) -> float | None:
            """Return the middle of the bucket that the request of this rank is in."""
            left = math.ceil(share * self._requests)
            for bucket, requests in buckets:
                left -= requests
                if left <= 0:
                    return _SHORTEST_SECONDS * math.exp((bucket - 0.5) * _GROWTH)
            return None

        return percentile


def _bucket(seconds: float) -> int:
    within = min(max(seconds, _SHORTEST_SECONDS), _LONGEST_SECONDS)
    return math.ceil(math.log(within / _SHORTEST_SECONDS) / _GROWTH)
