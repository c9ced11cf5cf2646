"""Versions of the functions, and the alias `live` that everything which calls one calls: so that a
deployment can move callers to a new version bit by bit, and back at once.

SAM publishes a version and moves the alias. Chalice knows neither, so what it leads to a function
is led to the function's alias here.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from infra.packaging.choices import HAS_SNAP_START, RELEASE, chosen, snapshots_are_possible
from infra.packaging.documents import Document
from infra.packaging.names import REST_API
from infra.packaging.parameters import API, AUTHORIZER, TIMER, WEBHOOK

ALIAS: Final = "live"
FUNCTIONS: Final = (API, WEBHOOK, AUTHORIZER, TIMER)

# In the order in which what they cost is shown.
SNAPSHOT: Final = (API, WEBHOOK)
_FUNCTION = re.compile(r"\$\{(\w+)\.Arn\}")
_INTEGRATION = "x-amazon-apigateway-integration"
_AUTHORIZER = "x-amazon-apigateway-authorizer"


def alias_of(function: str) -> Document:
    """Return the ARN of a function's alias; SAM knows its logical id."""
    return {"Ref": f"{function}.Alias"}


def published() -> Document:
    """Return the properties that have SAM publish a version of a function, for each release.

    SAM looks for changes before parameters have their values. Without a release's name, a function
    whose settings alone have changed would go on with the old ones.
    """
    return {"AutoPublishAlias": ALIAS, "AutoPublishCodeSha256": {"Ref": RELEASE}}


def snapshots(function: str) -> Document:
    """Return the properties that have a function start from snapshots of its versions, if that is
    asked for: where somebody waits, and a start takes long enough.
    """
    if function not in SNAPSHOT or not snapshots_are_possible():
        return {}
    kept = {"ApplyOn": "PublishedVersions"}
    return {"SnapStart": chosen(HAS_SNAP_START, kept, {"Ref": "AWS::NoValue"})}


def calling_aliases(swagger: Mapping[str, Any]) -> Document:
    """Return what is laid on a Swagger document to have it call aliases: its integrations and
    authorizers, nothing else of it.
    """
    return {
        "paths": {
            path: {
                verb: {_INTEGRATION: {"uri": _to_alias(method[_INTEGRATION]["uri"])}}
                for verb, method in verbs.items()
            }
            for path, verbs in swagger["paths"].items()
        },
        "securityDefinitions": {
            name: {_AUTHORIZER: {"authorizerUri": _to_alias(scheme[_AUTHORIZER]["authorizerUri"])}}
            for name, scheme in swagger.get("securityDefinitions", {}).items()
            if _AUTHORIZER in scheme
        },
    }


def alias_permissions() -> Document:
    """Return what is laid on the permissions that Chalice gives API Gateway, to call aliases.

    A merge replaces what is under a key and takes no key away: Chalice names one function by
    `Ref` and the other by `Fn::GetAtt`, and so does this. The authorizer may be called as one only.
    """
    execute_api = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}"
    return {
        f"{API}InvokePermission": {"Properties": {"FunctionName": alias_of(API)}},
        f"{AUTHORIZER}InvokePermission": {
            "Properties": {
                "FunctionName": {"Fn::GetAtt": [f"{AUTHORIZER}.Alias", "AliasArn"]},
                "SourceArn": {"Fn::Sub": f"{execute_api}:${{{REST_API}}}/authorizers/*"},
            }
        },
    }


def _to_alias(uri: Mapping[str, str]) -> Document:
    """Return the URI with a function's alias in place of `${Function.Arn}`."""
    before, function, after = _FUNCTION.split(uri["Fn::Sub"])
    return {"Fn::Sub": [f"{before}${{Alias}}{after}", {"Alias": alias_of(function)}]}
