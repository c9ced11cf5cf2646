"""Stripe's webhook, on a function of its own: a crowd in front of the shop does not delay it."""

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalice.app import Blueprint

from chalicelib import log_context, wiring
from chalicelib.errors import (
    ConfigurationError,
    EventsApiError,
    InvalidSignature,
    PaymentProviderError,
)
from chalicelib.functions.init_phase import prepare
from chalicelib.http.headers import NO_STORE, SECURITY_HEADERS, cors_headers
from chalicelib.http.operations import Answer, Body, HeaderParameter, Operation, Tag
from chalicelib.http.problems import (
    INTERNAL_ERROR,
    INTERNAL_MESSAGE,
    error_body,
    error_headers,
    problem_body,
)

if TYPE_CHECKING:
    from chalicelib.adapters.stripe_events import StripeEvent

blueprint = Blueprint(__name__)

# Chalice has no routes for other functions: API Gateway leads this path here (`infra.packaging`).
PATH = "/api/payments/webhook"
# As much of an event as is looked at (Stripe's page "The Event object").
_EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "type": {"type": "string"},
        "data": {
            "type": "object",
            "properties": {"object": {"type": "object"}},
            "required": ["object"],
        },
    },
    "required": ["id", "type"],
}
EXAMPLE = {
    "id": "evt_1a2b3c",
    "object": "event",
    "type": "product.created",
    "data": {"object": {"id": "prod_1a2b3c", "object": "product"}},
}
OPERATION = Operation(
    summary="Hear from Stripe",
    tag=Tag.PAYMENTS,
    parameters=(
        HeaderParameter(
            "Stripe-Signature",
            "Stripe's signature over the raw body, at most 5 minutes old.",
            required=True,
        ),
    ),
    bodies=(
        Body(
            model=None,
            schema=_EVENT,
            examples={"An event of a type that is not ours": EXAMPLE},
            description="An event as Stripe sends it.",
        ),
    ),
    answers=(Answer("Heard; there is no need to send it again.", model="WebhookReceived"),),
    errors=(InvalidSignature, PaymentProviderError),
)

_SIGNATURE_HEADER = "stripe-signature"


@blueprint.lambda_function(name="stripe_webhook")
def stripe_webhook(request: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Handle one delivery: 2xx for what is done or not ours, 5xx where a repeat can help."""
    request_id = request["requestContext"]["requestId"]
    log_context.bind_request(request_id)
    try:
        outcome = _handle(wiring.verify_stripe_event(_raw_body(request), _signature(request)))
    except EventsApiError as error:
        return _error_result(error, request_id)
    except Exception:  # noqa: BLE001 - Stripe repeats it, and by then it may be mended
        wiring.log().crash("webhook_crashed", {})
        wiring.meter().count("WebhookFailed")
        body = problem_body(INTERNAL_ERROR, INTERNAL_MESSAGE, request_id)
        return _result(INTERNAL_ERROR.status.value, body, request_id)
    return _result(200, {"received": True, "outcome": outcome}, request_id)


def _handle(event: "StripeEvent") -> str:
    news = event.news()
    if news is None:
        return "ignored"
    if event.live is not None and event.live is not wiring.payments_are_live():
        # While secrets are rolled both modes' may be set, and play money must not buy a ticket.
        wiring.log().security(
            "webhook_of_other_mode", {"live": event.live, "stripeEvent": event.id}
        )
        return "not_ours"
    return wiring.payment_news().hear(news)


def _raw_body(request: Mapping[str, Any]) -> bytes:
    """Return the bytes that Stripe signed; text that was parsed and written again would not do."""
    body = request.get("body") or ""
    if request.get("isBase64Encoded"):
        return base64.b64decode(body)
    raw: bytes = body.encode("utf-8", "surrogatepass")
    return raw


def _signature(request: Mapping[str, Any]) -> str | None:
    for name, value in (request.get("headers") or {}).items():
        if name.lower() == _SIGNATURE_HEADER:
            return str(value)
    return None


def _error_result(error: EventsApiError, request_id: str) -> dict[str, Any]:
    problem, body = error_body(error, request_id)
    if isinstance(error, InvalidSignature):
        wiring.log().security("webhook_rejected", {"reason": str(error)})
        wiring.meter().count("WebhookRejected")
    else:
        wiring.log().crash("webhook_failed", {"code": problem.code})
        wiring.meter().count("WebhookFailed")
    return _result(problem.status.value, body, request_id, error_headers(error))


def _result(
    status: int,
    body: Mapping[str, Any],
    request_id: str,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {
            "Content-Type": "application/json",
            "X-Request-Id": request_id,
            **NO_STORE,
            **SECURITY_HEADERS,
            **_cors_headers(),
            **(headers or {}),
        },
        "body": json.dumps(body),
    }


def _cors_headers() -> Mapping[str, str]:
    """Return what the contract has on every response, and nobody reads: Stripe is no browser. So a
    setting that cannot be read costs no delivery; the log says it.
    """
    try:
        return cors_headers(wiring.http_settings(), origin=None)
    except ConfigurationError:
        wiring.log().crash("webhook_without_cors", {})
        return {}


prepare(f"{__name__}.stripe_webhook", wiring.connect_orders, wiring.load_payments)
