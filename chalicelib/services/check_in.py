"""Letting people in: each ticket once, at whichever door is first."""

from secrets import token_hex
from typing import TYPE_CHECKING

from chalicelib.domain.audit import AuditEntry, Subject
from chalicelib.domain.clock import Clock, to_iso
from chalicelib.domain.order_changes import check_in
from chalicelib.domain.orders import Order
from chalicelib.domain.tickets import CheckIn, TicketCode, read_code
from chalicelib.errors import NotFound, TicketRefused
from chalicelib.log_context import bind_order
from chalicelib.services.auditing import Auditor
from chalicelib.services.events_of_orders import is_of_event
from chalicelib.services.order_updates import update

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog, EventReader, Meter, OrderStore


class Doors:
    """The use case behind `POST /api/admin/tickets/{code}/check-in`."""

    def __init__(
        self,
        *,
        orders: "OrderStore",
        events: "EventReader",
        auditor: Auditor,
        clock: Clock,
        log: "AuditLog",
        meter: "Meter",
    ) -> None:
        self._orders = orders
        self._events = events
        self._auditor = auditor
        self._clock = clock
        self._log = log
        self._meter = meter

    def check_in(
        self, code: str, door: str | None, scan: str | None, by: str, event: str | None = None
    ) -> tuple[Order, CheckIn]:
        """Let the holder of a ticket in; return its order and how it came in.

        `scan` names the request: a repeat of it at the same door is answered as the first was.
        `event` is the id (all digits) or the slug of the event that the door is of; without it,
        tickets of all events are taken. Raises `NotFound` or `TicketRefused`.
        """
        try:
            return self._check_in(code, door, scan, by, event)
        except TicketRefused:
            self._meter.count("CheckInRefused")
            raise

    def _check_in(
        self, code: str, door: str | None, scan: str | None, by: str, event: str | None
    ) -> tuple[Order, CheckIn]:
        ticket = read_code(code)
        order = None if ticket is None else self._orders.get(ticket.order_id)
        if ticket is None or order is None or not _has(order, ticket):
            raise NotFound("no such ticket")
        bind_order(order.id)
        if event is not None and not is_of_event(self._events, order, event):
            raise TicketRefused(f"this ticket is for another event: {order.event_name}")
        # Each request has a name, so that it knows its own entry where the store's answer got lost.
        entry = CheckIn(ticket.number, self._clock(), door, scan or token_hex(8))

        def admit(current: Order) -> Order:
            return _admitted(current, entry)

        def note(_before: Order, after: Order) -> AuditEntry:
            details = {"ticket": ticket.number, "eventId": after.event_id}
            return self._auditor.entry(
                "ticket_checked_in", Subject.order(after.id), by, details=details
            )

        admitted = update(self._orders, order, admit, note)
        first = admitted.order.check_in(ticket.number) or entry
        if admitted.made:
            self._log.audit(
                "ticket_checked_in",
                {"orderId": order.id, "ticket": ticket.number, "door": door, "by": by},
            )
            self._meter.count("TicketCheckedIn")
        return admitted.order, first


def _has(order: Order, ticket: TicketCode) -> bool:
    """Tell whether the ticket is the order's, its secret included."""
    codes = order.ticket_codes()
    if not 1 <= ticket.number <= len(codes):
        return False
    return codes[ticket.number - 1].has_secret(ticket.secret)


def _admitted(order: Order, entry: CheckIn) -> Order:
    if not order.admits(entry.number):
        raise TicketRefused("this ticket is not valid: it was refunded or its payment is disputed")
    known = order.check_in(entry.number)
    if known is None:
        return check_in(order, entry)
    if (known.scan, known.door) == (entry.scan, entry.door):
        return order
    at, door = to_iso(known.at), known.door
    where = f" at {door}" if door else ""
    raise TicketRefused(f"this ticket was used at {at}{where}", at, door)
