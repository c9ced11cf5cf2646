"""Serving the application with uvicorn: in the foreground for people, in a thread for tests."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import uvicorn

from .app import create_app
from .config import Config

_BACKLOG = 2048
_START_SECONDS = 15.0
_GRACE_SECONDS = 5


def bind(host: str, port: int) -> socket.socket:
    """Open a listening socket; OSError if the address is taken. Port 0 is any free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    # Accepted connections inherit this. asyncio sets it only on sockets made with an explicit
    # protocol number, and without it every answer waits 40 ms for the client's acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def address(listener: socket.socket) -> str:
    """Return the base URL a listening socket is reached at."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(config: Config, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM, then finish what is under way and return."""
    server = _server(config)

    def stop(_signal: int, _frame: object) -> None:
        server.should_exit = True

    # uvicorn raises the signal again once it is done, which would end the process as if killed;
    # and before it listens to signals itself, one must not be lost.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    with closing(listener):
        server.run([listener])


@contextmanager
def running(config: Config, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Run the server in a thread of this process during the block; yields its base URL.

    Raises RuntimeError if it does not start, OSError if the address is taken.
    """
    server = _server(config)
    with closing(bind(host, port)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), name="local-stripe")
        thread.start()
        try:
            _await_start(server, thread)
            yield address(listener)
        finally:
            server.should_exit = True
            thread.join()


def _server(config: Config) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            create_app(config),
            access_log=False,
            lifespan="on",
            log_config=None,
            log_level="warning",
            timeout_graceful_shutdown=_GRACE_SECONDS,
            ws="none",
        )
    )


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the local Stripe did not start; its log says why")
        time.sleep(0.005)
