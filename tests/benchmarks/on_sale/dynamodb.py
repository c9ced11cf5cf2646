"""DynamoDB as far as a sale meets its limits: partitions that take so many units a second, and
items that one transaction at a time is at.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from tests.benchmarks.on_sale.buckets import Bucket
from tests.benchmarks.on_sale.limits import Limits, Times


class Result(Enum):
    """What became of a write."""

    MADE = auto()
    CONFLICT = auto()
    THROTTLED = auto()


@dataclass(frozen=True, slots=True)
class Write:
    """So many units at an item, or with an `index` at its entry there, by its key."""

    table: str
    key: str
    units: float
    index: bool = False


class Database:
    """Its partitions and its items. A key's partition is one of a new table's few, by a hash: of
    another `seed` keys fall elsewhere, as those of another event do.
    """

    def __init__(self, limits: Limits, times: Times, seed: int = 1) -> None:
        self._seed = seed
        self._limits = limits
        self._times = times
        self._writes: dict[tuple[str, int], Bucket] = {}
        self._reads: dict[tuple[str, int], Bucket] = {}
        self._locked_until: dict[tuple[str, str], float] = defaultdict(float)
        self._places: dict[tuple[str, str], tuple[str, int]] = {}
        self.results: Counter[Result] = Counter()

    def partition(self, table: str, key: str) -> tuple[str, int]:
        """Return where a key is."""
        known = self._places.get((table, key))
        if known is None:
            digest = hashlib.md5(
                f"{self._seed}/{table}/{key}".encode(), usedforsecurity=False
            ).digest()
            known = table, int.from_bytes(digest[:4]) % self._limits.partitions
            self._places[table, key] = known
        return known

    def read(self, now: float, table: str, key: str, units: float) -> bool:
        """Read so many units; False where the partition has none left this second."""
        place = self.partition(table, key)
        bucket = self._reads.get(place)
        if bucket is None:
            bucket = self._reads[place] = Bucket(self._limits.partition_reads)
        return bucket.take(now, units)

    def put(self, now: float, writes: Sequence[Write]) -> Result:
        """Write by itself: no transaction is in its way, but for a moment."""
        return self._told(self._written(now, writes))

    def transact(self, now: float, writes: Sequence[Write]) -> Result:
        """Write together. What is cancelled for a conflict costs as much at the items, and nothing
        at the indexes, which follow afterwards.
        """
        items = [(write.table, write.key) for write in writes if not write.index]
        if any(self._locked_until[item] > now for item in items):
            self._spend(write for write in writes if not write.index)
            return self._told(Result.CONFLICT)
        result = self._written(now, writes)
        if result is Result.MADE:
            for item in items:
                self._locked_until[item] = now + self._times.locked
        return self._told(result)

    def busiest(self, table: str) -> float:
        """Return how many units the busiest partition of a table or index was asked for in all."""
        return max(
            (one.used for (name, _), one in self._writes.items() if name == table), default=0
        )

    def _written(self, now: float, writes: Sequence[Write]) -> Result:
        wanted: dict[tuple[str, int], float] = {}
        for write in writes:
            place = self.partition(write.table, write.key)
            wanted[place] = wanted.get(place, 0) + write.units
        buckets = {self._bucket(place): units for place, units in wanted.items()}
        if not all(bucket.has(now, units) for bucket, units in buckets.items()):
            return Result.THROTTLED
        for bucket, units in buckets.items():
            bucket.spend(units)
        return Result.MADE

    def _spend(self, writes: Iterable[Write]) -> None:
        for write in writes:
            self._bucket(self.partition(write.table, write.key)).spend(write.units)

    def _bucket(self, place: tuple[str, int]) -> Bucket:
        bucket = self._writes.get(place)
        if bucket is None:
            bucket = self._writes[place] = Bucket(self._limits.partition_writes)
        return bucket

    def _told(self, result: Result) -> Result:
        self.results[result] += 1
        return result
