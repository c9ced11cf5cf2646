"""What AWS does with a SAM template, on this machine: the transform that CloudFormation runs."""

import copy
from collections.abc import Mapping
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

CODE = {"Bucket": "events-api-packages", "Key": "deployment.zip"}
_REGION = "us-east-1"
# Policies given by name would be looked up in IAM; ours are written out.
_MANAGED_POLICIES: dict[str, str] = {}


def translated(sam: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the CloudFormation template of a SAM template whose zip was uploaded to `CODE`."""
    template = copy.deepcopy(dict(sam))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = CODE
    session = boto3.Session(region_name=_REGION)
    translator = Translator(_MANAGED_POLICIES, Parser(), boto_session=session)
    result: dict[str, Any] = translator.translate(template, dict(parameters))
    return result


def resources(template: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of a template's resources of one type, by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }
