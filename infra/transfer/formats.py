"""The forms that a file of events may have, told by its name."""

from dataclasses import dataclass
from pathlib import Path

from infra.transfer.errors import BadFile


@dataclass(frozen=True, slots=True)
class Format:
    """A form: its name in a query, and its media type."""

    name: str
    media_type: str


CSV = Format("csv", "text/csv")
JSON_LINES = Format("jsonl", "application/x-ndjson")
_BY_SUFFIX = {".csv": CSV, ".jsonl": JSON_LINES, ".ndjson": JSON_LINES}


def format_of(path: Path) -> Format:
    """Return the form of a file; raises `BadFile`."""
    found = _BY_SUFFIX.get(path.suffix.lower())
    if found is None:
        raise BadFile(f"{path}: the name must end in {', '.join(_BY_SUFFIX)}")
    return found
