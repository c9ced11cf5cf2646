"""What a deployment decides of the stack around the functions: CloudFormation parameters that no
function reads, what must go together, and the conditions that follow from them.
"""

import sys

from infra.packaging.documents import Document

RELEASE = "Release"
DOMAIN = "DomainName"
CERTIFICATE = "CertificateArn"
BASE_PATH = "DomainBasePath"
HOSTED_ZONE = "HostedZoneId"
FIREWALL = "Firewall"
SHIFT = "Shift"
GRADUAL = "gradual"
AT_ONCE = "at-once"
METHOD_METRICS = "MethodMetrics"
SNAP_START = "SnapStart"
SECRETS_KEY = "SecretsKeyArn"
GATEWAY_LOGS_ROLE = "GatewayLogsRoleArn"

# Conditions.
ANY_ORIGIN = "AnyOrigin"
ONE_ORIGIN = "OneOrigin"
HAS_DOMAIN = "HasDomain"
HAS_BASE_PATH = "HasBasePath"
HAS_HOSTED_ZONE = "HasHostedZone"
HAS_FIREWALL = "HasFirewall"
SHIFTS_AT_ONCE = "ShiftsAtOnce"
HAS_METHOD_METRICS = "HasMethodMetrics"
HAS_SNAP_START = "HasSnapStart"
HAS_SECRETS_KEY = "HasSecretsKey"
MAKES_GATEWAY_LOGS_ROLE = "MakesGatewayLogsRole"

_FIRST_WITH_SNAPSHOTS = (3, 12)
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_ORIGINS = {"Ref": "CorsOrigins"}


def choices() -> Document:
    """Return the parameters, as the template's `Parameters` has them."""
    return {
        RELEASE: _parameter(
            "What this deployment is, in hexadecimal: a digest of the zip and of every other "
            "parameter, or a commit. With the same one again, functions go on as they are",
            "[0-9a-f]{10,64}",
            default=None,
        ),
        DOMAIN: _parameter(
            "A domain of the API's own, such as api.example.org; empty for none",
            rf"({_LABEL}(\.{_LABEL})+)?",
        ),
        CERTIFICATE: _parameter(
            "The ACM certificate of that domain, in this region",
            r"(arn:[a-z-]+:acm:[a-z0-9-]+:\d{12}:certificate/[A-Za-z0-9-]+)?",
        ),
        BASE_PATH: _parameter(
            "The path below which the domain has the API, such as v1; empty for the domain's root",
            "[A-Za-z0-9_-]*",
        ),
        HOSTED_ZONE: _parameter(
            "The Route 53 zone that gets the domain's record; empty where DNS is elsewhere",
            "[A-Z0-9]*",
        ),
        FIREWALL: _switch("Whether AWS WAF stands before the API; it costs about 10 USD a month"),
        METHOD_METRICS: _switch(
            "Whether CloudWatch has metrics of each method besides those of the stage; CloudWatch "
            "asks for each metric that gets data",
            default="off",
        ),
        **_snapshots(),
        SECRETS_KEY: _parameter(
            "The KMS key of your own that the secrets in SSM are encrypted with; empty for AWS's",
            r"(arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+)?",
        ),
        GATEWAY_LOGS_ROLE: _parameter(
            "The role that API Gateway writes logs as, if the account has set one in this region: "
            "it is one for all APIs. Empty to have it made; it outlives the stack",
            r"(arn:[a-z-]+:iam::\d{12}:role/[\w+=,.@/-]+)?",
        ),
    }


def rules() -> Document:
    """Return what CloudFormation checks of the parameters before it does anything."""
    return {
        "DomainsNeedACertificate": _needs(
            DOMAIN, CERTIFICATE, "a domain needs the ARN of its certificate"
        ),
        "BasePathsNeedADomain": _needs(BASE_PATH, DOMAIN, "a base path is a domain's"),
        "RecordsNeedADomain": _needs(HOSTED_ZONE, DOMAIN, "a hosted zone gets a domain's record"),
    }


def conditions() -> Document:
    """Return the conditions, as the template's `Conditions` has them."""
    return {
        ANY_ORIGIN: {"Fn::Equals": [_ORIGINS, "*"]},
        # One origin is a list without a comma.
        ONE_ORIGIN: {
            "Fn::And": [
                {"Fn::Not": [{"Condition": ANY_ORIGIN}]},
                {"Fn::Equals": [{"Fn::Join": ["", {"Fn::Split": [",", _ORIGINS]}]}, _ORIGINS]},
            ]
        },
        HAS_DOMAIN: _is_given(DOMAIN),
        HAS_BASE_PATH: _is_given(BASE_PATH),
        HAS_HOSTED_ZONE: _is_given(HOSTED_ZONE),
        HAS_FIREWALL: _is_on(FIREWALL),
        HAS_METHOD_METRICS: _is_on(METHOD_METRICS),
        **({HAS_SNAP_START: _is_on(SNAP_START)} if snapshots_are_possible() else {}),
        HAS_SECRETS_KEY: _is_given(SECRETS_KEY),
        MAKES_GATEWAY_LOGS_ROLE: {"Fn::Equals": [{"Ref": GATEWAY_LOGS_ROLE}, ""]},
    }


def snapshots_are_possible() -> bool:
    """Tell whether functions of the Python that packages can start from snapshots ("Improving
    startup performance with Lambda SnapStart": Python 3.12 and later).
    """
    return sys.version_info[:2] >= _FIRST_WITH_SNAPSHOTS


def chosen(condition: str, then: object, otherwise: object) -> object:
    """Return a value that depends on a condition, or what it is either way."""
    return then if then == otherwise else {"Fn::If": [condition, then, otherwise]}


def _parameter(description: str, pattern: str, default: str | None = "") -> Document:
    declared = {"Type": "String", "Description": description, "AllowedPattern": f"^{pattern}$"}
    return declared if default is None else {**declared, "Default": default}


def _switch(description: str, default: str = "on") -> Document:
    return {
        "Type": "String",
        "Description": description,
        "AllowedValues": ["on", "off"],
        "Default": default,
    }


def _snapshots() -> Document:
    """Return the parameter that asks for snapshots, where functions can start from some."""
    if not snapshots_are_possible():
        return {}
    return {
        SNAP_START: _switch(
            "Whether the API and the webhook start from snapshots; AWS asks for each that is kept, "
            "also while nobody comes",
            default="off",
        )
    }


def _is_on(parameter: str) -> Document:
    return {"Fn::Equals": [{"Ref": parameter}, "on"]}


def _is_given(parameter: str) -> Document:
    return {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]}


def _needs(parameter: str, other: str, message: str) -> Document:
    return {
        "RuleCondition": _is_given(parameter),
        "Assertions": [{"Assert": _is_given(other), "AssertDescription": message}],
    }
