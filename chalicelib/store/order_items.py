"""How orders are written as items, and read back."""

import json
from datetime import datetime
from typing import Any

from chalicelib.domain.clock import from_iso, to_iso
from chalicelib.domain.orders import HistoryEntry, MailStatus, Order, OrderStatus
from chalicelib.domain.refunds import Dispute, DisputeStatus, Refund, RefundStatus
from chalicelib.domain.tickets import CheckIn
from chalicelib.store.models import OrderModel
from chalicelib.store.reading import RawItem, number, text

# An index entry of an order is written when it is placed and when it is due another time; one
# partition takes about 1,000 such writes a second, so popular minutes are spread over several.
SHARDS = tuple(str(shard) for shard in range(8))


def shard_of(order_id: str) -> str:
    """Return the partition of an order in indexes that know no better."""
    return SHARDS[sum(order_id.encode()) % len(SHARDS)]


def order_item(order: Order) -> OrderModel:
    """Return the item of an order."""
    return OrderModel(
        order.id,
        version=order.version,
        event_id=order.event_id,
        event_slug=order.event_slug,
        event_name=order.event_name,
        quantity=order.quantity,
        unit_price=order.unit_price,
        amount_total=order.amount_total,
        currency=order.currency,
        status=order.status.value,
        created_at=to_iso(order.created_at),
        created_key=order.id,
        shard=shard_of(order.id),
        updated_at=to_iso(order.updated_at),
        hold_expires_at=to_iso(order.hold_expires_at),
        due_at=order.due_at and to_iso(order.due_at),
        session_id=order.session_id,
        customer_email=order.customer_email,
        user_id=order.user_id,
        awaiting_since=order.awaiting_since and to_iso(order.awaiting_since),
        history=_json([[to_iso(step.at), step.status, step.cause] for step in order.history]),
        **_payment(order),
    )


def _payment(order: Order) -> dict[str, Any]:
    """Return what came of an order's payment, by the attributes' names in the model; None is left
    out of the item.
    """
    return {
        "paid_at": order.paid_at and to_iso(order.paid_at),
        "amount_paid": order.amount_paid or None,
        "payment_intent_id": order.payment_intent_id,
        "tickets": " ".join(order.tickets) or None,
        "voided": " ".join(map(str, order.voided)) or None,
        "seats_returned": order.seats_returned or None,
        "places": places_text(order),
        "check_ins": _json([_check_in_row(entry) for entry in order.check_ins]),
        "refunds": _json([_refund_row(refund) for refund in order.refunds]),
        "disputes": _json([_dispute_row(dispute) for dispute in order.disputes]),
        "mail": None if order.mail is MailStatus.NONE else order.mail.value,
        "mail_claimed_until": order.mail_claimed_until and to_iso(order.mail_claimed_until),
    }


def read_order(item: RawItem) -> Order:
    """Return the order of an item."""
    return Order(
        id=text(item, "id"),
        version=number(item, "version"),
        event_id=number(item, "eventId"),
        event_slug=text(item, "eventSlug"),
        event_name=text(item, "eventName"),
        quantity=number(item, "quantity"),
        unit_price=number(item, "unitPrice"),
        amount_total=number(item, "amountTotal"),
        currency=text(item, "currency"),
        status=OrderStatus(text(item, "status")),
        created_at=from_iso(text(item, "createdAt")),
        updated_at=from_iso(text(item, "updatedAt")),
        hold_expires_at=from_iso(text(item, "holdExpiresAt")),
        due_at=_time(item, "dueAt"),
        session_id=_optional(item, "sessionId"),
        customer_email=_optional(item, "customerEmail"),
        user_id=_optional(item, "userId"),
        awaiting_since=_time(item, "awaitingSince"),
        history=tuple(
            HistoryEntry(from_iso(at), OrderStatus(status), cause)
            for at, status, cause in _rows(item, "history")
        ),
        paid_at=_time(item, "paidAt"),
        amount_paid=_number(item, "amountPaid"),
        payment_intent_id=_optional(item, "paymentIntentId"),
        tickets=tuple((_optional(item, "tickets") or "").split()),
        voided=tuple(int(one) for one in (_optional(item, "voided") or "").split()),
        seats_returned=_number(item, "seatsReturned"),
        places=_places(item),
        check_ins=tuple(_check_in(row) for row in _rows(item, "checkIns")),
        refunds=tuple(_refund(row) for row in _rows(item, "refunds")),
        disputes=tuple(_dispute(row) for row in _rows(item, "disputes")),
        mail=MailStatus(_optional(item, "mail") or MailStatus.NONE),
        mail_claimed_until=_time(item, "mailClaimedUntil"),
    )


def read_if_possible(item: RawItem) -> Order | None:
    """Return the order of an item, or None where this version of the program cannot read it: a
    later one stored it in a status that this one does not know, say.
    """
    try:
        return read_order(item)
    except (KeyError, TypeError, ValueError):
        return None


def places_text(order: Order) -> str | None:
    """Write where an order's seats are; None where it is the event's own item."""
    return json.dumps(dict(order.places), separators=(",", ":")) if order.places else None


def _places(item: RawItem) -> tuple[tuple[int, int], ...]:
    places = json.loads(text(item, "places")) if "places" in item else {}
    return tuple((int(place), count) for place, count in places.items())


def _check_in_row(entry: CheckIn) -> list[Any]:
    return [entry.number, to_iso(entry.at), entry.door, entry.scan]


def _check_in(row: list[Any]) -> CheckIn:
    number_, at, door, scan = row
    return CheckIn(number_, from_iso(at), door, scan)


def _refund_row(refund: Refund) -> dict[str, Any]:
    return {
        "key": refund.key,
        "amount": refund.amount,
        "status": refund.status.value,
        "at": to_iso(refund.at),
        "returnsSeats": refund.returns_seats,
        "quantity": refund.quantity,
        "reason": refund.reason,
        "stripeId": refund.stripe_id,
        "failure": refund.failure,
    }


def _refund(row: dict[str, Any]) -> Refund:
    return Refund(
        key=row["key"],
        amount=row["amount"],
        status=RefundStatus(row["status"]),
        at=from_iso(row["at"]),
        returns_seats=row["returnsSeats"],
        quantity=row["quantity"],
        reason=row["reason"],
        stripe_id=row["stripeId"],
        failure=row["failure"],
    )


def _dispute_row(dispute: Dispute) -> dict[str, Any]:
    return {
        "id": dispute.id,
        "status": dispute.status.value,
        "amount": dispute.amount,
        "reason": dispute.reason,
        "at": to_iso(dispute.at),
    }


def _dispute(row: dict[str, Any]) -> Dispute:
    return Dispute(
        id=row["id"],
        status=DisputeStatus(row["status"]),
        amount=row["amount"],
        reason=row["reason"],
        at=from_iso(row["at"]),
    )


def _json(rows: list[Any]) -> str | None:
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")) if rows else None


def _rows(item: RawItem, name: str) -> list[Any]:
    rows: list[Any] = json.loads(text(item, name)) if name in item else []
    return rows


def _optional(item: RawItem, name: str) -> str | None:
    return text(item, name) if name in item else None


def _time(item: RawItem, name: str) -> datetime | None:
    return from_iso(text(item, name)) if name in item else None


def _number(item: RawItem, name: str) -> int:
    return number(item, name) if name in item else 0
