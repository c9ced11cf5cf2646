"""What a request asks of DynamoDB does not grow with the catalogue: the benchmark, made small."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app import app
from chalicelib.settings import StoreSettings
from chalicelib.store import open_stores
from tests.benchmarks.catalogue.cases import Case, cases
from tests.benchmarks.catalogue.growth import Line, Measured, failures
from tests.benchmarks.catalogue.items import Tally
from tests.benchmarks.catalogue.loader import Tables, batch_writer, load_events, load_numbers
from tests.benchmarks.catalogue.made_up import start_of_day
from tests.benchmarks.catalogue.meter import Cost, Exchange, measure
from tests.benchmarks.catalogue.wire import Wire
from tests.conftest import ENVIRONMENT
from tests.support.lambda_api import LambdaApi
from tests.support.ministack import ministack_tables

SIZES = (150, 450)
TABLES = Tables("events", "cities", "index")
TODAY = start_of_day(datetime.now(UTC))

pytestmark = pytest.mark.xdist_group("ministack")


def measured(wanted: list[Case], size: int) -> list[Measured]:
    """Measure through the wired app, but for the time."""
    from chalicelib import wiring

    connection, api = wiring.stores().events._connection, LambdaApi(app)
    return [Measured(measure(connection, case.prepare(api, size)), 0.0) for case in wanted]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Line]:
    """Every case that two small catalogues are large enough for, by its name."""
    from chalicelib import wiring

    wanted = [case for case in cases(TODAY) if case.size <= SIZES[0]]
    tally, loaded, columns = Tally(), 0, []
    folder = tmp_path_factory.mktemp("ministack")
    with ministack_tables(folder) as url, pytest.MonkeyPatch.context() as patch:
        for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL_DYNAMODB": url}.items():
            patch.setenv(name, value)
        stores = open_stores(StoreSettings("events", "cities", "index", "orders", "audit"))
        patch.setattr(wiring, "stores", lambda: stores)
        wire = Wire(url)
        for size in SIZES:
            tally.merge(load_events(batch_writer(wire), TABLES, range(loaded, size), TODAY))
            load_numbers(batch_writer(wire), TABLES, tally, TODAY)
            columns.append(measured(wanted, size))
            loaded = size
        wire.close()
    return {
        case.name: Line(case, by_size)
        for case, by_size in zip(wanted, zip(*columns, strict=True), strict=True)
    }


def test_a_steady_request_costs_more_in_a_larger_catalogue(lines: dict[str, Line]) -> None:
    assert failures(lines.values()) == []


def test_a_steady_request_makes_other_calls_in_a_larger_catalogue(lines: dict[str, Line]) -> None:
    for line in lines.values():
        if line.case.is_steady:
            small, large = (column.cost.calls for column in line.by_size if column is not None)
            assert small == large, line.case.name


def test_a_request_that_reads_all_that_it_finds_passes_for_steady(lines: dict[str, Line]) -> None:
    reads_all = lines["Search, many hits: a word of every 30th event"]
    claimed = replace(reads_all, case=replace(reads_all.case, is_steady=True))

    assert [problem for problem in failures([claimed]) if "read units grew" in problem]


def test_a_page_finds_as_many_in_a_larger_catalogue(lines: dict[str, Line]) -> None:
    found = {
        name: [column.cost.found for column in line.by_size if column is not None]
        for name, line in lines.items()
    }

    assert found["Search, 10 hits: two words"] == [10, 10]
    assert found["City of 60 events, by name"] == [60, 60]
    small, large = found["First page"]
    assert small is not None
    assert large is not None
    assert large > 2 * small


def a_cost(*calls: str, read_units: float = 0.0, write_units: float = 0.0) -> Cost:
    """These calls; the units are those of one more of each kind."""
    return Cost(
        [
            *(Exchange(call, "events", 0.0) for call in calls),
            Exchange("GetItem", "events", read_units),
            Exchange("PutItem", "events", 0.0, engine_units=write_units),
        ],
        None,
    )


def a_line(*costs: Cost, is_steady: bool = True) -> Line:
    case = replace(cases(TODAY)[0], name="it", is_steady=is_steady)
    return Line(case, [None, *(Measured(cost, 1.0) for cost in costs)])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (a_line(a_cost("Query"), a_cost("Query", "Query")), "it: calls grew: 3, 4 "),
        (a_line(a_cost(read_units=1), a_cost(read_units=1.5)), "it: read units grew: 1, 1.5 "),
        (a_line(a_cost(), a_cost(write_units=2)), "it: write units grew: 0, 2 "),
        (a_line(a_cost("Scan"), a_cost("Scan"), is_steady=False), "it: scans"),
    ],
)
def test_growth_goes_unnoticed(line: Line, expected: str) -> None:
    (problem,) = failures([line])
    assert problem.startswith(expected)


def test_who_reads_of_growth_is_not_told_where_it_is() -> None:
    (problem,) = failures([a_line(a_cost(read_units=1), a_cost(read_units=2))])

    assert problem.endswith("(first events 1; last events 2)")


@pytest.mark.parametrize(
    "line",
    [
        a_line(a_cost(read_units=10), a_cost(read_units=11)),
        a_line(a_cost(read_units=10), a_cost(read_units=5)),
        a_line(a_cost("Query"), a_cost("Query", "Query"), is_steady=False),
        a_line(),
    ],
)
def test_what_is_allowed_to_cost_more_fails(line: Line) -> None:
    assert failures([line]) == []
