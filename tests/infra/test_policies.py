"""What each function's role may do: no more than the function does. The deployed stack of the e2e
tests runs under these policies, so what is missing is found there.
"""

import json
from typing import Any

import pytest

from infra.packaging.stages import ROOT, read_config, stage_names
from infra.tables import declared_tables
from tests.infra.sam import resources

Statement = dict[str, Any]

# AWS has no resource for traces.
UNBOUND = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
# Nor for reading metrics.
READ_METRICS = {"cloudwatch:GetMetricData"}
RESET = {"dynamodb:Scan"}
SEND_MAIL = {"ses:SendEmail", "ses:SendRawEmail"}
STREAM_AND_WRITE = {"logs:CreateLogStream", "logs:PutLogEvents"}
READ_AND_WRITE = {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
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
        *UNBOUND,
        *SEND_MAIL,
        *READ_METRICS,
        "dynamodb:BatchGetItem",
        "ssm:GetParameter",
    },
    "StripeWebhookRole": {
        *READ_AND_WRITE,
        *SEND_MAIL,
        *STREAM_AND_WRITE,
        *UNBOUND,
        "dynamodb:Query",
        "ssm:GetParameter",
    },
    "JwtAuthorizerRole": {*STREAM_AND_WRITE, *UNBOUND},
    "ReconcileRole": {
        "dynamodb:GetItem",
        "dynamodb:BatchGetItem",
        "ssm:GetParameter",
        *KEEP_THE_INDEX,
        *SEND_MAIL,
        *STREAM_AND_WRITE,
        *UNBOUND,
    },
}


def statements(stack: dict[str, Any], role: str) -> list[Statement]:
    (policy,) = resources(stack, "AWS::IAM::Role")[role]["Policies"]
    found: list[Statement] = policy["PolicyDocument"]["Statement"]
    return found


def values(statement: Statement, key: str) -> list[Any]:
    value = statement[key]
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("role", ALLOWED)
def test_a_role_has_the_actions_that_its_function_needs(
    stack: dict[str, Any], stage: str, role: str
) -> None:
    extra = RESET if (role, stage) == ("ApiHandlerRole", "dev") else set()
    found = {action for item in statements(stack, role) for action in values(item, "Action")}
    assert found == ALLOWED[role] | extra


@pytest.mark.parametrize("role", ALLOWED)
def test_a_role_is_bound_to_this_stacks_resources(stack: dict[str, Any], role: str) -> None:
    for statement in statements(stack, role):
        assert statement["Effect"] == "Allow"
        unbound = [item for item in values(statement, "Resource") if "*" in json.dumps(item)]
        excused = UNBOUND | SEND_MAIL | READ_METRICS
        assert not unbound or set(values(statement, "Action")) <= excused


@pytest.mark.parametrize("role", ["ApiHandlerRole", "StripeWebhookRole", "ReconcileRole"])
def test_mails_are_sent_from_the_configured_address_only(stack: dict[str, Any], role: str) -> None:
    """The identity may be the address or its domain: only whoever set SES up knows."""
    (mails,) = (item for item in statements(stack, role) if SEND_MAIL & set(values(item, "Action")))
    assert mails["Condition"] == {"StringEquals": {"ses:FromAddress": {"Ref": "MailFrom"}}}


def test_every_role_is_looked_at(stack: dict[str, Any]) -> None:
    assert set(resources(stack, "AWS::IAM::Role")) == set(ALLOWED)


def test_only_lambda_may_take_a_role(stack: dict[str, Any]) -> None:
    for role in resources(stack, "AWS::IAM::Role").values():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
        assert "ManagedPolicyArns" not in role


def test_the_api_may_query_the_indexes_that_it_queries_and_no_others(
    stack: dict[str, Any],
) -> None:
    assert queried(stack, "ApiHandlerRole") == [
        {"Fn::GetAtt": ["IndexTable", "Arn"]},
        *(
            {"Fn::Sub": f"${{{table}.Arn}}/index/{index['IndexName']}"}
            for table in ("EventsTable", "CitiesTable", "OrdersTable")
            for index in declared_tables()[table]["GlobalSecondaryIndexes"]
            # What is due is the timer's.
            if index["IndexName"] != "due"
        ),
    ]


def queried(stack: dict[str, Any], role: str) -> list[Any]:
    """Every table and index that a role may query."""
    return [
        resource
        for item in statements(stack, role)
        if "dynamodb:Query" in values(item, "Action")
        for resource in values(item, "Resource")
    ]


def allowed_on(stack: dict[str, Any], role: str, table: str) -> set[str]:
    """What a role may do to a table's items."""
    return {
        action
        for item in statements(stack, role)
        if {"Fn::GetAtt": [table, "Arn"]} in values(item, "Resource")
        for action in values(item, "Action")
    }


@pytest.mark.parametrize("role", ["ApiHandlerRole", "ReconcileRole"])
def test_words_and_marks_are_written_to_the_index_and_nothing_else_is_written_in_batches(
    stack: dict[str, Any], stage: str, role: str
) -> None:
    reset = {"dynamodb:Scan"} if (role, stage) == ("ApiHandlerRole", "dev") else set()
    assert allowed_on(stack, role, "IndexTable") == KEEP_THE_INDEX | reset
    if not reset:
        for table in ("EventsTable", "CitiesTable", "OrdersTable"):
            assert "dynamodb:BatchWriteItem" not in allowed_on(stack, role, table)


def test_orders_are_never_deleted_but_by_a_reset(stack: dict[str, Any]) -> None:
    for role in ALLOWED:
        assert "dynamodb:DeleteItem" not in allowed_on(stack, role, "OrdersTable")


def test_the_timer_changes_events_and_their_numbers_and_makes_and_deletes_none(
    stack: dict[str, Any],
) -> None:
    assert allowed_on(stack, "ReconcileRole", "EventsTable") == {
        "dynamodb:GetItem",
        "dynamodb:BatchGetItem",
        "dynamodb:UpdateItem",
    }
    assert allowed_on(stack, "ReconcileRole", "CitiesTable") == {
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
    }
    assert allowed_on(stack, "ReconcileRole", "OrdersTable") == {
        "dynamodb:GetItem",
        "dynamodb:BatchGetItem",
        "dynamodb:PutItem",
    }
    assert queried(stack, "ReconcileRole") == [
        {"Fn::GetAtt": ["IndexTable", "Arn"]},
        {"Fn::Sub": "${EventsTable.Arn}/index/in_city_by_updated"},
        {"Fn::Sub": "${OrdersTable.Arn}/index/due"},
        {"Fn::Sub": "${OrdersTable.Arn}/index/by_event"},
        {"Fn::Sub": "${EventsTable.Arn}/index/by_id"},
    ]


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
    assert allowed_on(stack, "StripeWebhookRole", "EventsTable") == {
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
    }


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
