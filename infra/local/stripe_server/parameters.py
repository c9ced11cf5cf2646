"""A request's parameters held against the SDK's own parameter types.

What the values mean together (amounts, times, modes) is checked where they are used.

The SDK's types are written for callers, so three things differ here: transport options such as
`api_key` are not parameters, an enumeration is closed although the SDK also allows any string in
it, and values arrive as text.
"""

import functools
import sys
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from types import NoneType, SimpleNamespace, UnionType
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints

from pydantic_core import (
    CoreSchema,
    ErrorDetails,
    PydanticCustomError,
    SchemaValidator,
    ValidationError,
    core_schema,
)
from stripe import RequestOptions, StripeObject
from typing_extensions import is_typeddict

from .errors import InvalidRequestError

Json = dict[str, Any]

_TRANSPORT_OPTIONS = RequestOptions.__annotations__.keys()
_UNIONS = (Union, UnionType)
# Branches of a union, which show up in pydantic's error locations but not in parameter names.
_OBJECT_BRANCH, _TEXT_BRANCH = "<object>", "<text>"
_LONGEST_INTEGER = 18


def check(params: type, given: Mapping[str, Any]) -> Json:
    """Read the given texts as the SDK type `params`; InvalidRequestError says what is amiss.

    Unknown parameters are reported before missing ones, and those before bad values.
    """
    try:
        checked: Json = _validator(params).validate_python(given)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        raise _invalid(min(problems, key=_severity)) from error
    return checked


@functools.cache
def _validator(params: type) -> SchemaValidator:
    return SchemaValidator(_object_schema(params))


def _object_schema(params: type) -> CoreSchema:
    annotations = params.__annotations__
    if annotations.keys() >= _TRANSPORT_OPTIONS:
        annotations = {k: v for k, v in annotations.items() if k not in _TRANSPORT_OPTIONS}
    hints = get_type_hints(
        SimpleNamespace(__annotations__=annotations),
        vars(sys.modules[params.__module__]),
        include_extras=True,
    )
    return core_schema.typed_dict_schema(
        {name: _field_schema(hint) for name, hint in hints.items()}, extra_behavior="forbid"
    )


def _field_schema(hint: Any) -> core_schema.TypedDictField:  # noqa: ANN401 - a type expression
    if get_origin(hint) is NotRequired:
        (value,) = get_args(hint)
        return core_schema.typed_dict_field(_schema(value), required=False)
    return core_schema.typed_dict_field(_schema(hint), required=True)


def _schema(hint: Any) -> CoreSchema:  # noqa: ANN401 - a type expression
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _SCALARS:
        return core_schema.no_info_plain_validator_function(_SCALARS[hint])
    if is_typeddict(hint):
        return _object_schema(hint)
    if origin in _UNIONS:
        return _union_schema(arguments)
    if origin is Literal:
        return core_schema.literal_schema(list(arguments))
    if origin is list:
        return core_schema.no_info_before_validator_function(
            _numbered, core_schema.list_schema(_schema(arguments[0]))
        )
    if origin is dict:
        # An empty value is meaningful here: it unsets the key.
        value = core_schema.str_schema() if arguments[1] is str else _schema(arguments[1])
        return core_schema.dict_schema(core_schema.str_schema(), value)
    raise TypeError(f"the SDK has a parameter of a type that is new here: {hint}")


def _union_schema(members: tuple[Any, ...]) -> CoreSchema:
    kept = [
        member for member in members if member is not NoneType and not _is_response_type(member)
    ]
    if any(get_origin(member) is Literal for member in kept) and str in kept:
        kept.remove(str)
    if len(kept) == 1:
        return _schema(kept[0])
    objects = [member for member in kept if _takes_object(member)]
    texts = [member for member in kept if not _takes_object(member)]
    text_schema = core_schema.union_schema(
        [_schema(member) for member in texts],
        mode="left_to_right",
        custom_error_type="invalid",
        custom_error_message="is not one of the values this parameter takes",
    )
    if not objects:
        return text_schema
    (only_object,) = objects
    return core_schema.tagged_union_schema(
        {_OBJECT_BRANCH: _schema(only_object), _TEXT_BRANCH: text_schema},
        lambda value: _OBJECT_BRANCH if isinstance(value, dict) else _TEXT_BRANCH,
    )


def _is_response_type(hint: Any) -> bool:  # noqa: ANN401 - a type expression
    """Callers may pass on what they got from the SDK; on the wire that is a plain object."""
    origin = get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, StripeObject)


def _takes_object(hint: Any) -> bool:  # noqa: ANN401 - a type expression
    return is_typeddict(hint) or get_origin(hint) in (list, dict)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("invalid", "must be a string")
    if not value:
        raise PydanticCustomError("parameter_invalid_empty", "must not be empty")
    return value


def _integer(value: object) -> int:
    text = _text(value)
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_INTEGER):
        raise PydanticCustomError(
            "parameter_invalid_integer", "is not an integer: {given}", {"given": text[:40]}
        )
    return int(text)


def _boolean(value: object) -> bool:
    text = _text(value)
    if text not in ("true", "false"):
        raise PydanticCustomError("invalid", "must be true or false")
    return text == "true"


def _decimal(value: object) -> Decimal:
    try:
        number = Decimal(_text(value))
    except InvalidOperation as error:
        raise PydanticCustomError("invalid", "is not a decimal number") from error
    if not number.is_finite():
        raise PydanticCustomError("invalid", "is not a decimal number")
    return number


_SCALARS: dict[Any, Any] = {
    str: _text,
    int: _integer,
    bool: _boolean,
    float: lambda value: float(_decimal(value)),
    Decimal: _decimal,
}


def _numbered(value: object) -> list[Any]:
    if not isinstance(value, dict) or not all(key.isdecimal() for key in value):
        raise PydanticCustomError("invalid", "must be an array")
    return [value[key] for key in sorted(value, key=int)]


_SEVERITIES = ("extra_forbidden", "missing")


def _severity(problem: ErrorDetails) -> int:
    kind = problem["type"]
    return _SEVERITIES.index(kind) if kind in _SEVERITIES else len(_SEVERITIES)


def _invalid(problem: ErrorDetails) -> InvalidRequestError:
    param = _name(problem["loc"])
    match problem["type"]:
        case "extra_forbidden":
            return InvalidRequestError(
                f"Received unknown parameter: {param}", code="parameter_unknown", param=param
            )
        case "missing":
            return missing(param)
        case "literal_error":
            choices = problem["ctx"]["expected"]
            return InvalidRequestError(f"Invalid {param}: must be {choices}", param=param)
        case kind if kind.startswith("parameter_"):
            return InvalidRequestError(f"{param} {problem['msg']}", code=kind, param=param)
        case "invalid":
            return InvalidRequestError(f"{param} {problem['msg']}", param=param)
    return InvalidRequestError(f"{param} has the wrong shape", param=param)


def missing(param: str) -> InvalidRequestError:
    """Make the error for a required parameter that is not there."""
    return InvalidRequestError(
        f"Missing required param: {param}.", code="parameter_missing", param=param
    )


def too_small(param: str, least: int) -> InvalidRequestError:
    """Make the error for an integer under its floor."""
    return InvalidRequestError(
        f"{param} must be greater than or equal to {least}.",
        code="parameter_invalid_integer",
        param=param,
    )


def _name(location: tuple[int | str, ...]) -> str:
    """Write a location as Stripe does: `line_items[0][price_data][currency]`."""
    first, *rest = [part for part in location if part not in (_OBJECT_BRANCH, _TEXT_BRANCH)]
    return str(first) + "".join(f"[{part}]" for part in rest)
