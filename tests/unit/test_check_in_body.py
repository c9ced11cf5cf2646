"""The body that lets somebody in."""

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
    ("body", "refused"),
    [
        ({"door": ""}, ("door", "must not be empty")),
        ({"door": "  "}, ("door", "must not be empty")),
        ({"door": "x" * 101}, ("door", "must have at most 100 characters")),
        ({"door": 4}, ("door", "must be a string")),
        ({"code": "x"}, ("code", "is not a known field")),
    ],
)
def test_what_names_no_door_is_refused(body: dict[str, Any], refused: tuple[str, str]) -> None:
    with pytest.raises(InvalidInput) as error:
        read_body(CheckInBody, body)
    [problem] = error.value.problems
    assert (problem.field, problem.message) == refused
