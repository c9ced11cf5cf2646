"""Who deploys may do what the stack needs: each type of resource in it has its permission in the
policy that `docs/deploying.md` has people use.
"""

import json
from typing import Any

from infra.packaging.stages import ROOT

POLICY = json.loads((ROOT / "infra/deploying/policy.json").read_text())
# What makes a resource of each type, as its page in CloudFormation's reference names it.
MAKES = {
    "AWS::ApiGateway::Account": "apigateway:PATCH",
    "AWS::ApiGateway::ApiKey": "apigateway:POST",
    "AWS::ApiGateway::BasePathMapping": "apigateway:POST",
    "AWS::ApiGateway::Deployment": "apigateway:POST",
    "AWS::ApiGateway::DomainName": "apigateway:POST",
    "AWS::ApiGateway::GatewayResponse": "apigateway:PUT",
    "AWS::ApiGateway::RestApi": "apigateway:POST",
    "AWS::ApiGateway::Stage": "apigateway:POST",
    "AWS::ApiGateway::UsagePlan": "apigateway:POST",
    "AWS::ApiGateway::UsagePlanKey": "apigateway:POST",
    "AWS::CloudWatch::Alarm": "cloudwatch:PutMetricAlarm",
    "AWS::CloudWatch::Dashboard": "cloudwatch:PutDashboard",
    "AWS::CodeDeploy::Application": "codedeploy:*Application",
    "AWS::CodeDeploy::DeploymentGroup": "codedeploy:*DeploymentGroup",
    "AWS::DynamoDB::Table": "dynamodb:CreateTable",
    "AWS::Events::Rule": "events:PutRule",
    "AWS::IAM::Policy": "iam:PutRolePolicy",
    "AWS::IAM::Role": "iam:CreateRole",
    "AWS::KMS::Key": "kms:CreateKey",
    "AWS::Lambda::Alias": "lambda:CreateAlias",
    "AWS::Lambda::EventInvokeConfig": "lambda:PutFunctionEventInvokeConfig",
    "AWS::Lambda::Function": "lambda:CreateFunction",
    "AWS::Lambda::Permission": "lambda:AddPermission",
    "AWS::Lambda::Version": "lambda:PublishVersion",
    "AWS::Logs::LogGroup": "logs:CreateLogGroup",
    "AWS::Logs::MetricFilter": "logs:PutMetricFilter",
    "AWS::Route53::RecordSet": "route53:ChangeResourceRecordSets",
    "AWS::SNS::Subscription": "sns:Subscribe",
    "AWS::SNS::Topic": "sns:CreateTopic",
    "AWS::SNS::TopicPolicy": "sns:SetTopicAttributes",
    "AWS::WAFv2::WebACL": "wafv2:CreateWebACL",
    "AWS::WAFv2::WebACLAssociation": "wafv2:AssociateWebACL",
}


def test_every_resource_of_the_stack_may_be_made(stack: dict[str, Any]) -> None:
    allowed = {action for statement in POLICY["Statement"] for action in statement["Action"]}
    kinds = {resource["Type"] for resource in stack["Resources"].values()}

    assert kinds - set(MAKES) == set()
    assert {MAKES[kind] for kind in kinds} - allowed == set()


def test_every_permission_that_is_named_here_is_in_the_policy() -> None:
    allowed = {action for statement in POLICY["Statement"] for action in statement["Action"]}

    assert set(MAKES.values()) - allowed == set()
