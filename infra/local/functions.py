"""The functions as they are packaged: found by their handler's name, not imported by hand."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from chalice.app import Chalice
from chalice.utils import to_cfn_resource_name

from infra.local.gateway import LambdaHandler
from infra.local.gateway.chalice_threads import make_thread_safe

API_FUNCTION = "APIHandler"


def load_functions() -> dict[str, LambdaHandler]:
    """Return every function's handler by its logical id in the packaged template."""
    app: Chalice = import_module("app").app
    make_thread_safe(app)
    others = {name: _load(handler) for name, handler in _declared(app)}
    return {API_FUNCTION: app, **others}


def _declared(app: Chalice) -> Iterator[tuple[str, str]]:
    for authorizer in app.builtin_auth_handlers:
        yield to_cfn_resource_name(authorizer.name), authorizer.handler_string
    for function in app.pure_lambda_functions:
        yield to_cfn_resource_name(function.name), function.handler_string
    for scheduled in app.event_sources:
        yield to_cfn_resource_name(scheduled.name), scheduled.handler_string


def _load(handler: str) -> Any:  # noqa: ANN401 - whatever the handler's name leads to
    module, _, attribute = handler.rpartition(".")
    return getattr(import_module(module), attribute)
