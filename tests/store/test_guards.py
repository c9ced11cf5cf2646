"""Every condition of a write, shown to matter: with it the wrong thing is refused, and with it
taken out the same steps sell a seat twice, take money twice, or lose what was stored.
"""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pynamodb.expressions.condition import Condition

from chalicelib.domain.event_facts import EventOrder
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import EventRecord, EventStatus
from chalicelib.domain.orders import Cause, Order, OrderStatus
from chalicelib.errors import (
    CapacityTooLow,
    Changed,
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
from chalicelib.services.ports import Change, PageRequest
from chalicelib.store import Stores, cities, events, orders, transactions, word_index
from chalicelib.store.models import EventModel, OrderModel
from chalicelib.store.orders import DynamoOrderStore, IntegrityError
from tests.support.builders import NOW, a_city, a_paid_session, a_session, an_event, an_order
from tests.support.fake_time import FakeTime
from tests.support.seeding import FAR_AHEAD, seed_city, seed_event
from tests.support.tables import CITIES, EVENTS, ORDERS, MotoTables
from tests.support.traffic import Traffic, refusal

LATER = NOW + timedelta(minutes=5)
CAUSE = Cause("verify")
_SECONDS = itertools.count(1)
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


def record_of(stores: Stores, slug: str = "tech-conference") -> EventRecord:
    record = stores.events.get(slug, consistent=True)
    assert record is not None
    return record


def change(stores: Stores, before: EventRecord, **changes: Any) -> None:
    """Describe an event anew from what somebody read, as the editor does: `updatedAt` moves."""
    later = before.described().updated_at + timedelta(seconds=next(_SECONDS))
    stores.events.replace(before, replace(before.described(), updated_at=later, **changes))


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


class TestTheHoldsEvent:
    """A hold is of the event that the buyer looked at, not of another one under its slug."""

    @pytest.fixture(autouse=True)
    def _another_event_has_the_slug(self, stores: Stores) -> None:
        seed_event(stores)
        record = record_of(stores)
        stores.events.delete(record)
        seed_event(stores)

    def test_with_it_the_other_events_seats_stay_free(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        with pytest.raises(SoldOut):
            stores.orders.place_hold(MINE)

        assert stock(tables) == (100, 0, 0)

    def test_without_it_a_buyer_gets_a_ticket_of_another_event(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        remove(orders, "stock")

        stores.orders.place_hold(MINE)

        assert MINE.event_id != record_of(stores).id
        assert stock(tables) == (98, 2, 0)


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

    def test_with_it_seats_that_another_event_holds_are_not_sold_for_it(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        stores.orders.place_hold(an_order(id="01JNTHEIRORDER000000000000", event_id=2))

        with pytest.raises(IntegrityError):
            paid(stores, MINE)

        assert stock(tables) == (98, 2, 0)

    def test_without_it_one_events_payment_takes_anothers_hold(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        stores.orders.place_hold(an_order(id="01JNTHEIRORDER000000000000", event_id=2))
        remove(orders, "stock")

        assert paid(stores, MINE) is Change.MADE

        assert stock(tables) == (98, 0, 2)


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
        assert (city.fields()["name"], record_of(stores).described().city) == (
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
            monkeypatch.setattr(events, "_unchanged", lambda _before: always)

        return take_out

    def test_with_it_the_later_of_two_edits_is_told(self, stores: Stores) -> None:
        read = record_of(stores)
        change(stores, read, price=100)

        with pytest.raises(Changed):
            change(stores, read, name="Renamed")

        assert record_of(stores).price == 100

    def test_without_it_the_later_edit_undoes_the_earlier_one(
        self, stores: Stores, forget_the_revision: Callable[[], None]
    ) -> None:
        read = record_of(stores)
        change(stores, read, price=100)
        forget_the_revision()

        change(stores, read, name="Renamed")

        assert record_of(stores).price == 14999

    def test_with_it_an_event_that_is_gone_stays_gone(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        read = record_of(stores)
        stores.events.delete(read)

        with pytest.raises(Changed):
            change(stores, read, name="Renamed")

        assert tables.item(EVENTS, "tech-conference") == {}

    def test_without_it_an_edit_makes_the_ghost_of_an_event(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        read = record_of(stores)
        stores.events.delete(read)
        remove(events, "event")

        change(stores, read, name="Renamed")

        ghost = tables.item(EVENTS, "tech-conference")
        assert "public" in ghost
        assert "free" not in ghost

    def test_with_it_a_capacity_is_not_below_what_is_held(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        read = record_of(stores)
        stores.orders.place_hold(MINE)

        with pytest.raises(CapacityTooLow, match="2 seats are sold or held"):
            change(stores, read, capacity=1)

        assert stock(tables) == (8, 2, 0)

    def test_without_it_more_seats_are_held_than_there_are(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        read = record_of(stores)
        stores.orders.place_hold(MINE)
        remove(events, "event")

        change(stores, read, capacity=1)

        assert stock(tables) == (-1, 2, 0)

    def test_with_it_no_event_moves_to_a_city_that_is_not_there(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        with pytest.raises(SlugUnknown):
            change(stores, record_of(stores), city="Atlantis", city_slug="atlantis")

        assert tables.item(CITIES, "atlantis") == {}

    def test_without_it_a_move_makes_the_ghost_of_a_city(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        remove(cities, "city")

        change(stores, record_of(stores), city="Atlantis", city_slug="atlantis")

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
        stores.orders.place_hold(an_order(event_id=2, event_slug="taken"))

        with pytest.raises(SlugTaken):
            change(stores, record_of(stores), slug="taken")

        assert stock(tables, "taken") == (8, 2, 0)
        assert record_of(stores, "taken").id == 2

    def test_without_it_a_move_overwrites_another_event_and_its_holds(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        seed_event(stores, "taken", capacity=10)
        stores.orders.place_hold(an_order(event_id=2, event_slug="taken"))
        remove(events, "slug")

        change(stores, record_of(stores), slug="taken")

        assert stock(tables, "taken") == (10, 0, 0)
        assert record_of(stores, "taken").id == 1

    def test_with_it_another_events_former_slug_keeps_leading_to_it(self, stores: Stores) -> None:
        change(stores, record_of(stores), slug="renamed")
        seed_event(stores, "another")

        with pytest.raises(SlugTaken):
            change(stores, record_of(stores, "another"), slug="tech-conference")

        assert record_of(stores, "tech-conference").id == 1

    def test_without_it_an_old_link_leads_to_another_event(
        self, stores: Stores, remove: Callable[[Any, str], None]
    ) -> None:
        change(stores, record_of(stores), slug="renamed")
        seed_event(stores, "another")
        remove(events, "slug")

        change(stores, record_of(stores, "another"), slug="tech-conference")

        assert record_of(stores, "tech-conference").id == 2

    @pytest.mark.parametrize("sell", [False, True])
    def test_with_it_a_sale_in_between_has_the_move_made_again(
        self, stores: Stores, tables: MotoTables, sell: bool
    ) -> None:
        if sell:
            stores.orders.place_hold(MINE)
        read = record_of(stores)
        if sell:
            paid(stores, MINE)
        else:
            stores.orders.place_hold(MINE)
        sold = stock(tables)

        with pytest.raises(Changed):
            change(stores, read, slug="renamed")

        assert stock(tables) == sold
        assert tables.item(EVENTS, "renamed") == {}

    def test_without_it_a_seat_that_was_held_meanwhile_is_sold_again(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        read = record_of(stores)
        stores.orders.place_hold(MINE)
        remove(events, "event")

        change(stores, read, slug="renamed")

        assert stock(tables, "renamed") == (10, 0, 0)
        with pytest.raises(IntegrityError):
            paid(stores, MINE)

    def test_with_it_an_event_moves_to_one_place(self, stores: Stores, tables: MotoTables) -> None:
        read = record_of(stores)
        change(stores, read, slug="here")

        with pytest.raises(Changed):
            change(stores, read, slug="there")

        assert record_of(stores).slug == "here"
        assert tables.item(EVENTS, "there") == {}

    def test_without_it_one_event_is_in_two_places(
        self, stores: Stores, remove: Callable[[Any, str], None]
    ) -> None:
        read = record_of(stores)
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
        read = record_of(stores)
        stores.orders.place_hold(MINE)
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
        read = record_of(stores)
        stores.orders.place_hold(MINE)
        if sell:
            paid(stores, MINE)
        remove(events, "event")

        stores.events.delete(read)

        assert stores.events.get("tech-conference") is None
        assert stores.orders.get(MINE.id) is not None

    def test_with_it_an_event_that_was_changed_since_stays(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        read = record_of(stores)
        change(stores, read, status=EventStatus.DRAFT)
        before = tables.contents()

        with pytest.raises(Changed):
            stores.events.delete(read)

        assert tables.contents() == before

    def test_without_it_the_wrong_number_is_counted_down(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        read = record_of(stores)
        change(stores, read, status=EventStatus.DRAFT)
        remove(events, "event")

        stores.events.delete(read)

        totals = tables.item(EVENTS, "#totals")
        assert (totals["published"], totals["draft"]) == ({"N": "-1"}, {"N": "1"})

    def test_with_it_an_event_is_counted_down_once(
        self, stores: Stores, tables: MotoTables
    ) -> None:
        read = record_of(stores)
        stores.events.delete(read)

        with pytest.raises(Changed):
            stores.events.delete(read)

        assert tables.item(EVENTS, "#totals")["published"] == {"N": "0"}

    def test_without_it_an_event_is_counted_down_twice(
        self, stores: Stores, tables: MotoTables, remove: Callable[[Any, str], None]
    ) -> None:
        read = record_of(stores)
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
        change(stores, record_of(stores), name="Beta")

    def found(self, stores: Stores, word: str) -> int:
        wanted = EventFilter((EventStatus.PUBLISHED,), words=(word,))
        page = PageRequest(10, 0, None, descending=False)
        return stores.events.find(wanted, EventOrder.DATE, page).count

    def test_with_it_the_next_writer_waits_and_no_search_goes_wrong(self, stores: Stores) -> None:
        with pytest.raises(Unavailable):
            change(stores, record_of(stores), name="Gamma")

        assert [self.found(stores, word) for word in ("alpha", "beta", "gamma")] == [0, 1, 0]

    def test_without_it_a_word_that_is_long_gone_finds_the_event_for_ever(
        self, stores: Stores, remove: Callable[[Any, str], None]
    ) -> None:
        remove(word_index, "mark")

        change(stores, record_of(stores), name="Gamma")

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
