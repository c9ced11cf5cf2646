"""The local run's figures: exact counts, percentiles within a percent or two, little memory."""

import math
import random
import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.services.figures import OUTCOMES, Source
from chalicelib.services.process_figures import ProcessFigures
from tests.support.fakes import RecordingMeter

START = datetime(2027, 6, 15, 9, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def figures(meter: RecordingMeter | None = None, clock: Clock | None = None) -> ProcessFigures:
    return ProcessFigures(clock or Clock(), meter or RecordingMeter())


def test_before_the_first_request_there_are_zeros_and_no_percentiles() -> None:
    read = figures().read()

    assert (read.requests, read.client_errors, read.server_errors) == (0, 0, 0)
    assert (read.times.p50, read.times.p95, read.times.p99, read.times.total) == (
        None,
        None,
        None,
        0.0,
    )
    assert read.outcomes == {outcome.name: 0 for outcome in OUTCOMES}


def test_the_window_begins_with_the_process_and_ends_now() -> None:
    clock = Clock()
    counting = figures(clock=clock)
    clock.now += timedelta(minutes=7)

    read = counting.read()

    assert (read.source, read.since, read.until) == (Source.PROCESS, START, clock.now)


def test_requests_are_counted_by_what_they_came_to() -> None:
    counting = figures()
    for status in (200, 201, 304, 400, 404, 429, 499, 500, 503, 599):
        counting.record(status, 0.25)

    read = counting.read()

    assert (read.requests, read.client_errors, read.server_errors) == (10, 4, 3)
    assert read.times.total == 2.5


@given(st.lists(st.floats(0.0001, 100), min_size=1, max_size=300))
def test_a_percentile_is_the_one_of_its_rank_but_for_one_percent(seconds: list[float]) -> None:
    counting = figures()
    for one in seconds:
        counting.record(200, one)
    ranked = sorted(seconds)

    times = counting.read().times

    for share, found in ((0.5, times.p50), (0.95, times.p95), (0.99, times.p99)):
        exact = ranked[math.ceil(share * len(ranked)) - 1]
        assert found == pytest.approx(exact, rel=0.011)


def test_however_many_requests_there_are_so_many_numbers_are_kept() -> None:
    counting = figures()
    chance = random.Random(7)
    for _ in range(50_000):
        counting.record(200, chance.lognormvariate(-4, 3))
    for extreme in (0.0, -1.0, 1e-9, 1e9):
        counting.record(200, extreme)

    assert len(counting._buckets) < 710
    assert counting.read().requests == 50_004


def test_outcomes_are_counted_and_handed_on() -> None:
    meter = RecordingMeter()
    counting = figures(meter)

    counting.count("CheckoutStarted")
    counting.count("Refund", by=3)

    assert counting.read().outcomes["CheckoutStarted"] == 1
    assert counting.read().outcomes["Refund"] == 3
    assert meter.counts == {"CheckoutStarted": 1, "Refund": 3}


def test_what_nobody_shows_takes_no_room_and_is_still_handed_on() -> None:
    meter = RecordingMeter()
    counting = figures(meter)

    counting.count("SomethingNew")

    assert "SomethingNew" not in counting.read().outcomes
    assert meter.counts == {"SomethingNew": 1}


def test_threads_that_count_at_once_lose_nothing() -> None:
    counting = figures()

    def work() -> None:
        for _ in range(500):
            counting.record(500, 0.01)
            counting.count("OrderPaid")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    read = counting.read()
    assert (read.requests, read.server_errors, read.outcomes["OrderPaid"]) == (4000, 4000, 4000)


def test_what_was_read_does_not_change_any_more() -> None:
    counting = figures()
    read = counting.read()
    counting.count("Refund")

    assert read.outcomes["Refund"] == 0


def test_what_is_read_off_goes_on_to_cloudwatch() -> None:
    meter = RecordingMeter()

    figures(meter).gauge("OldestPendingOrderAge", 61.5, "Seconds")

    assert meter.readings == {"OldestPendingOrderAge": (61.5, "Seconds")}
