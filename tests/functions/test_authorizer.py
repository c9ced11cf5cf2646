"""The authorizer, as Lambda calls it: by the handler string that is packaged."""

import importlib
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib import sign_in
from tests.support.http_server import LocalServer, Reply, closed_port, serving
from tests.support.tokens import a_token, ec_key, jwks, rsa_key

HANDLER = "chalicelib.functions.authorizer.jwt_authorizer"
METHOD_ARN = "arn:aws:execute-api:eu-central-1:123456789012:abc123/api/GET/api/auth/me"


def handler() -> Callable[[dict[str, Any], object], dict[str, Any]]:
    module, _, name = HANDLER.rpartition(".")
    found: Callable[[dict[str, Any], object], dict[str, Any]] = getattr(
        importlib.import_module(module), name
    )
    return found


def authorize(header: str) -> dict[str, Any]:
    event = {"type": "TOKEN", "authorizationToken": header, "methodArn": METHOD_ARN}
    return handler()(event, None)


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalServer]:
    with serving(lambda _: Reply(200, jwks(rsa_key(), ec_key()))) as server:
        monkeypatch.setenv("JWT_JWKS_URL", f"{server.url}/keys")
        yield server


def test_a_good_token_is_admitted_to_every_route(issuer: LocalServer) -> None:
    policy = authorize(f"Bearer {a_token(rsa_key(), exp=4_000_000_000)}")
    assert policy == {
        "principalId": "user_1",
        "context": {"role": "admin", "sessionId": "sess_1", "expiresAt": "4000000000"},
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    "Resource": ["arn:aws:execute-api:eu-central-1:123456789012:abc123/api/*/*"],
                }
            ],
        },
    }


def test_a_token_without_role_and_session_has_empty_strings(issuer: LocalServer) -> None:
    context = authorize(f"Bearer {a_token(ec_key(), role=None, sid=None)}")["context"]
    assert (context["role"], context["sessionId"]) == ("", "")
    # API Gateway takes strings, numbers and booleans only; the views count on strings.
    assert all(isinstance(value, str) for value in context.values())


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", " Bearer", "Bearer  "])
def test_the_schemes_case_and_spaces_do_not_count(issuer: LocalServer, scheme: str) -> None:
    assert authorize(f"{scheme} {a_token(rsa_key())}")["principalId"] == "user_1"


def test_the_keys_are_fetched_once_for_many_tokens(issuer: LocalServer) -> None:
    for number in range(3):
        authorize(f"Bearer {a_token(rsa_key(), sub=f'user_{number}')}")
    assert len(issuer.received) == 1


def is_unauthorized(header: str) -> bool:
    with pytest.raises(Exception) as refused:  # noqa: PT011 - Lambda knows no types, only texts
        authorize(header)
    return str(refused.value) == "Unauthorized"


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Token abc",
        "Bearer null",
        "Bearer a.b.c",
        "Bearer a b",
        "Bearer\tabc",
        "Bearer \ud800",
        "Bearer " + "x" * 100_000,
    ],
)
def test_no_token_is_unauthorized(issuer: LocalServer, header: str) -> None:
    assert is_unauthorized(header)


def test_a_token_without_its_scheme_is_unauthorized(issuer: LocalServer) -> None:
    assert is_unauthorized(a_token(rsa_key()))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1},
        {"nbf": 4_000_000_000},
        {"iss": "https://evil.example"},
        {"sub": None},
        {"sub": ""},
        {"exp": None},
    ],
)
def test_a_bad_token_is_unauthorized(issuer: LocalServer, changes: dict[str, Any]) -> None:
    assert is_unauthorized(f"Bearer {a_token(rsa_key(), **changes)}")


def test_a_strangers_token_is_unauthorized(issuer: LocalServer) -> None:
    stranger = rsa_key("stranger")
    assert is_unauthorized(f"Bearer {a_token(stranger)}")
    assert is_unauthorized(f"Bearer {a_token(stranger, {'kid': 'rsa-1'})}")


def test_what_is_configured_is_checked(
    issuer: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_AUDIENCE", "api")
    monkeypatch.setenv("JWT_AUTHORIZED_PARTIES", "https://app.example")
    monkeypatch.setenv("JWT_ROLE_CLAIMS", "app.role")
    sign_in.token_verifier.cache_clear()
    good: dict[str, Any] = {"aud": "api", "azp": "https://app.example", "app": {"role": "editor"}}
    policy = authorize(f"Bearer {a_token(rsa_key(), **good)}")
    assert policy["context"]["role"] == "editor"
    for wrong in ({"aud": "other"}, {"azp": "https://evil.example"}, {"azp": None}):
        assert is_unauthorized(f"Bearer {a_token(rsa_key(), **{**good, **wrong})}")


def test_a_refusal_is_logged_without_the_token(
    issuer: LocalServer, caplog: pytest.LogCaptureFixture
) -> None:
    token = a_token(rsa_key(), exp=1)
    with caplog.at_level(logging.WARNING, logger="authorizer"):
        assert is_unauthorized(f"Bearer {token}")
    [record] = caplog.records
    assert (record.message, record.levelname) == ("token_refused", "WARNING")
    assert vars(record)["kind"] == "security"
    assert vars(record)["reason"] == "the token was refused: ExpiredSignatureError"
    assert not [
        piece for piece in token.split(".") if piece in json.dumps(vars(record), default=str)
    ]


@pytest.mark.parametrize("reply", [Reply(503), Reply(200, b"<html>")])
def test_keys_that_cannot_be_had_are_no_verdict_on_the_token(
    issuer: LocalServer, reply: Reply
) -> None:
    issuer.answer = lambda _: reply
    assert not is_unauthorized(f"Bearer {a_token(rsa_key())}")


def test_an_issuer_that_is_down_is_no_verdict_on_the_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JWT_JWKS_URL", closed_port())
    assert not is_unauthorized(f"Bearer {a_token(rsa_key())}")


def test_an_issuer_that_goes_down_locks_out_nobody_whose_key_is_known(
    issuer: LocalServer,
) -> None:
    authorize(f"Bearer {a_token(rsa_key())}")
    issuer.answer = lambda _: Reply(503)
    assert authorize(f"Bearer {a_token(rsa_key(), sub='user_2')}")["principalId"] == "user_2"
    assert is_unauthorized(f"Bearer {a_token(rsa_key('stranger'))}")


def test_a_missing_setting_is_no_verdict_on_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JWT_ISSUER")
    assert not is_unauthorized(f"Bearer {a_token(rsa_key())}")
