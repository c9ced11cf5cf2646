"""Stock in several places beside a version of the program that knows of none: what that version
leaves behind is found again, and no seat is lost or sold twice for it.

That version keeps every attribute when it changes an event where it is. What it writes whole has no
`places`: an event that it gives another slug, and each order.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.events import EventRecord, EventStatus
from chalicelib.domain.orders import Order
from chalicelib.domain.stock_places import NO_SPREADING
from chalicelib.errors import Changed, InUse, SalesClosed, SoldOut
from chalicelib.store import Stores
from chalicelib.store.orders import IntegrityError
from chalicelib.store.stock import place_key
from tests.support.builders import an_event, an_order
from tests.support.order_steps import Step, expired, noted, paid, refunded
from tests.support.records import record_of, seats_of
from tests.support.seeding import seed_city
from tests.support.spread import SPREAD
from tests.support.tables import EVENTS, ORDERS, MotoTables, moto_tables
from tests.support.traffic import Traffic

SLUG, NEW_SLUG = "tech-conference", "congress"
ORDER = an_order(event_slug=NEW_SLUG)
YOURS = replace(ORDER, id="01JNYOURORDER0000000000000")
TRANSACT, READ_MANY = "TransactWriteItems", "BatchGetItem"


@pytest.fixture(scope="module")
def shared_tables() -> Iterator[MotoTables]:
    """Tables of a store that spreads every event, over three places."""
    with moto_tables(SPREAD) as tables:
        yield tables


@pytest.fixture(autouse=True)
def _london(stores: Stores) -> None:
    random.seed(1)
    seed_city(stores)


def places(tables: MotoTables, slug: str = NEW_SLUG) -> list[tuple[int, int, int]]:
    """What is free, held and sold in each place, the event's own item first."""
    items = [tables.item(EVENTS, key) for key in (slug, *(place_key(1, n) for n in (1, 2, 3)))]
    return [
        (int(item["free"]["N"]), int(item["held"]["N"]), int(item["sold"]["N"])) for item in items
    ]


def set_counts(tables: MotoTables, number: int, **counts: int) -> None:
    tables.client.update_item(
        TableName=EVENTS,
        Key={"slug": {"S": place_key(1, number) if number else SLUG}},
        AttributeUpdates={name: {"Value": {"N": str(n)}} for name, n in counts.items()},
    )


def spread(stores: Stores, **changes: Any) -> EventRecord:
    stores.events.create(an_event(**changes))
    stores.orders._stock.offer(record_of(stores, SLUG))
    return record_of(stores, SLUG)


def edit(stores: Stores, before: EventRecord, **changes: Any) -> None:
    described = before.described()
    later = described.updated_at + timedelta(seconds=1)
    stores.events.replace(before, replace(described, updated_at=later, **changes))


def forget_places(tables: MotoTables) -> None:
    tables.client.update_item(
        TableName=EVENTS, Key={"slug": {"S": SLUG}}, UpdateExpression="REMOVE places"
    )


def renamed_before(stores: Stores, tables: MotoTables, **changes: Any) -> EventRecord:
    """Give the event another slug as the older version does: with the seats of its own item, and
    without its places.
    """
    forget_places(tables)
    edit(stores, record_of(stores, SLUG), slug=NEW_SLUG, **changes)
    assert "places" not in tables.item(EVENTS, NEW_SLUG)
    return record_of(stores, NEW_SLUG)


def written_before(tables: MotoTables, order: Order) -> Order:
    """Write an order as the older version does: it changes it, and its places are gone."""
    tables.client.update_item(
        TableName=ORDERS,
        Key={"id": {"S": order.id}},
        UpdateExpression="REMOVE places ADD version :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    return replace(order, places=(), version=order.version + 1)


class TestAnEventThatWasRenamed:
    def test_its_next_sale_takes_its_places_up_with_every_seat(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        mine = stores.orders.place(replace(ORDER, event_slug=SLUG), spread(stores))
        before = places(tables, SLUG)
        event = renamed_before(stores, tables)
        assert not event.is_whole
        event.ensure_on_sale(2, ORDER.created_at)

        yours = stores.orders.place(YOURS, event)

        assert yours.places
        assert record_of(stores, NEW_SLUG).places == 3
        assert seats_of(stores, NEW_SLUG) == (96, 4, 0)
        ((at, _),) = yours.places
        for number, (now, then) in enumerate(zip(places(tables), before, strict=True)):
            assert now == (then if number != at else (then[0] - 2, then[1] + 2, then[2]))
        stores.orders.replace(mine, paid(mine))
        assert seats_of(stores, NEW_SLUG) == (96, 2, 2)

    def test_its_places_get_the_terms_that_it_was_given_at_once(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        spread(stores)
        event = renamed_before(stores, tables, price=20000)
        stores.orders.place(an_order(event_slug=NEW_SLUG, unit_price=20000), event)
        prices = {tables.item(EVENTS, place_key(1, n))["price"]["N"] for n in (1, 2, 3)}
        assert prices == {"20000"}

    @pytest.mark.parametrize("capacity", [130, None])
    def test_seats_that_it_was_given_at_once_are_sold_first_and_the_others_are_kept(
        self, stores: Stores, tables: MotoTables, capacity: int | None
    ) -> None:
        spread(stores)
        event = renamed_before(stores, tables, capacity=capacity)
        assert stores.orders.place(ORDER, event).places == ()
        assert sum(free for free, _, _ in places(tables)[1:]) == 100

    def test_all_of_its_seats_are_shown_before(self, stores: Stores, tables: MotoTables) -> None:
        stores.orders.place(replace(ORDER, event_slug=SLUG), spread(stores))
        event = renamed_before(stores, tables)
        whole = stores.event_reader.whole(event)
        assert (whole.free, whole.held, whole.is_whole, whole.places) == (98, 2, True, 3)
        assert whole.available == 98

    def test_two_buyers_take_its_places_up_once(
        self, stores: Stores, tables: MotoTables, traffic: Traffic
    ) -> None:
        spread(stores)
        event = renamed_before(stores, tables)
        traffic.first(TRANSACT, lambda: stores.orders.place(YOURS, event))
        assert stores.orders.place(ORDER, event).places
        assert seats_of(stores, NEW_SLUG) == (96, 4, 0)

    def test_an_order_that_moves_its_seats_finds_them(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        mine = stores.orders.place(replace(ORDER, event_slug=SLUG), spread(stores))
        renamed_before(stores, tables)
        lost = written_before(tables, mine)
        stores.orders.replace(lost, paid(lost))
        assert seats_of(stores, NEW_SLUG) == (98, 0, 2)

    @pytest.mark.parametrize("number", [1, 2])
    def test_what_is_not_just_the_seats_that_it_lacks_is_not_taken_for_them(
        self, stores: Stores, tables: MotoTables, number: int
    ) -> None:
        spread(stores)
        event = renamed_before(stores, tables)
        if number == 1:
            set_counts(tables, 1, free=999)
        else:
            key = {"slug": {"S": place_key(1, 2)}}
            tables.client.delete_item(TableName=EVENTS, Key=key)
        before = tables.contents()
        with pytest.raises(SoldOut):
            stores.orders.place(ORDER, event)
        assert tables.contents() == before

    def test_without_any_place_it_has_the_seats_that_it_has(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        stores.events.create(an_event())
        set_counts(tables, 0, free=5)
        event = record_of(stores, SLUG)
        assert stores.event_reader.whole(event).free == 5
        assert stores.orders.place(replace(ORDER, event_slug=SLUG), event).places == ()
        with pytest.raises(SoldOut, match="only 3"):
            stores.orders.place(replace(YOURS, event_slug=SLUG, quantity=4), event)

    @pytest.mark.parametrize("changes", [{"slug": "summit"}, {"price": 1}, {"capacity": 50}])
    def test_an_admin_who_saw_all_seats_changes_it_at_the_second_try(
        self, stores: Stores, tables: MotoTables, changes: dict[str, Any]
    ) -> None:
        stores.orders.place(replace(ORDER, event_slug=SLUG), spread(stores))
        seen = stores.events.whole(renamed_before(stores, tables))
        with pytest.raises(Changed):
            edit(stores, seen, **changes)

        edit(stores, stores.events.whole(record_of(stores, NEW_SLUG)), **changes)

        slug = changes.get("slug", NEW_SLUG)
        assert seats_of(stores, slug) == (changes.get("capacity", 100) - 2, 2, 0)
        assert record_of(stores, slug).places == 3

    def test_it_is_not_deleted_under_orders_in_its_places(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        mine = stores.orders.place(replace(ORDER, event_slug=SLUG), spread(stores))
        event = renamed_before(stores, tables)
        seen = stores.events.whole(event)
        for read in (event, seen):
            with pytest.raises(InUse):
                stores.events.delete(read)
        stores.orders.replace(mine, expired(mine))
        stores.events.delete(record_of(stores, NEW_SLUG))
        assert not [item for item in tables.stored(EVENTS) if "eventId" in item and "free" in item]

    def test_who_read_it_before_its_places_were_found_deletes_it_at_the_second_try(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        spread(stores)
        seen = stores.events.whole(renamed_before(stores, tables))
        with pytest.raises(Changed):
            stores.events.delete(seen)
        stores.events.delete(record_of(stores, NEW_SLUG))
        assert stores.events.get(NEW_SLUG) is None


@pytest.mark.parametrize("name", ["held", "sold"])
def test_a_place_with_seats_of_orders_is_never_written_over(
    stores: Stores, tables: MotoTables, name: str
) -> None:
    """Whoever left it there: the event has all of its seats without it, and sells those."""
    spread(stores)
    set_counts(tables, 2, **{name: 1})
    forget_places(tables)
    set_counts(tables, 0, free=100)
    left = tables.item(EVENTS, place_key(1, 2))

    order = stores.orders.place(replace(ORDER, event_slug=SLUG), record_of(stores, SLUG))

    assert order.places == ()
    assert tables.item(EVENTS, place_key(1, 2)) == left
    assert seats_of(stores, SLUG) == (98, 2, 0)


class TestAnOrderThatLostItsPlaces:
    @pytest.mark.parametrize(
        ("first", "last", "expected"),
        [
            ([], paid, (98, 0, 2)),
            ([], expired, (100, 0, 0)),
            ([paid], refunded, (100, 0, 0)),
            ([paid], lambda order: refunded(order, amount=14999), (99, 0, 1)),
        ],
        ids=["is paid", "expires", "is refunded", "is refunded in part"],
    )
    def test_its_seats_move_where_there_are_such(
        self,
        stores: Stores,
        tables: MotoTables,
        first: list[Step],
        last: Step,
        expected: tuple[int, int, int],
    ) -> None:
        order = stores.orders.place(replace(ORDER, event_slug=SLUG), spread(stores))
        for step in first:
            order = stores.orders.replace(order, step(order))
        lost = written_before(tables, order)

        stored = stores.orders.replace(lost, last(lost))

        assert seats_of(stores, SLUG) == expected
        assert stores.orders.get(order.id) == stored
        assert set(dict(stored.places)) <= set(dict(order.places))
        assert bool(stored.places) == bool(stored.seats_sold)

    def test_orders_that_lost_their_way_leave_the_others_as_many_seats(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        """In whatever order: those of the event's own item too, which hold seats there."""
        stores.events.create(an_event(capacity=20))
        orders = [stores.orders.place(an_order(id="01JNOWN", quantity=2))]
        for number in range(6):
            event = record_of(stores, SLUG)
            orders.append(stores.orders.place(an_order(id=f"01JN{number}", quantity=3), event))
        lost = [
            written_before(tables, order) if number % 2 else order
            for number, order in enumerate(orders)
        ]
        random.shuffle(lost)
        for number, order in enumerate(lost):
            stores.orders.replace(order, (paid if number % 3 else expired)(order))
            assert sum(sum(counts) for counts in places(tables, SLUG)) == 20
            assert min(min(counts) for counts in places(tables, SLUG)) >= 0
        stored = [one for order in orders if (one := stores.orders.get(order.id)) is not None]
        sold = sum(order.seats_sold for order in stored)
        assert seats_of(stores, SLUG) == (20 - sold, 0, sold)

    def test_seats_that_are_not_there_at_all_are_told(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        order = stores.orders.place(replace(ORDER, event_slug=SLUG), spread(stores))
        lost = written_before(tables, order)
        set_counts(tables, order.places[0][0], held=1)
        before = tables.contents()
        with pytest.raises(IntegrityError, match="disagree"):
            stores.orders.replace(lost, paid(lost))
        assert tables.contents() == before

    def test_a_change_meanwhile_is_told_and_moves_nothing(
        self, stores: Stores, tables: MotoTables, traffic: Traffic
    ) -> None:
        order = stores.orders.place(replace(ORDER, event_slug=SLUG), spread(stores))
        lost = written_before(tables, order)
        traffic.first(TRANSACT, lambda: stores.orders.replace(lost, expired(lost)))
        with pytest.raises(Changed):
            stores.orders.replace(lost, paid(lost))
        assert seats_of(stores, SLUG) == (100, 0, 0)

    def test_seats_of_a_cancelled_event_are_not_sold(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        order = stores.orders.place(replace(ORDER, event_slug=SLUG), spread(stores))
        lost = written_before(tables, order)
        edit(stores, record_of(stores, SLUG), status=EventStatus.CANCELLED)
        with pytest.raises(SalesClosed):
            stores.orders.replace(lost, paid(lost))
        stores.orders.replace(lost, expired(lost))
        assert seats_of(stores, SLUG) == (100, 0, 0)


class TestWhereNoStockIsToBeSpread:
    @pytest.fixture(autouse=True)
    def _off(self, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stores.orders._stock, "_spreading", NO_SPREADING)

    @pytest.mark.parametrize("capacity", [100, 100_000, None])
    def test_an_event_sells_from_its_own_item(
        self, stores: Stores, tables: MotoTables, traffic: Traffic, capacity: int | None
    ) -> None:
        stores.events.create(an_event(capacity=capacity))
        event = record_of(stores, SLUG)
        traffic.forget()
        assert stores.orders.place(replace(ORDER, event_slug=SLUG), event).places == ()
        assert traffic.operations() == [TRANSACT]
        assert "places" not in tables.item(EVENTS, SLUG)
        assert not [one for one in tables.stored(EVENTS) if "#stock#" in json.dumps(one)]

    def test_an_event_that_is_spread_goes_on_from_its_places(
        self, stores: Stores, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as on:
            on.setattr(stores.orders._stock, "_spreading", SPREAD)
            event = spread(stores)
        order = stores.orders.place(replace(ORDER, event_slug=SLUG), event)
        assert order.places
        noted_order = stores.orders.replace(order, noted(order))
        stores.orders.replace(noted_order, paid(noted_order))
        assert seats_of(stores, SLUG) == (98, 0, 2)

    def test_places_that_were_lost_are_taken_up_all_the_same(
        self, stores: Stores, tables: MotoTables, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as on:
            on.setattr(stores.orders._stock, "_spreading", SPREAD)
            spread(stores)
        assert stores.orders.place(ORDER, renamed_before(stores, tables)).places
        assert seats_of(stores, NEW_SLUG) == (98, 2, 0)
