"""The ports of `services.ports` in memory. The contract suite in `tests/contract` holds these and
the real store to the same behaviour, so what a test learns from a fake is true.
"""

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chalicelib.domain.audit import AuditEntry, SubjectKind
from chalicelib.domain.checkout_sessions import (
    CheckoutSession,
    PaymentStatus,
    RedirectUrls,
    SessionStatus,
)
from chalicelib.domain.cities import City, public_city
from chalicelib.domain.clock import to_iso
from chalicelib.domain.event_facts import EventFacts, EventOrder, public_words
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import (
    Event,
    EventRecord,
    EventStatus,
    new_record,
    public_event,
    seats,
)
from chalicelib.domain.order_sessions import session_metadata
from chalicelib.domain.orders import Order
from chalicelib.domain.payment_news import PaymentNews
from chalicelib.domain.refunds import Refund, RefundStatus
from chalicelib.domain.text import fold
from chalicelib.errors import (
    CapacityTooLow,
    Changed,
    Conflict,
    EventsApiError,
    InUse,
    InvalidSession,
    MailProviderError,
    NotFound,
    PriceMismatch,
    RefundRefused,
    SalesClosed,
    SlugTaken,
    SlugUnknown,
    SoldOut,
    TooBroad,
)
from chalicelib.services.port_types import (
    AuditQuery,
    Cancellation,
    CityEntry,
    EventInCity,
    EventPage,
    KeyedRequest,
    NewsMark,
    OrderPage,
    OrderQuery,
    Page,
    PageRequest,
    Rename,
)


@dataclass
class FakeAuditTrail:
    """`AuditTrail` in memory; the fake stores add to it what is given with a write."""

    entries: list[AuditEntry] = field(default_factory=list)

    def record(self, entry: AuditEntry) -> None:
        self.entries.append(entry)

    def add(self, entry: AuditEntry | None) -> None:
        if entry is not None:
            self.entries.append(entry)

    def subject_named(self, kind: SubjectKind, slug: str) -> str | None:
        latest = sorted(self.entries, key=lambda entry: entry.id, reverse=True)
        named = (entry.subject for entry in latest if entry.subject.slug == slug)
        return next((subject.key for subject in named if subject.kind is kind), None)

    def find(self, query: AuditQuery) -> Page:
        found = sorted(
            (entry for entry in self.entries if self._fits(entry, query)),
            key=lambda entry: entry.id,
            reverse=True,
        )
        shown = found[: query.limit]
        after = shown[-1].id if len(found) > query.limit else None
        return Page(tuple(entry.public for entry in shown), after)

    @staticmethod
    def _fits(entry: AuditEntry, query: AuditQuery) -> bool:
        at = to_iso(entry.at)
        return (
            (query.after is None or entry.id < query.after)
            and query.subject in {None, entry.subject.key}
            and query.actor in {None, entry.actor}
            and (query.since is None or at >= to_iso(query.since))
            and (query.until is None or at <= to_iso(query.until))
        )

    def told(self) -> list[tuple[str, str, str | None]]:
        """What was done: by whom, what, to what."""
        return [(entry.actor, entry.action, entry.subject.slug) for entry in self.entries]


@dataclass
class FakeCities:
    """`CityStore` in memory. `numbers` are of the events that have a slug of a city, a former one
    too.
    """

    cities: dict[str, CityEntry] = field(default_factory=dict)
    ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    moved: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, Counter[EventStatus]] = field(default_factory=dict)
    renames: dict[int, Rename] = field(default_factory=dict)
    trail: FakeAuditTrail = field(default_factory=FakeAuditTrail)

    def next_id(self) -> int:
        return next(self.ids)

    def create(self, city: City, entry: AuditEntry | None = None) -> None:
        if city.slug in self.cities or city.slug in self.moved:
            raise SlugTaken(f"a city with the slug {city.slug} exists already")
        self.numbers[city.slug] = Counter()
        self.cities[city.slug] = CityEntry.of(public_city(city), 0)
        self.trail.add(entry)

    def get(self, slug: str, *, consistent: bool = False) -> CityEntry | None:
        return self.cities.get(self.moved.get(slug, slug))

    def replace(self, before: CityEntry, after: City, entry: AuditEntry | None = None) -> None:
        city, former = before.described(), before.former_slugs
        self._ensure_unchanged(before)
        if after.slug != city.slug:
            holder = self.get(after.slug)
            if holder is not None and holder.fields()["id"] != after.id:
                raise SlugTaken(f"a city with the slug {after.slug} exists already")
            others = [slug for slug in former if slug != after.slug]
            if any(self._has_events(slug) for slug in others[9:]):
                raise InUse("events are on their way")
            former = (city.slug, *others[:9])
        del self.cities[city.slug]
        self.moved = {old: now for old, now in self.moved.items() if now != city.slug}
        self.moved |= dict.fromkeys(former, after.slug)
        published = self.numbers.setdefault(after.slug, Counter())[EventStatus.PUBLISHED]
        self.cities[after.slug] = CityEntry.of(public_city(after), published, former)
        if (after.slug, after.name) != (city.slug, city.name):
            token = f"{after.slug} {after.updated_at}"
            self.renames[after.id] = Rename(after.id, after.slug, after.updated_at, token)
        self.trail.add(entry)

    def delete(self, entry: CityEntry, audit: AuditEntry | None = None) -> None:
        city = entry.described()
        self._ensure_unchanged(entry)
        if any(self._has_events(slug) for slug in (city.slug, *entry.former_slugs)):
            raise InUse("events take place in this city; move or delete them first")
        del self.cities[city.slug]
        self.moved = {old: now for old, now in self.moved.items() if now != city.slug}
        self.renames.pop(city.id, None)
        self.trail.add(audit)

    def _ensure_unchanged(self, entry: CityEntry) -> None:
        current = self.cities.get(entry.fields()["slug"])
        if current is None or current.public != entry.public:
            raise Changed("somebody else was first")

    def _has_events(self, slug: str) -> bool:
        return self.numbers[slug].total() > 0

    def count_event(self, event: Event, by: int) -> None:
        numbers = self.numbers[event.city_slug]
        numbers[event.status] += by
        if event.city_slug in self.cities:
            entry = self.cities[event.city_slug]
            published = numbers[EventStatus.PUBLISHED]
            self.cities[event.city_slug] = entry._replace(published_events=published)

    def list_by_name(self, *, descending: bool, stop_after: int | None) -> list[CityEntry]:
        def key(entry: CityEntry) -> tuple[str, int]:
            city = entry.fields()
            return fold(city["name"]), city["id"]

        entries = sorted(self.cities.values(), key=key, reverse=descending)[:stop_after]
        return [entry._replace(former_slugs=()) for entry in entries]

    def count(self) -> int:
        return len(self.cities)


@dataclass
class FakeCancellations:
    """`CancellationStore` in memory; `FakeEvents` notes in it."""

    noted: dict[int, Cancellation] = field(default_factory=dict)

    def pending(self) -> list[Cancellation]:
        return list(self.noted.values())

    def remove(self, cancellation: Cancellation) -> None:
        self.noted.pop(cancellation.event_id, None)


@dataclass
class FakeEvents:
    """`EventStore` in memory."""

    cities: FakeCities = field(default_factory=FakeCities)
    records: dict[str, EventRecord] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    cancellations: FakeCancellations = field(default_factory=FakeCancellations)
    trail: FakeAuditTrail = field(default_factory=FakeAuditTrail)

    def next_id(self) -> int:
        return next(self.ids)

    def create(self, event: Event, entry: AuditEntry | None = None) -> None:
        self._ensure_free(event)
        self._ensure_city(event)
        self.records[event.slug] = new_record(event)
        self._count(event, 1)
        self.trail.add(entry)

    def next_ids(self, count: int) -> list[int]:
        return [next(self.ids) for _ in range(count)]

    def create_many(
        self, events: Sequence[Event], entries: Sequence[AuditEntry] = ()
    ) -> list[EventsApiError | None]:
        noted: Sequence[AuditEntry | None] = entries or [None] * len(events)
        return [self._refusal(event, entry) for event, entry in zip(events, noted, strict=True)]

    def _refusal(self, event: Event, entry: AuditEntry | None) -> EventsApiError | None:
        try:
            self.create(event, entry)
        except (SlugTaken, SlugUnknown) as error:
            return error
        return None

    def get_many(self, slugs: Iterable[str]) -> dict[str, EventRecord]:
        found = {slug: self.get(slug) for slug in slugs}
        return {slug: record for slug, record in found.items() if record is not None}

    def get(self, slug: str, *, consistent: bool = False) -> EventRecord | None:
        return self.records.get(self.moved.get(slug, slug))

    def get_by_id(self, event_id: int) -> EventRecord | None:
        return next((item for item in self.records.values() if item.id == event_id), None)

    def whole(self, record: EventRecord, *, consistent: bool = False) -> EventRecord:
        return record

    def replace(self, before: EventRecord, after: Event, entry: AuditEntry | None = None) -> None:
        current = self.records.get(before.slug)
        if current is None or current.public != before.public:
            raise Changed("somebody else was first")
        if after.slug != before.slug:
            self._ensure_free(after)
        described = before.described()
        where, was = (after.city_slug, after.status), (described.city_slug, described.status)
        if where != was:
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
        if after.status is EventStatus.CANCELLED and described.status is not after.status:
            noted = Cancellation(after.id, after.updated_at)
            self.cancellations.noted[after.id] = noted
        self.trail.add(entry)

    def delete(self, record: EventRecord, entry: AuditEntry | None = None) -> None:
        current = self.records.get(record.slug)
        if current is None or current.public != record.public:
            raise Changed("somebody else was first")
        if current.sold or current.held:
            raise InUse("tickets are sold")
        del self.records[record.slug]
        self.moved = {old: now for old, now in self.moved.items() if now != record.slug}
        self._count(record.described(), -1)
        self.trail.add(entry)

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
        city = self.cities.cities.get(event.city_slug)
        if city is None or city.fields()["name"] != event.city:
            raise SlugUnknown("the event's city has just been changed or deleted; try again")

    def _count(self, event: Event, by: int) -> None:
        self.cities.count_event(event, by)

    def move(self, slug: str, *, free: int = 0, held: int = 0, sold: int = 0) -> None:
        now = self.moved.get(slug, slug)
        record = self.records[now]
        self.records[now] = replace(
            record, free=record.free + free, held=record.held + held, sold=record.sold + sold
        )


@dataclass
class FakeRenames:
    """`RenameStore` in memory."""

    cities: FakeCities
    events: FakeEvents

    def pending(self) -> list[Rename]:
        return list(self.cities.renames.values())

    def events_of(self, city_slug: str) -> Iterator[EventInCity]:
        for status in EventStatus:
            seen: set[str] = set()
            while (event := self._next(status, city_slug, seen)) is not None:
                seen.add(event)
                shown = json.loads(event)
                yield EventInCity(shown["slug"], shown["city"], shown["citySlug"])

    def _next(self, status: EventStatus, city_slug: str, seen: set[str]) -> str | None:
        events = [item.described() for item in self.events.records.values()]
        here = [item for item in events if (item.status, item.city_slug) == (status, city_slug)]
        here.sort(key=lambda event: (event.updated_at, event.id))
        return next((text for item in here if (text := public_event(item)) not in seen), None)

    def remove(self, rename: Rename) -> None:
        if self.cities.renames.get(rename.city_id) == rename:
            del self.cities.renames[rename.city_id]


@dataclass
class FakeOrders:
    """`OrderStore` in memory. `unreadable` are the ids of orders that a later version stored."""

    events: FakeEvents = field(default_factory=FakeEvents)
    orders: dict[str, Order] = field(default_factory=dict)
    trail: FakeAuditTrail = field(default_factory=FakeAuditTrail)
    unreadable: set[str] = field(default_factory=set)

    def place(self, order: Order, event: EventRecord | None = None) -> Order:
        event = self.events.get(order.event_slug, consistent=True)
        if event is None:
            raise NotFound("no such event")
        event.ensure_on_sale(order.quantity, order.created_at)
        if event.slug != order.event_slug:
            raise Conflict("the event has just moved to another address; reload it and try again")
        if (event.price, event.currency) != (order.unit_price, order.currency):
            raise PriceMismatch("the price has just changed; reload the event and try again")
        self.events.move(
            order.event_slug,
            free=-order.quantity,
            held=order.seats_held,
            sold=order.seats_sold,
        )
        self.orders[order.id] = order
        return order

    def get(self, order_id: str) -> Order | None:
        if order_id in self.unreadable:
            raise ValueError(order_id)
        return self.orders.get(order_id)

    def get_by_session(self, session_id: str) -> Order | None:
        found = (item for item in self.orders.values() if item.session_id == session_id)
        return next(found, None)

    def replace(self, before: Order, after: Order, entry: AuditEntry | None = None) -> Order:
        current = self.orders.get(before.id)
        if current is None or current.version != before.version:
            raise Changed("somebody else was first")
        held = after.seats_held - before.seats_held
        sold = after.seats_sold - before.seats_sold
        if held or sold:
            self._move(after, held, sold, regains=before.is_paid)
        self.orders[before.id] = replace(after, version=before.version + 1)
        self.trail.add(entry)
        return self.orders[before.id]

    def _move(self, order: Order, held: int, sold: int, *, regains: bool) -> None:
        event = self.events.get_by_id(order.event_id)
        if event is None:
            if held > 0 or sold > 0:
                raise NotFound("the event is gone")
            return
        free = -held - sold
        if free < 0 and not regains:
            event.ensure_on_sale(-free, order.updated_at)
        takes = held < 0 < sold or free < 0
        if takes and event.status is EventStatus.CANCELLED:
            raise SalesClosed("the event was cancelled")
        if event.free < -free:
            raise SoldOut("the seats were sold to somebody else")
        self.events.move(event.slug, free=free, held=held, sold=sold)

    def due(self, at: datetime, limit: int) -> list[str]:
        due = [
            (item.due_at, item.id)
            for item in self.orders.values()
            if item.due_at is not None and item.due_at <= at
        ]
        return [order_id for _, order_id in sorted(due)[:limit]]

    def unfinished(self, made_before: datetime) -> Iterator[Order]:
        left = [
            item
            for item in self.orders.values()
            if item.due_at is not None and item.created_at < made_before
        ]
        yield from sorted(left, key=lambda item: item.id)

    def find(self, query: OrderQuery) -> OrderPage:
        ids = sorted(self.orders, reverse=True)
        orders = [self.orders[order_id] for order_id in ids]
        found = [
            item
            for item in orders
            if (query.after is None or item.id < query.after)
            and query.event_id in {None, item.event_id}
            and query.user_id in {None, item.user_id}
            and (not query.statuses or item.status in query.statuses)
        ]
        page = found[: query.limit]
        return OrderPage(
            tuple(item for item in page if item.id not in self.unreadable),
            page[-1].id if len(found) > query.limit else None,
            tuple(item.id for item in page if item.id in self.unreadable),
        )


@dataclass
class FakePayments:
    """`PaymentGateway` in memory. `failure` is raised by every call while it is set, `refusal` by
    every refund. `refunds` are by their payment.
    """

    sessions: dict[str, CheckoutSession] = field(default_factory=dict)
    urls: dict[str, RedirectUrls] = field(default_factory=dict)
    expired: list[str] = field(default_factory=list)
    refunds: dict[str, list[Refund]] = field(default_factory=dict)
    undelivered: list[PaymentNews] = field(default_factory=list)
    failure: EventsApiError | None = None
    refusal: RefundRefused | None = None

    def create_session(
        self, order: Order, urls: RedirectUrls, expires_at: datetime
    ) -> CheckoutSession:
        self._maybe_fail()
        session_id = f"cs_test_{order.id}"
        if session_id in self.sessions:
            return self.sessions[session_id]
        self.urls[session_id] = urls
        self.sessions[session_id] = CheckoutSession(
            id=session_id,
            status=SessionStatus.OPEN,
            payment_status=PaymentStatus.UNPAID,
            amount_total=order.amount_total,
            currency=order.currency,
            metadata=session_metadata(order),
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

    def find_session(self, order: Order) -> CheckoutSession | None:
        self._maybe_fail()
        return self.sessions.get(f"cs_test_{order.id}")

    def session_of_payment(self, payment_intent_id: str) -> CheckoutSession | None:
        self._maybe_fail()
        found = (
            item for item in self.sessions.values() if item.payment_intent_id == payment_intent_id
        )
        return next(found, None)

    def expire_session(self, session_id: str) -> bool:
        self._maybe_fail()
        self.expired.append(session_id)
        if not self.sessions[session_id].open:
            return False
        self.sessions[session_id] = replace(
            self.sessions[session_id], status=SessionStatus.EXPIRED, url=None
        )
        return True

    def refund(self, order: Order, refund: Refund) -> Refund:
        self._maybe_fail()
        if self.refusal is not None:
            raise self.refusal
        if order.payment_intent_id is None:
            raise RefundRefused("there is no payment to refund")
        made = self.refunds.setdefault(order.payment_intent_id, [])
        known = next((one for one in made if one.key == refund.key), None)
        if known is not None:
            return known
        told = replace(
            refund, status=RefundStatus.SUCCEEDED, stripe_id=f"re_{len(made)}_{order.id}"
        )
        made.append(told)
        return told

    def refunds_of(self, payment_intent_id: str) -> list[Refund]:
        self._maybe_fail()
        return list(self.refunds.get(payment_intent_id, ()))

    def undelivered_news(
        self, since: datetime, until: datetime, limit: int | None = None
    ) -> list[PaymentNews]:
        self._maybe_fail()
        found = [news for news in self.undelivered if since <= news.happened_at < until]
        if limit is not None and len(found) > limit:
            raise TooBroad("more than that")
        return sorted(found, key=lambda news: news.happened_at)

    def _maybe_fail(self) -> None:
        if self.failure is not None:
            raise self.failure


@dataclass
class FakeKeyedRequests:
    """`KeyedRequests` in memory."""

    requests: dict[str, tuple[KeyedRequest, datetime]] = field(default_factory=dict)

    def begin(self, request: KeyedRequest, now: datetime) -> KeyedRequest | None:
        known, since = self.requests.get(request.key, (None, now))
        if known is not None and now < since + timedelta(hours=24):
            return None if known == request else known
        self.requests[request.key] = (request, now)
        return None

    def take_over(self, known: KeyedRequest, request: KeyedRequest, now: datetime) -> bool:
        if not self._is_leased(known) or self.requests[known.key][0].answer is not None:
            return False
        self.requests[request.key] = (request, now)
        return True

    def finish(self, request: KeyedRequest, answer: Mapping[str, str], now: datetime) -> None:
        if self._is_leased(request):
            self.requests[request.key] = (request._replace(answer=dict(answer)), now)

    def forget(self, request: KeyedRequest, now: datetime) -> None:
        if self._is_leased(request):
            del self.requests[request.key]

    def _is_leased(self, request: KeyedRequest) -> bool:
        known, _ = self.requests.get(request.key, (None, None))
        return known is not None and (known.order_id, known.leased_until) == (
            request.order_id,
            request.leased_until,
        )


@dataclass
class FakeNewsMarker:
    """`NewsMarker` in memory."""

    mark: NewsMark = field(default_factory=NewsMark)

    def get(self) -> NewsMark:
        return self.mark

    def put(self, mark: NewsMark) -> None:
        self.mark = mark


@dataclass
class FakeMailer:
    """`Mailer` that keeps what it sends; `down` makes it fail."""

    sent: list[Order] = field(default_factory=list)
    events: list[EventRecord | None] = field(default_factory=list)
    down: bool = False

    def send_confirmation(self, order: Order, event: EventRecord | None) -> None:
        if self.down:
            raise MailProviderError("the mail provider cannot be reached")
        self.sent.append(order)
        self.events.append(event)


@dataclass
class RecordingMeter:
    """`Meter` that adds up."""

    counts: Counter[str] = field(default_factory=Counter)
    readings: dict[str, tuple[float, str]] = field(default_factory=dict)

    def count(self, outcome: str, by: int = 1) -> None:
        self.counts[outcome] += by

    def gauge(self, reading: str, value: float, unit: str = "Count") -> None:
        self.readings[reading] = (value, unit)


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

    def crash(self, problem: str, fields: Mapping[str, object]) -> None:
        self.lines.append(("crash", problem, fields))

    def names(self, kind: str) -> list[str]:
        return [name for line_kind, name, _ in self.lines if line_kind == kind]
