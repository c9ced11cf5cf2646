"""A stage's alarms as CloudWatch gets them: out of the translated template, with every reference
filled in by the name of what it refers to; and what such names there are.
"""

import re
from typing import Any

from tests.infra.filled_in import PSEUDO, filled_in
from tests.infra.sam import resources
from tests.support.cloudwatch import Watch


def watches(stack: dict[str, Any], *, email: bool = True) -> dict[str, Watch]:
    """Return the stack's alarms by what is at the end of their names."""
    found = (
        filled_in(properties, {"HasAlarmEmail": email})
        for properties in resources(stack, "AWS::CloudWatch::Alarm").values()
    )
    return {_short(one["AlarmName"]): Watch(one) for one in found if "AlarmName" in one}


def dimension_values(stack: dict[str, Any], stage: str) -> dict[str, set[str]]:
    """Return what metrics of this stack can be about, by the dimension that says so."""
    api = resources(stack, "AWS::ApiGateway::RestApi")
    (stages,) = resources(stack, "AWS::ApiGateway::Stage").values()
    return {
        "ApiName": {filled_in(item["Body"]["info"]["title"], {}) for item in api.values()},
        "Stage": {stages["StageName"]},
        "FunctionName": {f"<{name}>" for name in resources(stack, "AWS::Lambda::Function")},
        "TableName": {f"<{name}>" for name in resources(stack, "AWS::DynamoDB::Table")},
        "stage": {stage},
        # Of a firewall, if the stack has one.
        "Region": {PSEUDO["AWS::Region"]},
        "Rule": {"ALL"},
        "WebACL": {
            filled_in(item["VisibilityConfig"]["MetricName"], {})
            for item in resources(stack, "AWS::WAFv2::WebACL").values()
        },
    }


def _short(name: str) -> str:
    found = re.fullmatch(r"shop-(?:page|tomorrow)-([a-z-]+)", name)
    assert found is not None, name
    return found[1]
