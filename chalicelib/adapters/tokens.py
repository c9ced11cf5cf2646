"""JSON Web Tokens: the only importer of `jwt`. Checks a token and says who it is."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, build_opener

import jwt

from chalicelib.adapters.deadline import DeadlineExceeded, within
from chalicelib.domain.identity import Caller
from chalicelib.errors import Unauthenticated, Unavailable
from chalicelib.settings import AuthorizerSettings

# With how many bits their keys may have: RFC 7518 forbids short ones of RSA (section 3.3), and very
# long ones only cost time.
_KEY_BITS = {"RS256": range(2_048, 8_193), "ES256": range(256, 257)}
_ALGORITHMS = tuple(_KEY_BITS)
_CURVE = "P-256"
# What a token may say it is. An issuer may sign others with the same keys, such as the notice of a
# sign-out, and none of them signs anybody in (RFC 8725, section 3.11).
_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
# The one spelling that RFC 7515 knows (section 7.1): no padding, no white space.
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_LEEWAY_SECONDS = 5
# The last second of the year 9999: what comes later is no time that can be shown.
_LATEST_EXPIRY = 253_402_300_799
# Real ones have one or two kilobytes; what is far larger is not worth parsing.
_MAX_TOKEN_LENGTH = 8_192
# A user's, as OpenID Connect Core has it (section 2).
_MAX_NAME_LENGTH = 255
# A set of ten large keys with their certificates has a tenth of this.
_MAX_JWKS_BYTES = 262_144
_JWKS_TIMEOUT_SECONDS = 3.0
_JWKS_DEADLINE_SECONDS = 4.0
_KEYS_FRESH_SECONDS = 300.0
_UNKNOWN_KEY_PAUSE_SECONDS = 60.0
_OUTAGE_PAUSE_SECONDS = 5.0


class SigningKeys:
    """The issuer's public keys, kept across their rotation and the issuer's outages.

    They are fetched anew after five minutes, and for an unknown key id at most once a minute. An
    issuer that is down costs no one access whose key is known, and gives nobody any.
    """

    def __init__(self, url: str, now: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._now = now
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None

    def get(self, key_id: str) -> jwt.PyJWK:
        """Return the key; raises `Unauthenticated`, or `Unavailable` if none was ever fetched."""
        if self._should_fetch(key_id):
            self._fetch()
        if self._fetched_at is None:
            raise Unavailable("the sign-in keys cannot be reached right now; try again")
        try:
            return self._keys[key_id]
        except KeyError:
            raise Unauthenticated("the token's key is unknown") from None

    def _should_fetch(self, key_id: str) -> bool:
        if self._tried_at is None:
            return True
        since_try = self._now() - self._tried_at
        if self._fetched_at is None:
            return since_try >= _OUTAGE_PAUSE_SECONDS
        if key_id not in self._keys:
            return since_try >= _UNKNOWN_KEY_PAUSE_SECONDS
        stale = self._now() - self._fetched_at >= _KEYS_FRESH_SECONDS
        return stale and since_try >= _OUTAGE_PAUSE_SECONDS

    def _fetch(self) -> None:
        self._tried_at = self._now()
        try:
            published = within(_JWKS_DEADLINE_SECONDS, lambda: _published(self._url))
        except (DeadlineExceeded, ValueError, RuntimeError, OSError, HTTPException):
            return
        keys = {key.key_id: key for key in _usable(published) if key.key_id is not None}
        if keys:
            self._keys, self._fetched_at = keys, self._now()


class _NoRedirects(HTTPRedirectHandler):
    """Whoever can redirect the issuer's address could name other keys."""

    def redirect_request(self, *_: object) -> None:
        """Follow none."""


def _published(url: str) -> object:
    """Return the JSON that is published; raises `OSError`, `HTTPException`, `ValueError`, and
    `RecursionError` for what is nested too deeply.
    """
    try:
        with build_opener(_NoRedirects).open(url, timeout=_JWKS_TIMEOUT_SECONDS) as response:
            body = response.read(_MAX_JWKS_BYTES + 1)
    except HTTPError as error:
        error.close()
        raise
    if len(body) > _MAX_JWKS_BYTES:
        raise ValueError("the keys are too long")
    published: object = json.loads(body)
    return published


def _usable(published: object) -> Iterator[jwt.PyJWK]:
    """Yield the keys that may have signed a token. One that is none costs the others nothing."""
    keys = published.get("keys") if isinstance(published, dict) else None
    for data in keys if isinstance(keys, list) else ():
        if not isinstance(data, dict) or not _is_for_signatures(data):
            continue
        try:
            key = jwt.PyJWK(data)
            if key.key.key_size in _KEY_BITS.get(key.algorithm_name, ()):
                yield key
        # PyJWT stumbles over members of unexpected types; a secret has no size in bits.
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RuntimeError):
            continue


def _is_for_signatures(data: Mapping[str, Any]) -> bool:
    """Tell whether a key has a name and is one for checking signatures (RFC 7517, section 4), if it
    is on a curve then on that of ES256. A private one is known to everybody by now.
    """
    key_id, may_do = data.get("kid"), data.get("key_ops", ["verify"])
    is_named = isinstance(key_id, str) and key_id != ""
    is_meant = data.get("use", "sig") == "sig" and isinstance(may_do, list) and "verify" in may_do
    return is_named and is_meant and data.get("crv", _CURVE) == _CURVE and "d" not in data


class TokenVerifier:
    """Checks signature, issuer, times, and where configured audience and authorized party."""

    def __init__(self, settings: AuthorizerSettings, keys: SigningKeys | None = None) -> None:
        self._settings = settings
        self._keys = keys or SigningKeys(settings.jwks_url)

    def verify(self, token: str) -> Caller:
        """Return whose token it is.

        Raises `Unauthenticated` (its text says why, for the log), or `Unavailable` where the
        issuer's keys were never reached.
        """
        if len(token) > _MAX_TOKEN_LENGTH:
            raise Unauthenticated("the token is too long")
        key = self._keys.get(self._key_id(token))
        claims = self._claims(token, key)
        self._check_party(claims)
        self._check_times(claims)
        if not claims["sub"].strip() or not _is_name(claims["sub"]):
            raise Unauthenticated("the token names nobody")
        if claims["exp"] > _LATEST_EXPIRY:
            raise Unauthenticated("the token's end is beyond the calendar")
        return Caller(
            user_id=claims["sub"],
            role=self._role(claims),
            session_id=_text(claims.get("sid")),
            expires_at=int(claims["exp"]),
        )

    @staticmethod
    def _key_id(token: str) -> str:
        if _COMPACT.fullmatch(token) is None:
            raise Unauthenticated("the token cannot be read")
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError) as error:
            raise Unauthenticated("the token cannot be read") from error
        if header.get("alg") not in _ALGORITHMS:
            raise Unauthenticated("the token's algorithm is not allowed")
        if str(header.get("typ", "JWT")).lower() not in _TYPES:
            raise Unauthenticated("the token is of another type")
        key_id = header.get("kid")
        if not isinstance(key_id, str) or not key_id:
            raise Unauthenticated("the token names no key")
        return key_id

    def _claims(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        audiences = self._settings.audiences
        try:
            return jwt.decode(
                token,
                key,
                algorithms=list(_ALGORITHMS),
                issuer=self._settings.issuer,
                audience=audiences or None,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "sub"], "verify_aud": bool(audiences)},
            )
        except (jwt.PyJWTError, ValueError, OverflowError) as error:
            raise Unauthenticated(f"the token was refused: {type(error).__name__}") from error

    def _check_party(self, claims: Mapping[str, Any]) -> None:
        parties = self._settings.authorized_parties
        if parties and claims.get("azp") not in parties:
            raise Unauthenticated("the token's authorized party is not allowed")

    @staticmethod
    def _check_times(claims: Mapping[str, Any]) -> None:
        """Refuse times that are no numbers (RFC 7519, section 2, "NumericDate"): PyJWT reads texts
        as numbers too.
        """
        said = (claims[name] for name in ("exp", "nbf", "iat") if name in claims)
        if any(isinstance(each, bool) or not isinstance(each, int | float) for each in said):
            raise Unauthenticated("the token's times are no numbers")

    def _role(self, claims: Mapping[str, Any]) -> str:
        for path in self._settings.role_claims:
            value: Any = claims
            for name in path.split("."):
                value = value.get(name) if isinstance(value, dict) else None
            if _text(value):
                return _text(value)
        return ""


def _text(value: object) -> str:
    return value if isinstance(value, str) and _is_name(value) else ""


def _is_name(text: str) -> bool:
    """Tell whether a text can name somebody or something: half a character cannot even be sent on,
    and what controls a terminal has no place in a log.
    """
    return text.isprintable() and len(text) <= _MAX_NAME_LENGTH
