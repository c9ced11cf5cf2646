"""Starting a checkout, and asking what became of it."""

from typing import Any

from chalice.app import Response

from chalicelib import wiring
from chalicelib.domain.clock import to_iso
from chalicelib.domain.orders import Cause, CheckoutSession
from chalicelib.errors import InvalidSession
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import json_response
from chalicelib.services.fulfilment import Outcome, Settlement

blueprint = ApiBlueprint(__name__)


@blueprint.api("/api/payments/checkout", "/api/payments/create-checkout-session", methods=("POST",))
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


@blueprint.api("/api/payments/verify/{session_id}", "/api/payments/verify-session/{session_id}")
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
