"""The file: gzip over lines of JSON. The first line says what it is and how the tables are keyed,
the last one how many items there are and what all lines before it hash to; between them each line
is an item, as DynamoDB writes it. So a file that was cut off or altered is known for that once it
was read, and nothing is written of a file that was not read to its end.
"""

import base64
import gzip
import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from infra.backup.errors import BadFile

RawItem = dict[str, dict[str, Any]]

FORMAT = "events-api backup"
VERSION = 1
# An item has 400 kB at most; its JSON may have a few times as much.
_LONGEST_LINE = 4_000_000
_COMPRESSION = 6


@dataclass(frozen=True, slots=True)
class TableShape:
    """How a table is keyed: its key attributes with their types, partition key first; and by which
    attribute its items expire, if they do.
    """

    key: tuple[tuple[str, str], ...]
    time_to_live: str | None

    def key_of(self, item: Mapping[str, Any]) -> RawItem:
        """Return an item's key."""
        return {name: item[name] for name, _ in self.key}


@dataclass(frozen=True, slots=True)
class Header:
    """What the file is of. `as_of` is when it was begun (ISO 8601): later orders are not in it."""

    stage: str
    as_of: str
    tables: Mapping[str, TableShape]


class Writer:
    """Writes a backup into an open file, item by item."""

    def __init__(self, file: BinaryIO, header: Header) -> None:
        # No name and no time: the same items make the same bytes.
        self._file = gzip.GzipFile(
            filename="", mode="wb", compresslevel=_COMPRESSION, fileobj=file, mtime=0
        )
        self._hash = hashlib.sha256()
        self.counts: Counter[str] = Counter(dict.fromkeys(header.tables, 0))
        self._line({"format": FORMAT, "version": VERSION, **asdict(header)})

    def write(self, table: str, item: RawItem) -> None:
        """Write an item of a table, by the table's logical id."""
        self.counts[table] += 1
        self._line({"table": table, "item": _plain(item)})

    def finish(self) -> str:
        """Write the last line; returns the checksum. Without it the file is none."""
        checksum = self._hash.hexdigest()
        self._line({"counts": dict(self.counts), "sha256": checksum})
        self._file.close()
        return checksum

    def _line(self, content: Mapping[str, Any]) -> None:
        line = canonical(content) + b"\n"
        self._hash.update(line)
        self._file.write(line)


class Reader:
    """Reads a backup; `items` can be read through any number of times.

    Raises `BadFile`, from `items` at the latest when it comes to the end.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.checksum: str | None = None
        self.counts: Mapping[str, int] = {}
        with self._opened() as lines:
            self.header = self._header(lines.next())

    def items(self) -> Iterator[tuple[str, RawItem]]:
        """Yield each item with its table's logical id; checks the whole when all are read."""
        counts = Counter(dict.fromkeys(self.header.tables, 0))
        with self._opened() as lines:
            if self._header(lines.next()) != self.header:
                raise self._bad("it changed while it was read")
            while True:
                checksum = lines.checksum()
                content = lines.next()
                if "sha256" in content:
                    break
                table, item = self._item(content)
                counts[table] += 1
                yield table, item
            self._check_end(content, counts, checksum)
            if not lines.at_end():
                raise self._bad("there is something after its last line")

    def _check_end(self, content: Mapping[str, Any], counts: Counter[str], checksum: str) -> None:
        if content["sha256"] != checksum or content.get("counts") != dict(counts):
            raise self._bad("its checksum does not hold: it was altered")
        if self.checksum not in {None, checksum}:
            raise self._bad("it changed while it was read")
        self.checksum, self.counts = checksum, dict(counts)

    def _opened(self) -> "_Lines":
        try:
            return _Lines(self._path)
        except OSError as error:
            raise self._bad(error.strerror or "cannot be opened") from error

    def _header(self, content: Mapping[str, Any]) -> Header:
        if content.get("format") != FORMAT:
            raise self._bad("it is not a backup of this program's")
        if content.get("version") != VERSION:
            raise self._bad(
                f"it is of version {content.get('version')!r}, and this program reads version "
                f"{VERSION}: use the program that wrote it"
            )
        try:
            tables = {
                name: TableShape(
                    tuple((attribute, kind) for attribute, kind in shape["key"]),
                    shape["time_to_live"],
                )
                for name, shape in content["tables"].items()
            }
            return Header(str(content["stage"]), str(content["as_of"]), tables)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._bad("its first line is not as it was written") from error

    def _item(self, content: Mapping[str, Any]) -> tuple[str, RawItem]:
        table, item = content.get("table"), content.get("item")
        shape = self.header.tables.get(table) if isinstance(table, str) else None
        if shape is None or not isinstance(table, str) or not isinstance(item, dict):
            raise self._bad("a line is not as it was written")
        for name, kind in shape.key:
            if not isinstance(item.get(name), dict) or list(item[name]) != [kind]:
                raise self._bad(f"an item of {table} has no key {name}")
        return table, _typed(item)

    def _bad(self, why: str) -> BadFile:
        return BadFile(f"{self._path}: {why}; nothing of it is used")


class _Lines:
    """The lines of an open file, and what those that were read hash to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = gzip.open(path, "rb")  # noqa: SIM115 - closed by whoever opened this
        self._hash = hashlib.sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def checksum(self) -> str:
        """Return what the lines so far hash to."""
        return self._hash.hexdigest()

    def next(self) -> dict[str, Any]:
        """Return the next line; a file always has one, until its last was read."""
        line = self._read(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise BadFile(f"{self._path}: it was cut off; nothing of it is used")
        self._hash.update(line)
        try:
            content = json.loads(line)
        except ValueError as error:
            raise self._altered() from error
        if not isinstance(content, dict):
            raise self._altered()
        return content

    def at_end(self) -> bool:
        """Tell whether nothing follows; gzip's own checksum is compared then."""
        return self._read(1) == b""

    def _read(self, size: int) -> bytes:
        try:
            return self._file.readline(size)
        except EOFError as error:
            raise BadFile(f"{self._path}: it was cut off; nothing of it is used") from error
        except (OSError, zlib.error) as error:
            raise self._altered() from error

    def _altered(self) -> BadFile:
        return BadFile(f"{self._path}: it is no gzip file, or was altered; nothing of it is used")


def canonical(content: Mapping[str, Any]) -> bytes:
    """Write JSON in one way only, so that equal contents are equal bytes."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def digest(item: RawItem) -> bytes:
    """Return what an item hashes to."""
    return hashlib.sha256(canonical(_plain(item))).digest()[:16]


def _plain(value: Any) -> Any:  # noqa: ANN401 - any part of an item
    """Return an item as JSON can hold it: bytes in base64, sets in order."""
    if isinstance(value, dict):
        return {
            name: sorted(map(_plain, part)) if name in {"SS", "NS", "BS"} else _plain(part)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def _typed(item: dict[str, Any]) -> RawItem:
    """Return an item as DynamoDB's client takes it."""
    return {name: _typed_value(value) for name, value in item.items()}


def _typed_value(value: Any) -> Any:  # noqa: ANN401 - any attribute's value
    if not isinstance(value, dict) or len(value) != 1:
        return value
    [(kind, content)] = value.items()
    read = _READ_AS.get(kind)
    return {kind: read(content)} if read else value


_READ_AS: Mapping[str, Callable[[Any], Any]] = {
    "B": base64.b64decode,
    "BS": lambda parts: [base64.b64decode(part) for part in parts],
    "L": lambda parts: [_typed_value(part) for part in parts],
    "M": _typed,
}
