"""Poisoned sets of keys: whatever the issuer's address answers, no key counts that should not, what
is known stays known, and nobody is led elsewhere or kept waiting.
"""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import RSAAlgorithm

from chalicelib.adapters import tokens
from chalicelib.adapters.tokens import SigningKeys, TokenVerifier
from chalicelib.errors import ConfigurationError, Unauthenticated, Unavailable
from chalicelib.settings import AuthorizerSettings
from tests.attacks.forging import by_secret, signed
from tests.support.http_server import LocalServer, Reply, serving
from tests.support.tokens import ISSUER, SigningKey, jwks, rsa_key


class Issuer:
    """An issuer under attack: what it publishes can be changed, and time moves by hand."""

    def __init__(self, server: LocalServer) -> None:
        self.server = server
        self.now = 5_000.0
        self.keys = SigningKeys(f"{server.url}/keys", lambda: self.now)
        settings = AuthorizerSettings(ISSUER, f"{server.url}/keys", (), (), ("role",))
        self._verifier = TokenVerifier(settings, self.keys)

    def publish(self, *keys: Any, **more: Any) -> None:
        body = json.dumps({"keys": keys, **more}).encode()
        self.server.answer = lambda _: Reply(200, body)

    def takes(self, token: str) -> bool:
        try:
            self._verifier.verify(token)
        except (Unauthenticated, Unavailable):
            return False
        return True


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving(lambda _: Reply(200, jwks(rsa_key()))) as server:
        yield Issuer(server)


GOOD = dict(rsa_key().public)


def odd(**changes: Any) -> dict[str, Any]:
    """The key `odd` as it is published, with changes; a change to `...` leaves a member out."""
    shown = {**rsa_key("odd").public, **changes}
    return {name: value for name, value in shown.items() if value is not ...}


def an_rsa_key(bits: int) -> SigningKey:
    private = rsa.generate_private_key(65537, bits)
    public = {**RSAAlgorithm.to_jwk(private.public_key(), as_dict=True), "kid": "odd"}
    public.pop("key_ops")
    return SigningKey("odd", "RS256", private, public)


def private_half(key: SigningKey) -> dict[str, Any]:
    assert isinstance(key.private, rsa.RSAPrivateKey)
    return RSAAlgorithm.to_jwk(key.private, as_dict=True)


WRONG: dict[str, dict[str, Any]] = {
    "meant for encryption": odd(use="enc"),
    "meant for a use of nobody's": odd(use=["sig"]),
    "that may only encrypt": odd(key_ops=["encrypt"]),
    "that may only sign": odd(key_ops=["sign"]),
    "that may do nothing": odd(key_ops=[]),
    "that may do a text": odd(key_ops="verify"),
    "whose private half is published": {
        **private_half(rsa_key("odd")),
        **odd(),
    },
    "of another algorithm": odd(alg="RS512"),
    "of PSS": odd(alg="PS256"),
    "of HMAC": odd(alg="HS256"),
    "of no algorithm": odd(alg="none"),
    "of a list of algorithms": odd(alg=["RS256"]),
    "without a name": odd(kid=...),
    "with an empty name": odd(kid=""),
    "named by a number": odd(kid=5),
    "named by a list": odd(kid=["odd"]),
    "of another type": odd(kty="EC"),
    "of no type": odd(kty=...),
    "with a modulus that is a number": odd(n=5),
    "with an even exponent": odd(e="AQAA"),
    "with an exponent of one": odd(e="AQ"),
    "with a modulus of nothing": odd(n=""),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_key_that_should_not_count_does_not_and_harms_no_other(issuer: Issuer, kind: str) -> None:
    for order in ((WRONG[kind], GOOD), (GOOD, WRONG[kind])):
        issuer.now += 300
        issuer.publish(*order)
        assert issuer.takes(signed())
        assert not issuer.takes(signed(key=rsa_key("odd")))


def test_the_same_key_as_it_should_be_counts(issuer: Issuer) -> None:
    for right in (odd(), odd(use=...), odd(alg=...), odd(key_ops=["verify"])):
        issuer.now += 300
        issuer.publish(right)
        assert issuer.takes(signed(key=rsa_key("odd")))


@pytest.mark.parametrize("bits", [1024, 1536, 2047])
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_key_that_can_be_broken_does_not_count(issuer: Issuer, bits: int) -> None:
    weak = an_rsa_key(bits)
    issuer.publish(dict(weak.public), GOOD)
    assert issuer.takes(signed())
    assert not issuer.takes(signed(key=weak))


def test_a_key_that_takes_for_ever_to_use_does_not_count(issuer: Issuer) -> None:
    # Of 65,536 bits: nobody could make it, anybody can write it down.
    issuer.publish(odd(n="_" * 10_922), GOOD)
    assert issuer.takes(signed())
    with pytest.raises(Unauthenticated):
        issuer.keys.get("odd")


@pytest.mark.parametrize(
    "curve", [ec.SECP384R1(), ec.SECP521R1(), ec.SECP256K1(), ec.BrainpoolP256R1()]
)
def test_a_key_on_another_curve_does_not_count(issuer: Issuer, curve: ec.EllipticCurve) -> None:
    point = ec.generate_private_key(curve).public_key().public_numbers()
    size = (curve.key_size + 7) // 8
    coordinates = {
        name: signed(value.to_bytes(size, "big")).split(".")[1]
        for name, value in (("x", point.x), ("y", point.y))
    }
    for name in ("P-256", "P-384", "P-521", "secp256k1", curve.name):
        key = {"kty": "EC", "kid": "odd", "alg": "ES256", "crv": name, **coordinates}
        issuer.now += 300
        issuer.publish(key, GOOD)
        assert issuer.takes(signed())
        with pytest.raises(Unauthenticated):
            issuer.keys.get("odd")


def test_a_point_that_is_not_on_the_curve_is_no_key(issuer: Issuer) -> None:
    issuer.publish({"kty": "EC", "kid": "odd", "crv": "P-256", "x": "AQ", "y": "AQ"}, GOOD)
    assert issuer.takes(signed())
    with pytest.raises(Unauthenticated):
        issuer.keys.get("odd")


@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
def test_a_shared_secret_in_the_set_signs_nothing(issuer: Issuer, algorithm: str) -> None:
    secret = {"kty": "oct", "kid": "rsa-1", "alg": algorithm, "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQ"}
    for order in ((secret, GOOD), (GOOD, secret)):
        issuer.now += 300
        issuer.publish(*order)
        for named in ("HS256", "RS256"):
            assert not issuer.takes(by_secret(named, b"secret-secret-secret"))
        assert issuer.takes(signed())


def test_of_two_keys_of_one_name_one_counts_and_the_other_signs_nothing(issuer: Issuer) -> None:
    issuer.publish(GOOD, odd(kid="rsa-1"))
    counting = [
        issuer.takes(signed(key=rsa_key(name), header={"kid": "rsa-1"}))
        for name in ("rsa-1", "odd")
    ]
    assert sorted(counting) == [False, True]


@pytest.mark.parametrize("size", [300_000, 5_000_000])
def test_an_endless_set_is_not_read_to_its_end(issuer: Issuer, size: int) -> None:
    issuer.publish(GOOD, padding="x" * size)
    assert not issuer.takes(signed())
    issuer.publish(GOOD)
    issuer.now += 5
    assert issuer.takes(signed())
    issuer.publish(odd(), padding="x" * size)
    issuer.now += 300
    assert issuer.takes(signed())


def test_a_set_of_thousands_of_keys_is_read(issuer: Issuer) -> None:
    issuer.publish(GOOD, *({"kty": "RSA", "kid": str(number)} for number in range(6_000)))
    assert issuer.takes(signed())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leads_nowhere(issuer: Issuer, status: int) -> None:
    assert issuer.takes(signed())
    with serving(lambda _: Reply(200, jwks(rsa_key("odd")))) as elsewhere:
        for place in (
            elsewhere.url,
            f"//{elsewhere.url.removeprefix('http://')}",
            "file:///etc/passwd",
        ):
            headers = {"Location": place}
            issuer.server.answer = lambda _, sent=headers: Reply(status, b"", sent)  # type: ignore[misc]
            issuer.now += 300
            assert issuer.takes(signed())
            assert not issuer.takes(signed(key=rsa_key("odd")))
        assert elsewhere.received == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a.example/keys", "data:,{}", "//a/b"])
def test_keys_are_fetched_over_http_only(url: str) -> None:
    with pytest.raises(ConfigurationError):
        AuthorizerSettings.read({"JWT_ISSUER": ISSUER, "JWT_JWKS_URL": url})


@contextmanager
def trickling() -> Iterator[str]:
    """A server that sends a byte, and another one, and never ends."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)

    def trickle() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not over.wait(0.02):
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        break

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/keys"
    finally:
        over.set()
        thread.join()
        listener.close()


def test_a_set_that_trickles_in_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_JWKS_DEADLINE_SECONDS", 0.2)
    # It never ends.
    with trickling() as url, pytest.raises(Unavailable):
        SigningKeys(url).get("rsa-1")


BAD_ANSWERS = {
    "no JSON": b"<html>",
    "JSON and more": jwks(rsa_key("odd")) + b"{}",
    "JSON in UTF-16": jwks(rsa_key("odd")).decode().encode("utf-16")[:-1],
    "deep JSON": b'{"keys":' + b"[" * 100_000,
    "endless number": b'{"keys":' + b"9" * 100_000 + b"}",
    "keys in an object": b'{"keys": {"0": ' + json.dumps(odd()).encode() + b"}}",
    "keys in a list": json.dumps([odd()]).encode(),
    "another name": json.dumps({"Keys": [odd()]}).encode(),
    "nothing": b"",
    "NUL": b"\0" * 1_000,
}


@pytest.mark.parametrize("kind", BAD_ANSWERS)
def test_an_answer_that_is_no_set_changes_nothing(issuer: Issuer, kind: str) -> None:
    assert issuer.takes(signed())
    issuer.server.answer = lambda _: Reply(200, BAD_ANSWERS[kind])
    issuer.now += 300
    assert issuer.takes(signed())
    assert not issuer.takes(signed(key=rsa_key("odd")))


def test_a_storm_of_made_up_key_ids_makes_one_fetch_a_minute(issuer: Issuer) -> None:
    assert issuer.takes(signed())
    for minute in range(1, 4):
        issuer.now += 60
        for number in range(200):
            assert not issuer.takes(signed(header={"kid": f"made-up-{minute}-{number}"}))
        assert len(issuer.server.received) == 1 + minute


def test_a_storm_during_an_outage_makes_one_fetch_in_five_seconds(issuer: Issuer) -> None:
    issuer.server.answer = lambda _: Reply(503)
    for round_ in range(1, 4):
        for number in range(100):
            assert not issuer.takes(signed(header={"kid": f"made-up-{number}"}))
        assert len(issuer.server.received) == round_
        issuer.now += 5


def test_no_token_reaches_the_issuer(issuer: Issuer) -> None:
    token = signed(header={"kid": "made-up\r\nX: 1"})
    assert not issuer.takes(token)
    (request,) = issuer.server.received
    assert request.path == "/keys"
    assert "authorization" not in request.headers
    assert "made-up" not in str(request)
