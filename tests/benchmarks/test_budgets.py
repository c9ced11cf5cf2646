"""The budgets that are kept, against what is really asked for: each case is counted again."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from chalicelib.observability import BusinessMetrics
from tests.api.test_calls_per_route import EXPECTED
from tests.benchmarks.budgets import counts
from tests.benchmarks.budgets.__main__ import PAGE
from tests.benchmarks.budgets.cases import API, Case, all_cases, counted
from tests.benchmarks.budgets.report import document
from tests.benchmarks.budgets.usage import OUTCOMES
from tests.benchmarks.budgets.world import World, moto_worlds
from tests.support.lambda_api import signed_in
from tests.support.routes import ROUTES, Route, send

CASES = all_cases()
Opened = Callable[[], AbstractContextManager[World]]


@pytest.fixture(scope="module")
def opened() -> Iterator[Opened]:
    with moto_worlds() as shops:
        yield shops


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.function}: {case.name}")
def test_a_request_asks_for_something_else_than_its_budget(opened: Opened, case: Case) -> None:
    assert counted(opened, case) == counts.of(case.function, case.name), "run `make budgets`"


def test_a_case_is_not_kept_or_one_is_kept_that_is_gone() -> None:
    kept = [(line.function, line.name, line.also, line.cold) for line in counts.kept()]
    assert kept == [(case.function, case.name, case.also, case.cold) for case in CASES]


def test_a_route_has_no_budget() -> None:
    named = {name for line in counts.kept() for name in (line.name, *line.also)}
    assert {" ".join(route) for route in ROUTES} <= named


@pytest.mark.parametrize("route", list(EXPECTED), ids=" ".join)
def test_a_route_has_two_budgets_that_differ(route: Route) -> None:
    name = " ".join(route)
    (line,) = [line for line in counts.kept() if name in (line.name, *line.also)]
    assert line.function == API
    assert line.count.operations == Counter(EXPECTED[route])


def test_a_sale_is_counted_under_other_names_than_are_paid_for(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted_as: set[str] = set()
    monkeypatch.setattr(
        BusinessMetrics, "count", lambda _, name, __=1: counted_as.add(name), raising=True
    )
    with opened() as world:
        sale = world.sell()
        world.stripe.expire_in_dashboard(world.reserve().session_id)
        world.hear()
        path, code = "/api/admin/tickets/{code}/check-in", {"code": sale.ticket}
        assert send("POST", path, caller=signed_in(), parameters=code).status == 200
    assert counted_as == set(OUTCOMES)


def test_the_page_is_not_what_the_kept_counts_prices_and_durations_say() -> None:
    assert Path(PAGE).read_text() == document(), "run `make budgets`"
