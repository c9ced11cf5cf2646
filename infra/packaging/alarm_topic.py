"""Whom alarms tell: an encrypted topic that sends e-mails to `AlarmEmail`. Without an address there
is no topic, no key that costs a dollar a month, and alarms show on the dashboard only.
"""

from typing import Final

from infra.packaging.documents import Document

ALARM_EMAIL: Final = "AlarmEmail"
_HAS_EMAIL: Final = "HasAlarmEmail"
_TOPIC: Final = "AlarmTopic"
_KEY: Final = "AlarmTopicKey"

# What alarms do, when they go off and when it is over.
NOTIFIED: Final = {"Fn::If": [_HAS_EMAIL, [{"Ref": _TOPIC}], {"Ref": "AWS::NoValue"}]}

_CLOUDWATCH: Final = {"Service": "cloudwatch.amazonaws.com"}
# Any account's CloudWatch is the same service: only this stack's alarms are ours.
_OWN_ALARMS: Final = {
    "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
    "ArnLike": {
        "aws:SourceArn": {
            "Fn::Sub": (
                "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}"
                ":alarm:${AWS::StackName}-*"
            )
        }
    },
}


def topic() -> Document:
    """Return the parameter, its condition, and the topic with its key and its subscriber."""
    return {
        "Parameters": {
            ALARM_EMAIL: {
                "Type": "String",
                "Description": "Who is told of alarms, after confirming it; empty for nobody",
                "AllowedPattern": r"^([^@\s<>,]+@[^@\s<>,]+)?$",
                "Default": "",
            }
        },
        "Conditions": {_HAS_EMAIL: {"Fn::Not": [{"Fn::Equals": [{"Ref": ALARM_EMAIL}, ""]}]}},
        "Resources": {
            _KEY: _conditional("AWS::KMS::Key", _key()),
            _TOPIC: _conditional("AWS::SNS::Topic", {"KmsMasterKeyId": {"Ref": _KEY}}),
            f"{_TOPIC}Policy": _conditional("AWS::SNS::TopicPolicy", _policy()),
            f"{_TOPIC}Subscription": _conditional(
                "AWS::SNS::Subscription",
                {
                    "TopicArn": {"Ref": _TOPIC},
                    "Protocol": "email",
                    "Endpoint": {"Ref": ALARM_EMAIL},
                },
            ),
        },
    }


def _conditional(kind: str, properties: Document) -> Document:
    return {"Type": kind, "Condition": _HAS_EMAIL, "Properties": properties}


def _key() -> Document:
    """Return the key. AWS's own for SNS lets no CloudWatch in, and its policy cannot be changed."""
    return {
        "Description": {"Fn::Sub": "What ${AWS::StackName} tells of its alarms"},
        "EnableKeyRotation": True,
        "PendingWindowInDays": 7,
        "KeyPolicy": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "TheAccountDecidesByItsPolicies",
                    "Effect": "Allow",
                    "Principal": {
                        "AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}
                    },
                    "Action": "kms:*",
                    "Resource": "*",
                },
                {
                    "Sid": "AlarmsAreWrittenWithIt",
                    "Effect": "Allow",
                    "Principal": _CLOUDWATCH,
                    "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                    "Resource": "*",
                    "Condition": _OWN_ALARMS,
                },
            ],
        },
    }


def _policy() -> Document:
    return {
        "Topics": [{"Ref": _TOPIC}],
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "AlarmsOfThisStack",
                    "Effect": "Allow",
                    "Principal": _CLOUDWATCH,
                    "Action": "sns:Publish",
                    "Resource": {"Ref": _TOPIC},
                    "Condition": _OWN_ALARMS,
                }
            ],
        },
    }
