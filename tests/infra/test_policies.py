"""What each role may do, and whose it is. That a function's role permits what the function does to
DynamoDB and no more is in `test_least_privilege`, without a list; the deployed stack of the e2e
tests runs under these policies.
"""

import json
from typing import Any

import pytest

from infra.packaging.stages import ROOT, read_config, stage_names
from tests.infra.sam import resources

Statement = dict[str, Any]

# Every permission on more than a resource of this stack, by role or for all, with its reason.
TRACES = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
WILDCARDS: dict[str, str] = {
    **dict.fromkeys(TRACES, "X-Ray has no resources for traces: AWS takes nothing but *"),
    **dict.fromkeys(
        ("ses:SendEmail", "ses:SendRawEmail"),
        "the identity is the address or its domain, and only whoever set SES up knows; a condition "
        "holds it to the one address that the stack sends from",
    ),
    "cloudwatch:GetMetricData": "metrics have no resources: AWS takes nothing but *",
    "cloudwatch:DescribeAlarms": "CodeDeploy asks for several alarms in one call, and only reads",
}
# From each role to who may take it.
TAKEN_BY = {
    "ApiHandlerRole": "lambda",
    "StripeWebhookRole": "lambda",
    "JwtAuthorizerRole": "lambda",
    "ReconcileRole": "lambda",
    # One for all APIs of the account in the region.
    "ApiGatewayLogsRole": "apigateway",
    "ShiftingRole": "codedeploy",
}
IN_PRODUCTION_ONLY = {"ShiftingRole"}
RESET = {"dynamodb:Scan"}
SEND_MAIL = {"ses:SendEmail", "ses:SendRawEmail"}
STREAM_AND_WRITE = {"logs:CreateLogStream", "logs:PutLogEvents"}
READ_AND_WRITE = {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
READ_METRICS = {"cloudwatch:GetMetricData"}
KEEP_THE_INDEX = {
    "dynamodb:Query",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
}
ALLOWED = {
    "ApiHandlerRole": {
        *READ_AND_WRITE,
        *KEEP_THE_INDEX,
        *STREAM_AND_WRITE,
        *TRACES,
        *SEND_MAIL,
        *READ_METRICS,
        "dynamodb:BatchGetItem",
        "ssm:GetParameter",
    },
    "StripeWebhookRole": {
        *READ_AND_WRITE,
        *SEND_MAIL,
        *STREAM_AND_WRITE,
        *TRACES,
        "dynamodb:BatchGetItem",
        "dynamodb:Query",
        "ssm:GetParameter",
    },
    "JwtAuthorizerRole": {*STREAM_AND_WRITE, *TRACES},
    "ReconcileRole": {
        "dynamodb:GetItem",
        "dynamodb:BatchGetItem",
        "ssm:GetParameter",
        *KEEP_THE_INDEX,
        *SEND_MAIL,
        *STREAM_AND_WRITE,
        *TRACES,
    },
}


def roles(stack: dict[str, Any]) -> list[str]:
    """The roles with a policy of their own."""
    found = resources(stack, "AWS::IAM::Role")
    return [name for name, role in found.items() if "Policies" in role]


def statements(stack: dict[str, Any], role: str) -> list[Statement]:
    (policy,) = resources(stack, "AWS::IAM::Role")[role]["Policies"]
    found: list[Statement] = policy["PolicyDocument"]["Statement"]
    return found


def allowing(stack: dict[str, Any], role: str) -> list[Statement]:
    return [item for item in statements(stack, role) if item["Effect"] == "Allow"]


def values(statement: Statement, key: str) -> list[Any]:
    value = statement[key]
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("role", ALLOWED)
def test_a_role_has_the_actions_that_its_function_needs(
    stack: dict[str, Any], stage: str, role: str
) -> None:
    extra = RESET if (role, stage) == ("ApiHandlerRole", "dev") else set()
    found = {action for item in allowing(stack, role) for action in values(item, "Action")}
    assert found == ALLOWED[role] | extra


def test_a_role_is_bound_to_this_stacks_resources_but_for_reasons(
    stack: dict[str, Any], stage: str
) -> None:
    unbound: set[str] = set()
    for role in roles(stack):
        for statement in statements(stack, role):
            assert statement["Effect"] in {"Allow", "Deny"}
            assert "NotAction" not in statement
            assert "NotResource" not in statement
            assert "*" not in json.dumps(statement["Action"])
            if any("*" in json.dumps(item) for item in values(statement, "Resource")):
                unbound |= set(values(statement, "Action"))
    absent = set() if stage == "prod" else {"cloudwatch:DescribeAlarms"}
    assert unbound == set(WILDCARDS) - absent
    assert all(len(reason.split()) > 5 for reason in WILDCARDS.values())


@pytest.mark.parametrize("role", ["ApiHandlerRole", "StripeWebhookRole", "ReconcileRole"])
def test_mails_are_sent_from_the_configured_address_only(stack: dict[str, Any], role: str) -> None:
    """The identity may be the address or its domain: only whoever set SES up knows."""
    (mails,) = (item for item in statements(stack, role) if SEND_MAIL & set(values(item, "Action")))
    assert mails["Condition"] == {"StringEquals": {"ses:FromAddress": {"Ref": "MailFrom"}}}


def test_every_role_is_looked_at(stack: dict[str, Any], stage: str) -> None:
    expected = set(TAKEN_BY) - (IN_PRODUCTION_ONLY if stage != "prod" else set())
    assert set(resources(stack, "AWS::IAM::Role")) == expected
    assert {role for role, service in TAKEN_BY.items() if service == "lambda"} == set(ALLOWED)


def test_only_its_service_may_take_a_role(stack: dict[str, Any]) -> None:
    for name, role in resources(stack, "AWS::IAM::Role").items():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": f"{TAKEN_BY[name]}.amazonaws.com"}
        assert statement["Action"] == "sts:AssumeRole"


# Each way to change or remove an item of a table; PutItem can replace one, and the store's
# condition is what keeps it from that.
REWRITES = {
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:PartiQLInsert",
    "dynamodb:PartiQLUpdate",
    "dynamodb:PartiQLDelete",
}


def test_the_audit_trail_is_added_to_and_read_by_the_api_and_rewritten_by_nobody(
    stack: dict[str, Any],
) -> None:
    api = allowed_on(stack, "ApiHandlerRole", "AuditTable")
    assert api == {"dynamodb:PutItem", "dynamodb:Query", "dynamodb:BatchGetItem"}
    for role in set(ALLOWED) - {"ApiHandlerRole"}:
        assert "AuditTable" not in json.dumps(statements(stack, role))


def test_what_the_api_may_do_some_day_it_may_not_do_to_the_audit_trail(
    stack: dict[str, Any],
) -> None:
    (denied,) = (item for item in statements(stack, "ApiHandlerRole") if item["Effect"] == "Deny")
    assert set(values(denied, "Action")) == REWRITES
    assert denied["Resource"] == {"Fn::GetAtt": ["AuditTable", "Arn"]}
    assert "Condition" not in denied


def test_every_function_has_a_role_of_its_own(stack: dict[str, Any]) -> None:
    taken = {
        name: item["Role"]["Fn::GetAtt"]
        for name, item in resources(stack, "AWS::Lambda::Function").items()
    }
    assert sorted(role for role, _ in taken.values()) == sorted(ALLOWED)


def test_the_only_policy_of_awss_is_that_of_api_gateways_logs(stack: dict[str, Any]) -> None:
    """The role writes the logs of every API of the account: it cannot be bound to this one's."""
    managed = {
        name: role["ManagedPolicyArns"]
        for name, role in resources(stack, "AWS::IAM::Role").items()
        if "ManagedPolicyArns" in role
    }
    ((name, (policy,)),) = managed.items()
    assert name == "ApiGatewayLogsRole"
    assert policy["Fn::Sub"].endswith("/service-role/AmazonAPIGatewayPushToCloudWatchLogs")
    assert "Policies" not in resources(stack, "AWS::IAM::Role")[name]


def allowed_on(stack: dict[str, Any], role: str, table: str) -> set[str]:
    """What a role may do to a table's items."""
    return {
        action
        for item in allowing(stack, role)
        if {"Fn::GetAtt": [table, "Arn"]} in values(item, "Resource")
        for action in values(item, "Action")
    }


def test_orders_are_never_deleted_but_by_a_reset(stack: dict[str, Any]) -> None:
    for role in ALLOWED:
        assert "dynamodb:DeleteItem" not in allowed_on(stack, role, "OrdersTable")


@pytest.mark.parametrize(
    ("role", "parameters", "log_group"),
    [
        ("ApiHandlerRole", ["StripeSecretKeyParameter"], "ApiHandlerLogGroup"),
        (
            "StripeWebhookRole",
            ["StripeWebhookSecretParameter", "StripeSecretKeyParameter"],
            "StripeWebhookLogGroup",
        ),
        ("ReconcileRole", ["StripeSecretKeyParameter"], "ReconcileLogGroup"),
    ],
)
def test_a_function_reads_its_own_secrets_and_writes_its_own_log(
    stack: dict[str, Any], role: str, parameters: list[str], log_group: str
) -> None:
    by_action = {values(item, "Action")[0]: item for item in statements(stack, role)}
    secrets = values(by_action["ssm:GetParameter"], "Resource")
    assert [item["Fn::Sub"].rpartition(":parameter")[2] for item in secrets] == [
        f"${{{parameter}}}" for parameter in parameters
    ]
    assert by_action["logs:CreateLogStream"]["Resource"] == {"Fn::GetAtt": [log_group, "Arn"]}


def test_the_webhook_cannot_touch_cities_nor_make_events(stack: dict[str, Any]) -> None:
    text = json.dumps(statements(stack, "StripeWebhookRole"))
    assert "CitiesTable" not in text
    assert "IndexTable" not in text


def test_production_may_do_what_dev_may_except_the_reset() -> None:
    folder = ROOT / ".chalice"
    dev, prod = (
        json.loads((folder / f"policy-api-{stage}.json").read_text())["Statement"]
        for stage in ("dev", "prod")
    )
    assert [item for item in dev if not RESET & set(values(item, "Action"))] == prod


def test_every_function_of_every_stage_has_a_policy_of_its_own() -> None:
    config = read_config()
    assert config["autogen_policy"] is False
    for stage in stage_names():
        functions = config["stages"][stage]["lambda_functions"]
        files = [function["iam_policy_file"] for function in functions.values()]
        assert len(set(files)) == len(functions) == 4
