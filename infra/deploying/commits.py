"""Which commit the working copy is at, for whoever has to tell deployments apart later."""

import subprocess
from dataclasses import dataclass

from infra.packaging.stages import ROOT

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit; its name ends with `+` where files differ from it."""

    name: str
    subject: str


def current_commit() -> Commit:
    """Return the working copy's commit; `unknown` where there is no git, or no repository."""
    described = _git("log", "-1", "--format=%h %s")
    if not described:
        return Commit(_UNKNOWN, "")
    name, _, subject = described.partition(" ")
    changed = "+" if _git("status", "--porcelain", "--untracked-files=no") else ""
    return Commit(f"{name}{changed}", subject)


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
