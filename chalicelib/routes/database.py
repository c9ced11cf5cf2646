"""Filling and emptying a stage that is there for trying things out. Production never serves it."""

from chalice.app import Response

from chalicelib import wiring
from chalicelib.domain.identity import Caller
from chalicelib.errors import Forbidden
from chalicelib.functions.authorizer import jwt_authorizer
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import json_response

blueprint = ApiBlueprint(__name__)


@blueprint.api(
    "/admin/database/reset",
    "/api/admin/database/reset",
    methods=("POST",),
    authorizer=jwt_authorizer,
)
def reset_database(request: ApiRequest) -> Response:
    """Replace everything by the sample data."""
    admin = _allowed_admin(request)
    cities, events = wiring.sample_data().reset(admin.user_id)
    return json_response({"message": "the sample data is in", "cities": cities, "events": events})


@blueprint.api(
    "/admin/database/truncate",
    "/api/admin/database/truncate",
    methods=("DELETE",),
    authorizer=jwt_authorizer,
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
