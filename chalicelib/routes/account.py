"""Who is signed in."""

from datetime import UTC, datetime

from chalice.app import Response

from chalicelib.domain.clock import to_iso
from chalicelib.functions.guard import jwt_authorizer
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.operations import Answer, Operation, Tag
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import json_response

blueprint = ApiBlueprint(__name__)


@blueprint.api(
    "/api/auth/me",
    authorizer=jwt_authorizer,
    describes=Operation(
        summary="Who am I?",
        tag=Tag.ACCOUNT,
        answers=(Answer("The caller.", model="Caller"),),
    ),
)
def me(request: ApiRequest) -> Response:
    """Show the caller as the token describes them."""
    caller = request.caller()
    return json_response(
        {
            "userId": caller.user_id,
            "role": caller.role or None,
            "sessionId": caller.session_id or None,
            "expiresAt": to_iso(datetime.fromtimestamp(caller.expires_at, UTC)),
        }
    )
