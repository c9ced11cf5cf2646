"""Orders in DynamoDB, and the seats they hold. Each change is one transaction whose conditions
are the rules: seats are held only where they are free, and an order leaves `pending` once.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pynamodb.connection.base import Connection
from pynamodb.exceptions import UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.domain.clock import from_iso, to_iso
from chalicelib.domain.events import EventStatus
from chalicelib.domain.orders import (
    Cause,
    CheckoutSession,
    HistoryEntry,
    Order,
    OrderStatus,
    may_follow,
)
from chalicelib.errors import Conflict, EventsApiError, NotFound, PriceMismatch, SoldOut
from chalicelib.services.ports import Change
from chalicelib.store.connection import code_of, unavailable
from chalicelib.store.events import DynamoEventStore
from chalicelib.store.models import EventModel, OrderModel, SeenEventModel
from chalicelib.store.reading import RawItem, get_raw, number, text
from chalicelib.store.transactions import ConditionFailed, Put, Transaction, Update

# Stripe repeats a webhook for up to three days ("Webhooks", retry behaviour) and shows events for
# thirty; a record older than that cannot meet its repeat.
_REMEMBER_EVENTS_FOR = timedelta(days=30)
# A pending order's index entry is written and removed once each; one partition takes about 1,000
# such writes a second, so popular minutes are spread over several.
_PENDING_SHARDS = 8


class IntegrityError(EventsApiError):
    """Held seats and orders do not add up. Never expected: the write that found it was refused."""


class DynamoOrderStore:
    """`services.ports.OrderStore` on DynamoDB."""

    def __init__(self, connection: Connection, events: DynamoEventStore) -> None:
        self._connection = connection
        self._events = events
        self._table = OrderModel.Meta.table_name

    def place_hold(self, order: Order) -> None:
        """Hold the order's seats and store it as pending, both or neither.

        Raises `NotFound`, `SalesClosed`, `SoldOut`, or `PriceMismatch` if the event's price is
        not (any more) the order's.
        """
        transaction = Transaction(
            self._connection,
            puts=[Put("order", order_item(order), OrderModel.id.does_not_exist())],
            updates=[
                Update(
                    "stock",
                    EventModel(order.event_slug),
                    [EventModel.free.add(-order.quantity), EventModel.held.add(order.quantity)],
                    hold_condition(order),
                )
            ],
        )
        try:
            transaction.commit()
        except ConditionFailed as failed:
            if "order" in failed.labels:
                raise IntegrityError("an order with this id exists already") from failed
            raise self._why_not_held(order) from failed

    def _why_not_held(self, order: Order) -> EventsApiError:
        """Find out which part of the hold's condition did not hold.

        Where nothing is wrong any more, seats came free a moment after they were asked for.
        """
        event = self._events.get(order.event_slug, consistent=True)
        if event is None:
            return NotFound("no such event")
        try:
            event.ensure_on_sale(order.quantity, order.created_at)
        except EventsApiError as error:
            return error
        if event.slug != order.event_slug:
            return Conflict("the event has just moved to another address; reload it and try again")
        if (event.price, event.currency) != (order.unit_price, order.currency):
            return PriceMismatch("the price has just changed; reload the event and try again")
        return SoldOut("these seats were taken a moment ago; try again")

    def get(self, order_id: str) -> Order | None:
        """Return the order, as of every write that was acknowledged."""
        item = get_raw(self._connection, self._table, order_id, consistent=True)
        if item is None or "quantity" not in item:
            return None
        return _order(item)

    def attach_session(self, order_id: str, session: CheckoutSession) -> Change:
        """Note the checkout session on a pending order."""
        actions = [OrderModel.session_id.set(session.id)]
        condition = pending_condition()
        return self._change(order_id, actions, condition)

    def mark_paid(
        self, order: Order, session: CheckoutSession, cause: Cause, at: datetime
    ) -> Change:
        """Turn the order's held seats into sold ones: pending → paid."""
        details = [OrderModel.session_id.set(session.id)]
        if session.payment_intent_id is not None:
            details.append(OrderModel.payment_intent_id.set(session.payment_intent_id))
        to_sold = [EventModel.held.add(-order.quantity), EventModel.sold.add(order.quantity)]
        return self._leave_pending(order, OrderStatus.PAID, cause, at, to_sold, details)

    def release(self, order: Order, status: OrderStatus, cause: Cause, at: datetime) -> Change:
        """Give the order's held seats back: pending → expired or failed."""
        to_free = [EventModel.held.add(-order.quantity), EventModel.free.add(order.quantity)]
        return self._leave_pending(order, status, cause, at, to_free, [])

    def await_payment(self, order: Order, cause: Cause, at: datetime, until: datetime) -> Change:
        """Keep a pending order's hold while its payment is on the way."""
        actions = [
            OrderModel.awaiting_since.set(to_iso(at)),
            OrderModel.hold_expires_at.set(to_iso(until)),
            OrderModel.updated_at.set(to_iso(at)),
            _remember(at, OrderStatus.PENDING, cause),
        ]
        condition = pending_condition() & OrderModel.awaiting_since.does_not_exist()
        return self._change(order.id, actions, condition)

    def note_late_payment(
        self, order: Order, session: CheckoutSession, cause: Cause, at: datetime
    ) -> Change:
        """Note, once, that an order was paid after its seats went back."""
        actions = [
            OrderModel.paid_late_at.set(to_iso(at)),
            _remember(at, order.status, Cause(f"paid_late:{cause.text}")),
        ]
        if session.payment_intent_id is not None:
            actions.append(OrderModel.payment_intent_id.set(session.payment_intent_id))
        condition = OrderModel.id.exists() & OrderModel.paid_late_at.does_not_exist()
        return self._change(order.id, actions, condition)

    def _leave_pending(
        self,
        order: Order,
        status: OrderStatus,
        cause: Cause,
        at: datetime,
        stock: Sequence[Action],
        details: Sequence[Action],
    ) -> Change:
        if not may_follow(OrderStatus.PENDING, status):
            raise IntegrityError(f"no pending order becomes {status.value}")
        change = Update(
            "order",
            OrderModel(order.id),
            [
                OrderModel.status.set(status.value),
                OrderModel.updated_at.set(to_iso(at)),
                OrderModel.pending_shard.remove(),
                _remember(at, status, cause),
                *details,
            ],
            pending_condition(),
        )
        try:
            self._commit_with_stock(order, change, stock, _seen(order, cause, at))
        except ConditionFailed as failed:
            return self._what_became(order, status, failed)
        return Change.MADE

    def _commit_with_stock(
        self, order: Order, change: Update, stock: Sequence[Action], seen: Sequence[Put]
    ) -> None:
        """Change the order and its event's stock together; where the event has another slug by
        now, the stock is there.
        """
        slug = order.event_slug
        while True:
            held = (EventModel.id == order.event_id) & (EventModel.held >= order.quantity)
            stock_update = Update("stock", EventModel(slug), stock, held)
            try:
                Transaction(self._connection, puts=seen, updates=[change, stock_update]).commit()
            except ConditionFailed as failed:
                if failed.labels != {"stock"}:
                    raise
                now = self._events.slug_now(slug, order.event_id)
                if now is None or now == slug:
                    raise
                slug = now
            else:
                return

    def _what_became(self, order: Order, status: OrderStatus, failed: ConditionFailed) -> Change:
        """Tell a repeat from an order that went another way."""
        current = self.get(order.id)
        if current is None:
            return Change.REFUSED
        if current.status is OrderStatus.PENDING:
            raise IntegrityError(f"order {order.id} and what goes with it disagree") from failed
        return Change.ALREADY if current.has_been(status) else Change.REFUSED

    def _change(self, order_id: str, actions: Sequence[Action], condition: Condition) -> Change:
        try:
            self._connection.update_item(
                self._table, order_id, actions=actions, condition=condition
            )
        except UpdateError as error:
            if code_of(error) == "ConditionalCheckFailedException":
                return Change.REFUSED
            raise unavailable(error) from error
        return Change.MADE


def hold_condition(order: Order) -> Condition:
    """Return what must hold of an event for the order's seats to be held."""
    condition: Condition = (
        (EventModel.id == order.event_id)
        & (EventModel.status == EventStatus.PUBLISHED.value)
        & (EventModel.date > to_iso(order.created_at))
        & (EventModel.price == order.unit_price)
        & (EventModel.currency == order.currency)
        & (EventModel.free >= order.quantity)
    )
    return condition


def pending_condition() -> Condition:
    """Return what must hold of an order for its seats to be sold or given back."""
    condition: Condition = OrderModel.status == OrderStatus.PENDING.value
    return condition


def _remember(at: datetime, status: OrderStatus, cause: Cause) -> Action:
    entry = [[to_iso(at), status.value, cause.text]]
    return OrderModel.history.set(OrderModel.history.append(entry))


def _seen(order: Order, cause: Cause, at: datetime) -> list[Put]:
    """Record the Stripe event that brought the news, if one did and it is new."""
    if cause.stripe_event_id is None:
        return []
    item = SeenEventModel(
        f"stripe-event#{cause.stripe_event_id}",
        order_id=order.id,
        expires_at=at + _REMEMBER_EVENTS_FOR,
    )
    return [Put("seen", item, SeenEventModel.id.does_not_exist())]


def order_item(order: Order) -> OrderModel:
    """Return the item of a new, pending order."""
    return OrderModel(
        order.id,
        event_id=order.event_id,
        event_slug=order.event_slug,
        event_name=order.event_name,
        quantity=order.quantity,
        unit_price=order.unit_price,
        amount_total=order.amount_total,
        currency=order.currency,
        status=order.status.value,
        created_at=to_iso(order.created_at),
        # An order's id is a ULID: it sorts by its time, and unlike a time it is unique.
        created_key=order.id,
        updated_at=to_iso(order.updated_at),
        hold_expires_at=to_iso(order.hold_expires_at),
        pending_shard=str(sum(order.id.encode()) % _PENDING_SHARDS),
        customer_email=order.customer_email,
        history=[[to_iso(entry.at), entry.status.value, entry.cause] for entry in order.history],
    )


def _order(item: RawItem) -> Order:
    return Order(
        id=text(item, "id"),
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
        session_id=_optional(item, "sessionId"),
        payment_intent_id=_optional(item, "paymentIntentId"),
        customer_email=_optional(item, "customerEmail"),
        history=tuple(_entry(entry["L"]) for entry in item["history"]["L"]),
    )


def _optional(item: RawItem, name: str) -> str | None:
    return text(item, name) if name in item else None


def _entry(parts: list[dict[str, Any]]) -> HistoryEntry:
    at, status, cause = (part["S"] for part in parts)
    return HistoryEntry(from_iso(at), OrderStatus(status), cause)
