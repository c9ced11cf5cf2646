"""Fetching the API's events into a file, which is there only once it is whole."""

from pathlib import Path
from typing import BinaryIO

from chalicelib.http.csv_text import read_rows
from infra.transfer.api import Api
from infra.transfer.errors import BadFile
from infra.transfer.formats import CSV, Format, format_of
from infra.transfer.progress import Progress, show_progress

_PATH = "/api/admin/events/export"
_LIST_PATH = "/api/admin/events"
_NEXT_CURSOR = "X-Next-Cursor"


class Export:
    """All events on their way into a file; `done` is how many have come so far."""

    def __init__(self, api: Api, path: Path) -> None:
        """Look at the file's name; raises `BadFile`."""
        self._api = api
        self._path = path
        self._format: Format = format_of(path)
        self.done = 0

    def run(self) -> None:
        """Write the file; raises `BadFile`, `Refused` or `Unreachable`, and leaves it as it was."""
        unfinished = self._path.with_name(f"{self._path.name}.part")
        try:
            with unfinished.open("wb") as file:
                self._fetch(file)
            unfinished.replace(self._path)
        except OSError as error:
            raise BadFile(f"{self._path}: {error.strerror}") from error
        finally:
            unfinished.unlink(missing_ok=True)

    def _fetch(self, file: BinaryIO) -> None:
        with show_progress(self._total(), "events") as progress:
            cursor: str | None = ""
            while cursor is not None:
                cursor = self._fetch_part(file, cursor, progress)

    def _total(self) -> int:
        answer = self._api.get(_LIST_PATH, {"limit": 1}, print)
        count: int = answer.json()["count"]
        return count

    def _fetch_part(self, file: BinaryIO, cursor: str, progress: Progress) -> str | None:
        query = {"format": self._format.name} | ({"cursor": cursor} if cursor else {})
        answer = self._api.get(_PATH, query, progress.note)
        file.write(answer.content)
        count = self._events_in(answer.text, first=not cursor)
        self.done += count
        progress.advance(count)
        after: str | None = answer.headers.get(_NEXT_CURSOR)
        return after

    def _events_in(self, text: str, *, first: bool) -> int:
        if self._format is CSV:
            return sum(1 for _ in read_rows(text)) - first
        return text.count("\n")
