"""Every condition of a write, shown to matter: with it the wrong thing is refused, and with it
taken out the same steps sell a seat twice, take money twice, or lose what was stored.
"""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from pynamodb.expressions.condition import Condition

from chalicelib.domain.event_facts import EventOrder
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import EventRecord, EventStatus
from chalicelib.domain.order_changes import check_in
from chalicelib.domain.orders import Order, OrderStatus
from chalicelib.domain.tickets import CheckIn
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
from chalicelib.services.port_types import AuditQuery, KeyedRequest, PageRequest
from chalicelib.store import (
    Stores,
    audit,
    cities,
    events,
    keyed_requests,
    orders,
    patience,
    stock_moves,
    transactions,
    word_index,
)
from chalicelib.store.keyed_requests import DynamoKeyedRequests
from chalicelib.store.models import EventModel, KeyedRequestModel, OrderModel
from chalicelib.store.orders import IntegrityError
from tests.support import order_steps
from tests.support.builders import NOW, a_city, an_entry, an_event, an_order
from tests.support.fake_time import FakeTime
from tests.support.order_steps import LATER, Step, bounced, noted, refunded
from tests.support.records import record_of
from tests.support.seeding import FAR_AHEAD, seed_city, seed_event
from tests.support.tables import CITIES, EVENTS, ORDERS, MotoTables
from tests.support.traffic import Traffic, cancelled, refusal

_SECONDS = itertools.count(1)
SLUG = "tech-conference"
MINE = an_order()
YOURS = an_order(id="01JNYOURORDER0000000000000")


@pytest.fixture(autouse=True)
def _london(tables: MotoTables) -> None:
    seed_city(tables.stores)


@pytest.fixture
def remove(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], None]:
    """Take the condition out of a module's write of this label."""

    def take_out(module: Any, label: str) -> None:
        for name in ("Put", "Update", "Delete"):
            kind = getattr(transactions, name)

            def without(*parts: Any, kind: Any = kind) -> Any:
                write = kind(*parts)
                return replace(write, condition=None) if write.label == label else write

            if hasattr(module, name):
                monkeypatch.setattr(module, name, without)

    return take_out


def stock(tables: MotoTables, slug: str = SLUG) -> tuple[int, int, int]:
    item = tables.item(EVENTS, slug)
    free, held, sold = (int(item.get(name, {"N": "0"})["N"]) for name in ("free", "held", "sold"))
    return free, held, sold


def change(stores: Stores, before: EventRecord, **changes: Any) -> None:
    """Describe an event anew from what somebody read, as the editor does: `updatedAt` moves."""
    later = before.described().updated_at + timedelta(seconds=next(_SECONDS))
    stores.events.replace(before, replace(before.described(), updated_at=later, **changes))


def step(stores: Stores, order: Order, take: Step) -> Order:
    """Take a step from an order as somebody read it."""
    return stores.orders.replace(order, take(order))


def paid(stores: Stores, order: Order) -> Order:
    return step(stores, order, order_steps.paid)


def expired(stores: Stores, order: Order) -> Order:
    return step(stores, order, order_steps.expired)


class TestTheSalesCondition:
    """Seats are taken only of an event that is for sale, at its price, and while they are free."""

    CASES = (
        pytest.param({"capacity": 1}, SoldOut, id="free"),
        pytest.param({"status": EventStatus.CANCELLED}, SalesClosed, id="status"),
        pytest.param({"date": NOW - timedelta(days=1)}, SalesClosed, id="date"),
        pytest.param({"price": 20000}, PriceMismatch, id="price"),
        pytest.param({"currency": "eur"}, PriceMismatch, id="currency"),
    )
    KINDS = pytest.mark.parametrize("order", [MINE, order_steps.paid(MINE)], ids=["held", "sold"])

    @pytest.fixture
    def unguarded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(orders, "sale_condition", lambda *_: None)

    @KINDS
    @pytest.mark.parametrize(("changes", "raised"), CASES)
    def test_with_it_nothing_is_sold(
        self,
        stores: Stores,
        tables: MotoTables,
        order: Order,
        changes: dict[str, Any],
        raised: type[EventsApiError],
    ) -> None:
        seed_event(stores, **changes)

        with pytest.raises(raised):
            stores.orders.place(order)

        assert stock(tables)[1:] == (0, 0)

    @pytest.mark.usefixtures("unguarded")
    @KINDS
    @pytest.mark.parametrize(("changes", "raised"), CASES)
    def test_without_it_the_seats_are_taken_all_the_same(
        self,
        stores: Stores,
        tables: MotoTables,
        order: Order,
        changes: dict[str, Any],
        raised: type[EventsApiError],
    ) -> None:
        seed_event(stores, **changes)

        stores.orders.place(order)

        assert sum(stock(tables)[1:]) == order.quantity

    def test_with_it_the_last_seats_go_to_one_buyer(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        seed_event(stores, capacity=2)
        stores.orders.place(MINE)

        with pytest.raises(SoldOut):
            stores.orders.place(YOURS)

        assert stock(tables) == (0, 2, 0)

    @pytest.mark.usefixtures("unguarded")
    def test_without_it_two_buyers_pay_for_the_same_seats(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        seed_event(stores, capacity=2)

        for order in (MINE, YOURS):
            stores.orders.place(order)
            paid(stores, order)

        assert stock(tables) == (-2, 0, 4)

    def test_with_it_an_event_that_is_gone_stays_gone(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        with pytest.raises(NotFound):
            stores.orders.place(MINE)

        assert tables.item(EVENTS, MINE.event_slug) == {}

    @pytest.mark.usefixtures("unguarded")
    def test_without_it_an_order_makes_the_ghost_of_an_event(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        stores.orders.place(MINE)

        assert tables.item(EVENTS, MINE.event_slug) == {
            "slug": {"S": SLUG},
            "free": {"N": "-2"},
            "held": {"N": "2"},
        }


class TestTheSalesEvent:
    """An order is of the event that the buyer looked at, not of another one under its slug."""

    @pytest.fixture(autouse=True)
    def _another_event_has_the_slug(self, stores: Stores) -> None:
        seed_event(stores)
        record = record_of(stores, SLUG)
        stores.events.delete(record)
        seed_event(stores)

    def test_with_it_the_other_events_seats_stay_free(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        with pytest.raises(Conflict):
            stores.orders.place(MINE)

        assert stock(tables) == (100, 0, 0)

    def test_without_it_a_buyer_gets_a_ticket_of_another_event(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        remove(stock_moves, "stock")

        stores.orders.place(MINE)

        assert MINE.event_id != record_of(stores, SLUG).id
        assert stock(tables) == (98, 2, 0)


class TestTheNewOrdersCondition:
    """An order is stored where none has its id."""

    def test_with_it_the_first_order_stays(self, stores: Stores, tables: MotoTables) -> None:
        seed_event(stores)
        stores.orders.place(MINE)
        paid(stores, MINE)

        with pytest.raises(IntegrityError):
            stores.orders.place(MINE)

        assert stock(tables) == (98, 0, 2)
        assert tables.item(ORDERS, MINE.id)["status"] == {"S": "paid"}

    def test_without_it_a_paid_order_is_overwritten(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        remove(orders, "order")
        seed_event(stores)
        stores.orders.place(MINE)
        paid(stores, MINE)

        stores.orders.place(MINE)

        assert stock(tables) == (96, 2, 2)
        assert tables.item(ORDERS, MINE.id)["status"] == {"S": "pending"}


class TestTheVersionsCondition:
    """An order changes from what was read of it."""

    @pytest.fixture(autouse=True)
    def _two_orders(self, stores: Stores) -> None:
        """Another order has seats too, so that their number alone stops nothing."""
        seed_event(stores, capacity=4)
        stores.orders.place(MINE)
        stores.orders.place(YOURS)

    @pytest.fixture
    def no_versions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put a condition that always holds in its place."""
        always: Condition = OrderModel.id.exists()
        monkeypatch.setattr(orders, "unchanged", lambda _before: always)

    def test_with_it_a_second_payment_sells_nothing(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        paid(stores, MINE)
        with pytest.raises(Changed):
            paid(stores, MINE)
        assert stock(tables) == (0, 2, 2)

    @pytest.mark.usefixtures("no_versions")
    def test_without_it_one_payment_counts_twice(self, stores: Stores, tables: MotoTables) -> None:
        paid(stores, MINE)
        paid(stores, MINE)
        # Four seats sold to one buyer of two, and the other's hold is gone.
        assert stock(tables) == (0, 0, 4)
        with pytest.raises(IntegrityError):
            paid(stores, YOURS)

    def test_with_it_seats_that_were_sold_do_not_come_back(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        paid(stores, MINE)
        with pytest.raises(Changed):
            expired(stores, MINE)
        assert stock(tables) == (0, 2, 2)

    @pytest.mark.usefixtures("no_versions")
    def test_without_it_seats_that_were_sold_are_sold_again(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        paid(stores, MINE)
        expired(stores, MINE)
        stores.orders.place(an_order(id="01JNTHIRDORDER000000000000"))
        # Of four seats, two are paid for, and two more buyers are on their way to pay for two each.
        assert stock(tables) == (0, 2, 2)
        yours = stores.orders.get(YOURS.id)
        assert yours is not None
        assert yours.status is OrderStatus.PENDING

    def test_with_it_the_seats_of_a_refund_return_once(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        mine = paid(stores, MINE)
        paid(stores, YOURS)
        step(stores, mine, refunded)
        with pytest.raises(Changed):
            step(stores, mine, refunded)
        assert stock(tables) == (2, 0, 2)

    @pytest.mark.usefixtures("no_versions")
    def test_without_it_the_seats_of_a_refund_return_twice(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        mine = paid(stores, MINE)
        paid(stores, YOURS)
        step(stores, mine, refunded)
        step(stores, mine, refunded)
        # The other buyer's seats are for sale again.
        assert stock(tables) == (4, 0, 0)

    def test_with_it_a_note_does_not_undo_a_payment(self, stores: Stores) -> None:
        paid(stores, MINE)
        with pytest.raises(Changed):
            step(stores, MINE, noted)
        order = stores.orders.get(MINE.id)
        assert order is not None
        assert order.is_paid

    @pytest.mark.usefixtures("no_versions")
    def test_without_it_a_note_undoes_a_payment(self, stores: Stores) -> None:
        paid(stores, MINE)
        step(stores, MINE, noted)
        order = stores.orders.get(MINE.id)
        assert order is not None
        assert not order.is_paid


class TestTheWritesOwnMark:
    """Whoever finds an order changed knows whether it was by itself."""

    @pytest.fixture(autouse=True)
    def _paid(self, stores: Stores) -> None:
        seed_event(stores)
        stores.orders.place(MINE)
        self.order = paid(stores, MINE)

    @staticmethod
    def come_in(order: Order) -> Order:
        return check_in(order, CheckIn(1, LATER, "north"))

    def test_with_it_one_of_two_doors_lets_the_holder_in(self, stores: Stores) -> None:
        step(stores, self.order, self.come_in)
        with pytest.raises(Changed):
            step(stores, self.order, self.come_in)

    def test_without_it_both_do(self, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(orders, "token_hex", lambda _bytes: "same")
        step(stores, self.order, self.come_in)
        step(stores, self.order, self.come_in)


class TestTheStocksCondition:
    """Seats are sold or given back only where they are held or sold, and by their own event."""

    @pytest.fixture
    def unguarded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(orders, "stock_condition", lambda *_: None)

    @pytest.fixture
    def erased(self, tables: MotoTables, stores: Stores) -> Callable[[], None]:
        """Erase the event, and make it anew under the same slug."""

        def erase() -> None:
            tables.client.delete_item(TableName=EVENTS, Key={"slug": {"S": SLUG}})
            seed_event(stores)

        return erase

    @pytest.fixture(autouse=True)
    def _hold(self, stores: Stores) -> None:
        seed_event(stores)
        stores.orders.place(MINE)

    def lose(self, tables: MotoTables, name: str) -> None:
        """Have fewer seats held or sold than orders say."""
        tables.client.update_item(
            TableName=EVENTS,
            Key={"slug": {"S": SLUG}},
            UpdateExpression=f"SET {name} = :none",
            ExpressionAttributeValues={":none": {"N": "0"}},
        )

    def test_with_it_seats_that_are_not_held_are_neither_sold_nor_given_back(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        self.lose(tables, "held")
        for leave in (paid, expired):
            with pytest.raises(IntegrityError):
                leave(stores, MINE)
        assert stock(tables) == (98, 0, 0)

    @pytest.mark.usefixtures("unguarded")
    def test_without_it_fewer_than_no_seats_are_held(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        self.lose(tables, "held")
        expired(stores, MINE)
        assert stock(tables) == (100, -2, 0)

    def test_with_it_seats_that_are_not_sold_do_not_return(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        mine = paid(stores, MINE)
        self.lose(tables, "sold")
        with pytest.raises(IntegrityError):
            step(stores, mine, refunded)
        assert stock(tables) == (98, 0, 0)

    @pytest.mark.usefixtures("unguarded")
    def test_without_it_fewer_than_no_seats_are_sold(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        mine = paid(stores, MINE)
        self.lose(tables, "sold")
        step(stores, mine, refunded)
        assert stock(tables) == (100, 0, -2)

    def test_with_it_seats_that_another_event_holds_are_not_sold_for_it(
        self, stores: Stores, tables: MotoTables, erased: Callable[[], None]
    ) -> None:
        erased()
        stores.orders.place(an_order(id="01JNTHEIRORDER000000000000", event_id=2))

        with pytest.raises(NotFound):
            paid(stores, MINE)

        assert stock(tables) == (98, 2, 0)

    @pytest.mark.usefixtures("unguarded")
    def test_without_it_one_events_payment_takes_anothers_hold(
        self, stores: Stores, tables: MotoTables, erased: Callable[[], None]
    ) -> None:
        erased()
        stores.orders.place(an_order(id="01JNTHEIRORDER000000000000", event_id=2))

        paid(stores, MINE)

        assert stock(tables) == (98, 0, 2)

    def test_with_it_no_ticket_is_sold_for_a_cancelled_event(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        change(stores, record_of(stores, SLUG), status=EventStatus.CANCELLED)
        with pytest.raises(SalesClosed):
            paid(stores, MINE)
        assert stock(tables) == (98, 2, 0)

    @pytest.mark.usefixtures("unguarded")
    def test_without_it_who_pays_while_an_event_is_cancelled_keeps_a_ticket_of_nothing(
        self, stores: Stores
    ) -> None:
        change(stores, record_of(stores, SLUG), status=EventStatus.CANCELLED)
        assert paid(stores, MINE).good_tickets == 2


class TestTheOnSaleCondition:
    """Seats that went back to stock are taken again only where they are for sale."""

    FEWER: ClassVar = ({"capacity": 1}, SoldOut, (1, 0, 0))
    CANCELLED: ClassVar = ({"status": EventStatus.CANCELLED}, SalesClosed, (100, 0, 0))
    DRAFT: ClassVar = ({"status": EventStatus.DRAFT}, SalesClosed, (100, 0, 0))
    OVER: ClassVar = ({"date": LATER}, SalesClosed, (100, 0, 0))
    CASES = (
        pytest.param(True, *FEWER, id="late payment, free"),
        pytest.param(True, *DRAFT, id="late payment, status"),
        pytest.param(True, *CANCELLED, id="late payment, cancelled"),
        pytest.param(True, *OVER, id="late payment, date"),
        # Those that were the order's before come back to it also where none are for sale.
        pytest.param(False, *FEWER, id="failed refund, free"),
        pytest.param(False, *CANCELLED, id="failed refund, cancelled"),
    )
    STEPS = pytest.mark.parametrize("late", [True, False], ids=["late payment", "failed refund"])

    def take_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take out what must hold of an event for free seats to go to a stored order."""
        monkeypatch.setattr(orders, "stock_condition", lambda *_: None)

    def given_back(self, stores: Stores, *, late: bool) -> tuple[Order, Step]:
        """Return an order whose seats went back, and the step that would take them again."""
        seed_event(stores)
        stores.orders.place(MINE)
        if late:
            return expired(stores, MINE), order_steps.paid
        return step(stores, paid(stores, MINE), refunded), bounced

    @pytest.mark.parametrize(("late", "changes", "raised", "seats"), CASES)
    def test_with_it_no_seats_are_taken(
        self,
        stores: Stores,
        tables: MotoTables,
        late: bool,
        changes: dict[str, Any],
        raised: type[EventsApiError],
        seats: tuple[int, int, int],
    ) -> None:
        order, take = self.given_back(stores, late=late)
        change(stores, record_of(stores, SLUG), **changes)

        with pytest.raises(raised):
            step(stores, order, take)

        assert stock(tables) == seats

    @pytest.mark.parametrize(("late", "changes", "raised", "seats"), CASES)
    def test_without_it_they_are_taken_all_the_same(  # noqa: PLR0913, PLR0917 - as above
        self,
        stores: Stores,
        tables: MotoTables,
        monkeypatch: pytest.MonkeyPatch,
        late: bool,
        changes: dict[str, Any],
        raised: type[EventsApiError],
        seats: tuple[int, int, int],
    ) -> None:
        order, take = self.given_back(stores, late=late)
        change(stores, record_of(stores, SLUG), **changes)
        self.take_out(monkeypatch)

        step(stores, order, take)

        free, _, _ = seats
        assert stock(tables) == (free - 2, 0, 2)

    @STEPS
    def test_with_it_another_event_under_the_slug_keeps_its_seats(
        self, stores: Stores, tables: MotoTables, late: bool
    ) -> None:
        order, take = self.given_back(stores, late=late)
        stores.events.delete(record_of(stores, SLUG))
        seed_event(stores)

        with pytest.raises(NotFound):
            step(stores, order, take)

        assert stock(tables) == (100, 0, 0)

    @STEPS
    def test_without_it_the_tickets_are_of_another_event(
        self, stores: Stores, tables: MotoTables, monkeypatch: pytest.MonkeyPatch, late: bool
    ) -> None:
        order, take = self.given_back(stores, late=late)
        stores.events.delete(record_of(stores, SLUG))
        seed_event(stores)
        self.take_out(monkeypatch)

        step(stores, order, take)

        assert record_of(stores, SLUG).id != order.event_id
        assert stock(tables) == (98, 0, 2)


class TestTheKeysConditions:
    """A key is of one request, worked at by one, and answered once."""

    FIRST = KeyedRequest("key-1", "print", "01JNFIRST00000000000000000", NOW)
    SECOND = FIRST._replace(order_id="01JNSECOND0000000000000000")
    THIRD = FIRST._replace(order_id="01JNTHIRD00000000000000000")
    ANSWER: ClassVar = {"orderId": FIRST.order_id}

    @pytest.fixture
    def unguarded(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
        """Take the condition out of every write of a key."""
        put = DynamoKeyedRequests._put

        def anyhow(
            self: DynamoKeyedRequests, request: Any, now: Any, _: Condition, answer: Any = None
        ) -> bool:
            always: Condition = KeyedRequestModel.id.exists()
            return put(self, request, now, always, answer)

        return lambda: monkeypatch.setattr(DynamoKeyedRequests, "_put", anyhow)

    @pytest.fixture
    def no_leases(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
        """Take out that a request is the one that is worked at."""
        always: Condition = KeyedRequestModel.id.exists()
        return lambda: monkeypatch.setattr(keyed_requests, "_is_leased", lambda _: always)

    @pytest.fixture(autouse=True)
    def _begun(self, stores: Stores) -> None:
        stores.keyed_requests.begin(self.FIRST, NOW)

    def known(self, stores: Stores) -> KeyedRequest | None:
        return stores.keyed_requests.begin(self.FIRST._replace(order_id="01JNNOBODYS"), NOW)

    def test_with_it_a_key_begins_one_checkout(self, stores: Stores) -> None:
        assert stores.keyed_requests.begin(self.SECOND, NOW) == self.FIRST

    def test_without_it_it_begins_two(self, stores: Stores, unguarded: Callable[[], None]) -> None:
        unguarded()
        assert stores.keyed_requests.begin(self.SECOND, NOW) is None

    def test_with_it_one_of_two_takes_a_request_over(self, stores: Stores) -> None:
        taken = [
            stores.keyed_requests.take_over(self.FIRST, other, NOW)
            for other in (self.SECOND, self.THIRD)
        ]
        assert taken == [True, False]

    def test_without_it_both_do(self, stores: Stores, no_leases: Callable[[], None]) -> None:
        no_leases()
        taken = [
            stores.keyed_requests.take_over(self.FIRST, other, NOW)
            for other in (self.SECOND, self.THIRD)
        ]
        assert taken == [True, True]

    def test_with_it_an_answer_is_not_lost_to_who_comes_late(self, stores: Stores) -> None:
        stores.keyed_requests.finish(self.FIRST, self.ANSWER, NOW)
        assert not stores.keyed_requests.take_over(self.FIRST, self.SECOND, NOW)
        assert self.known(stores) == self.FIRST._replace(answer=self.ANSWER)

    def test_without_it_a_buyer_who_was_answered_is_begun_again(
        self, stores: Stores, unguarded: Callable[[], None]
    ) -> None:
        stores.keyed_requests.finish(self.FIRST, self.ANSWER, NOW)
        unguarded()
        assert stores.keyed_requests.take_over(self.FIRST, self.SECOND, NOW)

    def test_with_it_who_was_taken_over_from_gives_no_answer(self, stores: Stores) -> None:
        stores.keyed_requests.take_over(self.FIRST, self.SECOND, NOW)
        stores.keyed_requests.finish(self.FIRST, self.ANSWER, NOW)
        stores.keyed_requests.forget(self.FIRST, NOW)
        assert self.known(stores) == self.SECOND

    def test_without_it_an_answer_names_another_order_than_the_one_that_is_made(
        self, stores: Stores, no_leases: Callable[[], None]
    ) -> None:
        stores.keyed_requests.take_over(self.FIRST, self.SECOND, NOW)
        no_leases()
        stores.keyed_requests.finish(self.FIRST, self.ANSWER, NOW)
        assert self.known(stores) == self.FIRST._replace(answer=self.ANSWER)

    def test_without_it_a_key_is_free_while_its_checkout_runs(
        self, stores: Stores, no_leases: Callable[[], None]
    ) -> None:
        stores.keyed_requests.take_over(self.FIRST, self.SECOND, NOW)
        no_leases()
        stores.keyed_requests.forget(self.FIRST, NOW)
        assert self.known(stores) is None


class TestPatience:
    """What passes by itself is nobody's business."""

    ANSWERS = pytest.mark.parametrize(
        ("operation", "take", "answer"),
        [
            ("PutItem", noted, refusal("TransactionConflictException")),
            ("PutItem", noted, refusal("ThrottlingException")),
            ("TransactWriteItems", order_steps.paid, refusal("TransactionInProgressException")),
        ],
    )

    @pytest.fixture(autouse=True)
    def _hold(self, stores: Stores, no_pauses: list[float]) -> None:
        seed_event(stores)
        stores.orders.place(MINE)

    @ANSWERS
    def test_with_it_a_buyer_notices_nothing(
        self, stores: Stores, traffic: Traffic, operation: str, take: Step, answer: Any
    ) -> None:
        traffic.answer(operation, answer)
        assert step(stores, MINE, take).version == 2

    @ANSWERS
    def test_without_it_a_buyer_is_told_to_try_again(
        self,
        stores: Stores,
        traffic: Traffic,
        monkeypatch: pytest.MonkeyPatch,
        operation: str,
        take: Step,
        answer: Any,
    ) -> None:
        for module in (patience, transactions):
            monkeypatch.setattr(module, "is_passing", lambda _error: False)
        # As often as botocore tries by itself.
        traffic.answer(operation, answer, answer)
        with pytest.raises(Unavailable):
            step(stores, MINE, take)

    def test_without_the_reasons_of_transactions_a_crowd_is_told_to_try_again(
        self, stores: Stores, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        traffic.answer("TransactWriteItems", cancelled("TransactionConflict", "None"))
        order = step(stores, MINE, order_steps.paid)

        monkeypatch.setattr(transactions, "_PASSING", frozenset())
        traffic.answer("TransactWriteItems", cancelled("TransactionConflict", "None"))
        with pytest.raises(Unavailable):
            step(stores, order, refunded)


class TestTheConditionsOfANewEvent:
    """A slug is of one event, and an event's city exists."""

    def test_with_it_the_first_event_of_a_slug_stays(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        seed_event(stores)
        stores.orders.place(MINE)

        with pytest.raises(SlugTaken):
            stores.events.create(an_event(id=2, date=FAR_AHEAD))

        assert stock(tables) == (98, 2, 0)

    def test_without_it_a_new_event_frees_the_seats_of_the_old_one(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        remove(events, "event")
        seed_event(stores)
        stores.orders.place(MINE)

        stores.events.create(an_event(id=2, date=FAR_AHEAD))

        assert stock(tables) == (100, 0, 0)
        page = PageRequest(10, 0, None, descending=False)
        found = stores.events.find(EventFilter((EventStatus.PUBLISHED,)), EventOrder.DATE, page)
        assert (found.count, len(found.page.items)) == (2, 1)

    def test_with_it_no_event_is_of_a_city_that_is_not_there(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        with pytest.raises(SlugUnknown):
            stores.events.create(an_event(city_slug="atlantis"))

        assert tables.item(CITIES, "atlantis") == {}

    def test_without_it_an_event_makes_the_ghost_of_a_city(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        remove(cities, "city")

        stores.events.create(an_event(city_slug="atlantis"))

        ghost = tables.item(CITIES, "atlantis")
        assert "public" not in ghost
        assert ghost["publishedEvents"] == {"N": "1"}

    def test_with_it_no_new_event_shows_a_name_that_its_city_no_longer_has(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        before = tables.contents()

        with pytest.raises(SlugUnknown):
            stores.events.create(an_event(city="Londinium"))

        assert tables.contents() == before

    def test_without_it_an_event_keeps_its_citys_former_name_for_ever(
        self, stores: Stores, remove: Callable[[Any, str], None]
    ) -> None:
        remove(cities, "city")

        stores.events.create(an_event(city="Londinium"))

        city = stores.cities.get("london")
        assert city is not None
        assert (city.fields()["name"], record_of(stores, SLUG).described().city) == (
            "London",
            "Londinium",
        )


class TestTheConditionsOfAChangedEvent:
    """An edit is made to what was read, and its seats are those that are sold."""

    @pytest.fixture(autouse=True)
    def _event(self, stores: Stores) -> None:
        seed_event(stores, capacity=10)

    @pytest.fixture
    def forget_the_revision(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
        """Put a condition that always holds in place of "nobody has described it anew"."""

        def take_out() -> None:
            always: Condition = EventModel.slug.exists()
            monkeypatch.setattr(events, "unchanged", lambda _before: always)

        return take_out

    def test_with_it_the_later_of_two_edits_is_told(self, stores: Stores) -> None:
        read = record_of(stores, SLUG)
        change(stores, read, price=100)

        with pytest.raises(Changed):
            change(stores, read, name="Renamed")

        assert record_of(stores, SLUG).price == 100

    def test_without_it_the_later_edit_undoes_the_earlier_one(
        self, stores: Stores, forget_the_revision: Callable[[], None]
    ) -> None:
        read = record_of(stores, SLUG)
        change(stores, read, price=100)
        forget_the_revision()

        change(stores, read, name="Renamed")

        assert record_of(stores, SLUG).price == 14999

    def test_with_it_an_event_that_is_gone_stays_gone(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        read = record_of(stores, SLUG)
        stores.events.delete(read)

        with pytest.raises(Changed):
            change(stores, read, name="Renamed")

        assert tables.item(EVENTS, "tech-conference") == {}

    def test_without_it_an_edit_makes_the_ghost_of_an_event(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        read = record_of(stores, SLUG)
        stores.events.delete(read)
        remove(events, "event")

        change(stores, read, name="Renamed")

        ghost = tables.item(EVENTS, "tech-conference")
        assert "public" in ghost
        assert "free" not in ghost

    def test_with_it_a_capacity_is_not_below_what_is_held(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        read = record_of(stores, SLUG)
        stores.orders.place(MINE)

        with pytest.raises(CapacityTooLow, match="2 seats are sold or held"):
            change(stores, read, capacity=1)

        assert stock(tables) == (8, 2, 0)

    def test_without_it_more_seats_are_held_than_there_are(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        read = record_of(stores, SLUG)
        stores.orders.place(MINE)
        remove(events, "event")

        change(stores, read, capacity=1)

        assert stock(tables) == (-1, 2, 0)

    def test_with_it_no_event_moves_to_a_city_that_is_not_there(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        with pytest.raises(SlugUnknown):
            change(stores, record_of(stores, SLUG), city="Atlantis", city_slug="atlantis")

        assert tables.item(CITIES, "atlantis") == {}

    def test_without_it_a_move_makes_the_ghost_of_a_city(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        remove(cities, "city")

        change(stores, record_of(stores, SLUG), city="Atlantis", city_slug="atlantis")

        assert "public" not in tables.item(CITIES, "atlantis")
        assert tables.item(CITIES, "atlantis")["publishedEvents"] == {"N": "1"}


class TestTheConditionsOfAnEventThatMoves:
    """A new slug is free, and every seat that was held or sold comes along."""

    @pytest.fixture(autouse=True)
    def _event(self, stores: Stores) -> None:
        seed_event(stores, capacity=10)

    def test_with_it_another_events_slug_stays_its_own(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        seed_event(stores, "taken", capacity=10)
        stores.orders.place(an_order(event_id=2, event_slug="taken"))

        with pytest.raises(SlugTaken):
            change(stores, record_of(stores, SLUG), slug="taken")

        assert stock(tables, "taken") == (8, 2, 0)
        assert record_of(stores, "taken").id == 2

    def test_without_it_a_move_overwrites_another_event_and_its_holds(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        seed_event(stores, "taken", capacity=10)
        stores.orders.place(an_order(event_id=2, event_slug="taken"))
        remove(events, "slug")

        change(stores, record_of(stores, SLUG), slug="taken")

        assert stock(tables, "taken") == (10, 0, 0)
        assert record_of(stores, "taken").id == 1

    def test_with_it_another_events_former_slug_keeps_leading_to_it(self, stores: Stores) -> None:
        change(stores, record_of(stores, SLUG), slug="renamed")
        seed_event(stores, "another")

        with pytest.raises(SlugTaken):
            change(stores, record_of(stores, "another"), slug="tech-conference")

        assert record_of(stores, "tech-conference").id == 1

    def test_without_it_an_old_link_leads_to_another_event(
        self, stores: Stores, remove: Callable[[Any, str], None]
    ) -> None:
        change(stores, record_of(stores, SLUG), slug="renamed")
        seed_event(stores, "another")
        remove(events, "slug")

        change(stores, record_of(stores, "another"), slug="tech-conference")

        assert record_of(stores, "tech-conference").id == 2

    @pytest.mark.parametrize("sell", [False, True])
    def test_with_it_a_sale_in_between_has_the_move_made_again(
        self, stores: Stores, tables: MotoTables, sell: bool
    ) -> None:
        if sell:
            stores.orders.place(MINE)
        read = record_of(stores, SLUG)
        if sell:
            paid(stores, MINE)
        else:
            stores.orders.place(MINE)
        sold = stock(tables)

        with pytest.raises(Changed):
            change(stores, read, slug="renamed")

        assert stock(tables) == sold
        assert tables.item(EVENTS, "renamed") == {}

    def test_without_it_a_seat_that_was_held_meanwhile_is_sold_again(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        read = record_of(stores, SLUG)
        stores.orders.place(MINE)
        remove(events, "event")

        change(stores, read, slug="renamed")

        assert stock(tables, "renamed") == (10, 0, 0)
        with pytest.raises(IntegrityError):
            paid(stores, MINE)

    def test_with_it_an_event_moves_to_one_place(self, stores: Stores, tables: MotoTables) -> None:
        read = record_of(stores, SLUG)
        change(stores, read, slug="here")

        with pytest.raises(Changed):
            change(stores, read, slug="there")

        assert record_of(stores, SLUG).slug == "here"
        assert tables.item(EVENTS, "there") == {}

    def test_without_it_one_event_is_in_two_places(
        self, stores: Stores, remove: Callable[[Any, str], None]
    ) -> None:
        read = record_of(stores, SLUG)
        change(stores, read, slug="here")
        remove(events, "event")

        change(stores, read, slug="there")

        assert record_of(stores, "here").id == record_of(stores, "there").id == 1


class TestTheConditionsOfADeletedEvent:
    """An event is deleted as it was read, and while nothing of it is held or sold."""

    @pytest.fixture(autouse=True)
    def _event(self, stores: Stores) -> None:
        seed_event(stores)

    @pytest.mark.parametrize("sell", [False, True])
    def test_with_it_an_event_with_buyers_stays(
        self, stores: Stores, tables: MotoTables, sell: bool
    ) -> None:
        read = record_of(stores, SLUG)
        stores.orders.place(MINE)
        if sell:
            paid(stores, MINE)
        before = tables.contents()

        with pytest.raises(InUse, match="are sold" if sell else "are held"):
            stores.events.delete(read)

        assert tables.contents() == before

    @pytest.mark.parametrize("sell", [False, True])
    def test_without_it_a_buyer_has_a_ticket_of_nothing(
        self, stores: Stores, remove: Callable[[Any, str], None], sell: bool
    ) -> None:
        read = record_of(stores, SLUG)
        stores.orders.place(MINE)
        if sell:
            paid(stores, MINE)
        remove(events, "event")

        stores.events.delete(read)

        assert stores.events.get("tech-conference") is None
        assert stores.orders.get(MINE.id) is not None

    def test_with_it_an_event_that_was_changed_since_stays(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        read = record_of(stores, SLUG)
        change(stores, read, status=EventStatus.DRAFT)
        before = tables.contents()

        with pytest.raises(Changed):
            stores.events.delete(read)

        assert tables.contents() == before

    def test_without_it_the_wrong_number_is_counted_down(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        read = record_of(stores, SLUG)
        change(stores, read, status=EventStatus.DRAFT)
        remove(events, "event")

        stores.events.delete(read)

        totals = tables.item(EVENTS, "#totals")
        assert (totals["published"], totals["draft"]) == ({"N": "-1"}, {"N": "1"})

    def test_with_it_an_event_is_counted_down_once(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        read = record_of(stores, SLUG)
        stores.events.delete(read)

        with pytest.raises(Changed):
            stores.events.delete(read)

        assert tables.item(EVENTS, "#totals")["published"] == {"N": "0"}

    def test_without_it_an_event_is_counted_down_twice(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        read = record_of(stores, SLUG)
        stores.events.delete(read)
        remove(events, "event")

        stores.events.delete(read)

        assert tables.item(EVENTS, "#totals")["published"] == {"N": "-1"}


class TestTheMarksCondition:
    """While the words of an event are not in step, nobody else changes them."""

    @pytest.fixture(autouse=True)
    def _a_writer_that_stopped(
        self, stores: Stores, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An event that was called Alpha is called Beta, and its words do not say so yet."""
        monkeypatch.setattr(word_index, "time", FakeTime())
        seed_event(stores, name="Alpha")
        traffic.answer("BatchWriteItem", refusal("AccessDeniedException"))
        change(stores, record_of(stores, SLUG), name="Beta")

    def found(self, stores: Stores, word: str) -> int:
        wanted = EventFilter((EventStatus.PUBLISHED,), words=(word,))
        page = PageRequest(10, 0, None, descending=False)
        return stores.events.find(wanted, EventOrder.DATE, page).count

    def test_with_it_the_next_writer_waits_and_no_search_goes_wrong(self, stores: Stores) -> None:
        with pytest.raises(Unavailable):
            change(stores, record_of(stores, SLUG), name="Gamma")

        assert [self.found(stores, word) for word in ("alpha", "beta", "gamma")] == [0, 1, 0]

    def test_without_it_a_word_that_is_long_gone_finds_the_event_for_ever(
        self, stores: Stores, remove: Callable[[Any, str], None]
    ) -> None:
        remove(word_index, "mark")

        change(stores, record_of(stores, SLUG), name="Gamma")

        assert [self.found(stores, word) for word in ("alpha", "beta", "gamma")] == [1, 0, 1]


class TestTheConditionOfANewCity:
    """A slug is of one city."""

    def test_with_it_the_first_city_of_a_slug_stays(self, stores: Stores) -> None:
        seed_event(stores)

        with pytest.raises(SlugTaken):
            stores.cities.create(a_city(id=2, name="Other"))

        kept = stores.cities.get("london")
        assert kept is not None
        assert (kept.fields()["name"], kept.published_events) == ("London", 1)
        assert stores.cities.count() == 1

    def test_without_it_a_city_loses_its_events(
        self, stores: Stores, remove: Callable[[Any, str], None]
    ) -> None:
        remove(cities, "city")
        seed_event(stores)

        stores.cities.create(a_city(id=2, name="Other"))

        lost = stores.cities.get("london")
        assert lost is not None
        assert (lost.fields()["name"], lost.published_events) == ("Other", 0)
        assert stores.cities.count() == 2


class TestTheConditionOfAnEntry:
    """The audit trail's entries are never replaced."""

    FIRST = an_entry(actor="user_1")
    SECOND = an_entry(actor="user_2")

    @pytest.fixture(autouse=True)
    def _an_entry(self, stores: Stores) -> None:
        seed_event(stores)
        stores.audit_trail.record(self.FIRST)

    @staticmethod
    def told(stores: Stores) -> tuple[str, ...]:
        return stores.audit_trail.find(AuditQuery(10)).items

    WRITES: ClassVar[dict[str, Callable[[Stores], object]]] = {
        "event": lambda stores: stores.events.create(
            an_event(id=2, slug="two"), TestTheConditionOfAnEntry.SECOND
        ),
        "city": lambda stores: stores.cities.create(
            a_city(id=2, name="Porto", slug="porto"), TestTheConditionOfAnEntry.SECOND
        ),
    }

    @pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
    def test_with_it_the_first_entry_stays_and_the_change_is_not_made(
        self, stores: Stores, tables: MotoTables, write: Callable[[Stores], object]
    ) -> None:
        with pytest.raises(Unavailable):
            write(stores)

        assert self.told(stores) == (self.FIRST.public,)
        assert stores.events.get("two") is None
        assert stores.cities.get("porto") is None

    @pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
    def test_without_it_it_is_gone(
        self,
        stores: Stores,
        remove: Callable[[Any, str], None],
        write: Callable[[Stores], object],
    ) -> None:
        remove(audit, "audit")

        write(stores)

        assert self.told(stores) == (self.SECOND.public,)

    def test_with_it_an_entry_alone_replaces_none(self, stores: Stores) -> None:
        stores.audit_trail.record(self.SECOND)
        assert self.told(stores) == (self.FIRST.public,)

    def test_without_it_an_entry_alone_replaces_another(
        self, stores: Stores, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(audit, "is_new_entry", lambda: None)
        stores.audit_trail.record(self.SECOND)
        assert self.told(stores) == (self.SECOND.public,)
