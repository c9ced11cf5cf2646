"""Query parameters: each a small description that reads its own value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from chalicelib.errors import InvalidInput
from chalicelib.http.requests import ApiRequest

_T = TypeVar("_T")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class IntegerParameter:
    """A whole number in a range; `maximum` None is no limit."""

    name: str
    default: int
    minimum: int
    maximum: int | None = None

    def read(self, request: ApiRequest) -> int:
        """Return the value; raises `InvalidInput` where it is no whole number in the range."""
        text = request.query(self.name)
        if text is None:
            return self.default
        if _WHOLE_NUMBER.fullmatch(text) is None:
            raise InvalidInput.of(self.name, "must be a whole number", "int_parsing")
        value = int(text)
        if value < self.minimum:
            raise InvalidInput.of(
                self.name, f"must be at least {self.minimum}", "greater_than_equal"
            )
        if self.maximum is not None and value > self.maximum:
            raise InvalidInput.of(self.name, f"must be at most {self.maximum}", "less_than_equal")
        return value


@dataclass(frozen=True, slots=True)
class ChoiceParameter(Generic[_T]):
    """One of a few words; `aliases` are other names of the parameter."""

    name: str
    choices: Mapping[str, _T]
    default: _T
    aliases: tuple[str, ...] = ()

    def read(self, request: ApiRequest) -> _T:
        """Return the chosen value; raises `InvalidInput` for another word."""
        for name in (self.name, *self.aliases):
            text = request.query(name)
            if text is None:
                continue
            if text not in self.choices:
                words = ", ".join(self.choices)
                raise InvalidInput.of(name, f"must be one of {words}", "enum")
            return self.choices[text]
        return self.default


@dataclass(frozen=True, slots=True)
class TextParameter:
    """Text of a limited length."""

    name: str
    max_length: int

    def read(self, request: ApiRequest) -> str | None:
        """Return the text, or None; raises `InvalidInput` where it is empty or too long."""
        text = request.query(self.name)
        if text is None:
            return None
        if not text.strip():
            raise InvalidInput.of(self.name, "must not be empty", "string_too_short")
        if len(text) > self.max_length:
            raise InvalidInput.of(
                self.name, f"must have at most {self.max_length} characters", "string_too_long"
            )
        return text


def refuse_unavailable(request: ApiRequest, names: tuple[str, ...]) -> None:
    """Raise `InvalidInput` for a parameter that is not served yet: a filter that is passed over
    would give a wrong answer.
    """
    for name in names:
        if request.query(name) is not None:
            raise InvalidInput.of(name, "is not available yet", "not_available")


LIMIT = IntegerParameter("limit", default=50, minimum=1, maximum=100)
OFFSET = IntegerParameter("offset", default=0, minimum=0)
