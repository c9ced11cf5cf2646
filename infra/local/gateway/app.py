"""The gateway as an ASGI application: the order in which API Gateway does things to a request.

Each step is a module of its own; this one only puts them in line.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from infra.local.gateway import (
    compression,
    definition,
    events,
    gateway_responses,
    incoming,
    integrations,
)
from infra.local.gateway.authorizers import Authorizers, GrantCache
from infra.local.gateway.config import GatewayConfig
from infra.local.gateway.definition import ANY_VERB, Api, Method, MockIntegration
from infra.local.gateway.errors import GatewayError
from infra.local.gateway.functions import Functions, LambdaHandler
from infra.local.gateway.incoming import IncomingRequest
from infra.local.gateway.reply import Reply
from infra.local.gateway.routing import Route, Router
from infra.local.gateway.throttle import Throttle
from infra.local.gateway.variables import Variables

_logger = logging.getLogger(__name__)
_access_logger = logging.getLogger("infra.local.gateway.access")

_PACK_IN_THREAD_BYTES: Final = 64 * 1024


def create_gateway(
    definition: Mapping[str, Any], functions: Mapping[str, LambdaHandler], config: GatewayConfig
) -> Starlette:
    """Make an application that answers as API Gateway would for this Swagger document.

    `functions` are the handlers by CloudFormation logical id. Raises `DefinitionError` when the
    document cannot be run, or calls a function that has no handler.
    """
    api = _parse(definition, functions)
    pool = Functions(functions, config)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        pool.close()

    app = Starlette(lifespan=lifespan)
    # Starlette's routes match decoded paths; the gateway matches raw ones, so it takes everything.
    app.router.default = _Gateway(api, pool, config)
    return app


def _parse(document: Mapping[str, Any], functions: Mapping[str, LambdaHandler]) -> Api:
    api = definition.parse(document)
    if missing := sorted(api.functions() - set(functions)):
        raise definition.DefinitionError(
            f"the definition calls {', '.join(missing)}, but there are handlers only for "
            f"{', '.join(sorted(functions)) or 'none'}"
        )
    return api


class _Exchange:
    """One request on its way through: what later steps, and an error at any of them, refer to."""

    def __init__(self, request: IncomingRequest, config: GatewayConfig) -> None:
        self.request = request
        self.context = events.request_context(request, config)
        self.route = Route("", {})

    def variables(self) -> Variables:
        return Variables(self.request, self.context, self.route.path_parameters)


class _Gateway:
    """The ASGI application behind `create_gateway`."""

    def __init__(self, api: Api, functions: Functions, config: GatewayConfig) -> None:
        self._api = api
        self._functions = functions
        self._config = config
        self._router = Router(api.methods)
        self._authorizers = Authorizers(functions, GrantCache(config.authorizer_cache_entries))
        self._throttle = Throttle(config.throttling) if config.throttling else None
        self._minimum_compression_size = (
            config.minimum_compression_size
            if config.minimum_compression_size is not None
            else api.minimum_compression_size
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            # A REST API has no WebSockets.
            await send({"type": "websocket.close", "code": 1000})
            return
        started = time.monotonic()
        exchange = _Exchange(incoming.from_scope(scope), self._config)
        try:
            reply = await self._answer(exchange, receive)
        except ClientDisconnect:
            _log_access(exchange.request, "disconnected", 0, started)
            return
        self._config.observe(reply.status, time.monotonic() - started)
        headers, body = reply.to_asgi()
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        _log_access(exchange.request, str(reply.status), len(body), started)

    async def _answer(self, exchange: _Exchange, receive: Receive) -> Reply:
        """Make the response, errors of the gateway included."""
        try:
            reply = await self._process(exchange, receive)
        except GatewayError as error:
            reply = self._error(exchange, error)
        except ClientDisconnect:
            raise
        except Exception:
            _logger.exception("the gateway itself failed")
            reply = self._error(exchange, GatewayError("DEFAULT_5XX"))
        request = exchange.request
        return reply.with_headers(
            [
                ("x-amzn-RequestId", request.request_id),
                ("x-amz-apigw-id", request.extended_request_id),
            ]
        )

    def _error(self, exchange: _Exchange, error: GatewayError) -> Reply:
        return gateway_responses.render(error, self._api.gateway_responses, exchange.variables())

    async def _process(self, exchange: _Exchange, receive: Receive) -> Reply:
        """Route, authorize, check the API key, read the body, integrate: in API Gateway's order.

        What throttles is in line too, where it is switched on: WAF is asked before anything else
        ("Use AWS WAF to protect your REST APIs"), the usage plan after the authorizer (re:Post,
        "How can I use API Gateway logs for troubleshooting?"), and the method's own bucket after
        the usage plan's ("Throttle requests to your REST APIs for better throughput").
        """
        request = exchange.request
        if self._throttle is not None:
            await self._throttle.admit_client(request.source_ip, request.raw_path)
        request.check()
        method = self._find_method(exchange)
        if method.authorizer is not None:
            exchange.context["authorizer"] = await self._authorizers.authorize(
                method.authorizer,
                request.header(method.authorizer.header),
                events.method_arn(request, self._config),
            )
        if method.api_key_required:
            await self._check_api_key(exchange)
        if self._throttle is not None:
            self._throttle.admit_call(method.verb, method.resource)
        body = await incoming.read_body(request, receive)
        if isinstance(method.integration, MockIntegration):
            return integrations.run_mock(method.integration, exchange.variables())
        request, body = await self._decompressed(request, body)
        binary_types = self._api.binary_media_types
        event = events.proxy_event(request, exchange.route, exchange.context, body, binary_types)
        reply = await integrations.run_lambda(
            method.integration, self._functions, event, binary_types, request.header("accept")
        )
        return await self._compressed(request, reply)

    def _find_method(self, exchange: _Exchange) -> Method:
        """Find the method, or give API Gateway's odd answer for none.

        It takes such a call for an unsigned one to AWS itself: unknown path and verb alike.
        """
        route = self._router.match(exchange.request.raw_path)
        if route is None:
            raise GatewayError("MISSING_AUTHENTICATION_TOKEN")
        exchange.route = route
        verbs = self._api.methods[route.resource]
        method = verbs.get(exchange.request.method) or verbs.get(ANY_VERB)
        if method is None:
            raise GatewayError("MISSING_AUTHENTICATION_TOKEN")
        exchange.context.update(events.resource_context(method, route))
        return method

    async def _check_api_key(self, exchange: _Exchange) -> None:
        key = exchange.request.header("x-api-key")
        if key is None or key not in self._config.api_keys:
            raise GatewayError("INVALID_API_KEY")
        if self._throttle is not None:
            await self._throttle.admit_key(key)
        exchange.context["identity"].update(apiKey=key, apiKeyId="local")

    async def _decompressed(
        self, request: IncomingRequest, body: bytes
    ) -> tuple[IncomingRequest, bytes]:
        """Take the content coding off the body, and off the headers, which would now be wrong."""
        if self._minimum_compression_size is None or not body:
            return request, body
        # Several headers of a name are one list (RFC 9110, section 5.3): codings, one in the other.
        coding = ", ".join(request.header_values("content-encoding")) or None
        if len(body) < _PACK_IN_THREAD_BYTES:
            plain = compression.decompress(body, coding)
        else:
            plain = await asyncio.to_thread(compression.decompress, body, coding)
        return request.without_header("content-encoding"), plain

    async def _compressed(self, request: IncomingRequest, reply: Reply) -> Reply:
        accepted = request.header("accept-encoding")
        if not compression.should_compress(reply, accepted, self._minimum_compression_size):
            return reply
        if len(reply.body) < _PACK_IN_THREAD_BYTES:
            return compression.compress(reply, accepted)
        return await asyncio.to_thread(compression.compress, reply, accepted)


def _log_access(request: IncomingRequest, outcome: str, size: int, started: float) -> None:
    """One line a request. The query string stays out of it: it may hold what logs must not."""
    _access_logger.info(
        "%s %s %s %s %d B %d ms %s",
        request.source_ip,
        request.method,
        request.raw_path,
        outcome,
        size,
        int((time.monotonic() - started) * 1000),
        request.request_id,
    )
