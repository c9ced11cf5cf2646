"""Signing keys, the JWKS that publishes them, and tokens that they sign."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER = "https://issuer.example"


@dataclass(frozen=True)
class SigningKey:
    """A private key with the name and the algorithm under which its public half is published."""

    key_id: str
    algorithm: str
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    public: Mapping[str, Any]

    def public_pem(self) -> bytes:
        """The public half as anybody can write it down."""
        return self.private.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )


@cache
def rsa_key(key_id: str = "rsa-1") -> SigningKey:
    """A key for RS256; the same name gives the same key."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return SigningKey(key_id, "RS256", private, _published(public, key_id, "RS256"))


@cache
def ec_key(key_id: str = "ec-1") -> SigningKey:
    """A key for ES256; the same name gives the same key."""
    private = ec.generate_private_key(ec.SECP256R1())
    public = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return SigningKey(key_id, "ES256", private, _published(public, key_id, "ES256"))


def _published(public: Mapping[str, Any], key_id: str, algorithm: str) -> dict[str, Any]:
    shown = {name: value for name, value in public.items() if name != "key_ops"}
    return {**shown, "kid": key_id, "alg": algorithm, "use": "sig"}


def jwks(*keys: SigningKey) -> bytes:
    """The JSON that a JWKS endpoint answers with."""
    return json.dumps({"keys": [dict(key.public) for key in keys]}).encode()


def claims(**changes: Any) -> dict[str, Any]:
    """What a good token says; a change to None leaves the claim out."""
    now = int(time.time())
    said = {
        "iss": ISSUER,
        "sub": "user_1",
        "sid": "sess_1",
        "role": "admin",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
        **changes,
    }
    return {name: value for name, value in said.items() if value is not None}


def a_token(key: SigningKey, headers: Mapping[str, Any] | None = None, **changes: Any) -> str:
    """A token of good claims, changed, signed with the key and naming it."""
    return jwt.encode(
        claims(**changes),
        key.private,
        algorithm=key.algorithm,
        headers={"kid": key.key_id, **(headers or {})},
    )
