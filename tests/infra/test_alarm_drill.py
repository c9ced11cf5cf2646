"""The drill: each alarm gets the trouble that it is for, made by the program's own code where it is
the code that counts, and nights and sales on which nothing is wrong.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from infra.packaging.alarms import Severity, alarms
from infra.packaging.metrics import FUNCTIONS
from infra.tables import declared_tables
from tests.infra.filled_in import PSEUDO, filled_in
from tests.infra.test_alarms import WEB_ACL
from tests.support import incidents
from tests.support.cloudwatch import Watch
from tests.support.log_lines import captured_log
from tests.support.metric_lines import Emitted, emitted

MINUTE, HOUR = 60.0, 3600.0
NOW = 1_000_000.0
DAY = 24 * HOUR
EVERY = alarms("prod", {"WebAcl": WEB_ACL})
WATCHES = {
    alarm.name: Watch(filled_in(alarm.resource()["Properties"], {"HasAlarmEmail": True}))
    for alarm in EVERY
}
STAGE = (("ApiName", PSEUDO["AWS::StackName"]), ("Stage", "prod"))

Samples = list[Emitted]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _production(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("STAGE", "prod")
    # Production takes no test key.
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_live_unit")
    # What is logged besides is nobody's business here.
    with captured_log():
        yield


def sample(namespace: str, name: str, dimensions: Any, value: float, ago: float) -> Emitted:
    return Emitted(namespace, name, tuple(dimensions), "None", value, NOW - ago)


def of_api(name: str, value: float, ago: float) -> Emitted:
    return sample("AWS/ApiGateway", name, STAGE, value, ago)


def of_function(function: str, name: str, value: float, ago: float) -> Emitted:
    return sample("AWS/Lambda", name, [("FunctionName", f"<{function}>")], value, ago)


def of_table(table: str, name: str, value: float, ago: float) -> Emitted:
    return sample("AWS/DynamoDB", name, [("TableName", f"<{table}>")], value, ago)


def request(ago: float, *, latency: float = 80, failed: bool = False) -> Samples:
    """What a request to the API leaves."""
    return [
        of_api("Count", 1, ago),
        of_api("5XXError", float(failed), ago),
        of_api("Latency", latency, ago),
        of_function("APIHandler", "Errors", 0, ago),
        of_function("APIHandler", "Duration", latency - 20, ago),
    ]


def timer_runs(first: float, last: float = 0) -> Samples:
    """What the timer's runs leave, one every five minutes, with AWS's pace."""
    found = []
    ago = first
    while ago > last:
        for name, value in (("Invocations", 1.0), ("Errors", 0.0), ("Duration", 2_000.0)):
            found.append(of_function("Reconcile", name, value, ago))
        ago -= 5 * MINUTE
    return found


def alarm_of(table: str) -> str:
    return f"{table.removesuffix('Table').lower()}-throttled"


@dataclass(frozen=True)
class Happening:
    """How often a trouble comes until its alarm has to go off: minutes before now."""

    minutes: Sequence[float]
    # How often it may come without its alarm going off.
    harmless: Sequence[float] = ()


EVERY_MINUTE = tuple(number + 0.5 for number in range(10))
HALF_OF_TEN = Happening(EVERY_MINUTE[:5], harmless=EVERY_MINUTE[:4])
ONCE = Happening([2])
HAPPENINGS: Mapping[str, Happening] = {
    "api-errors": HALF_OF_TEN,
    "api-slow": HALF_OF_TEN,
    "authorizer-refusing": HALF_OF_TEN,
    "functions-throttled": Happening([1.5, 3.5], harmless=[1.5]),
    "functions-slow": Happening([1, 6, 11], harmless=[1, 6]),
    "crashes": ONCE,
    "webhook-failing": Happening([22, 2], harmless=[2]),
    "webhook-rejected": Happening([2] * 10, harmless=[2] * 9),
    "webhooks-missing": ONCE,
    "events-given-up": ONCE,
    "timer-failing": Happening([2, 7, 12], harmless=[2, 7]),
    "chores-failing": Happening([2 + 10 * number for number in range(6)], harmless=[2, 12, 22]),
    "orders-pending": ONCE,
    "paid-without-ticket": ONCE,
    "refunds-failing": ONCE,
    "disputes": ONCE,
    "confirmations-failing": Happening([2, 12, 32], harmless=[2, 12]),
    "store-failing": Happening([0.5, 1.5, 3.5], harmless=[0.5, 1.5]),
    "firewall-blocking": Happening([2, 7], harmless=[2]),
    **{
        alarm_of(table): Happening([1.5, 4.5, 8.5], harmless=[1.5, 4.5])
        for table in declared_tables()
    },
}


def troubles_of_aws() -> dict[str, Samples]:
    """What AWS's own metrics show of one occurrence, now, by the alarm that it is for."""
    web_acl = [("WebACL", "shop-WebAcl"), ("Region", "eu-central-1"), ("Rule", "ALL")]
    return {
        "api-errors": [*request(0, failed=True), *(19 * request(0))],
        "api-slow": [*request(0, latency=6_000), *(90 * request(0))],
        "authorizer-refusing": [of_function("JwtAuthorizer", "Errors", 1, 0)],
        "functions-throttled": [of_function("StripeWebhook", "Throttles", 1, 0)],
        "functions-slow": [of_function("APIHandler", "Duration", 23_000, 0)],
        "timer-failing": [of_function("Reconcile", "Errors", 1, 0)],
        "firewall-blocking": [sample("AWS/WAFV2", "BlockedRequests", web_acl, 1_500, 0)],
        **{
            alarm_of(table): [of_table(table, "WriteThrottleEvents", 12, 0)]
            for table in declared_tables()
        },
    }


def troubles(name: str, capsys: Capture) -> list[Samples]:
    """What each kind of trouble that an alarm is for leaves behind, at the moment `NOW`."""
    from_aws = troubles_of_aws().get(name)
    found = [] if from_aws is None else [from_aws]
    capsys.readouterr()
    for trouble in incidents.TROUBLES.get(name, ()):
        trouble()
        found.append([replace(one, at=NOW) for one in emitted(capsys.readouterr().out)])
    assert found, f"no trouble is known for {name}"
    return found


def at(minutes: Sequence[float], samples: Samples) -> Samples:
    """Let it happen so many minutes before now, as often as that."""
    return [replace(one, at=one.at - MINUTE * ago) for ago in minutes for one in samples]


def red(samples: Samples, now: float = NOW) -> set[str]:
    return {name for name, watch in WATCHES.items() if watch.state(samples, now) == "ALARM"}


def counted(trouble: incidents.Trouble, capsys: Capture, ago: float) -> Samples:
    capsys.readouterr()
    trouble()
    return [replace(one, at=NOW - ago) for one in emitted(capsys.readouterr().out)]


@pytest.mark.parametrize("name", sorted({*WATCHES} - {"timer-silent"}))
def test_an_alarm_goes_off_when_it_has_to_and_goes_out_again(name: str, capsys: Capture) -> None:
    happening, calm = HAPPENINGS[name], timer_runs(2 * HOUR)
    for trouble in troubles(name, capsys):
        assert name in red([*calm, *at(happening.minutes, trouble)])
        assert name not in red([*calm, *at(happening.harmless, trouble)])
        assert name not in red(at(happening.minutes, trouble), NOW + DAY)


def test_a_timer_that_does_not_run_is_missed(capsys: Capture) -> None:
    assert "timer-silent" in red([])
    assert "timer-silent" in red(timer_runs(3 * HOUR, last=30 * MINUTE))
    assert "timer-silent" not in red(timer_runs(3 * HOUR, last=25 * MINUTE))
    assert "timer-silent" not in red(timer_runs(3 * HOUR))


def test_each_trouble_of_money_is_told_by_its_own_alarm_alone(capsys: Capture) -> None:
    for name in ("paid-without-ticket", "orders-pending", "disputes", "refunds-failing"):
        for trouble in troubles(name, capsys):
            assert red([*timer_runs(HOUR), *at([2], trouble)]) == {name}


def test_a_quiet_night_is_quiet(capsys: Capture) -> None:
    # A sale, an abandoned checkout, a scanner at the webhook, an expired token, and cold starts.
    night = [
        *timer_runs(8 * HOUR),
        *(one for hours in (1, 3, 5) for one in request(hours * HOUR, latency=3_500)),
        *counted(incidents.a_sale, capsys, 3 * HOUR),
        *counted(incidents.an_abandoned_checkout, capsys, 2 * HOUR),
        *counted(incidents.a_forged_delivery, capsys, 2.5 * HOUR),
        of_function("JwtAuthorizer", "Errors", 1, 1.5 * HOUR),
    ]
    for minutes in range(6 * 60):
        assert red(night, NOW - minutes * MINUTE) == set()


def test_small_troubles_of_a_night_wake_nobody(capsys: Capture) -> None:
    # Three requests within five minutes, all of them failed; a delivery that failed once, a refused
    # call or two, a run of the timer that was cut off, a crash.
    night = [
        *timer_runs(8 * HOUR),
        *(one for minutes in (60, 62, 64) for one in request(minutes * MINUTE, failed=True)),
        *(
            one
            for minutes in (60, 62, 64)
            for one in counted(incidents.a_crash, capsys, 60 * minutes)
        ),
        *counted(incidents.a_delivery_that_cannot_be_handled, capsys, 2 * HOUR),
        of_function("APIHandler", "Throttles", 2, 2 * HOUR),
        of_function("Reconcile", "Errors", 1, 3 * HOUR),
    ]
    pages = {alarm.name for alarm in EVERY if alarm.severity is Severity.PAGE}
    for minutes in range(6 * 60):
        assert not red(night, NOW - minutes * MINUTE) & pages


def test_a_sale_that_goes_well_is_no_alarm(capsys: Capture) -> None:
    """For ten minutes hundreds ask, a cold start in each minute, most of them turned away at last;
    the quiet table throttles in its first seconds.
    """
    first = counted(incidents.a_sale, capsys, 0)
    sale = [*timer_runs(HOUR)]
    for minute in EVERY_MINUTE:
        ago = minute * MINUTE
        sale += [*(199 * request(ago, latency=400)), *request(ago, latency=2_500)]
        sale += at([minute] * 20, first)
        sale += 150 * [of_api("4XXError", 1, ago)]
        sale += [of_function(name, "Throttles", 0, ago) for name in FUNCTIONS]
    sale += [of_table("EventsTable", "WriteThrottleEvents", 400, EVERY_MINUTE[-1] * MINUTE)]
    assert red(sale) == set()


def test_a_sale_that_fails_for_one_in_ten_is_seen_within_five_minutes() -> None:
    sale = timer_runs(HOUR)
    for minute in EVERY_MINUTE[:5]:
        sale += 90 * request(minute * MINUTE) + 10 * request(minute * MINUTE, failed=True)
    assert red(sale) == {"api-errors"}


class TestJudging:
    """The judge, by the examples of "Configuring how CloudWatch alarms treat missing data"."""

    @staticmethod
    def state(points: str, to_alarm: int, missing: str) -> str:
        watch = Watch(
            {
                "EvaluationPeriods": 3,
                "DatapointsToAlarm": to_alarm,
                "Threshold": 1,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "TreatMissingData": missing,
            }
        )
        return watch.judge([{"0": 0.0, "X": 1.0, "-": None}[point] for point in points])

    @pytest.mark.parametrize(
        ("points", "to_alarm", "breaching", "not_breaching"),
        [
            ("0-X-X", 3, "OK", "OK"),
            ("----0", 3, "OK", "OK"),
            ("-----", 3, "ALARM", "OK"),
            ("0XX-X", 3, "ALARM", "ALARM"),
            ("--X--", 3, "ALARM", "OK"),
            ("0-X-X", 2, "ALARM", "ALARM"),
            ("00X0X", 2, "ALARM", "ALARM"),
            ("0-X--", 2, "ALARM", "OK"),
            ("----0", 2, "ALARM", "OK"),
            ("---X-", 2, "ALARM", "OK"),
        ],
    )
    def test_data_that_is_missing(
        self, points: str, to_alarm: int, breaching: str, not_breaching: str
    ) -> None:
        assert self.state(points, to_alarm, "breaching") == breaching
        assert self.state(points, to_alarm, "notBreaching") == not_breaching

    def test_an_expression_is_computed_for_each_period(self) -> None:
        metrics = [
            {
                "Id": f"m{number}",
                "MetricStat": {
                    "Metric": {"Namespace": "N", "MetricName": name, "Dimensions": []},
                    "Stat": "Sum",
                    "Period": 60,
                },
            }
            for number, name in enumerate("AB", 1)
        ]
        result = {"Id": "result", "Expression": "FILL(m1, 0) + (FILL(m2, 0) >= 7)"}
        watch = Watch(
            {
                "Metrics": [result, *metrics],
                "EvaluationPeriods": 1,
                "DatapointsToAlarm": 1,
                "Threshold": 3,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "TreatMissingData": "notBreaching",
            }
        )
        two, seven = sample("N", "A", (), 2, 30), sample("N", "B", (), 7, 30)
        assert watch.state([two, two], NOW) == "ALARM"
        assert watch.state([two, seven], NOW) == "ALARM"
        assert watch.state([two, replace(seven, value=6)], NOW) == "OK"
        assert watch.state([two, replace(two, at=NOW - 90)], NOW) == "OK"
