"""The document as a whole: one operation a route, and the components that they share."""

import json
from collections.abc import Sequence
from typing import Any

from chalice.app import Chalice

from chalicelib import errors
from chalicelib.http.operations import Body, Described, Place, Tag
from chalicelib.version import VERSION
from infra.openapi.answers import (
    PROBLEM_MODEL,
    Kind,
    component_headers,
    component_responses,
    every_code,
    responses,
)
from infra.openapi.routes import DescribedRoute, described_routes
from infra.openapi.schemas import Document, component_schemas, reference

_ABOUT = """\
Browse events, sell tickets through Stripe's Checkout, keep the catalogue.

Times are ISO 8601 in UTC with milliseconds, money is a JSON number in major units. Unknown query
parameters are ignored, unknown keys of a body are refused. Every error has the one shape
`Problem`; every response carries `X-Request-Id`. CORS preflights (`OPTIONS`) are answered on every
path and not listed here."""

_TAGS = {
    Tag.EVENTS: "What takes place.",
    Tag.CITIES: "Where it takes place.",
    Tag.PAYMENTS: "Buying tickets.",
    Tag.ORDERS: "What was bought, and its tickets.",
    Tag.ACCOUNT: "Who is signed in.",
    Tag.ADMIN_EVENTS: "Keeping the events. Needs the role `admin`.",
    Tag.ADMIN_CITIES: "Keeping the cities. Needs the role `admin`.",
    Tag.ADMIN_ORDERS: "Looking after orders, and letting people in. Needs the role `admin`.",
    Tag.ADMIN_AUDIT: "Who changed what.",
    Tag.ADMIN_DATABASE: "Filling and emptying a stage that is there for trying things out.",
    Tag.OPERATIONS: "What the API is, and how it is.",
}
_BEARER = "bearerAuth"
_API_KEY = "apiKey"
_SECURITY_SCHEMES = {
    _BEARER: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of the configured issuer. `make -s token` prints one for the "
        "local run.",
    },
    _API_KEY: {
        "type": "apiKey",
        "in": "header",
        "name": "X-Api-Key",
        "description": "A key of the stage's usage plan. The local run takes `local-api-key`.",
    },
}
# The document lies one level below the API's root, under whichever stage prefix.
_SERVERS = [{"url": "..", "description": "This API"}]

_ALWAYS: tuple[Kind, ...] = (errors.InvalidInput, errors.EventsApiError, errors.Unavailable)
_WITH_A_BODY: tuple[Kind, ...] = (errors.PayloadTooLarge,)
_WITH_A_PATH_PARAMETER: tuple[Kind, ...] = (errors.NotFound,)
_GUARDED: tuple[Kind, ...] = (errors.Unauthenticated, errors.Forbidden)
_MAY_SIGN_IN: tuple[Kind, ...] = (errors.Unauthenticated,)
_WITH_A_KEY: tuple[Kind, ...] = (errors.Forbidden,)


def build_document(app: Chalice) -> Document:
    """Describe the app; raises `UndescribedRoute`."""
    routes = list(described_routes(app))
    paths: Document = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    used_tags = {route.description.operation.tag for route in routes}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Events API", "version": VERSION, "description": _ABOUT},
        "servers": _SERVERS,
        "tags": [{"name": tag.value, "description": _TAGS[tag]} for tag in Tag if tag in used_tags],
        "paths": paths,
        "components": _components(routes),
    }


def document_text(document: Document) -> str:
    """Write the document as it is packaged."""
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _components(routes: Sequence[DescribedRoute]) -> Document:
    operations = [route.description.operation for route in routes]
    bodies = [body.model for each in operations for body in each.bodies if body.model]
    answers = [answer for each in operations for answer in each.answers]
    models = [answer.model for answer in answers if answer.model]
    schemas = component_schemas(bodies, [*models, PROBLEM_MODEL])
    schemas[PROBLEM_MODEL]["properties"]["code"]["enum"] = every_code()
    return {
        "headers": component_headers(answers),
        "responses": component_responses(_kinds(route) for route in routes),
        "schemas": schemas,
        "securitySchemes": _SECURITY_SCHEMES,
    }


def _operation(route: DescribedRoute) -> Document:
    operation = route.description.operation
    described: Document = {
        "operationId": route.operation_id,
        "tags": [operation.tag.value],
        "summary": operation.summary,
        "description": _longer(route),
    }
    if route.deprecated:
        described["deprecated"] = True
    parameters = [_parameter(shown) for each in operation.parameters for shown in each.described()]
    if parameters:
        described["parameters"] = parameters
    if operation.bodies:
        described["requestBody"] = _request_body(operation.bodies)
    described["responses"] = responses(operation.answers, _kinds(route))
    described["security"] = _security(route)
    return described


def _security(route: DescribedRoute) -> list[Document]:
    """Say whether a token has to be sent, may be, or has no use; and whether a key has to be."""
    key: Document = {_API_KEY: []} if route.needs_api_key else {}
    if route.guarded:
        return [{_BEARER: [], **key}]
    if key:
        return [key]
    return [{}, {_BEARER: []}] if route.description.operation.may_sign_in else []


def _longer(route: DescribedRoute) -> str:
    name = route.description.paths[0]
    if route.path == name:
        return route.description.longer
    return f"{route.description.longer}\n\nAn older name of `{name}`."


def _kinds(route: DescribedRoute) -> list[Kind]:
    operation = route.description.operation
    return [
        *_ALWAYS,
        *(_WITH_A_BODY if operation.bodies else ()),
        *(_WITH_A_PATH_PARAMETER if "{" in route.path else ()),
        *(_GUARDED if route.guarded else ()),
        *(_WITH_A_KEY if route.needs_api_key else ()),
        *(_MAY_SIGN_IN if operation.may_sign_in else ()),
        *operation.errors,
    ]


def _parameter(shown: Described) -> Document:
    described: Document = {
        "name": shown.name,
        "in": shown.place.value,
        "description": shown.description,
        "schema": dict(shown.schema),
    }
    if shown.required or shown.place is Place.PATH:
        described["required"] = True
    if shown.deprecated:
        described["deprecated"] = True
    if shown.example is None:
        return described
    # Swagger UI sends a parameter's own example along unless it is taken out, which is a help only
    # where something has to be sent.
    if shown.place is Place.PATH:
        described["example"] = shown.example
    else:
        described["schema"]["examples"] = [shown.example]
    return described


def _request_body(bodies: tuple[Body, ...]) -> Document:
    described: Document = {
        "required": all(body.required for body in bodies),
        "content": {body.media_type: _content(body) for body in bodies},
    }
    descriptions = [body.description for body in bodies if body.description]
    if descriptions:
        described["description"] = " ".join(descriptions)
    return described


def _content(body: Body) -> Document:
    schema: Any = reference(body.model) if body.model else body.schema
    return {
        "schema": schema or {"type": "string"},
        "examples": {title: {"value": value} for title, value in body.examples.items()},
    }
