"""Orders in DynamoDB: what each change writes, and what it says when it cannot be made."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.events import EventStatus
from chalicelib.domain.orders import HOLD, Cause, HistoryEntry, OrderStatus
from chalicelib.errors import (
    Conflict,
    EventsApiError,
    NotFound,
    PriceMismatch,
    SalesClosed,
    SoldOut,
    Unavailable,
)
from chalicelib.services.ports import Change
from chalicelib.store import Stores
from chalicelib.store.orders import IntegrityError
from tests.support.builders import NOW, a_paid_session, a_session, an_event, an_order
from tests.support.seeding import LONG_AGO, seed_city, seed_event
from tests.support.tables import EVENTS, ORDERS, MotoTables
from tests.support.traffic import Traffic, cancelled, refusal

ORDER = an_order()
LATER = NOW + timedelta(minutes=5)
BY_STRIPE = Cause.stripe_event("evt_1")
BY_VERIFY = Cause("verify")


@pytest.fixture(autouse=True)
def _shop(tables: MotoTables) -> None:
    seed_city(tables.stores)
    seed_event(tables.stores)


def stock(tables: MotoTables, slug: str = "tech-conference") -> tuple[int, int, int]:
    item = tables.item(EVENTS, slug)
    free, held, sold = (int(item[name]["N"]) for name in ("free", "held", "sold"))
    return free, held, sold


def test_a_hold_is_the_order_and_its_seats_in_one_transaction(
    stores: Stores, tables: MotoTables, traffic: Traffic
) -> None:
    stores.orders.place_hold(ORDER)

    assert traffic.operations() == ["TransactWriteItems"]
    assert stock(tables) == (98, 2, 0)
    assert stores.orders.get(ORDER.id) == ORDER


def test_a_pending_order_can_be_found_by_the_end_of_its_hold(
    stores: Stores, tables: MotoTables
) -> None:
    stores.orders.place_hold(ORDER)

    shards = [str(number) for number in range(8)]
    found = [
        item
        for shard in shards
        for item in tables.client.query(
            TableName=ORDERS,
            IndexName="pending",
            KeyConditionExpression="pendingShard = :s AND holdExpiresAt <= :t",
            ExpressionAttributeValues={
                ":s": {"S": shard},
                ":t": {"S": "2027-03-01T12:31:00.000Z"},
            },
        )["Items"]
    ]
    assert [item["id"]["S"] for item in found] == [ORDER.id]
    assert ORDER.hold_expires_at == NOW + HOLD


def test_a_guests_order_is_in_no_users_list(stores: Stores, tables: MotoTables) -> None:
    stores.orders.place_hold(ORDER)

    item = tables.item(ORDERS, ORDER.id)
    assert "userId" not in item
    assert "customerEmail" not in item
    assert "sessionId" not in item


@pytest.mark.parametrize(
    ("changes", "raised", "text"),
    [
        ({"capacity": 1}, SoldOut, "only 1 seats are left"),
        ({"capacity": 0}, SoldOut, "this event is sold out"),
        ({"status": EventStatus.DRAFT}, SalesClosed, "not on sale"),
        ({"status": EventStatus.CANCELLED}, SalesClosed, "not on sale"),
        ({"date": LONG_AGO}, SalesClosed, "already taken place"),
        ({"date": NOW}, SalesClosed, "already taken place"),
        ({"price": 14998}, PriceMismatch, "the price has just changed"),
        ({"currency": "eur"}, PriceMismatch, "the price has just changed"),
    ],
)
def test_a_hold_that_is_refused_says_why_and_leaves_nothing(
    stores: Stores,
    tables: MotoTables,
    changes: dict[str, object],
    raised: type[EventsApiError],
    text: str,
) -> None:
    seed_event(stores, "other", **changes)
    before = tables.contents()

    with pytest.raises(raised, match=text):
        stores.orders.place_hold(an_order(event_id=2, event_slug="other"))

    assert tables.contents() == before


def test_a_hold_of_another_event_under_the_same_slug_is_refused(
    stores: Stores, tables: MotoTables
) -> None:
    before = tables.contents()

    with pytest.raises(SoldOut, match="try again"):
        stores.orders.place_hold(an_order(event_id=2))

    assert tables.contents() == before


def test_an_event_that_is_gone_is_not_made_by_a_hold(stores: Stores, tables: MotoTables) -> None:
    before = tables.contents()

    with pytest.raises(NotFound, match="no such event"):
        stores.orders.place_hold(an_order(event_slug="gone"))

    assert tables.contents() == before


def test_why_a_hold_failed_is_looked_up_in_what_is_stored_now(
    stores: Stores, traffic: Traffic
) -> None:
    traffic.answer("TransactWriteItems", cancelled("None", "ConditionalCheckFailed"))

    with pytest.raises(SoldOut, match="taken a moment ago; try again"):
        stores.orders.place_hold(ORDER)

    assert traffic.operations() == ["TransactWriteItems", "GetItem"]
    assert traffic.calls[1].body["ConsistentRead"] is True


def test_the_same_order_is_not_held_twice(stores: Stores, tables: MotoTables) -> None:
    stores.orders.place_hold(ORDER)
    before = tables.contents()

    with pytest.raises(IntegrityError):
        stores.orders.place_hold(ORDER)

    assert tables.contents() == before


def test_a_payment_turns_held_seats_into_sold_ones(stores: Stores, tables: MotoTables) -> None:
    stores.orders.place_hold(ORDER)

    assert stores.orders.mark_paid(ORDER, a_paid_session(), BY_STRIPE, LATER) is Change.MADE

    assert stock(tables) == (98, 0, 2)
    paid = stores.orders.get(ORDER.id)
    assert paid is not None
    assert (paid.status, paid.updated_at) == (OrderStatus.PAID, LATER)
    assert (paid.session_id, paid.payment_intent_id) == ("cs_test_1", "pi_1")
    assert paid.history == (*ORDER.history, HistoryEntry(LATER, OrderStatus.PAID, "evt_1"))


def test_a_free_session_has_no_payment_to_note(stores: Stores, tables: MotoTables) -> None:
    stores.orders.place_hold(ORDER)

    stores.orders.mark_paid(ORDER, a_paid_session(payment_intent_id=None), BY_VERIFY, LATER)

    assert "paymentIntentId" not in tables.item(ORDERS, ORDER.id)


@pytest.mark.parametrize("status", [OrderStatus.EXPIRED, OrderStatus.FAILED])
def test_a_release_gives_the_seats_back(
    stores: Stores, tables: MotoTables, status: OrderStatus
) -> None:
    stores.orders.place_hold(ORDER)

    assert stores.orders.release(ORDER, status, BY_STRIPE, LATER) is Change.MADE

    assert stock(tables) == (100, 0, 0)
    released = stores.orders.get(ORDER.id)
    assert released is not None
    assert (released.status, released.updated_at) == (status, LATER)
    assert released.history[-1] == HistoryEntry(LATER, status, "evt_1")


def pay(stores: Stores, cause: Cause = BY_VERIFY) -> Change:
    return stores.orders.mark_paid(ORDER, a_paid_session(), cause, LATER)


def expire(stores: Stores, cause: Cause = BY_VERIFY) -> Change:
    return stores.orders.release(ORDER, OrderStatus.EXPIRED, cause, LATER)


def fail(stores: Stores, cause: Cause = BY_VERIFY) -> Change:
    return stores.orders.release(ORDER, OrderStatus.FAILED, cause, LATER)


@pytest.mark.parametrize("leave", [pay, expire, fail])
def test_an_order_that_left_pending_is_in_the_pending_index_no_more(
    stores: Stores, tables: MotoTables, leave: Callable[[Stores], Change]
) -> None:
    stores.orders.place_hold(ORDER)

    leave(stores)

    assert "pendingShard" not in tables.item(ORDERS, ORDER.id)


@pytest.mark.parametrize("again", [BY_STRIPE, Cause.stripe_event("evt_2"), BY_VERIFY])
@pytest.mark.parametrize("leave", [pay, expire, fail])
def test_a_repeat_finds_it_done_and_writes_nothing(
    stores: Stores, tables: MotoTables, leave: Callable[..., Change], again: Cause
) -> None:
    stores.orders.place_hold(ORDER)
    assert leave(stores, BY_STRIPE) is Change.MADE
    before = tables.contents()

    assert leave(stores, again) is Change.ALREADY

    assert tables.contents() == before


@pytest.mark.parametrize(
    ("first", "second"),
    [(pay, expire), (pay, fail), (expire, pay), (fail, pay), (expire, fail), (fail, expire)],
)
def test_an_order_that_went_one_way_does_not_go_another(
    stores: Stores,
    tables: MotoTables,
    first: Callable[[Stores], Change],
    second: Callable[[Stores], Change],
) -> None:
    stores.orders.place_hold(ORDER)
    first(stores)
    before = tables.contents()

    assert second(stores) is Change.REFUSED

    assert tables.contents() == before


@pytest.mark.parametrize("leave", [pay, expire, fail])
def test_a_stripe_event_that_changed_an_order_is_remembered_for_a_month(
    stores: Stores, tables: MotoTables, leave: Callable[..., Change]
) -> None:
    stores.orders.place_hold(ORDER)

    leave(stores, BY_STRIPE)

    seen = tables.item(ORDERS, "stripe-event#evt_1")
    assert seen == {
        "id": {"S": "stripe-event#evt_1"},
        "orderId": {"S": ORDER.id},
        "expiresAt": {"N": str(int((LATER + timedelta(days=30)).timestamp()))},
    }


def test_a_change_without_a_stripe_event_remembers_none(stores: Stores, tables: MotoTables) -> None:
    stores.orders.place_hold(ORDER)

    pay(stores, BY_VERIFY)

    assert len(tables.scan(ORDERS)) == 1


def test_a_remembered_stripe_event_is_no_order(stores: Stores) -> None:
    stores.orders.place_hold(ORDER)
    pay(stores, BY_STRIPE)

    assert stores.orders.get("stripe-event#evt_1") is None


def test_an_order_is_read_as_it_is_now(stores: Stores, traffic: Traffic) -> None:
    stores.orders.get(ORDER.id)

    assert traffic.calls[0].body["ConsistentRead"] is True


def test_a_session_is_noted_on_a_pending_order_only(stores: Stores) -> None:
    stores.orders.place_hold(ORDER)
    assert stores.orders.attach_session(ORDER.id, a_session(id="cs_1")) is Change.MADE
    expire(stores)

    assert stores.orders.attach_session(ORDER.id, a_session(id="cs_2")) is Change.REFUSED

    order = stores.orders.get(ORDER.id)
    assert order is not None
    assert order.session_id == "cs_1"


def test_a_session_of_no_order_makes_none(stores: Stores, tables: MotoTables) -> None:
    assert stores.orders.attach_session("01JNNOBODYS000000000000000", a_session()) is (
        Change.REFUSED
    )
    assert tables.scan(ORDERS) == []


def test_waiting_for_a_payment_keeps_the_seats_and_asks_later(
    stores: Stores, tables: MotoTables
) -> None:
    stores.orders.place_hold(ORDER)
    until = LATER + timedelta(days=1)

    change = stores.orders.await_payment(ORDER, Cause("evt_1"), LATER, until)

    assert change is Change.MADE
    assert stock(tables) == (98, 2, 0)
    order = stores.orders.get(ORDER.id)
    assert order is not None
    assert (order.status, order.hold_expires_at) == (OrderStatus.PENDING, until)
    assert order.history[-1] == HistoryEntry(LATER, OrderStatus.PENDING, "evt_1")
    assert "pendingShard" in tables.item(ORDERS, ORDER.id)


@pytest.mark.parametrize(
    ("end", "expected"), [(pay, (98, 0, 2)), (fail, (100, 0, 0)), (expire, (100, 0, 0))]
)
def test_waiting_ends_like_any_other_order(
    stores: Stores,
    tables: MotoTables,
    end: Callable[[Stores], Change],
    expected: tuple[int, int, int],
) -> None:
    stores.orders.place_hold(ORDER)
    stores.orders.await_payment(ORDER, BY_VERIFY, LATER, LATER + timedelta(days=1))

    assert end(stores) is Change.MADE
    assert stock(tables) == expected


def test_an_order_that_is_over_does_not_wait(stores: Stores) -> None:
    stores.orders.place_hold(ORDER)
    pay(stores)

    assert stores.orders.await_payment(ORDER, BY_VERIFY, LATER, LATER) is Change.REFUSED


def test_a_late_payment_is_noted_with_its_payment_and_moves_no_seat(
    stores: Stores, tables: MotoTables
) -> None:
    stores.orders.place_hold(ORDER)
    expire(stores)
    expired = stores.orders.get(ORDER.id)
    assert expired is not None

    change = stores.orders.note_late_payment(expired, a_paid_session(), BY_STRIPE, LATER)

    assert change is Change.MADE
    assert stock(tables) == (100, 0, 0)
    order = stores.orders.get(ORDER.id)
    assert order is not None
    assert (order.status, order.payment_intent_id) == (OrderStatus.EXPIRED, "pi_1")
    assert order.history[-1] == HistoryEntry(LATER, OrderStatus.EXPIRED, "paid_late:evt_1")


def test_a_late_payment_without_an_intent_is_noted_all_the_same(stores: Stores) -> None:
    stores.orders.place_hold(ORDER)
    expire(stores)

    free = a_paid_session(payment_intent_id=None)
    assert stores.orders.note_late_payment(ORDER, free, BY_VERIFY, LATER) is Change.MADE


@pytest.mark.parametrize("leave", [pay, expire])
def test_a_conflict_on_the_way_out_is_waited_for_and_made_once(
    stores: Stores,
    tables: MotoTables,
    traffic: Traffic,
    no_pauses: list[float],
    leave: Callable[[Stores], Change],
) -> None:
    stores.orders.place_hold(ORDER)
    traffic.answer(
        "TransactWriteItems",
        cancelled("TransactionConflict", "None"),
        cancelled("None", "TransactionConflict"),
    )

    assert leave(stores) is Change.MADE

    assert sum(stock(tables)) == 100
    assert stock(tables)[1] == 0


def test_an_order_that_was_never_stored_cannot_be_paid(stores: Stores, tables: MotoTables) -> None:
    unknown = an_order(id="01JNNOBODYS000000000000000")
    before = tables.contents()

    change = stores.orders.mark_paid(unknown, a_paid_session(), BY_STRIPE, LATER)

    assert change is Change.REFUSED
    assert tables.contents() == before


def move(stores: Stores, known_as: str, slug: str) -> None:
    """Give the event another slug."""
    before = stores.events.get(known_as, consistent=True)
    assert before is not None
    described = before.described()
    later = described.updated_at + timedelta(seconds=1)
    stores.events.replace(before, replace(described, slug=slug, updated_at=later))


class TestAnEventThatGotAnotherSlug:
    """Its open orders name the slug that they were made under; the seats are at the new one."""

    ENDS = pytest.mark.parametrize(
        ("end", "expected"), [(pay, (98, 0, 2)), (expire, (100, 0, 0)), (fail, (100, 0, 0))]
    )

    @ENDS
    def test_its_orders_end_as_if_it_had_not(
        self,
        stores: Stores,
        tables: MotoTables,
        end: Callable[..., Change],
        expected: tuple[int, int, int],
    ) -> None:
        stores.orders.place_hold(ORDER)
        move(stores, "tech-conference", "congress")
        move(stores, "congress", "convention")

        assert end(stores, BY_STRIPE) is Change.MADE
        assert stock(tables, "convention") == expected
        assert end(stores, BY_STRIPE) is Change.ALREADY
        assert stock(tables, "convention") == expected
        for former in ("tech-conference", "congress"):
            assert set(tables.item(EVENTS, former)) == {"slug", "movedTo", "eventId"}

    @ENDS
    @pytest.mark.parametrize("taken", [True, False])
    def test_a_slug_that_was_given_up_is_no_dead_end(
        self,
        stores: Stores,
        tables: MotoTables,
        end: Callable[..., Change],
        expected: tuple[int, int, int],
        taken: bool,
    ) -> None:
        stores.orders.place_hold(ORDER)
        for number, known_as in enumerate(["tech-conference", *(f"slug-{n}x" for n in range(10))]):
            move(stores, known_as, f"slug-{number}x")
        if taken:
            stores.events.create(an_event(id=2))

        assert end(stores, BY_STRIPE) is Change.MADE

        assert stock(tables, "slug-10x") == expected
        assert not taken or stock(tables, "tech-conference") == (100, 0, 0)

    @ENDS
    def test_an_event_that_moves_at_the_very_moment_is_followed(
        self,
        stores: Stores,
        tables: MotoTables,
        traffic: Traffic,
        end: Callable[..., Change],
        expected: tuple[int, int, int],
    ) -> None:
        stores.orders.place_hold(ORDER)
        move(stores, "tech-conference", "congress")
        sent = "TransactWriteItems"
        # The first try is made under the slug of the order, the second one where it led to then.
        traffic.first(sent, lambda: None)
        traffic.first(sent, lambda: move(stores, "congress", "convention"))

        assert end(stores) is Change.MADE
        assert stock(tables, "convention") == expected

    def test_a_payment_costs_one_try_and_one_read_more(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        stores.orders.place_hold(ORDER)
        move(stores, "tech-conference", "congress")
        traffic.forget()

        pay(stores)

        assert traffic.operations() == ["TransactWriteItems", "GetItem", "TransactWriteItems"]
        assert traffic.calls[1].body["ConsistentRead"] is True

    def test_a_hold_under_the_former_slug_is_refused_and_says_what_to_do(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        move(stores, "tech-conference", "congress")
        before = tables.contents()

        with pytest.raises(Conflict, match="moved to another address; reload it and try again"):
            stores.orders.place_hold(ORDER)

        assert tables.contents() == before

    def test_a_sold_out_event_says_so_under_its_former_slug_too(self, stores: Stores) -> None:
        stores.orders.place_hold(an_order(quantity=100))
        move(stores, "tech-conference", "congress")

        with pytest.raises(SoldOut):
            stores.orders.place_hold(an_order(id="01JNYOURORDER0000000000000"))

    def test_seats_that_are_missing_at_the_new_slug_are_told_and_not_looked_for_without_end(
        self, stores: Stores, tables: MotoTables, traffic: Traffic
    ) -> None:
        stores.orders.place_hold(ORDER)
        move(stores, "tech-conference", "congress")
        tables.client.update_item(
            TableName=EVENTS,
            Key={"slug": {"S": "congress"}},
            UpdateExpression="SET held = :none",
            ExpressionAttributeValues={":none": {"N": "0"}},
        )
        traffic.forget()

        with pytest.raises(IntegrityError):
            pay(stores)

        assert traffic.operations().count("TransactWriteItems") == 2


@pytest.mark.parametrize(
    "ask",
    [
        lambda stores: stores.orders.place_hold(ORDER),
        lambda stores: stores.orders.get(ORDER.id),
        lambda stores: stores.orders.attach_session(ORDER.id, a_session()),
        pay,
        expire,
        lambda stores: stores.orders.await_payment(ORDER, BY_VERIFY, LATER, LATER),
        lambda stores: stores.orders.note_late_payment(ORDER, a_session(), BY_VERIFY, LATER),
    ],
)
def test_a_failure_of_dynamodb_is_told_as_such(
    stores: Stores, traffic: Traffic, ask: Callable[[Stores], object]
) -> None:
    for operation in ("GetItem", "UpdateItem", "TransactWriteItems"):
        traffic.refuse(operation, lambda: refusal("AccessDeniedException"))

    with pytest.raises(Unavailable):
        ask(stores)
