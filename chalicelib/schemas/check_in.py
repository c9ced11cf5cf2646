"""The body that lets somebody in."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from chalicelib.schemas.fields import EVENT_SLUG_LENGTH
from chalicelib.schemas.reading import Body

_ID_OR_SLUG = re.compile("[a-z0-9]+(-[a-z0-9]+)*")
# Any client reads whole numbers up to it exactly (RFC 8259, section 6).
_LARGEST_ID = 2**53 - 1


def _event(value: object) -> str:
    """Take an id, as a number or as digits, or a slug."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LARGEST_ID:
        return str(value)
    text = value.strip() if isinstance(value, str) else ""
    if len(text) > EVENT_SLUG_LENGTH or _ID_OR_SLUG.fullmatch(text) is None:
        raise PydanticCustomError("event_name", "must be an event's id or slug")
    return text


_Event = Annotated[
    str,
    BeforeValidator(_event),
    WithJsonSchema(
        {
            "description": "The id or slug of the event at this door; tickets of others are a 409.",
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": _LARGEST_ID},
                {
                    "type": "string",
                    "maxLength": EVENT_SLUG_LENGTH,
                    "pattern": f"^{_ID_OR_SLUG.pattern}$",
                },
            ],
        }
    ),
]


class CheckInBody(Body):
    """What a scanner sends: which door it is at, so that a second one can tell, and of which event
    that door is. Scanners should always send the event: without it, tickets of all are taken.
    """

    door: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    event: _Event | None = None
