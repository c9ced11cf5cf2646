"""The names of outcomes: those that the program counts and those that `/metrics` shows."""

import ast
from pathlib import Path

from chalicelib.services.figures import OUTCOMES
from chalicelib.services.fulfilment import _COUNTED

# How many there are now, which no counter adds up.
READINGS = {"PaidWithoutTicket"}
SOURCES = Path(__file__).parents[2] / "chalicelib"


def counted() -> set[str]:
    """Every name that is given to a meter in the program."""
    found = set(_COUNTED.values())
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "count"
                and ast.unparse(node.func.value).endswith(("meter", "meter()"))
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(str(node.args[0].value))
    return found - READINGS


def test_what_is_counted_is_shown_and_nothing_else() -> None:
    assert {outcome.name for outcome in OUTCOMES} == counted()


def test_the_contracts_counters_have_the_names_that_clients_know() -> None:
    shown = {outcome.name: outcome.shown for outcome in OUTCOMES}
    assert len(set(shown.values())) == len(OUTCOMES)
    assert (shown["CheckoutStarted"], shown["OrderPaid"], shown["Refund"]) == (
        "checkouts",
        "paidOrders",
        "refunds",
    )
