"""Starting a checkout, and asking what became of it."""

from chalice.app import Response

from chalicelib import wiring
from chalicelib.domain.checkout_sessions import CheckoutSession
from chalicelib.domain.clock import to_iso
from chalicelib.domain.order_sessions import settled_session
from chalicelib.domain.orders import Cause, Order
from chalicelib.errors import (
    Conflict,
    InvalidSession,
    KeyInUse,
    NotFound,
    PaymentProviderError,
    PriceMismatch,
    SalesClosed,
    SoldOut,
)
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.idempotency import idempotency_key, read_key
from chalicelib.http.operations import Answer, Body, Operation, PathParameter, Tag
from chalicelib.http.order_json import why_returned
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import json_response
from chalicelib.http.signed_in import optional_caller
from chalicelib.services.finding_orders import names_a_free_session

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
CHECKOUT_KEY = idempotency_key(
    "The client's name for this checkout. For 24 hours the same key with the same body gives the "
    "same answer and holds no seats again; with another body it is a 409."
)
SESSION_ID = PathParameter(
    "session_id",
    "The checkout session's id; it is appended to the success URL as `session_id`.",
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
        parameters=(CHECKOUT_KEY,),
        bodies=(Body("chalicelib.schemas.checkout:CheckoutBody", CHECKOUT_EXAMPLES),),
        answers=(
            Answer("Seats are held; lead the buyer to `checkoutUrl`.", 201, "CheckoutStarted"),
        ),
        errors=(
            NotFound,
            PriceMismatch,
            SoldOut,
            SalesClosed,
            Conflict,
            KeyInUse,
            PaymentProviderError,
        ),
        may_sign_in=True,
    ),
)
def start_checkout(request: ApiRequest) -> Response:
    """Hold seats and start a Stripe Checkout. An event that costs nothing needs none: its seats are
    sold at once, and `checkoutUrl` is the success URL.

    With a token the order is the caller's own, and `GET /api/orders` lists it.
    """
    from chalicelib.schemas.checkout import CheckoutBody
    from chalicelib.schemas.reading import read_body

    key = read_key(request)
    body = read_body(CheckoutBody, request.json_object())
    caller = optional_caller(request)
    asked = body.request(None if caller is None else caller.user_id)
    if key is None:
        started = wiring.checkout().start(asked)
    else:
        started = wiring.keyed_checkout().start(asked, key)
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
    """Say what became of a checkout; a paid one whose webhook has not come yet is fulfilled. Where
    its money went back by itself, `order.reason` says why.
    """
    session_id = request.path("session_id")
    if names_a_free_session(session_id):
        return _verify_free(session_id)
    paid = wiring.order_finder().paid_of_session(session_id)
    if paid is not None:
        return _shown(settled_session(paid, session_id), paid)
    session = wiring.payments().retrieve_session(session_id)
    settlement = wiring.fulfilment().settle(session, Cause("verify"))
    if settlement.order is None:
        raise InvalidSession("no such checkout session")
    return _shown(session, settlement.order)


def _verify_free(session_id: str) -> Response:
    """Answer from the order alone: Stripe knows nothing of what cost nothing."""
    try:
        order = wiring.order_finder().of_session(session_id)
    except NotFound as error:
        raise InvalidSession("no such checkout session") from error
    return _shown(settled_session(order, session_id), order)


def _shown(session: CheckoutSession, order: Order) -> Response:
    return json_response(
        {
            "id": session.id,
            "status": session.status.value,
            "payment_status": session.payment_status.value,
            "amount_total": session.amount_total,
            "currency": session.currency,
            "metadata": session.metadata,
            "order": {
                "id": order.id,
                "status": order.status.value,
                "reason": why_returned(order),
            },
        }
    )
