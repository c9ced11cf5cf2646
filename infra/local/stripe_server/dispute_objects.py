"""The shapes of a dispute as it is first made, and of the money that it moves.

How one changes later is `disputes`'s. Fields follow the classes of the SDK.
"""

from .calls import Call
from .ids import new_id
from .objects import BALANCE_TRANSACTION, DISPUTE
from .records import Json

_NETWORK_REASON = "10.4"
_DAYS_TO_RESPOND = 9
_EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy",
    "cancellation_policy_disclosure", "cancellation_rebuttal", "customer_communication",
    "customer_email_address", "customer_name", "customer_purchase_ip", "customer_signature",
    "duplicate_charge_documentation", "duplicate_charge_explanation", "duplicate_charge_id",
    "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address",
    "shipping_carrier", "shipping_date", "shipping_documentation", "shipping_tracking_number",
    "uncategorized_file", "uncategorized_text",
)  # fmt: skip


def dispute(call: Call, charge: Json, amount: int, reason: str, status: str) -> Json:
    """Make a dispute about a charge, with no evidence and no money moved yet."""
    method = charge["payment_method_details"]["type"]
    details: Json = {"type": method}
    if method == "card":
        details["card"] = {
            "brand": "visa",
            "case_type": "inquiry" if status.startswith("warning") else "chargeback",
            "network": "visa",
            "network_reason_code": _NETWORK_REASON,
        }
    return {
        "id": new_id("dp_1"),
        "object": DISPUTE,
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(_EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": call.now + _DAYS_TO_RESPOND * 86_400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "intended_submission_method": None,
        "is_charge_refundable": status.startswith("warning"),
        "livemode": False,
        "metadata": {},
        "network_reason_code": _NETWORK_REASON if method == "card" else None,
        "payment_intent": charge["payment_intent"],
        "payment_method_details": details,
        "reason": reason,
        "status": status,
    }


def dispute_transaction(call: Call, dispute: Json, amount: int) -> Json:
    """Make the movement of a dispute's money: negative where it is withdrawn. There are no fees."""
    reversal = " reversal" if amount > 0 else ""
    return {
        "id": new_id("txn_1"),
        "object": BALANCE_TRANSACTION,
        "amount": amount,
        "available_on": call.now,
        "balance_type": "payments",
        "created": call.now,
        "currency": dispute["currency"],
        "description": f"Chargeback{reversal} for {dispute['charge']}",
        "exchange_rate": None,
        "fee": 0,
        "fee_details": [],
        "net": amount,
        "reporting_category": "dispute_reversal" if amount > 0 else "dispute",
        "source": dispute["id"],
        "status": "available",
        "type": "adjustment",
    }
