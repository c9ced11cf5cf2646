"""The one place where views are wrapped: errors become responses here, and every response gets
the headers that the contract promises. Chalice would turn a domain error in a view into a bare
500, and lose headers of responses that middleware makes.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from chalice.app import Blueprint, Response

from chalicelib import log_context, wiring
from chalicelib.errors import ConfigurationError, EventsApiError, Forbidden, Unauthenticated
from chalicelib.http.headers import NO_STORE, SECURITY_HEADERS, cors_headers, vary
from chalicelib.http.operations import Operation, RouteDescription, attach
from chalicelib.http.problems import (
    INTERNAL_ERROR,
    INTERNAL_MESSAGE,
    error_body,
    error_headers,
    problem_body,
)
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import json_response

View = Callable[[ApiRequest], Response]


class ApiBlueprint(Blueprint):
    """A blueprint whose views take an `ApiRequest`, raise domain errors and return responses."""

    def api(
        self,
        *paths: str,
        describes: Operation | None,
        methods: tuple[str, ...] = ("GET",),
        authorizer: Any = None,  # noqa: ANN401 - Chalice's authorizers share no public type
        needs_api_key: bool = False,
    ) -> Callable[[View], View]:
        """Register a view under a path, and under older names of it.

        `describes` is None for preflights only: every other route is in the OpenAPI document.
        Chalice's own CORS and content-type checks are off: they answer in another shape. `http`
        does both. With `needs_api_key` API Gateway asks for a key of the usage plan (`X-Api-Key`).
        """

        def register(view: View) -> View:
            handler = self._handler(view, describes)
            if describes is not None:
                attach(handler, RouteDescription.of(view, describes, paths, methods))
            for path in paths:
                self.route(
                    path,
                    methods=list(methods),
                    authorizer=authorizer,
                    api_key_required=needs_api_key,
                    cors=False,
                    content_types=[],
                )(handler)
            return view

        return register

    def _handler(self, view: View, operation: Operation | None) -> Callable[..., Response]:
        described = None if operation is None else operation.reads()

        @wraps(view)
        def handler(**path: str) -> Response:
            request = ApiRequest(self.current_request, path, described)
            log_context.bind_request(request.id)
            if request.user_id is not None:
                log_context.bind_user(request.user_id, request.role)
            try:
                cors = cors_headers(wiring.http_settings(), request.header("Origin"))
            except ConfigurationError as error:
                return _finished(_error_response(error, request), request, {})
            return _finished(_answer(view, request), request, cors)

        return handler


def _answer(view: View, request: ApiRequest) -> Response:
    try:
        return view(request)
    except EventsApiError as error:
        return _error_response(error, request)
    except Exception:  # noqa: BLE001 - whatever it is, the client gets the contract's shape
        wiring.log().crash("unexpected_error", {"route": request.method_and_path})
        body = problem_body(INTERNAL_ERROR, INTERNAL_MESSAGE, request.id)
        return json_response(body, INTERNAL_ERROR.status.value)


def _error_response(error: EventsApiError, request: ApiRequest) -> Response:
    problem, body = error_body(error, request.id)
    if isinstance(error, Unauthenticated | Forbidden):
        wiring.log().security(
            "request_refused",
            {
                "by": request.user_id,
                "route": request.method_and_path,
                "code": problem.code,
                # What is wrong with a token is for us to know, and only its cause says it.
                "reason": str(error.__cause__ or error),
            },
        )
        wiring.meter().count("RequestRefused")
    elif problem.status >= INTERNAL_ERROR.status:
        wiring.log().crash(
            "request_failed", {"route": request.method_and_path, "code": problem.code}
        )
    return json_response(body, problem.status.value, error_headers(error))


def _finished(response: Response, request: ApiRequest, cors: dict[str, str]) -> Response:
    response.headers = {
        **NO_STORE,
        **SECURITY_HEADERS,
        **cors,
        **response.headers,
        **vary(cors.get("Vary"), response.headers.get("Vary")),
        "X-Request-Id": request.id,
    }
    return response
