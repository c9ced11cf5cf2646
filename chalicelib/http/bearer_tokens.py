"""The `Authorization` header's bearer token (RFC 6750, section 2.1)."""

from chalicelib.errors import Unauthenticated

_SCHEME = "bearer"


def bearer_token(header: str) -> str:
    """Return the token of an Authorization header; raises `Unauthenticated`."""
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != _SCHEME or not token:
        raise Unauthenticated("the header holds no bearer token")
    return token.strip()
