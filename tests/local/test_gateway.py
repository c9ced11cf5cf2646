"""The local gateway from outside: routes, events, gateway responses and limits, over real HTTP.

Authorizers, integration results and the server itself have files of their own beside this one.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra.local.gateway import DefinitionError, GatewayConfig, create_gateway
from infra.local.gateway.events import request_context
from infra.local.gateway.incoming import IncomingRequest
from infra.local.gateway.routing import Router
from infra.local.gateway.variables import Variables
from tests.local.gateway_under_test import (
    API_KEY,
    gateway,
    make_chalice_app,
    make_definition,
    proxy,
    raw_get,
    raw_request,
)

pytestmark = pytest.mark.enable_socket

PROBLEM = (
    '{"code":"$context.error.responseType","message":$context.error.messageString,'
    '"raw":"$context.error.message","requestId":"$context.requestId"}'
)
GATEWAY_RESPONSES = {
    "DEFAULT_4XX": {
        "responseParameters": {
            "gatewayresponse.header.X-Request-Id": "context.requestId",
            "gatewayresponse.header.X-Frame-Options": "'DENY'",
            "gatewayresponse.header.Access-Control-Allow-Origin": "method.request.header.Origin",
        },
        "responseTemplates": {"application/json": PROBLEM},
    },
    "DEFAULT_5XX": {"responseTemplates": {"application/json": PROBLEM}},
    "MISSING_AUTHENTICATION_TOKEN": {
        "statusCode": "404",
        "responseParameters": {
            "gatewayresponse.header.Content-Type": "'application/problem+json'",
            "gatewayresponse.header.X-Query": "method.request.querystring.q",
            "gatewayresponse.header.X-Source": "context.identity.sourceIp",
        },
        "responseTemplates": {"application/json": '{"code":"NOT_FOUND","path":"$context.path"}'},
    },
    "INVALID_API_KEY": {
        "statusCode": 456,
        "responseTemplates": {"text/plain": "no key", "application/json": '{"key":false}'},
    },
}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with gateway() as client:
        yield client


@pytest.fixture(scope="module")
def customised() -> Iterator[httpx.Client]:
    with gateway(extensions={"x-amazon-apigateway-gateway-responses": GATEWAY_RESPONSES}) as client:
        yield client


def echoed(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    event: dict[str, Any] = response.json()
    return event


# Routes.


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("/", "/", {}),
        ("/a/b", "/a/b", {}),
        ("/a/x", "/a/{id}", {"id": "x"}),
        ("/a/b/c", "/a/{id}/c", {"id": "b"}),
        ("/a/x/y/z", "/a/{rest+}", {"rest": "x/y/z"}),
        ("/a/x/", "/a/{id}", {"id": "x"}),
        ("/a/x/y/", "/a/{rest+}", {"rest": "x/y"}),
        ("/a/b%2Fc", "/a/{id}", {"id": "b%2Fc"}),
        ("/a/%00", "/a/{id}", {"id": "%00"}),
    ],
)
def test_a_literal_segment_beats_a_parameter_and_that_a_greedy_one(
    path: str, resource: str, parameters: dict[str, str]
) -> None:
    route = Router(["/a/{rest+}", "/a/{id}", "/a/b", "/a/{id}/c", "/"]).match(path)
    assert route is not None
    assert (route.resource, route.path_parameters) == (resource, parameters)


@pytest.mark.parametrize("path", ["/a", "/a/", "/A/b", "//", "/b/c", "/a//c/", "*", ""])
def test_a_path_that_is_no_resource_is_not_matched(path: str) -> None:
    assert Router(["/a/{rest}", "/a/{id}/c"]).match(path) is None


def test_a_chalice_route_answers(client: httpx.Client) -> None:
    assert client.get("/").json() == {"message": "hello"}
    assert client.get("/events/featured").json() == {"featured": "yes"}
    assert client.get("/events/jazz").json() == {"slug": "jazz"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nothing"), ("PUT", "/"), ("HEAD", "/"), ("POST", "/events/featured")],
)
def test_an_unknown_path_and_an_unknown_verb_are_a_missing_authentication_token(
    client: httpx.Client, method: str, path: str
) -> None:
    response = client.request(method, path)
    assert response.status_code == 403
    assert response.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
    assert response.headers["content-type"] == "application/json"
    expected = "" if method == "HEAD" else '{"message":"Missing Authentication Token"}'
    assert response.text == expected


def test_a_literal_resource_without_the_verb_does_not_fall_back_to_its_sibling(
    client: httpx.Client,
) -> None:
    assert client.get("/files/a/index").status_code == 200
    assert client.post("/files/a/index").status_code == 403


def test_any_method_takes_every_verb(client: httpx.Client) -> None:
    for verb in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert echoed(client.request(verb, "/echo"))["httpMethod"] == verb


def test_the_path_and_its_parameters_stay_percent_encoded(client: httpx.Client) -> None:
    status, body = raw_get(client, "/echo/a%2Fb%20%C3%A9+c?x=a%2Fb%20%C3%A9+c")
    event = json.loads(body)
    assert status == 200
    assert event["path"] == "/echo/a%2Fb%20%C3%A9+c"
    assert event["pathParameters"] == {"name": "a%2Fb%20%C3%A9+c"}
    assert event["requestContext"]["path"] == "/echo/a%2Fb%20%C3%A9+c"
    assert event["requestContext"]["resourcePath"] == event["resource"] == "/echo/{name}"
    assert event["queryStringParameters"] == {"x": "a/b é c"}


def test_a_trailing_slash_is_seen_by_the_function_but_not_by_the_router(
    client: httpx.Client,
) -> None:
    event = echoed(client.get("/files/a/b/"))
    assert event["path"] == "/files/a/b/"
    assert event["requestContext"]["path"] == "/files/a/b/"
    assert event["pathParameters"] == {"proxy": "a/b"}


def test_a_greedy_parameter_needs_something_to_match(client: httpx.Client) -> None:
    assert client.get("/files/").status_code == 403


def test_an_absolute_request_target_is_read_as_its_path(client: httpx.Client) -> None:
    status, body = raw_get(client, "http://anywhere.example/echo?a=1")
    assert status == 200
    assert json.loads(body)["path"] == "/echo"


# Events.


def test_the_event_has_every_part_of_the_proxy_format(client: httpx.Client) -> None:
    event = echoed(client.get("/echo", headers={"User-Agent": "test/1"}))
    assert set(event) == {
        "resource",
        "path",
        "httpMethod",
        "headers",
        "multiValueHeaders",
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "pathParameters",
        "stageVariables",
        "requestContext",
        "body",
        "isBase64Encoded",
    }
    for empty in (
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "pathParameters",
        "stageVariables",
        "body",
    ):
        assert event[empty] is None
    assert event["isBase64Encoded"] is False
    context = event["requestContext"]
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["identity"]["userAgent"] == "test/1"
    assert (context["stage"], context["apiId"]) == ("local", "local")
    assert (context["httpMethod"], context["protocol"]) == ("GET", "HTTP/1.1")
    assert context["accountId"] == "123456789012"
    assert isinstance(context["requestTimeEpoch"], int)
    assert context["requestTime"].endswith(" +0000")
    assert context["extendedRequestId"]
    assert "authorizer" not in context


def test_the_request_id_is_the_same_in_the_event_and_on_the_response(client: httpx.Client) -> None:
    response = client.get("/echo")
    context = echoed(response)["requestContext"]
    assert response.headers["x-amzn-RequestId"] == context["requestId"]
    assert response.headers["x-amz-apigw-id"] == context["extendedRequestId"]


def test_header_names_reach_the_function_as_the_client_spelled_them(client: httpx.Client) -> None:
    _, body = raw_get(client, "/echo", "Stripe-Signature: t=1", "x-lower: 1", "X-UPPER: 2")
    headers = json.loads(body)["headers"]
    assert headers["Stripe-Signature"] == "t=1"
    assert headers["x-lower"] == "1"
    assert headers["X-UPPER"] == "2"


def test_repeated_headers_are_kept_and_the_last_one_is_the_single_value(
    client: httpx.Client,
) -> None:
    _, body = raw_get(client, "/echo", "X-Tag: one", "x-tag: two")
    event = json.loads(body)
    assert event["headers"]["X-Tag"] == "two"
    assert event["multiValueHeaders"]["X-Tag"] == ["one", "two"]


def test_hop_by_hop_headers_are_dropped_and_forwarding_ones_added(client: httpx.Client) -> None:
    _, body = raw_get(client, "/echo", "TE: trailers", "X-Forwarded-For: 10.0.0.1")
    headers = {name.lower(): value for name, value in json.loads(body)["headers"].items()}
    assert "te" not in headers
    assert "connection" not in headers
    assert headers["x-forwarded-for"] == "10.0.0.1, 127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-port"] == str(client.base_url.port)
    assert headers["x-amzn-trace-id"].startswith("Root=1-")


def test_a_header_is_read_as_utf8_or_else_byte_for_byte(client: httpx.Client) -> None:
    latin = "caf\u00e9"
    utf8 = latin.encode().decode("latin-1")
    _, body = raw_get(client, "/echo", f"X-Latin: {latin}", f"X-Utf8: {utf8}")
    headers = json.loads(body)["headers"]
    assert (headers["X-Latin"], headers["X-Utf8"]) == (latin, latin)


def test_a_trace_that_the_client_started_goes_on(client: httpx.Client) -> None:
    event = echoed(client.get("/echo", headers={"X-Amzn-Trace-Id": "Root=1-2-3"}))
    assert event["multiValueHeaders"]["X-Amzn-Trace-Id"] == ["Root=1-2-3"]


def test_a_client_cannot_choose_its_source_address(client: httpx.Client) -> None:
    event = echoed(client.get("/echo", headers={"X-Forwarded-For": "203.0.113.9"}))
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"


def test_repeated_query_parameters_are_kept_and_the_last_one_is_the_single_value(
    client: httpx.Client,
) -> None:
    _, body = raw_get(client, "/echo?a=1&a=2&b=&c&d=x%26y")
    event = json.loads(body)
    assert event["queryStringParameters"] == {"a": "2", "b": "", "c": "", "d": "x&y"}
    assert event["multiValueQueryStringParameters"]["a"] == ["1", "2"]


def test_a_semicolon_splits_the_query_string() -> None:
    request = IncomingRequest("GET", "/", "a=1;b=%ff&c=%C3%A9", ())
    assert request.query() == [("a", "1"), ("b", "�"), ("c", "é")]


def test_a_text_body_arrives_byte_for_byte(client: httpx.Client) -> None:
    body = '{ "a" :\t1,\r\n"é": "\\u00e9 😀" }  '.encode()
    event = echoed(client.post("/echo", content=body, headers={"Content-Type": "application/json"}))
    assert event["isBase64Encoded"] is False
    assert event["body"].encode() == body


def test_a_chunked_body_arrives_whole(client: httpx.Client) -> None:
    event = echoed(client.post("/echo", content=iter([b"one ", b"two ", b"three"])))
    assert event["body"] == "one two three"


def test_a_text_body_that_is_not_utf8_is_repaired(client: httpx.Client) -> None:
    event = echoed(client.post("/echo", content=b"a\xffb", headers={"Content-Type": "text/plain"}))
    assert event["body"] == "a�b"


def test_a_body_of_a_binary_type_arrives_as_base64(client: httpx.Client) -> None:
    headers = {"Content-Type": "IMAGE/png; x=y"}
    event = echoed(client.post("/echo", content=b"\x89PNG\xff", headers=headers))
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == b"\x89PNG\xff"


def test_an_empty_body_of_a_binary_type_is_null(client: httpx.Client) -> None:
    event = echoed(client.post("/echo", headers={"Content-Type": "image/png"}))
    assert (event["body"], event["isBase64Encoded"]) == (None, False)


# Gateway responses.


def test_a_customised_type_sets_status_headers_and_body(customised: httpx.Client) -> None:
    response = customised.get("/nothing", params={"q": "7"})
    assert response.status_code == 404
    assert response.json() == {"code": "NOT_FOUND", "path": "/nothing"}
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-query"] == "7"
    assert response.headers["x-source"] == "127.0.0.1"
    assert "x-frame-options" not in response.headers


def test_a_type_that_is_not_customised_takes_the_default_of_its_class(
    customised: httpx.Client,
) -> None:
    response = customised.get("/me", headers={"Origin": "https://shop.example"})
    assert response.status_code == 401
    assert response.json() == {
        "code": "UNAUTHORIZED",
        "message": "Unauthorized",
        "raw": "Unauthorized",
        "requestId": response.headers["x-amzn-RequestId"],
    }
    assert response.headers["x-request-id"] == response.headers["x-amzn-RequestId"]
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["access-control-allow-origin"] == "https://shop.example"


def test_a_header_mapped_from_nothing_is_left_out(customised: httpx.Client) -> None:
    assert "access-control-allow-origin" not in customised.get("/me").headers


def test_server_errors_take_the_5xx_default(customised: httpx.Client) -> None:
    response = customised.post("/scripted", json=5)
    assert response.status_code == 502
    assert response.json()["code"] == "INTEGRATION_FAILURE"


@pytest.mark.parametrize(
    ("accept", "body", "content_type"),
    [
        ("text/plain", "no key", "text/plain"),
        ("application/json", '{"key":false}', "application/json"),
        ("image/webp, text/plain", '{"key":false}', "application/json"),
    ],
)
def test_the_template_is_the_one_the_client_accepts(
    customised: httpx.Client, accept: str, body: str, content_type: str
) -> None:
    response = customised.get("/metrics", headers={"Accept": accept})
    assert response.status_code == 456
    assert response.text == body
    assert response.headers["content-type"] == content_type


def test_a_status_set_on_the_default_holds_for_its_whole_class() -> None:
    responses = {"DEFAULT_4XX": {"statusCode": "418"}}
    with gateway(extensions={"x-amazon-apigateway-gateway-responses": responses}) as client:
        response = client.get("/nothing")
    assert response.status_code == 418
    assert response.json() == {"message": "Missing Authentication Token"}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'it''s'", "it''s"),
        ("method.request.header.X-TAG", "b"),
        ("method.request.multivalueheader.x-tag", "a,b"),
        ("method.request.multivalueheader.x-none", None),
        ("method.request.querystring.q", "é"),
        ("method.request.path.id", "7"),
        ("method.request.path.other", None),
        ("context.identity.sourceIp", "127.0.0.1"),
        ("context.identity.sourceIp.more", None),
        ("context.identity.userArn", None),
        ("stageVariables.name", None),
    ],
)
def test_a_mapping_expression_stands_for(expression: str, value: str | None) -> None:
    headers = (("x-tag", "a"), ("X-Tag", "b"))
    request = IncomingRequest("GET", "/events/7", "q=%C3%A9", headers)
    context = request_context(request, GatewayConfig())
    assert Variables(request, context, {"id": "7"}).value_of(expression) == value


def test_a_template_s_unknown_variables_become_empty() -> None:
    request = IncomingRequest("GET", "/", "", (("X-Tag", "b"),))
    variables = Variables(request, {"requestId": "r1"}, {})
    template = "$context.requestId. $context.nothing|$method.request.header.X-Tag $5 $input.body"
    assert variables.render(template) == "r1. |b $5 $input.body"


def test_a_body_with_two_opinions_about_its_end_is_refused(client: httpx.Client) -> None:
    answer = raw_request(
        client,
        b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 400 ")
    # The connection ends there: what follows is nobody's request.
    assert answer.count(b"HTTP/1.1") == 1
    assert b"abc" not in answer


# API keys.


@pytest.mark.parametrize("headers", [{}, {"X-Api-Key": ""}, {"X-Api-Key": "wrong"}])
def test_a_method_with_an_api_key_refuses_calls_without_a_valid_one(
    client: httpx.Client, headers: dict[str, str]
) -> None:
    response = client.get("/metrics", headers=headers)
    assert (response.status_code, response.json()) == (403, {"message": "Forbidden"})
    assert response.headers["x-amzn-ErrorType"] == "ForbiddenException"


def test_a_valid_api_key_passes_and_the_function_sees_it(client: httpx.Client) -> None:
    response = client.get("/metrics", headers={"x-api-key": API_KEY})
    assert response.json() == {"apiKey": API_KEY}


def test_an_api_key_is_not_in_the_configuration_s_text() -> None:
    assert API_KEY not in repr(GatewayConfig(api_keys=frozenset({API_KEY})))


# Mock integrations.


def test_a_preflight_is_answered_by_the_mock_without_a_function(client: httpx.Client) -> None:
    response = client.options("/events/jazz", headers={"Origin": "https://shop.example"})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["access-control-allow-origin"] == "https://shop.example"
    assert response.headers["access-control-max-age"] == "600"
    assert set(response.headers["access-control-allow-methods"].split(",")) == {"GET", "OPTIONS"}
    assert response.headers["x-amzn-RequestId"]


def test_a_mock_picks_the_response_its_request_template_names() -> None:
    mock = {
        "type": "mock",
        "requestTemplates": {"application/json": '{"statusCode": 204}'},
        "responses": {
            "default": {"statusCode": "200"},
            "204": {
                "statusCode": "299",
                "responseParameters": {"method.response.header.X-Id": "context.requestId"},
                "responseTemplates": {"application/json": '{"id": "$context.requestId"}'},
            },
        },
    }
    document = make_definition(make_chalice_app())
    paths = {**document["paths"], "/mock": {"get": {"x-amazon-apigateway-integration": mock}}}
    with gateway(extensions={"paths": paths}) as client:
        response = client.get("/mock")
    request_id = response.headers["x-amzn-RequestId"]
    assert response.status_code == 299
    assert response.headers["x-id"] == request_id
    assert response.json() == {"id": request_id}


# Limits, and requests that make no sense.


def test_a_body_over_ten_megabytes_is_refused_by_its_declared_length(client: httpx.Client) -> None:
    response = client.post("/echo", content=bytes(10 * 1024 * 1024 + 1))
    assert (response.status_code, response.json()) == (413, {"message": "Request Too Long"})
    assert client.get("/").status_code == 200


def test_a_body_over_ten_megabytes_is_refused_when_no_length_is_declared(
    client: httpx.Client,
) -> None:
    chunks = (bytes(1024 * 1024) for _ in range(11))
    assert client.post("/echo", content=chunks).status_code == 413


def test_a_body_over_lambda_s_own_limit_is_refused_too(client: httpx.Client) -> None:
    assert client.post("/echo", content=b"x" * (7 * 1024 * 1024)).status_code == 413


@pytest.mark.parametrize(
    "target", ["/echo/%", "/echo/%zz", "/echo/%2", "/echo?a=%", "/echo?a=b|c", "/echo?a={b}"]
)
def test_a_target_that_is_not_a_url_is_a_bad_request(client: httpx.Client, target: str) -> None:
    status, body = raw_get(client, target)
    assert (status, json.loads(body)) == (400, {"message": "Bad Request"})


@pytest.mark.parametrize("target", ["/echo/%00", "/echo/%0a", "/echo/%ff"])
def test_odd_bytes_in_the_path_reach_the_function_encoded(
    client: httpx.Client, target: str
) -> None:
    status, body = raw_get(client, target)
    assert status == 200
    assert json.loads(body)["path"] == target


@pytest.mark.parametrize("target", ["/a\x00b", "/a\xffb", "/a b"])
def test_bytes_that_http_forbids_in_a_target_are_a_bad_request(
    client: httpx.Client, target: str
) -> None:
    assert raw_get(client, target)[0] == 400
    assert client.get("/").status_code == 200


def test_the_server_wide_options_target_is_no_resource(client: httpx.Client) -> None:
    answer = raw_request(client, b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 403 ")


def test_headers_over_the_limit_are_refused(client: httpx.Client) -> None:
    response = client.get("/echo", headers={"X-Big": "x" * 10_240})
    assert response.status_code == 431


def test_headers_beyond_all_measure_are_refused(client: httpx.Client) -> None:
    assert raw_get(client, "/echo", f"X-Big: {'x' * 100_000}")[0] in {400, 431}
    assert client.get("/").status_code == 200


def test_a_websocket_handshake_is_an_ordinary_get(client: httpx.Client) -> None:
    upgrade = ("Upgrade: websocket", "Sec-WebSocket-Key: eA==", "Sec-WebSocket-Version: 13")
    assert raw_get(client, "/nothing", *upgrade)[0] == 403


# Definitions that cannot be run.


def test_a_function_without_a_handler_is_refused_at_start_up() -> None:
    document = make_definition(make_chalice_app())
    with pytest.raises(DefinitionError, match=r"calls Echo, JwtAuthorizer.*only for APIHandler"):
        create_gateway(document, {"APIHandler": lambda event, context: None}, GatewayConfig())


def test_a_function_named_by_its_arn_is_found() -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:events-dev:live"
    integration = proxy("X")["x-amazon-apigateway-integration"] | {
        "uri": f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
    }
    document = {"paths": {"/": {"get": {"x-amazon-apigateway-integration": integration}}}}
    with pytest.raises(DefinitionError, match="events-dev, but"):
        create_gateway(document, {}, GatewayConfig())


@pytest.mark.parametrize(
    ("operation", "schemes", "complaint"),
    [
        ({}, {}, "GET /x: no x-amazon"),
        ({"x-amazon-apigateway-integration": {"type": "http_proxy"}}, {}, "type http_proxy"),
        (proxy("F", uri={"Ref": "F"}), {}, "no Lambda function in the URI"),
        ({**proxy("F"), "security": [{"jwt": []}]}, {}, "jwt is not in securityDefinitions"),
        (
            {**proxy("F"), "security": [{"jwt": []}]},
            {"jwt": {"type": "apiKey", "name": "Authorization"}},
            "neither an API key nor",
        ),
        (
            {**proxy("F"), "security": [{"jwt": []}]},
            {"jwt": {"name": "A", "x-amazon-apigateway-authorizer": {"type": "request"}}},
            "only authorizers of type token",
        ),
        (
            {
                "x-amazon-apigateway-integration": {
                    "type": "mock",
                    "requestTemplates": {"application/json": "#set($a = 1)"},
                }
            },
            {},
            "not a plain JSON object",
        ),
        ({"x-amazon-apigateway-integration": {"type": "mock"}}, {}, "no response for status 200"),
    ],
)
def test_a_document_that_cannot_be_run_says_where(
    operation: dict[str, Any], schemes: dict[str, Any], complaint: str
) -> None:
    document = {"paths": {"/x": {"get": operation}}, "securityDefinitions": schemes}
    with pytest.raises(DefinitionError, match=complaint):
        create_gateway(document, {"F": lambda event, context: None}, GatewayConfig())


@pytest.mark.parametrize(
    "response",
    [
        {"responseParameters": {"gatewayresponse.header.X": {"Ref": "Y"}}},
        {"responseParameters": {"method.response.header.X": "'x'"}},
        {"responseTemplates": {"application/json": {"Fn::Sub": "x"}}},
    ],
)
def test_a_gateway_response_that_is_not_resolved_is_refused(response: dict[str, Any]) -> None:
    document = {"paths": {}, "x-amazon-apigateway-gateway-responses": {"DEFAULT_4XX": response}}
    with pytest.raises(DefinitionError, match="gateway response DEFAULT_4XX"):
        create_gateway(document, {}, GatewayConfig())


# Numbers.


def test_every_answer_is_told_to_who_counts_the_gateways_own_too() -> None:
    told: list[tuple[int, float]] = []
    config = GatewayConfig(observe=lambda status, seconds: told.append((status, seconds)))
    with gateway(config) as counted:
        for path in ("/", "/nowhere", "/metrics"):
            counted.get(path)

    assert [status for status, _ in told] == [200, 403, 403]
    assert all(0 < seconds < 30 for _, seconds in told)
