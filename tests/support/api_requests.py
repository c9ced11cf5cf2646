"""Requests as views get them, made without an app."""

from typing import Any

from chalice.app import Request

from chalicelib.http.requests import ApiRequest
from tests.support.lambda_api import proxy_event


def an_api_request(
    method: str = "GET",
    resource: str = "/things/{name}",
    *,
    path: dict[str, str] | None = None,
    **parts: Any,
) -> ApiRequest:
    """A request of what `proxy_event` takes; `path` are its path parameters."""
    event = proxy_event(method, resource, path_parameters=path, **parts)
    return ApiRequest(Request(event), path or {})
