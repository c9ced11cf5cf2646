"""Who is on call may do what the documents say: each `aws` command in them is allowed by a policy
of the repository, by itself and not only to CloudFormation, or is an administrator's for a reason.
"""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from infra.packaging.parameters import TIMER
from infra.packaging.stages import ROOT

POLICIES: dict[str, list[dict[str, Any]]] = {
    path.stem: json.loads(path.read_text())["Statement"]
    for path in sorted((ROOT / "infra/deploying/policies").iterdir())
}
OPERATORS = POLICIES["operators"]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_CODE = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)
_COMMAND = re.compile(r"\baws\s+([a-z][a-z0-9]*)\s+(wait\s+)?([a-z][a-z-]*[a-z])")

# Asks no permission: it is how one signs in.
SIGNING_IN = {("sso", "login")}
# Where IAM calls a service otherwise than the command line does, and a command's action otherwise
# than the API ("Service Authorization Reference").
SERVICES = {"sesv2": "ses"}
ACTIONS = {
    "apigateway:GetApiKey": "apigateway:GET",
    "apigateway:GetDomainName": "apigateway:GET",
    "budgets:CreateBudget": "budgets:ModifyBudget",
    "lambda:Invoke": "lambda:InvokeFunction",
}
# What no policy of the repository allows, and why an administrator does it, once.
ADMINISTRATORS = {
    "acm:DescribeCertificate": "a certificate is asked for once, before the first deployment",
    "acm:RequestCertificate": "a certificate is asked for once, before the first deployment",
    "apigateway:GET": "keys have no names of the stack's: it would show every key of the account",
    "budgets:ModifyBudget": "a budget is the account's, and is made once",
    "dynamodb:ExportTableToPointInTime": "an export holds every buyer's address",
    "dynamodb:RestoreTableToPointInTime": "what is recovered holds every buyer's address",
    "dynamodb:UpdateTable": "it warms a table before a sale, and also unprotects it from deletion",
    "iam:AttachRolePolicy": "whoever may attach any policy is an administrator",
    "iam:CreatePolicy": "whoever may make any policy is an administrator",
    "ses:CreateEmailIdentity": "the sender is set up once, before the first deployment",
    "ses:GetEmailIdentity": "the sender is set up once, before the first deployment",
    "ses:PutAccountDetails": "the account leaves the sandbox once",
    "ssm:PutParameter": "who may store the secrets could have payments go elsewhere",
}
# What the documents have people do without an `aws` command: in a console, or by `make`.
BY_HAND = {
    "docs/runbook/README.md: the dashboard": (
        "cloudwatch:GetDashboard cloudwatch:ListDashboards cloudwatch:GetMetricData "
        "cloudwatch:DescribeAlarms"
    ),
    "docs/runbook: Logs Insights": (
        "logs:StartQuery logs:GetQueryResults logs:StopQuery logs:DescribeQueries "
        "logs:DescribeLogGroups logs:GetLogGroupFields"
    ),
    "docs/runbook: make logs": (
        "cloudformation:DescribeStacks cloudformation:ListStackResources logs:FilterLogEvents"
    ),
    "docs/deploying.md: make status": (
        "cloudformation:DescribeStacks cloudformation:GetTemplate s3:ListBucket s3:GetObject "
        # Of a stack that does not say of which stage it is.
        "dynamodb:DescribeTable"
    ),
    "docs/runbook/api-slow.md: X-Ray": (
        "xray:GetTraceSummaries xray:BatchGetTraces xray:GetTraceGraph"
    ),
    "docs/runbook/confirmations-failing.md: SES's console": "ses:GetAccount",
    "docs/runbook/firewall-blocking.md: WAF's console": (
        "wafv2:ListWebACLs wafv2:GetWebACL wafv2:GetSampledRequests"
    ),
    "docs/runbook/functions-throttled.md: Lambda's console": (
        "lambda:GetAccountSettings lambda:ListFunctions"
    ),
    "docs/runbook/timer-silent.md: the rule, and disabling it to try the alarm": (
        "events:DescribeRule events:DisableRule"
    ),
}
# Of these AWS knows no resources, or none that are named by whose they are: only * is taken.
NAMELESS = {
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "cloudwatch:GetMetricStatistics",
    "cloudwatch:ListDashboards",
    "cloudwatch:ListMetrics",
    "events:ListRules",
    "lambda:GetAccountSettings",
    "lambda:ListFunctions",
    "logs:DescribeLogGroups",
    "logs:DescribeQueries",
    "logs:GetQueryResults",
    "logs:StopQuery",
    "ses:GetAccount",
    "wafv2:ListWebACLs",
    "xray:BatchGetTraces",
    "xray:GetTraceGraph",
    "xray:GetTraceSummaries",
}


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def actions(statements: list[dict[str, Any]]) -> set[str]:
    return {action for item in statements for action in listed(item["Action"])}


def by_themselves() -> set[str]:
    """What the policies allow whoever calls, and not only CloudFormation on their behalf."""
    every = [item for statements in POLICIES.values() for item in statements]
    return actions([item for item in every if "aws:CalledVia" not in json.dumps(item)])


def action_of(service: str, command: str, *, waits: bool = False) -> str:
    """Return the action in IAM that a command asks for; raises `KeyError` for one that is not."""
    session = botocore.session.get_session()
    if waits:
        waiters = session.get_waiter_model(service)
        names = {xform_name(name, "-"): name for name in waiters.waiter_names}
        operation = waiters.get_waiter(names[command]).operation
    else:
        known = session.get_service_model(service).operation_names
        operation = {xform_name(name, "-"): name for name in known}[command]
    action = f"{SERVICES.get(service, service)}:{operation}"
    return ACTIONS.get(action, action)


def needed(text: str) -> set[str]:
    """Return the actions that the commands in a document's code ask for."""
    found = (match for code in _CODE.findall(text) for match in _COMMAND.findall(code))
    return {
        action_of(service, command, waits=bool(waits))
        for service, waits, command in found
        if (service, command) not in SIGNING_IN
    }


@pytest.fixture(scope="module")
def documented() -> set[str]:
    """The actions that the commands in all documents ask for."""
    return {action for page in PAGES for action in needed(page.read_text())}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_somebody_may_do_what_a_page_says(page: Path) -> None:
    allowed = by_themselves() | set(ADMINISTRATORS)
    assert not {
        action
        for action in needed(page.read_text())
        if not any(fnmatchcase(action, each) for each in allowed)
    }


@pytest.mark.parametrize("where", BY_HAND)
def test_who_is_on_call_may_do_what_has_no_command(where: str) -> None:
    assert set(BY_HAND[where].split()) - actions(OPERATORS) == set()


def test_commands_are_found_wherever_they_stand(documented: set[str]) -> None:
    page = (
        "```sh\naws events list-rules\n  aws cloudformation describe-stack-resource \\\n```\n"
        '`aws lambda\ninvoke --function-name "$(aws sso login)"`\n'
        "`aws dynamodb wait table-exists`, "
        "the aws ssm put-parameter of a sentence, `aws:CalledVia`, `aws/ssm`"
    )
    assert needed(page) == {
        "events:ListRules",
        "cloudformation:DescribeStackResource",
        "lambda:InvokeFunction",
        "dynamodb:DescribeTable",
    }
    assert {"events:EnableRule", "lambda:InvokeFunction"} <= documented
    assert set(ACTIONS.values()) <= documented


def test_a_command_that_is_none_is_not_passed_over() -> None:
    with pytest.raises(KeyError):
        needed("`aws events enable-rules`")


def test_an_administrators_commands_are_documented_and_nobody_elses(documented: set[str]) -> None:
    assert set(ADMINISTRATORS) <= documented
    assert not set(ADMINISTRATORS) & by_themselves()
    assert all(len(reason.split()) > 4 for reason in ADMINISTRATORS.values())


def test_who_is_on_call_may_do_nothing_that_no_page_says(documented: set[str]) -> None:
    by_hand = {action for found in BY_HAND.values() for action in found.split()}
    assert actions(OPERATORS) <= documented | by_hand
    assert not any("*" in action for action in actions(OPERATORS))


def test_who_is_on_call_reaches_this_programs_stacks_only() -> None:
    everywhere: set[str] = set()
    for item in OPERATORS:
        assert set(item) == {"Sid", "Effect", "Action", "Resource"}
        assert item["Effect"] == "Allow"
        if item["Resource"] == "*":
            everywhere |= set(listed(item["Action"]))
        # A web ACL is named after its logical id, whatever stack it is of.
        elif item["Sid"] != "Firewall":
            assert all("events-api-" in arn for arn in listed(item["Resource"]))
    assert everywhere == NAMELESS


def test_who_is_on_call_reads_no_table_no_secret_and_changes_no_stack() -> None:
    # It tells a table's settings, and nothing of what is in it.
    services = {
        action.partition(":")[0]
        for action in actions(OPERATORS)
        if action != "dynamodb:DescribeTable"
    }
    assert not services & {"dynamodb", "ssm", "iam", "kms", "sts", "apigateway"}
    stacks = {action for action in actions(OPERATORS) if action.startswith("cloudformation:")}
    assert all(re.match(r"cloudformation:(Describe|List|Get)", action) for action in stacks)


def test_of_the_functions_only_the_timer_may_be_called() -> None:
    (called,) = [item for item in OPERATORS if "lambda:InvokeFunction" in listed(item["Action"])]
    assert called["Resource"] == f"arn:aws:lambda:*:*:function:events-api-*-{TIMER}-*"
    assert f"--logical-resource-id {TIMER} " in (ROOT / "docs/runbook/timer-silent.md").read_text()


@pytest.mark.parametrize("page", ["docs/deploying.md", "docs/backup.md", "docs/runbook/README.md"])
def test_the_documents_name_the_policy(page: str) -> None:
    assert "`infra/deploying/policies/operators.json`" in (ROOT / page).read_text()
