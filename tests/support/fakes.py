"""The ports of `services.ports` in memory. The contract suite in `tests/contract` holds these and
the real store to the same behaviour, so what a test learns from a fake is true.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from chalicelib.domain.cities import City, public_city
from chalicelib.domain.event_facts import EventFacts, EventOrder, public_words
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import Event, EventRecord, EventStatus, new_record, seats
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
    CapacityTooLow,
    Changed,
    Conflict,
    EventsApiError,
    InUse,
    InvalidSession,
    NotFound,
    PriceMismatch,
    SlugTaken,
    SlugUnknown,
)
from chalicelib.services.ports import Change, CityEntry, EventPage, Page, PageRequest


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
    moved: dict[str, str] = field(default_factory=dict)
    ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def next_id(self) -> int:
        return next(self.ids)

    def create(self, event: Event) -> None:
        self._ensure_free(event)
        self._ensure_city(event)
        self.records[event.slug] = new_record(event)
        self._count(event, 1)

    def get(self, slug: str, *, consistent: bool = False) -> EventRecord | None:
        return self.records.get(self.moved.get(slug, slug))

    def get_by_id(self, event_id: int) -> EventRecord | None:
        return next((item for item in self.records.values() if item.id == event_id), None)

    def replace(self, before: EventRecord, after: Event) -> None:
        current = self.records.get(before.slug)
        if current is None or current.public != before.public:
            raise Changed("somebody else was first")
        if after.slug != before.slug:
            self._ensure_free(after)
        described = before.described()
        if after.city_slug != described.city_slug:
            self._ensure_city(after)
        free = current.free + seats(after.capacity) - seats(before.capacity)
        if free < 0:
            raise CapacityTooLow("more are sold and held")
        del self.records[before.slug]
        former = current.former_slugs
        if after.slug != before.slug:
            former = (before.slug, *(slug for slug in former if slug != after.slug))[:10]
        self.records[after.slug] = replace(
            new_record(after),
            free=free,
            held=current.held,
            sold=current.sold,
            former_slugs=former,
        )
        self.moved = {old: now for old, now in self.moved.items() if now != before.slug}
        self.moved |= dict.fromkeys(former, after.slug)
        self._count(described, -1)
        self._count(after, 1)

    def delete(self, record: EventRecord) -> None:
        current = self.records.get(record.slug)
        if current is None or current.public != record.public:
            raise Changed("somebody else was first")
        if current.sold or current.held:
            raise InUse("tickets are sold")
        del self.records[record.slug]
        self.moved = {old: now for old, now in self.moved.items() if now != record.slug}
        self._count(record.described(), -1)

    def find(self, wanted: EventFilter, order: EventOrder, page: PageRequest) -> EventPage:
        if wanted.city_slug is not None and order is EventOrder.CITY:
            order = EventOrder.DATE
        having = (item for item in self.records.values() if wanted.finds(public_words(item.public)))
        events = ((EventFacts.of(item.described()), item.public) for item in having)
        keyed = [
            (facts.sort_key(order), public)
            for facts, public in events
            if wanted.by_facts().matches(facts)
        ]
        keyed.sort(reverse=page.descending)
        rest = [pair for pair in keyed if self._follows(pair[0], page)][page.offset :]
        shown = rest[: page.limit]
        after = shown[-1][0] if len(rest) > page.limit else None
        return EventPage(len(keyed), Page(tuple(public for _, public in shown), after))

    @staticmethod
    def _follows(key: str, page: PageRequest) -> bool:
        if page.after is None:
            return True
        return key < page.after if page.descending else key > page.after

    def _ensure_free(self, event: Event) -> None:
        holder = self.get(event.slug)
        if holder is not None and (holder.id != event.id or event.slug in self.records):
            raise SlugTaken(f"an event with the slug {event.slug} exists already")

    def _ensure_city(self, event: Event) -> None:
        city = self.cities.get(event.city_slug)
        if city is None or city.fields()["name"] != event.city:
            raise SlugUnknown("the event's city has just been changed or deleted; try again")

    def _count(self, event: Event, by: int) -> None:
        city = self.cities.cities[event.city_slug]
        number = city.published_events + by * (event.status is EventStatus.PUBLISHED)
        self.cities.cities[event.city_slug] = replace(city, published_events=number)

    def move(self, slug: str, *, free: int = 0, held: int = 0, sold: int = 0) -> None:
        now = self.moved.get(slug, slug)
        record = self.records[now]
        self.records[now] = replace(
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
        if event.slug != order.event_slug:
            raise Conflict("the event has just moved to another address; reload it and try again")
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
