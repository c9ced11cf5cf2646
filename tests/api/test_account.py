"""`GET /api/auth/me`."""

import pytest

from tests.support.answers import problem
from tests.support.lambda_api import LambdaApi

CALLER = {
    "principalId": "user_7",
    "role": "admin",
    "sessionId": "sess_9",
    "expiresAt": "4102444800",
}


def test_the_caller_is_shown_as_the_token_describes_them(api: LambdaApi) -> None:
    answer = api.get("/api/auth/me", caller=CALLER)

    assert answer.status == 200
    assert answer.json == {
        "userId": "user_7",
        "role": "admin",
        "sessionId": "sess_9",
        "expiresAt": "2100-01-01T00:00:00.000Z",
    }


def test_what_the_token_does_not_tell_is_null(api: LambdaApi) -> None:
    shown = api.get("/api/auth/me", caller={**CALLER, "role": "", "sessionId": ""}).json

    assert (shown["role"], shown["sessionId"]) == (None, None)


def test_any_role_may_ask_who_it_is(api: LambdaApi) -> None:
    assert api.get("/api/auth/me", caller={**CALLER, "role": "user"}).json["role"] == "user"


@pytest.mark.parametrize("caller", [None, {}, {"principalId": "", "expiresAt": "4102444800"}])
def test_without_a_caller_it_is_a_401(api: LambdaApi, caller: dict[str, str] | None) -> None:
    answer = api.get("/api/auth/me", caller=caller)

    problem(answer, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == "Bearer"
