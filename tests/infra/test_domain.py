"""A domain of the API's own: where it leads, what it takes, and what the outputs say then."""

import re
from typing import Any

import pytest

from chalicelib.functions.stripe_webhook import PATH as WEBHOOK
from tests.infra.conftest import CHOSEN
from tests.infra.filled_in import FilledIn
from tests.support.lambda_api import LambdaApi

DOMAIN = {
    "DomainName": "api.shop.example",
    "CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/0a1b",
}
BELOW = {**DOMAIN, "DomainBasePath": "v1"}
ZONE = {**DOMAIN, "HostedZoneId": "Z0123456789ABC"}


def filled(stack: dict[str, Any], **parameters: str) -> FilledIn:
    return FilledIn(stack, {**CHOSEN, **parameters})


def test_without_a_domain_there_is_nothing_of_one(stack: dict[str, Any]) -> None:
    for kind in ("ApiGateway::DomainName", "ApiGateway::BasePathMapping", "Route53::RecordSet"):
        assert filled(stack).resources(f"AWS::{kind}") == {}


def test_a_domain_leads_to_the_only_stage_over_current_tls(stack: dict[str, Any]) -> None:
    found = filled(stack, **DOMAIN)
    assert found.one("AWS::ApiGateway::DomainName") == {
        "DomainName": DOMAIN["DomainName"],
        "RegionalCertificateArn": DOMAIN["CertificateArn"],
        "EndpointConfiguration": {"Types": ["REGIONAL"]},
        "SecurityPolicy": "TLS_1_2",
    }
    (stage,) = found.resources("AWS::ApiGateway::Stage")
    assert found.one("AWS::ApiGateway::BasePathMapping") == {
        "DomainName": "<ApiDomain>",
        "RestApiId": "<RestAPI>",
        "Stage": f"<{stage}>",
    }
    assert found.resources("AWS::Route53::RecordSet") == {}


def test_a_base_path_is_mapped(stack: dict[str, Any]) -> None:
    found = filled(stack, **BELOW).one("AWS::ApiGateway::BasePathMapping")
    assert found["BasePath"] == "v1"


def test_a_hosted_zone_gets_the_domains_record(stack: dict[str, Any]) -> None:
    assert filled(stack, **ZONE).one("AWS::Route53::RecordSet") == {
        "HostedZoneId": ZONE["HostedZoneId"],
        "Name": DOMAIN["DomainName"],
        "Type": "A",
        "AliasTarget": {
            "DNSName": "<ApiDomain.RegionalDomainName>",
            "HostedZoneId": "<ApiDomain.RegionalHostedZoneId>",
        },
    }


@pytest.mark.parametrize(
    ("parameters", "base"),
    [
        ({}, "https://<RestAPI>.execute-api.eu-central-1.amazonaws.com/{stage}"),
        (DOMAIN, "https://api.shop.example"),
        (BELOW, "https://api.shop.example/v1"),
    ],
    ids=["stage", "domain", "base path"],
)
def test_the_outputs_say_where_clients_and_stripe_find_it(
    stack: dict[str, Any], stage: str, parameters: dict[str, str], base: str
) -> None:
    found = filled(stack, **parameters)
    assert found.output("EndpointURL") == f"{base.format(stage=stage)}/"
    assert found.output("WebhookURL") == f"{base.format(stage=stage)}{WEBHOOK}"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"DomainName": "api.shop.example"}, "a domain needs the ARN of its certificate"),
        ({"DomainBasePath": "v1"}, "a base path is a domain's"),
        ({"HostedZoneId": "Z1"}, "a hosted zone gets a domain's record"),
    ],
)
def test_what_must_go_together_is_checked_before_anything_is_made(
    stack: dict[str, Any], parameters: dict[str, str], message: str
) -> None:
    assert filled(stack, **parameters).refusals() == [message]


@pytest.mark.parametrize("parameters", [{}, DOMAIN, {**BELOW, **ZONE}])
def test_what_goes_together_is_taken(stack: dict[str, Any], parameters: dict[str, str]) -> None:
    assert filled(stack, **parameters).refusals() == []


@pytest.mark.parametrize(
    ("parameter", "taken", "refused"),
    [
        ("DomainName", ["", "api.example.org"], ["https://api.example.org", "API.example", "api"]),
        (
            "CertificateArn",
            ["", DOMAIN["CertificateArn"]],
            ["certificate", "arn:aws:iam::1:role/a"],
        ),
        ("DomainBasePath", ["", "v1", "shop_2"], ["/v1", "a/b", "v1/"]),
        ("HostedZoneId", ["", "Z0123456789ABC"], ["/hostedzone/Z1", "example.org"]),
        (
            "GatewayLogsRoleArn",
            ["", "arn:aws:iam::123456789012:role/a/b"],
            ["a", "arn:aws:iam::1:"],
        ),
    ],
)
def test_a_parameter_refuses_what_aws_would(
    stack: dict[str, Any], parameter: str, taken: list[str], refused: list[str]
) -> None:
    pattern = re.compile(stack["Parameters"][parameter]["AllowedPattern"])
    assert all(pattern.fullmatch(value) for value in taken)
    assert not any(pattern.fullmatch(value) for value in refused)


def test_the_documentation_page_works_below_any_prefix(api: LambdaApi) -> None:
    """Nothing in it begins at the host's root, where another program may be."""
    page = api.get("/api/docs").text
    addresses = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert addresses
    assert not [address for address in addresses if address.startswith(("/", "http"))]
    (server,) = api.get("/api/openapi.json").json["servers"]
    assert not server["url"].startswith("/")
