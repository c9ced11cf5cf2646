"""CSV (RFC 4180) as strangers send it and as spreadsheets open it: rows with the lines that they
stand in on the way in, cells that nothing computes on the way out.
"""

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from chalicelib.errors import FieldProblem, InvalidInput
from chalicelib.http.json_text import ensure_storable

BYTE_ORDER_MARK = "\ufeff"

# What makes a spreadsheet compute a cell, full-width forms too (OWASP, "CSV Injection"). With any
# number of apostrophes before it, so that taking one away is the exact opposite of putting one.
_COMPUTED = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
# What a cell that looks empty may hold. Other white space is text, as it is in JSON.
_BLANKS = " \t\r\n\v\f"
_MAX_NAMED = 20
_MAX_NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A row, with the first and the last line it stands in, counted from 1.

    `cells` are None where it cannot be read; then `problem` says why.
    """

    line: int
    last_line: int
    cells: tuple[str, ...] | None
    problem: FieldProblem | None = None


@dataclass(frozen=True, slots=True)
class CsvRecord:
    """A row below the header: its cells by their column, without those that are blank, or what is
    wrong with it.
    """

    row: CsvRow
    cells: dict[str, str]
    problems: tuple[FieldProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A whole file: the row that names the columns, and the records below it."""

    header: CsvRow
    records: Iterator[CsvRecord]


def read_table(text: str, known: Sequence[str], required: Collection[str]) -> CsvTable:
    """Read a file whose first row names its columns, in any order.

    Raises `InvalidInput` naming the columns that are unknown, doubled or missing. What is wrong
    with a record is told with it.
    """
    rows = read_rows(text.removeprefix(BYTE_ORDER_MARK))
    header = next(rows, None)
    if header is None:
        raise InvalidInput.of("", "the first row must name the columns", "csv_header")
    if header.cells is None:
        assert header.problem is not None
        raise InvalidInput(header.problem)
    columns = [name.strip() for name in header.cells]
    problems = list(_wrong_columns(columns, known, required))
    if problems:
        raise InvalidInput(*problems[:_MAX_NAMED])
    return CsvTable(header, (_record(row, columns) for row in rows))


def read_rows(text: str) -> Iterator[CsvRow]:
    """Yield the rows that are not blank.

    Where a row of several lines cannot be read, nobody knows where it ends, so it is the last.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            ends_there = reader.line_num == line
            yield CsvRow(line, reader.line_num, None, _unreadable(ends_there=ends_there))
            if ends_there:
                continue
            return
        if cells:
            yield CsvRow(line, reader.line_num, tuple(cells))


def _unreadable(*, ends_there: bool) -> FieldProblem:
    wrong = "cannot be read: a quote is missing, not doubled, or a cell is too long"
    rest = "" if ends_there else "; nothing after it was read"
    return FieldProblem("", f"{wrong}{rest}", "csv_row")


# As spreadsheets in some countries write them, and when they are told to.
_OTHER_SEPARATORS = frozenset(";\t")


def _wrong_columns(
    columns: Sequence[str], known: Sequence[str], required: Collection[str]
) -> Iterator[FieldProblem]:
    for place, name in enumerate(columns):
        if name not in known:
            choice = ", ".join(known)
            shown = name[:_MAX_NAME_LENGTH]
            hint = "; separate columns with commas" if _OTHER_SEPARATORS & set(name) else ""
            wrong = f"is not a known column; those are {choice}{hint}"
            yield FieldProblem(shown, wrong, "csv_column")
        elif name in columns[:place]:
            yield FieldProblem(name, "is a column twice", "csv_column_twice")
    for name in known:
        if name in required and name not in columns:
            yield FieldProblem(name, "is a required column", "missing")


def _record(row: CsvRow, columns: Sequence[str]) -> CsvRecord:
    if row.cells is None:
        assert row.problem is not None
        return CsvRecord(row, {}, (row.problem,))
    if len(row.cells) != len(columns):
        wrong = f"has {len(row.cells)} cells, the header row {len(columns)}"
        return CsvRecord(row, {}, (FieldProblem("", wrong, "csv_cells"),))
    given = {name: _as_typed(cell) for name, cell in zip(columns, row.cells, strict=True)}
    cells = {name: cell for name, cell in given.items() if cell.strip(_BLANKS)}
    return CsvRecord(row, cells, tuple(_unstorable(cells)))


def _unstorable(cells: dict[str, str]) -> Iterator[FieldProblem]:
    for name, cell in cells.items():
        try:
            ensure_storable(name, cell)
        except InvalidInput as error:
            yield from error.problems


def write_rows(rows: Iterable[Sequence[str]]) -> str:
    """Write rows of which no spreadsheet computes a cell: such a one begins with an apostrophe."""
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\r\n").writerows(
        [_as_text(cell) for cell in row] for row in rows
    )
    return written.getvalue()


def _as_text(cell: str) -> str:
    return f"'{cell}" if _COMPUTED.match(cell) else cell


def _as_typed(cell: str) -> str:
    """Undo `_as_text`."""
    return cell[1:] if cell.startswith("'") and _COMPUTED.match(cell) else cell
