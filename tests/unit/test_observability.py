"""Log lines: JSON, with the request's id, and nothing that was not handed over."""

import json
import subprocess
import sys

import pytest

from chalicelib import log_context, observability
from chalicelib.observability import BusinessMetrics, StructuredLog
from tests.support.log_lines import LogLines
from tests.support.metric_lines import Emitted, emitted, metrics_of


@pytest.fixture
def log(log_lines: LogLines) -> StructuredLog:
    log_context.bind_request("req-7")
    return StructuredLog()


def test_a_write_is_an_audit_line(log: StructuredLog, log_lines: LogLines) -> None:
    log.audit("event_created", {"by": "user_1", "event": "gala"})
    [line] = log_lines
    assert (line["level"], line["message"], line["kind"]) == ("INFO", "event_created", "audit")
    assert (line["by"], line["event"]) == ("user_1", "gala")
    assert (line["requestId"], line["service"]) == ("req-7", "events-api")
    assert line["timestamp"]


def test_a_refusal_is_a_security_line(log: StructuredLog, log_lines: LogLines) -> None:
    log.security("price_mismatch", {"event": "gala"})
    [line] = log_lines
    assert (line["level"], line["kind"]) == ("WARNING", "security")


def test_what_an_operator_should_see_is_an_error(log: StructuredLog, log_lines: LogLines) -> None:
    log.error("hold_left_behind", {"orderId": "01J"})  # noqa: PLE1205 - no logger of logging's
    [line] = log_lines
    assert (line["level"], line["kind"], line["orderId"]) == ("ERROR", "problem", "01J")


def test_a_crash_has_its_trace(log: StructuredLog, log_lines: LogLines) -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        log.crash("unexpected_error", {"route": "GET /"})
    [line] = log_lines
    assert (line["level"], line["kind"], line["route"]) == ("ERROR", "crash", "GET /")
    assert line["exception_name"] == "ZeroDivisionError"
    assert "division by zero" in line["exception"]


def test_every_crash_is_counted(
    log: StructuredLog, log_lines: LogLines, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        log.crash("unexpected_error", {})
    log.error("hold_left_behind", {"orderId": "01J"})  # noqa: PLE1205 - no logger of logging's
    assert metrics_of(capsys.readouterr().out) == {"Crash": [1, 1]}


def test_a_count_and_a_reading_say_their_unit_and_stage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STAGE", "prod")
    BusinessMetrics().count("OrderPaid", 3)
    BusinessMetrics().gauge("OldestPendingOrderAge", 61.5, "Seconds")
    monkeypatch.delenv("STAGE")
    BusinessMetrics().count("OrderPaid")
    first, second, third = emitted(capsys.readouterr().out)
    prod, unknown = (("stage", "prod"),), (("stage", "unknown"),)
    assert first == Emitted("EventsApi", "OrderPaid", prod, "Count", 3, first.at)
    age = Emitted("EventsApi", "OldestPendingOrderAge", prod, "Seconds", 61.5, second.at)
    assert second == age
    assert third == Emitted("EventsApi", "OrderPaid", unknown, "Count", 1, third.at)


def test_a_unit_that_cloudwatch_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="Fortnights"):
        BusinessMetrics().gauge("OldestPendingOrderAge", 1, "Fortnights")


def test_each_line_has_the_id_of_its_own_request(log: StructuredLog, log_lines: LogLines) -> None:
    log.audit("one", {})
    log_context.bind_request("req-8")
    log.audit("two", {})
    assert [line["requestId"] for line in log_lines] == ["req-7", "req-8"]


@pytest.mark.parametrize(
    "text", ["two\nlines", '{"kind": "audit"}', "Zürich 🎉", "\x00\x1b[31m", "\u2028"]
)
def test_no_value_breaks_a_line_in_two(log: StructuredLog, log_lines: LogLines, text: str) -> None:
    log.audit("event_created", {"event": text})
    assert log_lines.text.count("\n") == 1
    [line] = log_lines
    assert (line["event"], line["kind"]) == (text, "audit")


def test_a_line_holds_only_what_was_handed_over(
    log: StructuredLog, log_lines: LogLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_live_hunter2")
    log.audit("event_created", {})
    [line] = log_lines
    assert set(line) - {"exception", "exception_name", "stack_trace"} == {
        "level", "location", "message", "timestamp", "service", "kind", "requestId",
    }  # fmt: skip
    assert "hunter2" not in log_lines.text


@pytest.mark.parametrize(
    ("level", "expected"),
    [(None, ["audit", "security"]), ("WARNING", ["security"]), ("", ["audit", "security"])],
)
def test_the_level_is_a_setting(
    monkeypatch: pytest.MonkeyPatch, level: str | None, expected: list[str]
) -> None:
    monkeypatch.delenv("LOG_LEVEL", raising=False)
    if level is not None:
        monkeypatch.setenv("LOG_LEVEL", level)
    script = (
        "from chalicelib.observability import StructuredLog\n"
        "log = StructuredLog()\n"
        "log.audit('event_created', {})\n"
        "log.security('price_mismatch', {})\n"
    )
    written = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert [json.loads(line)["kind"] for line in written.splitlines()] == expected


@pytest.mark.parametrize(
    ("name", "level"), [("LOUD", "INFO"), ("", "INFO"), ("debug", "DEBUG"), ("ERROR", "ERROR")]
)
def test_a_level_that_is_none_takes_nothing_down(name: str, level: str) -> None:
    assert observability._level(name) == level
