"""The figures of a deployed API, from Amazon CloudWatch: what API Gateway counts of every request,
and what the functions count of the business.

They are of the day, in UTC, up to a time that is a multiple of five minutes and a little past: what
is counted arrives in CloudWatch a minute or two late. So they only grow until midnight, whichever
of many functions tells them, and a monitor that takes them for counters is right to.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import botocore.config
import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.deadline import DeadlineExceeded, within
from chalicelib.domain.clock import Clock, utc_now
from chalicelib.errors import Unavailable
from chalicelib.observability import METRICS_NAMESPACE
from chalicelib.services.figures import OUTCOMES, Figures, ResponseTimes, Source
from chalicelib.settings import MetricsSettings

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog

_CONNECT_TIMEOUT_SECONDS = 1.0
_READ_TIMEOUT_SECONDS = 3.0
_DEADLINE_SECONDS = 6.0
_ATTEMPTS = 2
# What is counted is there after this time.
_SETTLED = timedelta(minutes=2)
_STEP = timedelta(minutes=5)
_DAY = timedelta(days=1)
_MILLISECONDS = 1000
_REQUESTS, _CLIENT_ERRORS, _SERVER_ERRORS, _LATENCY = "Count", "4XXError", "5XXError", "Latency"
_PERCENTILES = ("p50", "p95", "p99")

Query = dict[str, Any]
# Values by the query's id, oldest first.
Answers = Mapping[str, list[float]]


@dataclass(frozen=True, slots=True)
class _Window:
    since: datetime
    until: datetime


class CloudWatchFigures:
    """`services.figures.FigureSource` on CloudWatch.

    One call for each five minutes, whoever asks how often: CloudWatch asks money for each number.
    """

    def __init__(self, settings: MetricsSettings, log: "AuditLog", clock: Clock = utc_now) -> None:
        self._settings = settings
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        self._client: Any = None
        self._kept: Figures | None = None

    def read(self) -> Figures:
        """Return the figures; raises `Unavailable`."""
        with self._lock:
            window = _window(self._clock())
            if self._kept is None or self._kept.until != window.until:
                self._kept = _figures(window, self._ask(window))
            return self._kept

    def _ask(self, window: _Window) -> Answers:
        try:
            return within(_DEADLINE_SECONDS, lambda: self._answers(window))
        except ClientError as error:
            self._log_failure(
                type(error).__name__,
                code=error.response.get("Error", {}).get("Code"),
                awsRequestId=error.response.get("ResponseMetadata", {}).get("RequestId"),
            )
            raise _unavailable() from None
        except (BotoCoreError, DeadlineExceeded, _Incomplete) as error:
            self._log_failure(type(error).__name__)
            raise _unavailable() from None

    def _answers(self, window: _Window) -> Answers:
        answers: dict[str, list[float]] = {}
        pages = (
            self._connected()
            .get_paginator("get_metric_data")
            .paginate(
                MetricDataQueries=list(_queries(self._settings)),
                StartTime=window.since,
                EndTime=window.until,
                ScanBy="TimestampAscending",
            )
        )
        for result in (result for page in pages for result in page["MetricDataResults"]):
            # A part of an answer is followed by the rest of it, on another page.
            if result.get("StatusCode", "Complete") not in {"Complete", "PartialData"}:
                raise _Incomplete
            answers.setdefault(result["Id"], []).extend(result["Values"])
        return answers

    def _connected(self) -> Any:  # noqa: ANN401 - botocore makes its clients' classes as it runs
        if self._client is None:
            self._client = botocore.session.get_session().create_client(
                "cloudwatch",
                config=botocore.config.Config(
                    connect_timeout=_CONNECT_TIMEOUT_SECONDS,
                    read_timeout=_READ_TIMEOUT_SECONDS,
                    retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
                ),
            )
        return self._client

    def _log_failure(self, kind: str, **known: object) -> None:
        self._log.error("cloudwatch_failed", {"type": kind, **known})


class _Incomplete(Exception):
    """CloudWatch answered, and not all that was asked."""


def _unavailable() -> Unavailable:
    return Unavailable("the metrics cannot be reached right now; try again")


def _window(now: datetime) -> _Window:
    """Return the day so far, or the whole of the one before until something of it is settled."""
    settled = now.astimezone(UTC) - _SETTLED
    midnight = settled.replace(hour=0, minute=0, second=0, microsecond=0)
    until = midnight + (settled - midnight) // _STEP * _STEP
    return _Window(midnight - _DAY if until == midnight else midnight, until)


def _queries(settings: MetricsSettings) -> Iterable[Query]:
    api = {"ApiName": settings.api_name, "Stage": settings.stage}
    for name in (_REQUESTS, _CLIENT_ERRORS, _SERVER_ERRORS, _LATENCY):
        yield _query(name, "AWS/ApiGateway", name, api, "Sum", _STEP)
    for percentile in _PERCENTILES:
        # Percentiles of parts cannot be put together.
        yield _query(percentile, "AWS/ApiGateway", _LATENCY, api, percentile, _DAY)
    for outcome in OUTCOMES:
        stage = {"stage": settings.stage}
        yield _query(outcome.name, METRICS_NAMESPACE, outcome.name, stage, "Sum", _STEP)


def _query(
    name: str,
    namespace: str,
    metric: str,
    dimensions: Mapping[str, str],
    statistic: str,
    period: timedelta,
) -> Query:
    return {
        "Id": _id(name),
        "MetricStat": {
            "Metric": {
                "Namespace": namespace,
                "MetricName": metric,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            },
            "Period": int(period.total_seconds()),
            "Stat": statistic,
        },
    }


def _id(name: str) -> str:
    """Return a query's id: it has to begin with a small letter."""
    return f"of_{name}"


def _figures(window: _Window, answers: Answers) -> Figures:
    def total(name: str) -> int:
        return round(sum(answers.get(_id(name), ())))

    def percentile(name: str) -> float | None:
        values = answers.get(_id(name))
        return values[-1] / _MILLISECONDS if values else None

    p50, p95, p99 = (percentile(name) for name in _PERCENTILES)
    seconds = sum(answers.get(_id(_LATENCY), ())) / _MILLISECONDS
    return Figures(
        source=Source.CLOUDWATCH,
        since=window.since,
        until=window.until,
        requests=total(_REQUESTS),
        client_errors=total(_CLIENT_ERRORS),
        server_errors=total(_SERVER_ERRORS),
        times=ResponseTimes(p50, p95, p99, seconds),
        outcomes={outcome.name: total(outcome.name) for outcome in OUTCOMES},
    )
