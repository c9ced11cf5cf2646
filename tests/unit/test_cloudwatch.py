"""Figures from CloudWatch: what is asked, how the answer is read, and what happens without one."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from chalicelib.adapters import cloudwatch
from chalicelib.adapters.cloudwatch import CloudWatchFigures
from chalicelib.errors import Unavailable
from chalicelib.services.figures import OUTCOMES, Figures, Source
from chalicelib.settings import MetricsSettings
from tests.support.fakes import RecordingLog
from tests.support.http_server import Reply, hanging, serving

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = MetricsSettings("shop", "prod")
NOW = datetime(2027, 6, 15, 9, 18, 30, tzinfo=UTC)
MIDNIGHT = datetime(2027, 6, 15, tzinfo=UTC)


class Clock:
    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def log() -> RecordingLog:
    return RecordingLog()


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Stubbed:
    """An adapter whose client answers as a test says, and checks what it is asked."""

    def __init__(self, log: RecordingLog, clock: Clock) -> None:
        self.figures = CloudWatchFigures(SETTINGS, log, clock)
        client = self.figures._connected()
        self.stubber = Stubber(client)
        self.asked: list[dict[str, Any]] = []
        client.meta.events.register(
            "provide-client-params.cloudwatch.*", lambda params, **_: self.asked.append(params)
        )

    def answers(self, *pages: dict[str, Any]) -> None:
        for page in pages:
            self.stubber.add_response("get_metric_data", page)


@pytest.fixture
def stubbed(log: RecordingLog, clock: Clock) -> Iterator[Stubbed]:
    made = Stubbed(log, clock)
    with made.stubber:
        yield made


def test_the_page_on_health_says_what_reading_costs() -> None:
    numbers = len(list(cloudwatch._queries(SETTINGS)))
    text = (ROOT / "docs/health.md").read_text()
    assert f"A function reads {numbers} of them" in text
    # Twelve times an hour, in a month of 730 hours.
    assert f"{numbers * 12 * 730 * 0.01 / 1000:.2f} USD a month" in text


def results(values: dict[str, list[float]], status: str = "Complete") -> dict[str, Any]:
    return {
        "MetricDataResults": [
            {"Id": f"of_{name}", "Values": found, "StatusCode": status}
            for name, found in values.items()
        ]
    }


def test_sums_are_added_up_and_percentiles_are_those_of_the_day(stubbed: Stubbed) -> None:
    stubbed.answers(
        results(
            {
                "Count": [100.0, 200.0, 1.0],
                "4XXError": [3.0],
                "5XXError": [],
                "Latency": [1500.0, 500.0],
                "p50": [12.5],
                "p95": [80.0],
                "p99": [250.0],
                "CheckoutStarted": [2.0, 3.0],
            }
        )
    )

    read = stubbed.figures.read()

    assert (read.source, read.since) == (Source.CLOUDWATCH, MIDNIGHT)
    assert (read.requests, read.client_errors, read.server_errors) == (301, 3, 0)
    assert (read.times.p50, read.times.p95, read.times.p99) == (0.0125, 0.08, 0.25)
    assert read.times.total == 2.0
    assert read.outcomes == {
        **dict.fromkeys((outcome.name for outcome in OUTCOMES), 0),
        "CheckoutStarted": 5,
    }


def test_where_nothing_was_counted_there_are_zeros_and_no_percentiles(stubbed: Stubbed) -> None:
    stubbed.answers(results({}))

    read = stubbed.figures.read()

    assert (read.requests, read.times.p99, read.times.total) == (0, None, 0.0)
    assert set(read.outcomes.values()) == {0}


def test_this_api_and_stage_are_asked_about_in_one_call(stubbed: Stubbed) -> None:
    stubbed.answers(results({}))
    stubbed.figures.read()

    (asked,) = stubbed.asked
    assert (asked["StartTime"], asked["EndTime"]) == (
        MIDNIGHT,
        datetime(2027, 6, 15, 9, 15, tzinfo=UTC),
    )
    queries = {query["Id"]: query["MetricStat"] for query in asked["MetricDataQueries"]}
    assert len(queries) == 7 + len(OUTCOMES)
    assert queries["of_5XXError"] == {
        "Metric": {
            "Namespace": "AWS/ApiGateway",
            "MetricName": "5XXError",
            "Dimensions": [
                {"Name": "ApiName", "Value": "shop"},
                {"Name": "Stage", "Value": "prod"},
            ],
        },
        "Period": 300,
        "Stat": "Sum",
    }
    assert queries["of_p99"]["Metric"]["MetricName"] == "Latency"
    assert (queries["of_p99"]["Stat"], queries["of_p99"]["Period"]) == ("p99", 86_400)
    assert queries["of_Refund"]["Metric"] == {
        "Namespace": "EventsApi",
        "MetricName": "Refund",
        "Dimensions": [{"Name": "stage", "Value": "prod"}],
    }


@pytest.mark.parametrize(
    ("now", "since", "until"),
    [
        # What is counted is there two minutes later.
        ("2027-06-15T09:16:59", "2027-06-15T00:00:00", "2027-06-15T09:10:00"),
        ("2027-06-15T09:17:00", "2027-06-15T00:00:00", "2027-06-15T09:15:00"),
        ("2027-06-15T23:59:59", "2027-06-15T00:00:00", "2027-06-15T23:55:00"),
        # The last minutes of a day still belong to it.
        ("2027-06-16T00:01:59", "2027-06-15T00:00:00", "2027-06-15T23:55:00"),
        ("2027-06-16T00:06:59", "2027-06-15T00:00:00", "2027-06-16T00:00:00"),
        ("2027-06-16T00:07:00", "2027-06-16T00:00:00", "2027-06-16T00:05:00"),
    ],
)
def test_the_window_is_the_day_up_to_a_settled_five_minutes(
    stubbed: Stubbed, clock: Clock, now: str, since: str, until: str
) -> None:
    stubbed.answers(results({}))
    clock.now = datetime.fromisoformat(now).replace(tzinfo=UTC)

    read = stubbed.figures.read()

    assert read.since == datetime.fromisoformat(since).replace(tzinfo=UTC)
    assert read.until == datetime.fromisoformat(until).replace(tzinfo=UTC)


def test_a_part_of_an_answer_is_followed_by_the_rest(stubbed: Stubbed) -> None:
    stubbed.answers(
        {**results({"Count": [1.0, 2.0]}, "PartialData"), "NextToken": "more"},
        results({"Count": [4.0]}),
    )

    assert stubbed.figures.read().requests == 7


def test_cloudwatch_is_asked_once_for_each_window(
    stubbed: Stubbed, clock: Clock, log: RecordingLog
) -> None:
    stubbed.answers(results({"Count": [1.0]}), results({"Count": [2.0]}))

    first = [stubbed.figures.read().requests for _ in range(5)]
    clock.now += timedelta(minutes=3, seconds=29)
    assert stubbed.figures.read().until == datetime(2027, 6, 15, 9, 15, tzinfo=UTC)
    clock.now += timedelta(seconds=1)

    assert first == [1] * 5
    assert stubbed.figures.read().requests == 2
    stubbed.stubber.assert_no_pending_responses()


def test_a_crowd_is_told_by_one_call(stubbed: Stubbed) -> None:
    stubbed.answers(results({"Count": [1.0]}))
    read: list[Figures] = []
    crowd = [
        threading.Thread(target=lambda: read.append(stubbed.figures.read())) for _ in range(16)
    ]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join(60)

    assert [figures.requests for figures in read] == [1] * 16


@pytest.mark.parametrize("status", ["InternalError", "Forbidden"])
def test_an_answer_that_lacks_something_is_none(
    stubbed: Stubbed, log: RecordingLog, status: str
) -> None:
    stubbed.answers(results({"Count": [1.0]}, status))

    with pytest.raises(Unavailable):
        stubbed.figures.read()


def test_a_refusal_is_unavailable_and_its_text_reaches_nobody(
    stubbed: Stubbed, log: RecordingLog
) -> None:
    secret = "arn:aws:sts::123456789012:assumed-role/api is not authorized"
    stubbed.stubber.add_client_error("get_metric_data", "AccessDenied", secret, 403)

    with pytest.raises(Unavailable) as caught:
        stubbed.figures.read()

    assert str(caught.value) == "the metrics cannot be reached right now; try again"
    assert caught.value.__cause__ is None
    ((kind, name, fields),) = log.lines
    assert (kind, name, fields["code"]) == ("error", "cloudwatch_failed", "AccessDenied")
    assert "arn:" not in str(log.lines)


def test_after_a_failure_it_is_asked_again(stubbed: Stubbed) -> None:
    stubbed.stubber.add_client_error("get_metric_data", "InternalServiceFault", "x", 500)
    stubbed.answers(results({"Count": [3.0]}))

    with pytest.raises(Unavailable):
        stubbed.figures.read()
    assert stubbed.figures.read().requests == 3


@pytest.mark.enable_socket
def test_a_cloudwatch_that_hangs_is_given_up(
    log: RecordingLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloudwatch, "_DEADLINE_SECONDS", 0.3)
    with hanging() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", server.url)
        figures = CloudWatchFigures(SETTINGS, log)
        figures._connected()
        with pytest.raises(Unavailable):
            figures.read()
    assert log.lines == [("error", "cloudwatch_failed", {"type": "DeadlineExceeded"})]


@pytest.mark.enable_socket
def test_what_answers_in_another_language_is_unavailable(
    log: RecordingLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(lambda _: Reply(500, b"<html>")) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", server.url)
        with pytest.raises(Unavailable):
            CloudWatchFigures(SETTINGS, log).read()


def test_a_real_client_finds_what_was_counted(log: RecordingLog) -> None:
    """What the stub takes for granted: names, dimensions, periods and times, as moto reads them."""
    with mock_aws():
        client = boto3.client("cloudwatch")
        for minutes, api, count in ((1, "shop", 5.0), (61, "shop", 7.0), (61, "another", 100.0)):
            client.put_metric_data(
                Namespace="AWS/ApiGateway",
                MetricData=[
                    {
                        "MetricName": "Count",
                        "Dimensions": [
                            {"Name": "ApiName", "Value": api},
                            {"Name": "Stage", "Value": "prod"},
                        ],
                        "Timestamp": MIDNIGHT + timedelta(minutes=minutes),
                        "Value": count,
                    }
                ],
            )
        client.put_metric_data(
            Namespace="EventsApi",
            MetricData=[
                {
                    "MetricName": "OrderPaid",
                    "Dimensions": [{"Name": "stage", "Value": "prod"}],
                    "Timestamp": MIDNIGHT + timedelta(hours=2),
                    "Value": 3.0,
                }
            ],
        )

        read = CloudWatchFigures(SETTINGS, log, Clock()).read()

    assert (read.requests, read.outcomes["OrderPaid"]) == (12, 3)
    assert log.lines == []
