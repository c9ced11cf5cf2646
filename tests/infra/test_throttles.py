"""How much may be asked of the stage, by whom, and what is written down of each request."""

import json
import re
from typing import Any

import pytest

from app import app
from infra.packaging.stages import stage_setting
from infra.throttling import read_throttling
from tests.infra.conftest import CHOSEN
from tests.infra.filled_in import FilledIn
from tests.infra.sam import resources

THROTTLING = read_throttling()
# "$context variables": what says who somebody is, or holds what only the client may know.
PERSONAL = (
    "identity.sourceIp",
    "identity.userAgent",
    "identity.user",
    "identity.caller",
    "identity.apiKey}",
    "authorizer.principalId",
    "authorizer.claims",
    "path",
    "error.message",
)


def stage_of(stack: dict[str, Any], **parameters: str) -> dict[str, Any]:
    return FilledIn(stack, {**CHOSEN, **parameters}).one("AWS::ApiGateway::Stage")


def settings(stack: dict[str, Any], **parameters: str) -> dict[tuple[str, str], dict[str, Any]]:
    found = stage_of(stack, **parameters)["MethodSettings"]
    by_method = {(item["HttpMethod"], item["ResourcePath"]): item for item in found}
    assert len(by_method) == len(found)
    return by_method


def test_the_stage_and_single_methods_have_the_limits_of_the_file(stack: dict[str, Any]) -> None:
    limits = {
        key: (item["ThrottlingRateLimit"], item["ThrottlingBurstLimit"])
        for key, item in settings(stack).items()
    }
    assert limits == {
        ("*", "/*"): (THROTTLING.stage.rate, THROTTLING.stage.burst),
        # As "AWS::ApiGateway::Stage MethodSetting" writes a path.
        ("POST", "/~1api~1payments~1checkout"): (400, 800),
        ("POST", "/~1api~1payments~1create-checkout-session"): (400, 800),
        ("POST", "/~1api~1payments~1webhook"): (500, 1000),
    }
    assert {bucket.rate for bucket in THROTTLING.methods.values()} == {400, 500}


def test_every_limit_is_of_a_method_that_there_is(stack: dict[str, Any]) -> None:
    (api,) = resources(stack, "AWS::ApiGateway::RestApi").values()
    for name in THROTTLING.methods:
        verb, _, path = name.partition(" ")
        assert verb.lower() in api["Body"]["paths"][path], name
    assert all(path in api["Body"]["paths"] for path in THROTTLING.client.exempt)


def test_no_setting_writes_bodies_or_paths_to_a_log(stack: dict[str, Any]) -> None:
    for item in settings(stack).values():
        assert item["DataTraceEnabled"] is False
        assert item["LoggingLevel"] == "OFF"


@pytest.mark.parametrize(("switch", "measured"), [("on", True), ("off", False)])
def test_methods_are_measured_unless_that_is_too_dear(
    stack: dict[str, Any], switch: str, measured: bool
) -> None:
    found = settings(stack, MethodMetrics=switch).values()
    assert {item["MetricsEnabled"] for item in found} == {measured}


def test_what_costs_by_the_method_is_off_by_default(stack: dict[str, Any]) -> None:
    assert {item["MetricsEnabled"] for item in settings(stack).values()} == {False}


def test_machines_have_a_key_with_a_rate_and_a_quota_at_the_only_stage(
    stack: dict[str, Any],
) -> None:
    filled = FilledIn(stack, CHOSEN)
    plan = filled.one("AWS::ApiGateway::UsagePlan")
    (stage,) = filled.resources("AWS::ApiGateway::Stage")
    assert plan["ApiStages"] == [{"ApiId": "<RestAPI>", "Stage": f"<{stage}>"}]
    assert plan["Throttle"] == {
        "RateLimit": THROTTLING.key.rate,
        "BurstLimit": THROTTLING.key.burst,
    }
    assert plan["Quota"] == {"Limit": THROTTLING.key_quota_per_day, "Period": "DAY"}
    assert filled.one("AWS::ApiGateway::UsagePlanKey") == {
        "KeyId": "<MachineKey>",
        "KeyType": "API_KEY",
        "UsagePlanId": "<MachinePlan>",
    }
    key = filled.one("AWS::ApiGateway::ApiKey")
    assert key["Enabled"] is True
    # API Gateway makes it up: nobody can read it in the template.
    assert "Value" not in key
    assert filled.output("ApiKeyId") == "<MachineKey>"


def test_each_request_leaves_a_line_of_json_without_anything_personal(
    stack: dict[str, Any],
) -> None:
    written = stage_of(stack)["AccessLogSetting"]
    assert written["DestinationArn"] == "<AccessLog.Arn>"
    line = json.loads(written["Format"])
    assert "\n" not in written["Format"]
    assert line["requestId"] == "$context.requestId"
    assert line["resourcePath"] == "$context.resourcePath"
    assert {"httpMethod", "status", "latencyMs", "refusedAs"} <= set(line)
    assert all(re.fullmatch(r"\$context\.[A-Za-z.]+", value) for value in line.values())
    assert not [value for value in line.values() if value.removeprefix("$context.") in PERSONAL]


def test_the_access_log_is_of_its_own_and_ends(stack: dict[str, Any], stage: str) -> None:
    groups = FilledIn(stack, CHOSEN).resources("AWS::Logs::LogGroup")
    assert groups["AccessLog"] == {
        "LogGroupName": "/aws/apigateway/shop",
        "RetentionInDays": stage_setting(stage, "log_retention_in_days"),
    }
    functions = resources(stack, "AWS::Lambda::Function").values()
    assert {"Ref": "AccessLog"} not in [item["LoggingConfig"]["LogGroup"] for item in functions]


def test_api_gateway_has_a_role_to_log_with_before_there_is_a_stage(stack: dict[str, Any]) -> None:
    assert FilledIn(stack, CHOSEN).one("AWS::ApiGateway::Account") == {
        "CloudWatchRoleArn": "<ApiGatewayLogsRole.Arn>"
    }
    (stage,) = resources(stack, "AWS::ApiGateway::Stage").values()
    condition, waits, otherwise = stage["AccessLogSetting"]["DestinationArn"]["Fn::If"]
    assert condition == "MakesGatewayLogsRole"
    assert {"Ref": "GatewayAccount"} in waits["Fn::Select"][1]
    assert otherwise == {"Fn::GetAtt": ["AccessLog", "Arn"]}


def test_the_role_that_other_apis_may_use_outlives_the_stack(stack: dict[str, Any]) -> None:
    for name in ("GatewayAccount", "ApiGatewayLogsRole"):
        assert stack["Resources"][name]["DeletionPolicy"] == "Retain"
        assert stack["Resources"][name]["UpdateReplacePolicy"] == "Retain"


def test_a_role_that_the_account_has_is_left_in_its_place(stack: dict[str, Any]) -> None:
    arn = "arn:aws:iam::123456789012:role/gateway-logs"
    filled = FilledIn(stack, {**CHOSEN, "GatewayLogsRoleArn": arn})
    # It is set already, and to set it once more whoever deploys would have to be let pass it.
    assert filled.resources("AWS::ApiGateway::Account") == {}
    (stage,) = filled.resources("AWS::ApiGateway::Stage").values()
    assert stage["AccessLogSetting"]["DestinationArn"] == "<AccessLog.Arn>"
    assert "ApiGatewayLogsRole" not in filled.resources("AWS::IAM::Role")


def test_a_path_with_a_secret_in_it_is_a_pattern_in_the_log() -> None:
    """Ticket codes and session ids are path parameters, never fixed parts of a route."""
    assert "/api/admin/tickets/{code}/check-in" in app.routes
    assert "/api/payments/verify/{session_id}" in app.routes
