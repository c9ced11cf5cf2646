"""The metrics of AWS that alarms and dashboards may name: their dimensions, and the page of AWS's
documentation that lists them.
"""

_GATEWAY = "Amazon API Gateway dimensions and metrics"
_LAMBDA = "Types of metrics for Lambda functions"
_DYNAMODB = "DynamoDB Metrics and dimensions"
_FIREWALL = "AWS WAF metrics and dimensions"

_STAGE = ("ApiName", "Stage")
_FUNCTION = ("FunctionName",)
_TABLE = ("TableName",)

DOCUMENTED: dict[tuple[str, str], tuple[tuple[str, ...], str]] = {
    ("AWS/ApiGateway", "Count"): (_STAGE, _GATEWAY),
    ("AWS/ApiGateway", "4XXError"): (_STAGE, _GATEWAY),
    ("AWS/ApiGateway", "5XXError"): (_STAGE, _GATEWAY),
    ("AWS/ApiGateway", "Latency"): (_STAGE, _GATEWAY),
    ("AWS/Lambda", "Invocations"): (_FUNCTION, _LAMBDA),
    ("AWS/Lambda", "Errors"): (_FUNCTION, _LAMBDA),
    ("AWS/Lambda", "Throttles"): (_FUNCTION, _LAMBDA),
    ("AWS/Lambda", "Duration"): (_FUNCTION, _LAMBDA),
    ("AWS/DynamoDB", "ReadThrottleEvents"): (_TABLE, _DYNAMODB),
    ("AWS/DynamoDB", "WriteThrottleEvents"): (_TABLE, _DYNAMODB),
    ("AWS/DynamoDB", "ConsumedReadCapacityUnits"): (_TABLE, _DYNAMODB),
    ("AWS/DynamoDB", "ConsumedWriteCapacityUnits"): (_TABLE, _DYNAMODB),
    ("AWS/WAFV2", "BlockedRequests"): (("WebACL", "Region", "Rule"), _FIREWALL),
}
