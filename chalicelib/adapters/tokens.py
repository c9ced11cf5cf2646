"""JSON Web Tokens: the only importer of `jwt`. Checks a token and says who it is."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt

from chalicelib.adapters.deadline import DeadlineExceeded, within
from chalicelib.domain.identity import Caller
from chalicelib.errors import Unauthenticated, Unavailable
from chalicelib.settings import AuthorizerSettings

_ALGORITHMS = ("RS256", "ES256")
_LEEWAY_SECONDS = 5
# The last second of the year 9999: what comes later is no time that can be shown.
_LATEST_EXPIRY = 253_402_300_799
# Real ones have one or two kilobytes; what is far larger is not worth parsing.
_MAX_TOKEN_LENGTH = 8_192
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
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=_JWKS_TIMEOUT_SECONDS)
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
            fetched = within(_JWKS_DEADLINE_SECONDS, self._client.get_signing_keys)
        except (DeadlineExceeded, jwt.PyJWTError, ValueError, TypeError, RuntimeError, OSError):
            # PyJWKClient lets JSON and socket errors through as they are, and stumbles over keys
            # whose members have unexpected types.
            return
        usable = [key for key in fetched if key.algorithm_name in _ALGORITHMS]
        self._keys = {key.key_id: key for key in usable if isinstance(key.key_id, str)}
        self._fetched_at = self._now()


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
        if not claims["sub"]:
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
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError) as error:
            raise Unauthenticated("the token cannot be read") from error
        if header.get("alg") not in _ALGORITHMS:
            raise Unauthenticated("the token's algorithm is not allowed")
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

    def _role(self, claims: Mapping[str, Any]) -> str:
        for path in self._settings.role_claims:
            value: Any = claims
            for name in path.split("."):
                value = value.get(name) if isinstance(value, dict) else None
            if isinstance(value, str) and value:
                return value
        return ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
