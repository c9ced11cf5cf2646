"""What Stripe sends: checkout sessions as its API writes them, and webhook deliveries, signed."""

import json
from typing import Any

import stripe

from tests.support.lambda_api import proxy_event

WEBHOOK_SECRET = "whsec_unit"


def a_stripe_session(**changes: Any) -> dict[str, Any]:
    """The session of `builders.an_order()`, open, as JSON has it."""
    return {
        "id": "cs_test_1",
        "object": "checkout.session",
        "status": "open",
        "payment_status": "unpaid",
        "amount_total": 29998,
        "currency": "usd",
        "client_reference_id": "01JNTEST0RDER0000000000000",
        "metadata": {"orderId": "01JNTEST0RDER0000000000000", "eventSlug": "tech-conference"},
        "url": "http://stripe.test/c/pay/cs_test_1",
        "payment_intent": None,
        **changes,
    }


def a_paid_stripe_session(**changes: Any) -> dict[str, Any]:
    """The same session, paid."""
    paid = {"status": "complete", "payment_status": "paid", "payment_intent": "pi_1", "url": None}
    return a_stripe_session(**{**paid, **changes})


def a_stripe_refund(**changes: Any) -> dict[str, Any]:
    """A refund of one ticket of that session, made in the dashboard, as JSON has it."""
    return {
        "id": "re_1",
        "object": "refund",
        "amount": 14999,
        "currency": "usd",
        "created": 1_803_902_400,
        "metadata": {},
        "payment_intent": "pi_1",
        "reason": None,
        "status": "succeeded",
        **changes,
    }


def a_stripe_dispute(**changes: Any) -> dict[str, Any]:
    """A dispute about that session's payment, as JSON has it."""
    return {
        "id": "dp_1",
        "object": "dispute",
        "amount": 29998,
        "currency": "usd",
        "created": 1_803_902_400,
        "metadata": {},
        "payment_intent": "pi_1",
        "reason": "fraudulent",
        "status": "needs_response",
        **changes,
    }


def event_text(event_type: str, subject: dict[str, Any], event_id: str = "evt_1") -> str:
    """The JSON text of an event about an object."""
    return json.dumps(
        {"id": event_id, "object": "event", "type": event_type, "data": {"object": subject}}
    )


def signature(text: str, secret: str = WEBHOOK_SECRET, timestamp: int | None = None) -> str:
    """The Stripe-Signature header of a text; without a timestamp it is made now."""
    header: str = stripe.WebhookSignature.generate_signature_header(text, secret, timestamp)
    return header


def delivery(
    text: str, *, header: str = "Stripe-Signature", signed: str | None = None
) -> dict[str, Any]:
    """The text as API Gateway hands it to the webhook's function."""
    return proxy_event(
        "POST",
        "/api/payments/webhook",
        headers={header: signature(text) if signed is None else signed},
        body=text,
    )
