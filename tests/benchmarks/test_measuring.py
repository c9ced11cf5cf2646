"""The processor's time of functions: what is measured is what they do in life."""

import json

import pytest

from tests.benchmarks.budgets import measuring
from tests.benchmarks.budgets.durations import measured
from tests.benchmarks.budgets.memory_sizes import MIXES
from tests.support.fresh_process import run_fresh
from tests.support.lambda_api import proxy_event


@pytest.fixture(autouse=True)
def _few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "_PROCESSES", 1)
    monkeypatch.setattr(measuring, "_WARM_CALLS", 2)


def test_what_is_measured_is_not_kept_or_not_used() -> None:
    assert list(measured()) == list(measuring._work())
    assert {processor for mix in MIXES.values() for _, _, processor in mix.cases} <= set(measured())


@pytest.mark.parametrize("name", [mix.cases[0][2] for mix in MIXES.values()])
def test_a_first_answer_costs_no_more_than_the_next(name: str) -> None:
    function, requests = measuring._work()[name]
    with measuring._servers() as environment:
        taken = measuring._measured(function, requests, environment)
    # Its imports are a hundred times what an answer takes, but for the timer.
    assert taken["cold_ms"] > 3 * taken["warm_ms"] > 0
    assert taken["peak_mb"] > 10


@pytest.mark.parametrize(("path", "items"), [("/api/events", "events"), ("/api/cities", "cities")])
def test_an_empty_list_is_measured(path: str, items: str) -> None:
    script = f"from app import app\nresult = app({proxy_event('GET', path)!r}, None)"
    with measuring._servers() as environment:
        answer = run_fresh(script, **environment)["result"]
    assert len(json.loads(answer["body"])[items]) == 50
