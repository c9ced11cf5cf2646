"""How a command asks the person before it, and refuses where nobody says yes."""

import sys
from dataclasses import dataclass

from infra.deploying.errors import NotConfirmed


@dataclass(frozen=True, slots=True)
class Console:
    """Where answers come from: `yes` was said beforehand, else whoever is at a terminal."""

    yes: bool = False
    confirmed: str = ""

    def ensure_yes(self, question: str) -> None:
        """Go on only after a yes; raises `NotConfirmed`."""
        if self.yes:
            return
        if _answer(f"{question} [y/N] ", "YES=1 says yes beforehand").lower() not in {"y", "yes"}:
            raise NotConfirmed("not confirmed: nothing was done")

    def ensure_named(self, name: str, question: str) -> None:
        """Go on only where the name was given or is typed, since a yes is given too easily; raises
        `NotConfirmed`.
        """
        given = self.confirmed or _answer(
            f"{question} Type {name} to go on: ", f"CONFIRM={name} says so beforehand"
        )
        if given != name:
            raise NotConfirmed(f"{given or 'nothing'} is not {name}: nothing was done")


def _answer(question: str, otherwise: str) -> str:
    if not sys.stdin.isatty():
        raise NotConfirmed(
            f"not confirmed, and there is no terminal to ask at: nothing was done ({otherwise})"
        )
    try:
        return input(question).strip()
    except EOFError:
        return ""
