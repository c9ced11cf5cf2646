"""The page that the track writes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.track.lineup import OURS
from tests.benchmarks.track.measuring import Result, Results
from tests.benchmarks.track.requirements import Outcome, Verdict, judged, ratios

_FAIRNESS = Path(__file__).with_name("fairness.md")


@dataclass(frozen=True)
class Circumstances:
    """What was run, when, on what."""

    command: str
    date: str
    machine: str
    python: str
    engine: str
    versions: Mapping[str, str]
    rounds: int
    requests: int


def document(about: Circumstances, outcome: Outcome) -> str:
    """Return the page."""
    return f"""# Benchmarks: what users would pick instead

Made by `{about.command}`; the plot is made by the same run. How it is fair is
[below](#how-it-is-fair).

![CPU time of every contender, cold and warm](benchmarks.svg)

- Date: {about.date}
- Machine: {about.machine}
- Python {about.python}; DynamoDB by {about.engine}; Stripe and the issuer of tokens on the same
  machine
- {", ".join(f"{name} {version}" for name, version in about.versions.items())}
- Cold: {about.rounds} starts of each. Warm: {about.rounds} times {about.requests} requests to each.

## Required

{requirement_table(judged(outcome))}

Ratios are this API's median over the other's, both of one run. Of cold starts CPU and wall time
both have to hold; of warm requests CPU time.

## Measured

Medians, in milliseconds; ± is half of what lies between the quartiles. Memory is the process's
peak of resident memory, in MB. The last two columns are this API's figure over the other's: below
1, this API is faster.

| | | CPU | ± | wall | memory | CPU, ours over it | wall, ours over it |
|---|---|--:|--:|--:|--:|--:|--:|
{"".join(_race_rows(outcome.results))}
## Packages

| | MB zipped |
|---|--:|
{"".join(f"| {name} | {size / 1e6:.1f} |{chr(10)}" for name, size in outcome.zipped.items())}
{_FAIRNESS.read_text()}"""


def requirement_table(verdicts: Sequence[Verdict]) -> str:
    """Return the requirements as a table, each with whether it holds."""
    rows = (
        f"| {verdict.text} | {verdict.found} | {'holds' if verdict.holds else '**missed**'} |"
        for verdict in verdicts
    )
    return "\n".join(("| required | found | |", "|---|---|---|", *rows))


def _race_rows(results: Mapping[str, Results]) -> Iterator[str]:
    for race, by_contender in results.items():
        title = race
        for name, result in by_contender.items():
            yield _row(title, name, result, by_contender[OURS])
            title = ""


def _row(title: str, name: str, result: Result, ours: Result) -> str:
    over = ("", "") if name == OURS else tuple(f"{each:.2f}" for each in ratios(ours, result))
    figures = (
        milliseconds(result.cpu_ms),
        milliseconds(result.cpu_spread_ms),
        milliseconds(result.wall_ms),
        f"{result.peak_mb:.0f}",
        *over,
    )
    shown = f"**{name}**" if name == OURS else name
    return f"| {title} | {shown} | {' | '.join(figures)} |\n"


def milliseconds(value: float) -> str:
    """Write a time with as many digits as are worth reading."""
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"
