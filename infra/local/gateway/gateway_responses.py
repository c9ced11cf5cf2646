"""How a gateway error looks: as the document customises its type, or as API Gateway has it.

Which errors there are is in `errors`.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from infra.local.gateway.definition import GatewayResponse
from infra.local.gateway.errors import GatewayError
from infra.local.gateway.media_types import essence
from infra.local.gateway.reply import Reply
from infra.local.gateway.variables import Variables

_DEFAULT_TEMPLATES: Final = {"application/json": '{"message":$context.error.messageString}'}


def render(
    error: GatewayError, responses: Mapping[str, GatewayResponse], variables: Variables
) -> Reply:
    """Make the response to an error.

    A type the document does not name takes DEFAULT_4XX's or DEFAULT_5XX's customisation. The
    message is available as `$context.error.message`, and quoted as JSON in `.messageString`.
    """
    customised = responses.get(error.kind.name) or responses.get(error.kind.fallback)
    response = customised or GatewayResponse()
    filled = replace(variables, context={**variables.context, "error": _error_context(error)})
    templates = response.templates or _DEFAULT_TEMPLATES
    media_type = _template_type(templates, variables.request.header("accept"))
    mapped = (
        (name, filled.value_of(expression)) for name, expression in response.parameters.items()
    )
    reply = Reply(
        status=response.status or error.status,
        headers=(("Content-Type", media_type), ("x-amzn-ErrorType", error.kind.exception)),
        body=filled.render(templates[media_type]).encode(),
    )
    reply = reply.with_headers((name, value) for name, value in mapped if value is not None)
    if error.retry_after is None:
        return reply
    return reply.with_headers([("Retry-After", str(error.retry_after))])


def _error_context(error: GatewayError) -> dict[str, Any]:
    return {
        "message": "null" if error.message is None else error.message,
        "messageString": json.dumps(error.message),
        "responseType": error.kind.name,
    }


def _template_type(templates: Mapping[str, str], accept: str | None) -> str:
    """Pick the template the client asked for; else JSON's; else the first."""
    wanted = essence(accept)
    if wanted in templates:
        return wanted
    return "application/json" if "application/json" in templates else next(iter(templates))
