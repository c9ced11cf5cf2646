"""The seats of an event's places, kept for a moment in the memory of one process.

In a rush hundreds look at one event's page in a second. Each look would read all of its places, and
browsers keep the page for much longer than they are kept here.
"""

import time
from typing import NamedTuple

KEPT_SECONDS = 1.0
_MOST_EVENTS = 256


class Counts(NamedTuple):
    """The seats of a place."""

    free: int
    held: int
    sold: int


PlaceCounts = dict[int, Counts]


class KeptCounts:
    """What was read of events' places a moment ago, by the events' ids."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[float, PlaceCounts]] = {}

    def get(self, event_id: int, places: int) -> PlaceCounts | None:
        """Return the seats of an event that has so many places, if they were read a moment ago."""
        kept_at, counts = self._kept.get(event_id, (0.0, {}))
        is_fresh = time.monotonic() - kept_at < KEPT_SECONDS
        return counts if counts and is_fresh and len(counts) == places else None

    def keep(self, event_id: int, counts: PlaceCounts) -> None:
        """Keep what was just read; of too many events the earlier ones are forgotten."""
        if len(self._kept) >= _MOST_EVENTS:
            self._kept.clear()
        self._kept[event_id] = (time.monotonic(), counts)

    def forget(self, event_id: int) -> None:
        """Keep nothing of an event any longer: this process has just changed it."""
        self._kept.pop(event_id, None)
