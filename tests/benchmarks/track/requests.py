"""What API Gateway hands a function for a browser's request, and to a TOKEN authorizer: made by the
local gateway's own code, with the headers that a browser and CloudFront send.
"""

import json
from typing import Any
from urllib.parse import urlsplit

from infra.local.gateway.config import GatewayConfig
from infra.local.gateway.events import (
    method_arn,
    proxy_event,
    request_context,
    token_event,
)
from infra.local.gateway.incoming import IncomingRequest
from infra.local.gateway.routing import Route, Router

# Each contender's users deploy the resources that it routes by: one for each path, or one for all.
OWN_RESOURCES = ("/api/events", "/api/events/{slug}", "/api/payments/checkout")
PROXY_RESOURCE = ("/{proxy+}",)
_WEBHOOK = Route("/api/payments/webhook", {})
_CONFIG = GatewayConfig(stage="prod", api_id="a1b2c3d4e5")
_BROWSER = (
    ("Accept", "application/json, text/plain, */*"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-GB,en;q=0.9,de;q=0.8"),
    ("Cache-Control", "no-cache"),
    ("CloudFront-Forwarded-Proto", "https"),
    ("CloudFront-Is-Desktop-Viewer", "true"),
    ("CloudFront-Is-Mobile-Viewer", "false"),
    ("CloudFront-Is-SmartTV-Viewer", "false"),
    ("CloudFront-Is-Tablet-Viewer", "false"),
    ("CloudFront-Viewer-Country", "GB"),
    ("Host", "api.events.example"),
    ("Origin", "https://events.example"),
    ("Referer", "https://events.example/"),
    ("sec-ch-ua", '"Chromium";v="140", "Not=A?Brand";v="24"'),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", '"macOS"'),
    ("Sec-Fetch-Dest", "empty"),
    ("Sec-Fetch-Mode", "cors"),
    ("Sec-Fetch-Site", "same-site"),
    (
        "User-Agent",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/140.0.0.0",
    ),
    ("Via", "2.0 0123456789abcdef0123456789abcdef.cloudfront.net (CloudFront)"),
    ("X-Amz-Cf-Id", "made-up-request-id-of-cloudfront-made-up-request-id=="),
)
_JSON = ("Content-Type", "application/json")


def page_request(url: str, resources: tuple[str, ...]) -> bytes:
    """Return the event of a browser's GET."""
    return _encoded(_request("GET", url), resources)


def json_request(url: str, body: Any, resources: tuple[str, ...]) -> bytes:
    """Return the event of a browser's POST of JSON."""
    return _encoded(_request("POST", url, (_JSON,)), resources, json.dumps(body).encode())


def webhook_request(body: bytes, signature: str) -> bytes:
    """Return the event of a delivery of Stripe's."""
    headers = (
        ("Accept", "*/*; q=0.5, application/xml"),
        ("Cache-Control", "no-cache"),
        ("Content-Type", "application/json; charset=utf-8"),
        ("Host", "api.events.example"),
        ("Stripe-Signature", signature),
        ("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)"),
    )
    request = IncomingRequest("POST", _WEBHOOK.resource, "", headers, scheme="https")
    return _proxied(request, _WEBHOOK, body)


def token_request(token: str) -> bytes:
    """Return what a TOKEN authorizer is asked."""
    request = _request("GET", "/api/auth/me")
    return json.dumps(token_event(f"Bearer {token}", method_arn(request, _CONFIG))).encode()


def _request(method: str, url: str, headers: tuple[tuple[str, str], ...] = ()) -> IncomingRequest:
    parts = urlsplit(url)
    return IncomingRequest(
        method,
        parts.path,
        parts.query,
        (*_BROWSER, *headers),
        scheme="https",
        source_ip="203.0.113.7",
        server_port=443,
    )


def _encoded(request: IncomingRequest, resources: tuple[str, ...], body: bytes = b"") -> bytes:
    route = Router(resources).match(request.raw_path)
    assert route is not None
    return _proxied(request, route, body)


def _proxied(request: IncomingRequest, route: Route, body: bytes) -> bytes:
    context = {
        **request_context(request, _CONFIG),
        "resourcePath": route.resource,
        "resourceId": "abc123",
    }
    return json.dumps(proxy_event(request, route, context, body, ())).encode()
