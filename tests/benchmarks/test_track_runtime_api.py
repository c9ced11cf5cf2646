"""The Runtime API server, asked by a client that does what Lambda's does."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.benchmarks.track.runtime_api import FunctionFailed, Request, RuntimeApi, parsed

ARN = "arn:aws:lambda:us-east-1:123456789012:function:it"
NEXT = "/2018-06-01/runtime/invocation/next"

Client = Callable[[http.client.HTTPConnection], None]


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    with closing(RuntimeApi(ARN)) as made:
        yield made


def run_client(api: RuntimeApi, client: Client) -> threading.Thread:
    """Run the function's side in a thread; its one connection closes at the end."""

    def run() -> None:
        with closing(http.client.HTTPConnection(api.address, timeout=10)) as connection:
            client(connection)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def take(connection: http.client.HTTPConnection) -> tuple[dict[str, str], Any]:
    connection.request("GET", NEXT)
    response = connection.getresponse()
    return dict(response.getheaders()), json.loads(response.read())


def post(connection: http.client.HTTPConnection, path: str, body: Any) -> int:
    connection.request("POST", f"/2018-06-01/runtime/{path}", json.dumps(body))
    response = connection.getresponse()
    response.read()
    return response.status


def test_an_answer_is_another_events_or_somebody_elses(api: RuntimeApi) -> None:
    statuses, ids = [], []

    def echo(connection: http.client.HTTPConnection) -> None:
        for _ in range(2):
            headers, event = take(connection)
            ids.append(headers["Lambda-Runtime-Aws-Request-Id"])
            statuses.append(post(connection, f"invocation/{ids[-1]}/response", {"heard": event}))
            assert headers["Lambda-Runtime-Invoked-Function-Arn"] == ARN
            assert int(headers["Lambda-Runtime-Deadline-Ms"]) > 0
            assert headers["Lambda-Runtime-Trace-Id"].startswith("Root=1-")

    client = run_client(api, echo)
    answers = [json.loads(api.invoke(json.dumps(text).encode()).payload) for text in ("a", "b")]
    client.join()

    assert answers == [{"heard": "a"}, {"heard": "b"}]
    assert statuses == [202, 202]
    assert ids[0] != ids[1]


def test_an_error_passes_for_an_answer(api: RuntimeApi) -> None:
    def fail(connection: http.client.HTTPConnection) -> None:
        headers, _ = take(connection)
        request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        post(connection, f"invocation/{request_id}/error", {"errorMessage": "it broke"})

    client = run_client(api, fail)
    with pytest.raises(FunctionFailed, match="it broke"):
        api.invoke(b"{}")
    client.join()


def test_a_function_that_cannot_start_is_waited_for(api: RuntimeApi) -> None:
    def fail(connection: http.client.HTTPConnection) -> None:
        post(connection, "init/error", {"errorMessage": "No module named 'it'"})

    client = run_client(api, fail)
    with pytest.raises(FunctionFailed, match="No module named 'it'"):
        api.invoke(b"{}")
    client.join()


def test_a_process_that_ends_is_waited_for(api: RuntimeApi) -> None:
    client = run_client(api, lambda connection: connection.connect())
    with pytest.raises(FunctionFailed, match="has ended"):
        api.invoke(b"{}")
    client.join()


def test_a_busy_function_counts_as_idle(api: RuntimeApi) -> None:
    is_done = threading.Event()

    def work_on(connection: http.client.HTTPConnection) -> None:
        headers, _ = take(connection)
        post(connection, f"invocation/{headers['Lambda-Runtime-Aws-Request-Id']}/response", {})
        is_done.set()
        take(connection)
        post(connection, f"invocation/{headers['Lambda-Runtime-Aws-Request-Id']}/error", {})

    client = run_client(api, work_on)
    api.invoke(b"{}")
    api.await_idle()
    assert is_done.is_set()
    with pytest.raises(FunctionFailed):
        api.invoke(b"{}")
    client.join()


REQUEST = b"POST /a HTTP/1.1\r\nContent-Length: 4\r\nX-Id:  7 \r\n\r\nbody"


def test_a_part_of_a_request_passes_for_all_of_it() -> None:
    for length in range(len(REQUEST)):
        assert parsed(REQUEST[:length]) == (None, REQUEST[:length])


def test_the_request_after_is_lost_or_read_with_the_one_before() -> None:
    request, rest = parsed(REQUEST + REQUEST[:9])

    headers = {"content-length": "4", "x-id": "7"}
    assert request == Request("POST", "/a", headers, b"body")
    assert rest == REQUEST[:9]
