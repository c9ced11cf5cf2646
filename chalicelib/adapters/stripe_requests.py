"""What Stripe is sent: the parameters of a checkout session and of a refund."""

from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.adapters.stripe_objects import (
    ORDER_ID,
    QUANTITY,
    REASON,
    REFUND_KEY,
    RETURN_SEATS,
)
from chalicelib.domain.checkout_sessions import RedirectUrls
from chalicelib.domain.free_orders import SESSION_PLACEHOLDER, with_session_id
from chalicelib.domain.order_sessions import session_metadata
from chalicelib.domain.orders import Order
from chalicelib.domain.refunds import Refund

if TYPE_CHECKING:
    from stripe.params import RefundCreateParams
    from stripe.params.checkout import SessionCreateParams

# Stripe takes no other reasons ("Create a refund", `reason`); one of ours goes into the metadata,
# whose values have an end ("Metadata").
_STRIPES_REASONS = frozenset({"duplicate", "fraudulent", "requested_by_customer"})
_LONGEST_METADATA = 500


def session_params(order: Order, urls: RedirectUrls, expires_at: datetime) -> "SessionCreateParams":
    """Return what makes a checkout session for the order: the server's own name and price."""
    params: SessionCreateParams = {
        "mode": "payment",
        "client_reference_id": order.id,
        "metadata": session_metadata(order),
        "expires_at": int(expires_at.timestamp()),
        "line_items": [
            {
                "quantity": order.quantity,
                "price_data": {
                    "currency": order.currency,
                    "unit_amount": order.unit_price,
                    "product_data": {"name": order.event_name},
                },
            }
        ],
        "success_url": with_session_id(urls.success, SESSION_PLACEHOLDER),
        "cancel_url": urls.cancel,
    }
    if order.amount_total:
        # Refunds and disputes come with the payment intent, so it must lead to the order too.
        params["payment_intent_data"] = {"metadata": {ORDER_ID: order.id}}
    if order.customer_email is not None:
        params["customer_email"] = order.customer_email
    return params


def refund_params(payment_intent_id: str, order: Order, refund: Refund) -> "RefundCreateParams":
    """Return what makes the refund, with all that is needed to know it again."""
    metadata = {
        ORDER_ID: order.id,
        REFUND_KEY: refund.key,
        RETURN_SEATS: "true" if refund.returns_seats else "false",
        QUANTITY: str(refund.quantity),
    }
    params: RefundCreateParams = {
        "payment_intent": payment_intent_id,
        "amount": refund.amount,
        "metadata": metadata,
    }
    if refund.reason in _STRIPES_REASONS:
        params["reason"] = refund.reason
    elif refund.reason:
        metadata[REASON] = refund.reason[:_LONGEST_METADATA]
    return params
