"""The merge template: `resources.json`, the parts that follow from the code, and amends for what
Chalice 1.34 leaves open. `chalice package` lays it on the template of its own.
"""

import json
from typing import Any

from chalicelib.functions.stripe_webhook import PATH as WEBHOOK_PATH
from chalicelib.settings import PRODUCTION_STAGE
from infra.packaging.access_logs import (
    access_log_resources,
    access_log_setting,
)
from infra.packaging.alarms import alarm_resources
from infra.packaging.aliases import (
    alias_of,
    alias_permissions,
    calling_aliases,
    published,
    snapshots,
)
from infra.packaging.choices import choices, conditions, rules
from infra.packaging.dashboard import dashboard_resources
from infra.packaging.definition import additions, chalice_definition
from infra.packaging.documents import Document, overlaid
from infra.packaging.domain import address, domain_resources
from infra.packaging.firewall import firewall_resources
from infra.packaging.gateway_responses import deployed_cors_parameters
from infra.packaging.names import REST_API
from infra.packaging.parameters import API, AUTHORIZER, TIMER, WEBHOOK, environment, parameters
from infra.packaging.secrets_key import secrets_key_policy
from infra.packaging.shifting import shifting_choice, shifting_resources
from infra.packaging.stages import stack_description
from infra.packaging.throttles import KEY, machine_access, method_settings
from infra.tables import RESOURCES, declared_tables
from infra.throttling import read_throttling

# From each function's logical id to its log group's, as Chalice names both.
LOG_GROUPS = {
    API: "ApiHandlerLogGroup",
    WEBHOOK: "StripeWebhookLogGroup",
    AUTHORIZER: "JwtAuthorizerLogGroup",
    TIMER: "ReconcileLogGroup",
}

# The next run is a better repeat than one of the same.
_NO_REPEATS = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 300}
_API_NAME = {"Ref": "AWS::StackName"}


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
            "Description": stack_description(stage),
            "Parameters": {
                **{item.name: item.declaration() for item in parameters(stage)},
                **choices(),
            },
            "Rules": rules(),
            "Conditions": conditions(),
            "Outputs": _outputs(stage),
        },
        declared,
        shifting_choice() if stage.startswith(PRODUCTION_STAGE) else {},
        *({"Resources": resources} for resources in _resources(stage)),
    )


def _resources(stage: str) -> list[Document]:
    """Return what is laid on Chalice's resources, and beside them."""
    throttling = read_throttling()
    layers = [
        {
            REST_API: _rest_api(),
            f"{WEBHOOK}InvokePermission": _webhook_permission(),
            **alias_permissions(),
            **{function: _function(function, stage) for function in LOG_GROUPS},
            **{name: _log_group(function) for function, name in LOG_GROUPS.items()},
        },
        {TIMER: {"Properties": {"EventInvokeConfig": _NO_REPEATS}}},
        machine_access(throttling),
        access_log_resources(stage),
        firewall_resources(stage, throttling.client),
        domain_resources(),
        secrets_key_policy(),
    ]
    if stage.startswith(PRODUCTION_STAGE):
        layers.append({table: _undeletable() for table in declared_tables()})
        layers.append(shifting_resources(stage))
    return layers


def _rest_api() -> Document:
    return {
        "Properties": {
            # Without it SAM adds a second public stage, named Stage, around throttle and WAF.
            "OpenApiVersion": "2.0",
            # CloudWatch counts by the API's name: stacks in one account need names of their own.
            "Name": _API_NAME,
            "EndpointConfiguration": {"Type": "REGIONAL"},
            # Chalice's `xray` covers the functions only.
            "TracingEnabled": True,
            # SAM makes a new deployment where the document changes, and looks at it before
            # CorsOrigins, which gateway responses depend on, has a value.
            "AlwaysDeploy": True,
            "DefinitionBody": _definition(),
            "MethodSettings": method_settings(read_throttling()),
            "AccessLogSetting": access_log_setting(),
        },
    }


def _definition() -> Document:
    added = overlaid(
        additions(deployed_cors_parameters()),
        # API Gateway takes the document's title for the API's name.
        {"info": {"title": _API_NAME}},
    )
    return overlaid(added, calling_aliases(overlaid(chalice_definition(), added)))


def _function(function: str, stage: str) -> Document:
    logging: dict[str, Any] = {"LogGroup": {"Ref": LOG_GROUPS[function]}}
    if function == AUTHORIZER:
        # It logs with the standard library; the others write JSON lines by themselves.
        logging["LogFormat"] = "JSON"
    return {
        "Properties": {
            "Environment": {
                "Variables": {
                    **environment(function, stage),
                    **({"API_NAME": _API_NAME} if function == API else {}),
                }
            },
            "LoggingConfig": logging,
            **published(),
            **snapshots(function),
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
            "FunctionName": alias_of(WEBHOOK),
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": {
                "Fn::Sub": (
                    "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}"
                    f":${{{REST_API}}}/*/POST{WEBHOOK_PATH}"
                )
            },
        },
    }


def _undeletable() -> Document:
    return {"Properties": {"DeletionProtectionEnabled": True}}


def _outputs(stage: str) -> Document:
    """Return outputs beside Chalice's own, of which `EndpointURL` is the API's."""
    return {
        "EndpointURL": {"Value": address(stage, "/")},
        "WebhookURL": {
            "Description": "What Stripe's webhook endpoint is set to",
            "Value": address(stage, WEBHOOK_PATH),
        },
        "ApiKeyId": {
            "Description": "What aws apigateway get-api-key shows the machines' key by",
            "Value": {"Ref": KEY},
        },
        **{
            f"{table}Name": {"Description": f"Name of {table}", "Value": {"Ref": table}}
            for table in declared_tables()
        },
    }
