"""Disputes: a buyer's bank takes a payment back, the shop answers, the bank decides.

An inquiry is one that takes no money yet. Sources: Stripe's pages "How disputes work" and "The
Dispute object".
"""

from . import dispute_objects, events, records
from .calls import Call
from .errors import InvalidRequestError
from .listing import created_filter, list_object, window
from .objects import CHARGE, DISPUTE
from .payments import require
from .records import Json, Window

REASONS = (
    "bank_cannot_process", "check_returned", "credit_not_processed", "customer_initiated",
    "debit_not_authorized", "duplicate", "fraudulent", "general", "incorrect_account_details",
    "insufficient_funds", "noncompliant", "product_not_received", "product_unacceptable",
    "subscription_canceled", "unrecognized",
)  # fmt: skip
"""Why a payment can be disputed, in Stripe's words."""

_INQUIRIES = frozenset({"warning_needs_response", "warning_under_review"})
_OPEN = frozenset({"needs_response", "under_review", *_INQUIRIES})
_MOST_OF_A_CHARGE = 100


def retrieve(call: Call, _params: Json, dispute_id: str) -> Json:
    """`GET /v1/disputes/{id}`."""
    return require(call, DISPUTE, dispute_id, param="dispute")


def list_disputes(call: Call, params: Json, _none: str) -> Json:
    """`GET /v1/disputes`, of one charge or payment intent if so asked."""
    filters = {
        "charge": params.get("charge"),
        "payment_intent": params.get("payment_intent"),
        **created_filter(params),
    }
    found, has_more = records.page(call.tx, DISPUTE, filters, window(params))
    return list_object("/v1/disputes", found, has_more=has_more)


def begin(
    call: Call,
    charge: Json,
    amount: int | None = None,
    reason: str = "fraudulent",
    *,
    inquiry: bool = False,
) -> Json:
    """Dispute what is left of a charge, or an amount of it; an inquiry withdraws no funds.

    InvalidRequestError where there is nothing to dispute, or one dispute is open already.
    """
    if reason not in REASONS:
        raise InvalidRequestError(f"Invalid reason: must be one of {', '.join(REASONS)}")
    amount = _disputed_amount(call, charge, amount)
    status = "warning_needs_response" if inquiry else "needs_response"
    dispute = dispute_objects.dispute(call, charge, amount, reason, status)
    records.insert(call.tx, dispute)
    charge["disputed"] = True
    records.replace(call.tx, charge)
    events.record(call, "charge.dispute.created", dispute)
    if not inquiry:
        _move(call, dispute, -amount, "charge.dispute.funds_withdrawn")
    return dispute


def answer(call: Call, dispute: Json) -> None:
    """Send the shop's evidence; InvalidRequestError unless the bank waits for it."""
    waiting = {"needs_response": "under_review", "warning_needs_response": "warning_under_review"}
    if dispute["status"] not in waiting:
        raise _not_possible(dispute, "answered")
    details = dispute["evidence_details"]
    names = ("has_evidence", "submission_count", "submission_method")
    previous = {
        "status": dispute["status"],
        "evidence_details": {name: details[name] for name in names},
    }
    dispute["status"] = waiting[dispute["status"]]
    details.update(has_evidence=True, submission_count=1, submission_method="manual")
    records.replace(call.tx, dispute)
    events.record(call, "charge.dispute.updated", dispute, previous)


def win(call: Call, dispute: Json) -> None:
    """Let the bank decide for the shop, which gets its money back; an inquiry is just closed.

    InvalidRequestError for a dispute that is closed.
    """
    is_inquiry = dispute["status"] in _INQUIRIES
    _close(call, dispute, "warning_closed" if is_inquiry else "won", is_refundable=True)
    if not is_inquiry:
        _move(call, dispute, dispute["amount"], "charge.dispute.funds_reinstated")


def lose(call: Call, dispute: Json) -> None:
    """Let the bank decide for the buyer, whose money is gone for good.

    What it was not about can be refunded afterwards. InvalidRequestError for a dispute that is
    closed, and for an inquiry: nobody decides those.
    """
    if dispute["status"] in _INQUIRIES:
        raise _not_possible(dispute, "lost")
    charge = require(call, CHARGE, dispute["charge"], param="charge")
    left = charge["amount"] - charge["amount_refunded"] - amount_lost(call, charge)
    _close(call, dispute, "lost", is_refundable=dispute["amount"] < left)


def is_refundable(call: Call, charge: Json) -> bool:
    """Tell whether no dispute keeps a charge from being refunded."""
    return all(dispute["is_charge_refundable"] for dispute in of_charge(call, charge))


def amount_lost(call: Call, charge: Json) -> int:
    """Return how much of a charge banks have for good."""
    lost = (one["amount"] for one in of_charge(call, charge) if one["status"] == "lost")
    return sum(lost)


def of_charge(call: Call, charge: Json) -> list[Json]:
    """Return the disputes about a charge, newest first."""
    found, _ = records.page(call.tx, DISPUTE, {"charge": charge["id"]}, Window(_MOST_OF_A_CHARGE))
    return found


def _disputed_amount(call: Call, charge: Json, wanted: int | None) -> int:
    if any(dispute["status"] in _OPEN for dispute in of_charge(call, charge)):
        raise InvalidRequestError(f"Charge {charge['id']} is disputed already.")
    # What a bank has got for good it does not ask for again.
    most: int = charge["amount"] - amount_lost(call, charge)
    amount = most - charge["amount_refunded"] if wanted is None else wanted
    if charge["status"] != "succeeded" or not 1 <= amount <= most:
        raise InvalidRequestError(f"There is nothing to dispute about charge {charge['id']}.")
    return amount


def _close(call: Call, dispute: Json, status: str, *, is_refundable: bool) -> None:
    if dispute["status"] not in _OPEN:
        raise _not_possible(dispute, "closed")
    previous = {name: dispute[name] for name in ("is_charge_refundable", "status")}
    dispute["status"] = status
    dispute["is_charge_refundable"] = is_refundable
    records.replace(call.tx, dispute)
    events.record(call, "charge.dispute.closed", dispute, previous)


def _move(call: Call, dispute: Json, amount: int, event_type: str) -> None:
    movement = dispute_objects.dispute_transaction(call, dispute, amount)
    dispute["balance_transactions"].append(movement)
    records.replace(call.tx, dispute)
    events.record(call, event_type, dispute)


def _not_possible(dispute: Json, what: str) -> InvalidRequestError:
    return InvalidRequestError(f"A dispute that is {dispute['status']} cannot be {what}.")
