"""AWS WAF before the one stage: what one address may ask, and AWS's lists of attacks, with an
exemption, as narrow as it goes, for each of our requests that they would take for one.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from chalicelib.functions.stripe_webhook import PATH as WEBHOOK_PATH
from chalicelib.http import problems
from chalicelib.http.headers import ANY_ORIGIN, NO_STORE, SECURITY_HEADERS, cors_headers
from chalicelib.settings import HttpSettings
from infra.packaging.choices import HAS_FIREWALL, ONE_ORIGIN, chosen
from infra.packaging.documents import Document
from infra.packaging.domain import paths_seen
from infra.packaging.names import STAGE_ARN
from infra.throttling import ClientLimit

WEB_ACL: Final = "WebAcl"
_TOO_MANY: Final = "TooManyRequests"
# Events carry descriptions of 5,000 characters with markup, and are imported from files of 4 MB.
_LONG_AND_MARKED_UP: Final = "/api/admin/events"
_LABELS: Final = "awswaf:managed:aws:core-rule-set:"

# A custom response has ten headers at the most ("AWS WAF quotas"). This one says something of
# documents with scripts and frames only, and an error is none.
_LEFT_OUT: Final = "Permissions-Policy"
# The firewall knows no request id.
_NO_ID: Final = "firewall"


def firewall_resources(stage: str, client: ClientLimit) -> Document:
    """Return the firewall, and its place before the stage."""
    return {
        WEB_ACL: {
            "Type": "AWS::WAFv2::WebACL",
            "Condition": HAS_FIREWALL,
            "Properties": {
                "Description": "Before the API: a rate for each address, and known attacks",
                "Scope": "REGIONAL",
                "DefaultAction": {"Allow": {}},
                "CustomResponseBodies": {
                    _TOO_MANY: {"ContentType": "APPLICATION_JSON", "Content": _too_many_body()}
                },
                "Rules": [
                    {"Priority": number, **rule}
                    for number, rule in enumerate(_rules(stage, client))
                ],
                "VisibilityConfig": _metrics(WEB_ACL),
            },
        },
        f"{WEB_ACL}BeforeStage": {
            "Type": "AWS::WAFv2::WebACLAssociation",
            "Condition": HAS_FIREWALL,
            "Properties": {
                "ResourceArn": STAGE_ARN,
                "WebACLArn": {"Fn::GetAtt": [WEB_ACL, "Arn"]},
            },
        },
    }


def too_many_headers(origins: tuple[str, ...], seconds: int) -> dict[str, str]:
    """Return the headers of a 429, where the origins are known: `*`, one, or several.

    A fixed answer cannot repeat the asking origin. With several, every page may read it: there is
    nothing in it but a code and a sentence.
    """
    known = origins if len(origins) == 1 else ANY_ORIGIN
    cors = cors_headers(HttpSettings(known), known[0])
    cors.pop("Vary", None)
    security = {name: value for name, value in SECURITY_HEADERS.items() if name != _LEFT_OUT}
    return {**security, **NO_STORE, "Retry-After": str(seconds), **cors}


def _rules(stage: str, client: ClientLimit) -> list[Document]:
    may_be_long = _begins(stage, _LONG_AND_MARKED_UP)
    return [
        _rule(
            "Rate", _rate(stage, client), Action={"Block": {"CustomResponse": _too_many(client)}}
        ),
        # Of a webhook's truth its signature decides. What a buyer calls himself stands in it, and
        # must not keep Stripe's news of his payment from arriving.
        _managed(
            "Common",
            "AWSManagedRulesCommonRuleSet",
            _not(_is_path(stage, WEBHOOK_PATH)),
            # These two only mark what they find; the next two rules refuse it where it is not due.
            "SizeRestrictions_BODY",
            "CrossSiteScripting_BODY",
        ),
        _refusing("LongBodies", f"{_LABELS}SizeRestrictions_Body", may_be_long),
        _refusing("MarkupInBodies", f"{_LABELS}CrossSiteScripting_Body", may_be_long),
        _managed(
            "KnownBadInputs",
            "AWSManagedRulesKnownBadInputsRuleSet",
            _not(_is_path(stage, WEBHOOK_PATH)),
        ),
    ]


def _rate(stage: str, client: ClientLimit) -> Document:
    exempt = _any_of(*(_is_path(stage, path) for path in client.exempt))
    return {
        "RateBasedStatement": {
            "Limit": client.requests,
            "EvaluationWindowSec": client.seconds,
            "AggregateKeyType": "IP",
            "ScopeDownStatement": _not(exempt),
        }
    }


def _too_many(client: ClientLimit) -> Document:
    any_origin = too_many_headers(ANY_ORIGIN, client.seconds)
    return {
        "ResponseCode": problems.RATE_LIMITED.status.value,
        "CustomResponseBodyKey": _TOO_MANY,
        "ResponseHeaders": [
            {"Name": name, "Value": _origin(value) if _is_the_origin(name) else value}
            for name, value in any_origin.items()
        ],
    }


def _is_the_origin(name: str) -> bool:
    return name == "Access-Control-Allow-Origin"


def _origin(value: str) -> object:
    return chosen(ONE_ORIGIN, {"Ref": "CorsOrigins"}, value)


def _too_many_body() -> str:
    message = "too many requests from this address"
    return json.dumps(problems.problem_body(problems.RATE_LIMITED, message, _NO_ID))


def _managed(name: str, group: str, where: Document, *counted: str) -> Document:
    statement: dict[str, Any] = {
        "VendorName": "AWS",
        "Name": group,
        "ScopeDownStatement": where,
    }
    if counted:
        statement["RuleActionOverrides"] = [
            {"Name": rule, "ActionToUse": {"Count": {}}} for rule in counted
        ]
    return _rule(name, {"ManagedRuleGroupStatement": statement}, OverrideAction={"None": {}})


def _refusing(name: str, label: str, exempt: Document) -> Document:
    """Refuse what a managed rule has marked, except where it is due."""
    marked = {"LabelMatchStatement": {"Scope": "LABEL", "Key": label}}
    return _rule(
        name,
        {"AndStatement": {"Statements": [marked, _not(exempt)]}},
        Action={"Block": {}},
    )


def _rule(name: str, statement: Mapping[str, Any], **action: Mapping[str, Any]) -> Document:
    return {"Name": name, "Statement": statement, **action, "VisibilityConfig": _metrics(name)}


def _metrics(name: str) -> Document:
    return {
        "CloudWatchMetricsEnabled": True,
        "MetricName": {"Fn::Sub": f"${{AWS::StackName}}-{name}"},
        # A sample is a whole request: tokens, ticket codes, addresses.
        "SampledRequestsEnabled": False,
    }


def _is_path(stage: str, path: str) -> Document:
    return _any_of(*(_path(seen, "EXACTLY") for seen in paths_seen(stage, path)))


def _begins(stage: str, path: str) -> Document:
    return _any_of(*(_path(seen, "STARTS_WITH") for seen in paths_seen(stage, path)))


def _path(text: object, constraint: str) -> Document:
    """Match a path as it was sent: another way to write it is no exemption."""
    return {
        "ByteMatchStatement": {
            "FieldToMatch": {"UriPath": {}},
            "SearchString": text,
            "PositionalConstraint": constraint,
            "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
        }
    }


def _any_of(*statements: Document) -> Document:
    """Return a statement that matches where any does; WAF takes no list of one."""
    if len(statements) == 1:
        return statements[0]
    return {"OrStatement": {"Statements": list(statements)}}


def _not(statement: Document) -> Document:
    return {"NotStatement": {"Statement": statement}}
