"""Structured log lines and metrics. Imported by anyone, imports nobody of ours but what a line says
of its request (`log_context`) and must not say at all (`redaction`).

Powertools' Logger is made on the first line that is written: a page view that goes well writes
none and should not pay for it. Callers pass identifiers only, never a token, a card, an e-mail
address or a request's body.
"""

import json
import logging
import os
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from chalicelib.log_context import bound

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

SERVICE = "events-api"
METRICS_NAMESPACE = "EventsApi"
STAGE_DIMENSION = "stage"


@cache
def _logger() -> "Logger":
    from aws_lambda_powertools import Logger

    return Logger(
        service=SERVICE,
        level=_level(os.environ.get("LOG_LEVEL", "")),
        json_serializer=_serialized,
        # The trace is in `exception` already, as text.
        serialize_stacktrace=False,
    )


def _serialized(line: dict[str, Any]) -> str:
    """Write a line as JSON, without what an exception's message or a value may have brought in.

    Everything beyond ASCII is escaped: some of it ends lines for those who look at them, and half a
    character cannot be written at all.
    """
    from chalicelib.redaction import redacted_value

    # Notes are in the trace's text too.
    line.pop("exception_notes", None)
    return json.dumps(redacted_value(line), separators=(",", ":"))


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
        """Record an exception that nobody expected, with its trace; call it while it is handled.

        Each is counted too: an alarm is on these lines.
        """
        _logger().exception(problem, extra=self._extra("crash", fields))
        BusinessMetrics().count("Crash")

    @staticmethod
    def _extra(kind: str, fields: Mapping[str, object]) -> dict[str, object]:
        known = bound()
        ids = {"userId": known.user_id, "orderId": known.order_id}
        said = {name: value for name, value in ids.items() if value is not None}
        return {"kind": kind, "requestId": known.request_id, **said, **fields}


class BusinessMetrics:
    """`services.ports.Meter` as CloudWatch's embedded metric format, a line on standard output."""

    def count(self, outcome: str, by: int = 1) -> None:
        """Count that something came out this way, so many times."""
        self.gauge(outcome, by)

    def gauge(self, reading: str, value: float, unit: str = "Count") -> None:
        """Note how much of something there is now, in one of CloudWatch's units."""
        from aws_lambda_powertools.metrics import MetricUnit, single_metric

        with single_metric(
            name=reading, unit=MetricUnit(unit), value=value, namespace=METRICS_NAMESPACE
        ) as metric:
            metric.add_dimension(STAGE_DIMENSION, os.environ.get("STAGE") or "unknown")
