"""One log line per request: method, path, status, time, request id.

Never a header, a query or a body, where keys and addresses are.
"""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)


class RequestLog:
    """ASGI middleware that logs at INFO once a response has been sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and log what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status, request_id = 500, "-"

        async def watch(message: Message) -> None:
            nonlocal status, request_id
            if message["type"] == "http.response.start":
                status = message["status"]
                request_id = dict(message["headers"]).get(b"request-id", b"-").decode()
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            milliseconds = (time.perf_counter() - started) * 1000
            logger.info(
                "%s %s %d %.1fms %s",
                scope["method"],
                # A path may hold line breaks once decoded; one request is one line.
                scope["path"].encode("unicode_escape").decode("ascii"),
                status,
                milliseconds,
                request_id,
            )
