"""The API's read operations on payment intents, charges and the balance."""

from collections import Counter

from . import records
from .calls import Call
from .errors import MissingResourceError
from .objects import CHARGE, DISPUTE, PAYMENT_INTENT
from .records import Json


def retrieve_intent(call: Call, _params: Json, intent_id: str) -> Json:
    """`GET /v1/payment_intents/{id}`."""
    return require(call, PAYMENT_INTENT, intent_id, param="intent")


def retrieve_charge(call: Call, _params: Json, charge_id: str) -> Json:
    """`GET /v1/charges/{id}`."""
    return require(call, CHARGE, charge_id, param="charge")


def retrieve_balance(call: Call, _params: Json, _none: str) -> Json:
    """`GET /v1/balance`: what was captured less what was refunded or taken by disputes, with no
    fees, per currency.
    """
    funds: Counter[str] = Counter()
    for charge in records.everything(call.tx, CHARGE):
        funds[charge["currency"]] += charge["amount_captured"] - charge["amount_refunded"]
    for dispute in records.everything(call.tx, DISPUTE):
        funds[dispute["currency"]] += sum(
            movement["amount"] for movement in dispute["balance_transactions"]
        )
    if not funds:
        funds["usd"] = 0
    available = [
        {"amount": amount, "currency": currency, "source_types": {"card": amount}}
        for currency, amount in sorted(funds.items())
    ]
    pending = [
        {"amount": 0, "currency": currency, "source_types": {"card": 0}}
        for currency in sorted(funds)
    ]
    return {"object": "balance", "available": available, "livemode": False, "pending": pending}


def require(call: Call, kind: str, object_id: str, *, param: str) -> Json:
    """Find the object of this kind and id, or raise MissingResourceError."""
    found = records.find(call.tx, kind, object_id)
    if found is None:
        raise MissingResourceError(kind, object_id, param=param)
    return found.body
