"""Which requests carry the right API key. Publishable and live keys are never right here."""

import base64
import binascii
import secrets

from .errors import InvalidKeyError

_SHOWN_CHARACTERS = 4
_PREFIX_PARTS = 2


def require_key(authorization: str | None, expected: str) -> None:
    """Let a Bearer or Basic header with the expected key pass; InvalidKeyError otherwise."""
    given = _key_in(authorization)
    if given is None:
        raise InvalidKeyError(
            "No API key was provided. Send it as 'Authorization: Bearer YOUR_SECRET_KEY'."
        )
    if not secrets.compare_digest(given.encode(), expected.encode()):
        raise InvalidKeyError(f"Invalid API Key provided: {redact(given)}")


def redact(key: str) -> str:
    """Make a key fit to be shown: `sk_test_****abcd`, and nothing secret of a short one."""
    *prefix, secret = key.split("_", _PREFIX_PARTS)
    shown = secret[-_SHOWN_CHARACTERS:] if len(secret) > 2 * _SHOWN_CHARACTERS else ""
    return "_".join([*prefix, ""]) + "****" + shown


def _key_in(authorization: str | None) -> str | None:
    scheme, _, credentials = (authorization or "").partition(" ")
    credentials = credentials.strip()
    if scheme.lower() == "bearer":
        return credentials or None
    if scheme.lower() != "basic":
        return None
    try:
        user, _, _ = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user or None
