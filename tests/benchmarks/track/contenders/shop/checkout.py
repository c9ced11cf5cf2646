"""Selling: seats are held in one transaction, then Stripe opens a session."""

import os
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe

from shop.models import CheckoutBody, CheckoutStarted
from shop.table import table

_ALLOWED_ORIGINS = tuple(os.environ["CHECKOUT_ALLOWED_ORIGINS"].split(","))
_HOLD = timedelta(minutes=31)
_FAILED_CONDITION = "ConditionalCheckFailed"

_stripe = stripe.StripeClient(
    os.environ["STRIPE_SECRET_KEY"], base_addresses={"api": os.environ["STRIPE_API_BASE"]}
)
_dynamodb = table.meta.client


class Refused(Exception):
    """Nothing is sold; the text says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def start(asked: CheckoutBody) -> CheckoutStarted:
    """Hold the seats and open the session."""
    if not all(url.startswith(_ALLOWED_ORIGINS) for url in (asked.success_url, asked.cancel_url)):
        raise Refused(400, "a URL leads elsewhere")
    now = datetime.now(UTC)
    key = {"pk": f"EVENT#{asked.event_slug}", "sk": "EVENT"}
    event = table.get_item(Key=key, ConsistentRead=True).get("Item")
    if event is None or event["status"] != "published" or event["date"] <= _iso(now):
        raise Refused(404, "no such event is on sale")
    total = event["price"] * asked.quantity
    if (asked.unit_price * 100, asked.total_amount * 100) != (event["price"], total):
        raise Refused(400, "the price is another one")
    order_id, expires = uuid.uuid4().hex, now + _HOLD
    _hold(order_id, event, asked.quantity, expires)
    session = _open_session(order_id, event, asked, expires)
    table.update_item(
        Key={"pk": f"ORDER#{order_id}", "sk": "ORDER"},
        UpdateExpression="SET sessionId = :session",
        ExpressionAttributeValues={":session": session.id},
    )
    return CheckoutStarted(
        checkout_url=session.url or "",
        session_id=session.id,
        order_id=order_id,
        expires_at=_iso(expires),
    )


def _hold(order_id: str, event: dict[str, Any], quantity: int, expires: datetime) -> None:
    try:
        _dynamodb.transact_write_items(
            TransactItems=[
                {
                    "Update": {
                        "TableName": table.name,
                        "Key": {"pk": event["pk"], "sk": event["sk"]},
                        "UpdateExpression": "ADD seatsFree :less, held :quantity",
                        "ConditionExpression": (
                            "seatsFree >= :quantity AND price = :price AND #status = :published"
                        ),
                        "ExpressionAttributeNames": {"#status": "status"},
                        "ExpressionAttributeValues": {
                            ":quantity": quantity,
                            ":less": -quantity,
                            ":price": event["price"],
                            ":published": "published",
                        },
                    }
                },
                {
                    "Put": {
                        "TableName": table.name,
                        "Item": {
                            "pk": f"ORDER#{order_id}",
                            "sk": "ORDER",
                            "eventSlug": event["slug"],
                            "quantity": quantity,
                            "amountTotal": event["price"] * quantity,
                            "currency": event["currency"],
                            "status": "pending",
                            "holdExpiresAt": _iso(expires),
                        },
                        "ConditionExpression": "attribute_not_exists(pk)",
                    }
                },
            ]
        )
    except _dynamodb.exceptions.TransactionCanceledException as error:
        if error.response["CancellationReasons"][0]["Code"] != _FAILED_CONDITION:
            raise
        raise Refused(409, "sold out") from error


def _open_session(
    order_id: str, event: dict[str, Any], asked: CheckoutBody, expires: datetime
) -> stripe.checkout.Session:
    return _stripe.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "client_reference_id": order_id,
            "metadata": {"orderId": order_id},
            "payment_intent_data": {"metadata": {"orderId": order_id}},
            "expires_at": int(expires.timestamp()),
            "line_items": [
                {
                    "quantity": asked.quantity,
                    "price_data": {
                        "currency": event["currency"],
                        "unit_amount": int(event["price"]),
                        "product_data": {"name": event["name"]},
                    },
                }
            ],
            "success_url": asked.success_url,
            "cancel_url": asked.cancel_url,
        },
        {"idempotency_key": order_id},
    )


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
