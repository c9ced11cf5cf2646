"""The Swagger 2.0 document with API Gateway's extensions, read into what the gateway acts on.

Every part that cannot be run faithfully is refused here, at start-up, not met by a request.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from infra.local.gateway.quotas import DEFAULT_AUTHORIZER_TTL, MAX_AUTHORIZER_TTL

ANY_VERB: Final = "ANY"

_VERBS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch"})
_ANY_VERB_KEY: Final = "x-amazon-apigateway-any-method"
_INTEGRATION_KEY: Final = "x-amazon-apigateway-integration"
_AUTHORIZER_KEY: Final = "x-amazon-apigateway-authorizer"
_FUNCTION_IN_URI: Final = re.compile(
    r"functions/(?:\$\{(?P<logical>\w+)\.Arn\}|arn:[^/]*:function:(?P<name>[\w-]+)[^/]*)/invocations"
)
_API_KEY_HEADER: Final = "x-api-key"


class DefinitionError(ValueError):
    """The document asks for something the local gateway cannot run; the message says where."""


@dataclass(frozen=True, slots=True)
class LambdaIntegration:
    """A Lambda proxy integration; `timeout` in seconds where the document sets one."""

    function: str
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class MockIntegration:
    """An answer made by the gateway alone.

    `parameters` maps header names to API Gateway's mapping expressions.
    """

    status: int
    parameters: Mapping[str, str]
    body: str = ""


@dataclass(frozen=True, slots=True)
class TokenAuthorizer:
    """A TOKEN authorizer: the header it reads, and how many seconds its answer may be kept."""

    name: str
    function: str
    header: str
    ttl: int
    validation: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Method:
    """One verb of one resource."""

    resource: str
    verb: str
    integration: LambdaIntegration | MockIntegration
    authorizer: TokenAuthorizer | None = None
    api_key_required: bool = False


@dataclass(frozen=True, slots=True)
class GatewayResponse:
    """How the document wants one gateway response type to look; `status` None leaves it alone."""

    status: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Api:
    """A whole document: its methods by resource and verb, and what holds for all of them."""

    methods: Mapping[str, Mapping[str, Method]]
    gateway_responses: Mapping[str, GatewayResponse]
    binary_media_types: tuple[str, ...]
    minimum_compression_size: int | None

    def functions(self) -> set[str]:
        """Logical ids of every function the document calls, authorizers included."""
        named = set()
        for verbs in self.methods.values():
            for method in verbs.values():
                if isinstance(method.integration, LambdaIntegration):
                    named.add(method.integration.function)
                if method.authorizer is not None:
                    named.add(method.authorizer.function)
        return named


def parse(definition: Mapping[str, Any]) -> Api:
    """Read the document. Raises `DefinitionError`."""
    schemes = definition.get("securityDefinitions", {})
    methods: dict[str, dict[str, Method]] = {}
    for resource, item in definition.get("paths", {}).items():
        methods[resource] = {
            verb: _method(resource, verb, operation, schemes)
            for verb, operation in _operations(item)
        }
    return Api(
        methods=methods,
        gateway_responses={
            kind: _gateway_response(kind, response)
            for kind, response in definition.get(
                "x-amazon-apigateway-gateway-responses", {}
            ).items()
        },
        binary_media_types=tuple(definition.get("x-amazon-apigateway-binary-media-types") or ()),
        minimum_compression_size=definition.get("x-amazon-apigateway-minimum-compression-size"),
    )


def _operations(item: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, operation in item.items():
        if key in _VERBS:
            yield key.upper(), operation
        elif key == _ANY_VERB_KEY:
            yield ANY_VERB, operation


def _method(
    resource: str, verb: str, operation: Mapping[str, Any], schemes: Mapping[str, Any]
) -> Method:
    where = f"{verb} {resource}"
    authorizer: TokenAuthorizer | None = None
    api_key_required = False
    for name in (name for requirement in operation.get("security", ()) for name in requirement):
        if name not in schemes:
            raise DefinitionError(f"{where}: {name} is not in securityDefinitions")
        if _AUTHORIZER_KEY in schemes[name]:
            authorizer = _authorizer(name, schemes[name])
        elif str(schemes[name].get("name", "")).lower() == _API_KEY_HEADER:
            api_key_required = True
        else:
            raise DefinitionError(f"{where}: {name} is neither an API key nor a token authorizer")
    return Method(
        resource=resource,
        verb=verb,
        integration=_integration(where, operation),
        authorizer=authorizer,
        api_key_required=api_key_required,
    )


def _integration(where: str, operation: Mapping[str, Any]) -> LambdaIntegration | MockIntegration:
    integration = operation.get(_INTEGRATION_KEY)
    if integration is None:
        raise DefinitionError(f"{where}: no {_INTEGRATION_KEY}")
    kind = str(integration.get("type", "")).lower()
    if kind == "aws_proxy":
        milliseconds = integration.get("timeoutInMillis")
        return LambdaIntegration(
            function=_function(where, integration.get("uri")),
            timeout=milliseconds / 1000 if milliseconds is not None else None,
        )
    if kind == "mock":
        return _mock(where, integration)
    raise DefinitionError(f"{where}: integrations of type {kind or 'unknown'} are not supported")


def _mock(where: str, integration: Mapping[str, Any]) -> MockIntegration:
    """Read a mock's one answer: its request template names a status, which picks the response."""
    template = integration.get("requestTemplates", {}).get("application/json", "{}")
    try:
        wanted = str(json.loads(template).get("statusCode", 200))
    except (ValueError, AttributeError):
        raise DefinitionError(
            f"{where}: the mock's request template is not a plain JSON object"
        ) from None
    responses = integration.get("responses", {})
    patterns = (key for key in responses if key != "default" and re.fullmatch(key, wanted))
    response = responses.get(next(patterns, "default"))
    if response is None:
        raise DefinitionError(f"{where}: the mock has no response for status {wanted}")
    parameters = _mappings(where, response.get("responseParameters", {}), "method.response.header.")
    return MockIntegration(
        status=int(response.get("statusCode", wanted)),
        parameters=parameters,
        body=response.get("responseTemplates", {}).get("application/json") or "",
    )


def _authorizer(name: str, scheme: Mapping[str, Any]) -> TokenAuthorizer:
    extension = scheme[_AUTHORIZER_KEY]
    if str(extension.get("type", "")).lower() != "token":
        raise DefinitionError(f"authorizer {name}: only authorizers of type token are supported")
    source = str(extension.get("identitySource") or f"method.request.header.{scheme['name']}")
    pattern = extension.get("identityValidationExpression")
    ttl = int(extension.get("authorizerResultTtlInSeconds", DEFAULT_AUTHORIZER_TTL))
    return TokenAuthorizer(
        name=name,
        function=_function(f"authorizer {name}", extension.get("authorizerUri")),
        header=source.removeprefix("method.request.header."),
        ttl=min(ttl, MAX_AUTHORIZER_TTL),
        validation=re.compile(pattern) if pattern else None,
    )


def _gateway_response(kind: str, response: Mapping[str, Any]) -> GatewayResponse:
    where = f"gateway response {kind}"
    templates = response.get("responseTemplates", {})
    if not all(isinstance(template, str) for template in templates.values()):
        raise DefinitionError(f"{where}: a template is not a string; resolve its intrinsic first")
    status = response.get("statusCode")
    return GatewayResponse(
        status=int(status) if status is not None else None,
        parameters=_mappings(
            where, response.get("responseParameters", {}), "gatewayresponse.header."
        ),
        templates=templates,
    )


def _mappings(where: str, parameters: Mapping[str, Any], prefix: str) -> dict[str, str]:
    """Header name → mapping expression, for parameters whose keys begin with `prefix`."""
    mappings = {}
    for key, expression in parameters.items():
        if not key.startswith(prefix) or not isinstance(expression, str):
            raise DefinitionError(f"{where}: cannot map {key} from {expression!r}")
        mappings[key.removeprefix(prefix)] = expression
    return mappings


def _function(where: str, uri: object) -> str:
    """Find the function a URI calls, by logical id or, in a plain ARN, by name."""
    text: object = uri
    if isinstance(uri, Mapping) and set(uri) == {"Fn::Sub"}:
        text = uri["Fn::Sub"]
        if isinstance(text, list) and text:
            text = text[0]
    found = _FUNCTION_IN_URI.search(text) if isinstance(text, str) else None
    if found is None:
        raise DefinitionError(f"{where}: no Lambda function in the URI {uri!r}")
    return found["logical"] or found["name"]
