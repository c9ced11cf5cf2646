"""Orders as JSON: as their buyers see them, and as admins do."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from chalicelib.domain.clock import to_iso
from chalicelib.domain.events import EventRecord
from chalicelib.domain.money import to_major
from chalicelib.domain.orders import Order, OrderStatus
from chalicelib.domain.refunds import Refund, Why
from chalicelib.domain.tickets import TicketCode

Json = dict[str, Any]

_OWN_REASONS = frozenset(why.value for why in Why)
_EVENT_OF_TICKETS = ("name", "slug", "date", "location", "city")


def public_order(order: Order) -> Json:
    """Return an order as its buyer sees it. Without its session's id, which is a key to it."""
    return {
        "id": order.id,
        "status": order.status.value,
        "event": event_of(order),
        "quantity": order.quantity,
        "unitPrice": to_major(order.unit_price, order.currency),
        "totalAmount": to_major(order.amount_total, order.currency),
        "currency": order.currency,
        "amountRefunded": to_major(order.amount_returned, order.currency),
        "createdAt": to_iso(order.created_at),
        "updatedAt": to_iso(order.updated_at),
        "expiresAt": _iso(_expires_at(order)),
        "paidAt": _iso(order.paid_at),
        "refunds": [_public_refund(refund, order.currency) for refund in _by_time(order)],
        "goodTickets": order.good_tickets,
    }


def listed_order(order: Order) -> Json:
    """Return an order as the admins' list has it."""
    return {
        **public_order(order),
        "refunds": [_listed_refund(refund, order.currency) for refund in _by_time(order)],
        "userId": order.user_id,
        "customerEmail": order.customer_email,
        "sessionId": order.session_id,
        "paymentIntentId": order.payment_intent_id,
        "mail": order.mail.value,
        "dueAt": _iso(order.due_at),
    }


def admin_order(order: Order) -> Json:
    """Return all of an order, its tickets' codes too."""
    return {
        **listed_order(order),
        "refunds": [_refund(refund, order.currency) for refund in _by_time(order)],
        "disputes": [
            {
                "id": dispute.id,
                "status": dispute.status.value,
                "amount": to_major(dispute.amount, order.currency),
                "reason": dispute.reason,
                "at": to_iso(dispute.at),
            }
            for dispute in order.disputes
        ],
        "tickets": [_admin_ticket(order, code) for code in order.ticket_codes()],
        "history": [
            {"at": to_iso(step.at), "status": step.status.value, "cause": step.cause}
            for step in order.history
        ],
    }


def tickets_of(
    order: Order, event: EventRecord | None, pictures: Callable[[str], Mapping[str, str]]
) -> Json:
    """Return an order's tickets; `pictures` makes those of a code. Void ones come without."""
    return {
        "orderId": order.id,
        "event": None if event is None else _event_of_tickets(event),
        "tickets": [_ticket(order, code, pictures) for code in order.ticket_codes()],
    }


def event_of(order: Order) -> Json:
    """Return which event an order is of, as it was called then."""
    return {"id": order.event_id, "slug": order.event_slug, "name": order.event_name}


def why_returned(order: Order) -> str | None:
    """Return why an order's money went back by itself, or None where it did not."""
    reasons = (refund.reason for refund in order.refunds)
    return next((reason for reason in reasons if reason in _OWN_REASONS), None)


def _expires_at(order: Order) -> datetime | None:
    """Return until when an order can be paid; one whose payment is on the way is past that."""
    can_be_paid = order.status is OrderStatus.PENDING and order.awaiting_since is None
    return order.hold_expires_at if can_be_paid else None


def _by_time(order: Order) -> list[Refund]:
    """Return an order's refunds as they came, the first one first."""
    return sorted(order.refunds, key=lambda refund: (refund.at, refund.key))


def _public_refund(refund: Refund, currency: str) -> Json:
    # What an admin wrote, here or in Stripe's dashboard, is none of the buyer's business.
    reason = refund.reason if refund.reason in _OWN_REASONS else None
    return {**_listed_refund(refund, currency), "reason": reason}


def _listed_refund(refund: Refund, currency: str) -> Json:
    return {
        "amount": to_major(refund.amount, currency),
        "status": refund.status.value,
        "reason": refund.reason,
        "createdAt": to_iso(refund.at),
    }


def _refund(refund: Refund, currency: str) -> Json:
    return {
        **_listed_refund(refund, currency),
        "key": refund.key,
        "stripeId": refund.stripe_id,
        "quantity": refund.quantity,
        "returnsSeats": refund.returns_seats,
        "failure": refund.failure,
    }


def _admin_ticket(order: Order, code: TicketCode) -> Json:
    entry = order.check_in(code.number)
    return {
        "number": code.number,
        "code": str(code),
        "status": _status(order, code.number),
        "checkedInAt": None if entry is None else to_iso(entry.at),
        "door": None if entry is None else entry.door,
    }


def _ticket(order: Order, code: TicketCode, pictures: Callable[[str], Mapping[str, str]]) -> Json:
    entry, is_good = order.check_in(code.number), order.admits(code.number)
    return {
        "number": code.number,
        "code": str(code) if is_good else None,
        "status": _status(order, code.number),
        "checkedInAt": None if entry is None else to_iso(entry.at),
        "qr": dict(pictures(str(code))) if is_good else None,
    }


def _status(order: Order, number: int) -> str:
    if not order.admits(number):
        return "void"
    return "valid" if order.check_in(number) is None else "used"


def _event_of_tickets(event: EventRecord) -> Json:
    shown = json.loads(event.public)
    return {name: shown[name] for name in _EVENT_OF_TICKETS}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else to_iso(moment)
