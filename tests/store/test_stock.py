"""Stock that is spread over several places: what each write touches and costs, who is refused, and
that another place sells where one is in trouble. That a spread event behaves as others do is in the
contract suite.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from pynamodb.expressions.condition import Condition

from chalicelib.domain.events import UNLIMITED_SEATS, EventRecord, EventStatus
from chalicelib.domain.orders import Order
from chalicelib.errors import (
    CapacityTooLow,
    Changed,
    Conflict,
    InUse,
    NotFound,
    PriceMismatch,
    SalesClosed,
    SoldOut,
    Unavailable,
)
from chalicelib.store import Stores
from chalicelib.store.models import EventModel
from chalicelib.store.orders import IntegrityError
from chalicelib.store.reindexing import Reindexing
from chalicelib.store.stock import place_key
from chalicelib.store.transactions import Delete, Update
from tests.support.builders import NOW, an_event, an_order
from tests.support.conditions import take_out
from tests.support.order_steps import (
    LATER,
    Step,
    bounced,
    expired,
    in_vain,
    noted,
    paid,
    refunded,
)
from tests.support.records import record_of, seats_of
from tests.support.seeding import seed_city
from tests.support.spread import SPREAD
from tests.support.tables import EVENTS, MotoTables, moto_tables
from tests.support.traffic import Traffic, cancelled, refusal, success

SLUG = "tech-conference"
ORDER = an_order()
YOURS = an_order(id="01JNYOURORDER0000000000000")
TRANSACT, READ, READ_MANY = "TransactWriteItems", "GetItem", "BatchGetItem"


@pytest.fixture(scope="module")
def shared_tables() -> Iterator[MotoTables]:
    """Tables of a store that spreads every event, over three places."""
    with moto_tables(SPREAD) as tables:
        yield tables


@pytest.fixture(autouse=True)
def _london(stores: Stores) -> None:
    random.seed(1)
    seed_city(stores)


def places(tables: MotoTables, slug: str = SLUG) -> dict[int, tuple[int, int, int]]:
    """What is free, held and sold in each place, the event's own item first."""
    keys = {0: slug, **{place: place_key(1, place) for place in (1, 2, 3)}}
    items = {place: tables.item(EVENTS, key) for place, key in keys.items()}
    return {
        place: (int(item["free"]["N"]), int(item["held"]["N"]), int(item["sold"]["N"]))
        for place, item in items.items()
        if "free" in item
    }


def open_sale(stores: Stores, **changes: Any) -> EventRecord:
    """Store an event, and spread it; return it as it is read then."""
    stores.events.create(an_event(**changes))
    stores.orders._stock.offer(record_of(stores, SLUG))
    return record_of(stores, SLUG)


def place(stores: Stores, order: Order = ORDER, **changes: Any) -> Order:
    """Place an order as a checkout does: of what was read of its event just before."""
    return stores.orders.place(replace(order, **changes), record_of(stores, order.event_slug))


def change(stores: Stores, **changes: Any) -> None:
    """Describe the event anew, as an admin does."""
    edit(stores, record_of(stores, SLUG), **changes)


def edit(stores: Stores, before: EventRecord, **changes: Any) -> None:
    described = before.described()
    later = described.updated_at + timedelta(seconds=1)
    stores.events.replace(before, replace(described, updated_at=later, **changes))


def make(stores: Stores, order: Order, *steps: Step) -> Order:
    for step in steps:
        order = stores.orders.replace(order, step(order))
    return order


def touched(traffic: Traffic) -> list[list[str]]:
    """The keys that each transaction wrote, of events and their places."""
    return [
        [
            write["Key"]["slug"]["S"]
            for action in call.body["TransactItems"]
            for write in action.values()
            if "slug" in write.get("Key", {})
        ]
        for call in traffic.calls
        if call.operation == TRANSACT
    ]


def partial_answer(known: dict[int, int], left_out: list[int]) -> AWSResponse:
    """What DynamoDB says when it has no room for some: how many seats places have, and which places
    it left out.
    """

    def key(place: int) -> dict[str, Any]:
        return {"slug": {"S": place_key(1, place)}}

    def item(place: int) -> dict[str, Any]:
        counts = {"free": known[place], "held": 0, "sold": 0}
        return key(place) | {name: {"N": str(count)} for name, count in counts.items()}

    return success(
        {
            "Responses": {EVENTS: [item(place) for place in known]},
            "UnprocessedKeys": {EVENTS: {"Keys": [key(place) for place in left_out]}},
        }
    )


class TestTheFirstSale:
    def test_it_moves_the_free_seats_to_places_and_sells_some_of_them(
        self, stores: Stores, tables: MotoTables, traffic: Traffic
    ) -> None:
        stores.events.create(an_event())
        event = record_of(stores, SLUG)
        traffic.forget()

        order = stores.orders.place(ORDER, event)

        # How many each place has is known: it need not be read.
        assert traffic.operations() == [TRANSACT, TRANSACT]
        ((at, count),) = order.places
        assert count == 2
        assert sorted(free for free, _, _ in places(tables).values()) in (
            [0, 31, 33, 34],
            [0, 32, 33, 33],
        )
        assert places(tables)[at][1:] == (2, 0)
        assert seats_of(stores, SLUG) == (98, 2, 0)

    def test_what_was_sold_before_stays_where_it_is(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        stores.events.create(an_event(capacity=11))
        mine = stores.orders.place(ORDER)
        sold = make(stores, stores.orders.place(an_order(id="01JNSOLD", quantity=3)), paid)
        assert mine.places == sold.places == ()

        yours = place(stores, YOURS)

        assert places(tables)[0] == (0, 2, 3)
        assert seats_of(stores, SLUG) == (4, 4, 3)
        make(stores, sold, refunded)
        make(stores, mine, expired)
        make(stores, yours, paid)
        assert places(tables)[0] == (4, 0, 1)
        assert seats_of(stores, SLUG) == (8, 0, 3)

    def test_a_place_has_the_sales_terms_and_is_in_no_index(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        open_sale(stores)

        item = tables.item(EVENTS, place_key(1, 2))

        assert item == {
            "slug": {"S": "#stock#000000000001#02"},
            "eventId": {"N": "1"},
            "status": {"S": "published"},
            "date": {"S": "2027-03-31T12:00:00.000Z"},
            "price": {"N": "14999"},
            "currency": {"S": "usd"},
            "free": {"N": "33"},
            "held": {"N": "0"},
            "sold": {"N": "0"},
        }
        table = tables.client.describe_table(TableName=EVENTS)["Table"]
        for index in table["GlobalSecondaryIndexes"]:
            keys = {part["AttributeName"] for part in index["KeySchema"]}
            assert not keys <= set(item), index["IndexName"]
            found = tables.client.scan(TableName=EVENTS, IndexName=index["IndexName"])["Items"]
            assert [one["slug"]["S"] for one in found] == [SLUG]

    def test_an_event_with_few_seats_is_not_spread(
        self, stores: Stores, tables: MotoTables, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stores.orders._stock, "_spreading", replace(SPREAD, from_seats=101))
        stores.events.create(an_event())
        assert place(stores).places == ()
        assert places(tables) == {0: (98, 2, 0)}

    def test_two_first_buyers_spread_it_once(
        self, stores: Stores, tables: MotoTables, traffic: Traffic
    ) -> None:
        stores.events.create(an_event())
        event = record_of(stores, SLUG)
        traffic.first(TRANSACT, lambda: stores.orders.place(YOURS, event))

        mine = stores.orders.place(ORDER, event)

        assert mine.places
        assert seats_of(stores, SLUG) == (96, 4, 0)
        assert record_of(stores, SLUG).places == 3

    @pytest.mark.parametrize("changes", [{"price": 1}, {"slug": "congress"}, {"capacity": 50}])
    def test_an_event_that_is_changed_at_that_moment_is_not_spread_on_former_terms(
        self, stores: Stores, traffic: Traffic, changes: dict[str, Any]
    ) -> None:
        stores.events.create(an_event())
        event = record_of(stores, SLUG)
        traffic.first(TRANSACT, lambda: edit(stores, event, **changes))
        slug = changes.get("slug", SLUG)

        if "capacity" in changes:
            assert stores.orders.place(ORDER, event).places == ()
        else:
            with pytest.raises(Exception, match="just"):
                stores.orders.place(ORDER, event)

        assert record_of(stores, slug).places == 0

    def test_a_place_that_another_life_of_the_event_left_is_written_over(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        open_sale(stores)
        left = tables.item(EVENTS, place_key(1, 1))
        tables.client.delete_item(TableName=EVENTS, Key={"slug": {"S": SLUG}})
        tables.client.put_item(TableName=EVENTS, Item=left | {"free": {"N": "999"}})
        stores.events.create(an_event(capacity=9))

        place(stores)

        assert seats_of(stores, SLUG) == (7, 2, 0)


class TestASale:
    def test_it_touches_one_place_and_nothing_else_of_the_event(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        event = open_sale(stores)
        traffic.forget()

        order = stores.orders.place(ORDER, event)

        ((at, _),) = order.places
        assert traffic.operations() == [READ_MANY, TRANSACT]
        assert touched(traffic) == [[place_key(1, at)]]
        (read,) = traffic.calls[0].body["RequestItems"].values()
        assert not read.get("ConsistentRead")
        assert "public" not in str(read)

    def test_four_places_are_looked_at_however_many_there_are(
        self, stores: Stores, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stores.orders._stock, "_spreading", replace(SPREAD, most=16))
        event = open_sale(stores)
        traffic.forget()
        stores.orders.place(ORDER, event)
        (read,) = traffic.calls[0].body["RequestItems"].values()
        assert len(read["Keys"]) == 4

    def test_places_that_cannot_be_looked_at_now_are_not_waited_for(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        event = open_sale(stores)
        traffic.answer(READ_MANY, partial_answer({1: 0, 3: 5}, left_out=[2]))
        traffic.forget()

        order = stores.orders.place(ORDER, event)

        assert dict(order.places) == {3: 2}
        assert traffic.operations() == [READ_MANY, TRANSACT]

    @pytest.mark.parametrize("known", [{}, {1: 0}, {1: 1, 3: 0}])
    def test_where_nothing_is_known_of_a_place_it_is_tried(
        self, stores: Stores, traffic: Traffic, known: dict[int, int]
    ) -> None:
        event = open_sale(stores)
        left_out = [place for place in (1, 2, 3) if place not in known]
        traffic.answer(READ_MANY, partial_answer(known, left_out))
        traffic.forget()

        order = stores.orders.place(ORDER, event)

        ((at, count),) = order.places
        assert (at in left_out, count) == (True, 2)
        assert traffic.operations() == [READ_MANY, TRANSACT]

    @pytest.mark.parametrize(
        "code", ["ThrottlingException", "ProvisionedThroughputExceededException"]
    )
    def test_a_look_that_is_throttled_is_done_without(
        self, stores: Stores, traffic: Traffic, code: str
    ) -> None:
        event = open_sale(stores)
        traffic.refuse(READ_MANY, lambda: refusal(code))
        traffic.forget()

        assert stores.orders.place(ORDER, event).places
        # The second one is botocore's.
        assert traffic.operations() == [READ_MANY, READ_MANY, TRANSACT]

    def test_a_look_that_fails_for_good_is_told(self, stores: Stores, traffic: Traffic) -> None:
        event = open_sale(stores)
        traffic.refuse(READ_MANY, lambda: refusal("AccessDeniedException"))
        with pytest.raises(Unavailable):
            stores.orders.place(ORDER, event)

    def test_without_a_limit_nothing_is_read(self, stores: Stores, traffic: Traffic) -> None:
        event = open_sale(stores, capacity=None)
        traffic.forget()

        order = stores.orders.place(ORDER, event)

        assert traffic.operations() == [TRANSACT]
        assert order.places
        assert seats_of(stores, SLUG) == (UNLIMITED_SEATS - 2, 2, 0)

    def test_a_crowd_comes_to_every_place(self, stores: Stores, tables: MotoTables) -> None:
        event = open_sale(stores)
        for number in range(24):
            stores.orders.place(an_order(id=f"01JN{number:022}", quantity=1), event)
        assert all(held > 1 for free, held, sold in list(places(tables).values())[1:])

    def test_scattered_seats_are_sold_to_one_who_wants_them_all(
        self, stores: Stores, tables: MotoTables, traffic: Traffic
    ) -> None:
        event = open_sale(stores, capacity=4)
        traffic.forget()

        order = stores.orders.place(replace(ORDER, quantity=4), event)

        assert dict(order.places) == {1: 2, 2: 1, 3: 1}
        assert traffic.operations() == [READ_MANY, READ, READ_MANY, TRANSACT]
        (read,) = traffic.calls[2].body["RequestItems"].values()
        assert read["ConsistentRead"]
        assert seats_of(stores, SLUG) == (0, 4, 0)
        make(stores, order, paid)
        assert places(tables) == {0: (0, 0, 0), 1: (0, 0, 2), 2: (0, 0, 1), 3: (0, 0, 1)}

    def test_seats_of_the_events_own_item_are_sold_too(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        stores.events.create(an_event(capacity=5))
        before = stores.orders.place(ORDER)
        place(stores, YOURS, quantity=3)
        make(stores, before, expired)
        assert places(tables)[0] == (2, 0, 0)

        order = place(stores, quantity=2, id="01JNANOTHER")

        assert order.places == ()
        assert seats_of(stores, SLUG) == (0, 5, 0)

    def test_sold_out_is_said_only_by_a_look_at_all_places_as_they_are_now(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        event = open_sale(stores, capacity=3)
        stores.orders.place(ORDER, event)
        traffic.forget()

        with pytest.raises(SoldOut, match="only 1 seat is left"):
            stores.orders.place(YOURS, event)

        assert traffic.operations() == [READ_MANY, READ, READ_MANY]
        assert traffic.calls[1].body["ConsistentRead"]
        (read,) = traffic.calls[2].body["RequestItems"].values()
        assert read["ConsistentRead"]
        stores.orders.place(replace(YOURS, quantity=1), event)
        with pytest.raises(SoldOut, match="this event is sold out"):
            stores.orders.place(an_order(id="01JNTHIRD", quantity=1), event)

    def test_seats_that_somebody_else_takes_meanwhile_are_found_elsewhere(
        self,
        stores: Stores,
        traffic: Traffic,
        tables: MotoTables,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        event = open_sale(stores, capacity=6)
        monkeypatch.setattr(random, "sample", lambda places, count: list(places)[:count])
        traffic.first(TRANSACT, lambda: set_free(tables, 1, "1"))
        traffic.forget()

        order = stores.orders.place(ORDER, event)

        # Looked at as it is now, and not as it may have been.
        assert traffic.operations() == [READ_MANY, TRANSACT, READ, READ_MANY, TRANSACT]
        assert touched(traffic) == [[place_key(1, 1)], [place_key(1, 2)]]
        assert dict(order.places) == {2: 2}

    def test_who_is_always_too_late_is_not_told_that_seats_are_gone(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        event = open_sale(stores)
        traffic.refuse(TRANSACT, lambda: cancelled("None", "ConditionalCheckFailed"))
        traffic.forget()

        with pytest.raises(Unavailable, match="too many are buying at this moment"):
            stores.orders.place(ORDER, event)

        assert traffic.operations().count(TRANSACT) == 10

    @pytest.mark.parametrize(
        ("changes", "raised"),
        [
            ({"status": EventStatus.CANCELLED}, SalesClosed),
            ({"status": EventStatus.DRAFT}, SalesClosed),
            ({"date": NOW}, SalesClosed),
            ({"price": 1}, PriceMismatch),
            ({"currency": "eur"}, PriceMismatch),
            ({"capacity": 1}, SoldOut),
        ],
    )
    @pytest.mark.parametrize("order", [ORDER, paid(ORDER, NOW)], ids=["held", "sold"])
    def test_who_read_the_event_before_it_changed_is_refused(
        self, stores: Stores, order: Order, changes: dict[str, Any], raised: type[Exception]
    ) -> None:
        event = open_sale(stores)
        change(stores, **changes)

        with pytest.raises(raised):
            stores.orders.place(order, event)

        assert seats_of(stores, SLUG)[1:] == (0, 0)
        assert stores.orders.get(order.id) is None

    def test_another_slug_is_in_nobodys_way(self, stores: Stores) -> None:
        event = open_sale(stores)
        change(stores, slug="congress")

        order = make(stores, stores.orders.place(ORDER, event), noted, paid)

        assert order.places
        assert seats_of(stores, "congress") == (98, 0, 2)

    def test_an_event_that_is_gone_has_no_seats(self, stores: Stores) -> None:
        event = open_sale(stores)
        stores.events.delete(event)
        with pytest.raises(NotFound):
            stores.orders.place(ORDER, event)

    def test_an_order_is_of_its_own_event(self, stores: Stores, tables: MotoTables) -> None:
        open_sale(stores)
        with pytest.raises(Conflict, match="another event has this address now"):
            place(stores, event_id=2)
        assert seats_of(stores, SLUG) == (100, 0, 0)

    def test_a_place_whose_seats_are_below_nothing_sells_none(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        event = open_sale(stores, capacity=3)
        for number, free in ((1, "3"), (2, "3"), (3, "-1")):
            set_free(tables, number, free)
        order = stores.orders.place(replace(ORDER, quantity=5), event)
        assert 3 not in dict(order.places)


def set_free(tables: MotoTables, number: int, free: str) -> None:
    tables.client.update_item(
        TableName=EVENTS,
        Key={"slug": {"S": place_key(1, number) if number else SLUG}},
        AttributeUpdates={"free": {"Value": {"N": free}}},
    )


@pytest.mark.usefixtures("no_pauses")
class TestAPlaceInTrouble:
    """Somebody else is at a place, or DynamoDB is too busy with it."""

    TROUBLE = pytest.mark.parametrize(
        "reason", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]
    )

    @TROUBLE
    @pytest.mark.parametrize("capacity", [100, None])
    def test_another_one_sells(
        self, stores: Stores, traffic: Traffic, reason: str, capacity: int | None
    ) -> None:
        event = open_sale(stores, capacity=capacity)
        traffic.forget()
        traffic.answer(TRANSACT, cancelled("None", reason))

        order = stores.orders.place(ORDER, event)

        (first,), (second,) = touched(traffic)
        assert first != second == place_key(1, order.places[0][0])
        tokens = [
            one.body["ClientRequestToken"] for one in traffic.calls if one.operation == TRANSACT
        ]
        assert len(set(tokens)) == 2
        assert stores.orders.get(ORDER.id) == order
        assert seats_of(stores, SLUG)[1:] == (2, 0)

    @TROUBLE
    def test_where_all_are_in_trouble_the_last_one_is_tried_again(
        self, stores: Stores, traffic: Traffic, reason: str
    ) -> None:
        event = open_sale(stores)
        traffic.forget()
        traffic.answer(TRANSACT, *[cancelled("None", reason)] * 5)

        stores.orders.place(ORDER, event)

        keys = [key for (key,) in touched(traffic)]
        assert len(set(keys[:3])) == 3
        assert keys[2:] == [keys[2]] * 4
        assert seats_of(stores, SLUG) == (98, 2, 0)

    @pytest.mark.parametrize(
        "code", ["TransactionInProgressException", "ThrottlingException", "RequestLimitExceeded"]
    )
    def test_a_try_of_which_nothing_is_known_is_repeated_as_it_was(
        self, stores: Stores, traffic: Traffic, code: str
    ) -> None:
        event = open_sale(stores)
        traffic.forget()
        traffic.answer(TRANSACT, refusal(code), refusal(code))

        stores.orders.place(ORDER, event)

        tries = [one.body for one in traffic.calls if one.operation == TRANSACT]
        assert all(one == tries[0] for one in tries)

    def test_a_try_that_was_made_after_all_is_not_made_at_another_place(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        event = open_sale(stores)
        made: list[Order] = []
        traffic.first(
            TRANSACT,
            lambda: made.append(stores.orders.place(ORDER, event)),
            cancelled("None", "TransactionConflict"),
        )

        order = stores.orders.place(ORDER, event)

        assert [order.places] == [made[0].places]
        assert seats_of(stores, SLUG) == (98, 2, 0)

    def test_another_order_of_the_same_id_is_not_ours(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        event = open_sale(stores)
        theirs = replace(ORDER, user_id="user_2")
        traffic.first(
            TRANSACT,
            lambda: stores.orders.place(theirs, event),
            cancelled("None", "TransactionConflict"),
        )
        with pytest.raises(IntegrityError):
            stores.orders.place(ORDER, event)
        assert stores.orders.get(ORDER.id) == theirs

    def test_the_same_order_is_not_placed_twice(self, stores: Stores) -> None:
        event = open_sale(stores)
        stores.orders.place(ORDER, event)
        with pytest.raises(IntegrityError):
            stores.orders.place(ORDER, event)
        assert seats_of(stores, SLUG) == (98, 2, 0)

    def test_a_store_that_stays_busy_is_told(
        self, stores: Stores, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        event = open_sale(stores)
        monkeypatch.setattr("chalicelib.store.patience._PATIENCE_SECONDS", 0.05)
        traffic.refuse(TRANSACT, lambda: cancelled("None", "TransactionConflict"))
        with pytest.raises(Unavailable):
            stores.orders.place(ORDER, event)


class TestAnOrdersLife:
    @pytest.mark.parametrize(
        ("steps", "expected"),
        [
            ([paid], (7, 0, 5)),
            ([noted, paid], (7, 0, 5)),
            ([expired], (12, 0, 0)),
            ([in_vain], (12, 0, 0)),
            ([paid, lambda order: refunded(order, amount=3 * 14999)], (10, 0, 2)),
            ([paid, refunded, bounced], (7, 0, 5)),
            ([expired, paid], (7, 0, 5)),
            ([expired, paid, refunded], (12, 0, 0)),
        ],
    )
    @pytest.mark.parametrize("moved", [False, True])
    def test_its_seats_move_where_they_are(
        self, stores: Stores, steps: list[Step], expected: tuple[int, int, int], moved: bool
    ) -> None:
        event = open_sale(stores, capacity=12)
        order = stores.orders.place(an_order(quantity=5), event)
        assert len(order.places) == 2
        if moved:
            change(stores, slug="congress")

        order = make(stores, order, *map(of_five, steps))

        assert seats_of(stores, "congress" if moved else SLUG) == expected
        assert sum(order.seats_at.values()) == order.seats_held + order.seats_sold
        stored = stores.orders.get(order.id)
        assert stored is not None
        assert stored.places == order.places

    def test_a_payment_touches_its_places_and_reads_nothing(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        event = open_sale(stores)
        order = stores.orders.place(ORDER, event)
        traffic.forget()

        make(stores, order, paid)

        assert traffic.operations() == [TRANSACT]
        assert touched(traffic) == [[place_key(1, order.places[0][0])]]

    @pytest.mark.parametrize("step", [noted, paid])
    def test_who_does_not_know_where_its_seats_are_cannot_change_it(
        self, stores: Stores, tables: MotoTables, step: Step
    ) -> None:
        placed = stores.orders.place(ORDER, open_sale(stores))
        assert placed == ORDER
        with pytest.raises(Changed):
            stores.orders.replace(ORDER, step(ORDER))
        assert seats_of(stores, SLUG) == (98, 2, 0)

    def test_a_refund_of_a_part_leaves_the_rest_where_it_is(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        event = open_sale(stores, capacity=4)
        order = make(stores, stores.orders.place(an_order(quantity=4), event), paid)

        def one_goes_back(order: Order) -> Order:
            return replace(order, seats_returned=1)

        order = make(stores, order, one_goes_back)

        assert sum(order.seats_at.values()) == 3
        assert seats_of(stores, SLUG) == (1, 0, 3)
        assert {at: sold for at, (_, _, sold) in places(tables).items() if sold} == order.seats_at

    def test_seats_that_are_taken_again_come_from_wherever_there_are_some(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        event = open_sale(stores, capacity=4)
        order = make(stores, stores.orders.place(an_order(quantity=4), event), expired)
        assert order.places == ()
        traffic.forget()

        order = make(stores, order, paid)

        # The event's own item is asked first: most events have no other.
        assert traffic.operations() == [TRANSACT, READ, READ, READ_MANY, TRANSACT]
        assert len(order.places) == 3
        assert seats_of(stores, SLUG) == (0, 0, 4)

    @pytest.mark.parametrize(
        ("steps", "message"),
        [
            ([expired, paid], "only 1 seat is left"),
            ([paid, refunded, bounced], "the seats were sold to somebody else"),
        ],
    )
    def test_seats_that_are_gone_are_not_taken_again(
        self, stores: Stores, steps: list[Step], message: str
    ) -> None:
        event = open_sale(stores, capacity=3)
        *first, last = steps
        order = make(stores, stores.orders.place(ORDER, event), *first)
        stores.orders.place(YOURS, event)

        with pytest.raises(SoldOut, match=message):
            make(stores, order, last)

        assert seats_of(stores, SLUG) == (1, 2, 0)

    def test_who_is_always_too_late_for_them_is_not_told_that_they_are_gone(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        event = open_sale(stores)
        order = make(stores, stores.orders.place(ORDER, event), expired)
        traffic.refuse(TRANSACT, lambda: cancelled("None", "ConditionalCheckFailed"))
        # Told so, the money would go back although there are seats for it.
        with pytest.raises(Unavailable, match="too many are buying at this moment"):
            make(stores, order, paid)

    def test_held_seats_of_a_cancelled_event_are_not_sold(self, stores: Stores) -> None:
        event = open_sale(stores)
        order = stores.orders.place(ORDER, event)
        change(stores, status=EventStatus.CANCELLED)
        with pytest.raises(SalesClosed, match="the event was cancelled"):
            make(stores, order, paid)
        make(stores, order, expired)
        assert seats_of(stores, SLUG) == (100, 0, 0)

    @pytest.mark.parametrize(("name", "steps"), [("held", [paid]), ("sold", [paid, refunded])])
    def test_seats_that_are_missing_in_a_place_are_told(
        self, stores: Stores, tables: MotoTables, name: str, steps: list[Step]
    ) -> None:
        event = open_sale(stores)
        *first, last = steps
        order = make(stores, stores.orders.place(ORDER, event), *first)
        tables.client.update_item(
            TableName=EVENTS,
            Key={"slug": {"S": place_key(1, order.places[0][0])}},
            AttributeUpdates={name: {"Value": {"N": "1"}}},
        )
        with pytest.raises(IntegrityError, match="disagree"):
            make(stores, order, last)

    def test_an_event_that_is_gone_under_its_orders_is_told(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        order = stores.orders.place(ORDER, open_sale(stores))
        for item in tables.stored(EVENTS):
            tables.client.delete_item(TableName=EVENTS, Key={"slug": item["slug"]})
        with pytest.raises(NotFound):
            make(stores, order, paid)

    @pytest.mark.parametrize("steps", [[expired], [in_vain], [paid, refunded]])
    def test_what_goes_back_to_an_event_that_is_gone_is_nobodys(
        self, stores: Stores, tables: MotoTables, steps: list[Step]
    ) -> None:
        *first, last = map(of_five, steps)
        order = make(stores, stores.orders.place(ORDER, open_sale(stores)), *first)
        for item in tables.stored(EVENTS):
            tables.client.delete_item(TableName=EVENTS, Key={"slug": item["slug"]})

        after = make(stores, order, last)

        assert stores.orders.get(order.id) == after
        assert (after.seats_at, tables.stored(EVENTS)) == ({}, [])
        with pytest.raises(Changed):
            stores.orders.replace(order, last(order))


def of_five(step: Step) -> Step:
    """A step in the life of an order of five seats: all of its money goes back."""
    if step is refunded:
        return lambda order: refunded(order, amount=5 * 14999)
    return step


class TestEdits:
    @pytest.mark.parametrize(
        "changes",
        [
            {"status": EventStatus.CANCELLED},
            {"status": EventStatus.DRAFT},
            {"price": 20000},
            {"currency": "eur"},
            {"date": LATER},
            {"slug": "congress", "price": 20000},
        ],
    )
    def test_new_terms_reach_every_place_in_the_same_transaction(
        self, stores: Stores, tables: MotoTables, traffic: Traffic, changes: dict[str, Any]
    ) -> None:
        open_sale(stores)
        traffic.forget()

        change(stores, **changes)

        assert traffic.operations().count(TRANSACT) == 1
        record = record_of(stores, changes.get("slug", SLUG))
        assert record.places == 3
        own = tables.item(EVENTS, record.slug)
        for number in (1, 2, 3):
            item = tables.item(EVENTS, place_key(1, number))
            for name in ("status", "date", "price", "currency"):
                assert item[name] == own[name]
        assert seats_of(stores, record.slug) == (100, 0, 0)

    @pytest.mark.parametrize("changes", [{"name": "Another"}, {"city": "London"}, {"alt": "A"}])
    def test_what_is_no_term_touches_no_place(
        self, stores: Stores, traffic: Traffic, changes: dict[str, Any]
    ) -> None:
        event = open_sale(stores)
        traffic.forget()
        edit(stores, event, **changes)
        assert READ_MANY not in traffic.operations()
        assert "#stock#" not in str([call.body for call in traffic.calls])

    def test_another_slug_takes_the_seats_of_the_events_own_item_along(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        stores.events.create(an_event(capacity=9))
        stores.orders.place(ORDER)
        mine = place(stores, YOURS)
        change(stores, slug="congress")
        assert places(tables, "congress")[0] == (0, 2, 0)
        make(stores, mine, paid)
        assert seats_of(stores, "congress") == (5, 2, 2)

    def test_an_admin_who_read_whole_stock_moves_only_what_is_in_the_item(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        stores.events.create(an_event(capacity=9))
        stores.orders.place(ORDER)
        place(stores, YOURS)
        edit(stores, stores.events.whole(record_of(stores, SLUG)), slug="congress", capacity=12)
        assert places(tables, "congress")[0] == (0, 2, 0)
        assert seats_of(stores, "congress") == (8, 4, 0)

    @pytest.mark.parametrize("slug", [SLUG, "congress"])
    @pytest.mark.parametrize(
        ("before", "after"),
        [(9, 20), (9, 10), (20, 9), (9, 4), (9, None), (None, 9), (None, 4), (30, 4)],
    )
    def test_a_new_capacity_is_shared_out(
        self,
        stores: Stores,
        tables: MotoTables,
        before: int | None,
        after: int | None,
        slug: str,
    ) -> None:
        stores.events.create(an_event(capacity=before))
        stores.orders.place(an_order(id="01JNOWN", quantity=1))
        place(stores)
        make(stores, place(stores, YOURS, quantity=1), paid)

        change(stores, capacity=after, slug=slug)

        free = (UNLIMITED_SEATS if after is None else after) - 4
        assert seats_of(stores, slug) == (free, 3, 1)
        frees = [count for count, _, _ in places(tables, slug).values()]
        assert min(frees) >= 0
        assert after is None or max(frees[1:]) - min(frees[1:]) <= 2

    @pytest.mark.parametrize("slug", [SLUG, "congress"])
    @pytest.mark.parametrize("after", [20, None])
    def test_an_event_that_grows_gets_the_places_of_one_of_its_size(
        self, stores: Stores, tables: MotoTables, slug: str, after: int | None
    ) -> None:
        order = stores.orders.place(ORDER, open_sale(stores, capacity=2))
        assert record_of(stores, SLUG).places == 2

        change(stores, capacity=after, slug=slug, price=20000)

        record = record_of(stores, slug)
        assert record.places == 3
        free = (UNLIMITED_SEATS if after is None else after) - 2
        assert seats_of(stores, slug) == (free, 2, 0)
        frees = [count for count, _, _ in places(tables, slug).values()]
        assert max(frees[1:]) - min(frees[1:]) <= 1
        for number in (1, 2, 3):
            assert tables.item(EVENTS, place_key(1, number))["price"] == {"N": "20000"}
        make(stores, order, paid)
        costly = replace(YOURS, unit_price=20000, event_slug=slug)
        bought = [
            stores.orders.place(replace(costly, id=f"01JN{number:022}"), record)
            for number in range(9)
        ]
        assert 3 in {place for order in bought for place, _ in order.places}
        assert seats_of(stores, slug) == (free - 18, 18, 2)

    def test_a_place_that_somebody_elses_seats_are_in_is_not_made_anew(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        open_sale(stores, capacity=2)
        left = tables.item(EVENTS, place_key(1, 1)) | {"slug": {"S": place_key(1, 3)}}
        tables.client.put_item(TableName=EVENTS, Item=left | {"sold": {"N": "1"}})
        with pytest.raises(Changed):
            change(stores, capacity=20)
        assert record_of(stores, SLUG).places == 2

    def test_an_event_that_shrinks_keeps_its_places(self, stores: Stores) -> None:
        open_sale(stores, capacity=9)
        change(stores, capacity=1)
        assert record_of(stores, SLUG).places == 3
        assert seats_of(stores, SLUG) == (1, 0, 0)

    @pytest.mark.parametrize("slug", [SLUG, "congress"])
    def test_a_capacity_below_what_is_taken_is_refused(self, stores: Stores, slug: str) -> None:
        event = open_sale(stores, capacity=9)
        stores.orders.place(an_order(quantity=5), event)
        with pytest.raises(CapacityTooLow, match="5 seats are sold or held"):
            change(stores, capacity=4, slug=slug)
        change(stores, capacity=5, slug=slug)
        assert seats_of(stores, slug) == (0, 5, 0)

    @pytest.mark.parametrize(("sold", "raised"), [(1, Changed), (5, CapacityTooLow)])
    def test_seats_that_are_sold_at_the_same_moment_are_not_taken_away(
        self, stores: Stores, traffic: Traffic, sold: int, raised: type[Exception]
    ) -> None:
        event = open_sale(stores, capacity=9)
        traffic.first(
            TRANSACT,
            lambda: [
                stores.orders.place(an_order(id=f"01JN{number}", quantity=1), event)
                for number in range(sold)
            ],
        )
        with pytest.raises(raised):
            change(stores, capacity=4 if sold == 5 else 1)
        assert seats_of(stores, SLUG) == (9 - sold, sold, 0)

    def test_a_change_made_of_what_was_read_before_the_first_sale_is_made_again(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        stores.events.create(an_event())
        before = record_of(stores, SLUG)
        place(stores)
        with pytest.raises(Changed):
            edit(stores, before, price=1)
        with pytest.raises(Changed):
            edit(stores, before, slug="congress")
        with pytest.raises(InUse, match="held by open checkouts"):
            stores.events.delete(before)
        assert tables.item(EVENTS, place_key(1, 1))["price"] == {"N": "14999"}

    @pytest.mark.parametrize("changes", [{"capacity": 50}, {"slug": "congress"}])
    def test_a_change_made_of_what_somebody_else_changed_is_refused(
        self, stores: Stores, changes: dict[str, Any]
    ) -> None:
        before = open_sale(stores)
        change(stores, name="Another")
        with pytest.raises(Changed):
            edit(stores, before, **changes)

    def test_an_event_that_is_gone_is_not_changed(self, stores: Stores) -> None:
        before = open_sale(stores)
        stores.events.delete(before)
        with pytest.raises(Changed):
            edit(stores, before, capacity=50)


class TestDeleting:
    def test_its_places_go_with_it(self, stores: Stores, tables: MotoTables) -> None:
        event = open_sale(stores)
        stores.events.delete(event)
        assert not [item for item in tables.stored(EVENTS) if "eventId" in item]

    @pytest.mark.parametrize(
        ("steps", "message"), [([], "held by open checkouts"), ([paid], "tickets .* are sold")]
    )
    def test_not_while_seats_are_held_or_sold_in_any_place(
        self, stores: Stores, tables: MotoTables, steps: list[Step], message: str
    ) -> None:
        event = open_sale(stores)
        make(stores, stores.orders.place(ORDER, event), *steps)
        before = tables.contents()
        with pytest.raises(InUse, match=message):
            stores.events.delete(event)
        assert tables.contents() == before

    def test_what_is_read_of_a_place_is_not_taken_for_an_event(self, stores: Stores) -> None:
        open_sale(stores)
        assert stores.events.get(place_key(1, 1)) is None
        assert stores.events.get_many([place_key(1, 1), SLUG]).keys() == {SLUG}


class TestReading:
    def test_whole_stock_is_one_call_more(self, stores: Stores, traffic: Traffic) -> None:
        event = open_sale(stores)
        traffic.forget()
        record = stores.events.whole(event)
        assert traffic.operations() == [READ_MANY]
        assert (record.free, record.is_whole) == (100, True)
        assert stores.events.whole(record) is record
        assert traffic.operations() == [READ_MANY]

    def test_places_that_were_made_a_moment_ago_are_asked_for_as_they_are_now(
        self, stores: Stores, traffic: Traffic, tables: MotoTables
    ) -> None:
        event = open_sale(stores)
        gone = tables.item(EVENTS, place_key(1, 1))
        tables.client.delete_item(TableName=EVENTS, Key={"slug": gone["slug"]})
        traffic.first(READ_MANY, lambda: None)
        traffic.first(READ_MANY, lambda: tables.client.put_item(TableName=EVENTS, Item=gone))
        traffic.forget()

        assert stores.events.whole(event).free == 100

        first, second = (
            next(iter(call.body["RequestItems"].values())) for call in traffic.calls[:2]
        )
        assert not first.get("ConsistentRead")
        assert second["ConsistentRead"]


class TestGuards:
    """Each condition, shown to matter: without it the same steps sell a seat twice, or at a price
    or of an event that is no more.
    """

    @pytest.fixture
    def without(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
        """Put a condition that always holds in the place of one that a module makes."""

        def put_out(module: str, name: str) -> None:
            always: Condition = EventModel.slug.exists()
            monkeypatch.setattr(f"chalicelib.store.{module}.{name}", lambda *_: always)

        return put_out

    GUARDED = pytest.mark.parametrize("guarded", [True, False])

    @GUARDED
    def test_the_last_seats_of_a_place_go_to_one_buyer(
        self,
        stores: Stores,
        tables: MotoTables,
        traffic: Traffic,
        without: Callable[[str, str], None],
        guarded: bool,
    ) -> None:
        event = open_sale(stores, capacity=2)
        set_free(tables, 1, "2")
        set_free(tables, 2, "0")
        if not guarded:
            without("orders", "sale_condition")
        traffic.first(TRANSACT, lambda: stores.orders.place(YOURS, event))

        with nullcontext() if not guarded else pytest.raises(SoldOut):
            stores.orders.place(ORDER, event)

        assert places(tables)[1] == ((0, 2, 0) if guarded else (-2, 4, 0))

    @GUARDED
    def test_an_event_is_spread_on_the_terms_that_it_has(
        self,
        stores: Stores,
        traffic: Traffic,
        without: Callable[[str, str], None],
        guarded: bool,
    ) -> None:
        stores.events.create(an_event())
        event = record_of(stores, SLUG)
        if not guarded:
            without("stock", "unchanged")
        traffic.first(TRANSACT, lambda: edit(stores, event, price=20000))

        with nullcontext() if not guarded else pytest.raises(PriceMismatch):
            stores.orders.place(ORDER, event)

        assert (stores.orders.get(ORDER.id) is None) == guarded

    @GUARDED
    def test_an_event_whose_own_item_sold_seats_since_it_was_read_is_not_spread(
        self,
        stores: Stores,
        tables: MotoTables,
        monkeypatch: pytest.MonkeyPatch,
        guarded: bool,
    ) -> None:
        stores.events.create(an_event(capacity=12))
        known = record_of(stores, SLUG)
        stores.orders.place(an_order(id="01JNOWN", quantity=5))
        if not guarded:
            take_out(monkeypatch, "stock.Stock._spread: EventModel.free >= record.free")

        stores.orders.place(replace(ORDER, quantity=1), known)
        with suppress(SoldOut):
            for number in range(12):
                place(stores, id=f"01JN{number}", quantity=1)

        # Without it, five seats that were sold are among those that the places have.
        assert seats_of(stores, SLUG) == ((0, 12, 0) if guarded else (-5, 17, 0))

    @GUARDED
    def test_places_that_are_taken_up_have_the_terms_that_the_event_has(
        self,
        stores: Stores,
        tables: MotoTables,
        traffic: Traffic,
        without: Callable[[str, str], None],
        guarded: bool,
    ) -> None:
        open_sale(stores)
        # As a version that knows of no places leaves an event that it renames.
        tables.client.update_item(
            TableName=EVENTS, Key={"slug": {"S": SLUG}}, UpdateExpression="REMOVE places"
        )
        event = record_of(stores, SLUG)
        if not guarded:
            without("stock", "unchanged")
        traffic.first(TRANSACT, lambda: edit(stores, event, price=20000))
        stores.orders._stock.take_up(event)

        with nullcontext() if not guarded else pytest.raises(PriceMismatch):
            place(stores)

        # Without it, the places sell at the former price.
        assert record_of(stores, SLUG).price == 20000
        assert (stores.orders.get(ORDER.id) is None) == guarded

    @GUARDED
    def test_an_event_that_was_spread_since_it_was_read_leaves_no_place_behind(
        self,
        stores: Stores,
        without: Callable[[str, str], None],
        guarded: bool,
    ) -> None:
        stores.events.create(an_event())
        before = record_of(stores, SLUG)
        known = open_places(stores)
        if not guarded:
            without("events", "unchanged")

        with nullcontext() if not guarded else pytest.raises(Changed):
            edit(stores, before, status=EventStatus.CANCELLED)

        # Without it, seats of a cancelled event are sold.
        assert stores.orders.place(ORDER, known).places
        assert (record_of(stores, SLUG).status is EventStatus.CANCELLED) != guarded

    @GUARDED
    def test_a_place_gives_a_lower_capacity_no_seats_that_it_does_not_have(
        self,
        stores: Stores,
        tables: MotoTables,
        traffic: Traffic,
        monkeypatch: pytest.MonkeyPatch,
        guarded: bool,
    ) -> None:
        event = open_sale(stores, capacity=6)
        if not guarded:
            made = Update
            monkeypatch.setattr(
                "chalicelib.store.stock.Update",
                lambda label, key, actions, _: made(label, key, actions),
            )
        traffic.first(TRANSACT, lambda: stores.orders.place(an_order(quantity=6), event))

        with nullcontext() if not guarded else pytest.raises(CapacityTooLow):
            change(stores, capacity=3)

        assert (min(free for free, _, _ in places(tables).values()) < 0) != guarded

    @GUARDED
    def test_an_event_is_deleted_when_all_of_its_places_are_idle(
        self,
        stores: Stores,
        tables: MotoTables,
        monkeypatch: pytest.MonkeyPatch,
        guarded: bool,
    ) -> None:
        event = open_sale(stores)
        stores.orders.place(ORDER, event)
        if not guarded:
            made = Delete
            monkeypatch.setattr(
                "chalicelib.store.stock.Delete", lambda label, key, _: made(label, key)
            )

        with nullcontext() if not guarded else pytest.raises(InUse):
            stores.events.delete(event)

        # Without it, an order holds seats of nothing.
        assert (stores.events.get(SLUG) is not None) == guarded


def open_places(stores: Stores) -> EventRecord:
    """Spread the event that is there; return it as it is read then."""
    stores.orders._stock.offer(record_of(stores, SLUG))
    return record_of(stores, SLUG)


def test_a_place_that_is_always_refused_limits_nobody(stores: Stores, no_pauses: object) -> None:
    """As when its partition is too hot: what comes to it goes to the others."""
    event = open_sale(stores, capacity=None)
    refused: list[str] = []

    def refuse(request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        body = str(request.body)
        if "TransactWrite" not in str(request.headers) or place_key(1, 1) not in body:
            return None
        refused.append(body)
        request.url = "https://answered.test/"
        return cancelled("None", "ThrottlingError")

    hooks = stores.orders._connection.client.meta.events
    hooks.register_first("before-send.dynamodb", refuse)
    try:
        for number in range(30):
            stores.orders.place(an_order(id=f"01JN{number:022}"), event)
    finally:
        hooks.unregister("before-send.dynamodb", refuse)

    assert len(refused) > 5
    assert seats_of(stores, SLUG)[1] == 60


def test_erasing_everything_takes_the_places_too(stores: Stores, tables: MotoTables) -> None:
    open_sale(stores)
    stores.eraser.erase_everything()
    assert [item["slug"] for item in tables.stored(EVENTS)] == [{"S": "#totals"}]


def test_places_are_no_events_to_be_found_by_words(stores: Stores) -> None:
    open_sale(stores)
    connection, words = stores.orders._connection, stores.events._words
    done = list(Reindexing(connection, words, stores.events).events())
    assert [(one.slug, one.done) for one in done] == [(SLUG, True)]


def test_a_crowd_of_steps_never_loses_a_seat(stores: Stores, tables: MotoTables) -> None:
    rng = random.Random(7)
    open_sale(stores, capacity=12)
    orders: list[Order] = []
    acts: list[Callable[[], object]] = [
        lambda: orders.append(place(stores, id=f"01JN{len(orders)}", quantity=rng.randint(1, 5))),
        lambda: step_one(stores, orders, rng),
        lambda: change(stores, capacity=rng.choice([12, 13, 20, None])),
    ]
    for _ in range(120):
        with suppress(SoldOut, CapacityTooLow):
            rng.choices(acts, [3, 4, 1])[0]()
        record = stores.events.whole(record_of(stores, SLUG), consistent=True)
        total = UNLIMITED_SEATS if record.capacity is None else record.capacity
        assert record.free + record.held + record.sold == total
        assert record.held == sum(order.seats_held for order in orders)
        assert record.sold == sum(order.seats_sold for order in orders)
        for at, counts in places(tables).items():
            assert min(counts) >= 0
            assert counts[1] == sum(o.seats_at.get(at, 0) for o in orders if o.seats_held)
            assert counts[2] == sum(o.seats_at.get(at, 0) for o in orders if o.seats_sold)


def step_one(stores: Stores, orders: list[Order], rng: random.Random) -> None:
    if not orders:
        return
    number = rng.randrange(len(orders))
    steps: list[Step] = [paid, expired, lambda order: replace(order, seats_returned=1)]
    step = rng.choice(steps)
    order = orders[number]
    after = step(order)
    if after is not order and not (after.seats_returned and not after.tickets):
        orders[number] = stores.orders.replace(order, after)
