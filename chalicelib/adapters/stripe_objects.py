"""Stripe's objects, read into the program's own: what the API answers, and what its events carry.

Fields are those of Stripe's API reference; which of its metadata is ours is said here too.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.checkout_sessions import CheckoutSession, PaymentStatus, SessionStatus
from chalicelib.domain.refunds import Dispute, DisputeStatus, Refund, RefundStatus

ORDER_ID = "orderId"
REFUND_KEY = "refundKey"
RETURN_SEATS = "returnSeats"
QUANTITY = "quantity"
REASON = "reason"

# What a delayed payment's intent is in once its bank refused, or somebody gave up on it ("The
# PaymentIntent object"). The session stays complete and unpaid.
_FAILED_INTENT = frozenset({"requires_payment_method", "canceled"})
# Stripe's own; "requested" is a word of ours, for what Stripe does not know yet.
_REFUND_STATUSES = {
    status.value: status for status in RefundStatus if status is not RefundStatus.REQUESTED
}
_DISPUTE_STATUSES = {status.value: status for status in DisputeStatus}


def session_from(stripe_object: Mapping[str, Any]) -> CheckoutSession:
    """Read a Checkout Session as Stripe writes it.

    Whether its payment failed is known only where its payment intent was expanded.
    """
    metadata = stripe_object.get("metadata") or {}
    buyer = stripe_object.get("customer_details") or {}
    return CheckoutSession(
        id=stripe_object["id"],
        # Null for sessions that have none (`setup` and others'); such a one tells us nothing.
        status=SessionStatus(stripe_object["status"] or SessionStatus.OPEN),
        payment_status=PaymentStatus(stripe_object["payment_status"]),
        amount_total=stripe_object.get("amount_total") or 0,
        currency=stripe_object.get("currency") or "",
        metadata={str(name): str(value) for name, value in metadata.items()},
        url=stripe_object.get("url"),
        order_id=metadata.get(ORDER_ID),
        payment_intent_id=payment_intent_id(stripe_object),
        customer_email=buyer.get("email") or stripe_object.get("customer_email"),
        payment_failed=_payment_failed(stripe_object),
    )


def refund_from(stripe_object: Mapping[str, Any]) -> Refund | None:
    """Read a refund as Stripe writes it; None where it is in a status that is new to us."""
    status = _REFUND_STATUSES.get(stripe_object["status"])
    if status is None:
        return None
    metadata = stripe_object.get("metadata") or {}
    return Refund(
        key=metadata.get(REFUND_KEY) or stripe_object["id"],
        amount=stripe_object["amount"],
        status=status,
        at=moment(stripe_object["created"]),
        # Whoever refunds in Stripe's dashboard means the tickets too, unless told otherwise.
        returns_seats=metadata.get(RETURN_SEATS) != "false",
        quantity=_whole_number(metadata.get(QUANTITY)),
        reason=metadata.get(REASON) or stripe_object.get("reason"),
        stripe_id=stripe_object["id"],
        failure=stripe_object.get("failure_reason"),
    )


def dispute_from(stripe_object: Mapping[str, Any]) -> Dispute | None:
    """Read a dispute as Stripe writes it; None where it is in a status that is new to us."""
    status = _DISPUTE_STATUSES.get(stripe_object["status"])
    if status is None:
        return None
    return Dispute(
        id=stripe_object["id"],
        status=status,
        amount=stripe_object["amount"],
        reason=stripe_object["reason"],
        at=moment(stripe_object["created"]),
    )


def payment_intent_id(stripe_object: Mapping[str, Any]) -> str | None:
    """Return which payment an object belongs to, whether Stripe wrote its id or all of it."""
    intent = stripe_object.get("payment_intent")
    return intent["id"] if isinstance(intent, Mapping) else intent


def moment(seconds: int) -> datetime:
    """Read a time as Stripe writes it: seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def _payment_failed(session: Mapping[str, Any]) -> bool:
    intent = session.get("payment_intent")
    return (
        session["status"] == SessionStatus.COMPLETE
        and session["payment_status"] == PaymentStatus.UNPAID
        and isinstance(intent, Mapping)
        and intent["status"] in _FAILED_INTENT
    )


def _whole_number(text: str | None) -> int:
    """Read a number of ours; anybody may write metadata in the dashboard, so it may be none."""
    return int(text) if text and text.isascii() and text.isdigit() else 0
