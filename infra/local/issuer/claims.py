"""What is in a local token, and its signature. Where keys come from is `keys`' business."""

import time
import uuid
from dataclasses import dataclass
from typing import Any

import jwt

from infra.local.issuer.keys import Algorithm, KeyRing


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """One token to be made. `ttl` is in seconds; a negative one makes a token that has expired.

    An empty `role` leaves the claim out.
    """

    issuer: str
    role: str = "admin"
    subject: str | None = None
    ttl: int = 3600
    algorithm: Algorithm = "RS256"
    audience: str | None = None
    authorized_party: str | None = None


def make_token(request: TokenRequest, keys: KeyRing) -> str:
    """Sign a token with the newest key of its algorithm."""
    key = keys.current(request.algorithm)
    return jwt.encode(
        _claims(request, now=int(time.time())),
        key.private_key,
        algorithm=request.algorithm,
        headers={"kid": key.kid},
    )


def _claims(request: TokenRequest, now: int) -> dict[str, Any]:
    expires = now + request.ttl
    # A token that has expired was issued before it did: nothing else about it shall be wrong.
    issued = min(now, expires - 1)
    claims = {
        "iss": request.issuer,
        "sub": request.subject or f"user_local_{request.role or 'visitor'}",
        "sid": f"sess_{uuid.uuid4().hex}",
        "iat": issued,
        "nbf": issued,
        "exp": expires,
        "jti": uuid.uuid4().hex,
        "role": request.role or None,
        "aud": request.audience,
        "azp": request.authorized_party,
    }
    return {name: value for name, value in claims.items() if value is not None}
