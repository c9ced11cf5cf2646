"""What API Gateway answers by itself looks like what the app answers."""

import json
from typing import Any

import pytest

from chalicelib.http import problems
from chalicelib.http.headers import ANY_ORIGIN, NO_STORE, SECURITY_HEADERS
from infra.packaging import api_definition
from infra.packaging.gateway_responses import (
    EXTENSION,
    REFUSALS,
    cors_parameters,
    gateway_responses,
)
from tests.infra.conftest import CHOSEN
from tests.infra.filled_in import FilledIn

RESPONSES = gateway_responses(cors_parameters(ANY_ORIGIN))
ALLOW_ORIGIN = "gatewayresponse.header.Access-Control-Allow-Origin"
VARY = "gatewayresponse.header.Vary"
LISTED = ("https://a.example", "https://b.example")
# "Gateway response types for API Gateway", all of them.
TYPES = {
    "ACCESS_DENIED",
    "API_CONFIGURATION_ERROR",
    "AUTHORIZER_CONFIGURATION_ERROR",
    "AUTHORIZER_FAILURE",
    "BAD_REQUEST_BODY",
    "BAD_REQUEST_PARAMETERS",
    "DEFAULT_4XX",
    "DEFAULT_5XX",
    "EXPIRED_TOKEN",
    "INTEGRATION_FAILURE",
    "INTEGRATION_TIMEOUT",
    "INVALID_API_KEY",
    "INVALID_SIGNATURE",
    "MISSING_AUTHENTICATION_TOKEN",
    "QUOTA_EXCEEDED",
    "REQUEST_TOO_LARGE",
    "RESOURCE_NOT_FOUND",
    "THROTTLED",
    "UNAUTHORIZED",
    "UNSUPPORTED_MEDIA_TYPE",
    "WAF_FILTERED",
}


def headers(kind: str) -> dict[str, str]:
    prefix = "gatewayresponse.header."
    parameters = RESPONSES[kind]["responseParameters"]
    assert all(name.startswith(prefix) for name in parameters)
    return {name.removeprefix(prefix): value for name, value in parameters.items()}


def test_no_type_is_left_to_api_gateways_taste() -> None:
    assert set(REFUSALS) == TYPES


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_a_body_has_the_contracts_shape(kind: str) -> None:
    response = RESPONSES[kind]
    body = json.loads(response["responseTemplates"]["application/json"])
    assert list(body) == ["statusCode", "error", "code", "message", "requestId"]
    assert str(body["statusCode"]) == response["statusCode"]
    assert body["requestId"] == "$context.requestId"
    assert body["message"]


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_a_response_has_the_headers_of_every_response(kind: str) -> None:
    found = headers(kind)
    for name, value in {**SECURITY_HEADERS, **NO_STORE}.items():
        assert found[name] == f"'{value}'"
    assert found["X-Request-Id"] == "context.requestId"
    assert found["Access-Control-Allow-Origin"] == "'*'"
    assert "X-Request-Id" in found["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("UNAUTHORIZED", problems.UNAUTHORIZED),
        ("ACCESS_DENIED", problems.FORBIDDEN),
        ("WAF_FILTERED", problems.FORBIDDEN),
        ("INVALID_API_KEY", problems.FORBIDDEN),
        ("MISSING_AUTHENTICATION_TOKEN", problems.NOT_FOUND),
        # A bearer token for a path that does not exist is read as an AWS signature.
        ("DEFAULT_4XX", problems.NOT_FOUND),
        ("INVALID_SIGNATURE", problems.NOT_FOUND),
        ("THROTTLED", problems.RATE_LIMITED),
        ("QUOTA_EXCEEDED", problems.RATE_LIMITED),
        ("REQUEST_TOO_LARGE", problems.PAYLOAD_TOO_LARGE),
        ("BAD_REQUEST_BODY", problems.VALIDATION_ERROR),
        ("BAD_REQUEST_PARAMETERS", problems.VALIDATION_ERROR),
        ("AUTHORIZER_FAILURE", problems.UNAVAILABLE),
        ("AUTHORIZER_CONFIGURATION_ERROR", problems.UNAVAILABLE),
        ("INTEGRATION_TIMEOUT", problems.UNAVAILABLE),
        ("INTEGRATION_FAILURE", problems.UNAVAILABLE),
        ("DEFAULT_5XX", problems.INTERNAL_ERROR),
    ],
)
def test_a_type_has_its_status_and_code(kind: str, problem: problems.Problem) -> None:
    body = json.loads(RESPONSES[kind]["responseTemplates"]["application/json"])
    assert (body["statusCode"], body["code"]) == (problem.status, problem.code)


def test_who_should_come_back_is_told_when() -> None:
    told = {kind for kind in TYPES if "Retry-After" in headers(kind)}
    codes = {problems.RATE_LIMITED.code, problems.UNAVAILABLE.code}
    assert told == {kind for kind in TYPES if REFUSALS[kind].problem.code in codes}


def test_who_should_sign_in_is_told_how() -> None:
    assert {kind for kind in TYPES if "WWW-Authenticate" in headers(kind)} == {"UNAUTHORIZED"}
    assert headers("UNAUTHORIZED")["WWW-Authenticate"] == "'Bearer'"


def test_with_a_list_of_origins_the_requests_own_is_repeated_and_caches_know() -> None:
    found = cors_parameters(LISTED)
    assert found[ALLOW_ORIGIN] == "method.request.header.Origin"
    assert found[VARY] == "'Origin'"


def test_one_origin_is_said_whoever_asks() -> None:
    found = cors_parameters(LISTED[:1])
    assert found[ALLOW_ORIGIN] == "'https://a.example'"
    assert found[VARY] == "'Origin'"


def test_without_any_origin_no_page_may_read() -> None:
    assert cors_parameters(()) == {VARY: "'Origin'"}


@pytest.mark.parametrize(
    "origins", ["*", "https://a.example", "https://a.example,https://b.example"]
)
def test_a_deployment_chooses_what_the_local_gateway_has(
    stack: dict[str, Any], origins: str
) -> None:
    (api,) = FilledIn(stack, {**CHOSEN, "CorsOrigins": origins}).resources(
        "AWS::ApiGateway::RestApi"
    ).values()  # fmt: skip
    listed = tuple(origins.split(","))
    assert api["Body"][EXTENSION] == gateway_responses(cors_parameters(listed))


def test_the_local_gateway_gets_the_responses_for_its_origins() -> None:
    definition = api_definition("local", LISTED)
    assert definition[EXTENSION] == gateway_responses(cors_parameters(LISTED))
    assert api_definition("local")[EXTENSION] == RESPONSES
