"""JSON lines from strangers: one object a line, each read as a body by itself would be."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chalicelib.errors import FieldProblem, InvalidInput
from chalicelib.http.csv_text import BYTE_ORDER_MARK
from chalicelib.http.json_text import parse_json_object


@dataclass(frozen=True, slots=True)
class JsonLine:
    """A line that is not blank, counted from 1: its object, or what is wrong with it."""

    number: int
    body: dict[str, Any]
    problems: tuple[FieldProblem, ...] = ()


def read_json_lines(text: str) -> Iterator[JsonLine]:
    """Yield the lines of a file; only a line feed ends one, with or without a carriage return."""
    for number, line in enumerate(text.removeprefix(BYTE_ORDER_MARK).split("\n"), start=1):
        if line.strip():
            yield _read(number, line)


def _read(number: int, line: str) -> JsonLine:
    try:
        return JsonLine(number, parse_json_object(line))
    except InvalidInput as error:
        return JsonLine(number, {}, error.problems)
