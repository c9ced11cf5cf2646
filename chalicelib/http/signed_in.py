"""Callers of routes that serve both who is signed in and who is not. API Gateway's authorizer knows
no "may": it would turn away whoever sends no token. So these routes have none, and check the token
themselves.
"""

from chalicelib import log_context, sign_in
from chalicelib.domain.identity import Caller
from chalicelib.errors import Unauthenticated
from chalicelib.http.bearer_tokens import bearer_token
from chalicelib.http.requests import ApiRequest


def optional_caller(request: ApiRequest) -> Caller | None:
    """Return who is calling, or None where no token was sent.

    Raises `Unauthenticated` for a bad token: who sent one counts on being known. What is wrong with
    it is told to the log only. Raises `Unavailable` where tokens cannot be checked.
    """
    header = request.header("Authorization")
    if header is None:
        return None
    try:
        caller = sign_in.token_verifier().verify(bearer_token(header))
    except Unauthenticated as error:
        raise Unauthenticated("the token is not valid, or not any more") from error
    log_context.bind_user(caller.user_id, caller.role)
    return caller


def required_caller(request: ApiRequest) -> Caller:
    """Return who is calling; raises as `optional_caller` does, and where no token was sent."""
    caller = optional_caller(request)
    if caller is None:
        raise Unauthenticated("sign in to do this")
    return caller
