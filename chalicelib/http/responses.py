"""Responses as views make them; `blueprint` adds what all of them carry."""

import json
from collections.abc import Mapping
from typing import Any

from chalice.app import Response

from chalicelib.http.entity_tags import content_tag, has_current
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


def tagged_json(
    text: str, tag: str, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Make a response of JSON text that no cache keeps, with the tag that a change of it is made
    from (`If-Match`).
    """
    return json_text_response(text, status, {**(headers or {}), "ETag": tag})


def public_json(request: ApiRequest, text: str, tag: str | None = None) -> Response:
    """Make a response of public JSON text, as `public_text` does."""
    return public_text(request, text, _JSON, tag)


def public_text(
    request: ApiRequest, text: str, headers: Mapping[str, str], tag: str | None = None
) -> Response:
    """Make a response of public text that caches may keep, with a strong ETag; 304 where the client
    has it.

    `headers` describe the text, its `Content-Type` first; `tag` is made of the text where it is not
    given. Source: RFC 9110, sections 8.8.3, 13.1.2 and 15.4.5.
    """
    current = tag or content_tag(text)
    kept: Headers = {**PUBLIC_CACHE, "ETag": current}
    if has_current(request, current):
        return Response("", kept, 304)
    return Response(text, {**headers, **kept}, 200)
