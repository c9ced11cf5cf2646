"""The lines of a file of events as the import takes them, and the report of what they came to."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from chalicelib.domain.events import Event
from chalicelib.errors import FieldProblem
from chalicelib.services.editing_events import EventDraft

# Only so many problems are told, so that the answer stays far below what Lambda can send.
MAX_PROBLEMS = 1_000


class Outcome(StrEnum):
    """What a line came to, or would come to."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    FAILED = "failed"


class Described(Protocol):
    """An event as a line describes it."""

    def draft(self) -> EventDraft:
        """Return the new event; raises `InvalidInput`."""
        ...

    def applied_to(self, event: Event) -> EventDraft:
        """Return what the keys that the line has make of an event; raises `InvalidInput`."""
        ...


@dataclass(frozen=True, slots=True)
class ImportLine:
    """A line of a file, numbered from 1.

    `slug` is that of its event as far as it can be told, also where the line is wrong in other
    ways. `read` reads it when its turn comes and raises `InvalidInput`.
    """

    number: int
    slug: str | None
    read: Callable[[], Described]


@dataclass(frozen=True, slots=True)
class LineProblem:
    """What is wrong with one field of a line, or with the line where the field is empty."""

    line: int
    slug: str | None
    problem: FieldProblem


@dataclass(slots=True)
class ImportReport:
    """What became of the lines up to `next_line`, where to go on; None is the end of the file.

    `problems` are the first ones, `problem_count` counts all.
    """

    counts: Counter[Outcome] = field(default_factory=Counter)
    problems: list[LineProblem] = field(default_factory=list)
    problem_count: int = 0
    next_line: int | None = None

    def add(self, line: ImportLine, outcome: Outcome, problems: Sequence[FieldProblem]) -> None:
        """Count a line that is done."""
        self.counts[outcome] += 1
        self.problem_count += len(problems)
        room = MAX_PROBLEMS - len(self.problems)
        self.problems += [LineProblem(line.number, line.slug, item) for item in problems[:room]]
