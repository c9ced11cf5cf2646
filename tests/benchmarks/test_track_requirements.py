"""What is required of this API is all there, is judged by the figures, and can fail a run."""

import argparse
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.benchmarks.track import __main__ as program
from tests.benchmarks.track.lineup import (
    BARE_WEBHOOK,
    FASTAPI,
    FLOOR,
    OURS,
    POWERTOOLS,
    UNCOMPILED,
)
from tests.benchmarks.track.measuring import Result, Results
from tests.benchmarks.track.races import (
    COLD_AUTHORIZER,
    COLD_EVENT,
    COLD_WEBHOOK,
    WARM_EVENT,
    WARM_LIST,
)
from tests.benchmarks.track.report import Circumstances
from tests.benchmarks.track.requirements import REQUIRED, Outcome, Ratio, judged
from tests.benchmarks.track.runtime_api import FunctionFailed

ABOUT = Circumstances("make bench", "2027-03-01", "2 cores", "3.11.1", "dynoxide", {}, 3, 20)
MOST_BYTES = 20_000_000


def a_result(cpu_ms: float, wall_ms: float | None = None) -> Result:
    return Result(cpu_ms if wall_ms is None else wall_ms, cpu_ms, 0.1, 50.0)


def an_outcome(
    required: Ratio, *, cpu: float, wall: float | None = None, zipped: int = MOST_BYTES
) -> Outcome:
    """Everything holds easily, but ours takes so much of this one."""
    results: dict[str, dict[str, Result]] = {}
    for each in REQUIRED:
        results.setdefault(each.race, {OURS: a_result(1.0)})[each.against] = a_result(1000.0)
    race = results[required.race]
    race[OURS] = a_result(1000.0 * cpu, None if wall is None else 1000.0 * wall)
    for name in race:
        if name not in (OURS, required.against):
            race[name] = a_result(1e9)
    return Outcome(results, {OURS: zipped})


def missed(outcome: Outcome) -> list[str]:
    return [verdict.text for verdict in judged(outcome) if not verdict.holds]


def test_something_required_is_not_looked_at() -> None:
    assert {(each.race, each.against, each.most, each.by_wall_too) for each in REQUIRED} == {
        (COLD_EVENT, FASTAPI, 0.65, True),
        (COLD_EVENT, POWERTOOLS, 0.8, True),
        (COLD_EVENT, FLOOR, 1.1, True),
        (COLD_EVENT, UNCOMPILED, 0.4, True),
        (COLD_AUTHORIZER, FLOOR, 0.5, True),
        (COLD_WEBHOOK, BARE_WEBHOOK, 1.2, True),
        (WARM_EVENT, FLOOR, 1.05, False),
        (WARM_EVENT, FASTAPI, 0.65, False),
        (WARM_LIST, FASTAPI, 0.3, False),
    }
    assert len(judged(an_outcome(REQUIRED[0], cpu=0.1))) == len(REQUIRED) + 1


@pytest.mark.parametrize("required", REQUIRED, ids=lambda required: str(required.text))
def test_a_requirement_is_met_above_its_limit_or_missed_at_it(required: Ratio) -> None:
    assert missed(an_outcome(required, cpu=required.most)) == []
    assert missed(an_outcome(required, cpu=required.most + 0.01)) == [required.text]


@pytest.mark.parametrize("required", REQUIRED, ids=lambda required: str(required.text))
def test_wall_time_counts_where_it_should_not(required: Ratio) -> None:
    slow = an_outcome(required, cpu=required.most, wall=required.most + 0.01)

    assert missed(slow) == ([required.text] if required.by_wall_too else [])


def test_a_package_may_be_larger() -> None:
    [text] = missed(an_outcome(REQUIRED[0], cpu=0.1, zipped=MOST_BYTES + 1))

    assert text == "package: at most 20 MB zipped"


def test_what_was_not_measured_holds() -> None:
    nothing: Mapping[str, Results] = {}

    assert len(missed(Outcome(nothing, {OURS: 1}))) == len(REQUIRED)


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the program writes."""
    monkeypatch.setattr(program, "_PAGE", tmp_path / "benchmarks.md")
    monkeypatch.setattr(program, "_PLOT", tmp_path / "benchmarks.svg")
    return tmp_path


def measured(monkeypatch: pytest.MonkeyPatch, outcome: Outcome) -> None:
    def run(_asked: argparse.Namespace) -> tuple[Outcome, Circumstances]:
        return outcome, ABOUT

    monkeypatch.setattr(program, "_run", run)


def test_a_missed_requirement_goes_unpunished_or_untold(
    docs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(monkeypatch, an_outcome(REQUIRED[0], cpu=0.66))

    assert program.main(["--require"]) == 1
    assert program.main([]) == 0

    told = capsys.readouterr().err
    assert told.count(f"| {REQUIRED[0].text} | 0.66 CPU, 0.66 wall | **missed** |") == 2
    assert "**missed**" in (docs / "benchmarks.md").read_text()


def test_a_run_that_met_everything_fails(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured(monkeypatch, an_outcome(REQUIRED[0], cpu=0.65))

    assert program.main(["--require"]) == 0
    assert "missed" not in (docs / "benchmarks.md").read_text()
    assert (docs / "benchmarks.svg").read_text().startswith("<svg")


def test_a_part_of_the_races_replaces_the_page(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured(monkeypatch, an_outcome(REQUIRED[0], cpu=0.5))

    assert program.main(["--only", COLD_EVENT]) == 0
    assert list(docs.iterdir()) == []


def test_a_failed_function_ends_in_a_traceback(
    docs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_asked: argparse.Namespace) -> None:
        raise FunctionFailed("ours: no module")

    monkeypatch.setattr(program, "_run", run)

    assert program.main([]) == 2
    assert capsys.readouterr().err == "ours: no module\n"


def test_one_round_is_enough_for_quartiles(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.main(["--rounds", "1"])
    assert "two rounds at the least" in capsys.readouterr().err
