"""The issuer's keys: kept across their rotation and the issuer's outages."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.adapters import tokens
from chalicelib.adapters.tokens import SigningKeys, TokenVerifier
from chalicelib.errors import Unauthenticated, Unavailable
from chalicelib.settings import AuthorizerSettings
from tests.support.http_server import LocalServer, Received, Reply, closed_port, hanging, serving
from tests.support.tokens import ISSUER, SigningKey, a_token, ec_key, jwks, rsa_key

FRESH, PAUSE, OUTAGE_PAUSE = 300, 60, 5


def publishing(*keys: SigningKey) -> Callable[[Received], Reply]:
    return lambda _: Reply(200, jwks(*keys), {"Content-Type": "application/json"})


def failing(status: int = 503, body: bytes = b"") -> Callable[[Received], Reply]:
    return lambda _: Reply(status, body)


class Issuer:
    """An issuer that serves its keys, and the keys as they are kept, with a clock in hand."""

    def __init__(self, server: LocalServer) -> None:
        self.server = server
        self.now = 5_000.0
        self.keys = SigningKeys(f"{server.url}/.well-known/jwks.json", lambda: self.now)

    @property
    def fetches(self) -> int:
        return len(self.server.received)

    def knows(self, key: SigningKey) -> bool:
        try:
            found = self.keys.get(key.key_id)
        except Unauthenticated:
            return False
        assert found.key_id == key.key_id
        return True


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving(publishing(rsa_key(), ec_key())) as server:
        yield Issuer(server)


def test_keys_are_fetched_on_first_use_and_once(issuer: Issuer) -> None:
    assert issuer.fetches == 0
    assert issuer.knows(rsa_key())
    assert issuer.knows(ec_key())
    assert issuer.fetches == 1
    assert issuer.server.received[0].path == "/.well-known/jwks.json"


def test_known_keys_are_kept_for_five_minutes(issuer: Issuer) -> None:
    issuer.knows(rsa_key())
    issuer.now += FRESH - 1
    assert issuer.knows(rsa_key())
    assert issuer.fetches == 1


def test_a_key_that_is_taken_back_is_refused_after_five_minutes(issuer: Issuer) -> None:
    issuer.knows(rsa_key())
    issuer.server.answer = publishing(ec_key())
    issuer.now += FRESH
    assert not issuer.knows(rsa_key())
    assert issuer.fetches == 2


def test_a_rotated_key_is_taken_after_a_minute_at_most(issuer: Issuer) -> None:
    issuer.knows(rsa_key())
    issuer.server.answer = publishing(rsa_key(), rsa_key("rsa-2"))
    issuer.now += PAUSE
    assert issuer.knows(rsa_key("rsa-2"))
    assert issuer.fetches == 2


def test_unknown_keys_make_one_fetch_a_minute_however_many_come(issuer: Issuer) -> None:
    issuer.knows(rsa_key())
    for _ in range(3):
        issuer.now += PAUSE - 1
        assert not issuer.knows(rsa_key("rsa-2"))
        issuer.now += 1
        for number in range(20):
            with pytest.raises(Unauthenticated):
                issuer.keys.get(f"made-up-{number}")
    assert issuer.fetches == 4


def test_a_first_unknown_key_costs_no_second_fetch(issuer: Issuer) -> None:
    assert not issuer.knows(rsa_key("rsa-2"))
    assert not issuer.knows(rsa_key("rsa-2"))
    assert issuer.fetches == 1


@pytest.mark.parametrize("answer", [failing(503), failing(200, b"<html>"), failing(404)])
def test_an_outage_costs_no_one_access_whose_key_is_known(
    issuer: Issuer, answer: Callable[[Received], Reply]
) -> None:
    issuer.knows(rsa_key())
    issuer.server.answer = answer
    for _ in range(5):
        issuer.now += FRESH
        assert issuer.knows(rsa_key())
    assert issuer.fetches == 6


def test_an_outage_admits_nobody_new(issuer: Issuer) -> None:
    issuer.knows(rsa_key())
    issuer.server.answer = failing()
    issuer.now += FRESH
    assert not issuer.knows(rsa_key("rsa-2"))


def test_an_issuer_that_is_down_is_asked_every_five_seconds_at_most(issuer: Issuer) -> None:
    issuer.knows(rsa_key())
    issuer.server.answer = failing()
    issuer.now += FRESH
    for _ in range(10):
        assert issuer.knows(rsa_key())
    assert issuer.fetches == 2
    issuer.now += OUTAGE_PAUSE
    assert issuer.knows(rsa_key())
    assert issuer.fetches == 3


def test_keys_that_were_never_fetched_are_no_reason_to_refuse_a_token(issuer: Issuer) -> None:
    issuer.server.answer = failing()
    for _ in range(3):
        with pytest.raises(Unavailable):
            issuer.keys.get("rsa-1")
    assert issuer.fetches == 1
    issuer.now += OUTAGE_PAUSE
    issuer.server.answer = publishing(rsa_key())
    assert issuer.knows(rsa_key())


def test_an_issuer_that_nobody_listens_for_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        SigningKeys(f"{closed_port()}/keys").get("rsa-1")


def test_an_issuer_that_hangs_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_JWKS_TIMEOUT_SECONDS", 0.05)
    with hanging() as server, pytest.raises(Unavailable):
        SigningKeys(server.url).get("rsa-1")


@pytest.mark.own_limits
def test_an_issuer_is_not_waited_for_longer_than_three_seconds() -> None:
    assert tokens._JWKS_TIMEOUT_SECONDS == 3.0


NO_JWKS = [
    b"",
    b"<html>Sign in</html>",
    b"\xff\xfe",
    b"null",
    b"[]",
    b"5",
    b'"keys"',
    b"{}",
    b'{"keys": []}',
    b'{"keys": {}}',
    b'{"keys": "x"}',
    b'{"keys": ["x", 5, null, []]}',
    b'{"keys": [{"kid": "rsa-1"}]}',
    b'{"keys": [{"kty": "RSA", "kid": "rsa-1", "n": 5, "e": "AQAB"}]}',
    b'{"keys": [{"kty": "RSA", "kid": "rsa-1", "alg": ["RS256"], "n": "", "e": ""}]}',
    b'{"keys": [{"kty": {"a": 1}, "kid": "rsa-1"}]}',
    b'{"keys": [{"kty": "RSA", "kid": "rsa-1", "alg": "none"}]}',
    b'{"keys": ' + b"[" * 50_000,
]


@pytest.mark.parametrize("body", NO_JWKS, ids=range(len(NO_JWKS)))
def test_what_is_no_set_of_keys_costs_no_one_access(issuer: Issuer, body: bytes) -> None:
    issuer.knows(rsa_key())
    issuer.server.answer = failing(200, body)
    issuer.now += FRESH
    assert issuer.knows(rsa_key())


@pytest.mark.parametrize("body", NO_JWKS, ids=range(len(NO_JWKS)))
def test_what_is_no_set_of_keys_admits_nobody(issuer: Issuer, body: bytes) -> None:
    issuer.server.answer = failing(200, body)
    with pytest.raises((Unavailable, Unauthenticated)):
        issuer.keys.get("rsa-1")


def published(**changes: Any) -> dict[str, Any]:
    key = {**rsa_key("odd").public, **changes}
    return {name: value for name, value in key.items() if value is not None}


@pytest.mark.parametrize(
    "odd",
    [
        published(use="enc"),
        published(alg="RS512"),
        published(alg="HS256"),
        published(kid=None),
        published(kid=""),
        published(kid=["odd"]),
        published(kid=5),
        {"kty": "oct", "kid": "odd", "k": "c2VjcmV0"},
        {"kty": "oct", "kid": "odd", "alg": "RS256", "k": "c2VjcmV0"},
        {"kty": "EC", "kid": "odd", "crv": "P-384", "x": "AA", "y": "AA"},
    ],
)
def test_a_key_that_is_not_for_our_signatures_is_left_out(
    issuer: Issuer, odd: dict[str, Any]
) -> None:
    body = json.dumps({"keys": [odd, dict(rsa_key().public)]}).encode()
    issuer.server.answer = failing(200, body)
    assert issuer.knows(rsa_key())
    assert not issuer.knows(rsa_key("odd"))


def test_a_redirect_of_the_issuer_is_not_followed(issuer: Issuer) -> None:
    with serving(publishing(rsa_key())) as elsewhere:
        issuer.server.answer = lambda _: Reply(302, b"", {"Location": elsewhere.url})
        with pytest.raises(Unavailable):
            issuer.keys.get("rsa-1")
        assert elsewhere.received == []


def test_a_verifier_fetches_the_keys_that_its_settings_name(issuer: Issuer) -> None:
    settings = AuthorizerSettings(ISSUER, f"{issuer.server.url}/keys", (), (), ("role",))
    assert TokenVerifier(settings).verify(a_token(rsa_key())).user_id == "user_1"
    assert [request.path for request in issuer.server.received] == ["/keys"]
