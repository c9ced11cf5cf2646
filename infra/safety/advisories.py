"""`python -m infra.safety.advisories LOCK…`: fails where a locked dependency has a known
vulnerability that nobody has looked at, and says loudly what could not be audited.

pip-audit does both by itself, but for one thing: what its advisory service does not know it calls
"could not be audited", and ends as if all were well.

Ends with 0 when nothing is open, 1 when something is, 2 when a lock cannot be read, and 3 when
advisories are required and there were none for some dependency.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

IGNORED_FILE: Final = Path("infra/safety/ignored_advisories.json")

_FINE, _VULNERABLE, _NOT_READ, _NOT_AUDITED = 0, 1, 2, 3
_PATIENCE_SECONDS: Final = 600

_NOBODY_KNOWS: Final = """
*** NOT AUDITED: {count} of {total} locked dependencies, so nobody knows of their vulnerabilities.
*** {why}
*** So it is in a network that does not let the advisory service through. Where it is let through,
*** as in the workflow, `make audit REQUIRE_ADVISORIES=1` fails instead.
"""


class AuditError(Exception):
    """A lock or the list of what is ignored cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """What is known of a dependency: the advisory, its other names, and where it is mended."""

    package: str
    version: str
    advisory: str
    aliases: tuple[str, ...]
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        names = ", ".join((self.advisory, *self.aliases))
        mended = ", ".join(self.fixed_in) or "no version yet"
        return f"{self.package} {self.version}: {names}; mended in {mended}"


@dataclass(frozen=True, slots=True)
class Ignored:
    """An advisory that was looked at: why it does no harm here, and until when that is believed."""

    advisory: str
    package: str
    reason: str
    until: date

    def covers(self, found: Vulnerability) -> bool:
        """Tell whether this is about it, by any of its names."""
        return self.package == found.package and self.advisory in (found.advisory, *found.aliases)


@dataclass(slots=True)
class Report:
    """What became of a lock's dependencies; `unaudited` are those nobody could say anything of."""

    audited: int = 0
    vulnerabilities: list[Vulnerability] = field(default_factory=list)
    unaudited: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ended:
    """How pip-audit ended, and what it wrote."""

    code: int
    out: str
    err: str


Run = Callable[[Sequence[str]], Ended]


def run_pip_audit(arguments: Sequence[str]) -> Ended:
    """Run pip-audit, as installed beside this interpreter."""
    command = [sys.executable, "-m", "pip_audit", *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return Ended(1, "", f"no answer within {_PATIENCE_SECONDS} s")
    return Ended(done.returncode, done.stdout, done.stderr)


def main(
    arguments: Sequence[str] | None = None,
    run: Run = run_pip_audit,
    ignored_file: Path = IGNORED_FILE,
) -> int:
    """Audit every lock; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        ignored = read_ignored(ignored_file)
        reports = {lock: audit(lock, run) for lock in options.locks}
    except AuditError as error:
        print(error, file=sys.stderr)
        return _NOT_READ
    for lock, report in reports.items():
        print(f"{lock}: {report.audited} audited, {len(report.unaudited)} not audited")
    found = {each for report in reports.values() for each in report.vulnerabilities}
    is_open = _tell_vulnerabilities(found, ignored, datetime.now(UTC).date())
    _tell_unaudited(reports.values())
    if is_open:
        return _VULNERABLE
    is_partial = any(report.unaudited for report in reports.values())
    return _NOT_AUDITED if is_partial and options.require_advisories else _FINE


def audit(lock: Path, run: Run) -> Report:
    """Ask for advisories on everything that a lock has. Raises `AuditError`."""
    arguments = ("--requirement", str(lock), "--disable-pip", "--require-hashes")
    quiet = ("--format", "json", "--progress-spinner", "off")
    ended = run([*arguments, *quiet])
    try:
        return read_report(json.loads(ended.out))
    except (ValueError, KeyError, TypeError):
        pass
    # Either the lock is at fault or the service. Without the service only the first can be.
    collected = run([*arguments, *quiet, "--dry-run"])
    if collected.code != 0:
        raise AuditError(f"{lock}: {_last_line(collected.err)}")
    names = _names(lock)
    return Report(unaudited=dict.fromkeys(names, _last_line(ended.err)))


def read_report(written: dict[str, Any]) -> Report:
    """Read pip-audit's JSON. Raises `KeyError` or `TypeError` where it is none."""
    report = Report()
    for item in written["dependencies"]:
        if "skip_reason" in item:
            report.unaudited[item["name"]] = item["skip_reason"]
            continue
        report.audited += 1
        report.vulnerabilities += [
            Vulnerability(
                item["name"],
                item["version"],
                each["id"],
                tuple(each.get("aliases", ())),
                tuple(each["fix_versions"]),
            )
            for each in item["vulns"]
        ]
    return report


def read_ignored(path: Path) -> list[Ignored]:
    """Read what was looked at. Raises `AuditError` where one lacks its reason or its date."""
    ignored = []
    for item in json.loads(path.read_text()):
        try:
            one = Ignored(
                item["advisory"], item["package"], item["reason"], date.fromisoformat(item["until"])
            )
        except (KeyError, ValueError, TypeError) as error:
            raise AuditError(f"{path}: {item}: {error!r}") from error
        if not one.reason.strip():
            raise AuditError(f"{path}: {one.advisory} has no reason")
        ignored.append(one)
    return ignored


def _tell_vulnerabilities(
    found: Iterable[Vulnerability], ignored: Sequence[Ignored], today: date
) -> bool:
    """Say what is known; returns whether any of it is open."""
    is_open = False
    for each in sorted(found, key=str):
        covering = [one for one in ignored if one.covers(each)]
        if not covering:
            print(f"VULNERABLE {each}", file=sys.stderr)
        elif covering[0].until < today:
            was = f"ignored until {covering[0].until}, so look at it again"
            print(f"VULNERABLE {each}; {was}", file=sys.stderr)
        else:
            print(f"ignored until {covering[0].until}: {each}: {covering[0].reason}")
            continue
        is_open = True
    return is_open


def _tell_unaudited(reports: Iterable[Report]) -> None:
    kept = list(reports)
    reasons = dict(item for report in kept for item in report.unaudited.items())
    if not reasons:
        return
    count = sum(len(report.unaudited) for report in kept)
    total = count + sum(report.audited for report in kept)
    # pip-audit ends a reason with the dependency's name.
    why = "; ".join(sorted({text.partition(": ")[0] for text in reasons.values()}))
    print(_NOBODY_KNOWS.format(count=count, total=total, why=why), file=sys.stderr)
    if count < total:
        print(f"*** {', '.join(sorted(reasons))}", file=sys.stderr)


def _names(lock: Path) -> list[str]:
    lines = lock.read_text().splitlines()
    return sorted({line.partition("==")[0] for line in lines if "==" in line and line[0].isalnum()})


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["pip-audit said nothing"])[-1]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.safety.advisories",
        description="Look for known vulnerabilities of locked dependencies.",
    )
    parser.add_argument("locks", type=Path, nargs="+", metavar="LOCK")
    parser.add_argument(
        "--require-advisories",
        action="store_true",
        help="fail where a dependency could not be audited",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
