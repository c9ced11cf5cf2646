"""The events a function gets: Lambda proxy format 1.0 and the TOKEN authorizer's.

They are built from a request that has been read; nothing here decides whether it may pass.
"""

import base64
import secrets
from collections.abc import Iterable
from typing import Any, Final

from infra.local.gateway.config import GatewayConfig
from infra.local.gateway.definition import Method
from infra.local.gateway.incoming import IncomingRequest
from infra.local.gateway.media_types import is_binary
from infra.local.gateway.routing import Route

# Hop-by-hop and gateway-owned headers: they reach no integration ("Important notes for REST APIs").
_DROPPED_HEADERS: Final = frozenset(
    {
        "connection",
        "content-length",
        "content-md5",
        "expect",
        "keep-alive",
        "max-forwards",
        "proxy-authenticate",
        "proxy-connection",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "www-authenticate",
    }
)
_IDENTITY_FIELDS: Final = (
    "accessKey",
    "accountId",
    "caller",
    "cognitoAuthenticationProvider",
    "cognitoAuthenticationType",
    "cognitoIdentityId",
    "cognitoIdentityPoolId",
    "principalOrgId",
    "user",
    "userArn",
)


def request_context(request: IncomingRequest, config: GatewayConfig) -> dict[str, Any]:
    """Make the event's `requestContext` as far as it is known before a route is found."""
    identity: dict[str, str | None] = dict.fromkeys(_IDENTITY_FIELDS)
    identity["sourceIp"] = request.source_ip
    identity["userAgent"] = request.header("user-agent")
    host = request.header("host") or "localhost"
    return {
        "accountId": config.account_id,
        "apiId": config.api_id,
        "deploymentId": "local",
        "domainName": host.partition(":")[0],
        "domainPrefix": config.api_id,
        "extendedRequestId": request.extended_request_id,
        "httpMethod": request.method,
        "identity": identity,
        # As behind a domain of one's own: clients see no stage here either.
        "path": request.raw_path,
        "protocol": request.protocol,
        "requestId": request.request_id,
        "requestTime": request.received_at.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "requestTimeEpoch": int(request.received_at.timestamp() * 1000),
        "stage": config.stage,
    }


def proxy_event(
    request: IncomingRequest,
    route: Route,
    context: dict[str, Any],
    body: bytes,
    binary_types: Iterable[str],
) -> dict[str, Any]:
    """Make a Lambda proxy event ("Input format of a Lambda function for proxy integration").

    `path` and `pathParameters` stay percent-encoded; query parameters are decoded. A body of a
    binary media type comes as base64, any other as text, in which bytes that are not UTF-8 are
    replaced. Single-value maps hold the last of several values.
    """
    headers = forwarded_headers(request)
    query = request.query()
    binary = is_binary(request.header("content-type"), binary_types)
    text = base64.b64encode(body).decode("ascii") if binary else body.decode("utf-8", "replace")
    return {
        "resource": route.resource,
        "path": request.raw_path,
        "httpMethod": request.method,
        "headers": _last_values(headers),
        "multiValueHeaders": _all_values(headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _all_values(query) or None,
        "pathParameters": route.path_parameters or None,
        "stageVariables": None,
        "requestContext": context,
        "body": text or None,
        "isBase64Encoded": bool(body) and binary,
    }


def token_event(token: str, method_arn: str) -> dict[str, Any]:
    """Make what a TOKEN authorizer gets ("Input to an API Gateway Lambda authorizer")."""
    return {"type": "TOKEN", "methodArn": method_arn, "authorizationToken": token}


def method_arn(request: IncomingRequest, config: GatewayConfig) -> str:
    """Make the call's ARN, with the path as it was requested, not the resource's pattern."""
    return (
        f"arn:aws:execute-api:{config.region}:{config.account_id}:{config.api_id}"
        f"/{config.stage}/{request.method}{request.raw_path}"
    )


def resource_context(method: Method, route: Route) -> dict[str, str]:
    """Make what a route adds to the `requestContext`."""
    return {"resourcePath": route.resource, "resourceId": f"{method.verb} {route.resource}"}


def forwarded_headers(request: IncomingRequest) -> list[tuple[str, str]]:
    """Drop the headers no integration gets, and add those that a front end of AWS adds.

    Names that differ in letter case only are one header, spelled as the first of them.
    """
    spelling: dict[str, str] = {}
    forwarded = []
    for name, value in request.headers:
        if name.lower() in _DROPPED_HEADERS or name.lower() == "x-forwarded-for":
            continue
        forwarded.append((spelling.setdefault(name.lower(), name), value))
    hops = [*request.header_values("x-forwarded-for"), request.source_ip]
    added = {
        "X-Forwarded-For": ", ".join(hops),
        "X-Forwarded-Port": str(request.server_port),
        "X-Forwarded-Proto": request.scheme,
    }
    if request.header("x-amzn-trace-id") is None:
        seconds = int(request.received_at.timestamp())
        added["X-Amzn-Trace-Id"] = f"Root=1-{seconds:08x}-{secrets.token_hex(12)}"
    kept = [pair for pair in forwarded if pair[0].lower() not in map(str.lower, added)]
    return [*kept, *added.items()]


def _last_values(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    return dict(pairs)


def _all_values(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values
