"""`python -m infra.safety.secrets_scan`: fails where a tracked file, or with `--history` any commit
so far, has what looks like a secret and is not among the allowed findings, each of which has a
reason. Secrets are never printed.

Ends with 0 when there is nothing new, 1 when there is, 2 when it could not be looked for.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.safety.secret_patterns import exact, suspicious

ALLOWED_FILE: Final = Path("infra/safety/allowed_secrets.json")

_CLEAN, _FOUND, _NOT_DONE = 0, 1, 2
# Where allowed findings of the history are in the file; no file is called so.
_HISTORY: Final = "(history)"
# Before the hash of each commit in what git prints; no line of a patch begins with it.
_COMMIT: Final = "\0"
_HUNK: Final = re.compile(r"@@ -\S+ \+(?P<first>\d+)(,(?P<count>\d+))? @@")
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
If not: `.venv/bin/python -m infra.safety.secrets_scan{history} --allow 'why it is no secret'`.
"""

Key = tuple[str, str, str]


class ScanError(Exception):
    """Nothing could be looked at; the text says why."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What looks like a secret: where it is, and a fingerprint in its place."""

    path: str
    kind: str
    fingerprint: str
    line: int
    commit: str = ""
    """Which one added it; empty for what is in a file now."""

    @property
    def key(self) -> Key:
        """What it is known by: lines move, and a commit may be made anew."""
        return _HISTORY if self.commit else self.path, self.kind, self.fingerprint

    def __str__(self) -> str:
        where = f"commit {self.commit}, " if self.commit else ""
        return f"{where}{self.path}:{self.line}: {self.kind} (fingerprint {self.fingerprint})"


def main(arguments: Sequence[str] | None = None, root: Path = Path()) -> int:
    """Scan the repository at `root`; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        look = _look_at_history if options.history else _look_at_files
        return look(root, options.allow)
    except ScanError as error:
        print(error, file=sys.stderr)
        return _NOT_DONE


def _look_at_files(root: Path, reason: str | None) -> int:
    allowed = read_allowed(root / ALLOWED_FILE)
    found = scan_files(root)
    if reason:
        of_history = {key: why for key, why in allowed.items() if key[0] == _HISTORY}
        kept = {each.key: allowed.get(each.key, reason) for each in found}
        allowed = write_allowed(root / ALLOWED_FILE, kept | of_history)
    for path, kind, _ in sorted(set(allowed) - {each.key for each in found}):
        if path != _HISTORY:
            print(f"{path}: an allowed {kind} is no longer there; --allow forgets it")
    return _report([each for each in found if each.key not in allowed], "in tracked files")


def _look_at_history(root: Path, reason: str | None) -> int:
    """Tell of what the history has and no permission is for, one of a file's being one for what
    the file ever had.
    """
    allowed = read_allowed(root / ALLOWED_FILE)
    known = {key[1:] for key in allowed}
    new = [each for each in scan_history(root) if each.key[1:] not in known]
    if reason:
        write_allowed(root / ALLOWED_FILE, allowed | {each.key: reason for each in new})
        new = []
    return _report(new, "in the history", " --history")


def scan_files(root: Path) -> list[Finding]:
    """Look at every tracked file. Raises `ScanError`."""
    return sorted({found for path in tracked_files(root) for found in _scan_file(root, path)})


def scan_history(root: Path) -> list[Finding]:
    """Look at every line that this branch ever added, for what has a secret's shape; each is told
    of where it was added first. Raises `ScanError`.
    """
    added = _added_lines(root)
    places, found = list(added.values()), []
    for kind, secret, number in exact("\n".join(added)):
        commit, path, line = places[number - 1]
        found.append(Finding(path, kind, fingerprint(secret), line, commit))
    return sorted(found)


def _added_lines(root: Path) -> dict[str, tuple[str, str, int]]:
    """Return each line that was ever added, once, with its first commit, path and number."""
    options = ("--reverse", "-p", "-U0", "--no-color", "--no-ext-diff", "--no-renames")
    history = _git(
        root, "-c", "core.quotePath=false", "log", *options, "--abbrev=12", "--format=%x00%h"
    )
    commit, path, number, left = "", "", 0, 0
    added: dict[str, tuple[str, str, int]] = {}
    for line in history.split("\n"):
        if left and line.startswith("+"):
            added.setdefault(line[1:], (commit, path, number))
            number, left = number + 1, left - 1
        elif line.startswith(_COMMIT):
            commit = line[1:]
        elif line.startswith("+++ "):
            path = line.removeprefix("+++ ").removeprefix("b/")
        elif hunk := _HUNK.match(line):
            number, left = int(hunk["first"]), int(hunk["count"] or 1)
    return added


def tracked_files(root: Path) -> list[str]:
    """Return the paths of the files that are committed or about to be. Raises `ScanError`."""
    if not (root / ".git").exists():
        return sorted(_all_files(root))
    return [path for path in _git(root, "ls-files", "-z").split("\0") if (root / path).is_file()]


def fingerprint(secret: str) -> str:
    """Return what a secret is known by, from which it cannot be made."""
    return hashlib.sha256(secret.encode()).hexdigest()[:32]


def read_allowed(path: Path) -> dict[Key, str]:
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
    allowed: dict[Key, str],
) -> dict[Key, str]:
    """Allow these findings for their reasons, and no others; returns them as they are read."""
    written: dict[str, list[dict[str, str]]] = {}
    for key in sorted(allowed):
        file, kind, mark = key
        one = {"kind": kind, "fingerprint": mark, "reason": allowed[key]}
        written.setdefault(file, []).append(one)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n")
    return read_allowed(path)


def _report(new: Sequence[Finding], where: str, history: str = "") -> int:
    if not new:
        print(f"no secrets {where}")
        return _CLEAN
    print(*new, _WHAT_TO_DO.format(history=history), sep="\n", file=sys.stderr)
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
    parser.add_argument("--allow", metavar="REASON", help="allow what is found, for this reason")
    parser.add_argument("--history", action="store_true", help="look at all that was ever added")
    return parser


if __name__ == "__main__":
    sys.exit(main())
