"""The bare webhook: the signature by Stripe's SDK, one transaction by botocore."""

import base64
import json
import os
from typing import Any

import stripe
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import get_session

_TABLE = os.environ["TABLE"]
_dynamodb = get_session().create_client(
    "dynamodb",
    config=Config(
        connect_timeout=1,
        read_timeout=2,
        retries={"mode": "standard", "total_max_attempts": 2},
        tcp_keepalive=True,
    ),
)
_FAILED_CONDITION = "ConditionalCheckFailed"


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Hear one delivery."""
    body = event["body"]
    raw = base64.b64decode(body) if event["isBase64Encoded"] else body.encode()
    headers = {name.lower(): value for name, value in event["headers"].items()}
    try:
        told = stripe.Webhook.construct_event(
            raw, headers.get("stripe-signature", ""), os.environ["STRIPE_WEBHOOK_SECRET"]
        )
    except (ValueError, stripe.SignatureVerificationError):
        return _answer(400, {"message": "the signature does not hold"})
    session = told.data.object
    if told.type == "checkout.session.completed" and session.payment_status == "paid":
        _fulfil(session.client_reference_id, session.amount_total)
    return _answer(200, {"received": True})


def _fulfil(order_id: str, amount_paid: int) -> None:
    """Turn held seats into sold ones and the order into a paid one; a repeat finds it done."""
    key = {"pk": {"S": f"ORDER#{order_id}"}, "sk": {"S": "ORDER"}}
    order = _dynamodb.get_item(TableName=_TABLE, Key=key, ConsistentRead=True).get("Item")
    if order is None or order["status"]["S"] != "pending":
        return
    try:
        _dynamodb.transact_write_items(
            TransactItems=[
                {
                    "Update": {
                        "TableName": _TABLE,
                        "Key": key,
                        "UpdateExpression": "SET #status = :paid",
                        "ConditionExpression": "#status = :pending AND amountTotal = :amount",
                        "ExpressionAttributeNames": {"#status": "status"},
                        "ExpressionAttributeValues": {
                            ":paid": {"S": "paid"},
                            ":pending": {"S": "pending"},
                            ":amount": {"N": str(amount_paid)},
                        },
                    }
                },
                {
                    "Update": {
                        "TableName": _TABLE,
                        "Key": {
                            "pk": {"S": f"EVENT#{order['eventSlug']['S']}"},
                            "sk": {"S": "EVENT"},
                        },
                        "UpdateExpression": "SET held = held - :quantity, sold = sold + :quantity",
                        "ExpressionAttributeValues": {":quantity": order["quantity"]},
                    }
                },
            ]
        )
    except ClientError as error:
        reasons = error.response.get("CancellationReasons") or [{}]
        if reasons[0].get("Code") != _FAILED_CONDITION:
            raise


def _answer(status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(body),
    }
