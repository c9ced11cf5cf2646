"""Filling and emptying a stage that is there for trying things out. Production never serves it."""

from chalice.app import Response

from chalicelib import wiring
from chalicelib.domain.identity import Caller
from chalicelib.errors import Forbidden
from chalicelib.functions.guard import jwt_authorizer
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.operations import Answer, Operation, Tag
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import json_response

blueprint = ApiBlueprint(__name__)


@blueprint.api(
    "/api/admin/database/reset",
    "/admin/database/reset",
    methods=("POST",),
    authorizer=jwt_authorizer,
    describes=Operation(
        summary="Put the sample data in",
        tag=Tag.ADMIN_DATABASE,
        answers=(Answer("The sample data is in.", model="DatabaseReset"),),
    ),
)
def reset_database(request: ApiRequest) -> Response:
    """Replace everything by the sample data."""
    admin = _allowed_admin(request)
    cities, events = wiring.sample_data().reset(admin.user_id)
    return json_response({"message": "the sample data is in", "cities": cities, "events": events})


@blueprint.api(
    "/api/admin/database/truncate",
    "/admin/database/truncate",
    methods=("DELETE",),
    authorizer=jwt_authorizer,
    describes=Operation(
        summary="Take everything out",
        tag=Tag.ADMIN_DATABASE,
        answers=(Answer("Everything is deleted.", model="DatabaseTruncated"),),
    ),
)
def truncate_database(request: ApiRequest) -> Response:
    """Delete everything."""
    admin = _allowed_admin(request)
    erased = wiring.sample_data().truncate(admin.user_id)
    return json_response({"message": "everything is deleted", "deleted": erased})


def _allowed_admin(request: ApiRequest) -> Caller:
    admin = request.admin()
    if not wiring.admin_settings().allow_database_reset:
        raise Forbidden("this stage does not allow it")
    return admin
