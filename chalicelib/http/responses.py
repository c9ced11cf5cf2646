"""Responses as views make them; `blueprint` adds what all of them carry."""

import hashlib
import json
from typing import Any

from chalice.app import Response

from chalicelib.http.headers import NO_STORE, PUBLIC_CACHE
from chalicelib.http.requests import ApiRequest

# As Chalice types them: a value may be several.
Headers = dict[str, str | list[str]]

_JSON = {"Content-Type": "application/json"}


def to_json(value: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    """Write compact JSON, UTF-8 as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def json_response(
    value: Any,  # noqa: ANN401 - whatever JSON can hold
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """Make a JSON response that no cache keeps."""
    return json_text_response(to_json(value), status, headers)


def json_text_response(
    text: str, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Make a response of JSON text that no cache keeps."""
    return Response(text, {**_JSON, **NO_STORE, **(headers or {})}, status)


def public_json(request: ApiRequest, text: str) -> Response:
    """Make a response of public JSON text, with a strong ETag; 304 where the client has it.

    Source: RFC 9110, sections 8.8.3 and 13.1.2.
    """
    tag = f'"{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"'
    headers: Headers = {**PUBLIC_CACHE, "ETag": tag}
    if _matches(request.header("If-None-Match"), tag):
        return Response("", headers, 304)
    return Response(text, {**_JSON, **headers}, 200)


def _matches(condition: str | None, tag: str) -> bool:
    if condition is None:
        return False
    candidates = [candidate.strip() for candidate in condition.split(",")]
    return "*" in candidates or any(item.removeprefix("W/") == tag for item in candidates)
