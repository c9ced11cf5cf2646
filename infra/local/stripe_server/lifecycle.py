"""What becomes of a session: paid, paid later, not paid after all, expired.

Each step changes the session, its payment intent and its charge, and records the events, in one
transaction. What sets a step off (a request, a button, a timer) is elsewhere.

Sources: Stripe's pages "Fulfill orders" and "Delayed notification payment methods".
"""

from collections.abc import Callable

from . import events, objects, records, timers
from .calls import Call
from .objects import CHARGE, PAYMENT_INTENT, SESSION
from .records import Json, Record


def is_overdue(call: Call, session: Json) -> bool:
    """Tell whether an open session's time has passed, even if its timer has not gone off yet."""
    return bool(session["status"] == "open" and call.now >= session["expires_at"])


def expire(call: Call, record: Record) -> None:
    """Close an open session for good."""
    session = record.body
    session["status"] = "expired"
    session["url"] = None
    timers.cancel(call.tx, session["id"], timers.EXPIRE)
    records.replace(call.tx, session)
    events.record(call, "checkout.session.expired", session)


def pay(call: Call, record: Record, email: str) -> None:
    """Complete an open session: with a payment that succeeds at once, or none for a zero total."""
    session = _complete(call, record, email)
    if session["amount_total"]:
        intent, charge = _begin(call, record, "card")
        _succeed(call, intent, charge)
        session["payment_status"] = "paid"
    records.replace(call.tx, session)
    events.record(call, "checkout.session.completed", session)


def pay_later(call: Call, record: Record, email: str, *, outcome: str) -> None:
    """Complete an open session with a payment whose `outcome` (a timer's action) comes later.

    A zero total has no outcome to wait for.
    """
    if not record.body["amount_total"]:
        pay(call, record, email)
        return
    promise(call, record, email)
    due = call.config.now() + call.config.async_delay
    timers.start(call.tx, record.body["id"], outcome, due)


def promise(call: Call, record: Record, email: str) -> None:
    """Complete an open session with a payment that is under way, and stays so."""
    session = _complete(call, record, email)
    intent, charge = _begin(call, record, objects.DELAYED_METHOD)
    intent["status"] = "processing"
    records.replace(call.tx, intent)
    events.record(call, "payment_intent.processing", intent)
    events.record(call, "charge.pending", charge)
    records.replace(call.tx, session)
    events.record(call, "checkout.session.completed", session)


def settle(call: Call, record: Record) -> None:
    """Let the delayed payment of a session come in."""
    session = record.body
    intent, charge = _payment_of(call, session)
    _succeed(call, intent, charge)
    session["payment_status"] = "paid"
    records.replace(call.tx, session)
    events.record(call, "checkout.session.async_payment_succeeded", session)


def fail(call: Call, record: Record) -> None:
    """Let the delayed payment be refused; the session stays complete and unpaid."""
    session = record.body
    intent, charge = _payment_of(call, session)
    charge["status"] = "failed"
    charge["failure_code"] = "insufficient_funds"
    charge["failure_message"] = "The bank returned the debit: the account's funds do not cover it."
    charge["outcome"] = objects.charge_outcome(succeeded=False)
    intent["status"] = "requires_payment_method"
    intent["payment_method"] = None
    intent["last_payment_error"] = {
        "charge": charge["id"],
        "code": "payment_intent_payment_attempt_failed",
        "message": charge["failure_message"],
        "type": "invalid_request_error",
    }
    records.replace(call.tx, charge)
    records.replace(call.tx, intent)
    events.record(call, "charge.failed", charge)
    events.record(call, "payment_intent.payment_failed", intent)
    events.record(call, "checkout.session.async_payment_failed", session)


_ACTIONS: dict[str, Callable[[Call, Record], None]] = {
    timers.EXPIRE: expire,
    timers.SETTLE: settle,
    timers.FAIL: fail,
}


def run_due_timer(call: Call) -> bool:
    """Do what the timer that is due longest says; False if none is due."""
    due = timers.take_due(call.tx, call.config.now())
    if due is None:
        return False
    session_id, action = due
    record = records.find(call.tx, SESSION, session_id)
    assert record is not None  # Sessions are never deleted.
    _ACTIONS[action](call, record)
    return True


def _complete(call: Call, record: Record, email: str) -> Json:
    session = record.body
    objects.complete_session(session, email)
    timers.cancel(call.tx, session["id"], timers.EXPIRE)
    return session


def _begin(call: Call, record: Record, method: str) -> tuple[Json, Json]:
    session = record.body
    intent = objects.payment_intent(call, session, record.private["payment_intent_data"])
    records.insert(call.tx, intent)
    events.record(call, "payment_intent.created", intent)
    charge = objects.charge(call, intent, session, method)
    records.insert(call.tx, charge)
    intent["latest_charge"] = charge["id"]
    intent["payment_method"] = charge["payment_method"]
    session["payment_intent"] = intent["id"]
    return intent, charge


def _payment_of(call: Call, session: Json) -> tuple[Json, Json]:
    intent = records.find(call.tx, PAYMENT_INTENT, session["payment_intent"])
    assert intent is not None  # A session that waits for an outcome has begun a payment.
    charge = records.find(call.tx, CHARGE, intent.body["latest_charge"])
    assert charge is not None  # So has its intent.
    return intent.body, charge.body


def _succeed(call: Call, intent: Json, charge: Json) -> None:
    charge["status"] = "succeeded"
    charge["paid"] = True
    charge["captured"] = True
    charge["amount_captured"] = charge["amount"]
    charge["outcome"] = objects.charge_outcome(succeeded=True)
    intent["status"] = "succeeded"
    intent["amount_received"] = intent["amount"]
    records.replace(call.tx, charge)
    records.replace(call.tx, intent)
    events.record(call, "charge.succeeded", charge)
    events.record(call, "payment_intent.succeeded", intent)
