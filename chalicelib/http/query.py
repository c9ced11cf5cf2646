"""Query parameters: each a small description that reads its own value, and that tells the OpenAPI
document what it takes.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Generic, NamedTuple, TypeVar

from chalicelib.domain.text import query_words
from chalicelib.errors import InvalidInput
from chalicelib.http.operations import Described, Place
from chalicelib.http.requests import ApiRequest

_T = TypeVar("_T")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_LARGEST_WHOLE_NUMBER = 10**18 - 1
_DECIMAL_NUMBER = re.compile(r"(-?)([0-9]{1,40})(?:\.([0-9]{1,40}))?")
_MAX_WHOLE_DIGITS, _MAX_DECIMALS = 8, 2
_MAX_AMOUNT = "99999999.99"
_LAST_MILLISECOND = time(23, 59, 59, 999000, tzinfo=UTC)
# What DynamoDB can hold and a client can have typed: no NUL, and no sign for what was no character
# (`http.json_text`).
TEXT_PATTERN = r"^[^\u0000\ufffd]*$"
# `str.strip` knows more blanks than a regular expression's `\s`.
NOT_BLANK_PATTERN = r"^[^\u0000\ufffd]*[^\u0000\ufffd\s\u001c-\u001f\u0085][^\u0000\ufffd]*$"
# A letter or a digit, as far as a pattern that every program reads alike can tell: none of ASCII's
# signs.
WORDS_PATTERN = r"^[^\u0000\ufffd]*[^\u0000-/:-@\[-`{-\u00a9\ufffd][^\u0000\ufffd]*$"
CURSOR_PATTERN = "^[A-Za-z0-9_-]+$"


class IntegerParameter(NamedTuple):
    """A whole number in a range; `maximum` None is no limit. `beyond` says what to do instead of
    going over it.
    """

    name: str
    default: int
    minimum: int
    maximum: int | None = None
    description: str = ""
    beyond: str = ""

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
            advice = f"; {self.beyond}" if self.beyond else ""
            raise InvalidInput.of(
                self.name, f"must be at most {self.maximum}{advice}", "less_than_equal"
            )
        return value

    def described(self) -> tuple[Described, ...]:
        """Return the parameter for the document."""
        schema = {
            "type": "integer",
            "minimum": self.minimum,
            "maximum": _LARGEST_WHOLE_NUMBER if self.maximum is None else self.maximum,
            "default": self.default,
        }
        return (_in_query(self.name, self.description, schema),)


class ChoiceParameter(NamedTuple, Generic[_T]):
    """One of a few words; `aliases` are other names of the parameter."""

    name: str
    choices: Mapping[str, _T]
    default: _T
    aliases: tuple[str, ...] = ()
    description: str = ""

    def read(self, request: ApiRequest) -> _T:
        """Return the chosen value; raises `InvalidInput` for another word, also under a name that
        another one goes before.
        """
        chosen = [self._choice(name, request) for name in (self.name, *self.aliases)]
        return next((value for sent, value in chosen if sent), self.default)

    def _choice(self, name: str, request: ApiRequest) -> tuple[bool, _T]:
        """Return whether a word was sent under a name, and its value or the default."""
        text = request.query(name)
        if text is None:
            return False, self.default
        if text not in self.choices:
            words = ", ".join(self.choices)
            raise InvalidInput.of(name, f"must be one of {words}", "enum")
        return True, self.choices[text]

    def described(self) -> tuple[Described, ...]:
        """Return the parameter for the document, and its older names as deprecated."""
        schema = {"type": "string", "enum": list(self.choices)}
        defaults = [word for word, value in self.choices.items() if value == self.default]
        own = {**schema, "default": defaults[0]} if defaults else schema
        older = (
            Described(alias, Place.QUERY, f"Older name of `{self.name}`.", schema, deprecated=True)
            for alias in self.aliases
        )
        return (_in_query(self.name, self.description, own), *older)


class ChoicesParameter(NamedTuple, Generic[_T]):
    """One or several of a few words, separated by commas."""

    name: str
    choices: Mapping[str, _T]
    description: str = ""

    def read(self, request: ApiRequest) -> frozenset[_T]:
        """Return the chosen values, none where the parameter was not sent; raises `InvalidInput`
        for another word.
        """
        text = request.query(self.name)
        words = [] if text is None else text.split(",")
        if any(word not in self.choices for word in words):
            known = ", ".join(self.choices)
            raise InvalidInput.of(
                self.name, f"must be one of {known}, or several with commas between them", "enum"
            )
        return frozenset(self.choices[word] for word in words)

    def described(self) -> tuple[Described, ...]:
        """Return the parameter for the document."""
        word = "|".join(self.choices)
        schema = {"type": "string", "pattern": f"^({word})(,({word}))*$"}
        return (_in_query(self.name, self.description, schema, next(iter(self.choices))),)


class TextParameter(NamedTuple):
    """Text of a limited length. `pattern` is for the document."""

    name: str
    max_length: int
    description: str = ""
    pattern: str = NOT_BLANK_PATTERN

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

    def described(self) -> tuple[Described, ...]:
        """Return the parameter for the document."""
        schema = {
            "type": "string",
            "minLength": 1,
            "maxLength": self.max_length,
            "pattern": self.pattern,
        }
        return (_in_query(self.name, self.description, schema),)


def read_words(request: ApiRequest, search: TextParameter) -> tuple[str, ...]:
    """Return the folded words that a search asks for, none where it was not sent; raises
    `InvalidInput` for one without any.
    """
    text = search.read(request)
    if text is None:
        return ()
    words = query_words(text)
    if not words:
        raise InvalidInput.of(search.name, "must hold a letter or a digit", "no_words")
    return words


class OpenParameter(NamedTuple):
    """Text as it was sent, for whoever reads it to judge. `pattern` is for the document."""

    name: str
    description: str
    pattern: str = TEXT_PATTERN

    def read(self, request: ApiRequest) -> str | None:
        """Return the text, or None."""
        return request.query(self.name)

    def described(self) -> tuple[Described, ...]:
        """Return the parameter for the document."""
        schema = {"type": "string", "pattern": self.pattern}
        return (_in_query(self.name, self.description, schema),)


class MomentParameter(NamedTuple):
    """An ISO 8601 date or date-time. A bare date is the start of that day in UTC or, with
    `end_of_day`, its last millisecond.
    """

    name: str
    end_of_day: bool
    description: str = ""

    def read(self, request: ApiRequest) -> datetime | None:
        """Return the moment in UTC, cut to milliseconds, or None; raises `InvalidInput`."""
        text = request.query(self.name)
        if text is None:
            return None
        try:
            return self._of_day(date.fromisoformat(text))
        except ValueError:
            return self._of_date_time(text)

    def _of_day(self, day: date) -> datetime:
        return datetime.combine(day, _LAST_MILLISECOND if self.end_of_day else time(tzinfo=UTC))

    def _of_date_time(self, text: str) -> datetime:
        try:
            moment = datetime.fromisoformat(text)
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            utc = aware.astimezone(UTC)
        except (ValueError, OverflowError):
            raise InvalidInput.of(
                self.name, "must be an ISO 8601 date or date-time", "datetime_parsing"
            ) from None
        return utc.replace(microsecond=utc.microsecond // 1000 * 1000)

    def described(self) -> tuple[Described, ...]:
        """Return the parameter for the document."""
        formats = [{"type": "string", "format": name} for name in ("date", "date-time")]
        return (_in_query(self.name, self.description, {"anyOf": formats}, "2027-06-15"),)


class AmountParameter(NamedTuple):
    """An amount of money in major units, not negative, with two decimals at most."""

    name: str
    description: str = ""

    def read(self, request: ApiRequest) -> Decimal | None:
        """Return the amount, or None; raises `InvalidInput`. Exponents and NaN are no amounts."""
        text = request.query(self.name)
        if text is None:
            return None
        written = _DECIMAL_NUMBER.fullmatch(text)
        if written is None:
            raise InvalidInput.of(self.name, "must be a number, such as 12.50", "decimal_parsing")
        minus, whole, decimals = written.groups()
        if minus:
            raise InvalidInput.of(self.name, "must not be negative", "greater_than_equal")
        if len(whole) > _MAX_WHOLE_DIGITS:
            raise InvalidInput.of(self.name, f"must be at most {_MAX_AMOUNT}", "less_than_equal")
        if decimals and len(decimals) > _MAX_DECIMALS:
            raise InvalidInput.of(
                self.name, f"must have at most {_MAX_DECIMALS} decimals", "decimal_max_places"
            )
        return Decimal(text)

    def described(self) -> tuple[Described, ...]:
        """Return the parameter for the document: as text, since not every number is an amount."""
        pattern = f"^[0-9]{{1,{_MAX_WHOLE_DIGITS}}}(\\.[0-9]{{1,{_MAX_DECIMALS}}})?$"
        schema = {"type": "string", "format": "decimal", "pattern": pattern}
        return (_in_query(self.name, self.description, schema, "12.50"),)


def _in_query(
    name: str,
    description: str,
    schema: Mapping[str, Any],
    example: Any = None,  # noqa: ANN401 - whatever the schema takes
) -> Described:
    return Described(name, Place.QUERY, description, schema, example=example)


MAX_OFFSET = 10_000

LIMIT = IntegerParameter(
    "limit", default=50, minimum=1, maximum=100, description="How many to show at most."
)
OFFSET = IntegerParameter(
    "offset",
    default=0,
    minimum=0,
    maximum=MAX_OFFSET,
    description="How many to pass over. Each one that is passed over is read, so `cursor` is the "
    "better way through a long list.",
    beyond="use cursor to go further",
)
CURSOR = OpenParameter(
    "cursor",
    "Where the page before ended: its `pagination.nextCursor`, with the same filters and order. "
    "Not together with `offset`.",
    CURSOR_PATTERN,
)
