"""A shop whose orders live through anything: buyers, banks, Stripe's webhooks, admins, the timer
and time, each moved by a test; and checks that seats, tickets and money add up throughout.
"""

import itertools
import random
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from chalicelib.domain.events import Event, EventRecord, EventStatus
from chalicelib.domain.order_changes import release
from chalicelib.domain.orders import Cause, Order, OrderStatus
from chalicelib.domain.refunds import RefundStatus
from chalicelib.errors import EventsApiError, PaymentProviderError
from chalicelib.services.reconciliation import (
    Reconciliation,
    cancellations_chore,
    due_orders_chore,
    undelivered_news_chore,
)
from chalicelib.store.order_items import read_order
from chalicelib.store.orders import IntegrityError
from tests.support.builders import an_event
from tests.support.fakes import RecordingLog
from tests.support.ledger import (
    assert_all_ended,
    assert_seats_add_up,
    assert_trail_adds_up,
    mails,
    money_kept,
)
from tests.support.local_stripe import LocalStripe, NotPossible, WebhookEvent
from tests.support.seeding import seed_city
from tests.support.shop import AMPLE, MovingClock, Shop
from tests.support.store_worlds import real_world
from tests.support.tables import ORDERS, MotoTables

PRICE = 5000
CAPACITY = 12
FREE_CAPACITY = 6
OPEN_DISPUTES = ("needs_response", "under_review")
# Each time somebody looks, a half of what waits for a bank is over.
_ENDS_NOW = 0.5
# More than it ever takes; a machine that does not settle fails.
_MOST_ROUNDS = 40


@dataclass
class WatchfulLog(RecordingLog):
    """A log that keeps the exceptions that somebody caught who catches all of them, but for those
    that an outage explains.
    """

    unexpected: list[BaseException] = field(default_factory=list)

    def crash(self, problem: str, fields: Mapping[str, object]) -> None:
        super().crash(problem, fields)
        error = sys.exc_info()[1]
        if isinstance(error, IntegrityError) or not isinstance(error, EventsApiError):
            assert error is not None
            self.unexpected.append(error)

    def told_of(self, problem: str) -> set[str]:
        """Return the ids of the orders of which the log has such an error."""
        return {
            str(fields.get("orderId"))
            for kind, name, fields in self.lines
            if (kind, name) == ("error", problem)
        }


class QuickShop(Shop):
    """A shop that lists its orders without a call: a machine does so after every step."""

    tables: MotoTables

    def orders(self) -> list[Order]:
        items = [item for item in self.tables.stored(ORDERS) if "quantity" in item]
        return sorted((read_order(item) for item in items), key=lambda order: order.id)


class OrderWorld:
    """A shop with an event that costs something and one that is free, and all that acts on it."""

    def __init__(self, tables: MotoTables) -> None:
        self.tables = tables
        self.clock = MovingClock()
        self.stripe = LocalStripe(lambda: self.clock.now)
        self.log = WatchfulLog()
        self.shop = QuickShop(
            real_world(tables), self.stripe.gateway(), clock=self.clock, log=self.log
        )
        self.shop.tables = tables
        # One thread, so that the same steps are the same story each time.
        self._timer = Reconciliation(
            (
                replace(due_orders_chore(self.shop.due_orders), workers=1),
                undelivered_news_chore(self.shop.undelivered),
                cancellations_chore(self.shop.cancelling),
            ),
            self.log,
        )
        seed_city(tables.stores)
        self.paid_event = self._add_event(1, "concert", PRICE, CAPACITY)
        self.free_event = self._add_event(2, "open-day", 0, FREE_CAPACITY)
        self.unheard: list[WebhookEvent] = []
        """Events whose webhooks may still arrive."""
        self.heard: list[WebhookEvent] = []
        self._seen_events = 0
        self._tickets: dict[str, tuple[str, ...]] = {}
        self._entries: dict[str, set[int]] = {}
        self.mails_have_stopped = False
        # The timer has run before anything happens, as it does in a shop that is open.
        self.run_timer()

    def _add_event(self, number: int, slug: str, price: int, capacity: int) -> Event:
        event = an_event(
            id=number,
            slug=slug,
            price=price,
            capacity=capacity,
            date=self.clock.now + timedelta(days=365),
        )
        self.shop.world.events.create(event)
        return event

    # What there is to act on.

    def sessions(self, *, open_ones: bool) -> list[str]:
        """Return the ids of the sessions that can be paid, or of those whose payment is awaited."""
        wanted = ("open", "unpaid") if open_ones else ("complete", "unpaid")
        found = [
            session["id"]
            for session in self.stripe.sessions()
            if (session["status"], session["payment_status"]) == wanted
        ]
        return found if open_ones else [one for one in found if self._is_awaited(one)]

    def _is_awaited(self, session_id: str) -> bool:
        intent = self.stripe.session(session_id)["payment_intent"]
        return any(
            charge["status"] == "pending"
            for charge in self.stripe.charges()
            if charge["payment_intent"] == intent
        )

    def paid_sessions(self) -> list[str]:
        """Return the ids of the sessions that are paid."""
        return [
            session["id"]
            for session in self.stripe.sessions()
            if session["payment_status"] == "paid"
        ]

    def refunds_in(self, *statuses: str) -> list[str]:
        """Return the ids of Stripe's refunds that are in one of these statuses."""
        return [one["id"] for one in self.stripe.refunds() if one["status"] in statuses]

    def disputes_in(self, *statuses: str) -> list[str]:
        """Return the ids of the disputes that are in one of these statuses."""
        return [one["id"] for one in self.stripe.disputes() if one["status"] in statuses]

    def keys_change(self) -> bool:
        """Tell whether a refund waits for the minute to be over in which its key is another one."""
        ages = [
            self.clock.now - refund.at
            for order in self.shop.orders()
            for refund in order.requested_refunds
        ]
        hour, minute = timedelta(hours=1), timedelta(minutes=1)
        return any(age >= hour and age % hour <= minute for age in ages)

    # What happens.

    def gather_events(self) -> None:
        """Put Stripe's new events with those whose webhooks are on their way."""
        events, self._seen_events = self.stripe.events_after(self._seen_events)
        self.unheard += events

    def deliver(self, event: WebhookEvent) -> None:
        """Have a webhook's news handled, and Stripe told so. Raises as the webhook's function."""
        self.shop.hear(event.news())
        self.stripe.deliver(event)
        if event in self.unheard:
            self.unheard.remove(event)
            self.heard.append(event)

    def contents(self) -> dict[str, list[str]]:
        """Return all that is stored, comparable."""
        return self.tables.contents()

    def stop_mails(self) -> None:
        """Have the mail provider fail from now on, or be there again."""
        self.shop.mailer.down = not self.shop.mailer.down
        self.mails_have_stopped = True

    def run_timer(self) -> None:
        """Let the timer run once."""
        self._timer.run(AMPLE)

    def wait(self, by: timedelta) -> None:
        """Let time pass, and the timer run at its end."""
        self.clock.move(by)
        self.run_timer()

    def cancel(self, event: Event) -> None:
        """Cancel an event as its admin does: the request ends the orders it comes to."""
        record = self.shop.stock(event.slug)
        if record.status is EventStatus.CANCELLED:
            return
        after = replace(record.described(), status=EventStatus.CANCELLED, updated_at=self.clock())
        self.shop.world.events.replace(record, after)
        self.shop.cancelling.end_orders(event.id, AMPLE)

    def resize(self, record: EventRecord, seats: int) -> None:
        """Change the number of an event's seats as its admin does."""
        after = replace(record.described(), capacity=seats, updated_at=self.clock())
        self.shop.world.events.replace(record, after)

    def release_by_mistake(self, order: Order) -> None:
        """Give a pending order's seats back while its session can still be paid."""
        given_back = release(order, OrderStatus.EXPIRED, self.clock(), Cause("a mistake"))
        self.shop.world.orders.replace(order, given_back)

    # What must hold after every step.

    def check(self) -> None:
        """Check that seats add up, that tickets stay what they are, and that nothing crashed."""
        assert not self.log.unexpected, self.log.unexpected
        orders = self.shop.orders()
        assert_seats_add_up(self.shop, [self.paid_event.slug, self.free_event.slug])
        assert {order.id for order in orders} >= self._tickets.keys(), "an order is gone"
        for order in orders:
            self._check_tickets(order)
            assert mails(self.shop, order) <= 1, "an order was confirmed twice"
        codes = [str(code) for order in orders for code in order.ticket_codes()]
        assert len(codes) == len(set(codes)), "a ticket's code is another's too"

    def _check_tickets(self, order: Order) -> None:
        known = self._tickets.get(order.id, ())
        assert known in {(), order.tickets}, "tickets that were made are others now"
        self._tickets[order.id] = order.tickets
        assert len(order.tickets) in {0, order.quantity}
        assert order.good_tickets <= order.seats_sold, "a good ticket has no seat"
        numbers = [entry.number for entry in order.check_ins]
        assert len(numbers) == len(set(numbers)), "a ticket let two in"
        assert set(numbers) == self._entries.get(order.id, set()), "nobody came in by this"

    def note_entry(self, order: Order, number: int) -> None:
        """Remember who came in."""
        self._entries.setdefault(order.id, set()).add(number)

    # How it ends.

    def dispute(self, session_id: str, tickets: int) -> str:
        """Dispute the price of so many tickets, or all that is left where that is no more."""
        intent = self.stripe.session(session_id)["payment_intent"]
        kept = money_kept(self.stripe)[intent]
        amount = tickets * PRICE if 0 < tickets * PRICE < kept else None
        return self.stripe.dispute(session_id, amount)

    def come_to_an_end(self, rng: random.Random) -> None:
        """Let every outage, wait and promise end, some webhooks arrive and others never, and the
        timer run until it has nothing to do. Half of the time the event is cancelled before.
        """
        self.stripe.forget_faults()
        self.shop.mailer.down = False
        if rng.random() < 0.5:
            self._deliver_some(rng)
            self.cancel(self.paid_event)
        for pause in itertools.islice(_pauses(), _MOST_ROUNDS):
            self._end_what_is_open(rng)
            self._deliver_some(rng)
            self.wait(pause)
            if not self._is_anything_left():
                break
        # Of the last events Stripe's list tells a moment later.
        self.wait(timedelta(minutes=5))
        self.wait(timedelta(minutes=5))

    def _is_anything_left(self) -> bool:
        return (
            any(order.due_at is not None for order in self.shop.orders())
            or bool(self.sessions(open_ones=True) or self.sessions(open_ones=False))
            or bool(self.refunds_in("pending") or self.disputes_in(*OPEN_DISPUTES))
            or bool(self.shop.world.cancellations.pending())
        )

    def _end_what_is_open(self, rng: random.Random) -> None:
        """Let some of what waits for a bank come to an end; what has begun ends sooner or later."""
        for session_id in self.sessions(open_ones=False):
            if rng.random() < _ENDS_NOW:
                rng.choice([self.stripe.arrive, self.stripe.bounce])(session_id)
        for refund_id in self.refunds_in("pending"):
            if rng.random() < _ENDS_NOW:
                rng.choice([self.stripe.finish_refund, self.stripe.fail_refund])(refund_id)
        for dispute_id in self.disputes_in(*OPEN_DISPUTES):
            if rng.random() < _ENDS_NOW:
                rng.choice([self.stripe.win_dispute, self.stripe.lose_dispute])(dispute_id)

    def _deliver_some(self, rng: random.Random) -> None:
        self.gather_events()
        rng.shuffle(self.unheard)
        for event in list(self.unheard):
            if rng.random() < 0.5:
                self.unheard.remove(event)
                continue
            try:
                self.deliver(event)
            except PaymentProviderError:
                # It comes again.
                assert self.keys_change(), "Stripe was there all the time"

    def check_end(self) -> None:
        """Check that nothing is left to do, and that all of the money is accounted for."""
        self.check()
        by_index = sorted(order.id for order in Shop.orders(self.shop))
        assert by_index == [order.id for order in self.shop.orders()], "lists miss an order"
        assert_all_ended(self.shop, self.stripe)
        assert_trail_adds_up(self.shop)
        self._check_money()
        self._check_cancelled()
        self._check_mails()

    def _check_money(self) -> None:
        kept = money_kept(self.stripe)
        orders = {order.payment_intent_id: order for order in self.shop.orders()}
        for intent, amount in kept.items():
            order = orders.get(intent)
            assert order is not None, "money was taken, and no order knows"
            taken = sum(one.amount for one in order.disputes if one.takes_money)
            assert amount == order.amount_paid - order.amount_returned - taken, order
            if amount != order.good_tickets * order.unit_price:
                self._check_owed(order)
        assert sum(kept.values()) == self.stripe.balance()

    def _check_owed(self, order: Order) -> None:
        """Check that money is kept for no ticket only where Stripe could not send it, and that
        somebody is told.
        """
        failed = [one for one in order.refunds if one.status is RefundStatus.FAILED]
        assert failed, order
        assert order.status in {OrderStatus.REFUND_FAILED, OrderStatus.DISPUTED}, order
        assert order.id in self.log.told_of("refund_failed"), order

    def _check_cancelled(self) -> None:
        for event in (self.paid_event, self.free_event):
            if self.shop.stock(event.slug).status is EventStatus.CANCELLED:
                of_event = [order for order in self.shop.orders() if order.event_id == event.id]
                # A buyer has the money, or it was tried to send and somebody was told.
                left = [one for one in of_event if one.good_tickets and one.owed_for is None]
                assert not left, "a cancelled event has orders that nobody sees to"

    def _check_mails(self) -> None:
        given_up = self.log.told_of("confirmation_given_up")
        for order in self.shop.orders():
            is_to_know = bool(order.tickets and order.customer_email)
            # Tickets that are void before a mail can leave are not announced.
            if is_to_know and (order.good_tickets or not self.mails_have_stopped):
                assert mails(self.shop, order) == 1 or order.id in given_up, order
            assert is_to_know or not mails(self.shop, order)


def _pauses() -> Iterator[timedelta]:
    """Yield pauses after which holds, then claims, promises and postponements are over."""
    yield timedelta(minutes=5)
    yield timedelta(minutes=35)
    yield from itertools.repeat(timedelta(hours=7))


def possible(act: Any, *args: Any) -> bool:
    """Make Stripe do something if it can be done now; tell whether it was."""
    try:
        act(*args)
    except NotPossible:
        return False
    return True
