"""How a new version comes to production: a tenth of the calls for five minutes, then the rest, and
back to the old version, with the whole stack, when an alarm of these goes off meanwhile.

CodeDeploy also stops what begins while such an alarm is on, and so would stop what ends the alarm.
For that a deployment may have its version come at once, whatever the alarms say.

The timer is not among them: of a call every five minutes there is no tenth. It follows the stack.
"""

from typing import Any, Final

from infra.packaging.aliases import ALIAS
from infra.packaging.choices import AT_ONCE, GRADUAL, SHIFT, SHIFTS_AT_ONCE, chosen
from infra.packaging.documents import Document
from infra.packaging.parameters import API, AUTHORIZER, WEBHOOK
from infra.packaging.stages import stage_setting

_PACE: Final = "Canary10Percent5Minutes"
_NO_PACE: Final = "AllAtOnce"
_ROLE: Final = "ShiftingRole"
_SHIFTED: Final = (API, WEBHOOK, AUTHORIZER)
_ANSWERS: Final = "ServerErrorsWhileShifting"
_ERRORS: Final = {API: "ApiErrorsOfNewVersion", WEBHOOK: "WebhookErrorsOfNewVersion"}
# Of the answers, while a tenth comes from the new version; and no judgement on a handful.
_PERCENT: Final = 5
_ENOUGH: Final = 20


def shifting_choice() -> Document:
    """Return the parameter by which one deployment comes at once, and its condition."""
    return {
        "Parameters": {
            SHIFT: {
                "Type": "String",
                "Description": (
                    "How a new version comes: gradual, or at-once, past the alarms, in an incident"
                ),
                "AllowedValues": [GRADUAL, AT_ONCE],
                "Default": GRADUAL,
            }
        },
        "Conditions": {SHIFTS_AT_ONCE: {"Fn::Equals": [{"Ref": SHIFT}, AT_ONCE]}},
    }


def shifting_resources(stage: str) -> Document:
    """Return the alarms that stop a shift, and the role that CodeDeploy shifts as."""
    return {
        **{name: _errors_of_new_version(function) for function, name in _ERRORS.items()},
        _ANSWERS: _server_errors(stage),
        _ROLE: _role(),
        **{function: {"Properties": _preference(function)} for function in _SHIFTED},
    }


def _preference(function: str) -> Document:
    """Return the property that has SAM let CodeDeploy move the function's alias.

    A token that is refused is an error of the authorizer ("Lambda authorizer": it raises), and
    strangers must not stop a deployment. What is wrong with it shows in the stage's answers.
    """
    alarms = [name for name in (_ERRORS.get(function), _ANSWERS) if name]
    return {
        "DeploymentPreference": {
            "Type": chosen(SHIFTS_AT_ONCE, _NO_PACE, _PACE),
            "Role": {"Fn::GetAtt": [_ROLE, "Arn"]},
            "Alarms": chosen(SHIFTS_AT_ONCE, [], [{"Ref": name} for name in alarms]),
        }
    }


def _errors_of_new_version(function: str) -> Document:
    """Watch for a call of the new version that ends in no answer at all: a crash, or its time."""
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": (
                f"While {function} moves to a new version: that version crashed or ran out of "
                "time. CodeDeploy goes back to the old one by itself; its log says what happened"
            ),
            "Namespace": "AWS/Lambda",
            "MetricName": "Errors",
            "Dimensions": [
                {"Name": "FunctionName", "Value": {"Ref": function}},
                {"Name": "Resource", "Value": {"Fn::Sub": f"${{{function}}}:{ALIAS}"}},
                {
                    "Name": "ExecutedVersion",
                    "Value": {"Fn::GetAtt": [f"{function}.Version", "Version"]},
                },
            ],
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 0,
            "TreatMissingData": "notBreaching",
        },
    }


def _server_errors(stage: str) -> Document:
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": (
                f"More than {_PERCENT} % of the answers were 5xx. A deployment that is under way "
                "goes back to the old version by itself"
            ),
            "Metrics": [
                {
                    "Id": "share",
                    "Label": "5xx in percent",
                    "Expression": f"IF(count >= {_ENOUGH}, 100 * errors / count, 0)",
                },
                _of_stage(stage, "errors", "5XXError"),
                _of_stage(stage, "count", "Count"),
            ],
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": _PERCENT,
            "TreatMissingData": "notBreaching",
        },
    }


def _of_stage(stage: str, name: str, metric: str) -> Document:
    return {
        "Id": name,
        "ReturnData": False,
        "MetricStat": {
            "Stat": "Sum",
            "Period": 60,
            "Metric": {
                "Namespace": "AWS/ApiGateway",
                "MetricName": metric,
                "Dimensions": [
                    # The API's name is the stack's (`template`).
                    {"Name": "ApiName", "Value": {"Ref": "AWS::StackName"}},
                    {"Name": "Stage", "Value": stage_setting(stage, "api_gateway_stage")},
                ],
            },
        },
    }


def _role() -> Document:
    """Return the role that CodeDeploy takes to move these aliases and no others.

    DescribeAlarms is asked for several alarms at once, and takes no resource where it is; AWS's own
    policy for this (AWSCodeDeployRoleForLambdaLimited) has `*` too.
    """
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "codedeploy.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            },
            "Policies": [
                {
                    "PolicyName": "MoveAliases",
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": _statements()},
                }
            ],
        },
    }


def _statements() -> list[dict[str, Any]]:
    return [
        {
            "Sid": "MoveTheseAliases",
            "Effect": "Allow",
            "Action": [
                "lambda:GetAlias",
                "lambda:UpdateAlias",
                "lambda:GetProvisionedConcurrencyConfig",
            ],
            "Resource": [
                # An alias is a function's own resource, and some calls name it with the function.
                resource
                for function in _SHIFTED
                for resource in (
                    {"Fn::GetAtt": [function, "Arn"]},
                    {"Fn::Sub": f"${{{function}.Arn}}:{ALIAS}"},
                )
            ],
        },
        {
            "Sid": "SeeAlarms",
            "Effect": "Allow",
            "Action": "cloudwatch:DescribeAlarms",
            "Resource": "*",
        },
    ]
