"""What becomes of a call that may pass: a function's result, or a mock's answer, as a response.

Who may pass, and how errors look, is decided elsewhere.
"""

import base64
import binascii
import logging
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from infra.local.gateway.definition import LambdaIntegration, MockIntegration
from infra.local.gateway.errors import GatewayError
from infra.local.gateway.functions import (
    EventTooLargeError,
    FunctionError,
    Functions,
    FunctionTimeoutError,
)
from infra.local.gateway.media_types import is_binary
from infra.local.gateway.reply import Reply
from infra.local.gateway.variables import Variables

_logger = logging.getLogger(__name__)

_RESULT_KEYS: Final = frozenset(
    {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
)
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
# API Gateway owns these and renames a function's own: `x-amzn-Remapped-…`. So a challenge set by a
# function never arrives as `WWW-Authenticate`; one set by a gateway response does.
_REMAPPED: Final = frozenset(
    {"connection", "content-length", "date", "server", "www-authenticate", "x-amzn-requestid"}
)
_DROPPED: Final = frozenset({"transfer-encoding"})
_STATUS: Final = re.compile("[2-5][0-9]{2}")


class _ResultError(Exception):
    """The function's result is not of the shape API Gateway takes."""


async def run_lambda(
    integration: LambdaIntegration,
    functions: Functions,
    event: dict[str, Any],
    binary_types: Iterable[str],
    accept: str | None,
) -> Reply:
    """Call the function and read its answer.

    Raises `GatewayError`: INTEGRATION_TIMEOUT, REQUEST_TOO_LARGE (the event is over Lambda's 6 MB
    though the body was within API Gateway's 10), INTEGRATION_FAILURE for everything else.
    """
    try:
        result = await functions.invoke(integration.function, event, integration.timeout)
        reply = _reply(result)
    except FunctionTimeoutError as error:
        raise GatewayError("INTEGRATION_TIMEOUT") from error
    except EventTooLargeError as error:
        raise GatewayError("REQUEST_TOO_LARGE") from error
    except FunctionError as error:
        raise GatewayError("INTEGRATION_FAILURE") from error
    except _ResultError as error:
        _logger.error("malformed Lambda proxy response: %s", error)  # noqa: TRY400 - the text says it all
        raise GatewayError("INTEGRATION_FAILURE") from error
    encoded = isinstance(result, Mapping) and result.get("isBase64Encoded")
    if encoded and is_binary(accept, binary_types):
        return Reply(reply.status, reply.headers, _decoded(reply.body))
    return reply


def run_mock(integration: MockIntegration, variables: Variables) -> Reply:
    """Make a mock integration's answer."""
    mapped = (
        (name, variables.value_of(expression))
        for name, expression in integration.parameters.items()
    )
    headers = [(name, value) for name, value in mapped if value is not None]
    body = variables.render(integration.body).encode()
    return Reply(integration.status, (("Content-Type", "application/json"),), body).with_headers(
        headers
    )


def _reply(result: object) -> Reply:
    """Read a proxy result as a response, its body as text.

    The shape is "Output format of a Lambda function for proxy integration": no key is required,
    and any key beyond the five is an error. Raises `_ResultError`.
    """
    if not isinstance(result, Mapping):
        raise _ResultError(f"a {type(result).__name__}, not an object")
    if unknown := set(result) - _RESULT_KEYS:
        raise _ResultError(f"unknown keys {sorted(unknown)}")
    body = result.get("body")
    if body is not None and not isinstance(body, str):
        raise _ResultError("body is not a string")
    if not isinstance(result.get("isBase64Encoded", False), bool | None):
        raise _ResultError("isBase64Encoded is not a boolean")
    headers = _headers(result.get("headers"), result.get("multiValueHeaders"))
    reply = Reply(_status(result.get("statusCode")), headers, (body or "").encode())
    if reply.header("content-type") is None:
        return reply.with_headers([("Content-Type", "application/json")])
    return reply


def _status(value: object) -> int:
    if value is None:
        return int(HTTPStatus.OK)
    if not isinstance(value, int | str) or not _STATUS.fullmatch(str(value)):
        raise _ResultError(f"statusCode is {value!r}")
    return int(value)


def _headers(single: object, multiple: object) -> tuple[tuple[str, str], ...]:
    """Merge both maps into one list; a value that stands in both comes once."""
    merged: dict[str, tuple[str, list[str]]] = {}
    for name, values in (multiple if isinstance(multiple, Mapping) else {}).items():
        if not isinstance(values, list):
            raise _ResultError(f"multiValueHeaders.{name} is not a list")
        _, kept = merged.setdefault(name.lower(), (name, []))
        kept.extend(_header_value(name, value) for value in values)
    for name, value in (single if isinstance(single, Mapping) else {}).items():
        _, kept = merged.setdefault(name.lower(), (name, []))
        text = _header_value(name, value)
        if text not in kept:
            kept.append(text)
    for given in (single, multiple):
        if given is not None and not isinstance(given, Mapping):
            raise _ResultError("headers are not an object")
    return tuple(
        (f"x-amzn-Remapped-{name}" if lowered in _REMAPPED else name, value)
        for lowered, (name, values) in merged.items()
        if lowered not in _DROPPED
        for value in values
    )


def _header_value(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
        raise _ResultError(f"header {name} is {value!r}")
    if not _HEADER_NAME.fullmatch(name):
        raise _ResultError(f"header name {name!r}")
    return value.strip()


def _decoded(body: bytes) -> bytes:
    """Decode a base64 body; a broken one is API Gateway's API_CONFIGURATION_ERROR."""
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise GatewayError("API_CONFIGURATION_ERROR") from error
