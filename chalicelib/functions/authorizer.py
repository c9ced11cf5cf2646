"""The authorizer: API Gateway asks it who a bearer token is, and keeps the answer for minutes.

It starts with PyJWT and nothing else heavy: not with Chalice, to which `guard` declares it, and it
logs with the standard library. The function's JSON log format makes one JSON object of each line.
"""

import logging
import re
from collections.abc import Mapping
from typing import Any

from chalicelib.errors import Unauthenticated
from chalicelib.functions.init_phase import prepare
from chalicelib.http.bearer_tokens import bearer_token
from chalicelib.sign_in import load_tokens, token_verifier

_log = logging.getLogger("authorizer")

# What a route's own segments are made of. Others may be secrets, as a ticket's code is.
_OWN_SEGMENT = re.compile(r"[a-z.-]*")
_ANY_SEGMENT = "*"


class Unauthorized(Exception):
    """What API Gateway turns into a 401; its text must be exactly this word."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def jwt_authorizer(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Admit whoever holds a valid token to every route.

    The answer is kept per token and used for the caller's next route too, so it cannot tell
    routes apart: the role travels in the context and the views decide.
    """
    method_arn = event["methodArn"]
    try:
        caller = token_verifier().verify(bearer_token(event["authorizationToken"]))
    except Unauthenticated as error:
        _log_refusal(str(error), method_arn)
        raise Unauthorized from error
    return {
        "principalId": caller.user_id,
        "policyDocument": _admission(method_arn),
        "context": {
            "role": caller.role,
            "sessionId": caller.session_id,
            "expiresAt": str(caller.expires_at),
        },
    }


def _admission(method_arn: str) -> dict[str, Any]:
    """Return the policy that admits to every route of the API's stage that was asked for."""
    api, stage, *_ = method_arn.split("/")
    everything = [f"{api}/{stage}/*/*"]
    allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": everything}
    return {"Version": "2012-10-17", "Statement": [allowed]}


def _log_refusal(reason: str, method_arn: str) -> None:
    # Whoever is admitted does not wait for this.
    from chalicelib.redaction import redacted

    # The path as it was sent may hold a ticket's code.
    route = redacted(_route(method_arn))
    details = {"kind": "security", "reason": redacted(reason), "route": route}
    _log.warning("token_refused", extra=details)


def _route(method_arn: str) -> str:
    """Return the verb and path out of `arn:…:api-id/stage/GET/api/auth/me`, without what may name
    somebody or let somebody in.
    """
    _, _, route = method_arn.partition("/")
    _, _, verb_and_path = route.partition("/")
    verb, _, path = verb_and_path.partition("/")
    shown = (each if _OWN_SEGMENT.fullmatch(each) else _ANY_SEGMENT for each in path.split("/"))
    return f"{verb} /{'/'.join(shown)}"


prepare(f"{__name__}.jwt_authorizer", load_tokens)
