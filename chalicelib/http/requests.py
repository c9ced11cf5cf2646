"""A request as views see it: decoded once, checked for what no view should meet."""

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from chalice.app import Request

from chalicelib.domain.identity import ADMIN_ROLE, Caller
from chalicelib.errors import Forbidden, InvalidInput, PayloadTooLarge, Unauthenticated
from chalicelib.http.json_text import ensure_storable, parse_json_object
from chalicelib.http.operations import Place

MAX_BODY_BYTES = 100_000
_EXPIRY_LEEWAY_SECONDS = 5
# The browser's own, which CORS is decided by.
_HEADERS_OF_EVERY_ROUTE = frozenset({"origin"})

Described = frozenset[tuple[Place, str]]


class ApiRequest:
    """One request: path, query, headers, body and caller, each read when it is asked for.

    A view is refused what its route does not describe (`described`; None is no limit), so that
    the document cannot leave out what the API reads.
    """

    def __init__(
        self, request: Request, path: Mapping[str, str], described: Described | None = None
    ) -> None:
        self._request = request
        self._path = path
        self._described = described

    @property
    def id(self) -> str:
        """The request's id, as API Gateway gave it."""
        request_id: str = self._request.context.get("requestId", "")
        return request_id

    @property
    def method_and_path(self) -> str:
        """The verb and the route's pattern, for logs."""
        return f"{self._request.method} {self._request.path}"

    @property
    def ends_with_slash(self) -> bool:
        """Whether the path was sent with a last slash, which leads to the same route."""
        sent: str = self._request.context.get("path", "")
        return sent.endswith("/")

    def location_of(self, path: str) -> str:
        """Return where a path of the API is for this client, for a `Location` (RFC 9110, section
        10.2.2): behind a stage's or a domain mapping's prefix. For routes without path parameters.
        """
        sent: str = self._request.context.get("path", "")
        prefix, route, rest = sent.removesuffix("/").rpartition(self._request.path)
        return f"{prefix}{path}" if route and not rest else path

    def path(self, name: str) -> str:
        """Return a path parameter, URL-decoded: neither API Gateway nor Chalice does it."""
        return unquote(self._path[name])

    def header(self, name: str) -> str | None:
        """Return a header by its name in any letter case."""
        if name.lower() not in _HEADERS_OF_EVERY_ROUTE:
            self._ensure_described(Place.HEADER, name.lower())
        value: str | None = self._request.headers.get(name)
        return value

    def query(self, name: str) -> str | None:
        """Return a query parameter, or None; raises `InvalidInput` where it comes twice."""
        self._ensure_described(Place.QUERY, name)
        sent = self._request.query_params
        if sent is None or name not in sent:
            return None
        values = sent.getlist(name)
        if len(values) > 1:
            raise InvalidInput.of(name, "must be given once", "duplicate_parameter")
        text: str = values[0]
        ensure_storable(name, text)
        return text

    def _ensure_described(self, place: Place, name: str) -> None:
        if self._described is not None and (place, name) not in self._described:
            raise LookupError(f"{self.method_and_path} does not describe what it reads: {name}")

    def json_object(self) -> dict[str, Any]:
        """Return the body as a JSON object; raises `PayloadTooLarge` or `InvalidInput`."""
        return parse_json_object(self._text(MAX_BODY_BYTES, "JSON", "json_invalid"))

    def optional_json_object(self) -> dict[str, Any]:
        """Return the body as `json_object` does, or an empty object where there is none."""
        text = self._text(MAX_BODY_BYTES, "JSON", "json_invalid")
        return parse_json_object(text) if text else {}

    @property
    def media_type(self) -> str:
        """The body's media type in lower case, without parameters; empty where none was sent."""
        sent: str = self._request.headers.get("content-type") or ""
        return sent.partition(";")[0].strip().lower()

    def text(self, max_bytes: int) -> str:
        """Return the body as text; raises `PayloadTooLarge` or `InvalidInput`."""
        return self._text(max_bytes, "UTF-8", "text_invalid")

    def _text(self, max_bytes: int, what: str, kind: str) -> str:
        try:
            raw = self._request.raw_body
        except ValueError:
            raise InvalidInput.of("", f"the body must be {what}", kind) from None
        if len(raw) > max_bytes:
            raise PayloadTooLarge(f"the body must not be larger than {max_bytes} bytes")
        try:
            return raw.decode("utf-8") if isinstance(raw, bytes) else raw
        except UnicodeDecodeError:
            raise InvalidInput.of("", "the body must be UTF-8", kind) from None

    @property
    def user_id(self) -> str | None:
        """The caller's id if there is one, for logs: whether the token still holds is not asked."""
        user_id: str | None = (self._request.context.get("authorizer") or {}).get("principalId")
        return user_id

    @property
    def role(self) -> str:
        """The caller's role as the authorizer saw it; empty where there is none."""
        role: str = (self._request.context.get("authorizer") or {}).get("role", "")
        return role

    def caller(self) -> Caller:
        """Return who is calling, from the authorizer's context.

        API Gateway keeps an authorizer's answer for minutes, so the token's end is looked at
        again. Raises `Unauthenticated`.
        """
        context = self._request.context.get("authorizer") or {}
        user_id = context.get("principalId")
        if not user_id:
            raise Unauthenticated("sign in to do this")
        caller = Caller(
            user_id=user_id,
            role=context.get("role", ""),
            session_id=context.get("sessionId", ""),
            expires_at=int(context["expiresAt"]),
        )
        if time.time() > caller.expires_at + _EXPIRY_LEEWAY_SECONDS:
            raise Unauthenticated("the token has expired")
        return caller

    def admin(self) -> Caller:
        """Return who is calling if that is an admin; raises `Unauthenticated` or `Forbidden`."""
        caller = self.caller()
        if caller.role != ADMIN_ROLE:
            raise Forbidden("only admins may do this")
        return caller
