"""A client's request as the gateway reads it off the wire, within API Gateway's limits.

Nothing about routes or Lambda events.
"""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import unquote_plus, urlsplit

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from infra.local.gateway.errors import GatewayError
from infra.local.gateway.http_protocol import RAW_HEADERS
from infra.local.gateway.quotas import MAX_HEADER_BYTES, MAX_REQUEST_BYTES

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HEADERS_TOO_LARGE_STATUS = 431


@dataclass(frozen=True, slots=True)
class IncomingRequest:
    """One request without its body. `raw_path` and `raw_query` are percent-encoded as sent."""

    method: str
    raw_path: str
    raw_query: str
    headers: tuple[tuple[str, str], ...]
    protocol: str = "HTTP/1.1"
    scheme: str = "http"
    source_ip: str = "127.0.0.1"
    server_port: int = 80
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    extended_request_id: str = field(default_factory=lambda: f"{uuid.uuid4().hex[:15]}=")
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def header(self, name: str) -> str | None:
        """Return the last header of that name in any letter case, or None."""
        values = self.header_values(name)
        return values[-1] if values else None

    def header_values(self, name: str) -> list[str]:
        """Return every header of that name in any letter case, in order."""
        wanted = name.lower()
        return [value for key, value in self.headers if key.lower() == wanted]

    def without_header(self, name: str) -> "IncomingRequest":
        """Make a copy without any header of that name."""
        unwanted = name.lower()
        kept = tuple(pair for pair in self.headers if pair[0].lower() != unwanted)
        return replace(self, headers=kept)

    def query(self) -> list[tuple[str, str]]:
        """Return the query string's pairs, decoded, in order.

        `;` separates like `&`: API Gateway splits at it ("Important notes for REST APIs").
        """
        pieces = (piece for piece in re.split("[&;]", self.raw_query) if piece)
        pairs = (piece.partition("=") for piece in pieces)
        return [(_decode(name), _decode(value)) for name, _, value in pairs]

    def check(self) -> None:
        """Refuse what API Gateway refuses before it looks for a route.

        Raises `GatewayError`: headers over the limit, two opinions about where the body ends (with
        which requests are smuggled: RFC 9112, section 6.1), broken percent-encoding, and the
        characters a query string must escape (`|`, `{`, `}`: "Important notes for REST APIs").
        """
        sizes = (len(name) + len(value) for name, value in self.headers)
        if len(self.raw_path) + len(self.raw_query) + sum(sizes) > MAX_HEADER_BYTES:
            raise GatewayError(
                "BAD_REQUEST_PARAMETERS",
                "Request Header Fields Too Large",
                _HEADERS_TOO_LARGE_STATUS,
            )
        if _BAD_ESCAPE.search(self.raw_path) or _BAD_ESCAPE.search(self.raw_query):
            raise GatewayError("BAD_REQUEST_PARAMETERS")
        if any(character in self.raw_query for character in "|{}"):
            raise GatewayError("BAD_REQUEST_PARAMETERS")


def from_scope(scope: Scope) -> IncomingRequest:
    """Read the request that an ASGI scope describes.

    Header names keep the client's letter case when the server is ours (`http_protocol`); any other
    server has lower-cased them already.
    """
    raw_headers: Iterable[tuple[bytes, bytes]] = scope.get("extensions", {}).get(
        RAW_HEADERS, scope["headers"]
    )
    target = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
    client = scope.get("client")
    server = scope.get("server")
    return IncomingRequest(
        method=scope["method"],
        raw_path=target if target.startswith("/") else urlsplit(target).path or "/",
        raw_query=scope["query_string"].decode("latin-1"),
        headers=tuple((name.decode("latin-1"), _text(value)) for name, value in raw_headers),
        protocol=f"HTTP/{scope.get('http_version', '1.1')}",
        scheme=scope.get("scheme", "http"),
        source_ip=client[0] if client else "127.0.0.1",
        server_port=server[1] if server and server[1] else 80,
    )


async def read_body(request: IncomingRequest, receive: Receive) -> bytes:
    """Read the body's bytes, at most 10 MB.

    Raises `GatewayError` REQUEST_TOO_LARGE as soon as that is known, and `ClientDisconnect`.
    """
    declared = request.header("content-length") or ""
    if declared.isdecimal() and int(declared) > MAX_REQUEST_BYTES:
        raise GatewayError("REQUEST_TOO_LARGE")
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_REQUEST_BYTES:
            raise GatewayError("REQUEST_TOO_LARGE")
    return bytes(body)


def _decode(text: str) -> str:
    """Decode a part of the query; its raw bytes may also be UTF-8 that nobody escaped."""
    return unquote_plus(text.encode("latin-1").decode("utf-8", "replace"), errors="replace")


def _text(value: bytes) -> str:
    """Read a header's value as UTF-8 if it is, else byte for byte."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
