"""Calls the API's Lambda handler with events as API Gateway makes them, in this process."""

import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chalice.app import Chalice
from chalice.local import RouteMatcher


@dataclass(frozen=True)
class Answer:
    """A handler's answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def proxy_event(  # noqa: PLR0913 - what a request is made of
    method: str,
    resource: str,
    *,
    path: str | None = None,
    path_parameters: dict[str, str] | None = None,
    query: dict[str, list[str]] | None = None,
    headers: dict[str, str] | None = None,
    body: str | None = None,
    authorizer: dict[str, str] | None = None,
    is_base64_encoded: bool = False,
) -> dict[str, Any]:
    """An event of API Gateway's Lambda proxy integration (REST, payload version 1.0)."""
    return {
        "resource": resource,
        "path": path or resource,
        "httpMethod": method,
        "headers": headers or {},
        "multiValueHeaders": {name: [value] for name, value in (headers or {}).items()},
        "queryStringParameters": {k: v[-1] for k, v in query.items()} if query else None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": path_parameters or None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": method,
            "path": path or resource,
            "requestId": "req-1",
            "identity": {"sourceIp": "127.0.0.1"},
            **({"authorizer": authorizer} if authorizer else {}),
        },
        "body": body,
        "isBase64Encoded": is_base64_encoded,
    }


def signed_in(user_id: str = "user_1", role: str = "admin", ttl: int = 24 * 3600) -> dict[str, str]:
    """What the authorizer hands to a view about a caller.

    For longer than any run of the suite: some are made when the tests are collected.
    """
    return {
        "principalId": user_id,
        "role": role,
        "sessionId": "sess_1",
        "expiresAt": str(int(time.time()) + ttl),
    }


class LambdaApi:
    """Sends requests to the app's handler, routed by the app's own paths."""

    def __init__(self, app: Chalice) -> None:
        self._app = app
        self._matcher = RouteMatcher([path for path in app.routes if "+" not in path])

    def request(
        self,
        method: str,
        url: str,
        *,
        json_body: Any = None,
        body: str | None = None,
        headers: dict[str, str] | None = None,
        caller: dict[str, str] | None = None,
    ) -> Answer:
        parts = urlsplit(url)
        match = self._matcher.match_route(parts.path)
        event = proxy_event(
            method,
            match.route,
            path=parts.path,
            path_parameters=match.captured,
            query=parse_qs(parts.query, keep_blank_values=True),
            headers=headers,
            body=json.dumps(json_body) if json_body is not None else body,
            authorizer=caller,
        )
        result: dict[str, Any] = self._app(event, None)
        named = {name.lower(): value for name, value in result["headers"].items()}
        return Answer(result["statusCode"], named, result["body"])

    def get(self, url: str, **kwargs: Any) -> Answer:
        return self.request("GET", url, **kwargs)

    def post(self, url: str, json_body: Any = None, **kwargs: Any) -> Answer:
        return self.request("POST", url, json_body=json_body, **kwargs)
