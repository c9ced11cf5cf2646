"""Refunds: all or part of a charge, never more than was paid; what becomes of one later.

Sources: Stripe's pages "Refund and cancel payments" and "Types of events".
"""

from . import currencies, disputes, events, objects, records, switches
from .calls import Call
from .errors import InvalidRequestError, NotModelledError
from .listing import created_filter, list_object, window
from .metadata import accepted
from .objects import CHARGE, PAYMENT_INTENT, REFUND
from .parameters import too_small
from .payments import require
from .records import Json

FAILURES = (
    "charge_for_pending_refund_disputed", "declined", "expired_or_canceled_card",
    "insufficient_funds", "lost_or_stolen_card", "merchant_request", "unknown",
)  # fmt: skip
"""Why a refund can fail, in Stripe's words."""

_MODELLED = frozenset({"amount", "charge", "expand", "metadata", "payment_intent", "reason"})


def create(call: Call, params: Json, _none: str) -> Json:
    """`POST /v1/refunds`; without `amount` all that is left is refunded."""
    for name, value in params.items():
        # A transfer or an application fee that is not to be touched does not exist here anyway.
        if name not in _MODELLED and value is not False:
            raise NotModelledError(name)
    metadata = accepted(params.get("metadata"))
    charge = _charge_to_refund(call, params)
    amount = _amount_to_refund(call, charge, params.get("amount"))
    return _make(call, charge, amount, {**params, "metadata": metadata})


def from_dashboard(call: Call, charge: Json, amount: int | None) -> Json:
    """Refund as somebody does who signed in at Stripe: all that is left, or an amount of it.

    Nothing in it says which order it is for. InvalidRequestError if Stripe would refuse it.
    """
    _require_refundable(call, charge)
    return _make(call, charge, _amount_to_refund(call, charge, amount), {})


def succeed(call: Call, refund: Json) -> None:
    """Let a pending refund arrive; InvalidRequestError for another."""
    if refund["status"] != "pending":
        raise _not_possible(refund, "succeed")
    _become(call, refund, status="succeeded", pending_reason=None)
    _give_reference(call, refund)


def fail(call: Call, refund: Json, reason: str = "expired_or_canceled_card") -> None:
    """Let a refund fail that is pending or had seemed to succeed: its money is back with the shop.

    InvalidRequestError for one that has failed, and for a reason that Stripe does not give.
    """
    if refund["status"] not in ("pending", "succeeded"):
        raise _not_possible(refund, "fail")
    if reason not in FAILURES:
        raise InvalidRequestError(f"Invalid reason: must be one of {', '.join(FAILURES)}")
    charge = require(call, CHARGE, refund["charge"], param="charge")
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    records.replace(call.tx, charge)
    _become(call, refund, status="failed", pending_reason=None, failure_reason=reason)
    events.record(call, "refund.failed", refund)


def retrieve(call: Call, _params: Json, refund_id: str) -> Json:
    """`GET /v1/refunds/{id}`."""
    return require(call, REFUND, refund_id, param="refund")


def list_refunds(call: Call, params: Json, _none: str) -> Json:
    """`GET /v1/refunds`, of one charge or payment intent if so asked."""
    filters = {
        "charge": params.get("charge"),
        "payment_intent": params.get("payment_intent"),
        **created_filter(params),
    }
    found, has_more = records.page(call.tx, REFUND, filters, window(params))
    return list_object("/v1/refunds", found, has_more=has_more)


def of_charge(call: Call, charge: Json) -> Json:
    """List a charge's refunds, as its `refunds` field expands to."""
    found, has_more = records.page(call.tx, REFUND, {"charge": charge["id"]}, window({}))
    return list_object(f"/v1/charges/{charge['id']}/refunds", found, has_more=has_more)


def _charge_to_refund(call: Call, params: Json) -> Json:
    if "charge" not in params and "payment_intent" not in params:
        raise InvalidRequestError(
            "A refund needs a charge or a payment_intent.",
            code="parameter_missing",
            param="payment_intent",
        )
    charge_id = params.get("charge")
    if "payment_intent" in params:
        intent = require(call, PAYMENT_INTENT, params["payment_intent"], param="payment_intent")
        if charge_id not in (None, intent["latest_charge"]):
            raise InvalidRequestError("The charge is not the payment intent's.", param="charge")
        charge_id = intent["latest_charge"]
    charge = require(call, CHARGE, str(charge_id), param="charge")
    _require_refundable(call, charge)
    return charge


def _require_refundable(call: Call, charge: Json) -> None:
    if charge["status"] != "succeeded":
        raise InvalidRequestError(
            f"There is nothing to refund: charge {charge['id']} is {charge['status']}.",
            code="charge_not_refundable",
        )
    if not disputes.is_refundable(call, charge):
        raise InvalidRequestError(
            f"Charge {charge['id']} has been charged back.", code="charge_disputed"
        )


def _amount_to_refund(call: Call, charge: Json, wanted: int | None) -> int:
    lost = disputes.amount_lost(call, charge)
    left: int = charge["amount"] - charge["amount_refunded"] - lost
    if left <= 0:
        raise InvalidRequestError(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    if wanted is None:
        return left
    if wanted < 1:
        raise too_small("amount", 1)
    if wanted > left:
        raise InvalidRequestError(
            f"The refund of {currencies.show(wanted, charge['currency'])} is more than the"
            f" {currencies.show(left, charge['currency'])} left of the charge.",
            param="amount",
        )
    step = currencies.smallest_step(charge["currency"])
    if wanted % step:
        raise InvalidRequestError(
            f"Amounts in {charge['currency']} must be multiples of {step} minor units.",
            code=currencies.code_of_wrong_step(charge["currency"]),
            param="amount",
        )
    return wanted


def _make(call: Call, charge: Json, amount: int, params: Json) -> Json:
    how = switches.take(call.tx, switches.NEXT_REFUND)
    refund = objects.refund(call, charge, amount, params)
    if how == switches.SUCCEEDED:
        refund.update(status="succeeded", pending_reason=None)
    records.insert(call.tx, refund)
    previous = {key: charge[key] for key in ("amount_refunded", "refunded")}
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    records.replace(call.tx, charge)
    events.record(call, "refund.created", refund)
    events.record(call, "charge.refunded", charge, previous)
    if how == switches.SUCCEEDED:
        _give_reference(call, refund)
    if how == switches.FAILED:
        fail(call, refund)
    return refund


def _become(call: Call, refund: Json, **changes: object) -> None:
    previous = {name: refund.get(name) for name in changes}
    refund.update(changes)
    _updated(call, refund, previous)


def _give_reference(call: Call, refund: Json) -> None:
    """Card refunds are updated once the network has given them a reference."""
    card = refund["destination_details"].get("card")
    if card is None:
        return
    previous = {"destination_details": {"card": {"reference": None, "reference_status": "pending"}}}
    card["reference"] = refund["id"][-12:].upper()
    card["reference_status"] = "available"
    _updated(call, refund, previous)


def _updated(call: Call, refund: Json, previous: Json) -> None:
    """Store a refund's change and tell of it, under the event's newer name and its older one."""
    records.replace(call.tx, refund)
    for name in ("refund.updated", "charge.refund.updated"):
        events.record(call, name, refund, previous)


def _not_possible(refund: Json, what: str) -> InvalidRequestError:
    return InvalidRequestError(f"A refund that is {refund['status']} cannot {what}.")
