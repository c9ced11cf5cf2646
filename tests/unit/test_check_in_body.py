"""The body that lets somebody in."""

from decimal import Decimal
from typing import Any

import pytest

from chalicelib.errors import InvalidInput
from chalicelib.schemas.check_in import CheckInBody
from chalicelib.schemas.reading import read_body


@pytest.mark.parametrize(
    ("body", "door"),
    [
        ({}, None),
        ({"door": None}, None),
        ({"door": "North"}, "North"),
        ({"door": " Gate 4 "}, "Gate 4"),
        ({"door": "x" * 100}, "x" * 100),
    ],
)
def test_a_door_may_be_named(body: dict[str, Any], door: str | None) -> None:
    assert read_body(CheckInBody, body).door == door


@pytest.mark.parametrize(
    ("body", "event"),
    [
        ({}, None),
        ({"event": None}, None),
        ({"event": "tech-conference"}, "tech-conference"),
        ({"event": " tech-2027 "}, "tech-2027"),
        ({"event": "7"}, "7"),
        ({"event": 7}, "7"),
        ({"event": "x" * 100}, "x" * 100),
        ({"event": 2**53 - 1}, "9007199254740991"),
    ],
)
def test_the_doors_event_may_be_named(body: dict[str, Any], event: str | None) -> None:
    assert read_body(CheckInBody, body).event == event


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({"door": ""}, ("door", "must not be empty")),
        ({"door": "  "}, ("door", "must not be empty")),
        ({"door": "x" * 101}, ("door", "must have at most 100 characters")),
        ({"door": 4}, ("door", "must be a string")),
        ({"code": "x"}, ("code", "is not a known field")),
        *(
            ({"event": event}, ("event", "must be an event's id or slug"))
            for event in ("", " ", "Tech Conference", "tech--conf", "x" * 101, 0, -1, 2**53, True)
        ),
        ({"event": Decimal("1.0")}, ("event", "must be an event's id or slug")),
        ({"event": ["x"]}, ("event", "must be an event's id or slug")),
    ],
)
def test_what_names_no_door_or_event_is_refused(
    body: dict[str, Any], refused: tuple[str, str]
) -> None:
    with pytest.raises(InvalidInput) as error:
        read_body(CheckInBody, body)
    [problem] = error.value.problems
    assert (problem.field, problem.message) == refused
