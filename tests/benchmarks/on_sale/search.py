"""How many orders a second a layout sells before one buyer in a hundred is turned away, in every
one of several draws: when buyers come, which places they try, where keys fall.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from tests.benchmarks.on_sale.layouts import Layout
from tests.benchmarks.on_sale.limits import Limits, Times
from tests.benchmarks.on_sale.sale import Crowd, Sale

SEEDS: Final = (1, 2, 3, 4, 5)
_SECONDS: Final = 20
_TOLERATED: Final = 0.01
_CLOSE: Final = 1.04
_LEAST: Final = 4.0
_MOST: Final = 2_000.0


def sells(layout: Layout, rate: float, limits: Limits, times: Times, seed: int = 1) -> bool:
    """Tell whether a crowd of so many buyers a second gets its tickets, all but one in a hundred.
    All of them pay, a moment later, so that holds and sales are in each other's way all the time.
    """
    crowd = Crowd(rate, _SECONDS, pays=1)
    soon = replace(times, soonest_paid=1, latest_paid=3)
    tolerated = _TOLERATED * rate * _SECONDS
    outcome = Sale(layout, crowd, limits, soon, seed=seed).run(tolerated)
    served = len(outcome.refused_at) + outcome.webhooks_failed <= tolerated
    return served and outcome.pages_throttled <= _TOLERATED * outcome.pages


def most(layout: Layout, limits: Limits, times: Times) -> float:
    """Return how many orders a second are sold in every draw, to within a few in a hundred: what
    the unluckiest sells.
    """
    found = _MOST
    for seed in SEEDS:
        found = _most_of(partial(_sells, layout, limits, times, seed), found)
    return found


def _sells(layout: Layout, limits: Limits, times: Times, seed: int, rate: float) -> bool:
    return sells(layout, rate, limits, times, seed)


def _most_of(holds: Callable[[float], bool], at_most: float) -> float:
    """Return up to which rate it holds, if that is less than another draw's; the first draw is
    looked for from below, as rates that are far too high take longest.
    """
    if at_most < _MOST:
        if at_most < _LEAST or holds(at_most):
            return at_most
        low, high = at_most / 2, at_most
        while low >= _LEAST and not holds(low):
            low, high = low / 2, low
    else:
        low, high = _LEAST / 2, _LEAST
        while high < _MOST and holds(high):
            low, high = high, high * 2
    if low < _LEAST:
        return 0.0
    while high / low > _CLOSE:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
