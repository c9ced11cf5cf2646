"""The body that lets somebody in."""

from typing import Annotated

from pydantic import Field

from chalicelib.schemas.reading import Body


class CheckInBody(Body):
    """What a scanner sends: which door it is at, so that a second one can tell."""

    door: Annotated[str, Field(min_length=1, max_length=100)] | None = None
