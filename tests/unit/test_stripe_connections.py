"""Connections to Stripe are kept from one call to the next, whichever thread makes it."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chalicelib.adapters.stripe_connections import KeptConnections, shared_session
from chalicelib.adapters.stripe_gateway import StripeGateway
from tests.support.fakes import RecordingLog
from tests.support.stripe_objects import a_stripe_session

pytestmark = pytest.mark.enable_socket


class CountingServer(ThreadingHTTPServer):
    """A Stripe that keeps connections open, and counts those that are made and the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.connections = 0
        self.requests = 0
        self.url = f"http://127.0.0.1:{self.server_port}"

    def get_request(self) -> Any:
        accepted = super().get_request()
        self.connections += 1
        return accepted


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without it each answer waits for the other side's delayed acknowledgement.
    wbufsize = -1

    def do_GET(self) -> None:
        assert isinstance(self.server, CountingServer)
        self.server.requests += 1
        body = json.dumps(a_stripe_session()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Tests print nothing."""


@pytest.fixture
def server() -> Iterator[CountingServer]:
    server = CountingServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def gateway(server: CountingServer) -> StripeGateway:
    return StripeGateway("sk_test_hunter2", server.url, RecordingLog())


def test_calls_one_after_the_other_take_one_connection(
    gateway: StripeGateway, server: CountingServer
) -> None:
    for _ in range(20):
        gateway.retrieve_session("cs_test_1")

    assert (server.requests, server.connections) == (20, 1)


def test_calls_at_the_same_time_take_a_connection_each_and_no_more(
    gateway: StripeGateway, server: CountingServer
) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: gateway.retrieve_session("cs_test_1"), range(80)))

    assert len({session.id for session in found}) == 1
    assert server.requests == 80
    assert 1 <= server.connections <= 8


def test_a_connection_that_nobody_used_for_a_while_is_not_trusted(server: CountingServer) -> None:
    now = 1000.0
    with closing(shared_session(KeptConnections(lambda: now))) as session:
        for after, connections in ((0, 1), (30, 1), (30, 1), (30.5, 2), (1, 2)):
            now += after
            assert session.get(server.url).status_code == 200
            assert server.connections == connections
