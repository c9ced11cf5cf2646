"""What the code counts and measures, read from its own text: the names of metrics and their units.

A name is written out where it is counted, or is a value of fulfilment's table of outcomes.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from chalicelib.services import fulfilment
from infra.packaging.stages import ROOT

_METERS = {"_meter", "meter", "BusinessMetrics"}


def counted_by_code() -> dict[str, str]:
    """Return the unit of each metric by its name."""
    units = dict.fromkeys(fulfilment._COUNTED.values(), "Count")
    for path in (ROOT / "chalicelib").rglob("*.py"):
        units |= dict(_counted_in(path))
    return units


def _counted_in(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(
                func=ast.Attribute(value=meter, attr="count" | "gauge" as kind),
                args=[ast.Constant(value=str() as name), *rest],
            ) if _name(meter) in _METERS:
                yield name, _unit(rest) if kind == "gauge" else "Count"


def _name(node: ast.expr) -> str:
    """Return the last name of `self._meter`, `wiring.meter()` or `BusinessMetrics()`."""
    match node:
        case ast.Call(func=called):
            return _name(called)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def _unit(arguments: list[ast.expr]) -> str:
    match arguments:
        case [_, ast.Constant(value=str() as unit)]:
            return unit
    return "Count"
