"""The OpenAPI document: valid, complete, and the same as what is packaged."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from chalice.app import Chalice, Response
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel

from app import app
from chalicelib.functions.stripe_webhook import PATH as WEBHOOK
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.operations import (
    Answer,
    Body,
    Operation,
    Parameter,
    PathParameter,
    ResponseHeader,
    Tag,
)
from chalicelib.http.query import IntegerParameter
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import json_response
from infra.openapi.__main__ import PACKAGED, main
from infra.openapi.document import build_document, document_text
from infra.openapi.routes import UndescribedRoute
from infra.openapi.schemas import component_schemas, model_named
from infra.packaging.source import copy_source


class FieldProblem(BaseModel):
    """Another model than the one that answers have under this name."""


DOCUMENT: Any = build_document(app)
MAY_SIGN_IN = {
    ("post", "/api/payments/checkout"),
    ("post", "/api/payments/create-checkout-session"),
    ("get", "/api/orders/{id}"),
    ("get", "/api/orders/{id}/tickets"),
}
VERBS = {"get", "post", "put", "patch", "delete"}


def operations() -> list[tuple[str, str, Any]]:
    return [
        (verb, path, operation)
        for path, verbs in DOCUMENT["paths"].items()
        for verb, operation in verbs.items()
    ]


def nodes(value: Any) -> Iterator[Any]:
    yield value
    for child in value.values() if isinstance(value, dict) else ():
        yield from nodes(child)
    for child in value if isinstance(value, list) else ():
        yield from nodes(child)


def response(operation: Any, status: int) -> Any:
    found = operation["responses"][str(status)]
    name = found.get("$ref", "").rpartition("/")[2]
    return DOCUMENT["components"]["responses"][name] if name else found


def show(_request: ApiRequest) -> Response:
    """Show it."""
    return json_response({})


def document_of(
    *paths: str, methods: tuple[str, ...] = ("GET",), parameters: tuple[Parameter, ...] = ()
) -> Any:
    blueprint = ApiBlueprint("views")
    operation = Operation("Show it", Tag.EVENTS, (Answer("It."),), parameters)
    blueprint.api(*paths, methods=methods, describes=operation)(show)
    other = Chalice("test", configure_logs=False)
    other.register_blueprint(blueprint)
    return build_document(other)


def test_the_document_is_valid_openapi() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_what_is_packaged_has_not_drifted_from_the_code() -> None:
    assert PACKAGED.read_text(encoding="utf-8") == document_text(DOCUMENT), "run `make openapi`"


def test_the_document_is_the_same_each_time() -> None:
    assert document_text(build_document(app)) == document_text(build_document(app))


def test_every_route_is_in_the_document_the_webhook_too() -> None:
    routes = {(method.lower(), path) for path, entries in app.routes.items() for method in entries}
    expected = {route for route in routes if route[0] != "options"} | {("post", WEBHOOK)}

    assert {(verb, path) for verb, path, _ in operations()} == expected
    assert {verb for verb, _, _ in operations()} <= VERBS


def test_a_route_without_a_description_is_refused() -> None:
    other = Chalice("test", configure_logs=False)
    other.route("/things")(show)

    with pytest.raises(UndescribedRoute, match=r"^GET /things has no description$"):
        build_document(other)


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/things/{slug}", ()),
        ("/things", (PathParameter("slug", "Its slug.", example="a"),)),
        ("/things/{id}", (PathParameter("slug", "Its slug.", example="a"),)),
    ],
)
def test_a_path_and_its_parameters_must_agree(path: str, parameters: tuple[Parameter, ...]) -> None:
    with pytest.raises(UndescribedRoute, match="GET /things"):
        document_of(path, parameters=parameters)


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]

    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z][A-Za-z0-9]+", name) for name in names)


def test_an_older_path_and_a_second_verb_have_names_of_their_own() -> None:
    paths = document_of("/a", "/b", "/c", methods=("PUT", "PATCH"))["paths"]

    assert {
        path: [operation["operationId"] for operation in verbs.values()]
        for path, verbs in paths.items()
        if path != WEBHOOK
    } == {
        "/a": ["showByPut", "showByPatch"],
        "/b": ["showByPutAtOlderPath", "showByPatchAtOlderPath"],
        "/c": ["showByPutAtOlderPath2", "showByPatchAtOlderPath2"],
    }


def test_older_paths_and_older_parameters_are_deprecated() -> None:
    deprecated = {path for _, path, operation in operations() if operation.get("deprecated")}

    assert deprecated == {
        "/admin/database/reset",
        "/admin/database/truncate",
        "/api/payments/create-checkout-session",
        "/api/payments/verify-session/{session_id}",
    }
    parameters = DOCUMENT["paths"]["/api/events"]["get"]["parameters"]
    assert {each["name"] for each in parameters if each.get("deprecated")} == {"sortBy", "order"}


def test_older_names_of_a_citys_fields_are_deprecated_in_requests_and_answers() -> None:
    for model in ("City", "CityBody"):
        fields = DOCUMENT["components"]["schemas"][model]["properties"]
        assert {name for name, field in fields.items() if field.get("deprecated")} == {
            "city", "citySlug", "url",
        }  # fmt: skip


def test_guarded_routes_ask_for_a_token_and_can_refuse_it() -> None:
    for verb, path, operation in operations():
        entry = app.routes.get(path, {}).get(verb.upper())
        guarded = entry is not None and entry.authorizer is not None
        for_machines = entry is not None and bool(entry.api_key_required)
        key: dict[str, list[str]] = {"apiKey": []} if for_machines else {}
        token: list[dict[str, list[str]]] = [{"bearerAuth": [], **key}]
        optional = [{}, *token] if (verb, path) in MAY_SIGN_IN else []
        expected = token if guarded else [key] if for_machines else optional
        assert operation["security"] == expected, path
        assert ("401" in operation["responses"]) is (guarded or bool(optional)), path
        assert ("403" in operation["responses"]) is (guarded or for_machines), path
    assert DOCUMENT["components"]["securitySchemes"]["bearerAuth"]["bearerFormat"] == "JWT"


def test_every_operation_can_fail_and_says_how() -> None:
    for _, path, operation in operations():
        assert {"400", "429", "500", "503"} <= operation["responses"].keys(), path
        assert ("413" in operation["responses"]) is ("requestBody" in operation), path


def test_every_error_has_an_example_in_the_contracts_shape() -> None:
    for _, path, operation in operations():
        for status in (int(status) for status in operation["responses"] if status >= "400"):
            content = response(operation, status)["content"]["application/json"]
            schema = {**content["schema"], "components": DOCUMENT["components"]}
            assert content["examples"], (path, status)
            for example in content["examples"].values():
                jsonschema_rs.validate(schema, example["value"])
                assert example["value"]["statusCode"] == status


def test_an_error_says_its_headers() -> None:
    operation = DOCUMENT["paths"]["/api/auth/me"]["get"]

    for status, header in ((401, "WWW-Authenticate"), (429, "Retry-After"), (503, "Retry-After")):
        assert {header, "X-Request-Id"} == response(operation, status)["headers"].keys()


@pytest.mark.parametrize("path", ["/health", "/health/json", "/ready"])
def test_a_503_that_tells_of_ill_health_and_one_of_the_gateway_are_both_described(
    path: str,
) -> None:
    ill = DOCUMENT["paths"][path]["get"]["responses"]["503"]
    own, error = ill["content"]["application/json"]["schema"]["anyOf"]

    model = "Readiness" if path == "/ready" else "Health"
    assert own == {"$ref": f"#/components/schemas/{model}"}
    assert {"$ref": "#/components/schemas/Problem"} in error["allOf"]
    assert ("text/html" in ill["content"]) is (path == "/health")
    assert ill["headers"].keys() == {"X-Request-Id", "Retry-After"}


def test_a_key_that_is_in_use_may_say_when_to_try_again() -> None:
    operation = DOCUMENT["paths"]["/api/payments/checkout"]["post"]
    conflict = response(operation, 409)

    assert "KeyInUse" in conflict["content"]["application/json"]["examples"]
    assert conflict["headers"]["Retry-After"]["required"] is False
    assert (
        "Retry-After"
        not in response(DOCUMENT["paths"]["/api/admin/events/{id_or_slug}"]["delete"], 409)[
            "headers"
        ]
    )


def test_a_body_that_may_be_left_out_says_so() -> None:
    required = {
        path: operation["requestBody"]["required"]
        for _, path, operation in operations()
        if "requestBody" in operation
    }

    assert {path for path, needed in required.items() if not needed} == {
        "/api/admin/tickets/{code}/check-in",
        "/api/admin/events/{id_or_slug}/cancel",
    }


def test_every_example_of_a_body_fits_its_schema() -> None:
    checked = 0
    for _, path, operation in operations():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            schema = {**content["schema"], "components": DOCUMENT["components"]}
            assert content["examples"], path
            for example in content["examples"].values():
                jsonschema_rs.validate(schema, example["value"])
                checked += 1
    assert checked


def test_everything_that_a_reader_meets_is_explained() -> None:
    for _, path, operation in operations():
        assert operation["summary"], path
        assert operation["description"], path
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (path, parameter["name"])
        for status in operation["responses"]:
            assert response(operation, int(status))["description"], (path, status)
    assert all(tag["description"] for tag in DOCUMENT["tags"])


def test_every_component_is_referred_to_and_there() -> None:
    refs = {node["$ref"] for node in nodes(DOCUMENT) if isinstance(node, dict) and "$ref" in node}
    there = {
        f"#/components/{kind}/{name}"
        for kind in ("headers", "responses", "schemas")
        for name in DOCUMENT["components"][kind]
    }

    assert refs == there


def test_an_answers_object_has_the_described_keys_and_no_others() -> None:
    schemas = DOCUMENT["components"]["schemas"]

    for name in ("Event", "EventWithStock", "AdminEvent", "City", "Problem", "Verification"):
        assert schemas[name]["additionalProperties"] is False
    assert set(schemas["Event"]["required"]) == schemas["Event"]["properties"].keys()


def test_an_optional_parameter_has_no_example_that_the_page_would_send() -> None:
    for _, path, operation in operations():
        for parameter in operation.get("parameters", []):
            assert ("example" in parameter) is (parameter["in"] == "path"), path


def test_the_document_says_where_the_api_is_below_any_prefix() -> None:
    assert [server["url"] for server in DOCUMENT["servers"]] == [".."]


def test_a_body_that_is_no_json_and_two_media_types_of_a_status_are_described() -> None:
    blueprint = ApiBlueprint("views")
    operation = Operation(
        summary="Import",
        tag=Tag.EVENTS,
        parameters=(IntegerParameter("since", 0, 0, description="Since when."),),
        bodies=(
            Body(None, {"One line": "a,b"}, media_type="text/csv", description="Lines."),
            Body("chalicelib.schemas.cities:CityBody", {"A city": {"name": "Porto"}}),
        ),
        answers=(
            Answer("A report.", media_type="text/csv", example="a,b"),
            Answer("A report.", media_type="text/plain", headers=(ResponseHeader("X", "Y.", "z"),)),
            Answer("Nothing to do.", 204, media_type=None),
        ),
    )
    blueprint.api("/import", methods=("POST",), describes=operation)(show)
    other = Chalice("test", configure_logs=False)
    other.register_blueprint(blueprint)

    described = build_document(other)["paths"]["/import"]["post"]

    assert described["requestBody"]["description"] == "Lines."
    assert described["requestBody"]["content"]["text/csv"] == {
        "schema": {"type": "string"},
        "examples": {"One line": {"value": "a,b"}},
    }
    assert described["responses"]["200"]["content"] == {
        "text/csv": {"schema": {"type": "string"}, "example": "a,b"},
        "text/plain": {"schema": {"type": "string"}},
    }
    assert "content" not in described["responses"]["204"]


def test_what_is_no_model_cannot_be_described() -> None:
    with pytest.raises(TypeError, match="no pydantic model"):
        model_named("chalicelib.schemas.fields:SLUG_PATTERN")


def test_two_models_of_one_name_are_not_mixed_up() -> None:
    with pytest.raises(ValueError, match="two schemas are called FieldProblem"):
        component_schemas([f"{__name__}:FieldProblem"], ["FieldProblem"])


def test_the_document_and_its_page_are_packaged(tmp_path: Path) -> None:
    copy_source(tmp_path, "arm64")

    packaged = {path.name for path in (tmp_path / "chalicelib" / "static").iterdir()}
    assert packaged == {"docs.html", "health.css", "health.html", "openapi.json"}


def test_the_command_writes_the_document_and_checks_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "static" / "openapi.json"
    assert main(["--check", "--out", str(target)]) == 1
    assert "make openapi" in capsys.readouterr().err

    assert main(["--out", str(target)]) == 0
    assert main(["--check", "--out", str(target)]) == 0
    assert json.loads(target.read_text()) == json.loads(PACKAGED.read_text())

    target.write_text(target.read_text() + "\n")
    assert main(["--check", "--out", str(target)]) == 1
