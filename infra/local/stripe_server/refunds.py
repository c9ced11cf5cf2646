"""The refund operations of the API: all or part of a charge, never more than was paid."""

from . import currencies, events, objects, records
from .calls import Call
from .errors import InvalidRequestError, NotModelledError
from .listing import created_filter, list_object, window
from .metadata import accepted
from .objects import CHARGE, PAYMENT_INTENT, REFUND
from .parameters import too_small
from .payments import require
from .records import Json

_MODELLED = frozenset({"amount", "charge", "expand", "metadata", "payment_intent", "reason"})


def create(call: Call, params: Json, _none: str) -> Json:
    """`POST /v1/refunds`; without `amount` all that is left is refunded."""
    for name, value in params.items():
        # A transfer or an application fee that is not to be touched does not exist here anyway.
        if name not in _MODELLED and value is not False:
            raise NotModelledError(name)
    metadata = accepted(params.get("metadata"))
    charge = _charge_to_refund(call, params)
    amount = _amount_to_refund(charge, params.get("amount"))
    refund = objects.refund(call, charge, amount, {**params, "metadata": metadata})
    records.insert(call.tx, refund)
    previous = {key: charge[key] for key in ("amount_refunded", "refunded")}
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    records.replace(call.tx, charge)
    events.record(call, "refund.created", refund)
    events.record(call, "charge.refunded", charge, previous)
    _give_reference(call, refund)
    return refund


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
    if charge["status"] != "succeeded":
        raise InvalidRequestError(
            f"There is nothing to refund: charge {charge['id']} is {charge['status']}.",
            code="charge_not_refundable",
        )
    return charge


def _amount_to_refund(charge: Json, wanted: int | None) -> int:
    left: int = charge["amount"] - charge["amount_refunded"]
    if left == 0:
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
    return wanted


def _give_reference(call: Call, refund: Json) -> None:
    """Card refunds are updated once the network has given them a reference."""
    card = refund["destination_details"].get("card")
    if card is None:
        return
    previous = {"destination_details": {"card": {"reference": None, "reference_status": "pending"}}}
    card["reference"] = refund["id"][-12:].upper()
    card["reference_status"] = "available"
    records.replace(call.tx, refund)
    events.record(call, "refund.updated", refund, previous)
