"""How many orders a second a layout sells before one buyer in a hundred is turned away."""

from dataclasses import replace
from typing import Final

from tests.benchmarks.on_sale.layouts import Layout
from tests.benchmarks.on_sale.limits import Limits, Times
from tests.benchmarks.on_sale.sale import Crowd, Sale

_SECONDS: Final = 30
_TOLERATED: Final = 0.01
_CLOSE: Final = 1.04
_LEAST: Final = 4.0
_MOST: Final = 2_000.0


def sells(layout: Layout, rate: float, limits: Limits, times: Times, quantity: int = 1) -> bool:
    """Tell whether a crowd of so many buyers a second gets its tickets, all but one in a hundred.
    All of them pay, a moment later, so that holds and sales are in each other's way all the time.
    """
    crowd = Crowd(rate, _SECONDS, quantity, pays=1)
    soon = replace(times, soonest_paid=1, latest_paid=3)
    tolerated = _TOLERATED * rate * _SECONDS
    outcome = Sale(layout, crowd, limits, soon).run(tolerated)
    served = len(outcome.refused_at) + outcome.webhooks_failed <= tolerated
    return served and outcome.pages_throttled <= _TOLERATED * outcome.pages


def most(layout: Layout, limits: Limits, times: Times, quantity: int = 1) -> float:
    """Return how many orders a second are sold, to within a few in a hundred: below that all is
    well, above it is not.
    """
    low, high = 0.0, _LEAST
    while high < _MOST and sells(layout, high, limits, times, quantity):
        low, high = high, high * 2
    if low == 0.0:
        return 0.0
    while high / low > _CLOSE:
        middle = (low + high) / 2
        if sells(layout, middle, limits, times, quantity):
            low = middle
        else:
            high = middle
    return low
