"""The metrics that alarms watch and the dashboard shows: CloudWatch's own by their names, and what
the code counts, in its namespace and with its stage.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from chalicelib.observability import METRICS_NAMESPACE, STAGE_DIMENSION
from infra.packaging.documents import Document
from infra.packaging.parameters import API, AUTHORIZER, TIMER, WEBHOOK
from infra.packaging.stages import stage_setting

# From each function's logical id to what `.chalice/config.json` calls it.
FUNCTIONS: Final = {
    API: "api_handler",
    WEBHOOK: "stripe_webhook",
    AUTHORIZER: "jwt_authorizer",
    TIMER: "reconcile",
}

_REFERENCE = re.compile(r"\$\{([\w:]+)\}")


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric and its statistic. Values of dimensions are texts as `Fn::Sub` takes them."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str = "Sum"

    def watched(self) -> Document:
        """Return it as an alarm has it."""
        dimensions = [
            {"Name": name, "Value": substituted(value)} for name, value in self.dimensions.items()
        ]
        return {"Namespace": self.namespace, "MetricName": self.name, "Dimensions": dimensions}

    def shown(self, **options: object) -> list[object]:
        """Return it as a dashboard's widget has it, in one text with the other widgets."""
        dimensions = [part for dimension in self.dimensions.items() for part in dimension]
        return [self.namespace, self.name, *dimensions, {"stat": self.statistic, **options}]


def substituted(text: str) -> object:
    """Return what gives a text its values in CloudFormation, where there are any to give."""
    reference = _REFERENCE.fullmatch(text)
    if reference:
        return {"Ref": reference[1]}
    return {"Fn::Sub": text} if "${" in text else text


def counted(stage: str, name: str, statistic: str = "Sum") -> Metric:
    """Return a metric of the code's own."""
    return Metric(METRICS_NAMESPACE, name, {STAGE_DIMENSION: stage}, statistic)


def of_api(stage: str, name: str, statistic: str = "Sum") -> Metric:
    """Return a metric of the stage: every request, the webhook's too."""
    # The API's name is the stack's (`template`).
    dimensions = {
        "ApiName": "${AWS::StackName}",
        "Stage": stage_setting(stage, "api_gateway_stage"),
    }
    return Metric("AWS/ApiGateway", name, dimensions, statistic)


def of_function(function: str, name: str, statistic: str = "Sum") -> Metric:
    """Return a metric of a function, by its logical id."""
    return Metric("AWS/Lambda", name, {"FunctionName": f"${{{function}}}"}, statistic)


def of_table(table: str, name: str, statistic: str = "Sum") -> Metric:
    """Return a metric of a table, by its logical id; its indexes have their own."""
    return Metric("AWS/DynamoDB", name, {"TableName": f"${{{table}}}"}, statistic)


def of_firewall(web_acl: str) -> Metric:
    """Return how many requests a web ACL blocked, by its metrics' name."""
    dimensions = {"WebACL": web_acl, "Region": "${AWS::Region}", "Rule": "ALL"}
    return Metric("AWS/WAFV2", "BlockedRequests", dimensions)


def timeout_ms(stage: str, function: str) -> int:
    """Return how long a function may run, in milliseconds."""
    functions = stage_setting(stage, "lambda_functions")
    return 1000 * int(functions[FUNCTIONS[function]]["lambda_timeout"])
