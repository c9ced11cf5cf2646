"""The backup's file: what is read is what was written, and nothing else is taken for one."""

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.backup.errors import BadFile
from infra.backup.file_format import Header, RawItem, Reader, TableShape, Writer, digest

HEADER = Header(
    "dev",
    "2027-03-01T12:00:00.000Z",
    {
        "EventsTable": TableShape((("slug", "S"),), None),
        "IndexTable": TableShape((("term", "S"), ("entry", "S")), None),
        "OrdersTable": TableShape((("id", "S"),), "expiresAt"),
    },
)
ITEMS: list[tuple[str, RawItem]] = [
    ("EventsTable", {"slug": {"S": "zürich"}, "held": {"N": "3"}}),
    ("IndexTable", {"term": {"S": "#notes"}, "entry": {"S": "1\t2"}}),
    ("OrdersTable", {"id": {"S": "01J"}, "expiresAt": {"N": "1"}}),
]


def write(path: Path, items: list[tuple[str, RawItem]], header: Header = HEADER) -> str:
    with path.open("wb") as file:
        writer = Writer(file, header)
        for table, item in items:
            writer.write(table, item)
        return writer.finish()


def read(path: Path) -> list[tuple[str, RawItem]]:
    return list(Reader(path).items())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "a.jsonl.gz"
    write(found, ITEMS)
    return found


def lines_of(path: Path) -> list[bytes]:
    return gzip.decompress(path.read_bytes()).splitlines(keepends=True)


def rewrite(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path.write_bytes(gzip.compress(b"".join(change(lines_of(path)))))


def with_header(path: Path, **changes: Any) -> None:
    def change(lines: list[bytes]) -> list[bytes]:
        return [json.dumps({**json.loads(lines[0]), **changes}).encode() + b"\n", *lines[1:]]

    rewrite(path, change)


VALUES = st.recursive(
    st.one_of(
        st.builds(lambda text: {"S": text}, st.text()),
        st.builds(lambda number: {"N": str(number)}, st.integers()),
        st.builds(lambda data: {"B": data}, st.binary()),
        st.builds(lambda flag: {"BOOL": flag}, st.booleans()),
        st.just({"NULL": True}),
        st.builds(lambda parts: {"SS": sorted(parts)}, st.sets(st.text(), min_size=1)),
        st.builds(lambda parts: {"NS": sorted(map(str, parts))}, st.sets(st.integers())),
    ),
    lambda inner: st.one_of(
        st.builds(lambda parts: {"L": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda parts: {"M": parts}, st.dictionaries(st.text(), inner, max_size=3)),
    ),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.text(min_size=1), VALUES, max_size=4), max_size=4))
def test_items_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, contents: list[RawItem]
) -> None:
    items = [
        ("OrdersTable", {**content, "id": {"S": str(number)}})
        for number, content in enumerate(contents)
    ]
    path = tmp_path_factory.mktemp("backup") / "a.jsonl.gz"
    write(path, items)
    assert read(path) == items


def test_bytes_in_lists_maps_and_sets_come_back_as_bytes(path: Path) -> None:
    item: RawItem = {
        "id": {"S": "1"},
        "b": {"B": b"\0\xff"},
        "bs": {"BS": [b"a", b"b"]},
        "l": {"L": [{"B": b"c"}]},
        "m": {"M": {"x": {"M": {"y": {"B": b"d"}}}}},
    }
    write(path, [("OrdersTable", item)])
    assert read(path) == [("OrdersTable", item)]


def test_equal_items_make_equal_bytes_whatever_their_order(tmp_path: Path) -> None:
    one: RawItem = {"id": {"S": "1"}, "set": {"SS": ["a", "b"]}}
    other: RawItem = {"set": {"SS": ["b", "a"]}, "id": {"S": "1"}}
    assert digest(one) == digest(other)
    for name, item in (("a", one), ("b", other)):
        write(tmp_path / name, [("OrdersTable", item)])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_it_can_be_read_twice(path: Path) -> None:
    backup = Reader(path)
    assert list(backup.items()) == list(backup.items()) == ITEMS
    assert backup.header == HEADER
    assert backup.counts == {"EventsTable": 1, "IndexTable": 1, "OrdersTable": 1}


def test_a_file_that_was_cut_off_anywhere_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(BadFile, match="nothing of it is used"):
            read(path)


def test_a_file_with_an_altered_byte_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for place in range(len(whole)):
        altered = bytearray(whole)
        altered[place] ^= 0x10
        path.write_bytes(altered)
        if place in range(3, 10) or place == len(whole) - 9:
            # A time, hints and the system that wrote it; and the bits after the last one of what
            # was packed. They mean nothing.
            continue
        with pytest.raises(BadFile, match="nothing of it is used"):
            read(path)


def test_text_that_was_altered_and_packed_again_is_refused(path: Path) -> None:
    rewrite(path, lambda lines: [line.replace(b'"N":"3"', b'"N":"4"') for line in lines])
    with pytest.raises(BadFile, match="checksum does not hold"):
        read(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [*lines[:2], lines[1], *lines[2:]],
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
    ],
    ids=["without a line", "with a line twice", "in another order"],
)
def test_lines_that_were_taken_out_or_moved_are_missed(path: Path, change: Any) -> None:
    rewrite(path, change)
    with pytest.raises(BadFile, match="checksum does not hold"):
        read(path)


def test_what_follows_the_last_line_is_refused(path: Path) -> None:
    rewrite(path, lambda lines: [*lines, b"{}\n"])
    with pytest.raises(BadFile, match="after its last line"):
        read(path)


def test_a_file_without_its_last_line_was_cut_off(path: Path) -> None:
    rewrite(path, lambda lines: lines[:-1])
    with pytest.raises(BadFile, match="cut off"):
        read(path)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version_is_named(path: Path, version: object) -> None:
    with_header(path, version=version)
    with pytest.raises(BadFile, match=f"of version {version!r}, and this program reads version 1"):
        Reader(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"tables": None},
        {"tables": {"OrdersTable": {}}},
        {"tables": {"OrdersTable": {"key": [1], "time_to_live": None}}},
        {"tables": []},
    ],
)
def test_a_first_line_that_cannot_be_read_is_refused(path: Path, changes: dict[str, Any]) -> None:
    with_header(path, **changes)
    with pytest.raises(BadFile, match="first line"):
        Reader(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello\n",
        gzip.compress(b""),
        gzip.compress(b"hello\n"),
        gzip.compress(b"[]\n"),
        gzip.compress(b"{}\n"),
        gzip.compress(b'{"format": "tar"}\n'),
        gzip.compress(b"\xff\xfe\n"),
        gzip.compress(b" " * 5_000_000),
    ],
    # What is compressed has the time in it: to each worker the tests would be others.
    ids=["nothing", "text", "empty", "a line", "a list", "an object", "tar", "no UTF-8", "blanks"],
)
def test_what_is_no_backup_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(BadFile, match="nothing of it is used"):
        Reader(path)


@pytest.mark.parametrize(
    "line",
    [
        {"table": "Nowhere", "item": {"id": {"S": "1"}}},
        {"table": 1, "item": {"id": {"S": "1"}}},
        {"table": "OrdersTable", "item": []},
        {"table": "OrdersTable", "item": {}},
        {"table": "OrdersTable", "item": {"id": {"N": "1"}}},
        {"table": "OrdersTable", "item": {"id": "1"}},
        {"table": "IndexTable", "item": {"term": {"S": "1"}}},
    ],
)
def test_an_item_of_no_table_or_without_its_key_is_refused(path: Path, line: Any) -> None:
    rewrite(path, lambda lines: [lines[0], json.dumps(line).encode() + b"\n", *lines[1:]])
    with pytest.raises(BadFile, match="nothing of it is used"):
        read(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"none\.gz: No such file"):
        Reader(tmp_path / "none.gz")


def test_a_file_that_changes_while_it_is_read_is_refused(path: Path) -> None:
    backup = Reader(path)
    list(backup.items())
    write(path, ITEMS[:1])
    with pytest.raises(BadFile, match="changed while it was read"):
        list(backup.items())
    write(path, ITEMS, Header("prod", HEADER.as_of, HEADER.tables))
    with pytest.raises(BadFile, match="changed while it was read"):
        list(backup.items())


def test_a_file_is_written_as_it_comes() -> None:
    file = io.BytesIO()
    writer = Writer(file, HEADER)
    sizes = []
    for number in range(20_000):
        writer.write("OrdersTable", {"id": {"S": f"{number:020d}{hash(str(number))}"}})
        sizes.append(file.tell())
    assert len(set(sizes)) > 10
