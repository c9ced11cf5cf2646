"""What the contract promises of every answer, as checks that name what is missing."""

from typing import Any

from tests.support.lambda_api import Answer

SECURITY_HEADERS = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    412: "Precondition Failed",
    413: "Content Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}
STATUSES = {
    "VALIDATION_ERROR": 400,
    "PRICE_MISMATCH": 400,
    "INVALID_SESSION": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "CONFLICT": 409,
    "PRECONDITION_FAILED": 412,
    "SOLD_OUT": 409,
    "SALES_CLOSED": 409,
    "PAYLOAD_TOO_LARGE": 413,
    "INTERNAL_ERROR": 500,
    "PAYMENT_PROVIDER_ERROR": 502,
    "UNAVAILABLE": 503,
}
EVENT_KEYS = [
    "id",
    "name",
    "slug",
    "city",
    "citySlug",
    "location",
    "date",
    "organizerName",
    "imageUrl",
    "alt",
    "description",
    "price",
    "currency",
    "status",
    "capacity",
    "createdAt",
    "updatedAt",
]
CITY_KEYS = [
    "id",
    "name",
    "slug",
    "country",
    "imageUrl",
    "alt",
    "createdAt",
    "updatedAt",
    "city",
    "citySlug",
    "url",
]


def check_common_headers(answer: Answer) -> None:
    """Check what is on every response, with CORS open to all."""
    wanted = {
        **SECURITY_HEADERS,
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "ETag, X-Request-Id, Retry-After, Location, X-Next-Cursor",
        "x-request-id": "req-1",
    }
    if answer.headers.get("content-type", "").startswith("text/html"):
        # A page has a policy of its own, as narrow but for what it shows.
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert policy.endswith("; frame-ancestors 'none'")
        assert "unsafe" not in policy
        wanted["content-security-policy"] = policy
    assert {name: answer.headers.get(name) for name in wanted} == wanted
    assert answer.headers["permissions-policy"]
    assert answer.headers["cross-origin-opener-policy"]
    assert answer.headers["cache-control"]


def problem(answer: Answer, code: str) -> dict[str, Any]:
    """Check that the answer is this error in the contract's one shape; return its body."""
    body: dict[str, Any] = answer.json
    assert (answer.status, body.get("code")) == (STATUSES[code], code), answer.text
    check_common_headers(answer)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    keys = ["statusCode", "error", "code", "message", "requestId"]
    if code == "VALIDATION_ERROR":
        keys.insert(4, "details")
        _check_details(body)
    if code == "CONFLICT" and "checkIn" in body:
        keys.insert(4, "checkIn")
    assert list(body) == keys
    assert body["statusCode"] == answer.status
    assert body["error"] == REASONS[answer.status]
    assert body["requestId"] == answer.headers["x-request-id"]
    assert body["message"]
    return body


def _check_details(body: dict[str, Any]) -> None:
    details = body["details"]
    assert details
    for detail in details:
        assert list(detail) == ["field", "message", "type"]
        assert all(isinstance(value, str) for value in detail.values())
    first = details[0]
    field = f"{first['field']}: " if first["field"] else ""
    assert body["message"] == f"{field}{first['message']}"


def refused_field(answer: Answer) -> tuple[str, str, str]:
    """Check that the answer refuses exactly one field; return its name, message and type."""
    (detail,) = problem(answer, "VALIDATION_ERROR")["details"]
    return detail["field"], detail["message"], detail["type"]
