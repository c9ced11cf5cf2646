"""Callers reach a function by its alias alone, so that a deployment can move them to a new version
and back; and a new version there is for each release.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from infra.packaging.aliases import ALIAS, FUNCTIONS
from tests.infra.conftest import CHOSEN
from tests.infra.filled_in import FilledIn
from tests.infra.sam import resources, translated

PERMITTED = {
    "APIHandlerInvokePermission": "APIHandler",
    "JwtAuthorizerInvokePermission": "JwtAuthorizer",
    "StripeWebhookInvokePermission": "StripeWebhook",
    "ReconcileReconcileEventPermission": "Reconcile",
}


def aliases(stack: dict[str, Any]) -> dict[str, str]:
    """From each alias's logical id to its function's."""
    return {
        name: item["FunctionName"]["Ref"]
        for name, item in resources(stack, "AWS::Lambda::Alias").items()
    }


def texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from texts(child)


def named(node: Any, stack: dict[str, Any]) -> set[str]:
    """The functions and aliases that a part of the template names."""
    known = {*aliases(stack), *resources(stack, "AWS::Lambda::Function")}
    words = {word for text in texts(node) for word in re.findall(r"\w+", text)}
    return words & known


def test_every_function_has_a_version_and_an_alias_to_it(stack: dict[str, Any]) -> None:
    versions = resources(stack, "AWS::Lambda::Version")
    found = resources(stack, "AWS::Lambda::Alias")
    assert sorted(aliases(stack).values()) == sorted(FUNCTIONS)
    assert set(FUNCTIONS) == set(resources(stack, "AWS::Lambda::Function"))
    for item in found.values():
        assert item["Name"] == ALIAS
        version, attribute = item["FunctionVersion"]["Fn::GetAtt"]
        assert attribute == "Version"
        assert versions[version]["FunctionName"] == item["FunctionName"]


def test_no_integration_calls_a_function_but_by_its_alias(stack: dict[str, Any]) -> None:
    (api,) = resources(stack, "AWS::ApiGateway::RestApi").values()
    called = [
        named(method["x-amazon-apigateway-integration"]["uri"], stack)
        for verbs in api["Body"]["paths"].values()
        for method in verbs.values()
    ]
    assert len(called) > 60
    assert all(len(names) == 1 and names <= set(aliases(stack)) for names in called)
    assert {aliases(stack)[name] for names in called for name in names} == {
        "APIHandler",
        "StripeWebhook",
    }


def test_no_authorizer_is_called_but_by_its_alias(stack: dict[str, Any]) -> None:
    (api,) = resources(stack, "AWS::ApiGateway::RestApi").values()
    called = [
        named(scheme["x-amazon-apigateway-authorizer"], stack)
        for scheme in api["Body"]["securityDefinitions"].values()
        if "x-amazon-apigateway-authorizer" in scheme
    ]
    (names,) = called
    assert [aliases(stack)[name] for name in names] == ["JwtAuthorizer"]


def test_no_permission_is_to_call_a_function_but_by_its_alias(stack: dict[str, Any]) -> None:
    permitted = {
        name: named(item["FunctionName"], stack)
        for name, item in resources(stack, "AWS::Lambda::Permission").items()
    }
    assert permitted == {name: {f"{function}Aliaslive"} for name, function in PERMITTED.items()}
    assert aliases(stack) == {f"{name}Aliaslive": name for name in FUNCTIONS}


def test_the_schedule_calls_an_alias(stack: dict[str, Any]) -> None:
    (rule,) = resources(stack, "AWS::Events::Rule").values()
    assert [target["Arn"] for target in rule["Targets"]] == [{"Ref": "ReconcileAliaslive"}]


def test_a_run_of_the_timer_that_failed_is_followed_by_the_next_not_by_itself(
    stack: dict[str, Any],
) -> None:
    (repeats,) = resources(stack, "AWS::Lambda::EventInvokeConfig").values()
    assert (repeats["FunctionName"], repeats["Qualifier"]) == ({"Ref": "Reconcile"}, ALIAS)
    assert (repeats["MaximumRetryAttempts"], repeats["MaximumEventAgeInSeconds"]) == (0, 300)


def test_a_release_of_changed_settings_alone_is_a_new_version_of_every_function(
    sam: dict[str, Any], stack: dict[str, Any]
) -> None:
    before = set(resources(stack, "AWS::Lambda::Version"))
    again = translated(sam, CHOSEN)
    changed = translated(sam, {**CHOSEN, "Release": "f" * 40})
    assert set(resources(again, "AWS::Lambda::Version")) == before
    after = set(resources(changed, "AWS::Lambda::Version"))
    assert len(after) == len(FUNCTIONS)
    assert not after & before
    # Lambda publishes nothing where nothing has changed, so the release is a part of the function.
    for item in resources(changed, "AWS::Lambda::Function").values():
        assert item["Description"] == "f" * 40


@pytest.mark.parametrize("release", ["", "latest", "0123", "2026-11-28T09"])
def test_a_release_that_cannot_be_told_from_another_is_refused(
    stack: dict[str, Any], release: str
) -> None:
    pattern = stack["Parameters"]["Release"]["AllowedPattern"]
    assert re.fullmatch(pattern, release) is None
    assert re.fullmatch(pattern, CHOSEN["Release"])


def test_a_version_that_callers_may_go_back_to_stays(stack: dict[str, Any]) -> None:
    for name in resources(stack, "AWS::Lambda::Version"):
        assert stack["Resources"][name]["DeletionPolicy"] == "Retain"


SHIFTED = {"APIHandler", "StripeWebhook", "JwtAuthorizer"}


def test_production_moves_callers_to_a_new_version_bit_by_bit(
    stack: dict[str, Any], stage: str
) -> None:
    groups = FilledIn(stack, CHOSEN).resources("AWS::CodeDeploy::DeploymentGroup")
    moved = {
        aliases(stack)[name]: resource["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        for name, resource in stack["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Alias" and "UpdatePolicy" in resource
    }
    assert set(moved) == (SHIFTED if stage == "prod" else set())
    assert {item["DeploymentGroupName"]["Ref"] for item in moved.values()} == set(groups)
    for group in groups.values():
        assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        assert group["ServiceRoleArn"] == "<ShiftingRole.Arn>"


def test_in_an_incident_a_version_comes_at_once_past_the_alarms_that_are_on(
    stack: dict[str, Any], stage: str
) -> None:
    if stage != "prod":
        assert "Shift" not in stack["Parameters"]
        return
    groups = FilledIn(stack, {**CHOSEN, "Shift": "at-once"}).resources(
        "AWS::CodeDeploy::DeploymentGroup"
    )
    assert {name.removesuffix("DeploymentGroup") for name in groups} == SHIFTED
    for group in groups.values():
        assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaAllAtOnce"
        assert group["AlarmConfiguration"] == {}
    assert stack["Parameters"]["Shift"]["Default"] == "gradual"


def test_production_goes_back_when_an_alarm_goes_off(stack: dict[str, Any], stage: str) -> None:
    filled = FilledIn(stack, CHOSEN)
    alarms = filled.resources("AWS::CloudWatch::Alarm")
    watched = {
        name.removesuffix("DeploymentGroup"): [
            item["Name"] for item in group["AlarmConfiguration"]["Alarms"]
        ]
        for name, group in filled.resources("AWS::CodeDeploy::DeploymentGroup").items()
    }
    if stage != "prod":
        assert watched == {}
        return
    assert watched == {
        "APIHandler": ["<ApiErrorsOfNewVersion>", "<ServerErrorsWhileShifting>"],
        "StripeWebhook": ["<WebhookErrorsOfNewVersion>", "<ServerErrorsWhileShifting>"],
        # A refused token is an error of the authorizer: strangers could stop any deployment.
        "JwtAuthorizer": ["<ServerErrorsWhileShifting>"],
    }
    for names in watched.values():
        assert {name.strip("<>") for name in names} <= set(alarms)


@pytest.mark.parametrize(
    ("alarm", "function"),
    [
        ("ApiErrorsOfNewVersion", "APIHandler"),
        ("WebhookErrorsOfNewVersion", "StripeWebhook"),
    ],
)
def test_an_error_of_the_new_version_is_told_from_one_of_the_old(
    stack: dict[str, Any], stage: str, alarm: str, function: str
) -> None:
    alarms = resources(stack, "AWS::CloudWatch::Alarm")
    if stage != "prod":
        assert alarm not in alarms
        return
    found = alarms[alarm]
    dimensions = {item["Name"]: item["Value"] for item in found["Dimensions"]}
    (alias,) = (item for item in resources(stack, "AWS::Lambda::Alias").values()
                if item["FunctionName"] == {"Ref": function})  # fmt: skip
    assert dimensions == {
        "FunctionName": {"Ref": function},
        "Resource": {"Fn::Sub": f"${{{function}}}:{ALIAS}"},
        "ExecutedVersion": alias["FunctionVersion"],
    }
    assert (found["Namespace"], found["MetricName"]) == ("AWS/Lambda", "Errors")
    assert (found["Threshold"], found["TreatMissingData"]) == (0, "notBreaching")


def test_answers_are_those_of_this_stage(stack: dict[str, Any], stage: str) -> None:
    (api,) = resources(stack, "AWS::ApiGateway::RestApi").values()
    found = resources(stack, "AWS::CloudWatch::Alarm").get("ServerErrorsWhileShifting")
    assert (found is not None) == (stage == "prod")
    if found is not None:
        dimensions = [
            {item["Name"]: item["Value"] for item in query["MetricStat"]["Metric"]["Dimensions"]}
            for query in found["Metrics"]
            if "MetricStat" in query
        ]
        # CloudWatch knows an API by its name, which is the title of its document.
        assert dimensions == [{"ApiName": api["Body"]["info"]["title"], "Stage": stage}] * 2


def test_moving_aliases_is_all_that_codedeploy_may_do(stack: dict[str, Any], stage: str) -> None:
    role = resources(stack, "AWS::IAM::Role").get("ShiftingRole")
    assert (role is not None) == (stage == "prod")
    if role is None:
        return
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "codedeploy.amazonaws.com"}
    assert "ManagedPolicyArns" not in role
    (policy,) = role["Policies"]
    moves, sees = policy["PolicyDocument"]["Statement"]
    assert {item["Fn::GetAtt"][0] for item in moves["Resource"] if "Fn::GetAtt" in item} == SHIFTED
    assert "*" not in json.dumps(moves)
    assert sees["Action"] == "cloudwatch:DescribeAlarms"
