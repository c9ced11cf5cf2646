"""CSV: rows and their lines, what is wrong with them, and cells that no spreadsheet computes."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import InvalidInput
from chalicelib.http.csv_text import CsvRecord, CsvRow, read_rows, read_table, write_rows

KNOWN = ("name", "price", "date")
UNREADABLE = "cannot be read: a quote is missing, not doubled, or a cell is too long"
# Without lone surrogates, which no UTF-8 holds, and without what no cell may hold.
cells = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufffd"), max_size=12
) | st.sampled_from(
    ["=1+1", "'=1", "''=1", "'", "''", "+", "-5", "@x", "\t", "\r", "\n", "\uff1d1"]
)


def records(text: str) -> list[CsvRecord]:
    return list(read_table(text, KNOWN, ()).records)


def refused(text: str) -> list[tuple[str, str, str]]:
    with pytest.raises(InvalidInput) as error:
        read_table(text, KNOWN, ("name", "date"))
    return [(item.field, item.message, item.type) for item in error.value.problems]


def problem(text: str) -> tuple[str, str]:
    """The one problem of the one record below a header of two columns."""
    (record,) = records(f"name,price\n{text}")
    (found,) = record.problems
    assert record.cells == {} or found.field in record.cells
    return found.field, found.message


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_row_stands_in_the_lines_that_an_editor_shows(end: str) -> None:
    text = end.join(["a,b", "", '"one', 'two",c', "d,e"])

    assert list(read_rows(text)) == [
        CsvRow(1, 1, ("a", "b")),
        CsvRow(3, 4, (f"one{end}two", "c")),
        CsvRow(5, 5, ("d", "e")),
    ]


def test_records_are_known_by_their_columns_in_whatever_order() -> None:
    (first, second) = records(' date , name\n2099,Jazz\n,"a ""quoted"" one"\n')

    assert first.cells == {"date": "2099", "name": "Jazz"}
    assert second.cells == {"name": 'a "quoted" one'}
    assert (first.row.line, second.row.line) == (2, 3)


@pytest.mark.parametrize("blank", ["", " ", "\t", '""', '" "'])
def test_a_blank_cell_is_a_key_that_is_not_given(blank: str) -> None:
    (record,) = records(f"name,price\nJazz,{blank}\n")

    assert record.cells == {"name": "Jazz"}
    assert record.problems == ()


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_byte_order_mark_is_no_part_of_the_first_column(mark: str) -> None:
    (record,) = records(f"{mark}name\nJazz")

    assert record.cells == {"name": "Jazz"}


@pytest.mark.parametrize(
    ("header", "problems"),
    [
        ("", [("", "the first row must name the columns", "csv_header")]),
        ("\n", [("", "the first row must name the columns", "csv_header")]),
        ('"name', [("", UNREADABLE, "csv_row")]),
        ('"na\nme', [("", f"{UNREADABLE}; nothing after it was read", "csv_row")]),
        (
            "name,date,colour",
            [("colour", "is not a known column; those are name, price, date", "csv_column")],
        ),
        ("name,date,name", [("name", "is a column twice", "csv_column_twice")]),
        ("price", [(name, "is a required column", "missing") for name in ("name", "date")]),
    ],
)
def test_columns_that_are_not_in_order_are_named(
    header: str, problems: list[tuple[str, str, str]]
) -> None:
    assert refused(header) == problems


def test_columns_that_nobody_knows_are_named_up_to_a_sane_number() -> None:
    found = refused(",".join("x" * 200 + str(number) for number in range(400)))

    assert len(found) == 20
    assert all(len(field) <= 100 for field, _, _ in found)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("a", ("", "has 1 cells, the header row 2")),
        ("a,b,c", ("", "has 3 cells, the header row 2")),
        ('"a"b,c', ("", UNREADABLE)),
        ('"a,b', ("", UNREADABLE)),
        ('"a\nb,c', ("", f"{UNREADABLE}; nothing after it was read")),
        (f'"{"x" * 140_000}",b', ("", UNREADABLE)),
        ("a\0,b", ("name", "must not hold a NUL or half a character")),
        ("a,\ufffd", ("price", "must not hold a NUL or half a character")),
    ],
)
def test_what_is_wrong_with_a_row_is_told_with_it(row: str, found: tuple[str, str]) -> None:
    assert problem(row) == found


def test_a_row_that_is_wrong_stops_no_other() -> None:
    found = records('name,price\n"a"b,c\nd,e\n')

    assert [bool(record.problems) for record in found] == [True, False]
    assert found[1].row.line == 3


def test_nothing_is_guessed_of_what_follows_a_quote_without_an_end() -> None:
    found = records('name,price\n"a\n"b,c\nd,e\n')

    assert len(found) == 1
    assert found[0].problems


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1", "@A1", "\tx", "\rx", "\nx", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20A"],
)
def test_no_spreadsheet_computes_a_cell_that_was_written(cell: str) -> None:
    ((written,),) = csv.reader(io.StringIO(write_rows([[cell]]), newline=""))

    assert written == f"'{cell}"


@pytest.mark.parametrize("cell", ["1", "a=b", "'quoted'", "it's", "", "2099-01-01"])
def test_other_cells_are_written_as_they_are(cell: str) -> None:
    (written,) = csv.reader(io.StringIO(write_rows([[cell, "x"]]), newline=""))
    assert written == [cell, "x"]


@given(st.lists(st.tuples(cells, cells), max_size=4))
def test_what_was_written_is_read_as_it_was(rows: list[tuple[str, str]]) -> None:
    text = write_rows([("name", "price"), *rows])

    expected = [
        {
            name: cell
            for name, cell in zip(("name", "price"), row, strict=True)
            if cell.strip(" \t\r\n\v\f")
        }
        for row in rows
    ]
    assert [record.cells for record in records(text)] == expected


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_a_table_or_refused(text: str) -> None:
    try:
        found = records(text)
    except InvalidInput:
        return
    for record in found:
        assert record.row.line <= record.row.last_line
        assert record.problems or set(record.cells) <= set(KNOWN)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_file_with_other_separators_is_told_which_ones_to_use(separator: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_table(separator.join(["name", "price"]) + "\n", ["name", "price"], ["name"])

    assert refused.value.problems[0].message.endswith("; separate columns with commas")
