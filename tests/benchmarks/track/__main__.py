"""`python -m tests.benchmarks.track`: packages the contenders, measures them side by side, and
writes `docs/benchmarks.md` and `docs/benchmarks.svg`.
"""

import argparse
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

from tests.benchmarks.track.comparing import ensure_alike
from tests.benchmarks.track.data import load, made_up_catalogue
from tests.benchmarks.track.lineup import (
    FASTAPI,
    FASTAPI_ASYNC,
    FLOOR,
    OURS,
    POWERTOOLS,
    Lineup,
    line_up,
    make_packages,
)
from tests.benchmarks.track.measuring import Results, cold, warm
from tests.benchmarks.track.packages import Installed, Package
from tests.benchmarks.track.plot import plot
from tests.benchmarks.track.races import RACES, Race, UnexpectedAnswer, races
from tests.benchmarks.track.report import Circumstances, document, requirement_table
from tests.benchmarks.track.requirements import Outcome, judged
from tests.benchmarks.track.runtime_api import FunctionFailed
from tests.benchmarks.track.services import Services, services
from tests.conftest import ENVIRONMENT
from tests.support.dynoxide import EngineMissing

_BUILD = Path("build/bench")
_ENVIRONMENT = Path(".venv-bench")
_PAGE, _PLOT = Path("docs/benchmarks.md"), Path("docs/benchmarks.svg")
_SHOWN_VERSIONS = (
    "awslambdaric",
    "botocore",
    "boto3",
    "fastapi",
    "mangum",
    "aws-lambda-powertools",
    "pydantic",
    "stripe",
    "pyjwt",
)


def main(arguments: Sequence[str]) -> int:
    """Run the track; return the exit code: 1 where `--require` asks and something is missed."""
    asked = _parser().parse_args(arguments)
    if sys.platform != "linux":
        sys.stderr.write("The track measures processes by what Linux knows of them.\n")
        return 2
    os.environ.update(ENVIRONMENT)
    try:
        outcome, about = _run(asked)
    except (EngineMissing, FunctionFailed, UnexpectedAnswer) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    page = document(about, outcome)
    sys.stdout.write(page)
    if asked.only:
        sys.stderr.write("Not every race was run: the page in docs stays as it is.\n")
    else:
        _PAGE.write_text(page)
        _PLOT.write_text(plot(outcome.results))
    missed = [verdict for verdict in judged(outcome) if not verdict.holds]
    if missed:
        sys.stderr.write(f"\nMissed:\n{requirement_table(missed)}\n")
    return 1 if missed and asked.require else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.track", description="Measure side by side."
    )
    parser.add_argument("--rounds", type=_at_least_two, default=15, help="(default: %(default)s)")
    parser.add_argument(
        "--requests",
        type=int,
        default=100,
        help="of a round, to who is warm (default: %(default)s)",
    )
    parser.add_argument("--only", choices=RACES, action="append", help="run this race, not all")
    parser.add_argument(
        "--require", action="store_true", help="fail where something required is missed"
    )
    return parser


def _at_least_two(text: str) -> int:
    number = int(text)
    if number < 2:  # Quartiles of one figure are none.
        raise argparse.ArgumentTypeError("two rounds at the least")
    return number


def _run(asked: argparse.Namespace) -> tuple[Outcome, Circumstances]:
    python, made = make_packages(_ENVIRONMENT, _BUILD)
    catalogue = made_up_catalogue()
    with services() as running:
        load(running.dynamodb, catalogue)
        lineup = line_up(python, made, running)
        alike = (FLOOR, POWERTOOLS, FASTAPI, FASTAPI_ASYNC, OURS)
        ensure_alike({name: lineup.apis[name] for name in alike}, python, catalogue)
        with races(lineup, running, catalogue) as all_of_them:
            chosen = [race for race in all_of_them if not asked.only or race.name in asked.only]
            results = _measure(chosen, lineup, asked.rounds, asked.requests)
    return Outcome(results, _sizes(made)), _circumstances(asked, running)


def _measure(
    chosen: Sequence[Race], lineup: Lineup, rounds: int, requests: int
) -> Mapping[str, Results]:
    """Run the races; shows how far it is on standard error."""
    results = {}
    for race in chosen:
        turns = len(race.runners) * (rounds + race.is_cold)
        with tqdm(desc=race.name, total=turns, unit="turn") as bar:
            if race.is_cold:
                results[race.name] = cold(race.runners, lineup.python, rounds, bar.update)
            else:
                results[race.name] = warm(race.runners, lineup.python, rounds, requests, bar.update)
    return results


def _sizes(made: Mapping[str, Package]) -> dict[str, int]:
    return {name: package.zipped for name, package in made.items()}


def _circumstances(asked: argparse.Namespace, running: Services) -> Circumstances:
    versions = Installed(_ENVIRONMENT).versions()
    return Circumstances(
        command=_command(asked),
        date=datetime.now(UTC).date().isoformat(),
        machine=f"{os.cpu_count()} cores, {platform.machine()}",
        python=platform.python_version(),
        engine=running.engine,
        versions={name: versions[name] for name in _SHOWN_VERSIONS},
        rounds=asked.rounds,
        requests=asked.requests,
    )


def _command(asked: argparse.Namespace) -> str:
    return f"make bench ROUNDS={asked.rounds} REQUESTS={asked.requests}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
