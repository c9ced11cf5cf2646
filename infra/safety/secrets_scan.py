"""`python -m infra.safety.secrets_scan`: fails where a tracked file holds what looks like a secret
and is not among the allowed findings, each of which has a reason. Secrets are never printed.

Ends with 0 when there is nothing new, 1 when there is, 2 when it could not be looked for.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.safety.secret_patterns import exact, suspicious

ALLOWED_FILE: Final = Path("infra/safety/allowed_secrets.json")

_CLEAN, _FOUND, _NOT_DONE = 0, 1, 2
_HISTORY = "(history)"
# Where no repository is, as in an unpacked archive: what nobody would commit.
_NOT_THE_PROJECT: Final = frozenset(
    {".git", ".local", "build", "__pycache__", ".cache", ".hypothesis", ".mypy_cache"}
)
_ENVIRONMENT: Final = ".venv"
# Tests are full of made-up passwords, and say so. What is random, and what has a secret's shape, is
# found in them as well.
_MADE_UP = "tests/"
_LOCK = ".lock"

_WHAT_TO_DO: Final = """
If one is real: take it out, and revoke it at once; whoever has the repository has it.
If not: `python -m infra.safety.secrets_scan --allow 'why it is no secret'`.
"""


class ScanError(Exception):
    """Nothing could be looked at; the text says why."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What looks like a secret: where it is, and a fingerprint in its place."""

    path: str
    kind: str
    fingerprint: str
    line: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is known by: lines move."""
        return self.path, self.kind, self.fingerprint

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.kind} (fingerprint {self.fingerprint})"


def main(arguments: Sequence[str] | None = None, root: Path = Path()) -> int:
    """Scan the repository at `root`; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        allowed = read_allowed(root / ALLOWED_FILE)
        if options.history:
            return _report(scan_history(root), {key[1:] for key in allowed}, "in the history")
        found = scan_files(root)
        if options.allow:
            write_allowed(root / ALLOWED_FILE, found, allowed, options.allow)
            allowed = read_allowed(root / ALLOWED_FILE)
    except ScanError as error:
        print(error, file=sys.stderr)
        return _NOT_DONE
    for path, kind, _ in sorted(set(allowed) - {each.key for each in found}):
        print(f"{path}: an allowed {kind} is no longer there; --allow forgets it")
    return _report([each for each in found if each.key not in allowed], set(), "in tracked files")


def scan_files(root: Path) -> list[Finding]:
    """Look at every tracked file. Raises `ScanError`."""
    return sorted({found for path in tracked_files(root) for found in _scan_file(root, path)})


def scan_history(root: Path) -> list[Finding]:
    """Look at every line that this branch ever added, for what has a secret's shape.

    Raises `ScanError`.
    """
    history = _git(root, "log", "-p", "-U0", "--no-color", "--no-ext-diff", "--format=%n")
    added = {line[1:] for line in history.splitlines() if line.startswith("+")}
    return [
        Finding(_HISTORY, kind, fingerprint(secret), 0)
        for kind, secret, _ in exact("\n".join(sorted(added)))
    ]


def tracked_files(root: Path) -> list[str]:
    """Return the paths of the files that are committed or about to be. Raises `ScanError`."""
    if not (root / ".git").exists():
        return sorted(_all_files(root))
    return [path for path in _git(root, "ls-files", "-z").split("\0") if (root / path).is_file()]


def fingerprint(secret: str) -> str:
    """Return what a secret is known by, from which it cannot be made."""
    return hashlib.sha256(secret.encode()).hexdigest()[:32]


def read_allowed(path: Path) -> dict[tuple[str, str, str], str]:
    """Read the allowed findings with their reasons. Raises `ScanError` where one has none."""
    allowed = {}
    for file, findings in (json.loads(path.read_text()) if path.exists() else {}).items():
        for each in findings:
            if not str(each.get("reason") or "").strip():
                raise ScanError(f"{path}: a finding in {file} has no reason")
            allowed[file, str(each["kind"]), str(each["fingerprint"])] = str(each["reason"])
    return allowed


def write_allowed(
    path: Path,
    found: Iterable[Finding],
    allowed: dict[tuple[str, str, str], str],
    reason: str,
) -> None:
    """Allow what was found, new ones for this reason, and forget what is no longer there."""
    written: dict[str, list[dict[str, str]]] = {}
    for key in sorted({each.key for each in found}):
        file, kind, mark = key
        one = {"kind": kind, "fingerprint": mark, "reason": allowed.get(key, reason)}
        written.setdefault(file, []).append(one)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n")


def _report(found: Sequence[Finding], known: set[tuple[str, str]], where: str) -> int:
    new = [each for each in found if (each.kind, each.fingerprint) not in known]
    if not new:
        print(f"no secrets {where}")
        return _CLEAN
    print(*new, _WHAT_TO_DO, sep="\n", file=sys.stderr)
    return _FOUND


def _scan_file(root: Path, path: str) -> Iterator[Finding]:
    if path == str(ALLOWED_FILE):
        return
    text = (root / path).read_bytes().decode("utf-8", "replace")
    for kind, secret, line in exact(text):
        yield Finding(path, kind, fingerprint(secret), line)
    if path.endswith(_LOCK):
        # Nothing but names and hashes; each hash would be suspicious.
        return
    for kind, secret, line in suspicious(root / path, by_name=not path.startswith(_MADE_UP)):
        yield Finding(path, kind, fingerprint(secret), line)


def _all_files(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if _is_the_project_s(name)]
        for name in names:
            yield (Path(folder) / name).relative_to(root).as_posix()


def _is_the_project_s(folder: str) -> bool:
    return folder not in _NOT_THE_PROJECT and not folder.startswith(_ENVIRONMENT)


def _git(root: Path, *arguments: str) -> str:
    # In CI's containers the checkout may belong to another user, whom git would not trust.
    command = ["git", "-c", "safe.directory=*", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except FileNotFoundError as error:
        raise ScanError("git is missing: it knows which files are tracked") from error
    except subprocess.CalledProcessError as error:
        raise ScanError(f"git failed: {error.stderr.decode('utf-8', 'replace')}") from error
    return done.stdout.decode("utf-8", "replace")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.safety.secrets_scan",
        description="Look for secrets in tracked files.",
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--allow", metavar="REASON", help="allow what is found, for this reason")
    choice.add_argument("--history", action="store_true", help="look at all that was ever added")
    return parser


if __name__ == "__main__":
    sys.exit(main())
