"""`OrderStore`: the fake and the real one behave alike."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.domain.events import EventStatus
from chalicelib.domain.orders import Cause, HistoryEntry, Order, OrderStatus
from chalicelib.errors import (
    EventsApiError,
    NotFound,
    PriceMismatch,
    SalesClosed,
    SoldOut,
)
from chalicelib.services.ports import Change
from tests.support.builders import NOW, a_city, a_paid_session, a_session, an_event, an_order
from tests.support.store_worlds import Both, World

ORDER = an_order()
LATER = NOW + timedelta(minutes=5)
CAUSE = Cause("verify")
BY_STRIPE = Cause.stripe_event("evt_1")
PAID, EXPIRED, FAILED = OrderStatus.PAID, OrderStatus.EXPIRED, OrderStatus.FAILED


def open_shop(world: World, capacity: int | None = 100) -> None:
    world.cities.create(a_city())
    world.events.create(an_event(capacity=capacity))


def stock(world: World, slug: str = "tech-conference") -> tuple[int, int, int]:
    record = world.events.get(slug, consistent=True)
    assert record is not None
    return record.free, record.held, record.sold


def stored(world: World, order: Order = ORDER) -> Order:
    found = world.orders.get(order.id)
    assert found is not None
    return found


def leave(world: World, status: OrderStatus, order: Order = ORDER, cause: Cause = CAUSE) -> Change:
    """Let an order leave `pending`."""
    if status is PAID:
        return world.orders.mark_paid(order, a_paid_session(), cause, LATER)
    return world.orders.release(order, status, cause, LATER)


class TestHolds:
    def test_a_hold_takes_free_seats_and_stores_the_order_as_it_is(self, world: World) -> None:
        open_shop(world)

        world.orders.place_hold(ORDER)

        assert stock(world) == (98, 2, 0)
        assert stored(world) == ORDER

    def test_an_address_is_kept(self, world: World) -> None:
        open_shop(world)
        order = replace(ORDER, customer_email="ada@mail.example")

        world.orders.place_hold(order)

        assert stored(world) == order

    def test_an_order_that_is_not_there_is_not_found(self, world: World) -> None:
        assert world.orders.get("01JNNOBODYS000000000000000") is None

    @pytest.mark.parametrize(
        ("changes", "raised"),
        [
            ({"capacity": 1}, SoldOut("only 1 seats are left")),
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
    def test_a_hold_that_is_refused_says_why_and_leaves_nothing(
        self, world: World, changes: dict[str, Any], raised: EventsApiError
    ) -> None:
        world.cities.create(a_city())
        event = an_event(**changes)
        world.events.create(event)
        before = stock(world, event.slug)

        with pytest.raises(type(raised)) as caught:
            world.orders.place_hold(ORDER)

        assert str(caught.value) == str(raised)
        assert stock(world, event.slug) == before
        assert world.orders.get(ORDER.id) is None

    def test_the_last_seats_are_held_once(self, world: World) -> None:
        open_shop(world, capacity=3)
        world.orders.place_hold(ORDER)

        with pytest.raises(SoldOut, match="only 1 seats are left"):
            world.orders.place_hold(replace(ORDER, id="01JNOTHER00000000000000000"))

        assert stock(world) == (1, 2, 0)

    def test_seats_without_a_limit_never_end(self, world: World) -> None:
        open_shop(world, capacity=None)
        free = stock(world)[0]

        world.orders.place_hold(ORDER)

        assert stock(world) == (free - 2, 2, 0)


class TestSessions:
    def test_a_session_is_noted_on_a_pending_order(self, world: World) -> None:
        open_shop(world)
        world.orders.place_hold(ORDER)

        assert world.orders.attach_session(ORDER.id, a_session(id="cs_1")) is Change.MADE
        assert stored(world) == replace(ORDER, session_id="cs_1")

    @pytest.mark.parametrize("status", [PAID, EXPIRED, FAILED])
    def test_an_order_that_is_over_takes_no_session(
        self, world: World, status: OrderStatus
    ) -> None:
        open_shop(world)
        world.orders.place_hold(ORDER)
        leave(world, status)
        before = stored(world)

        assert world.orders.attach_session(ORDER.id, a_session(id="cs_2")) is Change.REFUSED
        assert stored(world) == before


class TestLeavingPending:
    @pytest.fixture(autouse=True)
    def _hold(self, world: World) -> None:
        open_shop(world)
        world.orders.place_hold(ORDER)

    def test_a_payment_sells_the_seats_and_notes_session_and_payment(self, world: World) -> None:
        assert leave(world, PAID, cause=BY_STRIPE) is Change.MADE

        assert stock(world) == (98, 0, 2)
        assert stored(world) == replace(
            ORDER,
            status=PAID,
            updated_at=LATER,
            session_id="cs_test_1",
            payment_intent_id="pi_1",
            history=(*ORDER.history, HistoryEntry(LATER, PAID, "evt_1")),
        )

    @pytest.mark.parametrize("status", [EXPIRED, FAILED])
    def test_a_release_frees_the_seats(self, world: World, status: OrderStatus) -> None:
        assert leave(world, status) is Change.MADE

        assert stock(world) == (100, 0, 0)
        assert stored(world) == replace(
            ORDER,
            status=status,
            updated_at=LATER,
            history=(*ORDER.history, HistoryEntry(LATER, status, "verify")),
        )

    @pytest.mark.parametrize("status", [PAID, EXPIRED, FAILED])
    @pytest.mark.parametrize("cause", [CAUSE, BY_STRIPE, Cause.stripe_event("evt_2")])
    def test_a_repeat_finds_it_done(self, world: World, status: OrderStatus, cause: Cause) -> None:
        leave(world, status, cause=BY_STRIPE)
        order, seats = stored(world), stock(world)

        assert leave(world, status, cause=cause) is Change.ALREADY
        assert (stored(world), stock(world)) == (order, seats)

    @pytest.mark.parametrize("first", [PAID, EXPIRED, FAILED])
    @pytest.mark.parametrize("second", [PAID, EXPIRED, FAILED])
    def test_an_order_that_went_one_way_does_not_go_another(
        self, world: World, first: OrderStatus, second: OrderStatus
    ) -> None:
        leave(world, first)
        order, seats = stored(world), stock(world)

        expected = Change.ALREADY if first is second else Change.REFUSED
        assert leave(world, second) is expected
        assert (stored(world), stock(world)) == (order, seats)

    def test_seats_that_came_back_can_be_had_by_another(self, world: World) -> None:
        leave(world, EXPIRED)

        world.orders.place_hold(replace(ORDER, id="01JNOTHER00000000000000000"))

        assert stock(world) == (98, 2, 0)


class TestWaiting:
    UNTIL = LATER + timedelta(days=1)

    @pytest.fixture(autouse=True)
    def _hold(self, world: World) -> None:
        open_shop(world)
        world.orders.place_hold(ORDER)

    def wait(self, world: World) -> Change:
        return world.orders.await_payment(ORDER, CAUSE, LATER, self.UNTIL)

    def test_a_payment_on_its_way_keeps_the_seats(self, world: World) -> None:
        assert self.wait(world) is Change.MADE

        assert stock(world) == (98, 2, 0)
        assert stored(world) == replace(
            ORDER,
            updated_at=LATER,
            hold_expires_at=self.UNTIL,
            history=(*ORDER.history, HistoryEntry(LATER, OrderStatus.PENDING, "verify")),
        )

    def test_it_is_noted_once(self, world: World) -> None:
        self.wait(world)
        before = stored(world)

        assert self.wait(world) is Change.REFUSED
        assert stored(world) == before

    @pytest.mark.parametrize("status", [PAID, EXPIRED, FAILED])
    def test_an_order_that_is_over_does_not_wait(self, world: World, status: OrderStatus) -> None:
        leave(world, status)

        assert self.wait(world) is Change.REFUSED

    @pytest.mark.parametrize("status", [PAID, EXPIRED, FAILED])
    def test_it_ends_like_any_other_order(self, world: World, status: OrderStatus) -> None:
        self.wait(world)

        assert leave(world, status) is Change.MADE
        assert leave(world, status) is Change.ALREADY
        assert stock(world)[1] == 0


class TestLatePayments:
    @pytest.fixture(autouse=True)
    def _expired(self, world: World) -> None:
        open_shop(world)
        world.orders.place_hold(ORDER)
        leave(world, EXPIRED)

    def note(self, world: World) -> Change:
        return world.orders.note_late_payment(stored(world), a_paid_session(), BY_STRIPE, LATER)

    def test_a_late_payment_is_noted_and_moves_no_seat(self, world: World) -> None:
        before = stored(world)

        assert self.note(world) is Change.MADE

        assert stock(world) == (100, 0, 0)
        assert stored(world) == replace(
            before,
            payment_intent_id="pi_1",
            history=(*before.history, HistoryEntry(LATER, EXPIRED, "paid_late:evt_1")),
        )

    def test_it_is_noted_once(self, world: World) -> None:
        self.note(world)
        before = stored(world)

        assert self.note(world) is Change.REFUSED
        assert stored(world) == before

    def test_it_makes_no_paid_order_of_it(self, world: World) -> None:
        self.note(world)

        assert leave(world, PAID) is Change.REFUSED


steps = st.lists(
    st.tuples(
        st.sampled_from(["hold", "attach", "pay", "expire", "fail", "wait", "late"]),
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
@given(steps=steps)
def test_the_two_end_the_same_after_any_steps(
    both: Both, steps: list[tuple[str, int, int]]
) -> None:
    worlds = both.anew()
    for world in worlds:
        open_shop(world, capacity=5)
    held: dict[int, Order] = {}

    for number, (step, which, quantity) in enumerate(steps):
        if step == "hold" and which not in held:
            order = an_order(id=f"01JNSTEPS{which}00000000000000", quantity=quantity)
            fake, real = (try_hold(world, order) for world in worlds)
            if fake is None:
                held[which] = order
        elif which in held:
            at = NOW + timedelta(minutes=number)
            fake, real = (take(world, step, held[which], at) for world in worlds)
        else:
            continue
        assert fake == real
        assert stock(worlds[0]) == stock(worlds[1])
        assert sum(stock(worlds[1])) == 5
        for order in held.values():
            assert worlds[0].orders.get(order.id) == worlds[1].orders.get(order.id)


def try_hold(world: World, order: Order) -> str | None:
    try:
        world.orders.place_hold(order)
    except EventsApiError as error:
        return f"{type(error).__name__}: {error}"
    return None


def take(world: World, step: str, order: Order, at: datetime) -> Change:
    current = stored(world, order)
    session = a_paid_session(id=f"cs_{order.id}")
    cause = Cause.stripe_event(f"evt_{at.isoformat()}_{order.id}")
    match step:
        case "attach" | "hold":
            return world.orders.attach_session(order.id, session)
        case "pay":
            return world.orders.mark_paid(current, session, cause, at)
        case "wait":
            return world.orders.await_payment(current, cause, at, at + timedelta(days=1))
        case "late":
            return world.orders.note_late_payment(current, session, cause, at)
    status = EXPIRED if step == "expire" else FAILED
    return world.orders.release(current, status, cause, at)
