"""Where the API is: a domain of its own where the deployment gives one, and the address of the
stage. Both lead to the same stage, and so through the same throttles and the same firewall.
"""

from infra.packaging.choices import (
    BASE_PATH,
    CERTIFICATE,
    DOMAIN,
    HAS_BASE_PATH,
    HAS_DOMAIN,
    HAS_HOSTED_ZONE,
    HOSTED_ZONE,
    chosen,
)
from infra.packaging.documents import Document
from infra.packaging.names import REST_API, STAGE_NAME
from infra.packaging.stages import stage_setting

_NAME = "ApiDomain"


def domain_resources() -> Document:
    """Return the domain, what it leads to, and its record where Route 53 has its zone."""
    return {
        _NAME: {
            "Type": "AWS::ApiGateway::DomainName",
            "Condition": HAS_DOMAIN,
            "Properties": {
                "DomainName": {"Ref": DOMAIN},
                "RegionalCertificateArn": {"Ref": CERTIFICATE},
                "EndpointConfiguration": {"Types": ["REGIONAL"]},
                "SecurityPolicy": "TLS_1_2",
            },
        },
        f"{_NAME}Mapping": {
            "Type": "AWS::ApiGateway::BasePathMapping",
            "Condition": HAS_DOMAIN,
            "Properties": {
                "DomainName": {"Ref": _NAME},
                "BasePath": chosen(HAS_BASE_PATH, {"Ref": BASE_PATH}, {"Ref": "AWS::NoValue"}),
                "RestApiId": {"Ref": REST_API},
                "Stage": STAGE_NAME,
            },
        },
        f"{_NAME}Record": {
            "Type": "AWS::Route53::RecordSet",
            "Condition": HAS_HOSTED_ZONE,
            "Properties": {
                "HostedZoneId": {"Ref": HOSTED_ZONE},
                "Name": {"Ref": DOMAIN},
                "Type": "A",
                "AliasTarget": {
                    "DNSName": {"Fn::GetAtt": [_NAME, "RegionalDomainName"]},
                    "HostedZoneId": {"Fn::GetAtt": [_NAME, "RegionalHostedZoneId"]},
                },
            },
        },
    }


def address(stage: str, path: str) -> Document:
    """Return where a path is for clients: at the domain, or at the stage where there is none.

    The value is a list under `Fn::Sub`, which a merge puts in place of the string of Chalice's own
    output.
    """
    own = chosen(
        HAS_BASE_PATH,
        {"Fn::Sub": f"https://${{{DOMAIN}}}/${{{BASE_PATH}}}"},
        {"Fn::Sub": f"https://${{{DOMAIN}}}"},
    )
    host = f"https://${{{REST_API}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}"
    stages = {"Fn::Sub": f"{host}/{stage_setting(stage, 'api_gateway_stage')}"}
    return {"Fn::Sub": [f"${{Api}}{path}", {"Api": chosen(HAS_DOMAIN, own, stages)}]}


def paths_seen(stage: str, path: str) -> tuple[object, object]:
    """Return how a path of the API begins in requests: behind the stage's name, or at the domain.

    Where there is no domain the second leads nowhere.
    """
    at_domain = chosen(HAS_BASE_PATH, {"Fn::Sub": f"/${{{BASE_PATH}}}{path}"}, path)
    return f"/{stage_setting(stage, 'api_gateway_stage')}{path}", at_domain
