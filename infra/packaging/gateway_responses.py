"""What API Gateway answers by itself, in the contract's shape: made from the headers and the
problems that the app's own answers are made from.

A gateway response can say one fixed origin or repeat the request's; it cannot choose. So it says
the origin where there is one, and with a list it repeats the request's: every page may read these
errors then. There is nothing in them but a code, a sentence and a request id, and no page may send
credentials along.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib import errors
from chalicelib.http import problems
from chalicelib.http.headers import ANY_ORIGIN, NO_STORE, SECURITY_HEADERS, cors_headers
from chalicelib.http.problems import Problem
from chalicelib.settings import HttpSettings
from infra.packaging.choices import ANY_ORIGIN as _IF_ANY
from infra.packaging.choices import ONE_ORIGIN, chosen
from infra.packaging.documents import Document

EXTENSION = "x-amazon-apigateway-gateway-responses"

_HEADER = "gatewayresponse.header."
_ALLOW_ORIGIN = f"{_HEADER}Access-Control-Allow-Origin"
_NO_VALUE = {"Ref": "AWS::NoValue"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """How one type of gateway response looks."""

    problem: Problem
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


_NOT_FOUND = Refusal(problems.NOT_FOUND, "there is nothing at this path for this method")
_UNAVAILABLE = Refusal(
    problems.UNAVAILABLE,
    "this cannot be answered right now; try again",
    problems.error_headers(errors.Unavailable()),
)
_BROKEN = Refusal(problems.INTERNAL_ERROR, problems.INTERNAL_MESSAGE)

# Every type that API Gateway has ("Gateway response types for API Gateway").
REFUSALS: Mapping[str, Refusal] = {
    # What has no type of its own: API Gateway looks for an AWS signature in the Authorization
    # header of a request for a path that does not exist, and finds a bearer token.
    "DEFAULT_4XX": _NOT_FOUND,
    "EXPIRED_TOKEN": _NOT_FOUND,
    "INVALID_SIGNATURE": _NOT_FOUND,
    "MISSING_AUTHENTICATION_TOKEN": _NOT_FOUND,
    "RESOURCE_NOT_FOUND": _NOT_FOUND,
    "UNAUTHORIZED": Refusal(
        problems.UNAUTHORIZED,
        "sign in to do this",
        problems.error_headers(errors.Unauthenticated()),
    ),
    "ACCESS_DENIED": Refusal(problems.FORBIDDEN, "you may not do this"),
    "INVALID_API_KEY": Refusal(problems.FORBIDDEN, "this needs an API key"),
    "WAF_FILTERED": Refusal(problems.FORBIDDEN, "the request was refused"),
    "BAD_REQUEST_BODY": Refusal(problems.VALIDATION_ERROR, "the body is malformed"),
    "BAD_REQUEST_PARAMETERS": Refusal(problems.VALIDATION_ERROR, "a parameter is malformed"),
    "UNSUPPORTED_MEDIA_TYPE": Refusal(
        problems.VALIDATION_ERROR, "the body's type or encoding is not supported"
    ),
    "REQUEST_TOO_LARGE": Refusal(problems.PAYLOAD_TOO_LARGE, "the request is too large"),
    # Buckets fill up again within a second; quotas are counted by the day.
    "THROTTLED": Refusal(problems.RATE_LIMITED, "too many requests", {"Retry-After": "1"}),
    "QUOTA_EXCEEDED": Refusal(
        problems.RATE_LIMITED, "the API key's quota is used up", {"Retry-After": "3600"}
    ),
    # The authorizer raises where the issuer's keys were never reached. API Gateway's documentation
    # leaves open which of the two types that is.
    "AUTHORIZER_FAILURE": _UNAVAILABLE,
    "AUTHORIZER_CONFIGURATION_ERROR": _UNAVAILABLE,
    # The app answers its own errors. What arrives here had no time, no memory or no free function.
    "INTEGRATION_FAILURE": _UNAVAILABLE,
    "INTEGRATION_TIMEOUT": _UNAVAILABLE,
    "API_CONFIGURATION_ERROR": _BROKEN,
    "DEFAULT_5XX": _BROKEN,
}


def gateway_responses(cors: Mapping[str, Any]) -> Document:
    """Return the extension's value: every type's status, headers and body."""
    return {kind: _response(refusal, cors) for kind, refusal in REFUSALS.items()}


def cors_parameters(origins: tuple[str, ...]) -> dict[str, str]:
    """Return the CORS headers of gateway responses where the origins are known: `*` or a list."""
    settings = HttpSettings(origins)
    parameters = _fixed(cors_headers(settings, origins[0] if origins else None))
    if len(origins) > 1:
        parameters[_ALLOW_ORIGIN] = "method.request.header.Origin"
    return parameters


def deployed_cors_parameters() -> dict[str, Any]:
    """Return the CORS headers where only the deployment knows the origins."""
    to_any = cors_parameters(ANY_ORIGIN)
    to_listed = cors_parameters(("https://a.example", "https://b.example"))
    to_one = {**to_listed, _ALLOW_ORIGIN: {"Fn::Sub": "'${CorsOrigins}'"}}
    return {
        name: chosen(
            _IF_ANY,
            to_any.get(name, _NO_VALUE),
            chosen(ONE_ORIGIN, to_one[name], to_listed[name]),
        )
        for name in to_listed
    }


def _response(refusal: Refusal, cors: Mapping[str, Any]) -> Document:
    body = problems.problem_body(refusal.problem, refusal.message, "$context.requestId")
    return {
        "statusCode": str(refusal.problem.status.value),
        "responseParameters": {
            **_fixed({**SECURITY_HEADERS, **NO_STORE, **refusal.headers}),
            **cors,
            f"{_HEADER}X-Request-Id": "context.requestId",
        },
        "responseTemplates": {"application/json": json.dumps(body)},
    }


def _fixed(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers as mapping expressions: a fixed value stands in single quotes."""
    return {f"{_HEADER}{name}": f"'{value}'" for name, value in headers.items()}
