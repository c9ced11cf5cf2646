"""Contenders take turns, and what is told of them is the median of all that was measured."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.benchmarks.track import measuring
from tests.benchmarks.track.lambda_process import Function, Spent, Start
from tests.benchmarks.track.measuring import Result, Runner, Sample, cold, turns, warm
from tests.benchmarks.track.runtime_api import Answer

PYTHON = Path("python")


def test_a_contender_is_always_first_or_misses_a_round() -> None:
    taken = list(turns(["a", "b", "c"], 4))

    firsts = [next(name for number, name in taken if number == each) for each in range(4)]
    assert firsts == ["a", "b", "c", "a"]
    assert Counter(taken) == Counter({(number, name): 1 for number in range(4) for name in "abc"})


def test_an_outlier_moves_the_figure_or_a_sample_is_left_out() -> None:
    samples = [
        Sample(wall, cpu, 50.0) for wall, cpu in ((3, 2), (1, 1), (900, 800), (4, 3), (2, 1))
    ]

    result = Result.of(samples)

    assert (result.wall_ms, result.cpu_ms, result.peak_mb) == (3, 2, 50)
    assert result.cpu_spread_ms == 1.0


def a_runner(name: str, seen: list[str]) -> Runner:
    function = Function(name, Path(name), "handler.handler", 512)
    return Runner(function, name.encode, lambda answer: seen.append(answer.decode()))


def test_the_start_that_warms_the_disk_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[str] = []

    def counted(function: Function, _python: Path, event: bytes) -> Start:
        starts.append(function.name)
        took = float(starts.count(function.name))
        return Start(event, wall_ms=took, cpu_ms=took, peak_mb=1.0)

    monkeypatch.setattr(measuring, "start", counted)
    seen: list[str] = []
    told: list[None] = []

    results = cold(
        {name: a_runner(name, seen) for name in "ab"}, PYTHON, 3, lambda: told.append(None)
    )

    # Starts 2, 3 and 4.
    assert [result.wall_ms for result in results.values()] == [3.0, 3.0]
    assert seen == starts == ["a", "b", "b", "a", "a", "b", "b", "a"]
    assert len(told) == len(starts)


class FakeProcess:
    """Answers what it was sent; each request takes 2 ms of CPU, and each start took a second."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_idle = True

    def invoke(self, event: bytes) -> Answer:
        self.asked += 1
        self.is_idle = False
        return Answer(event, seconds=0.003)

    def settle(self) -> None:
        self.is_idle = True

    def spent(self) -> Spent:
        assert self.is_idle
        return Spent(1000.0 + 2.0 * self.asked, peak_mb=40.0)


def test_a_warm_figure_has_the_start_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[FakeProcess] = []

    @contextmanager
    def run(_function: Function, _python: Path) -> Iterator[FakeProcess]:
        made.append(FakeProcess())
        yield made[-1]

    monkeypatch.setattr(measuring, "running", run)
    seen: list[str] = []

    results = warm({name: a_runner(name, seen) for name in "ab"}, PYTHON, 2, 5, lambda: None)

    for result in results.values():
        assert (result.cpu_ms, result.peak_mb) == (2.0, 40.0)
        assert result.wall_ms == pytest.approx(3.0)
    assert [process.asked for process in made] == [30 + 2 * 5] * 2
    assert len(seen) == 2 * (30 + 2 * 5)
