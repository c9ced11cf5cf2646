"""Reading a request's body into a model: pydantic's findings in the contract's words."""

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from chalicelib.errors import FieldProblem, InvalidInput

_M = TypeVar("_M", bound="Body")
_MAX_PROBLEMS = 20
_MAX_NAME_LENGTH = 100


class Body(BaseModel):
    """Base of request bodies: camelCase keys, exact types, unknown keys refused."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        str_strip_whitespace=True,
        strict=True,
        hide_input_in_errors=True,
    )


def read_body(model: type[_M], data: dict[str, Any]) -> _M:
    """Return the body as a model; raises `InvalidInput` with every field that is wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        problems = [_problem(details) for details in found[:_MAX_PROBLEMS]]
        raise InvalidInput(*problems) from None


def _problem(details: ErrorDetails) -> FieldProblem:
    field = ".".join(str(part)[:_MAX_NAME_LENGTH] for part in details["loc"])
    kind = details["type"]
    words = _WORDS.get(kind)
    message = words(details.get("ctx", {})) if words else _as_sentence_part(details["msg"])
    return FieldProblem(field, message, kind)


def _as_sentence_part(message: str) -> str:
    return message[:1].lower() + message[1:]


def _at_least(context: dict[str, Any]) -> str:
    limit = context["ge"]
    return "must not be negative" if limit == 0 else f"must be at least {limit}"


def _min_length(context: dict[str, Any]) -> str:
    limit = context["min_length"]
    return "must not be empty" if limit == 1 else f"must have at least {limit} characters"


_WORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "missing": lambda _: "is required",
    "extra_forbidden": lambda _: "is not a known field",
    "string_type": lambda _: "must be a string",
    "string_too_short": _min_length,
    "string_too_long": lambda ctx: f"must have at most {ctx['max_length']} characters",
    "literal_error": lambda ctx: f"must be {ctx['expected']}".replace("'", ""),
    "int_type": lambda _: "must be a whole number",
    "bool_type": lambda _: "must be true or false",
    "greater_than": lambda ctx: f"must be more than {ctx['gt']}",
    "greater_than_equal": _at_least,
    "less_than_equal": lambda ctx: f"must be at most {ctx['le']}",
}
