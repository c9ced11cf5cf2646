"""The firewall before the stage: what it counts, what it refuses, and what it lets by."""

import json
from typing import Any

import pytest

from chalicelib.functions.stripe_webhook import PATH as WEBHOOK
from chalicelib.http import problems
from chalicelib.http.headers import ANY_ORIGIN, NO_STORE, SECURITY_HEADERS
from infra.packaging.firewall import too_many_headers
from infra.packaging.stages import stage_setting
from infra.throttling import read_throttling
from tests.infra.conftest import CHOSEN
from tests.infra.filled_in import FilledIn
from tests.infra.waf import looks_at, matches

Rules = dict[str, dict[str, Any]]

IMPORT = "/api/admin/events/import"
CHECKOUT = "/api/payments/checkout"
LONG = "awswaf:managed:aws:core-rule-set:SizeRestrictions_Body"
MARKED_UP = "awswaf:managed:aws:core-rule-set:CrossSiteScripting_Body"
DOMAIN = {"DomainName": "api.shop.example", "CertificateArn": "arn:aws:acm:x"}
# Where a path of the API begins: at the stage's own address, at a domain, below its base path.
WAYS = {
    "stage": {},
    "domain": DOMAIN,
    "base path": {**DOMAIN, "DomainBasePath": "v1"},
}


def web_acl(stack: dict[str, Any], **parameters: str) -> dict[str, Any]:
    return FilledIn(stack, {**CHOSEN, **parameters}).one("AWS::WAFv2::WebACL")


def rules(stack: dict[str, Any], **parameters: str) -> Rules:
    return {rule["Name"]: rule for rule in web_acl(stack, **parameters)["Rules"]}


def seen(way: str, path: str, stage: str) -> str:
    """A path as the firewall sees it, with what stands before it."""
    prefix = {"stage": f"/{stage_setting(stage, 'api_gateway_stage')}", "base path": "/v1"}
    return prefix.get(way, "") + path


def custom_response(stack: dict[str, Any], **parameters: str) -> tuple[Any, dict[str, str], Any]:
    """Status, headers and body of what an address is told that asks too much."""
    acl = web_acl(stack, **parameters)
    (rate,) = (rule for rule in acl["Rules"] if rule["Name"] == "Rate")
    response = rate["Action"]["Block"]["CustomResponse"]
    headers = {item["Name"]: item["Value"] for item in response["ResponseHeaders"]}
    body = acl["CustomResponseBodies"][response["CustomResponseBodyKey"]]
    assert body["ContentType"] == "APPLICATION_JSON"
    return response["ResponseCode"], headers, json.loads(body["Content"])


def test_it_stands_before_the_only_stage(stack: dict[str, Any]) -> None:
    filled = FilledIn(stack, CHOSEN)
    (stage,) = filled.resources("AWS::ApiGateway::Stage")
    place = filled.one("AWS::WAFv2::WebACLAssociation")
    assert place["WebACLArn"] == "<WebAcl.Arn>"
    # The reference makes CloudFormation wait for the stage.
    assert place["ResourceArn"] == (
        f"arn:aws:apigateway:eu-central-1::/restapis/<RestAPI>/stages/<{stage}>"
    )
    assert filled.one("AWS::WAFv2::WebACL")["Scope"] == "REGIONAL"


def test_an_address_has_the_requests_of_the_file(stack: dict[str, Any]) -> None:
    client = read_throttling().client
    statement = rules(stack)["Rate"]["Statement"]["RateBasedStatement"]
    assert (
        statement["Limit"],
        statement["EvaluationWindowSec"],
        statement["AggregateKeyType"],
    ) == (
        client.requests,
        client.seconds,
        "IP",
    )
    assert (client.requests, client.seconds) == (100, 60)


@pytest.mark.parametrize("way", WAYS)
def test_every_path_counts_but_the_webhooks(stack: dict[str, Any], stage: str, way: str) -> None:
    rate = rules(stack, **WAYS[way])["Rate"]
    assert read_throttling().client.exempt == (WEBHOOK,)
    assert not looks_at(rate, seen(way, WEBHOOK, stage))
    for path in (CHECKOUT, "/", "/api/docs", f"{WEBHOOK}/", f"{WEBHOOK}x", f"/api/events{WEBHOOK}"):
        assert looks_at(rate, seen(way, path, stage)), path


@pytest.mark.parametrize("disguise", ["/api/payments/Webhook", "/api/payments/%77ebhook", "//api"])
def test_another_way_to_write_the_webhooks_path_is_no_exemption(
    stack: dict[str, Any], stage: str, disguise: str
) -> None:
    for rule in rules(stack).values():
        if "LabelMatch" not in json.dumps(rule):
            assert looks_at(rule, seen("stage", disguise, stage))


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("Common", "AWSManagedRulesCommonRuleSet"),
        ("KnownBadInputs", "AWSManagedRulesKnownBadInputsRuleSet"),
    ],
)
@pytest.mark.parametrize("way", WAYS)
def test_awss_lists_are_asked_of_everything_but_stripes_signed_news(
    stack: dict[str, Any], stage: str, way: str, name: str, group: str
) -> None:
    rule = rules(stack, **WAYS[way])[name]
    statement = rule["Statement"]["ManagedRuleGroupStatement"]
    assert (statement["VendorName"], statement["Name"]) == ("AWS", group)
    assert rule["OverrideAction"] == {"None": {}}
    assert not looks_at(rule, seen(way, WEBHOOK, stage))
    for path in (CHECKOUT, IMPORT, "/"):
        assert looks_at(rule, seen(way, path, stage))


def test_only_what_is_looked_at_again_is_counted_and_not_refused(stack: dict[str, Any]) -> None:
    overridden = {
        item["Name"]: item["ActionToUse"]
        for rule in rules(stack).values()
        for item in rule["Statement"]
        .get("ManagedRuleGroupStatement", {})
        .get("RuleActionOverrides", ())
    }
    assert overridden == {
        "SizeRestrictions_BODY": {"Count": {}},
        "CrossSiteScripting_BODY": {"Count": {}},
    }


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "label"), [("LongBodies", LONG), ("MarkupInBodies", MARKED_UP)])
def test_events_may_be_long_and_marked_up_and_nothing_else(
    stack: dict[str, Any], stage: str, way: str, name: str, label: str
) -> None:
    rule = rules(stack, **WAYS[way])[name]
    assert rule["Action"] == {"Block": {}}
    for path in ("/api/admin/events", "/api/admin/events/tech-conference", IMPORT):
        assert not matches(rule["Statement"], seen(way, path, stage), {label}), path
    for path in (CHECKOUT, "/api/admin/cities", "/api/admin/orders/1/refund", f"/x{IMPORT}"):
        assert matches(rule["Statement"], seen(way, path, stage), {label}), path
        assert not matches(rule["Statement"], seen(way, path, stage)), path


def test_marks_are_looked_at_after_they_are_made(stack: dict[str, Any]) -> None:
    order = {name: rule["Priority"] for name, rule in rules(stack).items()}
    assert order["Common"] < order["LongBodies"]
    assert order["Common"] < order["MarkupInBodies"]
    assert len(set(order.values())) == len(order)


def test_who_asks_too_much_is_told_as_the_contract_says(stack: dict[str, Any]) -> None:
    status, headers, body = custom_response(stack)
    assert status == problems.RATE_LIMITED.status
    assert list(body) == ["statusCode", "error", "code", "message", "requestId"]
    assert (body["statusCode"], body["code"]) == (429, "RATE_LIMITED")
    assert headers["Retry-After"] == "60"
    assert NO_STORE.items() <= headers.items()
    # WAF takes ten headers; a policy for documents is what an error can do without.
    assert len(headers) <= 10
    assert {name for name in SECURITY_HEADERS if name not in headers} == {"Permissions-Policy"}
    assert all(
        SECURITY_HEADERS[name] == headers[name] for name in SECURITY_HEADERS if name in headers
    )
    assert all(len(name) <= 64 and len(value) <= 255 for name, value in headers.items())


@pytest.mark.parametrize(
    ("origins", "told"),
    [
        ("*", "*"),
        ("https://a.example", "https://a.example"),
        ("https://a.example, https://b.example", "*"),
    ],
)
def test_pages_may_read_when_to_come_back(stack: dict[str, Any], origins: str, told: str) -> None:
    _, headers, _ = custom_response(stack, CorsOrigins=origins)
    assert headers["Access-Control-Allow-Origin"] == told
    assert "Retry-After" in headers["Access-Control-Expose-Headers"]
    listed = tuple(origin.strip() for origin in origins.split(","))
    assert headers == too_many_headers(listed, 60)
    assert too_many_headers(ANY_ORIGIN, 60)["Access-Control-Allow-Origin"] == "*"


def test_every_rule_is_measured_and_no_request_is_kept(stack: dict[str, Any]) -> None:
    acl = web_acl(stack)
    found = [acl["VisibilityConfig"], *(rule["VisibilityConfig"] for rule in acl["Rules"])]
    assert all(item["CloudWatchMetricsEnabled"] for item in found)
    assert not any(item["SampledRequestsEnabled"] for item in found)
    names = [item["MetricName"] for item in found]
    assert len(set(names)) == len(names) == 6


def test_it_can_be_left_out(stack: dict[str, Any]) -> None:
    filled = FilledIn(stack, {**CHOSEN, "Firewall": "off"})
    assert filled.resources("AWS::WAFv2::WebACL") == {}
    assert filled.resources("AWS::WAFv2::WebACLAssociation") == {}
