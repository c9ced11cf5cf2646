"""The floor: a bare handler on botocore. What is not needed to answer is not there."""

import base64
import json
import os
import re
import time
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import get_session

_TABLE = os.environ["TABLE"]
_ALLOWED_ORIGINS = tuple(os.environ["CHECKOUT_ALLOWED_ORIGINS"].split(","))
_dynamodb = get_session().create_client(
    "dynamodb",
    config=Config(
        connect_timeout=1,
        read_timeout=2,
        retries={"mode": "standard", "total_max_attempts": 2},
        tcp_keepalive=True,
    ),
)
_TEXTS = (
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
    "currency",
    "status",
    "createdAt",
    "updatedAt",
)
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HEADERS = {"Content-Type": "application/json", "Access-Control-Allow-Origin": "*"}
_HOLD = timedelta(minutes=31)
_MOST_TICKETS = 10
_FAILED_CONDITION = "ConditionalCheckFailed"


class Refused(Exception):
    """What a client is told, with a status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer a request of API Gateway's proxy integration."""
    route = _ROUTES.get((event["httpMethod"], event["resource"]), _no_such_path)
    try:
        status, answer = route(event)
    except Refused as refused:
        status, answer = refused.status, {"message": str(refused)}
    return {
        "statusCode": status,
        "headers": _HEADERS,
        "body": json.dumps(answer, ensure_ascii=False, separators=(",", ":")),
    }


def _no_such_path(_event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return 404, {"message": "no such path"}


def _get_event(event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    item = _read(event["pathParameters"]["slug"])
    if item is None or item["status"]["S"] != "published":
        raise Refused(404, "no such event")
    return 200, {**_shown(item), "available": _available(item)}


def _list_events(event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    query = event["queryStringParameters"] or {}
    limit = int(query.get("limit", 50))
    more: dict[str, Any] = {}
    if "cursor" in query:
        more["ExclusiveStartKey"] = json.loads(base64.urlsafe_b64decode(query["cursor"]))
    totals = _dynamodb.get_item(TableName=_TABLE, Key=_key("TOTALS", "EVENTS"))["Item"]
    page = _dynamodb.query(
        TableName=_TABLE,
        IndexName="gsi1",
        KeyConditionExpression="gsi1pk = :events",
        ExpressionAttributeValues={":events": {"S": "EVENTS#published"}},
        ScanIndexForward=query.get("sortOrder") == "asc",
        Limit=limit,
        **more,
    )
    last = page.get("LastEvaluatedKey")
    cursor = last and base64.urlsafe_b64encode(json.dumps(last).encode()).decode()
    return 200, {
        "count": int(totals["published"]["N"]),
        "events": [_shown(item) for item in page["Items"]],
        "pagination": {"limit": limit, "offset": 0, "hasMore": bool(last), "nextCursor": cursor},
    }


def _start_checkout(event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    # Most requests are for pages; they do not wait for the SDK.
    import stripe

    asked = _read_checkout(event["body"])
    now = datetime.now(UTC)
    item = _read(asked["eventSlug"], consistent=True)
    if item is None or item["status"]["S"] != "published" or item["date"]["S"] <= _iso(now):
        raise Refused(404, "no such event is on sale")
    price, quantity = int(item["price"]["N"]), asked["quantity"]
    if (asked["unitPrice"] * 100, asked["totalAmount"] * 100) != (price, price * quantity):
        raise Refused(400, "the price is another one")
    order_id, expires = uuid.uuid4().hex, now + _HOLD
    _hold(order_id, item, quantity, expires)
    session = stripe.StripeClient(
        os.environ["STRIPE_SECRET_KEY"], base_addresses={"api": os.environ["STRIPE_API_BASE"]}
    ).v1.checkout.sessions.create(
        {
            "mode": "payment",
            "client_reference_id": order_id,
            "metadata": {"orderId": order_id},
            "payment_intent_data": {"metadata": {"orderId": order_id}},
            "expires_at": int(expires.timestamp()),
            "line_items": [
                {
                    "quantity": quantity,
                    "price_data": {
                        "currency": item["currency"]["S"],
                        "unit_amount": price,
                        "product_data": {"name": item["name"]["S"]},
                    },
                }
            ],
            "success_url": asked["successUrl"],
            "cancel_url": asked["cancelUrl"],
        },
        {"idempotency_key": order_id},
    )
    _dynamodb.update_item(
        TableName=_TABLE,
        Key=_key(f"ORDER#{order_id}", "ORDER"),
        UpdateExpression="SET sessionId = :session",
        ExpressionAttributeValues={":session": {"S": session.id}},
    )
    return 201, {
        "checkoutUrl": session.url,
        "sessionId": session.id,
        "orderId": order_id,
        "expiresAt": _iso(expires),
    }


def _read_checkout(body: str | None) -> dict[str, Any]:
    try:
        asked: dict[str, Any] = json.loads(body or "", parse_float=Decimal)
        urls = asked["successUrl"], asked["cancelUrl"]
        if (
            not _SLUG.fullmatch(asked["eventSlug"])
            or not 1 <= int(asked["quantity"]) <= _MOST_TICKETS
            or not all(url.startswith(_ALLOWED_ORIGINS) for url in urls)
        ):
            raise Refused(400, "the body has values that cannot be")
        return {
            **asked,
            "unitPrice": Decimal(asked["unitPrice"]),
            "totalAmount": Decimal(asked["totalAmount"]),
        }
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise Refused(400, "the body is not a checkout") from error


def _hold(order_id: str, item: dict[str, Any], quantity: int, expires: datetime) -> None:
    """Take the seats and store the order, both or neither."""
    total = int(item["price"]["N"]) * quantity
    try:
        _dynamodb.transact_write_items(
            TransactItems=[
                {
                    "Update": {
                        "TableName": _TABLE,
                        "Key": {"pk": item["pk"], "sk": item["sk"]},
                        "UpdateExpression": "ADD seatsFree :less, held :quantity",
                        "ConditionExpression": (
                            "seatsFree >= :quantity AND price = :price AND #status = :published"
                        ),
                        "ExpressionAttributeNames": {"#status": "status"},
                        "ExpressionAttributeValues": {
                            ":quantity": {"N": str(quantity)},
                            ":less": {"N": str(-quantity)},
                            ":price": item["price"],
                            ":published": {"S": "published"},
                        },
                    }
                },
                {
                    "Put": {
                        "TableName": _TABLE,
                        "Item": {
                            **_key(f"ORDER#{order_id}", "ORDER"),
                            "eventSlug": item["slug"],
                            "quantity": {"N": str(quantity)},
                            "amountTotal": {"N": str(total)},
                            "currency": item["currency"],
                            "status": {"S": "pending"},
                            "holdExpiresAt": {"S": _iso(expires)},
                            "createdAt": {"N": str(int(time.time()))},
                        },
                        "ConditionExpression": "attribute_not_exists(pk)",
                    }
                },
            ]
        )
    except ClientError as error:
        reasons = error.response.get("CancellationReasons") or [{}]
        if reasons[0].get("Code") != _FAILED_CONDITION:
            raise
        raise Refused(409, "sold out") from error


def _read(slug: str, *, consistent: bool = False) -> dict[str, Any] | None:
    item: dict[str, Any] | None = _dynamodb.get_item(
        TableName=_TABLE, Key=_key(f"EVENT#{slug}", "EVENT"), ConsistentRead=consistent
    ).get("Item")
    return item


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _shown(item: dict[str, Any]) -> dict[str, Any]:
    capacity = item["capacity"].get("N")
    return {
        "id": int(item["id"]["N"]),
        **{name: item[name].get("S") for name in _TEXTS},
        "price": int(item["price"]["N"]) / 100,
        "capacity": None if capacity is None else int(capacity),
    }


def _available(item: dict[str, Any]) -> int | None:
    return None if "NULL" in item["capacity"] else int(item["seatsFree"]["N"])


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_ROUTES = {
    ("GET", "/api/events/{slug}"): _get_event,
    ("GET", "/api/events"): _list_events,
    ("POST", "/api/payments/checkout"): _start_checkout,
}
