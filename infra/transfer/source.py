"""A file of events, cut into the lines that are sent, each with the number it has in the file.

What can be told without the API is told here: lines that cannot be read, and those whose slug an
earlier line has, which may be in another request.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chalicelib.errors import FieldProblem, InvalidInput
from chalicelib.http.csv_text import CsvRow, read_table
from chalicelib.http.json_lines import read_json_lines
from chalicelib.schemas.event_lines import COLUMNS, REQUIRED_COLUMNS, body_of, slug_of
from infra.transfer.errors import BadFile
from infra.transfer.formats import CSV, format_of

# What the API takes for the body of one event.
_LONGEST_LINE = 100_000
# A request of so many lines is answered within seconds, far from the API's limits.
_LINES = 200
_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class LineError:
    """What is wrong with a line of the file, or with one field of it."""

    line: int
    slug: str | None
    field: str
    message: str

    def __str__(self) -> str:
        field = f"{self.field}: " if self.field else ""
        slug = f" ({self.slug})" if self.slug else ""
        return f"{self.line}: {field}{self.message}{slug}"


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line to be sent, as it stands in the file. A CSV row may be `height` lines of text."""

    number: int
    height: int
    slug: str | None
    text: str
    problems: tuple[FieldProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A whole file. `header` is sent with each part of it."""

    media_type: str
    header: str
    lines: list[SourceLine]
    errors: list[LineError]

    @property
    def total(self) -> int:
        """How many lines there are to send."""
        return len(self.lines)

    def parts(self) -> "Iterator[Part]":
        """Yield what is sent together."""
        together: list[SourceLine] = []
        size = 0
        for line in self.lines:
            size += len(line.text.encode())
            if len(together) == _LINES or size > _BYTES:
                yield Part(self.header, together)
                together, size = [], len(line.text.encode())
            together.append(line)
        if together:
            yield Part(self.header, together)


@dataclass(frozen=True, slots=True)
class Part:
    """Some lines of a file, as one request sends them."""

    header: str
    lines: list[SourceLine]

    def body(self) -> bytes:
        """Return what is sent."""
        return (self.header + "".join(line.text for line in self.lines)).encode()

    def numbers(self) -> dict[int, int]:
        """Return the file's number of each line by the number that it has in the request."""
        found: dict[int, int] = {}
        sent = 1 + len(_text_lines(self.header))
        for line in self.lines:
            found[sent] = line.number
            sent += line.height
        return found


def read_source(path: Path) -> Source:
    """Read a file; raises `BadFile`."""
    form = format_of(path)
    text = _read_text(path)
    if form is not CSV:
        return _source(form.media_type, "", _json_lines(text))
    try:
        header, lines = _csv_lines(text)
    except InvalidInput as error:
        problems = "\n".join(f"  {item.field} {item.message}".rstrip() for item in error.problems)
        raise BadFile(f"{path}: the first row is not in order\n{problems}") from None
    return _source(form.media_type, header, lines)


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadFile(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise BadFile(f"{path}:{line}: the file must be UTF-8") from error


def _csv_lines(text: str) -> tuple[str, Iterator[SourceLine]]:
    """Return the header and the lines; raises `InvalidInput` for a header that is not in order."""
    table, physical = read_table(text, COLUMNS, REQUIRED_COLUMNS), _text_lines(text)
    lines = (
        SourceLine(
            item.row.line,
            item.row.last_line - item.row.line + 1,
            slug_of(body_of(item.cells)),
            _as_it_stands(item.row, physical),
            item.problems,
        )
        for item in table.records
    )
    return _as_it_stands(table.header, physical), lines


def _as_it_stands(row: CsvRow, physical: list[str]) -> str:
    text = "".join(physical[row.line - 1 : row.last_line])
    return text if text.endswith(("\n", "\r")) else f"{text}\r\n"


def _json_lines(text: str) -> Iterator[SourceLine]:
    texts = text.split("\n")
    for line in read_json_lines(text):
        sent = f"{texts[line.number - 1]}\n"
        yield SourceLine(line.number, 1, slug_of(line.body), sent, line.problems)


def _source(media_type: str, header: str, lines: Iterator[SourceLine]) -> Source:
    """Keep the lines that may be sent."""
    kept: list[SourceLine] = []
    errors: list[LineError] = []
    firsts: dict[str, int] = {}
    for line in lines:
        problems = line.problems or _problems(line, firsts)
        errors += [LineError(line.number, line.slug, item.field, item.message) for item in problems]
        if not problems:
            kept.append(line)
        if line.slug is not None:
            firsts.setdefault(line.slug, line.number)
    return Source(media_type, header, kept, errors)


def _problems(line: SourceLine, firsts: dict[str, int]) -> tuple[FieldProblem, ...]:
    if len(line.text.encode()) > _LONGEST_LINE:
        return (FieldProblem("", f"must not be larger than {_LONGEST_LINE} bytes", "too_large"),)
    if line.slug is not None and line.slug in firsts:
        wrong = f"is that of line {firsts[line.slug]} already"
        return (FieldProblem("slug", wrong, "duplicate_slug"),)
    return ()


def _text_lines(text: str) -> list[str]:
    """Return the lines as CSV counts them: a line feed, a carriage return or both end one."""
    return list(io.StringIO(text, newline=""))
