"""`python -m tests.benchmarks.catalogue`: loads the sizes, measures, writes `docs/growth.md`, and
fails where something grew that must not.
"""

import argparse
import contextlib
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

from tests.benchmarks.catalogue.cases import Case, cases
from tests.benchmarks.catalogue.engines import Engine, engine
from tests.benchmarks.catalogue.growth import Line, Measured, failures, measure_all
from tests.benchmarks.catalogue.loader import Loader, Tables
from tests.benchmarks.catalogue.made_up import start_of_day
from tests.benchmarks.catalogue.meter import MOST_REPEATS
from tests.benchmarks.catalogue.report import Circumstances, document
from tests.conftest import ENVIRONMENT, TABLES
from tests.support.dynoxide import EngineMissing
from tests.support.lambda_api import LambdaApi

_SIZES = (1_000, 10_000, 100_000)
_REPORT = Path("docs/growth.md")
_COMMAND = "python -m tests.benchmarks.catalogue"


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; return the exit code."""
    asked = _parser().parse_args(arguments)
    sizes = sorted(set(asked.sizes))
    today = start_of_day(datetime.now(UTC))
    try:
        with engine() as running, _log_put_aside():
            lines = _run(running, sizes, today)
            about = _circumstances(running, arguments)
    except EngineMissing as missing:
        sys.stderr.write(f"{missing}\n")
        return 2
    page = document(about, sizes, lines)
    sys.stdout.write(page)
    asked.report.write_text(page)
    problems = failures(lines)
    for problem in problems:
        sys.stderr.write(f"FAILED {problem}\n")
    return 1 if problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=_COMMAND, description=__doc__)
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=_SIZES, help="numbers of events to measure at"
    )
    parser.add_argument("--report", type=Path, default=_REPORT, help="where the page goes")
    return parser


def _run(running: Engine, sizes: Sequence[int], today: datetime) -> list[Line]:
    os.environ.update(ENVIRONMENT, AWS_ENDPOINT_URL_DYNAMODB=running.url)
    tables = Tables(TABLES["EventsTable"], TABLES["CitiesTable"], TABLES["IndexTable"])
    loader = Loader(running.url, tables, today)
    wanted = cases(today)
    columns: list[list[Measured | None]] = []
    for size in sizes:
        loader.grow_to(size)
        columns.append(_measure(wanted, size))
    return [
        Line(case, by_size)
        for case, by_size in zip(wanted, zip(*columns, strict=True), strict=True)
    ]


@contextlib.contextmanager
def _log_put_aside() -> Iterator[None]:
    """Keep the app's log lines out of the table; they are still written, and paid for."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _measure(wanted: Sequence[Case], size: int) -> list[Measured | None]:
    """Measure; shows how far it is on standard error."""
    from app import app
    from chalicelib import wiring

    connection = wiring.stores().events._connection
    with tqdm(total=len(wanted), unit="request") as bar:

        def report(name: str) -> None:
            bar.set_description(name)
            bar.update()

        return measure_all(LambdaApi(app), connection, wanted, size, report)


def _circumstances(running: Engine, arguments: Sequence[str]) -> Circumstances:
    return Circumstances(
        command=" ".join((_COMMAND, *arguments)),
        date=datetime.now(UTC).date().isoformat(),
        engine=running.name,
        python=platform.python_version(),
        machine=f"{os.cpu_count()} cores, {platform.machine()}",
        repeats=MOST_REPEATS,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
