"""Structured log lines and metrics. Imported by anyone, imports nobody of ours.

Powertools' Logger is made on the first line that is written: a page view that goes well writes
none and should not pay for it. Callers pass identifiers only, never a token, a card, an e-mail
address or a request's body.
"""

import json
import logging
import os
from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

SERVICE = "events-api"
METRICS_NAMESPACE = "EventsApi"

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def bind_request(request_id: str) -> None:
    """Put this request id on every line that is written from here on."""
    _request_id.set(request_id)


@cache
def _logger() -> "Logger":
    from aws_lambda_powertools import Logger

    level = _level(os.environ.get("LOG_LEVEL", ""))
    return Logger(service=SERVICE, level=level, json_serializer=_in_ascii)


def _in_ascii(line: dict[str, object]) -> str:
    """Write a line with everything beyond ASCII escaped: some of it ends lines for those who look
    at them, and half a character cannot be written at all.
    """
    return json.dumps(line, default=str, separators=(",", ":"))


def _level(name: str) -> str:
    """Return the level of that name; a word that is none must not take a sale down with it."""
    return name.upper() if name.upper() in logging.getLevelNamesMapping() else "INFO"


class StructuredLog:
    """`services.ports.AuditLog` as JSON lines on standard output."""

    def audit(self, action: str, fields: Mapping[str, object]) -> None:
        """Record a write that was made."""
        _logger().info(action, extra=self._extra("audit", fields))

    def security(self, refusal: str, fields: Mapping[str, object]) -> None:
        """Record something refused or suspicious."""
        _logger().warning(refusal, extra=self._extra("security", fields))

    def error(self, problem: str, fields: Mapping[str, object]) -> None:
        """Record something that an operator should look at."""
        _logger().error(problem, extra=self._extra("problem", fields))

    def work(self, done: str, fields: Mapping[str, object]) -> None:
        """Record what a run of the timer did."""
        _logger().info(done, extra=self._extra("work", fields))

    def crash(self, problem: str, fields: Mapping[str, object]) -> None:
        """Record an exception that nobody expected, with its trace; call it while it is handled."""
        _logger().exception(problem, extra=self._extra("crash", fields))

    @staticmethod
    def _extra(kind: str, fields: Mapping[str, object]) -> dict[str, object]:
        return {"kind": kind, "requestId": _request_id.get(), **fields}


class BusinessMetrics:
    """`services.ports.Meter` as CloudWatch's embedded metric format, a line on standard output."""

    def count(self, outcome: str, by: int = 1) -> None:
        """Count that something came out this way, so many times."""
        from aws_lambda_powertools.metrics import MetricUnit, single_metric

        with single_metric(
            name=outcome, unit=MetricUnit.Count, value=by, namespace=METRICS_NAMESPACE
        ) as metric:
            metric.add_dimension("stage", os.environ.get("STAGE") or "unknown")
