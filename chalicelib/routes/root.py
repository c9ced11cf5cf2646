"""The front door."""

from chalice.app import Response

from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.operations import Answer, Operation, Tag
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import json_response
from chalicelib.version import VERSION

blueprint = ApiBlueprint(__name__)


@blueprint.api(
    "/",
    describes=Operation(
        summary="What this is",
        tag=Tag.OPERATIONS,
        answers=(Answer("The name, the version, and where to read on.", model="Greeting"),),
    ),
)
def root(_request: ApiRequest) -> Response:
    """Say what this is, and where its documentation is."""
    return json_response(
        {"message": "Events API", "version": VERSION, "documentation": "/api/docs"}
    )
