"""The growth table, as Markdown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chalicelib.http.query import MAX_OFFSET
from tests.benchmarks.catalogue.growth import Line, Measured, failures

_NOTES = """\
A cell has a number for each size of the catalogue: {sizes} events.

- **Steady** requests may not cost more calls or units at any size than at the first, by more than a
  tenth. The command fails where one does, and where any request scans.
- **Upcoming** (`from=` now) counts today's events and sums up kept numbers of the days after, so
  it grows with the events of one day.
- **Found** is the list's `count`.
- **Calls** are requests to DynamoDB.
- **Read units** follow DynamoDB's published rules, from the sizes of the items that were read: half
  a unit for every 4 KB, a whole one where the read is consistent. {engine_agrees}
- **Write units** are the engine's. A transaction costs double, and each index that holds an item
  costs by itself.
- **KB** is what DynamoDB answered.
- **CPU** is processor time of the Lambda handler in milliseconds, the median of up to {repeats}
  times, on {machine}.
"""
_OFFSETS = """\
What an `offset` passes over is read and thrown away: {units:,g} read units for an offset of
{depth:,}, which is {each:.3f} for each event. A cursor costs what the page costs. The API takes no
offset above {most:,}, and says that a cursor goes further.
"""
_AGREES = "The engine says the\n  same of every read."
_DIFFERS = "The engine says\n  something else of {count} of the reads."


@dataclass(frozen=True)
class Circumstances:
    """How the numbers came about."""

    command: str
    date: str
    engine: str
    python: str
    machine: str
    repeats: int


def document(about: Circumstances, sizes: Sequence[int], lines: Sequence[Line]) -> str:
    """Return the whole page."""
    facts = {
        "Command": f"`{about.command}`",
        "Date": about.date,
        "Engine": about.engine,
        "Python": about.python,
    }
    parts = [
        "# What requests cost as the catalogue grows",
        "\n".join(f"- {name}: {value}" for name, value in facts.items()),
        _NOTES.format(
            sizes=_listed(sizes),
            engine_agrees=_agreement(lines),
            repeats=about.repeats,
            machine=about.machine,
        ).rstrip(),
        table(lines),
        *_broken(lines),
        "## What a hit of a search costs",
        hits_table(lines),
        "## What an offset costs",
        offset_costs(lines),
    ]
    return "\n\n".join(parts) + "\n"


def _broken(lines: Sequence[Line]) -> list[str]:
    """Return a section on what breaks a requirement, where something does."""
    problems = failures(lines)
    if not problems:
        return []
    return ["## What breaks a requirement", "\n".join(f"- {problem}" for problem in problems)]


def table(lines: Sequence[Line]) -> str:
    """Return every line with every figure."""
    rows = [
        (
            line.case.name,
            "yes" if line.case.is_steady else "",
            *(_cell(line.by_size, figure) for figure in _FIGURES.values()),
        )
        for line in lines
    ]
    return _markdown(("Request", "Steady", *_FIGURES), rows)


def hits_table(lines: Sequence[Line]) -> str:
    """Return what searches cost by what they find."""
    rows = [
        (
            line.case.name.removeprefix("Search, "),
            _cell(line.by_size, _found),
            _cell(line.by_size, lambda measured: _per_hit(measured, measured.cost.read_units)),
            _cell(line.by_size, lambda measured: _per_hit(measured, measured.cpu_ms)),
        )
        for line in lines
        if line.case.name.startswith("Search")
    ]
    return _markdown(("Search", "Found", "Read units a hit", "CPU ms a hit"), rows)


def offset_costs(lines: Sequence[Line]) -> str:
    """Say what is paid for what is passed over, by the deepest offset that was measured."""
    deepest = [
        (line.case.passes_over, measured.cost.read_units)
        for line in lines
        for measured in line.by_size
        if measured is not None and line.case.passes_over
    ]
    if not deepest:
        return "There are too few events for one."
    depth, units = deepest[-1]
    return _OFFSETS.format(depth=depth, units=units, each=units / depth, most=MAX_OFFSET).rstrip()


def _found(measured: Measured) -> str:
    return "" if measured.cost.found is None else f"{measured.cost.found:,}"


def _write_units(measured: Measured) -> str:
    return f"{measured.cost.write_units:g}" if measured.cost.write_units else ""


def _per_hit(measured: Measured, value: float) -> str:
    return f"{value / measured.cost.found:.3f}" if measured.cost.found else ""


_FIGURES: dict[str, Callable[[Measured], str]] = {
    "Found": _found,
    "Calls": lambda measured: str(len(measured.cost.calls)),
    "Read units": lambda measured: f"{measured.cost.read_units:g}",
    "Write units": _write_units,
    "KB": lambda measured: f"{measured.cost.answer_bytes / 1000:,.1f}",
    "CPU": lambda measured: f"{measured.cpu_ms:,.1f}",
}


def _cell(by_size: Sequence[Measured | None], figure: Callable[[Measured], str]) -> str:
    shown = [None if measured is None else figure(measured) for measured in by_size]
    return " / ".join("-" if text is None else text for text in shown) if any(shown) else ""


def _agreement(lines: Sequence[Line]) -> str:
    miscounted = sum(
        measured.cost.miscounted
        for line in lines
        for measured in line.by_size
        if measured is not None
    )
    return _DIFFERS.format(count=miscounted) if miscounted else _AGREES


def _listed(sizes: Sequence[int]) -> str:
    return ", ".join(f"{size:,}" for size in sizes)


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
