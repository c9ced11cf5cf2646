"""Preflights: what a browser asks before it sends a request that a plain form could not.

API Gateway's mock integration knows one fixed origin only, so preflights come to the app, which
knows the list. They ask for no token and are good for ten minutes.
"""

from collections.abc import Sequence

from chalice.app import Chalice, Response

from chalicelib import wiring
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.headers import preflight_headers
from chalicelib.http.requests import ApiRequest

# What no other path matches: a page that asks for a wrong path should read a 404, not a CORS error.
ANY_PATH = "/{proxy+}"


def add_preflights(app: Chalice, paths: Sequence[str]) -> None:
    """Answer OPTIONS on these paths."""
    blueprint = ApiBlueprint(__name__)
    blueprint.api(*paths, describes=None, methods=("OPTIONS",))(preflight)
    app.register_blueprint(blueprint)


def preflight(request: ApiRequest) -> Response:
    """Answer a preflight."""
    headers = preflight_headers(wiring.http_settings(), request.header("Origin"))
    return Response("", {**headers}, 204)
