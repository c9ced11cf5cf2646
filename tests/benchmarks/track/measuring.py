"""Measures contenders side by side: each round lets every one of them run once, in an order that
turns from round to round, so that what else the machine does meets all of them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import TypeVar

from tests.benchmarks.track.lambda_process import Function, LambdaProcess, running, start

_WARM_UP_REQUESTS = 30

_T = TypeVar("_T")


@dataclass(frozen=True)
class Runner:
    """One contender in one race. `next_event` makes what it is sent; `check` raises where the
    answer is not the wanted one.
    """

    function: Function
    next_event: Callable[[], bytes]
    check: Callable[[bytes], None]


@dataclass(frozen=True)
class Sample:
    """One start, or the requests of one round: milliseconds a request, and MB."""

    wall_ms: float
    cpu_ms: float
    peak_mb: float


@dataclass(frozen=True)
class Result:
    """Medians of a contender's samples; `cpu_spread_ms` is half of what its quartiles are apart."""

    wall_ms: float
    cpu_ms: float
    cpu_spread_ms: float
    peak_mb: float

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> "Result":
        """Take the medians; no sample is left out."""
        low, cpu, high = quantiles((sample.cpu_ms for sample in samples), method="inclusive")
        return cls(
            median(sample.wall_ms for sample in samples),
            cpu,
            (high - low) / 2,
            median(sample.peak_mb for sample in samples),
        )


Results = Mapping[str, Result]
"""By contender."""
Told = Callable[[], object]
"""Is called after each contender's turn."""


def cold(runners: Mapping[str, Runner], python: Path, rounds: int, told: Told) -> Results:
    """Measure starts to the first answer. Each contender starts once before, so that its files are
    in memory, as those of a function that is in use are near.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in runners}
    for number, name in turns(list(runners), rounds + 1):
        runner = runners[name]
        started = start(runner.function, python, runner.next_event())
        runner.check(started.answer)
        if number:
            samples[name].append(Sample(started.wall_ms, started.cpu_ms, started.peak_mb))
        told()
    return {name: Result.of(taken) for name, taken in samples.items()}


def warm(
    runners: Mapping[str, Runner], python: Path, rounds: int, requests: int, told: Told
) -> Results:
    """Measure requests to functions that have answered some before."""
    samples: dict[str, list[Sample]] = {name: [] for name in runners}
    with ExitStack() as stack:
        processes = {
            name: stack.enter_context(running(runner.function, python))
            for name, runner in runners.items()
        }
        for name, runner in runners.items():
            _take(processes[name], runner, _WARM_UP_REQUESTS)
        for _, name in turns(list(runners), rounds):
            samples[name].append(_take(processes[name], runners[name], requests))
            told()
    return {name: Result.of(taken) for name, taken in samples.items()}


def turns(contenders: Sequence[_T], rounds: int) -> Iterator[tuple[int, _T]]:
    """Yield the number of each round with every contender; each round begins with the next one."""
    for number in range(rounds):
        first = number % len(contenders)
        for contender in (*contenders[first:], *contenders[:first]):
            yield number, contender


def _take(process: LambdaProcess, runner: Runner, requests: int) -> Sample:
    events = [runner.next_event() for _ in range(requests)]
    process.settle()
    before = process.spent()
    answers = [process.invoke(event) for event in events]
    process.settle()
    after = process.spent()
    for answer in answers:
        runner.check(answer.payload)
    return Sample(
        median(answer.seconds for answer in answers) * 1000,
        (after.cpu_ms - before.cpu_ms) / requests,
        after.peak_mb,
    )
