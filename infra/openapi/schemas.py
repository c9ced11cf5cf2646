"""JSON Schemas of the pydantic models that routes name, collected under `components/schemas`."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema
from pydantic_core import core_schema

from chalicelib.http.query import NOT_BLANK_PATTERN, TEXT_PATTERN

Document = dict[str, Any]

ANSWERS_MODULE = "chalicelib.schemas.answers"
_REF = "#/components/schemas/"


class _Untitled(GenerateJsonSchema):
    """Leaves out the titles that pydantic makes of names: `Citysluge` says less than `citySlug`."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - as pydantic has it
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> Document:
        return {key: value for key, value in super().model_schema(schema).items() if key != "title"}

    def enum_schema(self, schema: core_schema.EnumSchema) -> Document:
        return {key: value for key, value in super().enum_schema(schema).items() if key != "title"}


class _OfBodies(_Untitled):
    """Says of text what no body may hold, and of text that may not be empty that blanks are not
    enough: bodies are stripped.
    """

    def str_schema(self, schema: core_schema.StringSchema) -> Document:
        written = super().str_schema(schema)
        pattern = NOT_BLANK_PATTERN if written.get("minLength") else TEXT_PATTERN
        return {"pattern": pattern, **written}


def model_named(name: str) -> type[BaseModel]:
    """Return the model of `module:Class`, or the class of that name in `schemas.answers`."""
    module, _, attribute = name.rpartition(":")
    model = getattr(import_module(module or ANSWERS_MODULE), attribute)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise TypeError(f"{name} is no pydantic model")
    return model


def reference(name: str) -> Document:
    """Return the reference to a model's schema."""
    return {"$ref": f"{_REF}{model_named(name).__name__}"}


def component_schemas(bodies: Iterable[str], answers: Iterable[str]) -> Document:
    """Return the schemas of the models and of all that they refer to, by class name."""
    read = _schemas(bodies, "validation", _OfBodies)
    written = _schemas(answers, "serialization", _Untitled)
    for name in read.keys() & written.keys():
        if read[name] != written[name]:
            raise ValueError(f"two schemas are called {name}")
    return dict(sorted({**read, **written}.items()))


def _schemas(
    names: Iterable[str], mode: JsonSchemaMode, generator: type[GenerateJsonSchema]
) -> Document:
    models = sorted({model_named(name) for name in names}, key=lambda model: model.__name__)
    _, found = models_json_schema(
        [(model, mode) for model in models],
        by_alias=True,
        ref_template=_REF + "{model}",
        schema_generator=generator,
    )
    schemas: Document = found.get("$defs", {})
    return schemas
