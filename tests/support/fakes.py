"""The ports of `services.ports` in memory. The contract suite in `tests/contract` holds these and
the real store to the same behaviour, so what a test learns from a fake is true.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from chalicelib.domain.cities import City, public_city
from chalicelib.domain.clock import to_iso
from chalicelib.domain.events import Event, EventRecord, EventStatus, public_event, seats
from chalicelib.domain.orders import (
    Cause,
    CheckoutSession,
    HistoryEntry,
    Order,
    OrderStatus,
    PaymentStatus,
    RedirectUrls,
    SessionStatus,
)
from chalicelib.domain.text import fold
from chalicelib.errors import (
    EventsApiError,
    InvalidSession,
    NotFound,
    PriceMismatch,
    SlugTaken,
    SlugUnknown,
)
from chalicelib.services.ports import Change, CityEntry, Page, PageRequest


@dataclass
class FakeCities:
    """`CityStore` in memory."""

    cities: dict[str, CityEntry] = field(default_factory=dict)
    ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def next_id(self) -> int:
        return next(self.ids)

    def create(self, city: City) -> None:
        if city.slug in self.cities:
            raise SlugTaken(f"a city with the slug {city.slug} exists already")
        self.cities[city.slug] = CityEntry.of(public_city(city), 0)

    def get(self, slug: str) -> CityEntry | None:
        return self.cities.get(slug)

    def list_by_name(self, *, descending: bool, stop_after: int | None) -> list[CityEntry]:
        def key(entry: CityEntry) -> tuple[str, int]:
            city = entry.fields()
            return fold(city["name"]), city["id"]

        return sorted(self.cities.values(), key=key, reverse=descending)[:stop_after]

    def count(self) -> int:
        return len(self.cities)


@dataclass
class FakeEvents:
    """`EventStore` in memory."""

    cities: FakeCities = field(default_factory=FakeCities)
    records: dict[str, EventRecord] = field(default_factory=dict)
    described: dict[str, Event] = field(default_factory=dict)
    ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def next_id(self) -> int:
        return next(self.ids)

    def create(self, event: Event) -> None:
        if event.slug in self.records:
            raise SlugTaken(f"an event with the slug {event.slug} exists already")
        city = self.cities.cities.get(event.city_slug)
        if city is None:
            raise SlugUnknown("the event's city does not exist any more")
        published = int(event.status is EventStatus.PUBLISHED)
        self.cities.cities[event.city_slug] = replace(
            city, published_events=city.published_events + published
        )
        self.described[event.slug] = event
        self.records[event.slug] = EventRecord(
            public=public_event(event),
            id=event.id,
            slug=event.slug,
            status=event.status,
            date=event.date,
            price=event.price,
            currency=event.currency,
            capacity=event.capacity,
            free=seats(event.capacity),
            held=0,
            sold=0,
        )

    def get(self, slug: str, *, consistent: bool = False) -> EventRecord | None:
        return self.records.get(slug)

    def list_by_date(
        self, statuses: Sequence[EventStatus], city_slug: str | None, page: PageRequest
    ) -> Page:
        def key(event: Event) -> str:
            return f"{to_iso(event.date)}#{event.id:012d}"

        def follows(event: Event) -> bool:
            if page.after is None:
                return True
            return key(event) < page.after if page.descending else key(event) > page.after

        chosen = [
            event
            for event in self.described.values()
            if event.status in statuses and city_slug in {None, event.city_slug} and follows(event)
        ]
        chosen.sort(key=key, reverse=page.descending)
        shown = chosen[page.offset : page.offset + page.limit]
        more = len(chosen) > page.offset + page.limit
        return Page(tuple(public_event(e) for e in shown), key(shown[-1]) if more else None)

    def count(self, statuses: Sequence[EventStatus]) -> int:
        return sum(record.status in statuses for record in self.records.values())

    def move(self, slug: str, *, free: int = 0, held: int = 0, sold: int = 0) -> None:
        record = self.records[slug]
        self.records[slug] = replace(
            record, free=record.free + free, held=record.held + held, sold=record.sold + sold
        )


@dataclass
class FakeOrders:
    """`OrderStore` in memory."""

    events: FakeEvents = field(default_factory=FakeEvents)
    orders: dict[str, Order] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    paid_late: set[str] = field(default_factory=set)

    def place_hold(self, order: Order) -> None:
        event = self.events.get(order.event_slug, consistent=True)
        if event is None:
            raise NotFound("no such event")
        event.ensure_on_sale(order.quantity, order.created_at)
        if (event.price, event.currency) != (order.unit_price, order.currency):
            raise PriceMismatch("the price has just changed; reload the event and try again")
        self.events.move(order.event_slug, free=-order.quantity, held=order.quantity)
        self.orders[order.id] = order

    def get(self, order_id: str) -> Order | None:
        return self.orders.get(order_id)

    def attach_session(self, order_id: str, session: CheckoutSession) -> Change:
        if self.orders[order_id].status is not OrderStatus.PENDING:
            return Change.REFUSED
        self.orders[order_id] = replace(self.orders[order_id], session_id=session.id)
        return Change.MADE

    def mark_paid(
        self, order: Order, session: CheckoutSession, cause: Cause, at: datetime
    ) -> Change:
        change = self._leave_pending(order, OrderStatus.PAID, cause, at)
        if change is Change.MADE:
            self.events.move(order.event_slug, held=-order.quantity, sold=order.quantity)
            self.orders[order.id] = replace(
                self.orders[order.id],
                session_id=session.id,
                payment_intent_id=session.payment_intent_id,
            )
        return change

    def release(self, order: Order, status: OrderStatus, cause: Cause, at: datetime) -> Change:
        change = self._leave_pending(order, status, cause, at)
        if change is Change.MADE:
            self.events.move(order.event_slug, held=-order.quantity, free=order.quantity)
        return change

    def await_payment(self, order: Order, cause: Cause, at: datetime, until: datetime) -> Change:
        current = self.orders[order.id]
        if current.status is not OrderStatus.PENDING or order.id in self.waiting:
            return Change.REFUSED
        self.waiting.add(order.id)
        self.orders[order.id] = replace(
            current,
            hold_expires_at=until,
            updated_at=at,
            history=(*current.history, HistoryEntry(at, current.status, cause.text)),
        )
        return Change.MADE

    def note_late_payment(
        self, order: Order, session: CheckoutSession, cause: Cause, at: datetime
    ) -> Change:
        if order.id in self.paid_late:
            return Change.REFUSED
        self.paid_late.add(order.id)
        current = self.orders[order.id]
        entry = HistoryEntry(at, current.status, f"paid_late:{cause.text}")
        self.orders[order.id] = replace(
            current,
            payment_intent_id=session.payment_intent_id,
            history=(*current.history, entry),
        )
        return Change.MADE

    def _leave_pending(
        self, order: Order, status: OrderStatus, cause: Cause, at: datetime
    ) -> Change:
        current = self.orders.get(order.id)
        if current is None:
            return Change.REFUSED
        if current.status is not OrderStatus.PENDING:
            return Change.ALREADY if current.has_been(status) else Change.REFUSED
        self.orders[order.id] = replace(
            current,
            status=status,
            updated_at=at,
            history=(*current.history, HistoryEntry(at, status, cause.text)),
        )
        return Change.MADE


@dataclass
class FakePayments:
    """`PaymentGateway` in memory. `failure` is raised by every call while it is set."""

    sessions: dict[str, CheckoutSession] = field(default_factory=dict)
    urls: dict[str, RedirectUrls] = field(default_factory=dict)
    expired: list[str] = field(default_factory=list)
    failure: EventsApiError | None = None

    def create_session(
        self, order: Order, urls: RedirectUrls, expires_at: datetime
    ) -> CheckoutSession:
        self._maybe_fail()
        session_id = f"cs_test_{order.id}"
        self.urls[session_id] = urls
        self.sessions[session_id] = CheckoutSession(
            id=session_id,
            status=SessionStatus.OPEN,
            payment_status=PaymentStatus.UNPAID,
            amount_total=order.amount_total,
            currency=order.currency,
            metadata={"orderId": order.id, "eventSlug": order.event_slug},
            url=f"http://stripe.test/c/pay/{session_id}",
            order_id=order.id,
            payment_intent_id=None,
        )
        return self.sessions[session_id]

    def retrieve_session(self, session_id: str) -> CheckoutSession:
        self._maybe_fail()
        if session_id not in self.sessions:
            raise InvalidSession("no such checkout session")
        return self.sessions[session_id]

    def expire_session(self, session_id: str) -> None:
        self._maybe_fail()
        self.expired.append(session_id)

    def _maybe_fail(self) -> None:
        if self.failure is not None:
            raise self.failure


@dataclass
class RecordingLog:
    """`AuditLog` that keeps its lines: (kind, name, fields)."""

    lines: list[tuple[str, str, Mapping[str, object]]] = field(default_factory=list)

    def audit(self, action: str, fields: Mapping[str, object]) -> None:
        self.lines.append(("audit", action, fields))

    def security(self, refusal: str, fields: Mapping[str, object]) -> None:
        self.lines.append(("security", refusal, fields))

    def error(self, problem: str, fields: Mapping[str, object]) -> None:
        self.lines.append(("error", problem, fields))

    def names(self, kind: str) -> list[str]:
        return [name for line_kind, name, _ in self.lines if line_kind == kind]
