"""Sending a file's events to the API, and what became of each line.

Nothing has to be kept to go on after an interruption: lines that were taken in are found unchanged,
many at a time, so the same command is simply given again.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.transfer.api import Api
from infra.transfer.progress import Progress, show_progress
from infra.transfer.source import LineError, Part, Source, read_source

_PATH = "/api/admin/events/import"
_OUTCOMES = ("created", "updated", "unchanged", "failed")


@dataclass(slots=True)
class Summary:
    """What became of the lines so far. `untold` errors were too many for the API's answers."""

    counts: Counter[str] = field(default_factory=Counter)
    errors: list[LineError] = field(default_factory=list)
    untold: int = 0

    def report(self, path: Path) -> str:
        """Write the errors in order of their lines, and how many lines came to what."""
        lines = [f"{path}:{error}" for error in sorted(self.errors, key=lambda item: item.line)]
        if self.untold:
            lines.append(f"{path}: and {self.untold} more errors")
        counts = ", ".join(f"{self.counts[name]} {name}" for name in _OUTCOMES)
        return "\n".join([*lines, counts])

    @property
    def has_failures(self) -> bool:
        """Whether a line is wrong."""
        return self.counts["failed"] > 0


class Import:
    """One file on its way. `summary` can be read at any time, also after it ended early."""

    def __init__(self, api: Api, path: Path, *, dry_run: bool) -> None:
        """Read the file; raises `BadFile`."""
        self._api = api
        self._source: Source = read_source(path)
        self._dry_run = "true" if dry_run else "false"
        refused = {error.line for error in self._source.errors}
        self.summary = Summary(Counter(failed=len(refused)), list(self._source.errors))

    def run(self) -> None:
        """Send everything; raises `Refused` or `Unreachable`."""
        with show_progress(self._source.total, "lines") as progress:
            for part in self._source.parts():
                self._send(part, progress)

    def _send(self, part: Part, progress: Progress) -> None:
        body, numbers = part.body(), part.numbers()
        from_line: int | None = 1
        while from_line is not None:
            query: dict[str, str | int] = {"dryRun": self._dry_run, "fromLine": from_line}
            answer = self._api.post(_PATH, query, body, self._source.media_type, progress.note)
            self._add(answer, numbers)
            progress.advance(sum(answer[name] for name in _OUTCOMES))
            from_line = answer["nextLine"]

    def _add(self, answer: dict[str, Any], numbers: dict[int, int]) -> None:
        self.summary.counts.update({name: answer[name] for name in _OUTCOMES})
        told = [
            LineError(numbers[item["line"]], item["slug"], item["field"], item["message"])
            for item in answer["errors"]
        ]
        self.summary.errors += told
        self.summary.untold += answer["errorCount"] - len(told)
