"""Stripe, through its official SDK: the only importer of `stripe`."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import stripe

from chalicelib.adapters.deadline import DeadlineExceeded, within
from chalicelib.domain.orders import (
    CheckoutSession,
    Order,
    PaymentStatus,
    RedirectUrls,
    SessionStatus,
)
from chalicelib.errors import InvalidInput, InvalidSession, InvalidSignature, PaymentProviderError
from chalicelib.services.ports import AuditLog

if TYPE_CHECKING:
    from stripe.params.checkout import SessionCreateParams

# A buyer gets an answer within ten seconds: what Stripe's six leave of them is for the store.
# A second try is for a connection that was kept open while Lambda froze the function, and is
# gone; the idempotency key makes it safe.
_CONNECT_TIMEOUT_SECONDS = 1.0
_READ_TIMEOUT_SECONDS = 5.0
_DEADLINE_SECONDS = 6.0
_RETRIES = 1
# Stripe's advice for a signature's age ("Webhooks", "Verify webhook signatures"). Its SDK does not
# mind a timestamp from the future; a clock that is right has no use for one.
_TOLERANCE_SECONDS = 300
_TIMESTAMP = re.compile(r"(?:^|,)\s*t=(\d{1,12})\s*(?:,|$)")
_SESSION_ID = re.compile(r"cs_[A-Za-z0-9_]{1,250}")
_SESSION_PLACEHOLDER = "{CHECKOUT_SESSION_ID}"
_METADATA_ORDER_ID = "orderId"
# What a buyer sent and only Stripe can judge, such as a currency's smallest and largest charge:
# the field and what is wrong with it, by Stripe's code (API reference, "Error codes").
_BUYER_ERRORS = {
    "amount_too_small": ("totalAmount", "is not an amount that can be charged"),
    "amount_too_large": ("totalAmount", "is not an amount that can be charged"),
    "email_invalid": ("customerEmail", "must be an e-mail address"),
}


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """A webhook's event whose signature held. `data` is the object that it is about."""

    id: str
    type: str
    data: Mapping[str, Any]

    def session(self) -> CheckoutSession | None:
        """Return our Checkout Session that an event of `checkout.session.*` is about, if any."""
        metadata = self.data.get("metadata") or {}
        return session_from(self.data) if metadata.get(_METADATA_ORDER_ID) else None


class StripeGateway:
    """`services.ports.PaymentGateway` on Stripe Checkout."""

    def __init__(self, secret_key: str, api_base: str | None, log: AuditLog) -> None:
        self._client = stripe.StripeClient(
            secret_key,
            base_addresses={"api": api_base} if api_base else None,
            max_network_retries=_RETRIES,
            http_client=stripe.RequestsClient(
                timeout=(_CONNECT_TIMEOUT_SECONDS, _READ_TIMEOUT_SECONDS)
            ),
        )
        self._log = log

    def create_session(
        self, order: Order, urls: RedirectUrls, expires_at: datetime
    ) -> CheckoutSession:
        """Open a session for the order; repeating it for the same order gives the same session.

        Raises `PaymentProviderError`, or `InvalidInput` for what only Stripe can tell is wrong.
        """
        with self._mapped_errors("create_session"):
            try:
                session = within(
                    _DEADLINE_SECONDS,
                    lambda: self._client.v1.checkout.sessions.create(
                        _create_params(order, urls, expires_at),
                        {"idempotency_key": f"{order.id}-checkout-1"},
                    ),
                )
            except stripe.InvalidRequestError as error:
                if error.code not in _BUYER_ERRORS:
                    raise
                raise InvalidInput.of(*_BUYER_ERRORS[error.code], error.code) from None
        return session_from(session.to_dict())

    def retrieve_session(self, session_id: str) -> CheckoutSession:
        """Return the session; raises `InvalidSession` or `PaymentProviderError`."""
        if _SESSION_ID.fullmatch(session_id) is None:
            raise InvalidSession("no such checkout session")
        with self._mapped_errors("retrieve_session"):
            try:
                session = within(
                    _DEADLINE_SECONDS,
                    lambda: self._client.v1.checkout.sessions.retrieve(session_id),
                )
            except stripe.InvalidRequestError as error:
                raise InvalidSession("no such checkout session") from error
        return session_from(session.to_dict())

    def expire_session(self, session_id: str) -> None:
        """End an open session, so that it cannot be paid; raises `PaymentProviderError`."""
        with self._mapped_errors("expire_session"):
            within(
                _DEADLINE_SECONDS,
                lambda: self._client.v1.checkout.sessions.expire(session_id),
            )

    @contextmanager
    def _mapped_errors(self, call: str) -> Iterator[None]:
        try:
            yield
        except DeadlineExceeded:
            self._log.error("stripe_failed", {"call": call, "type": "DeadlineExceeded"})
            raise _unreachable() from None
        except stripe.StripeError as error:
            # The message may quote what was sent, such as an e-mail address, so it reaches no log,
            # as a trace's cause neither; type, code and request id are enough to find the rest in
            # Stripe's dashboard.
            self._log.error(
                "stripe_failed",
                {
                    "call": call,
                    "type": type(error).__name__,
                    "code": error.code,
                    "httpStatus": error.http_status,
                    "stripeRequestId": error.request_id,
                },
            )
            raise _unreachable() from None


def _unreachable() -> PaymentProviderError:
    return PaymentProviderError("the payment provider cannot be reached right now; try again")


def verify_event(
    body: bytes,
    signature: str | None,
    secrets: Sequence[str],
    now: Callable[[], float] = time.time,
) -> StripeEvent:
    """Return the event of a webhook's raw body if one of the secrets signed it.

    Raises `InvalidSignature` where none did, or the signature is older or newer than five minutes.
    """
    stamp = _TIMESTAMP.search(signature or "")
    if signature is None or stamp is None or int(stamp[1]) > now() + _TOLERANCE_SECONDS:
        raise InvalidSignature("the webhook's signature is missing, malformed or from the future")
    if not any(_is_signed(body, signature, secret) for secret in secrets):
        raise InvalidSignature("the webhook's signature does not hold")
    payload = json.loads(body)
    # Stripe sends other kinds of events too, such as thin ones, which have no data.
    data = payload.get("data") or {}
    return StripeEvent(str(payload.get("id")), str(payload.get("type")), data.get("object") or {})


def _is_signed(body: bytes, signature: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret, _TOLERANCE_SECONDS)
    except (stripe.SignatureVerificationError, ValueError, TypeError):
        # TypeError: the SDK cannot compare a signature with letters that are not ASCII.
        return False
    return True


def session_from(stripe_object: Mapping[str, Any]) -> CheckoutSession:
    """Read a Checkout Session as Stripe writes it."""
    metadata = stripe_object.get("metadata") or {}
    intent = stripe_object.get("payment_intent")
    return CheckoutSession(
        id=stripe_object["id"],
        # Null for sessions that have none (`setup` and others'); such a one tells us nothing.
        status=SessionStatus(stripe_object["status"] or SessionStatus.OPEN),
        payment_status=PaymentStatus(stripe_object["payment_status"]),
        amount_total=stripe_object.get("amount_total") or 0,
        currency=stripe_object.get("currency") or "",
        metadata={str(name): str(value) for name, value in metadata.items()},
        url=stripe_object.get("url"),
        order_id=metadata.get(_METADATA_ORDER_ID),
        # An expanded object or its id.
        payment_intent_id=intent["id"] if isinstance(intent, Mapping) else intent,
    )


def _create_params(order: Order, urls: RedirectUrls, expires_at: datetime) -> "SessionCreateParams":
    params: SessionCreateParams = {
        "mode": "payment",
        "client_reference_id": order.id,
        "metadata": {
            _METADATA_ORDER_ID: order.id,
            "eventSlug": order.event_slug,
            "eventName": order.event_name,
            "quantity": str(order.quantity),
        },
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
        "success_url": with_session_id(urls.success),
        "cancel_url": urls.cancel,
    }
    if order.amount_total:
        # Refunds and disputes come with the payment intent, so it must lead to the order too.
        params["payment_intent_data"] = {"metadata": {_METADATA_ORDER_ID: order.id}}
    if order.customer_email is not None:
        params["customer_email"] = order.customer_email
    return params


def with_session_id(success_url: str) -> str:
    """Add `session_id={CHECKOUT_SESSION_ID}` to the URL's query; Stripe fills the id in.

    Source: Stripe's page "Customize redirect behavior".
    """
    added = f"session_id={_SESSION_PLACEHOLDER}"
    if added in success_url:
        return success_url
    parts = urlsplit(success_url)
    query = f"{parts.query}&{added}" if parts.query else added
    return urlunsplit(parts._replace(query=query))
