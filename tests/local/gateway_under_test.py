"""The small API the gateway's tests run: a real Chalice app's definition with hand-added paths.

No tests live here, and nothing that only one test needs.
"""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from chalice.app import Chalice, CORSConfig, Response
from chalice.deploy.swagger import CFNSwaggerGenerator

from infra.local.gateway import GatewayConfig, LambdaContext, LambdaHandler, create_gateway, running
from infra.local.gateway.chalice_threads import make_thread_safe

API_KEY = "local-key"


def make_chalice_app() -> Chalice:
    app = Chalice("tiny")
    app.api.cors = CORSConfig(allow_origin="https://shop.example", max_age=600)

    # Deployed as its own function, which the tests replace: only its place in the document counts.
    @app.authorizer(ttl_seconds=300)
    def jwt_authorizer(auth_request: object) -> None: ...

    @app.route("/")
    def index() -> dict[str, str]:
        return {"message": "hello"}

    @app.route("/events/{slug}")
    def event(slug: str) -> dict[str, str]:
        return {"slug": slug}

    @app.route("/events/featured")
    def featured() -> dict[str, str]:
        return {"featured": "yes"}

    @app.route("/image")
    def image() -> Response:
        return Response(b"\x89PNG\x00\xff", headers={"Content-Type": "image/png"})

    @app.route("/metrics", api_key_required=True)
    def metrics() -> dict[str, Any]:
        assert app.current_request is not None
        return {"apiKey": app.current_request.context["identity"]["apiKey"]}

    @app.route("/me", authorizer=jwt_authorizer)
    def me() -> dict[str, Any]:
        assert app.current_request is not None
        authorizer: dict[str, Any] = app.current_request.context["authorizer"]
        return authorizer

    @app.route("/me/orders/{id}", methods=["GET", "DELETE"], authorizer=jwt_authorizer)
    def order(id: str) -> dict[str, str]:  # noqa: A002 - Chalice calls it by the path's name
        return {"order": id}

    @app.route("/both", authorizer=jwt_authorizer, api_key_required=True)
    def both() -> dict[str, bool]:
        return {"in": True}

    make_thread_safe(app)
    return app


def proxy(function: str, **integration: object) -> dict[str, Any]:
    """A method that calls a function, as the document has it."""
    uri = (
        "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31"
        f"/functions/${{{function}.Arn}}/invocations"
    )
    return {
        "x-amazon-apigateway-integration": {
            "type": "aws_proxy",
            "httpMethod": "POST",
            "uri": {"Fn::Sub": uri},
            **integration,
        }
    }


def make_definition(app: Chalice, extensions: dict[str, object] | None = None) -> dict[str, Any]:
    document: dict[str, Any] = CFNSwaggerGenerator().generate_swagger(app)
    document["paths"].update(
        {
            "/echo": {"x-amazon-apigateway-any-method": proxy("Echo")},
            "/echo/{name}": {"get": proxy("Echo")},
            "/files/{proxy+}": {"get": proxy("Echo")},
            "/files/{first}/index": {"get": proxy("Echo")},
            "/scripted": {"post": proxy("Scripted")},
            "/slow": {"get": proxy("Slow", timeoutInMillis=50)},
        }
    )
    document.update(extensions or {})
    return document


def echo(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The event itself, as the response's body."""
    return {"statusCode": 200, "body": json.dumps(event)}


def scripted(event: dict[str, Any], context: LambdaContext) -> object:
    """The request's body, as the function's result."""
    result: object = json.loads(event["body"])
    return result


@dataclass
class Authorizer:
    """A TOKEN authorizer that answers by the token's text and counts its calls."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, object] = field(default_factory=dict)

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> object:
        self.calls.append(event)
        answer = self.answers[event["authorizationToken"]]
        if isinstance(answer, Exception):
            raise answer
        return answer


def policy(
    effect: str = "Allow", resource: str | list[str] = "*", **answer: object
) -> dict[str, Any]:
    """An authorizer's answer with one statement."""
    return {
        "principalId": "user_1",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}],
        },
        **answer,
    }


@dataclass
class Slow:
    """A function that answers only when it is let go."""

    release: threading.Event = field(default_factory=threading.Event)

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        self.release.wait(60)
        return {"statusCode": 200, "body": "late"}


@contextmanager
def gateway(
    config: GatewayConfig | None = None,
    functions: dict[str, LambdaHandler] | None = None,
    extensions: dict[str, object] | None = None,
) -> Iterator[httpx.Client]:
    """The small API on a free port, and a client for it."""
    app = make_chalice_app()
    slow = Slow()
    handlers: dict[str, LambdaHandler] = {
        "APIHandler": app,
        "JwtAuthorizer": Authorizer(),
        "Echo": echo,
        "Scripted": scripted,
        "Slow": slow,
        **(functions or {}),
    }
    starlette = create_gateway(
        make_definition(app, extensions),
        handlers,
        config or GatewayConfig(api_keys=frozenset({API_KEY})),
    )
    with running(starlette) as base_url, httpx.Client(base_url=base_url, timeout=60) as client:
        try:
            yield client
        finally:
            slow.release.set()


def raw_request(client: httpx.Client, request: bytes) -> bytes:
    """What the server answers to these bytes, until it closes the connection."""
    address = urlsplit(str(client.base_url))
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(request)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


def raw_get(client: httpx.Client, target: str, *headers: str) -> tuple[int, bytes]:
    """Status and body of a GET whose target reaches the server exactly as given."""
    head = "\r\n".join([f"GET {target} HTTP/1.1", "Host: x", "Connection: close", *headers])
    answer = raw_request(client, f"{head}\r\n\r\n".encode("latin-1"))
    status_line, _, rest = answer.partition(b"\r\n")
    return int(status_line.split()[1]), rest.partition(b"\r\n\r\n")[2]
