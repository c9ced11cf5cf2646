"""Running a local ASGI application with uvicorn, in the foreground or in a thread.

What the application does is not this module's business: the issuer is run by it too.
"""

import contextlib
import errno
import socket
import threading
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.applications import Starlette

from infra.local.gateway.http_protocol import CasePreservingProtocol

_BACKLOG: Final = 2048
_KEEP_ALIVE_SECONDS: Final = 75
_GRACE_SECONDS: Final = 5
_START_SECONDS: Final = 10.0
_STOP_SECONDS: Final = 10.0


class PortInUse(OSError):
    """Another program listens on the port; the message says which, and how to choose another."""

    def __init__(self, host: str, port: int, remedy: str | None = None) -> None:
        choice = remedy or f"PORT={port + 1} make serve"
        super().__init__(
            errno.EADDRINUSE, f"Port {port} on {host} is in use. Choose another: {choice}"
        )
        self.port = port

    def __str__(self) -> str:
        return str(self.strerror)


def serve(app: Starlette, host: str, port: int, remedy: str | None = None) -> None:
    """Serve until interrupted. `remedy` is the command that chooses another port.

    Raises `PortInUse`.
    """
    with _listener(host, port, remedy) as listener, contextlib.suppress(KeyboardInterrupt):
        _Server(app).run(sockets=[listener])


@contextlib.contextmanager
def running(
    app: Starlette, host: str = "127.0.0.1", port: int = 0, remedy: str | None = None
) -> Iterator[str]:
    """Serve in a thread and give the base URL; port 0 takes a free one. Raises `PortInUse`."""
    with _listener(host, port, remedy) as listener:
        server = _Server(app)
        thread = threading.Thread(target=server.run, args=([listener],), name="local-server")
        # The address is asked for now: uvicorn closes the socket when it stops.
        name = f"[{host}]" if ":" in host else host
        base_url = f"http://{name}:{listener.getsockname()[1]}"
        thread.start()
        try:
            if not server.ready.wait(_START_SECONDS):
                raise RuntimeError(f"the server on {base_url} did not start")
            yield base_url
        finally:
            server.should_exit = True
            thread.join(_STOP_SECONDS)


class _Server(uvicorn.Server):
    """uvicorn as both ways of serving want it; `ready` is set once it accepts requests.

    Its own access log is off, since the gateway logs what a request came to, and so is the trust
    in `X-Forwarded-For`, with which any client could choose its address.
    """

    def __init__(self, app: Starlette) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=CasePreservingProtocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=_BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def _listener(host: str, port: int, remedy: str | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's algorithm off only where it is: without
    # that every response waits some 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # A port that a server has just left is free; one that is listened on is still refused.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(host, port, remedy) from error
        raise
    return listener
