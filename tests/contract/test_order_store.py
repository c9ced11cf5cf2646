"""`OrderStore`: the fake and the real one behave alike."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ulid import ULID

from chalicelib.domain.events import EventStatus
from chalicelib.domain.orders import HOLD, Order, OrderStatus
from chalicelib.errors import (
    Changed,
    Conflict,
    EventsApiError,
    NotFound,
    PriceMismatch,
    SalesClosed,
    SoldOut,
)
from chalicelib.services.port_types import OrderQuery
from chalicelib.store import order_lists
from tests.support.builders import NOW, a_city, an_event, an_order
from tests.support.order_steps import (
    LATER,
    Step,
    bounced,
    expired,
    in_vain,
    noted,
    paid,
    refunded,
    waiting,
)
from tests.support.store_worlds import Both, World

ORDER = an_order()
OTHER = "01JNOTHER00000000000000000"
SLUG = "tech-conference"


def open_shop(world: World, **changes: Any) -> None:
    world.cities.create(a_city())
    world.events.create(an_event(**changes))


def redescribe(world: World, known_as: str = SLUG, **changes: Any) -> None:
    """Change the event as an admin does."""
    before = world.events.get(known_as, consistent=True)
    assert before is not None
    described = before.described()
    later = described.updated_at + timedelta(seconds=1)
    world.events.replace(before, replace(described, updated_at=later, **changes))


def stock(world: World, slug: str = SLUG) -> tuple[int, int, int]:
    record = world.events.get(slug, consistent=True)
    assert record is not None
    return record.free, record.held, record.sold


def stored(world: World, order_id: str = ORDER.id) -> Order:
    found = world.orders.get(order_id)
    assert found is not None
    return found


def make(world: World, *changes: Step) -> Order:
    """Make changes of the order one after another."""
    order = stored(world)
    for change in changes:
        order = world.orders.replace(order, change(order))
    return order


class TestPlacing:
    def test_a_hold_takes_free_seats_and_stores_the_order_as_it_is(self, world: World) -> None:
        open_shop(world)

        world.orders.place(ORDER)

        assert stock(world) == (98, 2, 0)
        assert stored(world) == ORDER

    def test_what_is_known_of_the_buyer_is_kept(self, world: World) -> None:
        open_shop(world)
        order = replace(ORDER, customer_email="ada@mail.example", user_id="user_1")

        world.orders.place(order)

        assert stored(world) == order

    def test_a_free_order_is_sold_at_once(self, world: World) -> None:
        open_shop(world, price=0)
        order = paid(an_order(unit_price=0), NOW)

        world.orders.place(order)

        assert stock(world) == (98, 0, 2)
        assert stored(world) == order

    def test_an_order_that_is_not_there_is_not_found(self, world: World) -> None:
        assert world.orders.get("01JNNOBODYS000000000000000") is None

    @pytest.mark.parametrize("order", [ORDER, paid(ORDER, NOW)])
    @pytest.mark.parametrize(
        ("changes", "raised"),
        [
            ({"capacity": 1}, SoldOut("only 1 seat is left")),
            ({"capacity": 0}, SoldOut("this event is sold out")),
            (
                {"status": EventStatus.DRAFT},
                SalesClosed("tickets for this event are not on sale"),
            ),
            (
                {"status": EventStatus.CANCELLED},
                SalesClosed("tickets for this event are not on sale"),
            ),
            ({"date": NOW}, SalesClosed("this event has already taken place")),
            (
                {"price": 1},
                PriceMismatch("the price has just changed; reload the event and try again"),
            ),
            (
                {"currency": "eur"},
                PriceMismatch("the price has just changed; reload the event and try again"),
            ),
            ({"slug": "another"}, NotFound("no such event")),
        ],
    )
    def test_an_order_that_is_refused_says_why_and_leaves_nothing(
        self, world: World, order: Order, changes: dict[str, Any], raised: EventsApiError
    ) -> None:
        world.cities.create(a_city())
        event = an_event(**changes)
        world.events.create(event)
        before = stock(world, event.slug)

        with pytest.raises(type(raised)) as caught:
            world.orders.place(order)

        assert str(caught.value) == str(raised)
        assert stock(world, event.slug) == before
        assert world.orders.get(ORDER.id) is None

    def test_an_event_that_moved_is_asked_for_again(self, world: World) -> None:
        open_shop(world)
        redescribe(world, slug="moved")

        with pytest.raises(Conflict, match="moved to another address"):
            world.orders.place(ORDER)

        assert stock(world) == (100, 0, 0)

    def test_the_last_seats_are_held_once(self, world: World) -> None:
        open_shop(world, capacity=3)
        world.orders.place(ORDER)

        with pytest.raises(SoldOut, match="only 1 seat is left"):
            world.orders.place(replace(ORDER, id=OTHER))

        assert stock(world) == (1, 2, 0)

    def test_seats_without_a_limit_never_end(self, world: World) -> None:
        open_shop(world, capacity=None)
        free = stock(world)[0]

        world.orders.place(ORDER)

        assert stock(world) == (free - 2, 2, 0)


MOVES = pytest.mark.parametrize(
    ("changes", "seats"),
    [
        ([noted], (98, 2, 0)),
        ([waiting], (98, 2, 0)),
        ([paid], (98, 0, 2)),
        ([waiting, paid], (98, 0, 2)),
        ([expired], (100, 0, 0)),
        ([waiting, expired], (100, 0, 0)),
        ([in_vain], (100, 0, 0)),
        ([expired, in_vain], (100, 0, 0)),
        ([expired, paid], (98, 0, 2)),
        ([paid, refunded], (100, 0, 0)),
        ([paid, lambda order: refunded(order, amount=14999)], (99, 0, 1)),
        ([paid, refunded, bounced], (98, 0, 2)),
        ([expired, paid, refunded], (100, 0, 0)),
    ],
)


class TestChanges:
    @pytest.fixture(autouse=True)
    def _hold(self, world: World) -> None:
        open_shop(world)
        world.orders.place(ORDER)

    @MOVES
    def test_seats_move_with_the_order(
        self, world: World, changes: list[Step], seats: tuple[int, int, int]
    ) -> None:
        order = make(world, *changes)

        assert stock(world) == seats
        assert stored(world) == order
        assert order.version == 1 + len(changes)

    @MOVES
    def test_seats_are_found_where_the_event_has_moved(
        self, world: World, changes: list[Step], seats: tuple[int, int, int]
    ) -> None:
        redescribe(world, slug="moved")
        redescribe(world, "moved", slug="moved-again")

        make(world, *changes)

        assert stock(world, "moved-again") == seats

    @MOVES
    def test_an_order_that_somebody_else_changed_is_not_overwritten(
        self, world: World, changes: list[Step], seats: tuple[int, int, int]
    ) -> None:
        *first, last = changes
        order = make(world, *first)
        other = make(world, lambda current: replace(current, updated_at=LATER, user_id="u"))
        before = stock(world)

        with pytest.raises(Changed):
            world.orders.replace(order, last(order))

        assert stored(world) == other
        assert stock(world) == before

    @pytest.mark.parametrize("change", [paid, waiting])
    def test_an_order_that_is_not_there_is_not_made_by_a_change(
        self, world: World, change: Step
    ) -> None:
        with pytest.raises(Changed):
            world.orders.replace(replace(ORDER, id=OTHER), change(replace(ORDER, id=OTHER)))

        assert world.orders.get(OTHER) is None
        assert stock(world) == (98, 2, 0)

    @pytest.mark.parametrize(
        ("event", "raised"),
        [
            ({"capacity": 1}, SoldOut("only 1 seat is left")),
            ({"capacity": 0}, SoldOut("this event is sold out")),
            ({"date": LATER}, SalesClosed("this event has already taken place")),
            (
                {"status": EventStatus.DRAFT},
                SalesClosed("tickets for this event are not on sale"),
            ),
            (
                {"status": EventStatus.CANCELLED},
                SalesClosed("tickets for this event are not on sale"),
            ),
        ],
    )
    def test_seats_that_went_back_are_sold_late_only_where_they_are_for_sale(
        self, world: World, event: dict[str, Any], raised: EventsApiError
    ) -> None:
        order = make(world, expired)
        redescribe(world, **event)
        before = stock(world)

        with pytest.raises(type(raised)) as caught:
            make(world, paid)

        assert str(caught.value) == str(raised)
        assert stored(world) == order
        assert stock(world) == before

    @pytest.mark.parametrize(
        ("event", "raised"),
        [
            ({"capacity": 1}, SoldOut("the seats were sold to somebody else")),
            ({"status": EventStatus.CANCELLED}, SalesClosed("the event was cancelled")),
        ],
    )
    def test_a_refund_that_failed_takes_no_seats_that_are_gone(
        self, world: World, event: dict[str, Any], raised: EventsApiError
    ) -> None:
        order = make(world, paid, refunded)
        redescribe(world, **event)
        before = stock(world)

        with pytest.raises(type(raised)) as caught:
            make(world, bounced)

        assert str(caught.value) == str(raised)
        assert stored(world) == order
        assert stock(world) == before

    @pytest.mark.parametrize("event", [{}, {"date": LATER}, {"status": EventStatus.DRAFT}])
    def test_a_refund_that_failed_takes_its_seats_again_also_of_an_event_that_is_not_on_sale(
        self, world: World, event: dict[str, Any]
    ) -> None:
        make(world, paid, refunded)
        redescribe(world, **event)

        order = make(world, bounced)

        assert order.good_tickets == order.quantity
        assert stock(world) == (98, 0, 2)

    def test_seats_of_an_event_that_is_gone_are_not_found(self, world: World) -> None:
        make(world, expired)
        record = world.events.get(SLUG, consistent=True)
        assert record is not None
        world.events.delete(record)

        with pytest.raises(NotFound):
            make(world, paid)

        assert stored(world).status is OrderStatus.EXPIRED

    def test_an_order_of_an_event_that_is_gone_can_still_be_noted_on(self, world: World) -> None:
        make(world, expired)
        record = world.events.get(SLUG, consistent=True)
        assert record is not None
        world.events.delete(record)

        assert make(world, in_vain).status is OrderStatus.REFUNDING

    def test_held_seats_of_a_cancelled_event_are_not_sold(self, world: World) -> None:
        redescribe(world, status=EventStatus.CANCELLED)

        with pytest.raises(SalesClosed, match="the event was cancelled"):
            make(world, paid)

        assert stock(world) == (98, 2, 0)
        assert stored(world) == ORDER

    @pytest.mark.parametrize("change", [expired, in_vain])
    def test_held_seats_of_a_cancelled_event_come_free(self, world: World, change: Step) -> None:
        redescribe(world, status=EventStatus.CANCELLED)

        make(world, change)

        assert stock(world) == (100, 0, 0)

    def test_sold_seats_of_a_cancelled_event_come_free(self, world: World) -> None:
        make(world, paid)
        redescribe(world, status=EventStatus.CANCELLED)

        make(world, refunded)

        assert stock(world) == (100, 0, 0)

    def test_held_seats_are_sold_though_the_event_is_hidden_sold_out_or_over(
        self, world: World
    ) -> None:
        redescribe(world, status=EventStatus.DRAFT, capacity=2, date=NOW)

        make(world, paid)

        assert stock(world) == (0, 0, 2)

    def test_seats_that_came_back_can_be_had_by_another(self, world: World) -> None:
        make(world, expired)

        world.orders.place(replace(ORDER, id=OTHER))

        assert stock(world) == (98, 2, 0)


class TestSessions:
    def test_an_order_is_found_by_its_session(self, world: World) -> None:
        open_shop(world)
        world.orders.place(ORDER)
        order = make(world, noted)

        assert world.orders.get_by_session("cs_1") == order
        assert world.orders.get_by_session("cs_2") is None


def ulid(number: int) -> str:
    return f"01JN{number:022d}"


def place_some(world: World, count: int, **changes: Any) -> list[Order]:
    """Place orders one after another; return them latest first."""
    orders = [an_order(id=ulid(number), quantity=1, **changes) for number in range(count)]
    return [world.orders.place(order) for order in orders][::-1]


class TestDueOrders:
    def test_orders_are_due_from_the_time_that_they_say(self, world: World) -> None:
        open_shop(world)
        for number in range(12):
            due_at = NOW + timedelta(minutes=(number * 7) % 12)
            world.orders.place(an_order(id=ulid(number), quantity=1, due_at=due_at))

        due = world.orders.due(NOW + timedelta(minutes=5), 100)

        assert due == [ulid((minute * 7) % 12) for minute in range(6)]

    def test_those_due_longest_come_first_where_there_are_many(self, world: World) -> None:
        open_shop(world)
        for number in range(12):
            due_at = NOW - timedelta(minutes=number)
            world.orders.place(an_order(id=ulid(number), quantity=1, due_at=due_at))

        assert world.orders.due(NOW, 3) == [ulid(11), ulid(10), ulid(9)]

    def test_what_is_over_is_not_due(self, world: World) -> None:
        open_shop(world)
        world.orders.place(ORDER)
        make(world, paid)

        assert world.orders.due(NOW + timedelta(days=100), 100) == []


class TestUnfinishedOrders:
    """What is left to do of orders, be it due or put off."""

    @staticmethod
    def made(world: World, minutes: int, **changes: Any) -> Order:
        """Place an order that was made so many minutes before `NOW`."""
        at = NOW - timedelta(minutes=minutes)
        order = an_order(id=str(ULID.from_datetime(at)), quantity=1, created_at=at, **changes)
        return world.orders.place(order)

    @pytest.mark.parametrize("page", [1, 4, 5, 100])
    def test_the_oldest_come_first_however_long_they_were_put_off(
        self, world: World, monkeypatch: pytest.MonkeyPatch, page: int
    ) -> None:
        monkeypatch.setattr(order_lists, "_READ_AT_A_TIME", page)
        open_shop(world)
        later = [self.made(world, 40 + number, due_at=NOW - HOLD) for number in range(9)]
        oldest = self.made(world, 900, due_at=NOW + timedelta(hours=6))

        found = world.orders.unfinished(NOW - HOLD)

        assert list(found) == [oldest, *later[::-1]]

    def test_holds_that_are_not_over_are_left_out(self, world: World) -> None:
        open_shop(world)
        self.made(world, 30)
        over = self.made(world, 32)

        assert list(world.orders.unfinished(NOW - HOLD)) == [over]

    def test_what_is_over_is_left_out(self, world: World) -> None:
        open_shop(world)
        world.orders.place(ORDER)
        make(world, paid)

        assert list(world.orders.unfinished(NOW + timedelta(days=100))) == []


def everything(world: World, query: OrderQuery) -> list[Order]:
    """Return the orders of all pages; each goes on where the one before ended."""
    found: list[Order] = []
    for _ in range(50):
        page = world.orders.find(query)
        assert len(page.orders) <= query.limit
        found += page.orders
        if page.next_after is None:
            return found
        query = query._replace(after=page.next_after)
    raise AssertionError("no end of pages")


class TestLists:
    @pytest.fixture(autouse=True)
    def _events(self, world: World) -> None:
        open_shop(world)
        world.events.create(an_event(id=2, slug="another"))

    @pytest.mark.parametrize("limit", [1, 2, 5, 6, 7, 100])
    def test_all_orders_come_latest_first(self, world: World, limit: int) -> None:
        orders = place_some(world, 6)
        assert everything(world, OrderQuery(limit)) == orders

    def test_a_page_that_ends_with_the_last_order_says_that_nothing_follows(
        self, world: World
    ) -> None:
        place_some(world, 6)
        first = world.orders.find(OrderQuery(3))
        assert first.next_after == ulid(3)
        assert world.orders.find(OrderQuery(3, first.next_after)).next_after is None

    def test_an_empty_shop_has_no_orders(self, world: World) -> None:
        assert everything(world, OrderQuery(10)) == []

    @pytest.mark.parametrize("limit", [1, 2, 100])
    def test_orders_of_one_event_are_its_own(self, world: World, limit: int) -> None:
        for number in range(6):
            slug = (SLUG, "another")[number % 2]
            world.orders.place(
                an_order(id=ulid(number), quantity=1, event_id=1 + number % 2, event_slug=slug)
            )

        found = everything(world, OrderQuery(limit, event_id=2))

        assert [order.id for order in found] == [ulid(5), ulid(3), ulid(1)]

    @pytest.mark.parametrize("limit", [1, 2, 100])
    def test_orders_of_one_buyer_are_theirs(self, world: World, limit: int) -> None:
        for number, user in enumerate(["ann", None, "bob", "ann"]):
            world.orders.place(an_order(id=ulid(number), quantity=1, user_id=user))

        found = everything(world, OrderQuery(limit, user_id="ann"))

        assert [order.id for order in found] == [ulid(3), ulid(0)]
        assert everything(world, OrderQuery(limit, user_id="eve")) == []

    @pytest.mark.parametrize("limit", [1, 2, 3, 100])
    @pytest.mark.parametrize("event_id", [None, 1])
    def test_orders_of_other_statuses_are_left_out(
        self, world: World, limit: int, event_id: int | None
    ) -> None:
        orders = place_some(world, 7)
        for order in orders[::3]:
            world.orders.replace(order, expired(order))
        statuses = frozenset({OrderStatus.EXPIRED})

        found = everything(world, OrderQuery(limit, event_id=event_id, statuses=statuses))

        assert [order.id for order in found] == [ulid(6), ulid(3), ulid(0)]

    def test_several_statuses_may_be_asked_for(self, world: World) -> None:
        first, second, third = place_some(world, 3)
        world.orders.replace(first, expired(first))
        world.orders.replace(second, paid(second))
        statuses = frozenset({OrderStatus.PENDING, OrderStatus.PAID})

        found = everything(world, OrderQuery(10, statuses=statuses))

        assert [order.id for order in found] == [second.id, third.id]


steps = st.lists(
    st.tuples(
        st.sampled_from(["place", "note", "pay", "expire", "vain", "refund", "bounce"]),
        st.integers(min_value=0, max_value=2),
        st.integers(min_value=1, max_value=3),
    ),
    max_size=14,
)


@settings(
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=steps, cancelled_at=st.integers(0, 20))
def test_the_two_end_the_same_after_any_steps(
    both: Both, steps: list[tuple[str, int, int]], cancelled_at: int
) -> None:
    worlds = both.anew()
    for world in worlds:
        open_shop(world, capacity=5)
    placed: set[str] = set()
    for number, (step, which, quantity) in enumerate(steps):
        if number == cancelled_at:
            for world in worlds:
                redescribe(world, status=EventStatus.CANCELLED)
        order = an_order(id=f"01JNSTEPS{which}00000000000000", quantity=quantity)
        at = NOW + timedelta(minutes=number)
        if order.id in placed:
            outcomes = [take(world, step, order.id, at) for world in worlds]
        elif step == "place":
            outcomes = [try_to_place(world, order) for world in worlds]
        else:
            continue
        assert outcomes[0] == outcomes[1]
        if worlds[0].orders.get(order.id) is not None:
            placed.add(order.id)
        assert stock(worlds[0]) == stock(worlds[1])
        assert sum(stock(worlds[1])) == 5
        for order_id in placed:
            assert worlds[0].orders.get(order_id) == worlds[1].orders.get(order_id)


def try_to_place(world: World, order: Order) -> object:
    try:
        world.orders.place(order)
    except EventsApiError as error:
        return type(error), str(error)
    return None


def take(world: World, step: str, order_id: str, at: datetime) -> object:
    order = stored(world, order_id)
    try:
        return world.orders.replace(order, changed(order, step, at))
    except EventsApiError as error:
        return type(error), str(error)


def changed(order: Order, step: str, at: datetime) -> Order:
    match step:
        case "pay":
            return paid(order, at)
        case "expire":
            return expired(order, at)
        case "vain":
            return in_vain(order, at)
        case "refund":
            return refunded(order, at, amount=order.unit_price)
        case "bounce":
            return bounced(order, at)
    return noted(order, at)
