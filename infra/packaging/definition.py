"""The API as API Gateway gets it: Chalice's Swagger document and what is laid on it.

The stack is deployed with this document, and the local gateway runs it.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from chalicelib.functions.stripe_webhook import PATH as WEBHOOK_PATH
from chalicelib.http.headers import ANY_ORIGIN
from infra.packaging.documents import Document, overlaid
from infra.packaging.gateway_responses import EXTENSION, cors_parameters, gateway_responses
from infra.packaging.parameters import WEBHOOK
from infra.packaging.stages import stage_setting

_COMPRESSION_EXTENSION = "x-amazon-apigateway-minimum-compression-size"


def api_definition(stage: str, cors_origins: tuple[str, ...] = ANY_ORIGIN) -> Document:
    """Return the whole Swagger document for origins that are known: `("*",)` or a list.

    It runs by itself: the minimum compression size, which the template has elsewhere, is in it.
    """
    compression = {_COMPRESSION_EXTENSION: stage_setting(stage, "minimum_compression_size")}
    return overlaid(chalice_definition(), additions(cors_parameters(cors_origins)), compression)


def chalice_definition() -> Document:
    """Return what Chalice makes of the app's routes."""
    # Only whoever packages or runs the API has Chalice's command line installed.
    from chalice.deploy.swagger import CFNSwaggerGenerator

    swagger: Document = CFNSwaggerGenerator().generate_swagger(import_module("app").app)
    return swagger


def additions(cors: Mapping[str, Any]) -> Document:
    """Return what Chalice's Swagger lacks: the webhook's path and the gateway's own responses."""
    return {
        "paths": {WEBHOOK_PATH: {"post": _webhook_method()}},
        EXTENSION: gateway_responses(cors),
    }


def _webhook_method() -> Document:
    """Lead the webhook past the API to its own function.

    Its signature is over the bytes that Stripe sent: a proxy integration without binary media
    types hands them on as they are.
    """
    return {
        "summary": "Stripe's webhook.",
        "responses": {"200": {"description": "200 response"}},
        "x-amazon-apigateway-integration": {
            "type": "aws_proxy",
            "httpMethod": "POST",
            "passthroughBehavior": "when_no_match",
            "responses": {"default": {"statusCode": "200"}},
            "uri": {
                "Fn::Sub": (
                    "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31"
                    f"/functions/${{{WEBHOOK}.Arn}}/invocations"
                )
            },
        },
    }
