"""Headers of every response: one definition for the app and for API Gateway's own responses."""

from collections.abc import Mapping

from chalicelib.settings import HttpSettings

SECURITY_HEADERS: Mapping[str, str] = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}

NO_STORE: Mapping[str, str] = {"Cache-Control": "no-store"}
PUBLIC_CACHE: Mapping[str, str] = {"Cache-Control": "public, max-age=30, stale-while-revalidate=60"}

_METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
_REQUEST_HEADERS = (
    "Content-Type, Authorization, Accept, X-Requested-With, X-Api-Key, Idempotency-Key, "
    "If-None-Match, If-Match"
)
_EXPOSED_HEADERS = "ETag, X-Request-Id, Retry-After, Location, X-Next-Cursor"
_PREFLIGHT_SECONDS = "600"

ANY_ORIGIN = ("*",)

# API Gateway packs a response that is long enough as the client can unpack it.
_PACKED_AS_ASKED = "Accept-Encoding"


def cors_headers(settings: HttpSettings, origin: str | None) -> dict[str, str]:
    """Return the headers that let a page of `origin` read the response (Fetch standard, CORS).

    With a list of origins each gets itself back and others get none; caches are told that the
    answer depends on who asks.
    """
    if settings.cors_origins == ANY_ORIGIN:
        return {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": _EXPOSED_HEADERS,
        }
    headers = {"Vary": "Origin"}
    # Letters beyond ASCII, which no browser sends, have small forms in it.
    if origin is not None and origin.isascii() and origin.lower() in settings.cors_origins:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS
    return headers


def vary(*names: str | list[str] | None) -> dict[str, str]:
    """Return the one `Vary` header of a response: by what it is packed, and the names of headers
    that it depends on besides; None is none (RFC 9110, section 12.5.5).
    """
    lists = [[name] if isinstance(name, str) else name or [] for name in names]
    listed = [part.strip() for one in lists for text in one for part in text.split(",")]
    return {"Vary": ", ".join(dict.fromkeys([_PACKED_AS_ASKED, *listed]))}


def preflight_headers(settings: HttpSettings, origin: str | None) -> dict[str, str]:
    """Return the headers that answer a preflight: what a page of `origin` may send."""
    headers = cors_headers(settings, origin)
    if "Access-Control-Allow-Origin" in headers:
        headers["Access-Control-Allow-Methods"] = _METHODS
        headers["Access-Control-Allow-Headers"] = _REQUEST_HEADERS
        headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
    return headers
