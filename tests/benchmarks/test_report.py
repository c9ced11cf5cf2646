"""The page that the benchmark writes."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.benchmarks.catalogue.cases import Case, Steps, cases
from tests.benchmarks.catalogue.growth import Line, Measured
from tests.benchmarks.catalogue.meter import Cost, Exchange, cpu_ms
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
    found: int | None,
    read_units: float,
    write_units: float = 0.0,
    engine_units: float | None = None,
) -> Measured:
    """A read and a write; the engine counts the read as it should, unless told otherwise."""
    said = read_units if engine_units is None else engine_units
    read = Exchange("Query", "by_date", read_units, 1000, said)
    write = Exchange("PutItem", "events", 0.0, 234, write_units)
    return Measured(Cost([read, write], found), 2.26)


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
    assert row(page, "Add") == "| Add |  |  | - / 2 | - / 1 | - / 58 | - / 1.2 | - / 2.3 |"
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


def test_a_reader_of_the_page_does_not_learn_what_grew() -> None:
    grown = Line(a_case("Upcoming", is_steady=True), [a_measured(1, 5.0), a_measured(1, 9.0)])
    as_before = Line(a_case("First page", is_steady=True), [a_measured(1, 5.0), a_measured(1, 5.0)])

    told = document(ABOUT, (1000, 10_000), [as_before, grown])
    untold = document(ABOUT, (1000, 10_000), [as_before])

    assert "## What breaks a requirement\n\n- Upcoming: read units grew: 5, 9 (first" in told
    assert "First page: " not in told
    assert "requirement" not in untold


def test_an_offset_is_divided_by_something_else_than_its_depth() -> None:
    offset = replace(a_case("Offset 1,000", is_steady=False), passes_over=1000)

    page = document(ABOUT, (100, 10_000), [Line(offset, [None, a_measured(10_000, 95.5)])])

    assert "95.5 read units for an offset of\n1,000, which is 0.096 for each event" in page


@pytest.mark.parametrize(
    ("engine_units", "said"),
    [(1.0, "says the\n  same of every read"), (2.0, "something else of 1 of the reads")],
)
def test_what_the_engine_counts_is_not_told(engine_units: float, said: str) -> None:
    measured = a_measured(1, 1.0, engine_units=engine_units)

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
