"""What the alarms of each stage watch, whom they tell, and what they cost."""

import re
from typing import Any

import pytest

from chalicelib.observability import METRICS_NAMESPACE, BusinessMetrics
from infra.packaging.alarms import Alarm, Severity, alarms
from infra.packaging.metrics import FUNCTIONS, of_function, substituted
from infra.packaging.stages import ROOT, stage_setting
from infra.packaging.template import merge_template
from infra.tables import declared_tables
from tests.infra.aws_metrics import DOCUMENTED
from tests.infra.counted_metrics import counted_by_code
from tests.infra.filled_in import filled_in
from tests.infra.sam import resources
from tests.infra.watches import dimension_values, watches
from tests.support.metric_lines import emitted

# What is free of alarms on metrics in every account, each month ("Amazon CloudWatch pricing").
FREE = 10
CENTS = 10
CLOUDWATCH = {"Service": "cloudwatch.amazonaws.com"}
WEB_ACL: dict[str, Any] = {
    "Type": "AWS::WAFv2::WebACL",
    "Condition": "HasFirewall",
    "Properties": {"VisibilityConfig": {"MetricName": {"Fn::Sub": "${AWS::StackName}-WebAcl"}}},
}


@pytest.fixture(scope="module")
def every() -> tuple[Alarm, ...]:
    """Every alarm that there can be: production's, with a firewall."""
    return alarms("prod", {"WebAcl": WEB_ACL})


@pytest.fixture
def of_stage(stage: str) -> tuple[Alarm, ...]:
    return alarms(stage, merge_template(stage)["Resources"])


def metrics_of(properties: dict[str, Any]) -> list[dict[str, Any]]:
    """The metrics of an alarm's properties: name, namespace and dimensions."""
    if "Metrics" in properties:
        return [item["MetricStat"]["Metric"] for item in properties["Metrics"][1:]]
    return [properties]


def test_the_deployed_alarms_are_the_stages(
    stack: dict[str, Any], of_stage: tuple[Alarm, ...]
) -> None:
    deployed = resources(stack, "AWS::CloudWatch::Alarm")
    assert {alarm.logical_id for alarm in of_stage} <= set(deployed)
    assert set(watches(stack)) == {alarm.name for alarm in of_stage}


def test_every_metric_that_is_watched_exists(stack: dict[str, Any], stage: str) -> None:
    counted = counted_by_code()
    for name, watch in watches(stack).items():
        for metric in metrics_of(dict(watch.properties)):
            dimensions = {item["Name"]: item["Value"] for item in metric["Dimensions"]}
            if metric["Namespace"] == METRICS_NAMESPACE:
                assert metric["MetricName"] in counted, name
                assert dimensions == {"stage": stage}
            else:
                names, page = DOCUMENTED[metric["Namespace"], metric["MetricName"]]
                assert (set(dimensions), bool(page)) == (set(names), True), name


def test_ages_are_in_seconds_and_all_else_is_a_count() -> None:
    units = counted_by_code()
    assert units.pop("OldestPendingOrderAge") == "Seconds"
    assert set(units.values()) == {"Count"}


def test_what_the_code_emits_has_the_dimension_that_alarms_look_for(
    stack: dict[str, Any],
    stage: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    functions = resources(stack, "AWS::Lambda::Function")
    for function in ("APIHandler", "StripeWebhook", "Reconcile"):
        monkeypatch.setenv("STAGE", functions[function]["Environment"]["Variables"]["STAGE"])
        BusinessMetrics().count("OrderPaid")
        (one,) = emitted(capsys.readouterr().out)
        assert (one.namespace, one.dimensions) == ("EventsApi", (("stage", stage),))


def test_dimensions_name_what_the_stack_has(stack: dict[str, Any], stage: str) -> None:
    there = dimension_values(stack, stage)
    for watch in watches(stack).values():
        for metric in metrics_of(dict(watch.properties)):
            for item in metric["Dimensions"]:
                assert item["Value"] in there[item["Name"]]


def test_missing_data_and_what_happens_when_it_is_over_are_chosen(stack: dict[str, Any]) -> None:
    for name, watch in watches(stack).items():
        silent = "breaching" if name == "timer-silent" else "notBreaching"
        assert watch.properties["TreatMissingData"] == silent
        assert watch.properties["AlarmActions"] == ["<AlarmTopic>"]
        assert watch.properties["OKActions"] == ["<AlarmTopic>"]
        assert "InsufficientDataActions" not in watch.properties


def test_without_an_address_alarms_tell_nobody_and_nothing_costs(stack: dict[str, Any]) -> None:
    for watch in watches(stack, email=False).values():
        assert not {"AlarmActions", "OKActions"} & set(watch.properties)
    for name in ("AlarmTopic", "AlarmTopicKey", "AlarmTopicPolicy", "AlarmTopicSubscription"):
        assert stack["Resources"][name]["Condition"] == "HasAlarmEmail"
    assert stack["Parameters"]["AlarmEmail"]["Default"] == ""
    is_empty = {"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}
    assert stack["Conditions"]["HasAlarmEmail"] == {"Fn::Not": [is_empty]}


@pytest.mark.parametrize(
    ("address", "is_one"),
    [("", True), ("night@shop.example", True), ("night", False), ("a@b, c@d", False)],
)
def test_an_address_is_one_address(stack: dict[str, Any], address: str, is_one: bool) -> None:
    pattern = stack["Parameters"]["AlarmEmail"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, address)) is is_one


def test_the_topic_is_encrypted_and_only_this_stacks_alarms_may_publish(
    stack: dict[str, Any],
) -> None:
    properties = {
        name: filled_in(stack["Resources"][name]["Properties"], {})
        for name in ("AlarmTopic", "AlarmTopicPolicy", "AlarmTopicKey", "AlarmTopicSubscription")
    }
    assert properties["AlarmTopic"] == {"KmsMasterKeyId": "<AlarmTopicKey>"}
    ours = {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {
            "aws:SourceArn": "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:shop-*",
        },
    }
    (publish,) = properties["AlarmTopicPolicy"]["PolicyDocument"]["Statement"]
    assert (publish["Principal"], publish["Action"]) == (CLOUDWATCH, "sns:Publish")
    assert (publish["Resource"], publish["Condition"]) == ("<AlarmTopic>", ours)
    owner, alarm = properties["AlarmTopicKey"]["KeyPolicy"]["Statement"]
    assert owner["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert (alarm["Principal"], alarm["Condition"]) == (CLOUDWATCH, ours)
    assert set(alarm["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    assert properties["AlarmTopicKey"]["EnableKeyRotation"] is True
    subscription = properties["AlarmTopicSubscription"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "<AlarmEmail>")


def test_names_say_how_soon_and_descriptions_what_and_where(every: tuple[Alarm, ...]) -> None:
    assert len({alarm.name for alarm in every}) == len(every)
    for alarm in every:
        properties = alarm.resource()["Properties"]
        assert properties["AlarmName"] == {
            "Fn::Sub": f"${{AWS::StackName}}-{alarm.severity}-{alarm.name}"
        }
        description = properties["AlarmDescription"]
        assert description.startswith("PAGE:" if alarm.severity is Severity.PAGE else "TOMORROW:")
        assert " First: " in description
        assert description.endswith(f"Runbook: {alarm.runbook}")
        assert (ROOT / alarm.runbook).is_file()
        # "PutMetricAlarm", AlarmDescription.
        assert len(description) <= 1024


def test_pages_are_for_what_hurts_now(every: tuple[Alarm, ...]) -> None:
    assert {alarm.name for alarm in every if alarm.severity is Severity.PAGE} == {
        "api-errors",
        "functions-throttled",
        "webhook-failing",
        "timer-silent",
        "timer-failing",
        "paid-without-ticket",
        "store-failing",
    }


def test_every_alarm_can_be_judged(every: tuple[Alarm, ...]) -> None:
    for alarm in every:
        # "PutMetricAlarm": Period, EvaluationPeriods; "Using metric math", for alarms.
        assert alarm.period % 60 == 0
        assert alarm.period * alarm.periods <= 86_400
        assert 1 <= alarm.spoilt <= alarm.periods
        assert len(alarm.metrics) <= 10
        ids = [f"m{number}" for number in range(1, len(alarm.metrics) + 1)]
        if alarm.expression is not None:
            assert re.findall(r"m\d+", alarm.expression) == ids
        else:
            assert len(alarm.metrics) == 1


def test_every_table_that_is_declared_is_watched(every: tuple[Alarm, ...]) -> None:
    watched = [
        metric.dimensions["TableName"]
        for alarm in every
        for metric in alarm.metrics
        if metric.name == "WriteThrottleEvents"
    ]
    assert watched == [f"${{{table}}}" for table in declared_tables()]


def test_every_function_is_watched_for_throttling_and_for_its_time(
    every: tuple[Alarm, ...], stack: dict[str, Any], stage: str
) -> None:
    functions = resources(stack, "AWS::Lambda::Function")
    assert set(FUNCTIONS) == set(functions)
    by_name = {alarm.name: alarm for alarm in alarms("prod", {})}
    throttled = by_name["functions-throttled"].metrics
    assert throttled == tuple(of_function(name, "Throttles") for name in FUNCTIONS)
    limits = re.findall(r">= (\d+)", str(by_name["functions-slow"].expression))
    for name, limit in zip(FUNCTIONS, limits, strict=True):
        timeout = 1000 * functions[name]["Timeout"]
        # The timer may take seven eighths of its time: it stops 30 seconds before its end.
        assert timeout * (0.9 if name == "Reconcile" else 0.75) < int(limit) < timeout


def test_production_has_all_and_others_what_is_free(
    of_stage: tuple[Alarm, ...], every: tuple[Alarm, ...], stage: str
) -> None:
    if stage == "prod":
        assert {alarm.name for alarm in every} - {alarm.name for alarm in of_stage} <= {
            "firewall-blocking"
        }
    else:
        names = {alarm.name for alarm in of_stage}
        assert names == {"api-errors", "crashes", "timer-silent"}
        assert sum(len(alarm.metrics) for alarm in of_stage) <= FREE


def test_the_runbook_says_what_alarms_cost(every: tuple[Alarm, ...]) -> None:
    others = [alarm for alarm in every if alarm.page != "table-throttled"]
    watched = sum(len(alarm.metrics) for alarm in others)
    text = (ROOT / "docs/runbook/README.md").read_text()
    found = re.search(r"(\d+) alarms watch (\d+) metrics, and one more for each table two", text)
    assert found is not None
    assert (int(found[1]), int(found[2])) == (len(others), watched)
    assert f"{CENTS * (watched - FREE) / 100:.2f} USD a month, and 0.20 for each table" in text


def test_a_firewall_is_watched_where_there_is_one(every: tuple[Alarm, ...]) -> None:
    (alarm,) = (one for one in every if one.name == "firewall-blocking")
    assert alarm.resource()["Condition"] == "HasFirewall"
    (metric,) = alarm.metrics
    assert (metric.namespace, metric.name) in DOCUMENTED
    assert metric.watched()["Dimensions"] == [
        {"Name": "WebACL", "Value": {"Fn::Sub": "${AWS::StackName}-WebAcl"}},
        {"Name": "Region", "Value": {"Ref": "AWS::Region"}},
        {"Name": "Rule", "Value": "ALL"},
    ]
    assert "firewall-blocking" not in {one.name for one in alarms("prod", {})}


@pytest.mark.parametrize("name", ["shop-acl", {"Ref": "AWS::StackName"}])
def test_a_firewalls_metrics_may_be_named_in_any_way(name: object) -> None:
    acl = {"Type": WEB_ACL["Type"], "Properties": {"VisibilityConfig": {"MetricName": name}}}
    (alarm,) = (one for one in alarms("prod", {"Acl": acl}) if one.name == "firewall-blocking")
    assert alarm.metrics[0].watched()["Dimensions"][0]["Value"] == name
    assert "Condition" not in alarm.resource()


def test_texts_are_substituted_only_where_there_is_something_to_give() -> None:
    assert substituted("ALL") == "ALL"
    assert substituted("${AWS::Region}") == {"Ref": "AWS::Region"}
    assert substituted("${AWS::Region}-1") == {"Fn::Sub": "${AWS::Region}-1"}


def test_the_stages_name_in_cloudwatch_is_the_one_that_the_functions_have(stage: str) -> None:
    for function in ("api_handler", "stripe_webhook", "reconcile"):
        settings = stage_setting(stage, "lambda_functions")[function]["environment_variables"]
        assert settings["STAGE"] == stage
