"""Who deploys may do what the stack needs: each type of resource in it may be made, changed and
removed by the policies that `docs/deploying.md` has people use, and what gives more than that is
held to what the stack gives.
"""

import json
from fnmatch import fnmatchcase
from typing import Any

from infra.packaging.stages import ROOT

# What is on call's is another policy (`test_operators_policy`).
STATEMENTS: list[dict[str, Any]] = [
    statement
    for part in ("cloudformation", "commands")
    for statement in json.loads((ROOT / f"infra/deploying/policies/{part}.json").read_text())[
        "Statement"
    ]
]
# What makes, changes and removes a resource of each type, as the handlers in its schema in
# CloudFormation's registry name it.
HANDLERS = {
    "AWS::ApiGateway::Account": "apigateway:PATCH iam:PassRole",
    "AWS::ApiGateway::ApiKey": "apigateway:POST apigateway:PATCH apigateway:DELETE",
    "AWS::ApiGateway::BasePathMapping": "apigateway:POST apigateway:PATCH apigateway:DELETE",
    "AWS::ApiGateway::Deployment": "apigateway:POST apigateway:DELETE",
    "AWS::ApiGateway::DomainName": (
        "apigateway:POST apigateway:PATCH apigateway:DELETE iam:CreateServiceLinkedRole"
    ),
    "AWS::ApiGateway::RestApi": (
        "apigateway:POST apigateway:PUT apigateway:PATCH apigateway:DELETE"
    ),
    "AWS::ApiGateway::Stage": (
        "apigateway:POST apigateway:PATCH apigateway:DELETE logs:CreateLogDelivery "
        "logs:UpdateLogDelivery logs:DeleteLogDelivery"
    ),
    "AWS::ApiGateway::UsagePlan": "apigateway:POST apigateway:PATCH apigateway:DELETE",
    "AWS::ApiGateway::UsagePlanKey": "apigateway:POST apigateway:DELETE",
    "AWS::CloudWatch::Alarm": "cloudwatch:PutMetricAlarm cloudwatch:DeleteAlarms",
    "AWS::CloudWatch::Dashboard": "cloudwatch:PutDashboard cloudwatch:DeleteDashboards",
    "AWS::CodeDeploy::Application": (
        "codedeploy:CreateApplication codedeploy:UpdateApplication codedeploy:DeleteApplication"
    ),
    "AWS::CodeDeploy::DeploymentGroup": (
        "codedeploy:CreateDeploymentGroup codedeploy:UpdateDeploymentGroup "
        "codedeploy:DeleteDeploymentGroup iam:PassRole"
    ),
    "AWS::DynamoDB::Table": (
        "dynamodb:CreateTable dynamodb:UpdateTable dynamodb:UpdateTimeToLive "
        "dynamodb:UpdateContinuousBackups dynamodb:DeleteTable"
    ),
    "AWS::Events::Rule": (
        "events:PutRule events:PutTargets events:RemoveTargets events:DeleteRule"
    ),
    "AWS::IAM::Policy": "iam:PutRolePolicy iam:DeleteRolePolicy",
    "AWS::IAM::Role": (
        "iam:CreateRole iam:UpdateAssumeRolePolicy iam:PutRolePolicy iam:DeleteRolePolicy "
        "iam:AttachRolePolicy iam:DetachRolePolicy iam:DeleteRole"
    ),
    "AWS::KMS::Key": (
        "kms:CreateKey kms:EnableKeyRotation kms:PutKeyPolicy kms:UpdateKeyDescription "
        "kms:ScheduleKeyDeletion"
    ),
    # An alias is moved by CodeDeploy, whom CloudFormation asks on the deployer's behalf.
    "AWS::Lambda::Alias": (
        "lambda:CreateAlias lambda:UpdateAlias lambda:DeleteAlias codedeploy:CreateDeployment "
        "codedeploy:GetDeployment codedeploy:StopDeployment codedeploy:GetDeploymentConfig "
        "codedeploy:RegisterApplicationRevision codedeploy:GetApplicationRevision"
    ),
    "AWS::Lambda::EventInvokeConfig": (
        "lambda:PutFunctionEventInvokeConfig lambda:UpdateFunctionEventInvokeConfig "
        "lambda:DeleteFunctionEventInvokeConfig"
    ),
    "AWS::Lambda::Function": (
        "lambda:CreateFunction lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration "
        "lambda:DeleteFunction iam:PassRole s3:GetObject"
    ),
    "AWS::Lambda::Permission": "lambda:AddPermission lambda:RemovePermission",
    "AWS::Lambda::Version": "lambda:PublishVersion lambda:DeleteFunction",
    "AWS::Logs::LogGroup": (
        "logs:CreateLogGroup logs:PutRetentionPolicy logs:DeleteRetentionPolicy logs:DeleteLogGroup"
    ),
    "AWS::Route53::RecordSet": "route53:ChangeResourceRecordSets route53:GetChange",
    "AWS::SNS::Subscription": "sns:Subscribe sns:Unsubscribe",
    "AWS::SNS::Topic": "sns:CreateTopic sns:SetTopicAttributes sns:DeleteTopic",
    "AWS::SNS::TopicPolicy": "sns:SetTopicAttributes",
    "AWS::WAFv2::WebACL": "wafv2:CreateWebACL wafv2:UpdateWebACL wafv2:DeleteWebACL",
    "AWS::WAFv2::WebACLAssociation": (
        "wafv2:AssociateWebACL wafv2:DisassociateWebACL apigateway:SetWebACL"
    ),
}


def allowed(action: str) -> list[dict[str, Any]]:
    """The statements that allow an action."""
    return [item for item in STATEMENTS if any(fnmatchcase(action, each) for each in actions(item))]


def actions(statement: dict[str, Any]) -> list[str]:
    listed = statement["Action"]
    return [listed] if isinstance(listed, str) else listed


def test_every_resource_of_the_stack_may_be_made_changed_and_removed(
    stack: dict[str, Any],
) -> None:
    kinds = {resource["Type"] for resource in stack["Resources"].values()}

    assert kinds - set(HANDLERS) == set()
    needed = {action for kind in kinds for action in HANDLERS[kind].split()}
    assert {action for action in needed if not allowed(action)} == set()


def test_nothing_is_allowed_of_what_no_resource_has(stack: dict[str, Any], stage: str) -> None:
    if stage != "prod":
        return
    kinds = {resource["Type"] for resource in stack["Resources"].values()}
    assert set(HANDLERS) == kinds
    whole = {each for statement in STATEMENTS for each in actions(statement)}
    assert not [each for each in whole if "MetricFilter" in each or "Concurrency" in each]


def test_an_account_that_never_had_a_domain_may_get_one() -> None:
    """API Gateway makes a role of its own with the first ("service-linked roles")."""
    (statement,) = allowed("iam:CreateServiceLinkedRole")
    service = "ops.apigateway.amazonaws.com"
    assert statement["Condition"]["StringEquals"] == {"iam:AWSServiceName": service}
    assert statement["Resource"] == f"arn:aws:iam::*:role/aws-service-role/{service}/*"


def test_no_policy_of_awss_may_be_attached_but_the_stacks_own(stack: dict[str, Any]) -> None:
    attached = {
        arn["Fn::Sub"].replace("${AWS::Partition}", "aws")
        for resource in stack["Resources"].values()
        if resource["Type"] == "AWS::IAM::Role"
        for arn in resource["Properties"].get("ManagedPolicyArns", ())
    }
    for action in ("iam:AttachRolePolicy", "iam:DetachRolePolicy"):
        (statement,) = allowed(action)
        assert {statement["Condition"]["ArnEquals"]["iam:PolicyARN"]} == attached
