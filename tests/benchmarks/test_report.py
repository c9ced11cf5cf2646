"""The page that the benchmark writes."""

from datetime import UTC, datetime

import pytest

from tests.benchmarks.catalogue.cases import Case, Steps, cases
from tests.benchmarks.catalogue.growth import Line, Measured
from tests.benchmarks.catalogue.meter import Cost, cpu_ms
from tests.benchmarks.catalogue.report import Circumstances, document
from tests.support.lambda_api import Answer

ABOUT = Circumstances(
    command="python -m tests.benchmarks.catalogue",
    date="2027-03-01",
    engine="dynoxide 1.2.1",
    python="3.13.1",
    machine="2 cores, x86_64",
    repeats=15,
)


def a_case(name: str, *, is_steady: bool) -> Case:
    first = cases(datetime(2027, 3, 1, tzinfo=UTC))[0]
    return Case(name, first.prepare, is_steady=is_steady)


def a_measured(
    found: int | None, read_units: float, write_units: float = 0.0, miscounted: tuple[str, ...] = ()
) -> Measured:
    return Measured(Cost(("Query",) * 2, found, read_units, write_units, 1234, miscounted), 2.26)


def row(page: str, name: str) -> str:
    """The first row of a table that begins so."""
    return next(line for line in page.splitlines() if line.startswith(f"| {name} |"))


def test_a_figure_stands_in_another_column() -> None:
    lines = [
        Line(a_case("First page", is_steady=True), [a_measured(1000, 5.5), a_measured(10_000, 6)]),
        Line(a_case("Add", is_steady=False), [None, a_measured(None, 1.0, 58.0)]),
    ]

    page = document(ABOUT, (1000, 10_000), lines)

    assert row(page, "First page") == (
        "| First page | yes | 1,000 / 10,000 | 2 / 2 | 5.5 / 6 |  | 1.2 / 1.2 | 2.3 / 2.3 |"
    )
    assert row(page, "Add") == "| Add |  |  | – / 2 | – / 1 | – / 58 | – / 1.2 | – / 2.3 |"
    assert "- Command: `python -m tests.benchmarks.catalogue`\n- Date: 2027-03-01\n" in page


def test_a_search_is_divided_by_something_else_than_its_hits() -> None:
    line = Line(
        a_case("Search, 10 hits: one word", is_steady=True),
        [a_measured(10, 6.5), a_measured(0, 6.5)],
    )

    page = document(ABOUT, (1000, 10_000), [line])

    assert row(page, "10 hits: one word") == (
        "| 10 hits: one word | 10 / 0 | 0.650 /  | 0.226 /  |"
    )


@pytest.mark.parametrize(
    ("miscounted", "said"),
    [((), "counts the same"), (("Query: 1, by the rules 2",), "counts 1 of the reads otherwise")],
)
def test_what_the_engine_counts_is_not_told(miscounted: tuple[str, ...], said: str) -> None:
    measured = a_measured(1, 1.0, miscounted=miscounted)

    page = document(ABOUT, (1000,), [Line(a_case("It", is_steady=False), [measured])])

    assert said in page


def test_a_refused_request_is_measured_as_if_it_had_worked() -> None:
    with pytest.raises(RuntimeError, match="404 no such event"):
        cpu_ms(Steps(lambda: Answer(404, {}, "no such event")))


def test_a_request_is_sent_without_what_must_come_before_it() -> None:
    done: list[str] = []

    def doing(what: str) -> Answer:
        done.append(what)
        return Answer(200, {}, "")

    cpu_ms(
        Steps(
            send=lambda: doing("send"),
            before=lambda: doing("before"),
            after=lambda: doing("after"),
        )
    )

    assert done[:6] == ["before", "send", "after"] * 2
    assert len(done) % 3 == 0
