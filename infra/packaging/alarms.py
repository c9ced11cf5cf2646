"""What wakes somebody, and what is looked at in the morning: the stage's alarms.

A page is for what hurts buyers or money now and does not mend itself; all else can wait until
tomorrow. Each alarm has a page in `docs/runbook`. Production has all of them. Other stages have the
few that tell whether they work at all: each metric that an alarm watches is paid for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from chalicelib.settings import PRODUCTION_STAGE
from infra.packaging.alarm_topic import NOTIFIED, topic
from infra.packaging.documents import Document
from infra.packaging.metrics import (
    FUNCTIONS,
    Metric,
    counted,
    of_api,
    of_firewall,
    of_function,
    of_table,
    substituted,
    timeout_ms,
)
from infra.packaging.parameters import AUTHORIZER, TIMER, WEBHOOK
from infra.tables import declared_tables

_MINUTE: Final = 60
_FIVE_MINUTES: Final = 5 * _MINUTE
_HOUR: Final = 60 * _MINUTE

# Half of ten minutes. Three requests in a night, or one cold start, spoil three of them at most.
# What is broken spoils five on a small site too, and in a sale's first minutes it is soon seen.
_HALF_OF_TEN: Final = (5, 10)


class Severity(StrEnum):
    """How soon somebody has to look."""

    PAGE = "page"
    TOMORROW = "tomorrow"


_SAID = {
    Severity.PAGE: "PAGE: look now, whatever the hour.",
    Severity.TOMORROW: "TOMORROW: it can wait until the morning.",
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """When to tell whom of what.

    It goes off where `spoilt` of the last `periods` periods of so many seconds reach `threshold`,
    or stay below it with `below`. Of several metrics an `expression` makes one number; in it they
    are m1, m2, …. Periods without data are good ones, or with `silence_is_bad` bad ones.
    `condition` is the condition on which there is something to watch.
    """

    name: str
    severity: Severity
    means: str
    action: str
    metrics: tuple[Metric, ...]
    threshold: float
    period: int
    spoilt: int = 1
    periods: int = 1
    expression: str | None = None
    below: bool = False
    silence_is_bad: bool = False
    everywhere: bool = False
    page: str | None = None
    condition: str | None = None

    @property
    def logical_id(self) -> str:
        """What the template calls it."""
        return "".join(word.capitalize() for word in self.name.split("-")) + "Alarm"

    @property
    def full_name(self) -> str:
        """What CloudWatch and its e-mails call it, as a text for `Fn::Sub`."""
        return f"${{AWS::StackName}}-{self.severity}-{self.name}"

    @property
    def runbook(self) -> str:
        """Its page of the runbook."""
        return f"docs/runbook/{self.page or self.name}.md"

    def resource(self) -> Document:
        """Return it as CloudFormation takes it."""
        alarm: Document = {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmName": {"Fn::Sub": self.full_name},
                "AlarmDescription": (
                    f"{_SAID[self.severity]} {self.means} First: {self.action} "
                    f"Runbook: {self.runbook}"
                ),
                **self._watched(),
                "Threshold": self.threshold,
                "ComparisonOperator": (
                    "LessThanThreshold" if self.below else "GreaterThanOrEqualToThreshold"
                ),
                "DatapointsToAlarm": self.spoilt,
                "EvaluationPeriods": self.periods,
                "TreatMissingData": "breaching" if self.silence_is_bad else "notBreaching",
                "AlarmActions": NOTIFIED,
                "OKActions": NOTIFIED,
            },
        }
        return alarm if self.condition is None else {**alarm, "Condition": self.condition}

    def _watched(self) -> Document:
        if self.expression is None:
            (metric,) = self.metrics
            is_percentile = metric.statistic.startswith("p")
            statistic = "ExtendedStatistic" if is_percentile else "Statistic"
            return {**metric.watched(), statistic: metric.statistic, "Period": self.period}
        result = {"Id": "result", "Expression": self.expression, "Label": self.name}
        return {"Metrics": [result, *self._inputs()]}

    def _inputs(self) -> list[Document]:
        return [
            {
                "Id": f"m{number}",
                "ReturnData": False,
                "MetricStat": {
                    "Metric": metric.watched(),
                    "Period": self.period,
                    "Stat": metric.statistic,
                },
            }
            for number, metric in enumerate(self.metrics, 1)
        ]


def alarm_resources(stage: str, resources: Mapping[str, Any]) -> Document:
    """Return what is laid on the template whose `resources` these are: the stage's alarms, and whom
    they tell.
    """
    found = {alarm.logical_id: alarm.resource() for alarm in alarms(stage, resources)}
    return {**topic(), "Resources": {**topic()["Resources"], **found}}


def alarms(stage: str, resources: Mapping[str, Any]) -> tuple[Alarm, ...]:
    """Return the stage's alarms; where there is a web ACL in the template, it has one too."""
    every = (
        *_of_requests(stage),
        *_of_functions(stage),
        *_of_webhook(stage),
        *_of_timer(stage),
        *_of_money(stage),
        *_of_store(stage),
        *_of_firewall(resources),
    )
    has_all = stage.startswith(PRODUCTION_STAGE)
    return tuple(alarm for alarm in every if has_all or alarm.everywhere)


def _of_requests(stage: str) -> tuple[Alarm, ...]:
    spoilt, periods = _HALF_OF_TEN
    return (
        Alarm(
            name="api-errors",
            severity=Severity.PAGE,
            means=(
                "In five of the last ten minutes at least 5 % of all answers were 5xx: buyers get "
                "errors."
            ),
            action="see whether store-failing or crashes went off too, and read the crash lines.",
            # Its average is the share of requests ("Amazon API Gateway dimensions and metrics").
            metrics=(of_api(stage, "5XXError", "Average"),),
            threshold=0.05,
            period=_MINUTE,
            spoilt=spoilt,
            periods=periods,
            everywhere=True,
        ),
        Alarm(
            name="api-slow",
            severity=Severity.TOMORROW,
            means=(
                "In five of the last ten minutes the slowest hundredth of requests took 5 seconds "
                "or more: buyers leave."
            ),
            action="look on the dashboard whether Stripe, DynamoDB or cold starts take the time.",
            metrics=(of_api(stage, "Latency", "p99"),),
            # A cold start with a call of Stripe takes 2 to 3 seconds.
            threshold=5_000,
            period=_MINUTE,
            spoilt=spoilt,
            periods=periods,
        ),
        Alarm(
            name="authorizer-refusing",
            severity=Severity.TOMORROW,
            means=(
                "In five of the last ten minutes nine of ten tokens or more were refused, or could "
                "not be checked: admins and doors may be locked out."
            ),
            action="sign in yourself, and read the reasons in the authorizer's log.",
            # A refused token is an error of the authorizer ("Lambda authorizer": it raises).
            metrics=(of_function(AUTHORIZER, "Errors", "Average"),),
            threshold=0.9,
            period=_MINUTE,
            spoilt=spoilt,
            periods=periods,
        ),
    )


def _of_functions(stage: str) -> tuple[Alarm, ...]:
    limits = [(function, _limit_ms(stage, function)) for function in FUNCTIONS]
    return (
        Alarm(
            name="functions-throttled",
            severity=Severity.PAGE,
            means=(
                "Lambda refused calls in two of the last five minutes: the account's concurrent "
                "executions are used up, and buyers get errors."
            ),
            action="see in the console which function uses them, and ask AWS for a higher quota.",
            metrics=tuple(of_function(function, "Throttles") for function in FUNCTIONS),
            expression=_total(len(FUNCTIONS)),
            threshold=1,
            period=_MINUTE,
            spoilt=2,
            periods=5,
        ),
        Alarm(
            name="functions-slow",
            severity=Severity.TOMORROW,
            means=(
                "In three of the last fifteen minutes a function came near the time at which "
                "Lambda ends it, and what it does is cut off."
            ),
            action="find the slow calls by their REPORT lines, and what they waited for.",
            metrics=tuple(of_function(function, "Duration", "Maximum") for function, _ in limits),
            expression=" + ".join(
                f"(FILL(m{number}, 0) >= {limit})" for number, (_, limit) in enumerate(limits, 1)
            ),
            threshold=1,
            period=_MINUTE,
            spoilt=3,
            periods=15,
        ),
        Alarm(
            name="crashes",
            severity=Severity.TOMORROW,
            means=(
                "The program met an error that nobody expected, or one of its 5xx answers has a "
                "trace: a line of kind crash was written."
            ),
            action="read the line: it has the trace.",
            metrics=(counted(stage, "Crash"),),
            threshold=1,
            period=_FIVE_MINUTES,
            everywhere=True,
        ),
    )


def _limit_ms(stage: str, function: str) -> int:
    """Return what is near a function's end: four fifths of its time. The timer fills its time as
    far as it may, seven eighths of it; near its end is what is beyond.
    """
    share = 0.95 if function == TIMER else 0.8
    return int(share * timeout_ms(stage, function))


def _of_webhook(stage: str) -> tuple[Alarm, ...]:
    return (
        Alarm(
            name="webhook-failing",
            severity=Severity.PAGE,
            means=(
                "Stripe's events could not be handled in two of the last six five-minute periods: "
                "who pays gets the ticket late, by the timer."
            ),
            action="read the webhook's crash lines, and the deliveries in Stripe's dashboard.",
            metrics=(of_function(WEBHOOK, "Errors"), counted(stage, "WebhookFailed")),
            expression=_total(2),
            threshold=1,
            period=_FIVE_MINUTES,
            # Stripe tries again after some minutes: one failure is over by then, two are not.
            spoilt=2,
            periods=6,
        ),
        Alarm(
            name="webhook-rejected",
            severity=Severity.TOMORROW,
            means=(
                "Ten or more deliveries with a bad signature in fifteen minutes: a stranger tries, "
                "or the signing secret is not Stripe's."
            ),
            action="see in Stripe's dashboard whether its deliveries get 400s.",
            metrics=(counted(stage, "WebhookRejected"),),
            # Scanners post to anything, now and then. A wrong secret shows in webhooks-missing.
            threshold=10,
            period=3 * _FIVE_MINUTES,
        ),
        Alarm(
            name="webhooks-missing",
            severity=Severity.TOMORROW,
            means=(
                "The timer found a payment, or another event, of which the webhook was not told: "
                "Stripe cannot reach it, or gets errors."
            ),
            action="look at the endpoint in Stripe's dashboard: its address, events and errors.",
            metrics=(
                counted(stage, "PaidOrderFoundByTimer"),
                counted(stage, "UndeliveredEventHandled"),
            ),
            expression=_total(2),
            threshold=1,
            period=_HOUR,
        ),
        Alarm(
            name="events-given-up",
            severity=Severity.TOMORROW,
            means="An event of Stripe's could not be handled for a day, and nobody tries any more.",
            action="find the event's id in the line undelivered_event_given_up, and its order.",
            metrics=(counted(stage, "UndeliveredEventGivenUp"),),
            threshold=1,
            period=_FIVE_MINUTES,
        ),
    )


def _of_timer(stage: str) -> tuple[Alarm, ...]:
    return (
        Alarm(
            name="timer-silent",
            severity=Severity.PAGE,
            means=(
                "The timer has not run for half an hour: holds are not given back, and nothing "
                "that was lost is found."
            ),
            action="see whether the rule of EventBridge is enabled and may call the function.",
            metrics=(of_function(TIMER, "Invocations"),),
            # FILL, or the last runs would count for longer: where data is missing, CloudWatch goes
            # back beyond the periods that it judges.
            expression=_total(1),
            threshold=1,
            below=True,
            period=_FIVE_MINUTES,
            spoilt=6,
            periods=6,
            silence_is_bad=True,
            everywhere=True,
        ),
        Alarm(
            name="timer-failing",
            severity=Severity.PAGE,
            means=(
                "The timer ended without an answer in three of the last six five-minute periods: a "
                "crash, or its time was up."
            ),
            action="read the end of its log, and call it by hand.",
            metrics=(of_function(TIMER, "Errors"),),
            threshold=1,
            period=_FIVE_MINUTES,
            spoilt=3,
            periods=6,
        ),
        Alarm(
            name="chores-failing",
            severity=Severity.TOMORROW,
            means=(
                "In half of the last hour's runs the timer could not do some of its work: Stripe, "
                "SES or DynamoDB fail, or an order cannot be dealt with."
            ),
            action="read the lines chore_failed: they name the chore and the piece.",
            metrics=(counted(stage, "ChoreFailed"),),
            threshold=1,
            period=_FIVE_MINUTES,
            spoilt=6,
            periods=12,
        ),
        Alarm(
            name="orders-pending",
            severity=Severity.TOMORROW,
            means=(
                "An order is pending an hour after its hold was over: its seats are kept from "
                "others, and it may have been paid."
            ),
            action="see whether Stripe answers, and whether it knows the order's session.",
            metrics=(counted(stage, "OldestPendingOrderAge", "Maximum"),),
            # The timer looks at it three times within this hour, the first time in minutes.
            threshold=_HOUR,
            period=3 * _FIVE_MINUTES,
        ),
    )


def _of_money(stage: str) -> tuple[Alarm, ...]:
    return (
        Alarm(
            name="paid-without-ticket",
            severity=Severity.PAGE,
            means=(
                "Somebody has paid and has neither a ticket nor the money: the order could not be "
                "sold, or its refund has not been made for an hour."
            ),
            action="find the order in the line paid_without_ticket, and its payment at Stripe.",
            metrics=(counted(stage, "PaidWithoutTicket", "Maximum"),),
            threshold=1,
            period=3 * _FIVE_MINUTES,
        ),
        Alarm(
            name="refunds-failing",
            severity=Severity.TOMORROW,
            means=(
                "Stripe could not make a refund: a bank sent it back, or the balance does not "
                "cover it. A buyer is owed money."
            ),
            action="read the lines refund_failed and refund_lacks_funds.",
            metrics=(counted(stage, "RefundFailed"), counted(stage, "RefundLacksFunds")),
            expression=_total(2),
            threshold=1,
            period=_HOUR,
        ),
        Alarm(
            name="disputes",
            severity=Severity.TOMORROW,
            means="A buyer's bank disputes a payment, or the dispute has moved on.",
            action="answer it in Stripe's dashboard, before its date.",
            metrics=(counted(stage, "Dispute"),),
            threshold=1,
            period=_HOUR,
        ),
        Alarm(
            name="confirmations-failing",
            severity=Severity.TOMORROW,
            means=(
                "Three or more e-mails with tickets could not be sent within an hour; the timer "
                "tries for three days."
            ),
            action="look at the account's standing in Amazon SES.",
            metrics=(counted(stage, "ConfirmationFailed"),),
            # One address that takes no mail is nobody's emergency.
            threshold=3,
            period=_HOUR,
        ),
    )


def _of_store(stage: str) -> tuple[Alarm, ...]:
    return (
        Alarm(
            name="store-failing",
            severity=Severity.PAGE,
            means=(
                "In three of the last five minutes calls of DynamoDB failed after all repeats: "
                "errors, throttling, no permission, or no answer."
            ),
            action="look at AWS's health dashboard, and at the cause in the crash lines.",
            metrics=(counted(stage, "StoreFailed"),),
            threshold=1,
            period=_MINUTE,
            spoilt=3,
            periods=5,
        ),
        *(_throttled(table) for table in declared_tables()),
    )


def _throttled(table: str) -> Alarm:
    """Watch for throttling of a table. FILL, since alarms on DynamoDB's metrics keep their state
    where data is missing, whatever they are told to do ("PutMetricAlarm", TreatMissingData).
    """
    name = table.removesuffix("Table").lower()
    return Alarm(
        name=f"{name}-throttled",
        severity=Severity.TOMORROW,
        means=(
            f"DynamoDB throttled reads or writes of {table} in three of the last ten minutes. "
            "They are repeated; where that does not help, store-failing goes off."
        ),
        action="see whether one event sells more than a partition takes, or who reads so much.",
        metrics=(of_table(table, "ReadThrottleEvents"), of_table(table, "WriteThrottleEvents")),
        expression=_total(2),
        # A table that was quiet throttles the first seconds of a sale, and takes it then.
        threshold=10,
        period=_MINUTE,
        spoilt=3,
        periods=10,
        page="table-throttled",
    )


def _of_firewall(resources: Mapping[str, Any]) -> tuple[Alarm, ...]:
    return tuple(
        Alarm(
            name="firewall-blocking",
            severity=Severity.TOMORROW,
            means=(
                "The firewall blocked 1,000 requests or more in each of two five-minute periods: "
                "an attack, or a rule that hits buyers."
            ),
            action="see which rule blocks whom, in the web ACL's metrics by rule.",
            metrics=(of_firewall(_text(acl["Properties"]["VisibilityConfig"]["MetricName"])),),
            # One address alone that goes on after its hundred a minute makes some hundreds.
            threshold=1_000,
            period=_FIVE_MINUTES,
            spoilt=2,
            periods=3,
            condition=acl.get("Condition"),
        )
        for acl in resources.values()
        if acl.get("Type") == "AWS::WAFv2::WebACL"
    )


def _text(value: object) -> str:
    """Return a value of the template as a text for `Fn::Sub`."""
    if isinstance(value, Mapping):
        return value["Fn::Sub"] if "Fn::Sub" in value else f"${{{value['Ref']}}}"
    assert substituted(str(value)) == value
    return str(value)


def _total(count: int) -> str:
    """Return the expression that adds up so many metrics, those without data as 0."""
    return " + ".join(f"FILL(m{number}, 0)" for number in range(1, count + 1))
