"""Reads what the program logs, as the JSON lines that it writes."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chalicelib import observability


@dataclass(frozen=True)
class LogLines:
    """The lines written so far."""

    stream: io.StringIO

    @property
    def text(self) -> str:
        """All that was written, as it was."""
        return self.stream.getvalue()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (json.loads(line) for line in self.text.split("\n") if line)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The lines of one kind: audit, security, problem or crash."""
        return [line for line in self if line.get("kind") == kind]


@contextmanager
def captured_log() -> Iterator[LogLines]:
    """Catch the structured log in place of standard output."""
    observability._logger()
    handler = logging.getLogger(observability.SERVICE).handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    caught = io.StringIO()
    before = handler.setStream(caught)
    try:
        yield LogLines(caught)
    finally:
        handler.setStream(before or handler.stream)
