"""What is known of a request: bound once, seen by its threads, and by nobody after it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.log_context import Bound, apart, bind_order, bind_request, bind_user, bound
from chalicelib.observability import StructuredLog
from tests.support.log_lines import LogLines


@pytest.fixture(autouse=True)
def _request() -> None:
    bind_request("req-1")


def test_what_becomes_known_is_on_every_line_from_there_on(log_lines: LogLines) -> None:
    log = StructuredLog()
    log.audit("one", {})
    bind_user("user_1", "admin")
    log.security("two", {})
    bind_order("01J")
    log.error("three", {})  # noqa: PLE1205 - no logger of logging's
    ids = [
        {name: line[name] for name in ("requestId", "userId", "orderId") if name in line}
        for line in log_lines
    ]
    assert ids == [
        {"requestId": "req-1"},
        {"requestId": "req-1", "userId": "user_1"},
        {"requestId": "req-1", "userId": "user_1", "orderId": "01J"},
    ]


def test_the_next_request_knows_nothing_of_the_one_before() -> None:
    bind_user("user_1", "admin")
    bind_order("01J")
    bind_request("req-2")
    assert bound() == Bound("req-2")


def test_a_line_may_name_another_order(log_lines: LogLines) -> None:
    bind_order("01J")
    StructuredLog().audit("one", {"orderId": "02J"})
    [line] = log_lines
    assert line["orderId"] == "02J"


def test_a_thread_knows_its_request_and_leaves_nothing_behind() -> None:
    bind_user("user_1")

    def work(order_id: str) -> tuple[str | None, str | None, str | None]:
        before = bound().order_id
        bind_order(order_id)
        return bound().request_id, before, bound().order_id

    with ThreadPoolExecutor(2) as pool:
        seen = list(pool.map(apart(work), ["a", "b", "c", "d"]))

    assert seen == [("req-1", None, name) for name in "abcd"]
    assert bound() == Bound("req-1", "user_1", "")


def test_without_it_a_thread_would_know_nothing() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(bound).result() == Bound()
