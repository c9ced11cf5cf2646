"""What `make` hands on to the commands: every value as it was said, and nothing secret in a line
that other programs see.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra.packaging.alarms import alarms
from tests.infra import drill
from tests.infra.test_alarms import WEB_ACL

ROOT = Path(__file__).resolve().parents[2]
NASTY = 'it\'s; echo "gone" & `id` *.csv { $.kind = $(shell id) $$ }'
STUB = """#!/bin/sh
exec {python} -c 'import json, os, sys
print(json.dumps([sys.argv[1:], os.environ.get("TOKEN"), os.environ.get("API_KEY")]))' "$@"
"""


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    """A directory with a `python` that tells what it was called with."""
    program = tmp_path / "python"
    program.write_text(STUB.format(python=sys.executable))
    program.chmod(0o755)
    return tmp_path


def make(stub: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    ready = f"ready-{sys.version_info[0]}.{sys.version_info[1]}"
    # What benchmarks need besides is not made for this.
    (stub / ready).touch()
    made = ("-o", f".venv/{ready}", "-o", f".venv-ministack/{ready}", f"BENCH={stub}")
    return subprocess.run(
        ["make", "-s", *made, f"PYTHON={sys.executable}", f"BIN={stub}", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("target", "variables", "wanted"),
    [
        ("import", ("FILE", "API"), [NASTY, "--api", NASTY]),
        ("export", ("FILE", "API"), [NASTY, "--api", NASTY]),
        ("backup", ("FILE", "STAGE", "STACK", "RATE", "GRACE"), [NASTY, "--grace", NASTY]),
        ("restore", ("FILE", "STAGE", "CONFIRM"), [NASTY, "--confirm", NASTY]),
        ("reindex", ("STAGE", "STACK"), ["--stage", NASTY, "--stack", NASTY]),
        ("secret", ("NAME", "STAGE", "PARAMETER", "KMS_KEY"), [NASTY, "--kms-key", NASTY]),
        ("token", ("ROLE", "SUB", "TTL"), ["--role", NASTY, "--sub", NASTY, "--ttl", NASTY]),
        ("package", ("STAGE",), ["--stage", NASTY]),
        ("drill", ("ALARM",), [NASTY]),
        ("bench", ("ROUNDS", "REQUESTS", "ONLY"), ["--rounds", NASTY, "--requests", NASTY]),
    ],
)
def test_a_value_reaches_its_command_as_it_was_said(
    stub: Path, target: str, variables: tuple[str, ...], wanted: list[str]
) -> None:
    done = make(stub, target, *(f"{name}={NASTY}" for name in variables))
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith("[[")]
    arguments, _, _ = json.loads(line)
    assert arguments.count(NASTY) == len(variables)
    assert [word for word in wanted if word not in arguments] == []


def test_switches_and_several_tables_are_told_and_no_is_no(stub: Path) -> None:
    done = make(
        stub, "restore", "FILE=a", "TABLES=EventsTable=x's CitiesTable=y", "REPLACE=1", "AS_IS=no"
    )
    arguments, _, _ = json.loads(done.stdout)
    tables = ["--table", "EventsTable=x's", "--table", "CitiesTable=y"]
    assert arguments == [
        *("-m", "infra.backup", "restore", "a", "--stage", "local", *tables, "--replace")
    ]


@pytest.mark.parametrize("target", ["import", "export"])
def test_a_token_of_the_environment_is_in_no_line_that_others_see(stub: Path, target: str) -> None:
    secrets = {"TOKEN": "ey's", "API_KEY": "hunter2"}
    _, token, api_key = json.loads(make(stub, target, "FILE=a.csv", **secrets).stdout)
    assert (token, api_key) == ("ey's", "hunter2")
    shown = make(stub, target, "FILE=a.csv", "-n", **secrets).stdout
    assert f"infra.transfer {target}" in shown
    assert "ey" not in shown.replace("KEY", "")
    assert "hunter2" not in shown


def test_no_value_is_put_between_quotes_that_it_could_end() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert "'$(" not in makefile.replace("quoted = '$(", "")


def test_what_the_suites_leave_out_ci_runs_by_a_target_of_its_own() -> None:
    def commands(*targets: str) -> str:
        done = subprocess.run(
            ["make", "-n", *targets], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return done.stdout

    left_out = re.findall(r"--ignore=(\S+)", commands("test"))
    in_ci = re.findall(r"^make (\S+)$", (ROOT / ".ci/run").read_text(), re.MULTILINE)

    assert left_out == ["tests/concurrency", "tests/proofs"]
    assert "test" in in_ci
    run = commands(*set(in_ci) - {"test"})
    for folder in left_out:
        assert re.search(rf"pytest .*{folder}$", run, re.MULTILINE), folder


def test_an_alarm_that_there_is_not_is_answered_with_those_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert drill.main(["nope"]) == 2
    told = capsys.readouterr().err
    assert "there is no alarm 'nope'" in told
    names = {alarm.name for alarm in alarms("prod", {"WebAcl": WEB_ACL})}
    assert {line.strip() for line in told.splitlines()[1:]} == names


@pytest.mark.parametrize("alarm", ["timer-silent", "disputes"])
def test_each_alarm_can_be_tried_by_itself(alarm: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.infra.drill", alarm],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
