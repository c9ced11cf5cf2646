"""What is required of this API on the track, and whether it holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.track.lineup import (
    BARE_WEBHOOK,
    FASTAPI,
    FLOOR,
    OURS,
    POWERTOOLS,
    UNCOMPILED,
)
from tests.benchmarks.track.measuring import Result, Results
from tests.benchmarks.track.races import (
    COLD_AUTHORIZER,
    COLD_EVENT,
    COLD_WEBHOOK,
    WARM_EVENT,
    WARM_LIST,
)

_MOST_MB = 20.0


@dataclass(frozen=True)
class Outcome:
    """All that was measured: results by race and contender, and bytes of zips by contender."""

    results: Mapping[str, Results]
    zipped: Mapping[str, int]


@dataclass(frozen=True)
class Ratio:
    """Ours takes at most so many times what another contender does, in one race.

    Of a cold start both count, CPU and wall: a visitor waits for it. Of a request that is answered
    in a millisecond or two, wall time is the machine's and the stand-in's: CPU counts.
    """

    race: str
    against: str
    most: float
    by_wall_too: bool

    @property
    def text(self) -> str:
        """The requirement, in words."""
        return f"{self.race}: at most {self.most:g} of {self.against}"


REQUIRED = (
    Ratio(COLD_EVENT, FASTAPI, 0.65, by_wall_too=True),
    Ratio(COLD_EVENT, POWERTOOLS, 0.8, by_wall_too=True),
    Ratio(COLD_EVENT, FLOOR, 1.1, by_wall_too=True),
    Ratio(COLD_EVENT, UNCOMPILED, 0.4, by_wall_too=True),
    Ratio(COLD_AUTHORIZER, FLOOR, 0.5, by_wall_too=True),
    Ratio(COLD_WEBHOOK, BARE_WEBHOOK, 1.2, by_wall_too=True),
    Ratio(WARM_EVENT, FLOOR, 1.05, by_wall_too=False),
    Ratio(WARM_EVENT, FASTAPI, 0.65, by_wall_too=False),
    Ratio(WARM_LIST, FASTAPI, 0.3, by_wall_too=False),
)


@dataclass(frozen=True)
class Verdict:
    """Whether a requirement holds; `found` says by how much."""

    text: str
    found: str
    holds: bool


def judged(outcome: Outcome) -> Sequence[Verdict]:
    """Judge every requirement. What was not measured does not hold."""
    return [*(_judge(ratio, outcome.results) for ratio in REQUIRED), _judge_size(outcome)]


def ratios(result: Result, other: Result) -> tuple[float, float]:
    """Return by how much one contender's CPU and wall time are another's."""
    return result.cpu_ms / other.cpu_ms, result.wall_ms / other.wall_ms


def _judge(required: Ratio, results: Mapping[str, Results]) -> Verdict:
    race = results.get(required.race, {})
    if OURS not in race or required.against not in race:
        return Verdict(required.text, "not measured", holds=False)
    cpu, wall = ratios(race[OURS], race[required.against])
    counted = (cpu, wall) if required.by_wall_too else (cpu,)
    return Verdict(
        required.text,
        f"{cpu:.2f} CPU, {wall:.2f} wall" if required.by_wall_too else f"{cpu:.2f} CPU",
        max(counted) <= required.most,
    )


def _judge_size(outcome: Outcome) -> Verdict:
    megabytes = outcome.zipped[OURS] / 1e6
    text = f"package: at most {_MOST_MB:g} MB zipped"
    return Verdict(text, f"{megabytes:.1f} MB", megabytes <= _MOST_MB)
