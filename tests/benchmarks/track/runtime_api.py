"""Lambda's Runtime API for one function process: hands it events, takes its answers.

One thread, one write a response and no Nagle: the runtime client would else wait 43 ms for the
second half of each. Source: AWS's page "Using the Lambda runtime API for custom runtimes".
"""

import selectors
import socket
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

_PREFIX = "/2018-06-01/runtime/"
_NEXT = f"{_PREFIX}invocation/next"
_INIT_ERROR = f"{_PREFIX}init/error"
_HEAD_ENDS = b"\r\n\r\n"
_CHUNK_BYTES = 65_536
FUNCTION_SECONDS = 30


class FunctionFailed(Exception):
    """The function answered with an error, ended, or took longer than it may."""


@dataclass(frozen=True)
class Request:
    """What the runtime client sent; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What the function answered (JSON), and how long it took from its event's sending."""

    payload: bytes
    seconds: float


class RuntimeApi:
    """The server."""

    def __init__(self, function_arn: str, seconds: int = FUNCTION_SECONDS) -> None:
        self._arn = function_arn
        self._seconds = seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._received: dict[socket.socket, bytes] = {}
        self._idle: socket.socket | None = None

    @property
    def address(self) -> str:
        """Host and port, as `AWS_LAMBDA_RUNTIME_API` has them."""
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    def invoke(self, event: bytes) -> Answer:
        """Hand over an event and return the answer; raises `FunctionFailed`."""
        waiting = self.await_idle()
        self._idle = None
        request_id = str(uuid.uuid4())
        started = time.perf_counter()
        waiting.sendall(self._invocation(request_id, event))
        connection, answer = self._next_request()
        seconds = time.perf_counter() - started
        connection.sendall(_response(HTTPStatus.ACCEPTED))
        if answer.path != f"{_PREFIX}invocation/{request_id}/response":
            raise FunctionFailed(f"{answer.path}: {answer.body.decode()}")
        return Answer(answer.body, seconds)

    def await_idle(self) -> socket.socket:
        """Wait until the function asks for an event: it has started, or is done with the last."""
        if self._idle is None:
            connection, request = self._next_request()
            if (request.method, request.path) != ("GET", _NEXT):
                connection.sendall(_response(HTTPStatus.ACCEPTED))
                raise FunctionFailed(f"{request.path}: {request.body.decode()}")
            self._idle = connection
        return self._idle

    def close(self) -> None:
        """Close every connection."""
        for each in (*self._received, self._listener):
            each.close()
        self._selector.close()

    def _invocation(self, request_id: str, event: bytes) -> bytes:
        deadline_ms = int((time.time() + self._seconds) * 1000)
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self._arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{deadline_ms // 1000:08x}-{request_id[-12:]:0>24}",
        }
        return _response(HTTPStatus.OK, headers, event)

    def _next_request(self) -> tuple[socket.socket, Request]:
        deadline = time.monotonic() + self._seconds
        while time.monotonic() < deadline:
            for key, _ in self._selector.select(deadline - time.monotonic()):
                if key.fileobj is self._listener:
                    self._accept()
                    continue
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                request = self._read(connection)
                if request is not None:
                    return connection, request
        raise FunctionFailed(f"no answer within {self._seconds} seconds")

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(connection, selectors.EVENT_READ)
        self._received[connection] = b""

    def _read(self, connection: socket.socket) -> Request | None:
        """Read what has come; return the request that is whole with it, if one is."""
        came = connection.recv(_CHUNK_BYTES)
        if not came:
            self._selector.unregister(connection)
            connection.close()
            del self._received[connection]
            if not self._received:
                raise FunctionFailed("the process has ended")
            return None
        self._received[connection] += came
        request, rest = parsed(self._received[connection])
        if request is not None:
            self._received[connection] = rest
        return request


def parsed(received: bytes) -> tuple[Request | None, bytes]:
    """Return the first request of some bytes, if it is whole, and the bytes after it."""
    head, end, rest = received.partition(_HEAD_ENDS)
    if not end:
        return None, received
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }
    length = int(headers.get("content-length", "0"))
    if len(rest) < length:
        return None, received
    method, path, _ = first.split(" ")
    return Request(method, path, headers, rest[:length]), rest[length:]


def _response(
    status: HTTPStatus, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
