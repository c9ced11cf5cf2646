"""Preflights: what a browser asks before it sends a request that a plain form could not.

API Gateway's mock integration knows one fixed origin only, so preflights come to the app, which
knows the list. They ask for no token and are good for ten minutes.
"""

from chalice.app import Chalice, Response

from chalicelib import wiring
from chalicelib.http.headers import NO_STORE, SECURITY_HEADERS, preflight_headers

# What no other path matches: a page that asks for a wrong path should read a 404, not a CORS error.
ANY_PATH = "/{proxy+}"


def add_preflights(app: Chalice, *other_paths: str) -> None:
    """Answer OPTIONS on every path of the app, on other functions' and on those of nobody."""

    def preflight(**_path: str) -> Response:
        """Answer a preflight."""
        request = app.current_request
        assert request is not None
        settings = wiring.http_settings()
        headers = {
            **NO_STORE,
            **SECURITY_HEADERS,
            **preflight_headers(settings, request.headers.get("Origin")),
            "X-Request-Id": request.context.get("requestId", ""),
        }
        return Response("", headers, 204)

    for path in [*app.routes, *other_paths, ANY_PATH]:
        app.route(path, methods=["OPTIONS"], cors=False, content_types=[])(preflight)
