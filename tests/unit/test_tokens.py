"""Tokens: which are taken, whose they are, and every way to forge one that is known by name."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.tokens import SigningKeys, TokenVerifier
from chalicelib.domain.identity import Caller
from chalicelib.errors import Unauthenticated
from chalicelib.settings import DEFAULT_ROLE_CLAIMS, AuthorizerSettings
from tests.support.http_server import LocalServer, Reply, serving
from tests.support.tokens import ISSUER, SigningKey, a_token, claims, ec_key, jwks, rsa_key

NOW = 1_800_000_000


class StoppedClock(datetime):
    """The time that PyJWT compares a token's with."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "StoppedClock":
        return cls.fromtimestamp(NOW, tz or UTC)


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jwt.api_jwt.datetime", StoppedClock)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    body = jwks(rsa_key(), ec_key())
    with serving(lambda _: Reply(200, body)) as server:
        yield server


@pytest.fixture(scope="module")
def keys(server: LocalServer) -> SigningKeys:
    return SigningKeys(server.url)


def settings(**changes: Any) -> AuthorizerSettings:
    said = {
        "issuer": ISSUER,
        "jwks_url": "http://127.0.0.1:1/unused",
        "audiences": (),
        "authorized_parties": (),
        "role_claims": tuple(DEFAULT_ROLE_CLAIMS.split(",")),
        **changes,
    }
    return AuthorizerSettings(**said)


def token(key: SigningKey | None = None, headers: Any = None, **changes: Any) -> str:
    times = {"iat": NOW, "nbf": NOW, "exp": NOW + 600}
    return a_token(key or rsa_key(), headers, **{**times, **changes})


@pytest.fixture
def verifier(keys: SigningKeys) -> TokenVerifier:
    return TokenVerifier(settings(), keys)


def refusal(verifier: TokenVerifier, text: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        verifier.verify(text)
    return str(refused.value)


@pytest.mark.parametrize("key", [rsa_key(), ec_key()], ids=["RS256", "ES256"])
def test_a_good_token_says_who_it_is(verifier: TokenVerifier, key: SigningKey) -> None:
    caller = Caller("user_1", "admin", "sess_1", NOW + 600)
    assert verifier.verify(token(key)) == caller


def test_a_token_without_session_and_role_has_neither(verifier: TokenVerifier) -> None:
    caller = verifier.verify(token(sid=None, role=None))
    assert (caller.session_id, caller.role) == ("", "")


@pytest.mark.parametrize("sid", [5, ["s"], {"a": 1}, True])
def test_a_session_that_is_no_text_is_none(verifier: TokenVerifier, sid: Any) -> None:
    assert verifier.verify(token(sid=sid)).session_id == ""


@pytest.mark.parametrize(
    ("said", "role"),
    [
        ({"role": "admin"}, "admin"),
        ({"metadata": {"role": "admin"}}, "admin"),
        ({"public_metadata": {"role": "editor"}}, "editor"),
        ({"role": "user", "metadata": {"role": "admin"}}, "user"),
        ({"role": "", "metadata": {"role": "admin"}}, "admin"),
        ({"role": ["admin"]}, ""),
        ({"role": {"admin": True}}, ""),
        ({"role": True}, ""),
        ({"metadata": "admin"}, ""),
        ({"metadata": ["role", "admin"]}, ""),
        ({"metadata": {"role": {"role": "admin"}}}, ""),
        ({"metadata.role": "admin"}, ""),
        ({"private_metadata": {"role": "admin"}}, ""),
        ({}, ""),
    ],
)
def test_the_role_is_where_it_is_looked_for_and_nowhere_else(
    verifier: TokenVerifier, said: dict[str, Any], role: str
) -> None:
    assert verifier.verify(token(**{"role": None, **said})).role == role


def test_the_roles_place_can_be_configured(keys: SigningKeys) -> None:
    verifier = TokenVerifier(settings(role_claims=("app.access.role",)), keys)
    nested = {"access": {"role": "admin"}}
    assert verifier.verify(token(role="user", app=nested)).role == "admin"


@pytest.mark.parametrize(("past", "taken"), [(0, True), (4, True), (5, False), (600, False)])
def test_a_token_is_taken_until_five_seconds_after_its_end(
    verifier: TokenVerifier, past: int, taken: bool
) -> None:
    text = token(exp=NOW - past)
    if taken:
        assert verifier.verify(text).expires_at == NOW - past
    else:
        assert refusal(verifier, text) == "the token was refused: ExpiredSignatureError"


@pytest.mark.parametrize("claim", ["nbf", "iat"])
@pytest.mark.parametrize(("ahead", "taken"), [(0, True), (5, True), (6, False), (600, False)])
def test_a_token_is_not_taken_more_than_five_seconds_early(
    verifier: TokenVerifier, claim: str, ahead: int, taken: bool
) -> None:
    changes: dict[str, Any] = {claim: NOW + ahead}
    text = token(**changes)
    if taken:
        assert verifier.verify(text).user_id == "user_1"
    else:
        assert refusal(verifier, text) == "the token was refused: ImmatureSignatureError"


@pytest.mark.parametrize("claim", ["iss", "sub", "exp"])
def test_a_token_that_lacks_a_claim_is_refused(verifier: TokenVerifier, claim: str) -> None:
    assert refusal(verifier, token(**{claim: None})) == (
        "the token was refused: MissingRequiredClaimError"
    )


@pytest.mark.parametrize("sub", ["", 5, ["user_1"], {"a": 1}, False])
def test_a_token_of_nobody_is_refused(verifier: TokenVerifier, sub: Any) -> None:
    refusal(verifier, token(sub=sub))


@pytest.mark.parametrize("exp", ["soon", [], {}, float("inf"), float("nan"), -1, True])
def test_an_end_that_is_no_time_is_refused(verifier: TokenVerifier, exp: Any) -> None:
    refusal(verifier, token(exp=exp))


@pytest.mark.parametrize("exp", [253_402_300_800, 10**300])
def test_an_end_beyond_the_calendar_is_refused(verifier: TokenVerifier, exp: int) -> None:
    assert refusal(verifier, token(exp=exp)) == "the token's end is beyond the calendar"


@pytest.mark.parametrize("iss", ["https://evil.example", f"{ISSUER}/", ISSUER.upper(), ""])
def test_a_token_of_another_issuer_is_refused(verifier: TokenVerifier, iss: str) -> None:
    assert refusal(verifier, token(iss=iss)) == "the token was refused: InvalidIssuerError"


@pytest.mark.parametrize("iss", [[ISSUER], {ISSUER: 1}, 5, True])
def test_an_issuer_that_is_no_text_is_refused(verifier: TokenVerifier, iss: Any) -> None:
    payload = json.dumps({**good_claims(), "iss": iss}).encode()
    refusal(verifier, signed(payload))


@pytest.mark.parametrize("aud", ["api", ["api"], ["other", "admin"]])
def test_a_token_for_us_is_taken(keys: SigningKeys, aud: Any) -> None:
    verifier = TokenVerifier(settings(audiences=("api", "admin")), keys)
    assert verifier.verify(token(aud=aud)).user_id == "user_1"


@pytest.mark.parametrize("aud", [None, "other", ["other"], [], "", 5, {"api": 1}, "api "])
def test_a_token_for_others_is_refused(keys: SigningKeys, aud: Any) -> None:
    refusal(TokenVerifier(settings(audiences=("api", "admin")), keys), token(aud=aud))


def test_an_audience_does_not_count_where_none_is_configured(verifier: TokenVerifier) -> None:
    assert verifier.verify(token(aud="other")).user_id == "user_1"


def test_a_token_by_an_authorized_party_is_taken(keys: SigningKeys) -> None:
    verifier = TokenVerifier(settings(authorized_parties=("https://app.example",)), keys)
    assert verifier.verify(token(azp="https://app.example")).user_id == "user_1"


@pytest.mark.parametrize("azp", [None, "", "https://evil.example", ["https://app.example"], 5])
def test_a_token_by_another_party_is_refused(keys: SigningKeys, azp: Any) -> None:
    verifier = TokenVerifier(settings(authorized_parties=("https://app.example",)), keys)
    assert refusal(verifier, token(azp=azp)) == "the token's authorized party is not allowed"


def part(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def good_claims() -> dict[str, Any]:
    return claims(iat=NOW, nbf=NOW, exp=NOW + 600)


def signed(payload: bytes) -> str:
    key = rsa_key()
    return jwt.api_jws.encode(
        payload,
        key.private,
        key.algorithm,
        {"kid": key.key_id},
    )


def hmac_token(secret: bytes, header: dict[str, Any]) -> str:
    signed = f"{part(header)}.{part(good_claims())}"
    digest = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{part(digest)}"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("signature", ["", "AA"])
def test_a_token_without_a_signature_is_refused(
    verifier: TokenVerifier, algorithm: str, signature: str
) -> None:
    header = {"alg": algorithm, "kid": "rsa-1", "typ": "JWT"}
    text = f"{part(header)}.{part(good_claims())}.{signature}"
    assert refusal(verifier, text) == "the token's algorithm is not allowed"


def test_a_token_signed_with_the_public_key_is_refused(verifier: TokenVerifier) -> None:
    pem = rsa_key().public_pem()
    published = json.dumps(dict(rsa_key().public)).encode()
    for secret in (pem, pem.strip(), published):
        text = hmac_token(secret, {"alg": "HS256", "kid": "rsa-1", "typ": "JWT"})
        assert refusal(verifier, text) == "the token's algorithm is not allowed"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_public_key_is_no_secret_whatever_the_header_says(
    verifier: TokenVerifier, algorithm: str
) -> None:
    text = hmac_token(rsa_key().public_pem(), {"alg": algorithm, "kid": "rsa-1"})
    refusal(verifier, text)


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_another_algorithm_of_the_right_key_is_refused(
    verifier: TokenVerifier, algorithm: str
) -> None:
    text = jwt.encode(
        good_claims(),
        rsa_key().private,
        algorithm,
        {"kid": "rsa-1"},
    )
    assert refusal(verifier, text) == "the token's algorithm is not allowed"


def test_a_token_of_a_stranger_is_refused(verifier: TokenVerifier) -> None:
    stranger = rsa_key("stranger")
    assert refusal(verifier, token(stranger)) == "the token's key is unknown"
    posing = token(stranger, {"kid": "rsa-1"})
    assert refusal(verifier, posing) == "the token was refused: InvalidSignatureError"


def test_a_token_that_names_the_other_keys_algorithm_is_refused(verifier: TokenVerifier) -> None:
    refusal(verifier, token(ec_key(), {"kid": "rsa-1"}))
    refusal(verifier, token(rsa_key(), {"kid": "ec-1"}))


@pytest.mark.parametrize(
    "kid",
    [None, "", 0, 5, True, ["rsa-1"], {"a": "rsa-1"}, "RSA-1", "rsa-1 ", "rsa-1\x00", "../rsa-1",
     "/dev/null", "' OR '1'='1", "rsa-1' UNION SELECT 'x", "http://127.0.0.1/keys", "\ud800"],
)  # fmt: skip
def test_a_key_id_that_is_not_the_keys_finds_no_key(verifier: TokenVerifier, kid: Any) -> None:
    good = token()
    header = {"alg": "RS256", "typ": "JWT", "kid": kid}
    refusal(verifier, ".".join([part(header), *good.split(".")[1:]]))


def test_a_token_that_names_no_key_is_refused(verifier: TokenVerifier) -> None:
    text = f"{part({'alg': 'RS256'})}.{part(good_claims())}.AA"
    assert refusal(verifier, text) == "the token names no key"


def test_a_key_that_a_token_brings_along_is_not_used(
    verifier: TokenVerifier, server: LocalServer
) -> None:
    stranger = rsa_key("stranger")
    fetches = len(server.received)
    with serving(lambda _: Reply(200, jwks(stranger))) as evil:
        for header in (
            {"jwk": dict(stranger.public)},
            {"jwk": dict(stranger.public), "kid": "rsa-1"},
            {"jku": f"{evil.url}/keys", "kid": "stranger"},
            {"jku": f"{evil.url}/keys", "kid": "rsa-1"},
            {"x5u": f"{evil.url}/cert", "kid": "rsa-1"},
            {"x5c": [base64.b64encode(stranger.public_pem()).decode()], "kid": "rsa-1"},
        ):
            refusal(verifier, token(stranger, header))
        assert evil.received == []
    assert len(server.received) <= fetches + 1


@pytest.mark.parametrize("header", [{"crit": ["exp"]}, {"crit": []}, {"b64": False}])
def test_a_token_that_asks_for_rules_that_we_do_not_know_is_refused(
    verifier: TokenVerifier, header: dict[str, Any]
) -> None:
    known = {"alg": "RS256", "kid": "rsa-1", **header}
    refusal(verifier, ".".join([part(known), *token().split(".")[1:]]))


def test_a_huge_token_is_refused_unread(verifier: TokenVerifier) -> None:
    assert refusal(verifier, token(padding="x" * 8_192)) == "the token is too long"
    assert refusal(verifier, "x" * 1_000_000) == "the token is too long"


def test_a_token_of_eight_kilobytes_is_read(verifier: TokenVerifier) -> None:
    text = token(padding="x" * 5_400)
    assert 7_500 < len(text) <= 8_192
    assert verifier.verify(text).user_id == "user_1"


KNOWN_HEADER = b'{"alg":"RS256","kid":"rsa-1","x":'


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "é.é.é",
        "\ud800.a.b",
        "\x00",
        "null",
        f"{part(None)}.e30.AA",
        f"{part([])}.e30.AA",
        f"{part('RS256')}.e30.AA",
        f"{part({})}.e30.AA",
        f"{part({'alg': ['RS256'], 'kid': 'rsa-1'})}.e30.AA",
        f"{part({'alg': None, 'kid': 'rsa-1'})}.e30.AA",
        f"{part({'alg': 'RS256', 'kid': 'rsa-1'})}.e30.",
        f"{part({'alg': 'RS256', 'kid': 'rsa-1'})}.%%%.AA",
        f"{part(KNOWN_HEADER + b'[' * 2500 + b']' * 2500 + b'}')}.e30.AA",
        f"{part(KNOWN_HEADER + b'9' * 5000 + b'}')}.e30.AA",
    ],
)
def test_what_is_no_token_is_refused(verifier: TokenVerifier, text: str) -> None:
    refusal(verifier, text)


@pytest.mark.parametrize("payload", [b"", b"x", b"[]", b"null", b"5", b"\xff", b"[" * 4000])
def test_signed_nonsense_is_refused(verifier: TokenVerifier, payload: bytes) -> None:
    refusal(verifier, signed(payload))


def test_a_refusal_does_not_quote_the_token(verifier: TokenVerifier) -> None:
    for text in (token(exp=1), token(rsa_key("stranger")), token(iss="https://evil.example")):
        told = refusal(verifier, text)
        assert not any(piece in told for piece in text.split("."))
        assert "evil" not in told


GOOD = token()


@given(st.integers(0, len(GOOD) - 1), st.sampled_from("Ab9-_.=+/ é"))
def test_a_token_with_one_letter_changed_is_refused(
    keys: SigningKeys, place: int, letter: str
) -> None:
    altered = GOOD[:place] + letter + GOOD[place + 1 :]
    try:
        caller = TokenVerifier(settings(), keys).verify(altered)
    except Unauthenticated:
        return
    # Base64's last letter has spare bits: another spelling of the same signature.
    assert altered == GOOD or place == len(GOOD) - 1
    assert caller.user_id == "user_1"


@given(st.text(max_size=200))
def test_no_text_gives_anything_but_a_refusal(keys: SigningKeys, text: str) -> None:
    with pytest.raises(Unauthenticated):
        TokenVerifier(settings(), keys).verify(text)
