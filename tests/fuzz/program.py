"""Runs schemathesis against a server and judges what it reports: it has to find nothing, and to
have looked at everything.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
Report = Mapping[str, Any]
SETTINGS = Path(__file__).with_name("schemathesis.toml")
_DOCUMENT = "/api/openapi.json"
# Where schemathesis reads it: from the address itself it would leave that address's operation out.
_FILE = "openapi.json"
_VERBS = frozenset({"get", "put", "post", "patch", "delete", "options", "head", "trace"})
# Statuses of phases in a report. One is skipped where nothing is there to try, such as links.
_PASSED, _SKIPPED = "success", "skip"


@dataclass(frozen=True, slots=True)
class Pass:
    """One run of schemathesis: a name for people, which operations it is about, and how many
    examples are enough for them.
    """

    name: str
    choice: tuple[str, ...]
    phases_that_may_be_skipped: frozenset[str] = frozenset()
    enough_examples: int = sys.maxsize


# Emptying the database takes away what other requests count on, so it has a run of its own, which
# comes last.
_DATABASE = "Admin: database"
PASSES = (
    Pass("everything but the database routes", ("--exclude-tag", _DATABASE)),
    Pass(
        "the database routes",
        ("--include-tag", _DATABASE),
        # They have no examples, and nothing follows from their answers.
        frozenset({"examples", "stateful"}),
        # They take no parameters and fill or empty the whole database each time.
        enough_examples=15,
    ),
)


@dataclass(frozen=True, slots=True)
class Options:
    """How much is tried, and how."""

    max_examples: int
    seed: int | None = None
    settings: Path = SETTINGS


@dataclass(frozen=True, slots=True)
class Server:
    """What is tested: its address, and what the hooks need to be let in."""

    url: str
    environment: Mapping[str, str]


def findings(
    server: Server, passes: Sequence[Pass], options: Options, directory: Path
) -> list[str]:
    """Run every pass, schemathesis's output on this program's own; return all that is wrong."""
    document = httpx.get(f"{server.url}{_DOCUMENT}", timeout=60).raise_for_status().json()
    (directory / _FILE).write_text(json.dumps(document))
    found: list[str] = []
    tested, total = 0, _operations_in(document)
    for one in passes:
        report = _run(server, one, options, directory)
        found += [f"{one.name}: {problem}" for problem in problems_in(report, one)]
        tested += (report.get("operations") or {"tested": 0})["tested"]
    if not 0 < tested == total:
        found.append(f"{tested} operations were tested, the document has {total}")
    return found


def _operations_in(document: Mapping[str, Any]) -> int:
    return sum(verb in _VERBS for path in document["paths"].values() for verb in path)


def _run(server: Server, one: Pass, options: Options, directory: Path) -> Report:
    """Run schemathesis once; return its report, empty where it wrote none."""
    path = directory / f"{one.name.replace(' ', '-')}.json"
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(options.settings)),
        *("run", _FILE, "--url", server.url, *one.choice),
        *("--max-examples", str(min(options.max_examples, one.enough_examples)), "--no-color"),
        *("--report-json-path", str(path)),
        *(() if options.seed is None else ("--seed", str(options.seed))),
    ]
    environment = {**os.environ, **server.environment, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=directory, env=environment, check=False)
    return json.loads(path.read_text()) if path.is_file() else {}


def problems_in(report: Report, one: Pass) -> Iterator[str]:
    """Tell what is wrong by the report of a run."""
    if not report:
        yield "schemathesis left no report"
        return
    if report["exit_code"] != 0 or not report["complete"]:
        yield f"schemathesis ended with {report['exit_code']}, {report['stop_reason']}"
    yield from (f"{found['title']}: {found['count']}" for found in report["failures"])
    yield from (f"error: {found['title']}" for found in report["errors"])
    for kind, operations in report["warnings"].items():
        if operations:
            yield f"warning {kind}: {', '.join(map(str, operations))}"
    if not report["phases"]:
        yield "no phase was run"
    for phase, result in (report["phases"] or {}).items():
        may_be = {_PASSED, *({_SKIPPED} if phase in one.phases_that_may_be_skipped else ())}
        if result["status"] not in may_be:
            yield f"phase {phase}: {result['status']}"
    yield from _untested(report)


def _untested(report: Report) -> Iterator[str]:
    """Tell which operations were not tried, or never with success: a refusal comes before all that
    is worth trying.
    """
    numbers = report["operations"]
    if numbers is None or not 0 < numbers["selected"] == numbers["tested"]:
        yield f"operations that were not tested: {numbers}"
    elif len(report["valid_rates"]) < numbers["tested"]:
        without = numbers["tested"] - len(report["valid_rates"])
        yield f"operations that no right request was sent to: {without} of {numbers['tested']}"
    for operation, phases in report["valid_rates"].items():
        if not any(rate["accepted"] for rate in phases.values()):
            yield f"{operation} never went well"
