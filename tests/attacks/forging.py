"""Tokens as forgers make them: any header and any payload, signed with whatever is at hand."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.support.tokens import SigningKey, claims, ec_key, rsa_key

# The order of the group of P-256 (SEC 2, section 2.4.2).
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def part(value: Any) -> str:
    """A segment: of bytes as they are, or of what JSON makes of a value."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def sign(key: SigningKey, signing_input: str) -> bytes:
    """Sign as the key's own algorithm does (RFC 7518, sections 3.3 and 3.4)."""
    if isinstance(key.private, rsa.RSAPrivateKey):
        return key.private.sign(signing_input.encode(), padding.PKCS1v15(), hashes.SHA256())
    r, s = decode_dss_signature(key.private.sign(signing_input.encode(), ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def signed(
    payload: Any = None, header: Mapping[str, Any] | None = None, key: SigningKey | None = None
) -> str:
    """A token that the issuer signed, whatever it says; of its header `...` stays out."""
    key = key or rsa_key()
    full = {"alg": key.algorithm, "typ": "JWT", "kid": key.key_id, **(header or {})}
    said = {name: value for name, value in full.items() if value is not ...}
    body = claims() if payload is None else payload
    signing_input = f"{part(said)}.{part(body)}"
    return f"{signing_input}.{part(sign(key, signing_input))}"


def unsigned(header: Mapping[str, Any] | bytes, payload: Any = None, signature: str = "") -> str:
    """A token with any text in the signature's place."""
    return f"{part(header)}.{part(claims() if payload is None else payload)}.{signature}"


def by_secret(algorithm: str, secret: bytes, **header: Any) -> str:
    """A token signed with a shared secret, under any algorithm's name."""
    digest = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(algorithm, hashlib.sha256)
    full = {"alg": algorithm, "typ": "JWT", "kid": "rsa-1", **header}
    signing_input = f"{part(full)}.{part(claims())}"
    return f"{signing_input}.{part(hmac.new(secret, signing_input.encode(), digest).digest())}"


def with_signature(token: str, signature: bytes) -> str:
    """The token with another signature."""
    return f"{token.rpartition('.')[0]}.{part(signature)}"


def other_half(token: str) -> str:
    """The same ES256 token with the other one of its two valid signatures: (r, -s)."""
    raw = base64.urlsafe_b64decode(token.rpartition(".")[2] + "==")
    s = P256_ORDER - int.from_bytes(raw[32:], "big")
    return with_signature(token, raw[:32] + s.to_bytes(32, "big"))


def twice(name: str, first: Any, second: Any, **others: Any) -> bytes:
    """Claims as JSON in which one comes twice."""
    kept = {key: value for key, value in claims(**others).items() if key != name}
    pairs = [(name, first), *kept.items(), (name, second)]
    return ("{" + ",".join(f"{json.dumps(k)}:{json.dumps(v)}" for k, v in pairs) + "}").encode()


def es256(**header: Any) -> str:
    """A good ES256 token with a changed header."""
    return signed(header=header, key=ec_key())
