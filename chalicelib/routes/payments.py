"""Starting a checkout, and asking what became of it."""

from typing import Any

from chalice.app import Response

from chalicelib import wiring
from chalicelib.domain.clock import to_iso
from chalicelib.domain.orders import Cause, CheckoutSession
from chalicelib.errors import (
    InvalidSession,
    NotFound,
    PaymentProviderError,
    PriceMismatch,
    SalesClosed,
    SoldOut,
)
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.operations import Answer, Body, Operation, PathParameter, Tag
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import json_response
from chalicelib.services.fulfilment import Outcome, Settlement

blueprint = ApiBlueprint(__name__)

CHECKOUT_EXAMPLES = {
    "Two tickets": {
        "eventSlug": "tech-conference",
        "quantity": 2,
        "unitPrice": 149.99,
        "totalAmount": 299.98,
        "successUrl": "http://localhost:3000/thanks",
        "cancelUrl": "http://localhost:3000/",
    }
}
SESSION_ID = PathParameter(
    "session_id",
    "The checkout session's id; Stripe appends it to the success URL as `session_id`.",
    example="cs_test_a1B2c3",
    schema={"type": "string", "pattern": "^cs_[A-Za-z0-9_]{1,250}$"},
)


@blueprint.api(
    "/api/payments/checkout",
    "/api/payments/create-checkout-session",
    methods=("POST",),
    describes=Operation(
        summary="Start a checkout",
        tag=Tag.PAYMENTS,
        bodies=(Body("chalicelib.schemas.checkout:CheckoutBody", CHECKOUT_EXAMPLES),),
        answers=(
            Answer("Seats are held; lead the buyer to `checkoutUrl`.", 201, "CheckoutStarted"),
        ),
        errors=(NotFound, PriceMismatch, SoldOut, SalesClosed, PaymentProviderError),
    ),
)
def start_checkout(request: ApiRequest) -> Response:
    """Hold seats and start a Stripe Checkout."""
    from chalicelib.schemas.checkout import CheckoutBody
    from chalicelib.schemas.reading import read_body

    body = read_body(CheckoutBody, request.json_object())
    started = wiring.checkout().start(body.request())
    return json_response(
        {
            "checkoutUrl": started.checkout_url,
            "sessionId": started.session_id,
            "orderId": started.order_id,
            "expiresAt": to_iso(started.expires_at),
        },
        201,
    )


@blueprint.api(
    "/api/payments/verify/{session_id}",
    "/api/payments/verify-session/{session_id}",
    describes=Operation(
        summary="Ask what became of a checkout",
        tag=Tag.PAYMENTS,
        parameters=(SESSION_ID,),
        answers=(Answer("The checkout and its order.", model="Verification"),),
        errors=(InvalidSession, PaymentProviderError),
    ),
)
def verify_checkout(request: ApiRequest) -> Response:
    """Say what became of a checkout; a paid one whose webhook has not come yet is fulfilled."""
    session = wiring.payments().retrieve_session(request.path("session_id"))
    settlement = wiring.fulfilment().settle(session, Cause("verify"))
    if settlement.outcome is Outcome.NOT_OURS:
        raise InvalidSession("no such checkout session")
    return json_response(_shown(session, settlement))


def _shown(session: CheckoutSession, settlement: Settlement) -> dict[str, Any]:
    assert settlement.order is not None
    return {
        "id": session.id,
        "status": session.status.value,
        "payment_status": session.payment_status.value,
        "amount_total": session.amount_total,
        "currency": session.currency,
        "metadata": session.metadata,
        "order": {"id": settlement.order.id, "status": settlement.order.status.value},
    }
