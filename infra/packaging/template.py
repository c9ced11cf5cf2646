"""The merge template: `resources.json`, the parts that follow from the code, and amends for what
Chalice 1.34 leaves open. `chalice package` lays it on the template of its own.
"""

import json
from typing import Any

from chalicelib.functions.stripe_webhook import PATH as WEBHOOK_PATH
from chalicelib.settings import PRODUCTION_STAGE
from infra.packaging.alarms import alarm_resources
from infra.packaging.dashboard import dashboard_resources
from infra.packaging.definition import additions
from infra.packaging.documents import Document, overlaid
from infra.packaging.gateway_responses import deployed_cors_parameters
from infra.packaging.parameters import API, AUTHORIZER, TIMER, WEBHOOK, environment, parameters
from infra.packaging.stages import stage_setting
from infra.tables import RESOURCES, declared_tables

# From each function's logical id to its log group's, as Chalice names both.
LOG_GROUPS = {
    API: "ApiHandlerLogGroup",
    WEBHOOK: "StripeWebhookLogGroup",
    AUTHORIZER: "JwtAuthorizerLogGroup",
    TIMER: "ReconcileLogGroup",
}

_ANY_ORIGIN = "AnyOrigin"
_REST_API = "RestAPI"


def merge_template(stage: str) -> Document:
    """Return the stage's merge template: what there is, and what watches over it."""
    template = _watched_template(stage)
    resources = template["Resources"]
    return overlaid(
        template, alarm_resources(stage, resources), dashboard_resources(stage, resources)
    )


def _watched_template(stage: str) -> Document:
    declared: Document = json.loads(RESOURCES.read_text())
    return overlaid(
        {
            "Description": f"Events API ({stage}): browse events, sell tickets through Stripe",
            "Parameters": {item.name: item.declaration() for item in parameters(stage)},
            "Conditions": {_ANY_ORIGIN: {"Fn::Equals": [{"Ref": "CorsOrigins"}, "*"]}},
            "Outputs": _outputs(stage),
        },
        declared,
        {"Resources": _resources(stage)},
    )


def _resources(stage: str) -> Document:
    resources = {
        _REST_API: _rest_api(),
        f"{WEBHOOK}InvokePermission": _webhook_permission(),
        **{function: _function(function, stage) for function in LOG_GROUPS},
        **{name: _log_group(function) for function, name in LOG_GROUPS.items()},
    }
    if stage.startswith(PRODUCTION_STAGE):
        resources |= {table: _undeletable() for table in declared_tables()}
    return resources


def _rest_api() -> Document:
    return {
        "Properties": {
            # Without it SAM adds a second public stage, named Stage, around throttle and WAF.
            "OpenApiVersion": "2.0",
            "EndpointConfiguration": {"Type": "REGIONAL"},
            # Chalice's `xray` covers the functions only.
            "TracingEnabled": True,
            # SAM makes a new deployment where the document changes, and looks at it before
            # CorsOrigins, which gateway responses depend on, has a value.
            "AlwaysDeploy": True,
            "DefinitionBody": additions(deployed_cors_parameters(_ANY_ORIGIN)),
        }
    }


def _function(function: str, stage: str) -> Document:
    logging: dict[str, Any] = {"LogGroup": {"Ref": LOG_GROUPS[function]}}
    if function == AUTHORIZER:
        # It logs with the standard library; the others write JSON lines by themselves.
        logging["LogFormat"] = "JSON"
    return {
        "Properties": {
            "Environment": {"Variables": environment(function, stage)},
            "LoggingConfig": logging,
        }
    }


def _log_group(function: str) -> Document:
    """Name the log group, and let its function refer to it instead of the other way round.

    Chalice names it after the function, by a logical id that for the API does not exist. This way
    the group is there before the first line, and the function's role can be held to it.
    """
    return {
        "Properties": {"LogGroupName": {"Fn::Sub": f"/aws/lambda/${{AWS::StackName}}-{function}"}}
    }


def _webhook_permission() -> Document:
    return {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "FunctionName": {"Fn::GetAtt": [WEBHOOK, "Arn"]},
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": {
                "Fn::Sub": (
                    "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}"
                    f":${{{_REST_API}}}/*/POST{WEBHOOK_PATH}"
                )
            },
        },
    }


def _undeletable() -> Document:
    return {"Properties": {"DeletionProtectionEnabled": True}}


def _outputs(stage: str) -> Document:
    """Return outputs beside Chalice's own, of which `EndpointURL` is the API's."""
    host = f"https://${{{_REST_API}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}"
    api_stage = stage_setting(stage, "api_gateway_stage")
    return {
        "WebhookURL": {
            "Description": "What Stripe's webhook endpoint is set to",
            "Value": {"Fn::Sub": f"{host}/{api_stage}{WEBHOOK_PATH}"},
        },
        **{
            f"{table}Name": {"Description": f"Name of {table}", "Value": {"Ref": table}}
            for table in declared_tables()
        },
    }
