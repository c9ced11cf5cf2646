"""HTTP/1.1 for uvicorn that keeps the letter case of header names, which ASGI throws away, and that
refuses a request whose end is told twice.

API Gateway hands a function the names as the client spelled them; a function that reads
`event["headers"]["Stripe-Signature"]` has to meet that spelling here too.
"""

import asyncio
from typing import Any, Final

import h11
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

RAW_HEADERS: Final = "infra.local.raw_headers"
"""The key in an ASGI scope's `extensions`: a list of (name, value), names as sent."""

MAX_UNREAD_HEADER_BYTES: Final = 64 * 1024
"""How much of a request's head is read before the connection is refused outright. Well over the
gateway's own limit, so that a request just over that limit gets the gateway's answer."""


class _Connection(h11.Connection):
    """An HTTP connection that remembers the current request's headers as they were spelled."""

    raw_headers: tuple[tuple[bytes, bytes], ...] = ()

    def next_event(self) -> Any:  # noqa: ANN401 - h11's own return type is not importable
        event = super().next_event()
        if isinstance(event, h11.Request):
            _ensure_one_length(event)
            self.raw_headers = tuple(event.headers.raw_items())
        return event


def _ensure_one_length(request: h11.Request) -> None:
    """Refuse a body of a length that is chunked as well: two programs in a row may disagree on
    where the next request begins (RFC 9112, section 6.1). h11 refuses other ways to say it twice.
    """
    names = {name for name, _ in request.headers}
    if {b"content-length", b"transfer-encoding"} <= names:
        raise h11.RemoteProtocolError("Content-Length and Transfer-Encoding", error_status_hint=400)


class CasePreservingProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, with the raw header names in the scope's extensions."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        connection = _Connection(h11.SERVER, MAX_UNREAD_HEADER_BYTES)
        self.conn = connection
        self.app = _with_raw_headers(self.app, connection)


def _with_raw_headers(app: ASGIApp, connection: _Connection) -> ASGIApp:
    """Tell the application the header names of the request it is being started for.

    The connection parses no further request before this one is answered, so what it remembers when
    the application starts belongs to this request.
    """

    async def with_raw_headers(scope: Scope, receive: Receive, send: Send) -> None:
        extensions = {**scope.get("extensions", {}), RAW_HEADERS: connection.raw_headers}
        await app({**scope, "extensions": extensions}, receive, send)

    return with_raw_headers
