"""The growth table, as Markdown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.benchmarks.catalogue.growth import Line, Measured

_NOTES = """\
A cell has a number for each size of the catalogue: {sizes} events.

- **Steady** requests may not cost more calls or units at any size than at the first, by more than a
  tenth. The command fails where one does, and where any request scans.
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
_AGREES = "The\n  engine counts the same."
_DIFFERS = "The\n  engine counts {count} of the reads otherwise."


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
        "## What a hit of a search costs",
        hits_table(lines),
    ]
    return "\n\n".join(parts) + "\n"


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
    return " / ".join("–" if text is None else text for text in shown) if any(shown) else ""


def _agreement(lines: Sequence[Line]) -> str:
    miscounted = sum(
        len(measured.cost.miscounted)
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
