"""The checkout session operations of the API. What buyers and time do to one is `lifecycle`'s.

Sources: Stripe's API reference, "Checkout Sessions"; for times, the parameter `expires_at`.
"""

from urllib.parse import urlsplit

from . import lifecycle, line_items, objects, records, timers
from .calls import Call
from .errors import InvalidRequestError, MissingResourceError, NotModelledError
from .listing import created_filter, list_object, slice_of, window
from .metadata import accepted
from .objects import SESSION
from .parameters import missing
from .records import Json, Record

_SHORTEST_LIFE = 30 * 60
_LONGEST_LIFE = 24 * 60 * 60
_LONGEST_REFERENCE = 200

# What the server acts on or merely gives back; everything else Stripe knows is refused.
_MODELLED = frozenset({
    "allow_promotion_codes", "billing_address_collection", "cancel_url", "client_reference_id",
    "currency", "customer_email", "expand", "expires_at", "integration_identifier", "line_items",
    "locale", "metadata", "mode", "origin_context", "payment_intent_data", "submit_type",
    "success_url", "ui_mode",
})  # fmt: skip
# Modelled as long as they ask for nothing.
_NEUTRAL = {
    "adaptive_pricing": {"enabled": False},
    "automatic_tax": {"enabled": False},
    "customer_creation": "if_required",
    "invoice_creation": {"enabled": False},
    "managed_payments": {"enabled": False},
    "phone_number_collection": {"enabled": False},
    "tax_id_collection": {"enabled": False},
}
_MODELLED_INTENT_DATA = frozenset({
    "description", "metadata", "receipt_email", "statement_descriptor",
    "statement_descriptor_suffix", "transfer_group",
})  # fmt: skip


def create(call: Call, params: Json, _none: str) -> Json:
    """`POST /v1/checkout/sessions`, in payment mode with Stripe's own page."""
    _require_modelled(params)
    _require_payment_mode(params)
    _require_url(params, "success_url")
    if "cancel_url" in params:
        _require_url(params, "cancel_url")
    if len(params.get("client_reference_id", "")) > _LONGEST_REFERENCE:
        raise InvalidRequestError(
            f"client_reference_id can have up to {_LONGEST_REFERENCE} characters.",
            param="client_reference_id",
        )
    _require_email(params.get("customer_email"), "customer_email")
    items = line_items.build(params.get("line_items", []), call.now)
    totals = line_items.total(items)
    _require_same_currency(params, totals)
    session = objects.checkout_session(
        call,
        {**params, "metadata": accepted(params.get("metadata"))},
        totals,
        _expiry(params, call.now),
    )
    records.insert(
        call.tx,
        session,
        {"line_items": items, "payment_intent_data": _intent_data(params)},
    )
    timers.start(call.tx, session["id"], timers.EXPIRE, session["expires_at"])
    return session


def find(call: Call, session_id: str) -> Record | None:
    """Return the session as of now: one whose time has passed is expired on the way."""
    record = records.find(call.tx, SESSION, session_id)
    if record is not None and lifecycle.is_overdue(call, record.body):
        lifecycle.expire(call, record)
    return record


def retrieve(call: Call, _params: Json, session_id: str) -> Json:
    """`GET /v1/checkout/sessions/{id}`."""
    return _require(call, session_id).body


def list_sessions(call: Call, params: Json, _none: str) -> Json:
    """`GET /v1/checkout/sessions`."""
    for reference in ("customer", "customer_account", "payment_link", "subscription"):
        if reference in params:
            raise NotModelledError(reference)
    filters = {
        "status": params.get("status"),
        "payment_intent": params.get("payment_intent"),
        "customer_email": params.get("customer_details", {}).get("email"),
        **created_filter(params),
    }
    found, has_more = records.page(call.tx, SESSION, filters, window(params))
    return list_object("/v1/checkout/sessions", found, has_more=has_more)


def expire(call: Call, _params: Json, session_id: str) -> Json:
    """`POST /v1/checkout/sessions/{id}/expire`; InvalidRequestError unless it is open."""
    record = _require(call, session_id)
    status = record.body["status"]
    if status != "open":
        raise InvalidRequestError(
            f"Only a Checkout Session whose status is open can be expired; this one's is {status}."
        )
    lifecycle.expire(call, record)
    return record.body


def list_line_items(call: Call, params: Json, session_id: str) -> Json:
    """`GET /v1/checkout/sessions/{id}/line_items`, in the order they were given."""
    items, has_more = slice_of(_require(call, session_id).private["line_items"], window(params))
    return list_object(f"/v1/checkout/sessions/{session_id}/line_items", items, has_more=has_more)


def _require(call: Call, session_id: str) -> Record:
    record = find(call, session_id)
    if record is None:
        raise MissingResourceError(SESSION, session_id, param="session")
    return record


def _require_modelled(params: Json) -> None:
    for name, value in params.items():
        if name not in _MODELLED and _NEUTRAL.get(name) != value:
            raise NotModelledError(name)


def _require_payment_mode(params: Json) -> None:
    if "mode" not in params:
        raise missing("mode")
    if params["mode"] != "payment":
        raise NotModelledError("mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise NotModelledError("ui_mode")


def _require_url(params: Json, name: str) -> None:
    if name not in params:
        raise missing(name)
    url: str = params[name]
    try:
        parts = urlsplit(url)
        # Reading the port is what finds one that is no number.
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or any(character <= " " for character in url):
        raise InvalidRequestError(
            f"{name} is not a valid URL; it begins with http:// or https://.",
            code="url_invalid",
            param=name,
        )


def _require_email(email: str | None, param: str) -> None:
    if email is None:
        return
    name, _, domain = email.rpartition("@")
    if not name or "." not in domain or any(character <= " " for character in email):
        raise InvalidRequestError(
            f"Invalid email address: {email[:100]}", code="email_invalid", param=param
        )


def _require_same_currency(params: Json, totals: Json) -> None:
    if "currency" not in params:
        return
    if line_items.require_currency(params["currency"], "currency") != totals["currency"]:
        raise InvalidRequestError(
            "currency differs from the line items' currency.", param="currency"
        )


def _expiry(params: Json, now: int) -> int:
    expires_at: int = params.get("expires_at", now + _LONGEST_LIFE)
    if expires_at < now + _SHORTEST_LIFE:
        raise InvalidRequestError(
            "expires_at must be at least 30 minutes after the session is created.",
            param="expires_at",
        )
    if expires_at > now + _LONGEST_LIFE:
        raise InvalidRequestError(
            "expires_at must be at most 24 hours after the session is created.",
            param="expires_at",
        )
    return expires_at


def _intent_data(params: Json) -> Json:
    data: Json = params.get("payment_intent_data", {})
    for name in data:
        automatic = name == "capture_method" and data[name] != "manual"
        if name not in _MODELLED_INTENT_DATA and not automatic:
            raise NotModelledError(f"payment_intent_data[{name}]")
    _require_email(data.get("receipt_email"), "payment_intent_data[receipt_email]")
    return {
        **data,
        "metadata": accepted(data.get("metadata"), param="payment_intent_data[metadata]"),
    }
