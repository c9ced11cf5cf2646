"""The access log of the one stage, and the role that API Gateway writes logs as.

A line has nothing personal and no secret: no address of a client, no user, and the pattern of a
path in place of the path, in which ticket codes and session ids stand.
"""

import json

from infra.packaging.choices import MAKES_GATEWAY_LOGS_ROLE, chosen
from infra.packaging.documents import Document
from infra.packaging.stages import stage_setting

LOG = "AccessLog"
_ACCOUNT = "GatewayAccount"
_ROLE = "ApiGatewayLogsRole"

# "$context variables for data models, authorizers, mapping templates, and CloudWatch access
# logging". The API key's id is no secret; its value is one.
_LINE = {
    "requestId": "$context.requestId",
    "requestTime": "$context.requestTime",
    "httpMethod": "$context.httpMethod",
    "resourcePath": "$context.resourcePath",
    "status": "$context.status",
    "refusedAs": "$context.error.responseType",
    "firewallStatus": "$context.wafResponseCode",
    "apiKeyId": "$context.identity.apiKeyId",
    "latencyMs": "$context.responseLatency",
    "functionLatencyMs": "$context.integration.latency",
    "functionStatus": "$context.integration.status",
    "authorizerLatencyMs": "$context.authorizer.latency",
    "authorizerStatus": "$context.authorizer.status",
    "bytes": "$context.responseLength",
    "traceId": "$context.xrayTraceId",
}


def access_log_setting() -> Document:
    """Return the stage's setting: where lines go and what they have.

    API Gateway takes it only once the account has its role. `DependsOn` takes no condition: a value
    that is chosen from two waits for both.
    """
    log = {"Fn::GetAtt": [LOG, "Arn"]}
    once_there_is_a_role = {"Fn::Select": [0, [log, {"Ref": _ACCOUNT}]]}
    return {
        "DestinationArn": chosen(MAKES_GATEWAY_LOGS_ROLE, once_there_is_a_role, log),
        "Format": json.dumps(_LINE),
    }


def access_log_resources(stage: str) -> Document:
    """Return the log group, and the account's role for API Gateway's logs.

    The role is one for all APIs of the account in the region, so it may write to any log group,
    and both stay when the stack goes: another API may need them. Where the deployment names the
    role that the account has set, there is nothing to set.
    """
    return {
        LOG: {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {
                "LogGroupName": {"Fn::Sub": "/aws/apigateway/${AWS::StackName}"},
                "RetentionInDays": stage_setting(stage, "log_retention_in_days"),
            },
        },
        _ROLE: {
            "Type": "AWS::IAM::Role",
            "Condition": MAKES_GATEWAY_LOGS_ROLE,
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "apigateway.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                },
                "ManagedPolicyArns": [
                    {
                        "Fn::Sub": (
                            "arn:${AWS::Partition}:iam::aws:policy/service-role"
                            "/AmazonAPIGatewayPushToCloudWatchLogs"
                        )
                    }
                ],
            },
        },
        _ACCOUNT: {
            "Type": "AWS::ApiGateway::Account",
            "Condition": MAKES_GATEWAY_LOGS_ROLE,
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {"CloudWatchRoleArn": {"Fn::GetAtt": [_ROLE, "Arn"]}},
        },
    }
