"""checkov over the translated template of each stage: `python -m tests.infra.checkov`.

checkov has a virtual environment of its own. It reads files alone: no network, no account.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.packaging.build import build_template
from infra.packaging.stages import ROOT, stage_names
from tests.infra.conftest import CHOSEN
from tests.infra.sam import translated

PROGRAM = ROOT / ".venv-checkov" / "bin" / "checkov"
CONFIGURATION = ROOT / "infra" / "checkov.yaml"
_SKIP = re.compile(r"^ +- (CKV\w*_\d+)$")


@dataclass(frozen=True, slots=True)
class Findings:
    """How many checks a template passed, and what it failed: a check and a resource each."""

    passed: int
    failed: tuple[str, ...]


def run_checkov(template: Mapping[str, Any], *more: str, configured: bool = True) -> Findings:
    """Check a template; without our configuration, nothing is skipped."""
    if not PROGRAM.exists():
        raise FileNotFoundError(f"{PROGRAM} is not there: run `make setup`")
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "stack.json")
        file.write_text(json.dumps(template))
        options = ("--config-file", str(CONFIGURATION)) if configured else ("--skip-download",)
        done = subprocess.run(
            [
                *(str(PROGRAM), "--file", str(file), *options),
                *("--framework", "cloudformation", "--output", "json", *more),
            ],
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode not in {0, 1}:
        raise AssertionError(f"checkov broke off:\n{done.stderr}")
    return _findings(json.loads(done.stdout))


def skips() -> dict[str, str]:
    """Return what our configuration skips, each with the comment above it."""
    found, said = {}, list[str]()
    for line in CONFIGURATION.read_text().partition("skip-check:\n")[2].splitlines():
        skip = _SKIP.match(line)
        if skip is None:
            said.append(line.strip().removeprefix("#").strip())
        else:
            found[skip[1]], said = " ".join(said), []
    return found


def _findings(report: dict[str, Any]) -> Findings:
    assert not report["summary"]["parsing_errors"], report
    failed = (f"{one['check_id']} {one['resource']}" for one in report["results"]["failed_checks"])
    return Findings(report["summary"]["passed"], tuple(sorted(failed)))


def main() -> int:
    """Check every stage's template, and say what was found."""
    failures = 0
    for stage in stage_names():
        with tempfile.TemporaryDirectory() as directory:
            build_template(stage, "arm64", Path(directory))
            sam = json.loads(Path(directory, "sam.json").read_text())
        found = run_checkov(translated(sam, CHOSEN))
        failures += len(found.failed)
        said = f"{found.passed} passed, {len(found.failed)} failed, {len(skips())} kinds skipped"
        sys.stdout.write("\n  ".join([f"{stage}: {said}", *found.failed]) + "\n")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
