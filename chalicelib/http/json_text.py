"""Reading JSON from strangers: exact numbers, no duplicates, no text that cannot be stored."""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from chalicelib.errors import InvalidInput

# U+FFFD is what API Gateway makes of bytes that are not UTF-8.
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff\ufffd]")
_MAX_DIGITS = 40
# Far more than any body of ours has. Python's own limit differs from version to version.
_MAX_DEPTH = 32
# A string matches without its end too, and never gives back what it took: each letter is looked at
# once, whatever is sent.
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def parse_json_object(text: str) -> dict[str, Any]:
    """Parse a JSON object; numbers with a fraction or an exponent become exact Decimals.

    Raises `InvalidInput` for what is no JSON object, for `NaN` and infinities (no JSON, RFC 8259),
    for a key that comes twice, for numbers of absurd length, and for text with a NUL or a lone
    surrogate.
    """
    try:
        _ensure_shallow(text)
        value = json.loads(
            text,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
    except ValueError:
        raise InvalidInput.of("", "the body must be JSON", "json_invalid") from None
    if not isinstance(value, dict):
        raise InvalidInput.of("", "the body must be a JSON object", "json_type")
    return value


def ensure_storable(field: str, text: str) -> None:
    """Raise `InvalidInput` on `field` for text with a NUL or a lone surrogate."""
    if _UNSTORABLE.search(text):
        raise InvalidInput.of(field, "must not hold a NUL or half a character", "string_unicode")


def _ensure_shallow(text: str) -> None:
    """Raise `ValueError` where brackets are nested deeper than any body's."""
    if text.count("[") + text.count("{") <= _MAX_DEPTH:
        return
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        part = found[0]
        depth += (part in "[{") - (part in "]}")
        if depth > _MAX_DEPTH:
            raise ValueError("nested too deeply")


def _decimal(text: str) -> Decimal:
    if len(text) > _MAX_DIGITS:
        raise ValueError("a number is too long")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("a number's exponent is too long") from None


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError("a number is too long")
    return int(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidInput.of(_printable(key), "must be given once", "duplicate_key")
        ensure_storable(_printable(key), key)
        _ensure_all_storable(_printable(key), value)
        found[key] = value
    return found


def _ensure_all_storable(field: str, value: object) -> None:
    """Check strings, and those in lists; objects in objects were checked when they were made."""
    if isinstance(value, str):
        ensure_storable(field, value)
    elif isinstance(value, list):
        for item in value:
            _ensure_all_storable(field, item)


def _printable(key: str) -> str:
    return key[:100].encode("utf-8", "replace").decode()
