"""Every condition that the store's source has, taken out by its name: a scene that holds with it
fails without. The conditions are read from the source, so a new one without a scene fails here.

What each of them is good for is told by the pairs of `test_guards` and `test_stock`.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.clock import utc_now
from chalicelib.domain.events import EventRecord, EventStatus
from chalicelib.domain.orders import Order
from chalicelib.errors import (
    CapacityTooLow,
    Changed,
    Conflict,
    EventsApiError,
    InUse,
    NotFound,
    PriceMismatch,
    SalesClosed,
    SlugTaken,
    SlugUnknown,
    SoldOut,
    Unavailable,
)
from chalicelib.services.port_types import AuditQuery, CityEntry, KeyedRequest
from chalicelib.store import Stores, word_index
from chalicelib.store.models import IndexEntryModel
from chalicelib.store.orders import IntegrityError
from chalicelib.store.stock import place_key
from chalicelib.store.word_index import TAKEN_OVER_AFTER, Mark
from tests.support.builders import NOW, a_city, an_entry, an_event, an_order
from tests.support.conditions import conditions, take_out
from tests.support.fake_time import FakeTime
from tests.support.order_steps import LATER, Step, bounced, expired, noted, paid, refunded
from tests.support.records import record_of
from tests.support.seeding import seed_city, seed_event
from tests.support.spread import SPREAD
from tests.support.tables import CITIES, EVENTS, MotoTables, moto_tables
from tests.support.traffic import Traffic

SLUG = "tech-conference"
MINE = an_order()
YOURS = an_order(id="01JNYOURORDER0000000000000")
KEY = KeyedRequest("key-1", "print", "01JNFIRST00000000000000000", NOW)
OTHER_KEY = KEY._replace(order_id="01JNSECOND0000000000000000")
THIRD_KEY = KEY._replace(order_id="01JNTHIRD00000000000000000")
TRANSACT = "TransactWriteItems"

# What is looked for in an index: it refuses nothing.
QUERIES = {
    "audit.DynamoAuditTrail._query: AuditModel.id.between(first, last)",
    "day_counts.day_counts: IndexEntryModel.entry.between(first, last)",
    "event_lists.EventLists._count_of_days: EventModel.date_key.between(since, until + _END)",
    "order_lists.OrderLists.due: OrderModel.due_at <= to_iso(at)",
    "order_lists.OrderLists._ids: OrderModel.created_key < after",
    "renames.DynamoRenames._page: EventModel.updated_key > after",
    "word_index.WordIndex.mark_of: IndexEntryModel.entry == id_text(event_id)",
    "word_search._WordEntries.read: IndexEntryModel.entry.between(self._next, self._word + _LAST)",
}
# What the condition beside it says as well: who has a name is there.
IMPLIED = {"event_batches._city_updates: CityModel.slug.exists()"}


@dataclass(frozen=True)
class Stage:
    """The store of a scene, and what a scene does more than once."""

    stores: Stores
    tables: MotoTables
    traffic: Traffic

    def place(self, order: Order = MINE, **changes: Any) -> Order:
        """Place an order as it is done where nothing was read of its event: at its own item."""
        return self.stores.orders.place(replace(order, **changes))

    def make(self, order: Order, *steps: Step) -> Order:
        """Take steps from an order as it was read."""
        for step in steps:
            order = self.stores.orders.replace(order, step(order))
        return order

    def event(self, **changes: Any) -> EventRecord:
        """Store an event, whose seats are in its own item."""
        seed_event(self.stores, **changes)
        return self.now()

    def now(self) -> EventRecord:
        """Return the event as it is now."""
        return record_of(self.stores, SLUG)

    def spread(self, **changes: Any) -> EventRecord:
        """Store an event, and spread it over three places."""
        self.stores.orders._stock.offer(self.event(**changes))
        return self.now()

    def edit(self, before: EventRecord, **changes: Any) -> None:
        """Describe an event anew from what was read of it."""
        described = before.described()
        later = described.updated_at + timedelta(seconds=random.randint(1, 10**6))
        self.stores.events.replace(before, replace(described, updated_at=later, **changes))

    def london(self) -> CityEntry:
        """Return the city that is or was London, as it is now."""
        city = self.stores.cities.get("london", consistent=True)
        assert city is not None
        return city

    def rename(self, before: CityEntry, **changes: Any) -> None:
        """Describe a city anew from what was read of it."""
        described = before.described()
        later = described.updated_at + timedelta(seconds=random.randint(1, 10**6))
        self.stores.cities.replace(before, replace(described, updated_at=later, **changes))

    def known_key(self) -> KeyedRequest | None:
        """Return the request that is in a new one's way."""
        return self.stores.keyed_requests.begin(KEY._replace(order_id="01JNNOBODYS"), NOW)

    def put_counts(self, key: str, **counts: int) -> None:
        """Say past the store what is free, held or sold in an event's item, or in a place."""
        updates = {name: {"Value": {"N": str(count)}} for name, count in counts.items()}
        self.tables.client.update_item(
            TableName=EVENTS, Key={"slug": {"S": key}}, AttributeUpdates=updates
        )

    def forget_places(self) -> EventRecord:
        """Have the event's item lose the number of its places; return what is read of it then."""
        self.tables.client.update_item(
            TableName=EVENTS, Key={"slug": {"S": SLUG}}, UpdateExpression="REMOVE places"
        )
        return self.now()

    def lose(self, table: str, key: str) -> None:
        """Remove an item past the store."""
        self.tables.client.delete_item(TableName=table, Key={"slug": {"S": key}})


Scene = Callable[[Stage], None]
SCENES: dict[str, Scene] = {}


def needs(*names: str) -> Callable[[Scene], Scene]:
    """Say which conditions a scene fails without, each alone."""

    def noted_down(scene: Scene) -> Scene:
        assert not SCENES.keys() & set(names)
        SCENES.update(dict.fromkeys(names, scene))
        return scene

    return noted_down


def refused(kind: type[EventsApiError]) -> Any:
    return pytest.raises(kind)


@pytest.fixture(scope="module")
def shared_tables() -> Iterator[MotoTables]:
    """Tables of a store that spreads every event that it is asked for, over three places."""
    with moto_tables(SPREAD) as tables:
        yield tables


@pytest.fixture
def stage(
    stores: Stores, tables: MotoTables, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> Stage:
    random.seed(1)
    monkeypatch.setattr(word_index, "time", FakeTime())
    monkeypatch.setattr(word_index, "_PATIENCE_SECONDS", 0.1)
    seed_city(stores)
    return Stage(stores, tables, traffic)


# --- orders -------------------------------------------------------------------------------------


@needs("orders._Placing._next: OrderModel.id.does_not_exist()")
def an_order_is_stored_once(at: Stage) -> None:
    at.event()
    at.place()
    with refused(IntegrityError):
        at.place()


@needs(
    "orders._Placing._next: sale_condition(order, moves)",
    "stock_moves.sale_condition: on_sale_condition(order, moves, order.created_at)",
    "stock_moves.on_sale_condition: EventModel.free >= -moves.free",
)
def seats_are_sold_while_they_are_free(at: Stage) -> None:
    at.event(capacity=1)
    with refused(SoldOut):
        at.place()


@needs("stock_moves.on_sale_condition: EventModel.date > to_iso(at)")
def nothing_is_sold_of_what_is_over(at: Stage) -> None:
    at.event(date=NOW - timedelta(days=1))
    with refused(SalesClosed):
        at.place()


@needs("stock_moves.on_sale_condition: EventModel.status == EventStatus.PUBLISHED.value")
def nothing_is_sold_of_a_draft(at: Stage) -> None:
    at.event(status=EventStatus.DRAFT)
    with refused(SalesClosed):
        at.place()


@needs(
    "stock_moves.on_sale_condition: _of_event(order, moves)",
    "stock_moves._of_event: event_id == order.event_id",
)
def an_order_takes_seats_of_its_own_event(at: Stage) -> None:
    at.event()
    with refused(Conflict):
        at.place(event_id=2)


@needs("stock_moves.sale_condition: EventModel.price == order.unit_price")
def seats_are_sold_at_their_price(at: Stage) -> None:
    at.event(price=20000)
    with refused(PriceMismatch):
        at.place()


@needs("stock_moves.sale_condition: EventModel.currency == order.currency")
def seats_are_sold_in_their_currency(at: Stage) -> None:
    at.event(currency="eur")
    with refused(PriceMismatch):
        at.place()


@needs(
    "orders._Change.puts: unchanged(self.before)",
    "orders.unchanged: OrderModel.version == before.version",
)
def an_order_is_paid_once(at: Stage) -> None:
    at.event()
    at.place(YOURS)
    order = at.place()
    at.make(order, paid)
    with refused(Changed):
        at.make(order, paid)


@needs("orders.DynamoOrderStore.replace: unchanged(before)")
def a_note_undoes_no_payment(at: Stage) -> None:
    at.event()
    order = at.place()
    at.make(order, paid)
    with refused(Changed):
        at.make(order, noted)


@needs("orders.unchanged: OrderModel.places.does_not_exist()")
def who_knows_of_no_places_changes_no_order_that_has_some(at: Stage) -> None:
    at.stores.orders.place(MINE, at.spread())
    with refused(Changed):
        at.make(MINE, noted)


@needs("orders.unchanged: OrderModel.places == places")
def who_knows_other_places_changes_no_order(at: Stage) -> None:
    order = at.stores.orders.place(MINE, at.spread())
    ((place, count),) = order.places
    with refused(Changed):
        at.make(replace(order, places=((place % 3 + 1, count),)), noted)


@needs(
    "orders.DynamoOrderStore._put_with_stock: stock_condition(order, one)",
    "stock_moves.stock_condition: EventModel.held >= -moves.held",
)
def seats_are_sold_where_they_are_held(at: Stage) -> None:
    at.event()
    order = at.place()
    at.put_counts(SLUG, held=1)
    with refused(IntegrityError):
        at.make(order, paid)


@needs("stock_moves.stock_condition: EventModel.sold >= -moves.sold")
def seats_come_back_where_they_were_sold(at: Stage) -> None:
    at.event()
    order = at.make(at.place(), paid)
    at.put_counts(SLUG, sold=1)
    with refused(IntegrityError):
        at.make(order, refunded)


@needs("stock_moves.stock_condition: _of_event(order, moves)")
def a_payment_takes_no_hold_of_another_event(at: Stage) -> None:
    at.event()
    order = at.place()
    at.lose(EVENTS, SLUG)
    at.event()
    at.place(YOURS, event_id=2)
    with refused(NotFound):
        at.make(order, paid)


@needs("stock_moves.stock_condition: EventModel.status != EventStatus.CANCELLED.value")
def held_seats_of_a_cancelled_event_are_not_sold(at: Stage) -> None:
    at.event()
    order = at.place()
    at.edit(at.now(), status=EventStatus.CANCELLED)
    with refused(SalesClosed):
        at.make(order, paid)


@needs("stock_moves.stock_condition: on_sale_condition(order, moves, order.updated_at)")
def a_late_payment_takes_seats_that_are_on_sale(at: Stage) -> None:
    at.event()
    order = at.make(at.place(), expired)
    at.edit(at.now(), status=EventStatus.DRAFT)
    with refused(SalesClosed):
        at.make(order, paid)


@needs("stock_moves.stock_condition: EventModel.free >= -moves.free")
def a_failed_refund_takes_seats_that_are_free(at: Stage) -> None:
    at.event(capacity=2)
    order = at.make(at.place(), paid, refunded)
    at.place(YOURS)
    with refused(SoldOut):
        at.make(order, bounced)


# --- stock in several places --------------------------------------------------------------------


@needs("stock.Stock._spread: unchanged(record)")
def an_event_is_spread_on_the_terms_that_it_has(at: Stage) -> None:
    event = at.event()
    at.traffic.first(TRANSACT, lambda: at.edit(event, price=20000))
    with refused(PriceMismatch):
        at.stores.orders.place(MINE, event)


@needs("stock.Stock._spread: EventModel.free >= record.free")
def seats_that_were_sold_since_go_to_no_place(at: Stage) -> None:
    event = at.event(capacity=12)
    at.place(quantity=5)
    at.stores.orders._stock.offer(event)
    own = at.now()
    assert (own.free, own.held, own.places) == (7, 5, 0)


@needs(
    "stock._new_place: EventModel.slug.does_not_exist()",
    "stock._new_place: _is_idle()",
)
def a_place_with_seats_of_orders_is_not_written_over(at: Stage) -> None:
    at.spread()
    at.put_counts(place_key(1, 2), held=1)
    at.put_counts(SLUG, free=100)
    left = at.tables.item(EVENTS, place_key(1, 2))
    at.stores.orders._stock.offer(at.forget_places())
    assert at.tables.item(EVENTS, place_key(1, 2)) == left


@needs("stock.Stock.take_up: unchanged(record)")
def places_are_taken_up_with_the_terms_that_the_event_has(at: Stage) -> None:
    at.spread()
    event = at.forget_places()
    at.traffic.first(TRANSACT, lambda: at.edit(event, price=20000))
    at.stores.orders._stock.take_up(event)
    with refused(PriceMismatch):
        at.stores.orders.place(MINE, at.now())


@needs("stock.Stock.deletes: _is_idle()", "stock._is_idle: EventModel.held == 0")
def an_event_is_not_deleted_while_seats_are_held_in_a_place(at: Stage) -> None:
    event = at.spread()
    at.stores.orders.place(MINE, event)
    with refused(InUse):
        at.stores.events.delete(event)


@needs("stock._is_idle: EventModel.sold == 0")
def an_event_is_not_deleted_while_seats_are_sold_in_a_place(at: Stage) -> None:
    event = at.spread()
    at.make(at.stores.orders.place(MINE, event), paid)
    with refused(InUse):
        at.stores.events.delete(event)


@needs("stock._edited: StockPlaceModel.event_id == before.id")
def new_terms_make_no_ghost_of_a_place(at: Stage) -> None:
    event = at.spread()
    at.lose(EVENTS, place_key(1, 1))
    with refused(Changed):
        at.edit(event, price=1)


@needs("stock._edited: EventModel.free >= -more")
def a_place_gives_no_seats_that_it_does_not_have(at: Stage) -> None:
    event = at.spread(capacity=6)
    order = replace(MINE, quantity=6)
    at.traffic.first(TRANSACT, lambda: at.stores.orders.place(order, event))
    with refused(CapacityTooLow):
        at.edit(event, capacity=3)


# --- events -------------------------------------------------------------------------------------


@needs("events.DynamoEventStore.create: EventModel.slug.does_not_exist()")
def a_slug_is_of_one_event(at: Stage) -> None:
    at.event()
    with refused(SlugTaken):
        at.stores.events.create(an_event(id=2))


@needs(
    "events.DynamoEventStore._edited: unchanged(before)",
    "event_items.unchanged: EventModel.updated_key == facts.sort_key(EventOrder.UPDATED_AT)",
)
def an_edit_undoes_no_other(at: Stage) -> None:
    event = at.event()
    at.edit(event, price=1)
    with refused(Changed):
        at.edit(event, name="Another")


@needs("event_items.unchanged: EventModel.places.does_not_exist()")
def an_edit_of_what_was_spread_since_leaves_no_place_behind(at: Stage) -> None:
    event = at.event()
    at.stores.orders._stock.offer(event)
    with refused(Changed):
        at.edit(event, status=EventStatus.CANCELLED)


@needs("event_items.unchanged: EventModel.places == before.places")
def an_edit_is_of_an_event_with_the_places_that_were_read(at: Stage) -> None:
    event = at.spread()
    at.forget_places()
    with refused(Changed):
        at.edit(event, price=1)


@needs("events.DynamoEventStore._edited: EventModel.free >= -more")
def a_capacity_is_not_below_what_is_held(at: Stage) -> None:
    event = at.event(capacity=10)
    at.place()
    with refused(CapacityTooLow):
        at.edit(event, capacity=1)


@needs(
    "events.DynamoEventStore._moved: EventModel.slug.does_not_exist()",
    "events.DynamoEventStore._moved: MovedEventModel.event_id == before.id",
)
def an_event_moves_to_no_slug_of_another(at: Stage) -> None:
    event = at.event()
    seed_event(at.stores, "taken")
    with refused(SlugTaken):
        at.edit(event, slug="taken")


@needs("events.DynamoEventStore._moved: EventModel.held == before.held")
def an_event_moves_with_the_seats_that_are_held(at: Stage) -> None:
    event = at.event()
    at.place()
    with refused(Changed):
        at.edit(event, slug="renamed")


@needs("events.DynamoEventStore._moved: EventModel.sold == before.sold")
def an_event_moves_with_the_seats_that_are_sold(at: Stage) -> None:
    event = at.event()
    at.place(paid(MINE))
    with refused(Changed):
        at.edit(event, slug="renamed")


@needs("events.DynamoEventStore._moved: unchanged(before)")
def a_move_undoes_no_edit(at: Stage) -> None:
    event = at.event()
    at.edit(event, price=1)
    with refused(Changed):
        at.edit(event, slug="renamed")


@needs("events.DynamoEventStore.delete: EventModel.held == 0")
def an_event_is_not_deleted_while_seats_are_held(at: Stage) -> None:
    event = at.event()
    at.place()
    with refused(InUse):
        at.stores.events.delete(event)


@needs("events.DynamoEventStore.delete: EventModel.sold == 0")
def an_event_is_not_deleted_while_seats_are_sold(at: Stage) -> None:
    event = at.event()
    at.place(paid(MINE))
    with refused(InUse):
        at.stores.events.delete(event)


@needs("events.DynamoEventStore.delete: unchanged(record)")
def an_event_is_deleted_as_it_was_read(at: Stage) -> None:
    event = at.event()
    at.edit(event, status=EventStatus.DRAFT)
    with refused(Changed):
        at.stores.events.delete(event)


@needs("event_batches.EventBatches._transaction: EventModel.slug.does_not_exist()")
def a_batch_takes_no_slug_of_another_event(at: Stage) -> None:
    at.event()
    (refusal,) = at.stores.events.create_many([an_event(id=2)])
    assert isinstance(refusal, SlugTaken)


@needs("event_batches.EventBatches._transaction: IndexEntryModel.entry.does_not_exist()")
def a_batch_takes_no_mark_of_another_writer(at: Stage) -> None:
    assert at.stores._words.leave(2, "new", frozenset())
    (refusal,) = at.stores.events.create_many([an_event(id=2, slug="new")])
    assert isinstance(refusal, Unavailable)


@needs("event_batches.EventBatches._remove: IndexEntryModel.token == mark.token")
def a_batch_removes_no_mark_of_who_took_over(at: Stage) -> None:
    at.traffic.first("BatchWriteItem", lambda: take_over(at, 2))
    at.stores.events.create_many([an_event(id=2, slug="new")])
    assert at.stores._words.mark_of(2)


@needs("event_batches._city_updates: CityModel.name == name")
def a_batch_is_of_cities_that_there_are(at: Stage) -> None:
    (refusal,) = at.stores.events.create_many([an_event(city="Londinium")])
    assert isinstance(refusal, SlugUnknown)


# --- words of events ----------------------------------------------------------------------------


def take_over(at: Stage, event_id: int) -> None:
    mark = at.stores._words.mark_of(event_id)
    assert mark is not None
    assert at.stores._words.take_over(mark)


def abandon(at: Stage) -> Mark:
    """Leave a mark of the event at which nobody is any more."""
    mark = Mark(1, SLUG, frozenset(), utc_now() - 2 * TAKEN_OVER_AFTER)
    assert at.stores._words._leave(mark, IndexEntryModel.entry.does_not_exist())
    return mark


@needs(
    "word_index.WordIndex.commit: IndexEntryModel.entry.does_not_exist()",
    "word_index.WordIndex._after_another_writer: IndexEntryModel.entry.does_not_exist()",
)
def nobody_changes_an_event_that_another_writer_is_at(at: Stage) -> None:
    event = at.event()
    assert at.stores._words.leave(1, SLUG, frozenset())
    with refused(Unavailable):
        at.edit(event, name="Another")


@needs("word_index.WordIndex._after_another_writer: IndexEntryModel.token == other.token")
def one_of_two_writers_takes_over_what_was_left_undone(at: Stage) -> None:
    event = at.event()
    mark = abandon(at)
    at.traffic.first(TRANSACT, lambda: None)
    at.traffic.first(TRANSACT, lambda: at.stores._words.take_over(mark))
    with refused(Unavailable):
        at.edit(event, name="Another")


@needs("word_index.WordIndex.take_over: IndexEntryModel.token == mark.token")
def a_mark_is_taken_over_once(at: Stage) -> None:
    mark = abandon(at)
    assert at.stores._words.take_over(mark)
    assert at.stores._words.take_over(mark) is None


@needs("word_index.WordIndex.leave: IndexEntryModel.entry.does_not_exist()")
def a_mark_is_left_where_there_is_none(at: Stage) -> None:
    assert at.stores._words.leave(1, SLUG, frozenset())
    assert at.stores._words.leave(1, SLUG, frozenset()) is None


@needs("word_index.WordIndex._remove: IndexEntryModel.token == mark.token")
def who_was_taken_over_from_removes_no_mark(at: Stage) -> None:
    at.traffic.first("BatchWriteItem", lambda: take_over(at, 1))
    at.event()
    assert at.stores._words.mark_of(1)


# --- cities -------------------------------------------------------------------------------------


@needs("cities.DynamoCityStore.create: CityModel.slug.does_not_exist()")
def a_slug_is_of_one_city(at: Stage) -> None:
    with refused(SlugTaken):
        at.stores.cities.create(a_city(id=2, name="Other"))


@needs(
    "cities.DynamoCityStore._edited: _unchanged(before)",
    "cities._unchanged: CityModel.public == before.public",
)
def a_new_name_undoes_no_other(at: Stage) -> None:
    city = at.london()
    at.rename(city, name="Londinium")
    with refused(Changed):
        at.rename(city, name="Londres")


@needs(
    "cities.DynamoCityStore._moved: CityModel.slug.does_not_exist()",
    "cities.DynamoCityStore._moved: MovedCityModel.city_id == after.id",
)
def a_city_moves_to_no_slug_of_another(at: Stage) -> None:
    seed_city(at.stores, "paris")
    with refused(SlugTaken):
        at.rename(at.london(), slug="paris")


@needs("cities.DynamoCityStore._moved: _unchanged(before)")
def a_move_undoes_no_new_name(at: Stage) -> None:
    city = at.london()
    at.rename(city, name="Londinium")
    with refused(Changed):
        at.rename(city, slug="londres")


@needs("cities.DynamoCityStore._moved: _without_events()")
def a_slug_that_events_still_have_is_not_given_up(at: Stage) -> None:
    at.event()
    for number in range(10):
        at.rename(at.london(), slug=f"london-{number}")
    with refused(InUse):
        at.rename(at.london(), slug="londinium")


@needs("cities.DynamoCityStore._moved: CityModel.slug.exists()")
def a_former_slug_that_is_gone_makes_no_ghost_of_a_city(at: Stage) -> None:
    at.rename(at.london(), slug="londinium")
    city = at.london()
    at.lose(CITIES, "london")
    with refused(InUse):
        at.rename(city, slug="londres")


@needs("cities.DynamoCityStore.delete: _unchanged(entry)")
def a_city_is_deleted_as_it_was_read(at: Stage) -> None:
    city = at.london()
    at.rename(city, name="Londinium")
    with refused(Changed):
        at.stores.cities.delete(city)


@needs(
    "cities.DynamoCityStore.delete: _without_events()",
    "cities.DynamoCityStore.delete: _without_events() (2)",
)
def a_city_with_events_at_either_slug_is_not_deleted(at: Stage) -> None:
    at.event()
    with refused(InUse):
        at.stores.cities.delete(at.london())
    at.rename(at.london(), slug="londinium")
    with refused(InUse):
        at.stores.cities.delete(at.london())


@needs(
    "cities._without_events: CityModel.published_events == 0",
    "cities._without_events: CityModel.draft_events == 0",
    "cities._without_events: CityModel.cancelled_events == 0",
)
def a_city_with_events_of_any_status_is_not_deleted(at: Stage) -> None:
    for status in EventStatus:
        event = at.event(status=status)
        with refused(InUse):
            at.stores.cities.delete(at.london())
        at.stores.events.delete(event)


@needs("cities.event_count_updates: CityModel.slug.exists()")
def an_event_that_goes_makes_no_ghost_of_a_city(at: Stage) -> None:
    event = at.event()
    at.lose(CITIES, "london")
    with refused(Changed):
        at.stores.events.delete(event)


@needs("cities.event_count_updates: CityModel.name == after.city")
def a_new_event_shows_its_citys_name(at: Stage) -> None:
    with refused(SlugUnknown):
        at.stores.events.create(an_event(city="Londinium"))


@needs("renames.DynamoRenames.remove: IndexEntryModel.token == rename.token")
def a_later_rename_is_not_forgotten_with_the_one_before(at: Stage) -> None:
    at.rename(at.london(), name="Londinium")
    (before,) = at.stores.renames.pending()
    at.rename(at.london(), name="Londres")
    at.stores.renames.remove(before)
    assert at.stores.renames.pending()


# --- keys of requests, and the audit trail ------------------------------------------------------


@needs(
    "keyed_requests.DynamoKeyedRequests.begin: KeyedRequestModel.id.does_not_exist()",
    "keyed_requests.DynamoKeyedRequests.begin: KeyedRequestModel.expires_at <= now",
)
def a_key_begins_one_checkout(at: Stage) -> None:
    at.stores.keyed_requests.begin(KEY, NOW)
    assert at.stores.keyed_requests.begin(OTHER_KEY, NOW) == KEY


@needs(
    "keyed_requests.DynamoKeyedRequests.take_over: _is_leased(known)",
    "keyed_requests._is_leased: KeyedRequestModel.order_id == request.order_id",
)
def a_request_is_taken_over_once(at: Stage) -> None:
    at.stores.keyed_requests.begin(KEY, NOW)
    assert at.stores.keyed_requests.take_over(KEY, OTHER_KEY, NOW)
    assert not at.stores.keyed_requests.take_over(KEY, THIRD_KEY, NOW)


@needs("keyed_requests._is_leased: KeyedRequestModel.leased_until == to_iso(request.leased_until)")
def a_request_whose_lease_was_renewed_is_not_taken_over(at: Stage) -> None:
    at.stores.keyed_requests.begin(KEY, NOW)
    assert at.stores.keyed_requests.take_over(KEY, KEY._replace(leased_until=LATER), NOW)
    assert not at.stores.keyed_requests.take_over(KEY, OTHER_KEY, NOW)


@needs("keyed_requests.DynamoKeyedRequests.take_over: KeyedRequestModel.answer.does_not_exist()")
def a_request_that_was_answered_is_not_taken_over(at: Stage) -> None:
    at.stores.keyed_requests.begin(KEY, NOW)
    at.stores.keyed_requests.finish(KEY, {"orderId": KEY.order_id}, NOW)
    assert not at.stores.keyed_requests.take_over(KEY, OTHER_KEY, NOW)


@needs("keyed_requests.DynamoKeyedRequests.finish: _is_leased(request)")
def who_was_taken_over_from_gives_no_answer(at: Stage) -> None:
    at.stores.keyed_requests.begin(KEY, NOW)
    at.stores.keyed_requests.take_over(KEY, OTHER_KEY, NOW)
    at.stores.keyed_requests.finish(KEY, {"orderId": KEY.order_id}, NOW)
    assert at.known_key() == OTHER_KEY


@needs("keyed_requests.DynamoKeyedRequests.forget: _is_leased(request)")
def who_was_taken_over_from_frees_no_key(at: Stage) -> None:
    at.stores.keyed_requests.begin(KEY, NOW)
    at.stores.keyed_requests.take_over(KEY, OTHER_KEY, NOW)
    at.stores.keyed_requests.forget(KEY, NOW)
    assert at.known_key() == OTHER_KEY


FIRST_ENTRY, SECOND_ENTRY = an_entry(actor="user_1"), an_entry(actor="user_2")


@needs("audit.audit_put: is_new_entry()", "audit.is_new_entry: AuditModel.id.does_not_exist()")
def a_change_replaces_no_entry(at: Stage) -> None:
    at.stores.audit_trail.record(FIRST_ENTRY)
    with refused(Unavailable):
        at.stores.cities.create(a_city(id=2, name="Porto", slug="porto"), SECOND_ENTRY)


@needs("audit.DynamoAuditTrail.record: is_new_entry()")
def an_entry_alone_replaces_none(at: Stage) -> None:
    at.stores.audit_trail.record(FIRST_ENTRY)
    at.stores.audit_trail.record(SECOND_ENTRY)
    assert at.stores.audit_trail.find(AuditQuery(10)).items == (FIRST_ENTRY.public,)


def test_every_condition_has_a_scene_and_every_scene_a_condition() -> None:
    known, found = {*SCENES, *QUERIES, *IMPLIED}, set(conditions())
    assert found - known == set(), "taken out, nothing would fail"
    assert known - found == set(), "the store has no such condition any more"


@pytest.mark.parametrize("scene", dict.fromkeys(SCENES.values()), ids=lambda one: one.__name__)
def test_with_every_condition_a_scene_holds(stage: Stage, scene: Scene) -> None:
    scene(stage)


@pytest.mark.parametrize("name", SCENES)
def test_without_it_the_same_scene_fails(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    take_out(monkeypatch, name)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        SCENES[name](stage)
