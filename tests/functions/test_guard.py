"""Chalice's declaration of the authorizer: it is deployed by it, and both give one answer."""

from collections.abc import Iterator
from typing import Any

import pytest

from app import app
from chalicelib.functions import authorizer, guard
from tests.support.http_server import LocalServer, Reply, serving
from tests.support.tokens import a_token, jwks, rsa_key

METHOD_ARN = "arn:aws:execute-api:eu-central-1:123456789012:abc123/api/GET/api/auth/me"


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalServer]:
    with serving(lambda _: Reply(200, jwks(rsa_key()))) as server:
        monkeypatch.setenv("JWT_JWKS_URL", server.url)
        yield server


def asked(token: str) -> dict[str, Any]:
    return {"type": "TOKEN", "authorizationToken": f"Bearer {token}", "methodArn": METHOD_ARN}


@pytest.mark.usefixtures("issuer")
def test_both_give_one_answer() -> None:
    event = asked(a_token(rsa_key()))
    answer = authorizer.jwt_authorizer(event, None)
    assert answer["principalId"] == "user_1"
    assert guard.jwt_authorizer(event, {}) == answer


@pytest.mark.usefixtures("issuer")
def test_both_refuse_alike() -> None:
    for handler in (authorizer.jwt_authorizer, guard.jwt_authorizer):
        with pytest.raises(authorizer.Unauthorized, match=r"^Unauthorized$"):
            handler(asked("x.y.z"), {})


def test_what_is_declared_is_deployed_as_the_plain_function() -> None:
    (declared,) = app.builtin_auth_handlers
    module, _, name = declared.handler_string.rpartition(".")
    assert (module, name) == (authorizer.__name__, authorizer.jwt_authorizer.__name__)
