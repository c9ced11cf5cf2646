"""AWS's public prices in us-east-1, in USD, out of `prices.json`: whoever pays others changes them
there, and runs `make budgets`.

`free` is what of a month is free for ever, as AWS's pages call it; what is free for a new account's
first year only is not in it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("prices.json")

Usage = Mapping[str, float]
"""How much of what is paid for, by the prices' names."""


@dataclass(frozen=True, slots=True)
class Price:
    """What `per` of a unit cost, on which page that stands, and when it was read there."""

    usd: float
    per: float
    unit: str
    page: str
    url: str
    as_of: str
    free: float = 0

    def of(self, quantity: float) -> float:
        """Return what so much costs, in USD."""
        return self.usd * quantity / self.per


@cache
def prices() -> Mapping[str, Price]:
    """Return the prices by their names."""
    return {name: Price(**row) for name, row in json.loads(_FILE.read_text()).items()}


def bill(usage: Usage) -> dict[str, float]:
    """Return what a usage costs, by price, free tiers left out."""
    return {name: prices()[name].of(quantity) for name, quantity in usage.items()}


def total(usage: Usage) -> float:
    """Return what a usage costs in all, free tiers left out."""
    return sum(bill(usage).values())


def with_free_tiers(usage: Usage) -> float:
    """Return what a month's usage costs in an account that uses nothing else."""
    return sum(
        prices()[name].of(max(0.0, quantity - prices()[name].free))
        for name, quantity in usage.items()
    )


def added(*usages: Usage) -> dict[str, float]:
    """Return several usages together."""
    found: dict[str, float] = {}
    for usage in usages:
        for name, quantity in usage.items():
            found[name] = found.get(name, 0) + quantity
    return found


def times(factor: float, usage: Usage) -> dict[str, float]:
    """Return so many times a usage."""
    return {name: factor * quantity for name, quantity in usage.items()}
