"""A real HTTP server on a port of its own, in a thread: what it answers is a function of what it
was sent, and a test may change that function while it runs.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    """A request as it came; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What is sent back."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Callable[[Received], Reply]


@dataclass
class LocalServer:
    """The server while it runs: where it is, what it answers, and all that it received."""

    url: str
    answer: Answer
    received: list[Received] = field(default_factory=list)


@contextmanager
def serving(answer: Answer) -> Iterator[LocalServer]:
    """Serve until the block ends. Every connection is closed after its one answer."""
    httpd = _Httpd(("127.0.0.1", 0), _Handler)
    server = LocalServer(f"http://127.0.0.1:{httpd.server_port}", answer)
    httpd.local = server
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def silent(release: threading.Event) -> Answer:
    """Answer nothing before the event is set: a server that hangs."""

    def answer(_received: Received) -> Reply:
        release.wait(timeout=30)
        return Reply(503)

    return answer


@contextmanager
def hanging() -> Iterator[LocalServer]:
    """Serve without ever answering; whoever waits is let go when the block ends."""
    release = threading.Event()
    with serving(silent(release)) as server:
        try:
            yield server
        finally:
            release.set()


def closed_port() -> str:
    """Return an address that nobody listens at: a server had it a moment ago."""
    with serving(lambda _: Reply()) as server:
        return server.url


class _Httpd(ThreadingHTTPServer):
    daemon_threads = True
    local: LocalServer


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._reply()

    def do_POST(self) -> None:
        self._reply()

    def _reply(self) -> None:
        assert isinstance(self.server, _Httpd)
        server = self.server.local
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        received = Received(self.command, self.path, headers, body)
        server.received.append(received)
        reply = server.answer(received)
        try:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
        except (BrokenPipeError, ConnectionResetError):
            # The client gave up waiting, as a test of its time limit wants it to.
            return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Tests print nothing."""
