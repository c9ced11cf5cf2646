"""The counts as they are kept beside this file, so that costs and the sale's simulation need no
engine: `make budgets` writes them, and a test counts again and compares.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from tests.benchmarks.budgets.cases import Case, Opened, all_cases, counted
from tests.benchmarks.budgets.metering import Count

KEPT = Path(__file__).with_name("counts.json")


@dataclass(frozen=True)
class Line:
    """What a case asked of others."""

    function: str
    name: str
    also: tuple[str, ...]
    cold: bool
    count: Count


def count_all(opened: Opened) -> list[Line]:
    """Count every case."""
    return [_line(case, counted(opened, case)) for case in all_cases()]


@cache
def kept() -> tuple[Line, ...]:
    """Return the counts that are kept."""
    return tuple(
        Line(
            function=row["function"],
            name=row["name"],
            also=tuple(row["also"]),
            cold=row["cold"],
            count=Count(**row["count"]),
        )
        for row in json.loads(KEPT.read_text())
    )


def keep(lines: Sequence[Line]) -> None:
    """Keep counts."""
    rows = ",\n".join(json.dumps(asdict(line), ensure_ascii=False) for line in lines)
    KEPT.write_text(f"[\n{rows}\n]\n")


def of(function: str, name: str) -> Count:
    """Return a kept count; raises `KeyError` where there is none."""
    return _by_name()[function, name]


@cache
def _by_name() -> Mapping[tuple[str, str], Count]:
    return {(line.function, line.name): line.count for line in kept()}


def _line(case: Case, count: Count) -> Line:
    return Line(case.function, case.name, case.also, case.cold, count)
