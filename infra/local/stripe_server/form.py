"""Stripe's form encoding (`a[b][0]=c`) to nested dictionaries. Types are `parameters`'s business.

Lists stay dictionaries with numbered keys: whether `metadata[0]` is an element or a key is known
only to the parameter's type.
"""

import re
from typing import Any
from urllib.parse import parse_qsl

from .errors import InvalidRequestError

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_KEY = re.compile(r"\[([^\[\]]*)\]")
_MAX_FIELDS = 5_000


def parse(encoded: bytes) -> dict[str, Any]:
    """Read a query string or form body into nested dictionaries of strings.

    Raises InvalidRequestError for names that are not well formed or contradict each other, and for
    text that is not UTF-8.
    """
    try:
        pairs = parse_qsl(
            encoded.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except (UnicodeDecodeError, ValueError) as error:
        raise InvalidRequestError(
            "The request's parameters are not valid form encoding."
        ) from error
    parameters: dict[str, Any] = {}
    for name, value in pairs:
        _put(parameters, name, value)
    return parameters


def _put(parameters: dict[str, Any], name: str, value: str) -> None:
    match = _NAME.fullmatch(name)
    if match is None:
        raise InvalidRequestError(f"Invalid parameter name: {name}", param=name)
    keys = [match[1], *_KEY.findall(match[2])]
    last = keys[-1]
    node = parameters
    for position, key in enumerate(keys[:-1], start=1):
        node = node.setdefault(key or _open_element(node, keys[position:]), {})
        if not isinstance(node, dict):
            raise InvalidRequestError(f"{name} is both a value and an object.", param=name)
    if isinstance(node.get(last), dict):
        raise InvalidRequestError(f"{name} is both a value and an object.", param=name)
    node[last or str(len(node))] = value


def _open_element(elements: dict[str, Any], keys: list[str]) -> str:
    """Name the element `[][a][b]` belongs to: the last one, unless it has `[a][b]` already."""
    if not elements:
        return "0"
    last = next(reversed(elements))
    found: Any = elements[last]
    for key in keys:
        if not isinstance(found, dict) or key not in found:
            return last
        found = found[key]
    return str(len(elements))
