"""The whole life of orders as a state machine, on the real store and the real Stripe adapter:
checkouts with and without a key, payments at once, late and never, webhooks lost, late and twice,
refunds, disputes, check-ins, cancelled events, outages of Stripe and of the mails, and time.

After every step seats and tickets add up. In the end everything settles: every order has ended, and
what was paid less what went back is the price of the tickets that are good.

For a deep run, of some minutes:

    ORDER_LIFE_EXAMPLES=400 ORDER_LIFE_STEPS=60 pytest tests/stateful/test_order_life.py
"""

import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Literal, TypeVar

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chalicelib.domain.events import EventStatus
from chalicelib.domain.orders import HOLD, Cause, Order, OrderStatus
from chalicelib.domain.stock_places import Spreading
from chalicelib.errors import (
    CapacityTooLow,
    KeyInUse,
    PaymentProviderError,
    RefundRefused,
    SalesClosed,
    SoldOut,
    TicketRefused,
)
from chalicelib.services.checkout import CheckoutRequest, StartedCheckout
from chalicelib.services.refunding import RefundWish
from tests.support.order_world import OPEN_DISPUTES, PRICE, OrderWorld, possible
from tests.support.spread import KINDS, SPREAD
from tests.support.tables import MotoTables, moto_tables

SETTINGS = settings(
    max_examples=int(os.environ.get("ORDER_LIFE_EXAMPLES", "30")),
    stateful_step_count=int(os.environ.get("ORDER_LIFE_STEPS", "35")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
# Where the seats are is one thing more, and the others were lived through already.
SPREAD_SETTINGS = settings(SETTINGS, max_examples=-(-SETTINGS.max_examples // 2))
# Keys are remembered for 24 hours.
_KEY_HOLDS = timedelta(hours=23)

# These events say themselves all there is to know; the others have Stripe asked.
_SAY_ALL = ("checkout.session.", "refund.", "charge.refund.")
# A cancelled event sells no more: an early end would leave little to see.
_STEPS_BEFORE_CANCELLING = 15

T = TypeVar("T")

quantities = st.integers(1, 5)
# Which of several things it is.
places = st.integers(0, 10**6)
wishes = st.builds(
    RefundWish,
    quantity=st.none(),
    amount=st.sampled_from([None, PRICE, 2 * PRICE]),
    reason=st.none(),
    returns_seats=st.booleans(),
    key=st.sampled_from([None, "refund-1", "refund-2"]),
) | st.builds(
    RefundWish,
    quantity=st.integers(1, 3),
    amount=st.none(),
    reason=st.just("ill"),
    returns_seats=st.booleans(),
    key=st.sampled_from([None, "refund-1", "refund-2"]),
)


@pytest.fixture(scope="module", params=KINDS)
def spreading(request: pytest.FixtureRequest) -> Spreading:
    """Whether a store keeps stock in one item or in several places: each in turn."""
    kind: Spreading = request.param
    return kind


@pytest.fixture(scope="module")
def tables(spreading: Spreading) -> Iterator[MotoTables]:
    with moto_tables(spreading) as made:
        yield made


class OrderLife(RuleBasedStateMachine):
    """Anything that can happen to orders, in any order."""

    def __init__(self, tables: MotoTables, steps: Counter[str]) -> None:
        super().__init__()
        self.world = OrderWorld(tables)
        self.shop = self.world.shop
        self.stripe = self.world.stripe
        self.steps = steps
        self.steps_of_its_own = 0
        self.rng = random.Random(0)
        self.keyed: dict[str, tuple[CheckoutRequest, StartedCheckout | None]] = {}
        self.wishes: list[tuple[str, RefundWish]] = []

    @initialize(
        seed=places,
        sales=st.lists(st.tuples(quantities, st.booleans()), min_size=2, max_size=4),
    )
    def open_the_shop(self, seed: int, sales: list[tuple[int, bool]]) -> None:
        self.rng = random.Random(seed)
        for quantity, is_paid in sales:
            if is_paid:
                self.sell(quantity, email=True, at_once=True)
            else:
                self.buy(quantity, email=True)

    # Buyers.

    @rule(quantity=quantities, email=st.booleans(), at_once=st.booleans())
    def sell(self, quantity: int, *, email: bool, at_once: bool) -> None:
        """Sell tickets in one step, or steps would seldom come to what happens to a paid order."""
        request = self.shop.request(self.world.paid_event, quantity, address(email))
        started = self._try_to_buy(request, lambda: self.shop.checkout.start(request))
        if started is not None and started.session_id in self.world.sessions(open_ones=True):
            (self.stripe.pay if at_once else self.stripe.promise)(started.session_id)
            self._did("paid" if at_once else "promised")
            self._through_stripe(lambda: self._settle(started.session_id))

    @rule(quantity=quantities, email=st.booleans())
    def buy(self, quantity: int, *, email: bool) -> None:
        request = self.shop.request(self.world.paid_event, quantity, address(email))
        self._try_to_buy(request, lambda: self.shop.checkout.start(request))

    @rule(quantity=quantities, email=st.booleans(), is_free=st.booleans())
    def buy_under_a_key(self, quantity: int, *, email: bool, is_free: bool) -> None:
        what = self.world.free_event if is_free else self.world.paid_event
        request = self.shop.request(what, quantity, address(email))
        key = f"key-{len(self.keyed)}"
        started = self._try_to_buy(request, lambda: self.shop.keyed_checkout.start(request, key))
        self.keyed[key] = (request, started)

    def _try_to_buy(
        self, request: CheckoutRequest, start: Callable[[], StartedCheckout]
    ) -> StartedCheckout | None:
        slug = request.event_slug
        before = self.shop.stock(slug)
        try:
            started = start()
        except SoldOut:
            assert before.free < request.quantity
        except SalesClosed:
            assert before.status is EventStatus.CANCELLED
        except PaymentProviderError:
            assert self.shop.stock(slug) == before, "seats are held for nobody"
        else:
            self._did("bought")
            return started
        return None

    @precondition(lambda self: self.keyed)
    @rule(place=places, is_another=st.booleans())
    def repeat_under_the_same_key(self, place: int, *, is_another: bool) -> None:
        key = pick(sorted(self.keyed), place)
        request, started = self.keyed[key]
        is_known = started is not None and self._age_of(started) < _KEY_HOLDS
        if is_another and is_known:
            other = replace(request, quantity=request.quantity % 5 + 1)
            with pytest.raises(KeyInUse):
                self.shop.keyed_checkout.start(other, key)
            return
        try:
            again = self.shop.keyed_checkout.start(request, key)
        except (SoldOut, SalesClosed, PaymentProviderError, KeyInUse):
            assert not is_known, "a repeat was not answered as the first was"
            return
        assert again == started or not is_known, "one key gave two answers"
        self.keyed[key] = (request, again)
        self._did("repeated a checkout")

    def _age_of(self, started: StartedCheckout) -> timedelta:
        return self.world.clock.now - (started.expires_at - HOLD)

    @precondition(lambda self: self.world.sessions(open_ones=True))
    @rule(place=places, at_once=st.booleans())
    def pay(self, place: int, *, at_once: bool) -> None:
        session_id = pick(self.world.sessions(open_ones=True), place)
        (self.stripe.pay if at_once else self.stripe.promise)(session_id)
        self._did("paid" if at_once else "promised")

    @precondition(lambda self: self.world.sessions(open_ones=False))
    @rule(place=places, arrives=st.booleans())
    def end_a_promise(self, place: int, *, arrives: bool) -> None:
        session_id = pick(self.world.sessions(open_ones=False), place)
        (self.stripe.arrive if arrives else self.stripe.bounce)(session_id)
        self._did("promised money came" if arrives else "promised money did not come")

    @precondition(lambda self: self.stripe.sessions())
    @rule(place=places)
    def verify(self, place: int) -> None:
        session_id = pick(self.stripe.sessions(), place)["id"]
        self._through_stripe(lambda: self._settle(session_id))

    def _settle(self, session_id: str) -> None:
        session = self.shop.payments.retrieve_session(session_id)
        self.shop.fulfilment.settle(session, Cause("verify"))

    # Webhooks.

    @precondition(lambda self: self.world.unheard)
    @rule(place=places)
    def deliver_a_webhook(self, place: int) -> None:
        webhook = pick(self.world.unheard, place)
        if self._through_stripe(lambda: self.world.deliver(webhook)):
            self._did("delivered a webhook")

    @precondition(lambda self: self.world.heard)
    @rule(place=places)
    def deliver_a_webhook_again(self, place: int) -> None:
        webhook = pick(self.world.heard, place)
        before = self.world.contents()
        if not self._through_stripe(lambda: self.world.deliver(webhook)):
            return
        after = self.world.contents()
        if webhook.type.startswith(_SAY_ALL):
            assert after == before, "a replay changed something"
        # The others have Stripe asked how things are now, or try again what could not be done.
        elif not any(order.owed_for for order in self.shop.orders()):
            is_heard = self._through_stripe(lambda: self.world.deliver(webhook))
            assert self.world.contents() == after or not is_heard, "a second replay had an effect"
        self._did("delivered a webhook again")

    @precondition(lambda self: self.world.unheard)
    @rule(place=places)
    def lose_a_webhook(self, place: int) -> None:
        self.world.unheard.remove(pick(self.world.unheard, place))
        self._did("lost a webhook")

    # Admins, here and in Stripe's dashboard.

    @precondition(lambda self: self.shop.orders())
    @rule(place=places, wish=wishes)
    def refund(self, place: int, wish: RefundWish) -> None:
        order_id = pick(self.shop.orders(), place).id
        self.wishes.append((order_id, wish))
        self._refund(order_id, wish)

    @precondition(lambda self: self.wishes)
    @rule(place=places)
    def refund_again(self, place: int) -> None:
        self._refund(*pick(self.wishes, place))

    def _refund(self, order_id: str, wish: RefundWish) -> None:
        def ask() -> None:
            try:
                self.shop.refunding.request(order_id, wish, "user_admin")
                self._did("refunded")
            except (RefundRefused, KeyInUse):
                self._did("refund refused")

        self._through_stripe(ask)
        refunds = self.shop.order(order_id).refunds
        tries = [one for one in refunds if one.key.startswith(wish.name())]
        assert sum(one.counts for one in tries) <= 1, "one wish was refunded twice"

    @precondition(lambda self: self.world.paid_sessions())
    @rule(place=places, tickets=st.integers(0, 3))
    def refund_in_the_dashboard(self, place: int, tickets: int) -> None:
        session_id = pick(self.world.paid_sessions(), place)
        amount = tickets * PRICE or None
        if possible(self.stripe.refund_in_dashboard, session_id, amount):
            self._did("refunded in the dashboard")

    @precondition(lambda self: self.world.sessions(open_ones=True))
    @rule(place=places)
    def expire_in_the_dashboard(self, place: int) -> None:
        self.stripe.expire_in_dashboard(pick(self.world.sessions(open_ones=True), place))

    @precondition(lambda self: self.steps_of_its_own > _STEPS_BEFORE_CANCELLING)
    @rule(is_free=st.booleans())
    def cancel_the_event(self, *, is_free: bool) -> None:
        self.world.cancel(self.world.free_event if is_free else self.world.paid_event)
        self._did("cancelled an event")

    @rule(seats=st.integers(1, 20))
    def change_the_capacity(self, seats: int) -> None:
        record = self.shop.stock(self.world.paid_event.slug)
        try:
            self.world.resize(record, seats)
        except CapacityTooLow:
            assert record.held + record.sold > seats
        else:
            self._did("changed the capacity")

    @precondition(lambda self: self._pending_orders())
    @rule(place=places, sells_out=st.booleans(), pays=st.booleans())
    def release_by_mistake(self, place: int, *, sells_out: bool, pays: bool) -> None:
        order = pick(self._pending_orders(), place)
        self.world.release_by_mistake(order)
        self._did("released by mistake")
        if sells_out:
            self._sell_out()
        if pays and order.session_id in self.world.sessions(open_ones=True):
            self.stripe.pay(order.session_id)
            self._did("paid late")

    def _sell_out(self) -> None:
        while free := self.shop.stock(self.world.paid_event.slug).free:
            before = len(self.shop.orders())
            self.sell(min(free, 10), email=True, at_once=True)
            if len(self.shop.orders()) == before or self.stripe.down:
                return

    def _pending_orders(self) -> list[Order]:
        return [one for one in self.shop.orders() if one.status is OrderStatus.PENDING]

    @precondition(lambda self: self._orders_with_tickets())
    @rule(place=places, number=places)
    def come_in(self, place: int, number: int) -> None:
        order = pick(self._orders_with_tickets(), place)
        code = pick(order.ticket_codes(), number)
        is_good = order.admits(code.number) and order.check_in(code.number) is None
        scan = f"scan-{self.steps.total()}"
        try:
            _, entry = self.shop.doors.check_in(str(code), "North", scan, "user_door")
        except TicketRefused:
            assert not is_good, "a good ticket was refused"
            return
        assert is_good, "a ticket that is void, or used, let somebody in"
        self.world.note_entry(order, code.number)
        assert self.shop.doors.check_in(str(code), "North", scan, "user_door")[1] == entry
        self._did("checked in")

    def _orders_with_tickets(self) -> list[Order]:
        return [order for order in self.shop.orders() if order.tickets]

    # Banks.

    @rule(outcome=st.sampled_from(["pending", "failed"]))
    def make_the_next_refund(self, outcome: Literal["pending", "failed"]) -> None:
        self.stripe.next_refund(outcome)

    @precondition(lambda self: self.world.refunds_in("pending"))
    @rule(place=places)
    def finish_a_refund(self, place: int) -> None:
        self.stripe.finish_refund(pick(self.world.refunds_in("pending"), place))
        self._did("finished a refund")

    @precondition(lambda self: self.world.refunds_in("pending", "succeeded"))
    @rule(place=places)
    def fail_a_refund(self, place: int) -> None:
        self.stripe.fail_refund(pick(self.world.refunds_in("pending", "succeeded"), place))
        self._did("failed a refund")

    @precondition(lambda self: self.world.paid_sessions())
    @rule(place=places, tickets=st.integers(0, 3))
    def dispute(self, place: int, tickets: int) -> None:
        if possible(self.world.dispute, pick(self.world.paid_sessions(), place), tickets):
            self._did("disputed")

    @precondition(lambda self: self.world.disputes_in(*OPEN_DISPUTES))
    @rule(place=places, how=st.sampled_from(["answer", "win", "lose"]))
    def go_on_with_a_dispute(self, place: int, how: str) -> None:
        acts = {
            "answer": self.stripe.answer_dispute,
            "win": self.stripe.win_dispute,
            "lose": self.stripe.lose_dispute,
        }
        if possible(acts[how], pick(self.world.disputes_in(*OPEN_DISPUTES), place)):
            self._did(f"dispute: {how}")

    # Time and outages.

    @rule(minutes=st.sampled_from([1, 7, 35]))
    def time_passes(self, minutes: int) -> None:
        self.world.clock.move(timedelta(minutes=minutes))

    @precondition(lambda self: not self.stripe.down)
    @rule()
    def a_day_passes(self) -> None:
        # What is a day old, and could not be handled, is left to those who read the log; so the
        # timer has a go at it before.
        for _ in range(2):
            self.world.wait(timedelta(hours=12))

    @rule()
    def the_timer_runs(self) -> None:
        self.world.run_timer()

    @rule()
    def stripe_goes_down_or_comes_back(self) -> None:
        self.stripe.down = not self.stripe.down

    @rule(
        call=st.integers(1, 6),
        moment=st.sampled_from(["before", "after"]),
        is_both_tries=st.booleans(),
    )
    def stripe_stumbles(
        self, call: int, moment: Literal["before", "after"], *, is_both_tries: bool
    ) -> None:
        self.stripe.failing_at(call, moment)
        if is_both_tries:
            self.stripe.failing_at(call + 1, moment)

    @rule()
    def mails_stop_or_go_again(self) -> None:
        self.world.stop_mails()

    # What holds.

    @invariant()
    def all_adds_up(self) -> None:
        self.world.gather_events()
        self.world.check()
        self.steps["steps"] += 1
        self.steps_of_its_own += 1

    def teardown(self) -> None:
        # Where a step has failed, or was given up, there is no end to look at.
        if sys.exc_info()[0] is not None:
            return
        self.world.come_to_an_end(self.rng)
        self.world.check_end()
        self.steps["examples"] += 1
        for order in self.shop.orders():
            event(f"an order ended {order.status.value}")
            self.steps[f"ended {order.status.value}"] += 1

    def _through_stripe(self, act: Callable[[], object]) -> bool:
        """Do something that asks Stripe; tell whether Stripe answered."""
        is_shaky = self.stripe.down or self.stripe.has_faults
        try:
            act()
        except PaymentProviderError:
            assert is_shaky or self.world.keys_change(), "Stripe was there all the time"
            return False
        return True

    def _did(self, what: str) -> None:
        event(what)
        self.steps[what] += 1


def address(given: bool) -> str | None:
    """Return a buyer's e-mail address, or none."""
    return "ann@example.org" if given else None


def pick(items: Sequence[T], place: int) -> T:
    """Return one of some items."""
    return items[place % len(items)]


def test_orders_live_through_anything_and_all_adds_up_in_the_end(
    tables: MotoTables, spreading: Spreading, record_property: Callable[[str, object], None]
) -> None:
    steps: Counter[str] = Counter()

    class AnyLife(OrderLife):
        def __init__(self) -> None:
            super().__init__(tables, steps)

    run_state_machine_as_test(
        AnyLife, settings=SPREAD_SETTINGS if spreading is SPREAD else SETTINGS
    )

    for what, times in sorted(steps.items()):
        record_property(what, times)
    # What the story is about has happened, in some of the examples. The spread kind has fewer: they
    # may well be without a refund.
    assert steps["paid"]
    assert steps["refunded"] or spreading is SPREAD
