"""Measures every case at every size, and says which of them grew that must not."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pynamodb.connection.base import Connection

from tests.benchmarks.catalogue.cases import Case
from tests.benchmarks.catalogue.meter import Cost, cpu_ms, measure
from tests.support.lambda_api import LambdaApi

# How much more something may cost that must not cost more: pages of other events are of another
# size.
_TOLERANCE = 1.1

Report = Callable[[str], object]


@dataclass(frozen=True)
class Measured:
    """What a request costs, and the median of its processor time in milliseconds."""

    cost: Cost
    cpu_ms: float


@dataclass(frozen=True)
class Line:
    """A case, with what it costs at each size; None where there are too few events for it."""

    case: Case
    by_size: Sequence[Measured | None]


def measure_all(
    api: LambdaApi, connection: Connection, cases: Iterable[Case], size: int, report: Report
) -> list[Measured | None]:
    """Measure every case as the catalogue is now."""
    measured: list[Measured | None] = []
    for case in cases:
        report(case.name)
        if size < case.size:
            measured.append(None)
        else:
            steps = case.prepare(api, size)
            measured.append(Measured(measure(connection, steps), cpu_ms(steps)))
    return measured


def failures(lines: Iterable[Line]) -> list[str]:
    """Return what breaks a requirement: a request that scans, or one that grew and must not."""
    return [problem for line in lines for problem in (*_scans(line), *_growth(line))]


def _scans(line: Line) -> list[str]:
    scans = any("Scan" in cost.calls for cost in _costs(line))
    return [f"{line.case.name}: scans"] if scans else []


def _growth(line: Line) -> list[str]:
    costs = _costs(line)
    if not line.case.is_steady or not costs:
        return []
    figures: dict[str, list[float]] = {
        "calls": [len(cost.calls) for cost in costs],
        "read units": [cost.read_units for cost in costs],
        "write units": [cost.write_units for cost in costs],
    }
    first, last = costs[0].by_call(), costs[-1].by_call()
    return [
        f"{line.case.name}: {name} grew: {_listed(values)} (first {first}; last {last})"
        for name, values in figures.items()
        if max(values) > values[0] * _TOLERANCE
    ]


def _listed(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _costs(line: Line) -> list[Cost]:
    return [measured.cost for measured in line.by_size if measured is not None]
