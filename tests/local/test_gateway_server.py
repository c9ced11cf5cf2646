"""The local gateway as a server: many clients at once, clients that leave, ports that are taken.

And Chalice under threads, which is what many clients at once come down to.
"""

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from chalice.app import Blueprint, Chalice, Request

from infra.local.gateway import (
    GatewayConfig,
    LambdaContext,
    PortInUse,
    create_gateway,
    running,
    serve,
)
from infra.local.gateway.chalice_threads import make_thread_safe
from tests.local.gateway_under_test import gateway, proxy

pytestmark = pytest.mark.enable_socket

ECHO_ONLY = {"paths": {"/echo": {"get": proxy("Echo")}}}


# Many clients.


def get_at_once(base_url: httpx.URL, paths: list[str]) -> list[httpx.Response]:
    """The answers to as many requests at once, each on a connection of its own."""

    async def get_all() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=len(paths))
        async with httpx.AsyncClient(base_url=base_url, limits=limits, timeout=30) as client:
            return await asyncio.gather(*(client.get(path) for path in paths))

    return asyncio.run(get_all())


def test_two_hundred_clients_at_once_each_get_their_own_answer() -> None:
    with gateway() as client:
        answers = get_at_once(client.base_url, [f"/events/{number}" for number in range(200)])
    assert [answer.json() for answer in answers] == [{"slug": str(n)} for n in range(200)]


def test_as_many_functions_run_at_once_as_there_are_workers() -> None:
    barrier = threading.Barrier(64)

    def meeting(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        barrier.wait(60)
        return {"body": "met"}

    with gateway(functions={"Echo": meeting}) as client:
        answers = get_at_once(client.base_url, ["/echo"] * 64)
    assert [answer.text for answer in answers] == ["met"] * 64


def test_more_clients_than_workers_wait_for_their_turn() -> None:
    with gateway(GatewayConfig(worker_threads=1)) as client:
        answers = get_at_once(client.base_url, ["/echo"] * 20)
    assert [answer.status_code for answer in answers] == [200] * 20


def test_a_connection_serves_many_requests_errors_among_them() -> None:
    with gateway() as client:
        address = urlsplit(str(client.base_url))
        with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
            reader = connection.makefile("rb")
            statuses = []
            for target in (b"/", b"/nothing", b"/echo/%", b"/scripted", b"/"):
                connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
                statuses.append(int(reader.readline().split()[1]))
                length = 0
                while (line := reader.readline()) != b"\r\n":
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                reader.read(length)
            reader.close()
    assert statuses == [200, 403, 400, 403, 200]


def test_pipelined_requests_keep_their_own_headers() -> None:
    head = b"GET /echo HTTP/1.1\r\nHost: x\r\n"
    requests = head + b"X-First: 1\r\n\r\n" + head + b"x-SECOND: 2\r\nConnection: close\r\n\r\n"
    with gateway() as client:
        address = urlsplit(str(client.base_url))
        with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
            connection.sendall(requests)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
    events = [json.loads(part[: part.rindex(b"}") + 1]) for part in split_bodies(received)]
    assert ["X-First" in event["headers"] for event in events] == [True, False]
    assert ["x-SECOND" in event["headers"] for event in events] == [False, True]


def split_bodies(received: bytes) -> list[bytes]:
    return [part.partition(b"\r\n\r\n")[2] for part in received.split(b"HTTP/1.1 200")[1:]]


# Clients that leave.


def test_a_client_that_leaves_before_its_body_is_complete_costs_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    calls: list[object] = []
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\npart"
    with gateway(functions={"Echo": lambda event, context: calls.append(event)}) as client:
        address = urlsplit(str(client.base_url))
        with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
            connection.sendall(head)
        assert client.get("/").status_code == 200
    assert calls == []
    assert "/echo disconnected" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_client_that_leaves_before_the_answer_does_no_harm(
    caplog: pytest.LogCaptureFixture,
) -> None:
    entered, leave = threading.Event(), threading.Event()

    def waiting(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        entered.set()
        leave.wait(60)
        return {"body": "x" * 100_000}

    with gateway(functions={"Echo": waiting}) as client:
        address = urlsplit(str(client.base_url))
        with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
            connection.sendall(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
            assert entered.wait(60)
        leave.set()
        assert client.get("/").status_code == 200
    assert "Traceback" not in caplog.text


# The log.


def test_each_request_is_one_line_in_the_log_without_its_query(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="infra.local.gateway.access")
    with gateway() as client:
        request_id = client.get("/echo?secret=1").headers["x-amzn-RequestId"]
        client.get("/nothing")
    lines = [record.getMessage() for record in caplog.records if "access" in record.name]
    assert len(lines) == 2
    assert lines[0].startswith("127.0.0.1 GET /echo 200 ")
    assert lines[0].endswith(request_id)
    assert "secret" not in lines[0]
    assert lines[1].startswith("127.0.0.1 GET /nothing 403 ")


def test_a_bug_of_the_gateway_s_own_is_a_500_in_the_definition_s_shape(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*args: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("infra.local.gateway.events.proxy_event", broken)
    with gateway() as client:
        response = client.get("/echo")
    assert (response.status_code, response.json()) == (500, {"message": "Internal server error"})


# Ports.


@pytest.mark.parametrize("run", [serve, lambda *args: running(*args).__enter__()])
def test_a_port_that_is_taken_is_named_with_a_way_out(run: Callable[..., object]) -> None:
    app = create_gateway({}, {}, GatewayConfig())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse) as caught:
            run(app, "127.0.0.1", port)
    assert caught.value.port == port
    expected = f"Port {port} on 127.0.0.1 is in use. Choose another: PORT={port + 1} make serve"
    assert str(caught.value) == expected


def test_the_way_out_can_be_another_command() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match="--port 9"):
            serve(create_gateway({}, {}, GatewayConfig()), "127.0.0.1", port, "--port 9")


def test_an_address_that_cannot_be_bound_is_not_called_a_port_in_use() -> None:
    with pytest.raises(OSError, match=r".") as caught:
        serve(create_gateway({}, {}, GatewayConfig()), "192.0.2.1", 0)
    assert not isinstance(caught.value, PortInUse)


def test_a_port_is_free_again_as_soon_as_the_server_stops() -> None:
    with gateway() as client:
        client.get("/")
        port = client.base_url.port or 0
    with running(create_gateway({}, {}, GatewayConfig()), port=port) as base_url:
        assert httpx.get(f"{base_url}/").status_code == 403


def test_it_serves_on_ipv6() -> None:
    app = create_gateway({}, {}, GatewayConfig())
    with running(app, "::1") as base_url:
        assert base_url.startswith("http://[::1]:")
        assert httpx.get(f"{base_url}/").status_code == 403


# Chalice under threads.


def chalice_event(number: int) -> dict[str, Any]:
    return {
        "multiValueQueryStringParameters": None,
        "headers": {"x-number": str(number)},
        "pathParameters": None,
        "requestContext": {"httpMethod": "GET", "resourcePath": "/who"},
        "body": None,
        "stageVariables": None,
    }


def make_app(meet: threading.Barrier) -> Chalice:
    """An app whose view looks at the current request only when all callers are inside it."""
    app = Chalice("who")
    blueprint = Blueprint("who")

    @blueprint.route("/who")
    def who() -> dict[str, str]:
        meet.wait(60)
        request = blueprint.current_request
        return {
            "number": request.headers["x-number"],
            "context": blueprint.lambda_context.aws_request_id,
        }

    app.register_blueprint(blueprint)
    return app


def call_all(app: Chalice, callers: int) -> list[dict[str, str]]:
    def call(number: int) -> dict[str, str]:
        answer = app(chalice_event(number), SimpleNamespace(aws_request_id=f"c{number}"))
        body: dict[str, str] = json.loads(answer["body"])
        return body

    with ThreadPoolExecutor(callers) as pool:
        return list(pool.map(call, range(callers)))


def test_requests_mix_in_a_plain_chalice_app() -> None:
    answers = call_all(make_app(threading.Barrier(8)), 8)
    assert len({answer["number"] for answer in answers}) == 1


def test_requests_do_not_mix_in_a_thread_safe_chalice_app() -> None:
    app = make_app(threading.Barrier(8))
    make_thread_safe(app)
    assert call_all(app, 8) == [{"number": str(n), "context": f"c{n}"} for n in range(8)]


def test_two_thread_safe_apps_share_nothing() -> None:
    first, second = Chalice("a"), Chalice("b")
    make_thread_safe(first)
    make_thread_safe(second)
    first.current_request = Request(chalice_event(1))
    assert second.current_request is None


def test_making_an_app_thread_safe_twice_changes_nothing() -> None:
    app = Chalice("a")
    make_thread_safe(app)
    made = type(app)
    make_thread_safe(app)
    assert type(app) is made
    assert isinstance(app, Chalice)
