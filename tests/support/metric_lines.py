"""Reads what the program counts, from the lines in CloudWatch's embedded metric format that it
writes to standard output.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Emitted:
    """A metric's value, as CloudWatch would store it. `at` is in seconds."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    unit: str
    value: float
    at: float


def emitted(text: str) -> Iterator[Emitted]:
    """Yield what CloudWatch takes from lines ("Specification: Embedded metric format")."""
    for line in text.splitlines():
        if '"_aws"' in line:
            yield from _of_line(json.loads(line))


def _of_line(line: dict[str, Any]) -> Iterator[Emitted]:
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = tuple((name, line[name]) for name in names)
            for metric in directive["Metrics"]:
                values = line[metric["Name"]]
                for value in values if isinstance(values, list) else [values]:
                    yield Emitted(
                        directive["Namespace"],
                        metric["Name"],
                        dimensions,
                        metric["Unit"],
                        value,
                        line["_aws"]["Timestamp"] / 1000,
                    )


def metrics_of(text: str) -> dict[str, list[float]]:
    """Return the values of each metric by its name."""
    values = defaultdict(list)
    for one in emitted(text):
        values[one.name].append(one.value)
    return values
