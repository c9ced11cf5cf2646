"""One page that a tired person understands: what is wrong, how sales go, what is behind both."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from infra.packaging.alarms import Alarm, alarms
from infra.packaging.documents import Document
from infra.packaging.metrics import Metric, counted, of_api, of_function, of_table
from infra.packaging.parameters import API, AUTHORIZER, TIMER, WEBHOOK
from infra.tables import declared_tables

DASHBOARD: Final = "Dashboard"
# A dashboard is so many units wide ("Dashboard body structure and syntax").
_WIDTH: Final = 24
_FIVE_MINUTES: Final = 300

_HOW_TO_READ: Final = """\
## ${AWS::StackName}
**Read from the top.** Red alarms come first: the description of each says what it means, what to \
do, and where its page of the runbook is (`docs/runbook`). No red alarm and sales as usual: all is \
well. A gap in a graph of errors is good news: nothing is written while nothing happens. Only the \
timer's runs have to be there all the time, one every five minutes. Times are UTC.
"""

_COLOURS: Final = {"bad": "#d62728", "good": "#2ca02c", "odd": "#ff7f0e", "plain": "#1f77b4"}

Widget = tuple[int, str, Document]


def dashboard_resources(stage: str, resources: Mapping[str, Any]) -> Document:
    """Return what is laid on the template whose `resources` these are: the stage's dashboard, and
    its address among the outputs.

    A text cannot name an alarm on a condition, so there is one text for each case.
    """
    watched = alarms(stage, resources)
    always = [alarm for alarm in watched if alarm.condition is None]
    body: object = {"Fn::Sub": dashboard_body(stage, watched)}
    for condition in {alarm.condition for alarm in watched if alarm.condition}:
        body = {"Fn::If": [condition, body, {"Fn::Sub": dashboard_body(stage, always)}]}
    return {
        "Resources": {
            DASHBOARD: {
                "Type": "AWS::CloudWatch::Dashboard",
                "Properties": {
                    "DashboardName": {"Ref": "AWS::StackName"},
                    "DashboardBody": body,
                },
            }
        },
        "Outputs": {
            "DashboardURL": {
                "Description": "Alarms, sales and what is behind them, on one page",
                "Value": {
                    "Fn::Sub": (
                        "https://${AWS::Region}.console.aws.amazon.com/cloudwatch/home"
                        "?region=${AWS::Region}#dashboards/dashboard/${AWS::StackName}"
                    )
                },
            }
        },
    }


def dashboard_body(stage: str, watched: Sequence[Alarm]) -> str:
    """Return the dashboard as CloudWatch takes it, a text for `Fn::Sub`."""
    rows = [
        (3, [(24, "text", {"markdown": _HOW_TO_READ})]),
        (_alarm_rows(len(watched)), [_alarm_widget(watched)]),
        (3, [_numbers(stage)]),
        (6, [_sales(stage), _requests(stage), _latency(stage)]),
        (6, [_money(stage), _webhook(stage), _timer(stage)]),
        (6, [_functions(), _capacity(), _throttles(stage)]),
    ]
    return json.dumps({"start": "-PT6H", "widgets": list(_placed(rows))})


def _placed(rows: Iterable[tuple[int, Sequence[Widget]]]) -> Iterable[Document]:
    """Yield widgets row by row, from left to right."""
    top = 0
    for height, widgets in rows:
        left = 0
        for width, kind, properties in widgets:
            place = {"x": left, "y": top, "width": width, "height": height}
            yield {"type": kind, **place, "properties": properties}
            left += width
        top += height


def _alarm_rows(count: int) -> int:
    """Return how high a widget is that shows so many alarms, about five in a row."""
    return 2 + -(-count // 5)


def _alarm_widget(watched: Sequence[Alarm]) -> Widget:
    prefix = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:"
    arns = [f"{prefix}{alarm.full_name}" for alarm in watched]
    return _WIDTH, "alarm", {"title": "Alarms", "alarms": arns, "sortBy": "stateUpdatedTimestamp"}


def _numbers(stage: str) -> Widget:
    names = {
        "CheckoutStarted": "Checkouts started",
        "OrderPaid": "Paid",
        "SoldOut": "Turned away: sold out",
        "LatePaymentSold": "Paid late, sold",
        "LatePaymentRefunded": "Paid late, refunded",
        "Refund": "Refunds",
        "HoldReleased": "Given back unpaid",
    }
    properties = _graph("Sales in the time that is shown", _named(stage, names))
    shown = {"view": "singleValue", "setPeriodToTimeRange": True, "sparkline": False}
    return _WIDTH, "metric", {**properties, **shown}


def _sales(stage: str) -> Widget:
    lines = [
        _line(counted(stage, "CheckoutStarted"), "Checkouts started", "plain"),
        _line(counted(stage, "OrderPaid"), "Paid", "good"),
        _line(counted(stage, "SoldOut"), "Turned away: sold out", "odd"),
    ]
    return 8, "metric", _graph("Sales", lines)


def _requests(stage: str) -> Widget:
    lines = [
        _line(of_api(stage, "Count"), "Requests", "plain"),
        _line(of_api(stage, "4XXError"), "Refused (4xx)", "odd"),
        _line(of_api(stage, "5XXError"), "Failed (5xx)", "bad"),
    ]
    return 8, "metric", _graph("Requests", lines)


def _latency(stage: str) -> Widget:
    lines = [
        _line(of_api(stage, "Latency", "p50"), "Half of requests take less", "good"),
        _line(of_api(stage, "Latency", "p99"), "All but a hundredth take less", "odd"),
    ]
    return 8, "metric", _graph("Milliseconds until the answer", lines)


def _money(stage: str) -> Widget:
    names = {
        "PaidOrderFoundByTimer": "Payment found by the timer",
        "RefundFailed": "Refund failed",
        "RefundLacksFunds": "Refund waits for funds",
        "Dispute": "Dispute",
        "ConfirmationFailed": "E-mail failed",
    }
    worst = _line(counted(stage, "PaidWithoutTicket", "Maximum"), "Paid without a ticket", "bad")
    return 8, "metric", _graph("What somebody has to look after", [worst, *_named(stage, names)])


def _webhook(stage: str) -> Widget:
    lines = [
        _line(of_function(WEBHOOK, "Invocations"), "Events", "plain"),
        _line(counted(stage, "WebhookFailed"), "Failed", "bad"),
        _line(counted(stage, "WebhookRejected"), "Bad signature", "odd"),
    ]
    return 8, "metric", _graph("Stripe's webhook", lines)


def _timer(stage: str) -> Widget:
    oldest = counted(stage, "OldestPendingOrderAge", "Maximum")
    lines = [
        _line(of_function(TIMER, "Invocations"), "Runs", "plain"),
        _line(counted(stage, "ChoreFailed"), "Failed pieces of work", "bad"),
        _line(oldest, "Oldest pending order, seconds", "odd", yAxis="right"),
    ]
    return 8, "metric", _graph("The timer", lines)


def _functions() -> Widget:
    # A refused token is an error of the authorizer, and for the timer nobody waits.
    shown = {"Errors": (API, WEBHOOK, TIMER), "Throttles": (API, WEBHOOK, AUTHORIZER)}
    lines = [
        _line(of_function(function, name), f"{function}: {name.lower()}")
        for name, functions in shown.items()
        for function in functions
    ]
    return 8, "metric", _graph("Functions", lines)


def _capacity() -> Widget:
    lines = [
        _line(of_table(table, f"Consumed{kind}CapacityUnits"), f"{table}: {kind.lower()} units")
        for table in declared_tables()
        for kind in ("Read", "Write")
    ]
    return 8, "metric", _graph("DynamoDB's units, without indexes", lines)


def _throttles(stage: str) -> Widget:
    failed = _line(counted(stage, "StoreFailed"), "Calls that failed for good", "bad")
    lines = [
        _line(of_table(table, f"{kind}ThrottleEvents"), f"{table}: {kind.lower()}s throttled")
        for table in declared_tables()
        for kind in ("Read", "Write")
    ]
    return 8, "metric", _graph("DynamoDB's refusals", [failed, *lines])


def _named(stage: str, names: Mapping[str, str]) -> list[list[object]]:
    return [_line(counted(stage, name), label) for name, label in names.items()]


def _line(metric: Metric, label: str, colour: str = "", **options: str) -> list[object]:
    painted = {"color": _COLOURS[colour]} if colour else {}
    return metric.shown(label=label, **painted, **options)


def _graph(title: str, lines: Sequence[list[object]]) -> Document:
    return {
        "title": title,
        "region": "${AWS::Region}",
        "view": "timeSeries",
        "period": _FIVE_MINUTES,
        "metrics": list(lines),
    }
