"""The table of metrics in `docs/observability.md` is what the code counts, both ways."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "observability.md"
ROW = re.compile(r"^\| ((?:`[A-Z]\w+`(?:, )?)+) \| (.+) \|$", re.MULTILINE)
# It hands on what others count.
PASSES_ON = "process_figures.py"
# What a `Meter` is asked to do.
METHODS = {"count", "gauge"}


def is_meter(receiver: ast.expr) -> bool:
    text = ast.unparse(receiver).lower()
    return "meter" in text or "metrics" in text


def names_counted() -> dict[str, set[str]]:
    """Every name that is counted, with the files that count it."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "chalicelib").rglob("*.py")):
        if path.name == PASSES_ON:
            continue
        tree = ast.parse(path.read_text())
        for name in names_in(tree):
            found.setdefault(name, set()).add(path.name)
    return found


def names_in(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in METHODS
            and is_meter(node.func.value)
        ):
            yield from names_of(node.args[0], tree)


def names_of(argument: ast.expr, tree: ast.Module) -> Iterator[str]:
    """The names that an argument can be: itself, or what the module's mapping of that name has."""
    if isinstance(argument, ast.Constant):
        yield str(argument.value)
        return
    assert isinstance(argument, ast.Subscript), f"cannot tell the name of {ast.unparse(argument)}"
    mapping = ast.unparse(argument.value)
    (values,) = (
        node.value.values
        for node in tree.body
        if isinstance(node, ast.Assign)
        and [ast.unparse(target) for target in node.targets] == [mapping]
        and isinstance(node.value, ast.Dict)
    )
    for value in values:
        yield from names_of(value, tree)


def names_told() -> list[str]:
    section = TABLE.read_text().partition("## Metrics")[2].partition("\n## ")[0]
    return [name for cell, _ in ROW.findall(section) for name in re.findall(r"`(\w+)`", cell)]


def test_every_metric_is_in_the_table_once_and_nothing_else_is() -> None:
    told = names_told()
    assert len(told) == len(set(told))
    assert set(told) == set(names_counted())


def test_every_outcome_of_a_sale_is_counted() -> None:
    assert names_counted().keys() >= {
        "CheckoutStarted",
        "SoldOut",
        "PriceMismatch",
        "OrderPaid",
        "LatePaymentSold",
        "LatePaymentRefunded",
        "Refund",
        "WebhookRejected",
        "HoldReleased",
    }


def test_a_name_in_a_mapping_is_found() -> None:
    tree = ast.parse(
        "_COUNTED = {1: 'A', 2: 'B'}\nmeter.count(_COUNTED[x])\nself._meter.count('C', 2)"
    )
    assert sorted(names_in(tree)) == ["A", "B", "C"]
