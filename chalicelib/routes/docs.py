"""The documentation: the OpenAPI document as it is packaged, and Swagger UI, which shows it.

Swagger UI's files are Powertools' own; they are read and served, and the package is not imported.
All addresses in the page are relative, so that it works under a stage's prefix too.
"""

import secrets
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from string import Template

from chalice.app import Response

from chalicelib.errors import NotFound
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.entity_tags import content_tag, has_current
from chalicelib.http.operations import (
    IF_NONE_MATCH,
    JSON,
    Answer,
    Operation,
    PathParameter,
    Tag,
    cacheable,
)
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import Headers

blueprint = ApiBlueprint(__name__)

_STATIC = Path(__file__).resolve().parents[1] / "static"
_HTML, _SCRIPT, _STYLE = "text/html", "text/javascript", "text/css"
_SCRIPT_NAME, _STYLE_NAME = "swagger-ui-bundle.min.js", "swagger-ui.min.css"
_ASSETS = {_SCRIPT_NAME: _SCRIPT, _STYLE_NAME: _STYLE}

ASSET = PathParameter(
    "asset",
    "The file's name.",
    example=_STYLE_NAME,
    schema={"type": "string", "enum": list(_ASSETS)},
)

# It changes with every deployment that changes a route, so it is asked for again each time.
_ASK_AGAIN = "no-cache"
# The page asks for a file by what is in it, so what is kept is never out of date.
_FOR_EVER = "public, max-age=31536000, immutable"


@blueprint.api(
    "/api/openapi.json",
    describes=Operation(
        summary="The OpenAPI document",
        tag=Tag.OPERATIONS,
        parameters=(IF_NONE_MATCH,),
        answers=cacheable("This document.", "OpenApiDocument"),
    ),
)
def openapi_document(request: ApiRequest) -> Response:
    """Show this document."""
    text = _read(_STATIC / "openapi.json")
    return _file(request, text, JSON, _ASK_AGAIN)


@blueprint.api(
    "/api/docs",
    describes=Operation(
        summary="The documentation page",
        tag=Tag.OPERATIONS,
        answers=(Answer("Swagger UI, showing this document.", media_type=_HTML),),
    ),
)
def documentation_page(request: ApiRequest) -> Response:
    """Show this document to people, who can try the API out in it."""
    nonce = secrets.token_urlsafe(16)
    page = Template(_read(_STATIC / "docs.html")).substitute(
        nonce=nonce,
        # Relative addresses are of what is before the last slash.
        above="../" if request.ends_with_slash else "",
        script_version=_version(_SCRIPT_NAME),
        style_version=_version(_STYLE_NAME),
    )
    headers: Headers = {
        "Content-Type": f"{_HTML}; charset=utf-8",
        "Content-Security-Policy": _page_policy(nonce),
    }
    return Response(page, headers, 200)


@blueprint.api(
    "/api/docs/{asset}",
    describes=Operation(
        summary="A file of the documentation page",
        tag=Tag.OPERATIONS,
        parameters=(ASSET, IF_NONE_MATCH),
        answers=(
            *cacheable("The script.", None, media_type=_SCRIPT),
            *cacheable("The style sheet.", None, media_type=_STYLE),
        ),
        errors=(NotFound,),
    ),
)
def documentation_asset(request: ApiRequest) -> Response:
    """Serve Swagger UI's script or style sheet, and no other file."""
    name = request.path(ASSET.name)
    if name not in _ASSETS:
        raise NotFound("no such file")
    return _file(request, _asset(name), _ASSETS[name], _FOR_EVER)


def _page_policy(nonce: str) -> str:
    """Return the narrowest policy under which the page works (CSP Level 3): scripts and styles that
    carry this response's nonce, pictures inside the style sheet, and calls of this very API.
    """
    own = f"'nonce-{nonce}'"
    return (
        f"default-src 'none'; script-src {own}; style-src {own}; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _file(request: ApiRequest, text: str, media_type: str, cache_control: str) -> Response:
    tag = content_tag(text)
    headers: Headers = {"Cache-Control": cache_control, "ETag": tag}
    if has_current(request, tag):
        return Response("", headers, 304)
    # JSON is UTF-8 by itself (RFC 8259, section 8.1).
    charset = "" if media_type == JSON else "; charset=utf-8"
    return Response(text, {**headers, "Content-Type": f"{media_type}{charset}"}, 200)


@cache
def _version(name: str) -> str:
    return content_tag(_asset(name)).strip('"')


def _asset(name: str) -> str:
    package = find_spec("aws_lambda_powertools")
    assert package is not None
    assert package.submodule_search_locations
    folder = Path(package.submodule_search_locations[0])
    return _read(folder / "event_handler" / "openapi" / "swagger_ui" / name)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
