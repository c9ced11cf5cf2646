"""The authorizer as Chalice knows it: what routes name as theirs, and what is packaged.

Lambda starts `authorizer` itself, which does without Chalice.
"""

from typing import Any

from chalice.app import AuthRequest, Blueprint

from chalicelib.functions import authorizer

_KEEP_SECONDS = 300

# What is declared here is deployed as that module's function of the same name.
blueprint = Blueprint(authorizer.__name__)


@blueprint.authorizer(ttl_seconds=_KEEP_SECONDS)
def jwt_authorizer(request: AuthRequest) -> dict[str, Any]:
    """Answer as the deployed function does."""
    asked = {"authorizationToken": request.token, "methodArn": request.method_arn}
    return authorizer.jwt_authorizer(asked, None)
