"""Orders in DynamoDB: what each write costs, what is told where it cannot be made, and answers that
get lost. What an order store does at all is in the contract suite.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.orders import HistoryEntry, MailStatus, Order, OrderStatus
from chalicelib.domain.refunds import Dispute, DisputeStatus, Refund, RefundStatus
from chalicelib.domain.tickets import CheckIn
from chalicelib.errors import Changed, Conflict, NotFound, SoldOut, Unavailable
from chalicelib.services.port_types import Cancellation, KeyedRequest, NewsMark, OrderQuery
from chalicelib.store import Stores, order_lists
from chalicelib.store.event_reading import EventReader
from chalicelib.store.order_items import SHARDS, order_item, read_order, shard_of
from chalicelib.store.orders import IntegrityError
from tests.support.builders import NOW, an_event, an_order
from tests.support.order_steps import (
    LATER,
    Step,
    expired,
    in_vain,
    noted,
    paid,
    refunded,
    waiting,
)
from tests.support.seeding import seed_city, seed_event
from tests.support.tables import EVENTS, ORDERS, MotoTables
from tests.support.traffic import Traffic, cancelled, refusal

ORDER = an_order()
SLUG = "tech-conference"
ALONE = pytest.mark.parametrize("step", [noted, waiting])
WITH_SEATS = pytest.mark.parametrize(
    ("step", "expected"), [(paid, (98, 0, 2)), (expired, (100, 0, 0)), (in_vain, (100, 0, 0))]
)


@pytest.fixture(autouse=True)
def _shop(tables: MotoTables) -> None:
    seed_city(tables.stores)
    seed_event(tables.stores)


def stored_by_a_later_version(tables: MotoTables, order_id: str) -> None:
    tables.client.update_item(
        TableName=ORDERS,
        Key={"id": {"S": order_id}},
        UpdateExpression="SET #status = :status",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":status": {"S": "unheard_of"}},
    )


def stock(tables: MotoTables, slug: str = SLUG) -> tuple[int, int, int]:
    item = tables.item(EVENTS, slug)
    free, held, sold = (int(item[name]["N"]) for name in ("free", "held", "sold"))
    return free, held, sold


def stored(stores: Stores, order_id: str = ORDER.id) -> Order:
    order = stores.orders.get(order_id)
    assert order is not None
    return order


def make(stores: Stores, *steps: Step) -> Order:
    order = stored(stores)
    for step in steps:
        order = stores.orders.replace(order, step(order))
    return order


class TestWrites:
    def test_placing_is_the_order_and_its_seats_in_one_transaction(
        self, stores: Stores, tables: MotoTables, traffic: Traffic
    ) -> None:
        stores.orders.place(ORDER)
        assert traffic.operations() == ["TransactWriteItems"]
        assert stock(tables) == (98, 2, 0)

    @WITH_SEATS
    def test_a_change_that_moves_seats_is_one_transaction(
        self, stores: Stores, traffic: Traffic, step: Step, expected: tuple[int, int, int]
    ) -> None:
        stores.orders.place(ORDER)
        traffic.forget()
        stores.orders.replace(ORDER, step(ORDER))
        assert traffic.operations() == ["TransactWriteItems"]

    @ALONE
    def test_a_change_that_moves_no_seats_is_one_put(
        self, stores: Stores, traffic: Traffic, step: Step
    ) -> None:
        stores.orders.place(ORDER)
        traffic.forget()
        stores.orders.replace(ORDER, step(ORDER))
        assert traffic.operations() == ["PutItem"]

    def test_what_is_not_known_is_not_in_the_item(self, stores: Stores, tables: MotoTables) -> None:
        stores.orders.place(ORDER)
        item = tables.item(ORDERS, ORDER.id)
        absent = {"userId", "sessionId", "customerEmail", "paidAt", "tickets", "refunds", "mail"}
        assert not absent & set(item)

    def test_what_is_over_is_in_the_index_of_due_orders_no_more(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        stores.orders.place(ORDER)
        assert "dueAt" in tables.item(ORDERS, ORDER.id)
        make(stores, paid)
        assert "dueAt" not in tables.item(ORDERS, ORDER.id)

    def test_the_same_order_is_not_placed_twice(self, stores: Stores, tables: MotoTables) -> None:
        stores.orders.place(ORDER)
        before = tables.contents()
        with pytest.raises(IntegrityError):
            stores.orders.place(ORDER)
        assert tables.contents() == before

    def test_an_order_of_another_event_under_the_same_slug_is_refused(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        before = tables.contents()
        with pytest.raises(Conflict, match="another event has this address now"):
            stores.orders.place(an_order(event_id=2))
        assert tables.contents() == before

    def test_an_event_that_is_gone_is_not_made_by_an_order(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        before = tables.contents()
        with pytest.raises(NotFound, match="no such event"):
            stores.orders.place(an_order(event_slug="gone"))
        assert tables.contents() == before

    def test_why_an_order_was_refused_is_looked_up_in_what_is_stored_now(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        traffic.answer("TransactWriteItems", cancelled("None", "ConditionalCheckFailed"))
        # Its seats came free a moment after they were asked for.
        assert stores.orders.place(ORDER).seats_held == 2
        assert traffic.operations() == ["TransactWriteItems", "GetItem", "TransactWriteItems"]
        assert traffic.calls[1].body["ConsistentRead"] is True

    def test_who_is_always_too_late_is_not_told_that_seats_are_gone(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        traffic.refuse("TransactWriteItems", lambda: cancelled("None", "ConditionalCheckFailed"))
        with pytest.raises(Unavailable, match="too many are buying at this moment"):
            stores.orders.place(ORDER)
        assert traffic.operations().count("TransactWriteItems") == 10


class TestSeatsThatDoNotAddUp:
    """Never expected; what finds it changes nothing."""

    @staticmethod
    def lose(tables: MotoTables, name: str) -> None:
        tables.client.update_item(
            TableName=EVENTS,
            Key={"slug": {"S": SLUG}},
            UpdateExpression=f"SET {name} = :few",
            ExpressionAttributeValues={":few": {"N": "1"}},
        )

    @WITH_SEATS
    def test_held_seats_that_are_missing_are_told(
        self, stores: Stores, tables: MotoTables, step: Step, expected: tuple[int, int, int]
    ) -> None:
        stores.orders.place(ORDER)
        self.lose(tables, "held")
        before = tables.contents()
        with pytest.raises(IntegrityError, match="disagree"):
            make(stores, step)
        assert tables.contents() == before

    def test_sold_seats_that_are_missing_are_told(self, stores: Stores, tables: MotoTables) -> None:
        stores.orders.place(ORDER)
        make(stores, paid)
        self.lose(tables, "sold")
        before = tables.contents()
        with pytest.raises(IntegrityError, match="disagree"):
            make(stores, refunded)
        assert tables.contents() == before

    def test_they_are_not_looked_for_without_end_where_the_event_moved(
        self, stores: Stores, tables: MotoTables, traffic: Traffic
    ) -> None:
        stores.orders.place(ORDER)
        self.lose(tables, "held")
        move(stores, SLUG, "congress")
        traffic.forget()
        with pytest.raises(IntegrityError):
            make(stores, paid)
        assert traffic.operations().count("TransactWriteItems") == 2


def test_an_event_that_the_index_of_ids_does_not_know_yet_is_not_taken_for_gone(
    stores: Stores, tables: MotoTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.orders.place(ORDER)
    move(stores, SLUG, "congress")
    monkeypatch.setattr(EventReader, "slug_now", lambda *_: None)
    with pytest.raises(Changed, match="just moved"):
        make(stores, expired)
    assert stored(stores) == ORDER
    assert stock(tables, "congress") == (98, 2, 0)


class TestReads:
    def test_an_order_is_read_as_it_is_now(self, stores: Stores, traffic: Traffic) -> None:
        stores.orders.get(ORDER.id)
        assert traffic.operations() == ["GetItem"]
        assert traffic.calls[0].body["ConsistentRead"] is True

    def test_a_session_leads_to_the_order_as_it_is_now(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        stores.orders.place(ORDER)
        order = make(stores, noted)
        traffic.forget()
        assert stores.orders.get_by_session("cs_1") == order
        assert traffic.operations() == ["Query", "GetItem"]
        assert traffic.calls[1].body["ConsistentRead"] is True

    def test_other_items_of_the_table_are_in_no_list(self, stores: Stores) -> None:
        stores.orders.place(ORDER)
        request = KeyedRequest("key-1", "fingerprint", ORDER.id, NOW)
        stores.keyed_requests.begin(request, NOW)
        stores.news_marker.put(NewsMark(NOW))
        assert stores.orders.find(OrderQuery(10)).orders == (ORDER,)
        assert stores.orders.due(LATER + timedelta(days=9), 10) == [ORDER.id]


class TestLists:
    @pytest.fixture
    def orders(self, stores: Stores) -> list[Order]:
        """Twelve orders, latest first; every fourth has expired."""
        orders = [an_order(id=f"01JN{number:022d}", quantity=1) for number in range(12)]
        for order in orders:
            stores.orders.place(order)
        for number in range(0, 12, 4):
            orders[number] = stores.orders.replace(orders[number], expired(orders[number]))
        return orders[::-1]

    def test_orders_are_spread_over_all_partitions(self) -> None:
        shards = {shard_of(f"01JN{number:022d}") for number in range(100)}
        assert shards == set(SHARDS)

    def test_a_page_asks_each_partition_once_and_reads_its_orders_together(
        self, stores: Stores, traffic: Traffic, orders: list[Order]
    ) -> None:
        traffic.forget()
        assert list(stores.orders.find(OrderQuery(5)).orders) == orders[:5]
        assert traffic.operations() == ["Query"] * len(SHARDS) + ["BatchGetItem"]
        assert all(call.body["Limit"] == 6 for call in traffic.calls[:-1])
        [read] = traffic.calls[-1].body["RequestItems"].values()
        assert read["ConsistentRead"] is True

    def test_an_events_page_is_one_query(
        self, stores: Stores, traffic: Traffic, orders: list[Order]
    ) -> None:
        traffic.forget()
        stores.orders.find(OrderQuery(5, event_id=1))
        assert traffic.operations() == ["Query", "BatchGetItem"]

    def test_a_rare_status_is_looked_for_in_many_orders_at_a_time(
        self, stores: Stores, traffic: Traffic, orders: list[Order]
    ) -> None:
        traffic.forget()
        statuses = frozenset({OrderStatus.EXPIRED})
        page = stores.orders.find(OrderQuery(2, event_id=1, statuses=statuses))
        assert [order.id for order in page.orders] == [orders[3].id, orders[7].id]
        assert page.next_after == orders[7].id
        assert traffic.operations() == ["Query", "BatchGetItem"]

    def test_a_page_ends_after_so_many_orders_and_the_next_goes_on_from_there(
        self, stores: Stores, orders: list[Order], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(order_lists, "_READ_AT_A_TIME", 2)
        monkeypatch.setattr(order_lists, "_MOST_READ", 6)
        statuses = frozenset({OrderStatus.EXPIRED})

        first = stores.orders.find(OrderQuery(2, statuses=statuses))
        assert ([order.id for order in first.orders], first.next_after) == (
            [orders[3].id],
            orders[5].id,
        )
        second = stores.orders.find(OrderQuery(2, first.next_after, statuses=statuses))
        assert [order.id for order in second.orders] == [orders[7].id, orders[11].id]
        assert second.next_after is None

    def test_a_page_may_be_empty_although_more_follows(
        self, stores: Stores, orders: list[Order], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(order_lists, "_READ_AT_A_TIME", 1)
        monkeypatch.setattr(order_lists, "_MOST_READ", 3)
        statuses = frozenset({OrderStatus.EXPIRED})
        page = stores.orders.find(OrderQuery(1, statuses=statuses))
        assert (page.orders, page.next_after) == ((), orders[2].id)

    def test_a_page_that_is_full_just_where_reading_stops_goes_on_behind_it(
        self, stores: Stores, orders: list[Order], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(order_lists, "_READ_AT_A_TIME", 4)
        statuses = frozenset({OrderStatus.EXPIRED})
        page = stores.orders.find(OrderQuery(1, statuses=statuses))
        assert ([order.id for order in page.orders], page.next_after) == (
            [orders[3].id],
            orders[3].id,
        )

    def test_an_order_that_was_erased_meanwhile_leaves_no_hole(
        self, stores: Stores, tables: MotoTables, traffic: Traffic, orders: list[Order]
    ) -> None:
        gone = {"id": {"S": orders[1].id}}
        traffic.first("BatchGetItem", lambda: tables.client.delete_item(TableName=ORDERS, Key=gone))
        page = stores.orders.find(OrderQuery(3))
        assert [order.id for order in page.orders] == [orders[n].id for n in (0, 2, 3)]
        assert page.next_after == orders[3].id

    @pytest.mark.parametrize("statuses", [frozenset(), frozenset({OrderStatus.PENDING})])
    def test_an_order_that_a_later_version_stored_is_named_and_hides_no_other(
        self,
        stores: Stores,
        tables: MotoTables,
        orders: list[Order],
        statuses: frozenset[OrderStatus],
    ) -> None:
        stored_by_a_later_version(tables, orders[1].id)

        page = stores.orders.find(OrderQuery(2, statuses=statuses))

        assert [order.id for order in page.orders] == [orders[0].id, orders[2].id]
        assert page.unreadable == (orders[1].id,)
        rest = stores.orders.find(OrderQuery(100, page.next_after, statuses=statuses))
        assert rest.unreadable == ()

    def test_what_is_measured_of_unfinished_orders_leaves_it_out(
        self, stores: Stores, tables: MotoTables, orders: list[Order]
    ) -> None:
        pending = [order.id for order in orders if order.status is OrderStatus.PENDING]
        stored_by_a_later_version(tables, pending[1])
        found = [order.id for order in stores.orders.unfinished(NOW + timedelta(days=9000))]
        assert sorted(found) == sorted({*pending} - {pending[1]})

    def test_due_orders_are_asked_for_up_to_the_limit_in_each_partition(
        self, stores: Stores, traffic: Traffic, orders: list[Order]
    ) -> None:
        traffic.forget()
        stores.orders.due(NOW + timedelta(days=1), 3)
        assert traffic.operations() == ["Query"] * len(SHARDS)
        assert all(call.body["Limit"] == 3 for call in traffic.calls)


def move(stores: Stores, known_as: str, slug: str) -> None:
    """Give the event another slug."""
    before = stores.events.get(known_as, consistent=True)
    assert before is not None
    described = before.described()
    later = described.updated_at + timedelta(seconds=1)
    stores.events.replace(before, replace(described, slug=slug, updated_at=later))


class TestAnEventThatGotAnotherSlug:
    """Its open orders name the slug that they were made under; the seats are at the new one."""

    @pytest.fixture(autouse=True)
    def _hold(self, stores: Stores) -> None:
        stores.orders.place(ORDER)

    @WITH_SEATS
    def test_its_former_slugs_keep_leading_to_it(
        self, stores: Stores, tables: MotoTables, step: Step, expected: tuple[int, int, int]
    ) -> None:
        move(stores, SLUG, "congress")
        move(stores, "congress", "convention")
        make(stores, step)
        assert stock(tables, "convention") == expected
        for former in (SLUG, "congress"):
            assert set(tables.item(EVENTS, former)) == {"slug", "movedTo", "eventId"}

    @WITH_SEATS
    @pytest.mark.parametrize("taken", [True, False])
    def test_a_slug_that_was_given_up_is_no_dead_end(
        self,
        stores: Stores,
        tables: MotoTables,
        step: Step,
        expected: tuple[int, int, int],
        taken: bool,
    ) -> None:
        for number, known_as in enumerate([SLUG, *(f"slug-{n}x" for n in range(10))]):
            move(stores, known_as, f"slug-{number}x")
        if taken:
            stores.events.create(an_event(id=2))

        make(stores, step)

        assert stock(tables, "slug-10x") == expected
        assert not taken or stock(tables) == (100, 0, 0)

    @WITH_SEATS
    def test_it_is_followed_when_it_moves_at_the_very_moment(
        self,
        stores: Stores,
        tables: MotoTables,
        traffic: Traffic,
        step: Step,
        expected: tuple[int, int, int],
    ) -> None:
        move(stores, SLUG, "congress")
        sent = "TransactWriteItems"
        # The first try is made under the slug of the order, the second one where it led to then.
        traffic.first(sent, lambda: None)
        traffic.first(sent, lambda: move(stores, "congress", "convention"))

        make(stores, step)

        assert stock(tables, "convention") == expected

    def test_a_payment_costs_one_try_and_one_read_more(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        move(stores, SLUG, "congress")
        traffic.forget()
        stores.orders.replace(ORDER, paid(ORDER))
        assert traffic.operations() == ["TransactWriteItems", "GetItem", "TransactWriteItems"]
        assert traffic.calls[1].body["ConsistentRead"] is True

    def test_one_that_moves_while_the_reason_is_looked_up_has_the_change_made_again(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        traffic.answer("TransactWriteItems", cancelled("None", "ConditionalCheckFailed"))
        # One read for where the event is now, and one for what it is like there.
        traffic.first("GetItem", lambda: None)
        traffic.first("GetItem", lambda: move(stores, SLUG, "congress"))
        with pytest.raises(Changed, match="just moved"):
            stores.orders.replace(ORDER, paid(ORDER))

    def test_a_new_order_under_the_former_slug_is_refused_and_says_what_to_do(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        move(stores, SLUG, "congress")
        before = tables.contents()
        with pytest.raises(Conflict, match="moved to another address; reload it and try again"):
            stores.orders.place(an_order(id="01JNYOURORDER0000000000000"))
        assert tables.contents() == before

    def test_a_sold_out_event_says_so_under_its_former_slug_too(self, stores: Stores) -> None:
        move(stores, SLUG, "congress")
        with pytest.raises(SoldOut):
            stores.orders.place(an_order(id="01JNYOURORDER0000000000000", quantity=99))


def test_seats_that_came_free_again_after_the_refusal_are_taken(
    stores: Stores, traffic: Traffic
) -> None:
    stores.orders.place(ORDER)
    make(stores, expired)
    traffic.answer("TransactWriteItems", cancelled("None", "ConditionalCheckFailed"))
    assert make(stores, paid).seats_sold == 2


class TestLostAnswers:
    """A write that took effect, and whose answer never came: botocore sends it once more."""

    @pytest.fixture(autouse=True)
    def _hold(self, stores: Stores) -> None:
        stores.orders.place(ORDER)

    @ALONE
    def test_a_change_knows_itself_again(
        self, stores: Stores, traffic: Traffic, no_pauses: list[float], step: Step
    ) -> None:
        traffic.forget()
        traffic.lose("PutItem")

        order = stores.orders.replace(ORDER, step(ORDER))

        assert traffic.operations() == ["PutItem", "PutItem", "GetItem"]
        assert traffic.calls[-1].body["ConsistentRead"] is True
        assert (order.version, stored(stores)) == (2, order)

    def test_the_very_same_change_by_somebody_else_is_theirs(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        traffic.first("PutItem", lambda: stores.orders.replace(ORDER, noted(ORDER)))
        with pytest.raises(Changed):
            stores.orders.replace(ORDER, noted(ORDER))

    def test_an_order_that_is_gone_is_not_ours(
        self, stores: Stores, traffic: Traffic, tables: MotoTables
    ) -> None:
        tables.client.delete_item(TableName=ORDERS, Key={"id": {"S": ORDER.id}})
        with pytest.raises(Changed):
            stores.orders.replace(ORDER, noted(ORDER))

    def test_a_change_of_which_nothing_is_known_is_unavailable(
        self, stores: Stores, traffic: Traffic, no_pauses: list[float]
    ) -> None:
        traffic.lose("PutItem")
        traffic.answer("PutItem", refusal("InternalServerError", status=500))
        with pytest.raises(Unavailable):
            stores.orders.replace(ORDER, noted(ORDER))
        assert stored(stores).session_id == "cs_1"

    def test_a_change_that_cannot_be_looked_for_is_unavailable(
        self, stores: Stores, traffic: Traffic, no_pauses: list[float]
    ) -> None:
        traffic.lose("PutItem")
        traffic.answer("GetItem", refusal("AccessDeniedException"))
        with pytest.raises(Unavailable):
            stores.orders.replace(ORDER, noted(ORDER))


@pytest.mark.parametrize(
    ("operation", "step", "answer"),
    [
        ("PutItem", noted, refusal("ProvisionedThroughputExceededException")),
        ("PutItem", noted, refusal("TransactionConflictException")),
        ("TransactWriteItems", paid, cancelled("TransactionConflict", "None")),
        ("TransactWriteItems", paid, cancelled("None", "TransactionConflict")),
        ("TransactWriteItems", expired, cancelled("ThrottlingError", "ThrottlingError")),
    ],
)
@pytest.mark.usefixtures("no_pauses")
def test_what_passes_by_itself_is_waited_for(
    stores: Stores, traffic: Traffic, operation: str, step: Step, answer: Any
) -> None:
    stores.orders.place(ORDER)
    traffic.answer(operation, answer)
    order = make(stores, step)
    assert stored(stores) == order
    record = stores.events.get(SLUG, consistent=True)
    assert record is not None
    assert (record.held, record.sold) == (order.seats_held, order.seats_sold)
    assert record.free + record.held + record.sold == 100


@pytest.mark.parametrize(
    "ask",
    [
        lambda stores: stores.orders.place(ORDER),
        lambda stores: stores.orders.get(ORDER.id),
        lambda stores: stores.orders.get_by_session("cs_1"),
        lambda stores: stores.orders.replace(ORDER, noted(ORDER)),
        lambda stores: stores.orders.replace(ORDER, paid(ORDER)),
        lambda stores: stores.orders.due(NOW, 1),
        lambda stores: stores.orders.find(OrderQuery(1)),
        lambda stores: stores.keyed_requests.begin(KeyedRequest("k", "f", "o", NOW), NOW),
        lambda stores: stores.keyed_requests.forget(KeyedRequest("k", "f", "o", NOW), NOW),
        lambda stores: stores.news_marker.get(),
        lambda stores: stores.news_marker.put(NewsMark(NOW)),
        lambda stores: stores.cancellations.pending(),
        lambda stores: stores.cancellations.remove(Cancellation(1, NOW)),
    ],
)
def test_a_failure_of_dynamodb_is_told_as_such(
    stores: Stores, traffic: Traffic, ask: Callable[[Stores], object]
) -> None:
    for operation in ("GetItem", "PutItem", "DeleteItem", "Query", "TransactWriteItems"):
        traffic.refuse(operation, lambda: refusal("AccessDeniedException"))
    with pytest.raises(Unavailable):
        ask(stores)


def test_a_request_that_was_forgotten_while_it_was_looked_at_is_begun(
    stores: Stores, tables: MotoTables, traffic: Traffic
) -> None:
    first = KeyedRequest("key-1", "fingerprint", "01JNFIRST00000000000000000", NOW)
    second = first._replace(order_id="01JNSECOND0000000000000000")
    stores.keyed_requests.begin(first, NOW)
    [item] = tables.scan(ORDERS)
    traffic.first(
        "GetItem", lambda: tables.client.delete_item(TableName=ORDERS, Key={"id": item["id"]})
    )
    assert stores.keyed_requests.begin(second, NOW) is None


MOMENTS = st.integers(0, 10**12).map(
    lambda ms: datetime(2027, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
TEXTS = st.text(min_size=1, max_size=20)
AMOUNTS = st.integers(0, 10**11)
REFUNDS = st.builds(
    Refund,
    key=TEXTS,
    amount=AMOUNTS,
    status=st.sampled_from(RefundStatus),
    at=MOMENTS,
    returns_seats=st.booleans(),
    quantity=st.integers(0, 10),
    reason=st.none() | st.text(max_size=500),
    stripe_id=st.none() | TEXTS,
    failure=st.none() | TEXTS,
)
DISPUTES = st.builds(
    Dispute,
    id=TEXTS,
    status=st.sampled_from(DisputeStatus),
    amount=AMOUNTS,
    reason=st.text(),
    at=MOMENTS,
)
CHECK_INS = st.builds(
    CheckIn,
    number=st.integers(1, 10),
    at=MOMENTS,
    door=st.none() | st.text(),
    scan=st.none() | st.text(),
)
HISTORY = st.builds(HistoryEntry, at=MOMENTS, status=st.sampled_from(OrderStatus), cause=st.text())


def tuples(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=3).map(tuple)


ORDERS_OF_ANY_KIND = st.builds(
    Order,
    id=TEXTS,
    event_id=st.integers(1, 10**11),
    event_slug=TEXTS,
    event_name=TEXTS,
    quantity=st.integers(1, 10),
    unit_price=AMOUNTS,
    amount_total=AMOUNTS,
    currency=TEXTS,
    status=st.sampled_from(OrderStatus),
    created_at=MOMENTS,
    updated_at=MOMENTS,
    hold_expires_at=MOMENTS,
    due_at=st.none() | MOMENTS,
    version=st.integers(1, 10**6),
    session_id=st.none() | TEXTS,
    customer_email=st.none() | TEXTS,
    user_id=st.none() | TEXTS,
    awaiting_since=st.none() | MOMENTS,
    paid_at=st.none() | MOMENTS,
    amount_paid=AMOUNTS,
    payment_intent_id=st.none() | TEXTS,
    tickets=tuples(st.text("0123456789ABCDEF", min_size=16, max_size=16)),
    voided=tuples(st.integers(1, 10)),
    seats_returned=st.integers(0, 10),
    places=st.dictionaries(st.integers(0, 16), st.integers(1, 10)).map(
        lambda at: tuple(at.items())
    ),
    check_ins=tuples(CHECK_INS),
    refunds=tuples(REFUNDS),
    disputes=tuples(DISPUTES),
    mail=st.sampled_from(MailStatus),
    mail_claimed_until=st.none() | MOMENTS,
    history=st.lists(HISTORY, min_size=1, max_size=3).map(tuple),
)


@settings(deadline=None)
@given(ORDERS_OF_ANY_KIND)
def test_an_order_is_read_as_it_was_written(order: Order) -> None:
    read = read_order(order_item(order).serialize())
    assert read == order
    # Where its seats are does not make it another order.
    assert read.places == order.places
