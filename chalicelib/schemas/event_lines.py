"""Events as the lines of a file: the keys that a line has, the values of a CSV row's cells, and
what a line makes of an event. A line is read as the body of `POST` is.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, Literal

from chalicelib.domain.events import Event
from chalicelib.errors import FieldProblem, InvalidInput
from chalicelib.schemas.events import EventBody, EventChanges
from chalicelib.schemas.fields import EVENT_SLUG_LENGTH
from chalicelib.schemas.reading import read_body
from chalicelib.schemas.texts import slug_from
from chalicelib.services.editing_events import EventDraft
from chalicelib.services.transfer_lines import ImportLine

_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,20}")


class EventLine(EventBody):
    """An event in a file. One that is cancelled already may say so."""

    status: Literal["draft", "published", "cancelled"] = "published"  # type: ignore[assignment]

    def changes(self) -> EventChanges:
        """Return what the keys that are given would change of an event that has this slug."""
        given = self.model_fields_set - {"slug"}
        values = {name: getattr(self, name) for name in given}
        return EventChanges.model_construct(set(given), **values)


# The name of an event's city follows from its slug, so no file needs to say it.
_FIELDS = {
    field.alias or name: field for name, field in EventLine.model_fields.items() if name != "city"
}
COLUMNS = tuple(_FIELDS)
REQUIRED_COLUMNS = frozenset(name for name, field in _FIELDS.items() if field.is_required())


@dataclass(frozen=True, slots=True)
class EventOfLine:
    """`services.transfer_lines.Described`: an event as a line describes it."""

    _line: EventLine

    def draft(self) -> EventDraft:
        """Return the new event; raises `InvalidInput`."""
        return self._line.draft()

    def applied_to(self, event: Event) -> EventDraft:
        """Return what the line makes of an event; raises `InvalidInput`."""
        return self._line.changes().applied_to(event)


def as_line(
    number: int, body: dict[str, Any], problems: tuple[FieldProblem, ...] = ()
) -> ImportLine:
    """Return a line of a file; `problems` are those that were found before its body was."""
    return ImportLine(number, slug_of(body), partial(_read, body, problems))


def _read(body: dict[str, Any], problems: tuple[FieldProblem, ...]) -> EventOfLine:
    if problems:
        raise InvalidInput(*problems)
    return EventOfLine(read_body(EventLine, body))


def slug_of(body: Mapping[str, Any]) -> str | None:
    """Return the slug that a line's event has, also where the line is wrong in other ways; None
    where it cannot be told.
    """
    slug, name = body.get("slug"), body.get("name")
    if isinstance(slug, str):
        return slug.strip() if len(slug.strip()) <= EVENT_SLUG_LENGTH else None
    if slug is not None or not isinstance(name, str):
        return None
    try:
        return slug_from(name.strip(), EVENT_SLUG_LENGTH)
    except InvalidInput:
        return None


def body_of(cells: Mapping[str, str]) -> dict[str, Any]:
    """Return the body that a CSV row stands for: a price and a capacity are numbers.

    What is no number stays text, which the model refuses in its own words.
    """
    body: dict[str, Any] = dict(cells)
    price, capacity = cells.get("price", "").strip(), cells.get("capacity", "").strip()
    if _NUMBER.fullmatch(price):
        body["price"] = Decimal(price)
    if _WHOLE_NUMBER.fullmatch(capacity):
        body["capacity"] = int(capacity)
    return body


def line_of(public: str) -> dict[str, Any]:
    """Return the line's keys and values for an event's public JSON text.

    A text for the image that is only the name is left out, so that it goes on following the name.
    """
    shown = json.loads(public)
    line = {name: shown[name] for name in COLUMNS}
    return line | {"alt": None} if line["alt"] == line["name"] else line


def cells_of(public: str) -> list[str]:
    """Return the cells of the CSV row for an event's public JSON text."""
    return [_cell(value) for value in line_of(public).values()]


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
