"""Every condition of a write, shown to matter: with it the wrong thing is refused, and with it
taken out the same steps sell a seat twice, take money twice, or lose what was stored.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pynamodb.expressions.condition import Condition

from chalicelib.domain.events import EventStatus
from chalicelib.domain.orders import Cause, Order, OrderStatus
from chalicelib.errors import (
    EventsApiError,
    NotFound,
    PriceMismatch,
    SalesClosed,
    SlugTaken,
    SlugUnknown,
    SoldOut,
)
from chalicelib.services.ports import Change
from chalicelib.store import Stores, cities, events, orders, transactions
from chalicelib.store.models import OrderModel
from chalicelib.store.orders import DynamoOrderStore, IntegrityError
from tests.support.builders import NOW, a_city, a_paid_session, a_session, an_event, an_order
from tests.support.seeding import FAR_AHEAD, seed_city, seed_event
from tests.support.tables import CITIES, EVENTS, ORDERS, MotoTables

LATER = NOW + timedelta(minutes=5)
CAUSE = Cause("verify")
MINE = an_order()
YOURS = an_order(id="01JNYOURORDER0000000000000")


@pytest.fixture(autouse=True)
def _london(tables: MotoTables) -> None:
    seed_city(tables.stores)


@pytest.fixture
def remove(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], None]:
    """Take the condition out of a module's write of this label."""

    def take_out(module: Any, label: str) -> None:
        for name in ("Put", "Update"):
            kind = getattr(transactions, name)

            def without(*parts: Any, kind: Any = kind) -> Any:
                write = kind(*parts)
                return replace(write, condition=None) if write.label == label else write

            if hasattr(module, name):
                monkeypatch.setattr(module, name, without)

    return take_out


@pytest.fixture
def no_pending_condition(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Put one that always holds in its place."""

    def take_out() -> None:
        always: Condition = OrderModel.id.exists()
        monkeypatch.setattr(orders, "pending_condition", lambda: always)

    return take_out


def stock(tables: MotoTables, slug: str = "tech-conference") -> tuple[int, int, int]:
    item = tables.item(EVENTS, slug)
    free, held, sold = (int(item.get(name, {"N": "0"})["N"]) for name in ("free", "held", "sold"))
    return free, held, sold


def paid(stores: Stores, order: Order, cause: Cause = CAUSE) -> Change:
    return stores.orders.mark_paid(order, a_paid_session(), cause, LATER)


def expired(stores: Stores, order: Order) -> Change:
    return stores.orders.release(order, OrderStatus.EXPIRED, CAUSE, LATER)


class TestTheHoldsCondition:
    """Seats are held only of an event that is for sale, at its price, and while they are free."""

    CASES = (
        pytest.param({"capacity": 1}, SoldOut, id="free"),
        pytest.param({"status": EventStatus.CANCELLED}, SalesClosed, id="status"),
        pytest.param({"date": NOW - timedelta(days=1)}, SalesClosed, id="date"),
        pytest.param({"price": 20000}, PriceMismatch, id="price"),
        pytest.param({"currency": "eur"}, PriceMismatch, id="currency"),
    )

    @pytest.fixture
    def unguarded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(orders, "hold_condition", lambda _order: None)

    @pytest.mark.parametrize(("changes", "raised"), CASES)
    def test_with_it_nothing_is_sold(
        self,
        stores: Stores,
        tables: MotoTables,
        changes: dict[str, Any],
        raised: type[EventsApiError],
    ) -> None:
        seed_event(stores, **changes)

        with pytest.raises(raised):
            stores.orders.place_hold(MINE)

        assert stock(tables)[1] == 0

    @pytest.mark.usefixtures("unguarded")
    @pytest.mark.parametrize(("changes", "raised"), CASES)
    def test_without_it_the_seats_are_held_all_the_same(
        self,
        stores: Stores,
        tables: MotoTables,
        changes: dict[str, Any],
        raised: type[EventsApiError],
    ) -> None:
        seed_event(stores, **changes)

        stores.orders.place_hold(MINE)

        assert stock(tables)[1] == MINE.quantity

    def test_with_it_the_last_seats_go_to_one_buyer(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        seed_event(stores, capacity=2)
        stores.orders.place_hold(MINE)

        with pytest.raises(SoldOut):
            stores.orders.place_hold(YOURS)

        assert stock(tables) == (0, 2, 0)

    @pytest.mark.usefixtures("unguarded")
    def test_without_it_two_buyers_pay_for_the_same_seats(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        seed_event(stores, capacity=2)

        for order in (MINE, YOURS):
            stores.orders.place_hold(order)
            assert paid(stores, order) is Change.MADE

        assert stock(tables) == (-2, 0, 4)

    def test_with_it_an_event_that_is_gone_stays_gone(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        with pytest.raises(NotFound):
            stores.orders.place_hold(MINE)

        assert tables.item(EVENTS, MINE.event_slug) == {}

    @pytest.mark.usefixtures("unguarded")
    def test_without_it_a_hold_makes_the_ghost_of_an_event(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        stores.orders.place_hold(MINE)

        assert tables.item(EVENTS, MINE.event_slug) == {
            "slug": {"S": "tech-conference"},
            "free": {"N": "-2"},
            "held": {"N": "2"},
        }


class TestTheNewOrdersCondition:
    """An order is stored where none has its id."""

    def test_with_it_the_first_order_stays(self, stores: Stores, tables: MotoTables) -> None:
        seed_event(stores)
        stores.orders.place_hold(MINE)
        paid(stores, MINE)

        with pytest.raises(IntegrityError):
            stores.orders.place_hold(MINE)

        assert stock(tables) == (98, 0, 2)
        assert tables.item(ORDERS, MINE.id)["status"] == {"S": "paid"}

    def test_without_it_a_paid_order_is_overwritten(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        remove(orders, "order")
        seed_event(stores)
        stores.orders.place_hold(MINE)
        paid(stores, MINE)

        stores.orders.place_hold(MINE)

        assert stock(tables) == (96, 2, 2)
        assert tables.item(ORDERS, MINE.id)["status"] == {"S": "pending"}


class TestThePendingCondition:
    """An order leaves `pending` once."""

    @pytest.fixture(autouse=True)
    def _two_orders(self, stores: Stores) -> None:
        """Another order holds seats too, so that their number alone stops nothing."""
        seed_event(stores, capacity=4)
        stores.orders.place_hold(MINE)
        stores.orders.place_hold(YOURS)

    def test_with_it_a_second_payment_sells_nothing(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        assert [paid(stores, MINE), paid(stores, MINE)] == [Change.MADE, Change.ALREADY]
        assert stock(tables) == (0, 2, 2)

    def test_without_it_one_payment_counts_twice(
        self, stores: Stores, tables: MotoTables, no_pending_condition: Callable[[], None]
    ) -> None:
        no_pending_condition()

        assert [paid(stores, MINE), paid(stores, MINE)] == [Change.MADE, Change.MADE]
        # Four seats sold to one buyer of two, and the other's hold is gone.
        assert stock(tables) == (0, 0, 4)
        with pytest.raises(IntegrityError):
            stores.orders.mark_paid(YOURS, a_paid_session(), CAUSE, LATER)

    def test_with_it_seats_that_were_sold_do_not_come_back(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        paid(stores, MINE)

        assert expired(stores, MINE) is Change.REFUSED
        assert stock(tables) == (0, 2, 2)

    def test_without_it_seats_that_were_sold_are_sold_again(
        self, stores: Stores, tables: MotoTables, no_pending_condition: Callable[[], None]
    ) -> None:
        no_pending_condition()
        third = an_order(id="01JNTHIRDORDER000000000000")
        paid(stores, MINE)

        assert expired(stores, MINE) is Change.MADE
        stores.orders.place_hold(third)

        # Of four seats, two are paid for, and two more buyers are on their way to pay for two each.
        assert stock(tables) == (0, 2, 2)
        mine, yours, theirs = (stores.orders.get(order.id) for order in (MINE, YOURS, third))
        assert mine is not None
        assert OrderStatus.PAID in [entry.status for entry in mine.history]
        assert yours is not None
        assert theirs is not None
        assert yours.status is theirs.status is OrderStatus.PENDING

    def test_with_it_an_order_that_is_over_gets_no_session(self, stores: Stores) -> None:
        expired(stores, MINE)

        assert stores.orders.attach_session(MINE.id, a_session()) is Change.REFUSED

    def test_without_it_a_buyer_could_pay_for_seats_that_went_back(
        self, stores: Stores, no_pending_condition: Callable[[], None]
    ) -> None:
        expired(stores, MINE)
        no_pending_condition()

        assert stores.orders.attach_session(MINE.id, a_session()) is Change.MADE

    def test_without_it_a_paid_order_would_wait_for_its_payment(
        self, stores: Stores, no_pending_condition: Callable[[], None]
    ) -> None:
        paid(stores, MINE)
        assert stores.orders.await_payment(MINE, CAUSE, LATER, LATER) is Change.REFUSED

        no_pending_condition()

        assert stores.orders.await_payment(MINE, CAUSE, LATER, LATER) is Change.MADE


class TestTheStocksCondition:
    """Seats are sold or given back only where they are held."""

    @pytest.fixture(autouse=True)
    def _an_order_of_another_events_life(self, tables: MotoTables, stores: Stores) -> None:
        """The event was erased and made anew under the same slug while its order was pending."""
        seed_event(stores)
        stores.orders.place_hold(MINE)
        tables.client.delete_item(TableName=EVENTS, Key={"slug": {"S": "tech-conference"}})
        seed_event(stores)

    def test_with_it_seats_that_are_not_held_are_neither_sold_nor_given_back(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        for leave in (paid, expired):
            with pytest.raises(IntegrityError):
                leave(stores, MINE)

        assert stock(tables) == (100, 0, 0)

    def test_without_it_more_seats_are_free_than_there_are(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        remove(orders, "stock")

        assert expired(stores, MINE) is Change.MADE
        assert stock(tables) == (102, -2, 0)


class TestTheSeenEventsCondition:
    """One Stripe event changes one order."""

    EVENT = Cause.stripe_event("evt_1")

    @pytest.fixture(autouse=True)
    def _two_orders(self, stores: Stores) -> None:
        seed_event(stores)
        stores.orders.place_hold(MINE)
        stores.orders.place_hold(YOURS)
        paid(stores, MINE, self.EVENT)

    def test_with_it_an_event_that_was_handled_changes_nothing_more(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        before = tables.contents()

        with pytest.raises(IntegrityError):
            paid(stores, YOURS, self.EVENT)

        assert tables.contents() == before

    def test_without_it_one_event_pays_two_orders(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        remove(orders, "seen")

        assert paid(stores, YOURS, self.EVENT) is Change.MADE
        assert stock(tables) == (96, 0, 4)


class TestConditionsOfOnce:
    """News that changes no status is noted once."""

    @pytest.fixture
    def unguarded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        change = DynamoOrderStore._change

        def without(store: Any, order_id: str, actions: Any, _condition: Condition) -> Change:
            return change(store, order_id, actions, OrderModel.id.exists())

        monkeypatch.setattr(DynamoOrderStore, "_change", without)

    @pytest.fixture(autouse=True)
    def _an_order(self, stores: Stores) -> None:
        seed_event(stores)
        stores.orders.place_hold(MINE)

    def wait_twice(self, stores: Stores) -> list[Change]:
        return [
            stores.orders.await_payment(MINE, CAUSE, LATER, LATER + timedelta(days=day))
            for day in (1, 2)
        ]

    def pay_late_twice(self, stores: Stores) -> list[Change]:
        expired(stores, MINE)
        return [
            stores.orders.note_late_payment(MINE, a_paid_session(), CAUSE, LATER) for _ in range(2)
        ]

    def test_with_it_a_repeat_does_not_put_the_end_of_a_hold_off(self, stores: Stores) -> None:
        assert self.wait_twice(stores) == [Change.MADE, Change.REFUSED]
        order = stores.orders.get(MINE.id)
        assert order is not None
        assert order.hold_expires_at == LATER + timedelta(days=1)
        assert len(order.history) == 2

    @pytest.mark.usefixtures("unguarded")
    def test_without_it_repeats_keep_seats_from_others_for_ever(self, stores: Stores) -> None:
        assert self.wait_twice(stores) == [Change.MADE, Change.MADE]
        order = stores.orders.get(MINE.id)
        assert order is not None
        assert order.hold_expires_at == LATER + timedelta(days=2)

    def test_with_it_a_late_payment_is_noted_once(self, stores: Stores) -> None:
        assert self.pay_late_twice(stores) == [Change.MADE, Change.REFUSED]
        order = stores.orders.get(MINE.id)
        assert order is not None
        assert len(order.history) == 3

    @pytest.mark.usefixtures("unguarded")
    def test_without_it_every_repeat_would_call_an_operator(self, stores: Stores) -> None:
        assert self.pay_late_twice(stores) == [Change.MADE, Change.MADE]
        order = stores.orders.get(MINE.id)
        assert order is not None
        assert len(order.history) == 4


class TestTheConditionsOfANewEvent:
    """A slug is of one event, and an event's city exists."""

    def test_with_it_the_first_event_of_a_slug_stays(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        seed_event(stores)
        stores.orders.place_hold(MINE)

        with pytest.raises(SlugTaken):
            stores.events.create(an_event(id=2, date=FAR_AHEAD))

        assert stock(tables) == (98, 2, 0)

    def test_without_it_a_new_event_frees_the_seats_of_the_old_one(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        remove(events, "event")
        seed_event(stores)
        stores.orders.place_hold(MINE)

        stores.events.create(an_event(id=2, date=FAR_AHEAD))

        assert stock(tables) == (100, 0, 0)
        assert stores.events.count((EventStatus.PUBLISHED,)) == 2

    def test_with_it_no_event_is_of_a_city_that_is_not_there(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        with pytest.raises(SlugUnknown):
            stores.events.create(an_event(city_slug="atlantis"))

        assert tables.item(CITIES, "atlantis") == {}

    def test_without_it_an_event_makes_the_ghost_of_a_city(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        remove(events, "city")

        stores.events.create(an_event(city_slug="atlantis"))

        ghost = tables.item(CITIES, "atlantis")
        assert "public" not in ghost
        assert ghost["events"] == {"N": "1"}


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
