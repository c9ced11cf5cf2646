"""The process dies at each call that leaves the program, before and after the call's effect; then
the request is repeated, or only the timer runs: seats, tickets and money add up every time.

Nothing here lists the calls: they are counted as they are made, so a new one is covered.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from chalicelib.domain.events import Event, EventRecord, EventStatus
from chalicelib.domain.order_changes import release
from chalicelib.domain.orders import Cause, Order, OrderStatus
from chalicelib.errors import EventsApiError
from infra.local.stripe_server import api
from tests.support.builders import an_event
from tests.support.fakes import FakeMailer
from tests.support.killing import Killed
from tests.support.ledger import (
    assert_all_ended,
    assert_money_adds_up,
    assert_seats_add_up,
    assert_trail_adds_up,
    mails,
)
from tests.support.local_stripe import LocalStripe
from tests.support.outside import OutsideCalls
from tests.support.seeding import seed_city
from tests.support.shop import AMPLE, MovingClock, Shop
from tests.support.spread import SPREAD, UNSPREAD
from tests.support.store_worlds import real_world
from tests.support.tables import MotoTables

CAPACITY = 10


class CountedStripe(LocalStripe):
    """A Stripe whose calls are among those that leave the program. Its clock may be late."""

    def __init__(self, clock: MovingClock, outside: OutsideCalls, late: timedelta) -> None:
        super().__init__(lambda: clock.now - late)
        self._outside = outside

    def answer(self, incoming: api.Incoming) -> api.Outgoing:
        name = f"stripe {incoming.method} {incoming.path}"
        return self._outside.around(name, lambda: super(CountedStripe, self).answer(incoming))


@dataclass
class CountedMailer(FakeMailer):
    """A mailer whose mails are among the calls that leave the program."""

    outside: OutsideCalls = field(default_factory=OutsideCalls)

    def send_confirmation(self, order: Order, event: EventRecord | None) -> None:
        self.outside.around(
            "mail", lambda: super(CountedMailer, self).send_confirmation(order, event)
        )


class Scene(ABC):
    """A shop in which something is about to be done, that may be cut off."""

    late_stripe: ClassVar[timedelta] = timedelta(0)
    price: ClassVar[int] = 5000

    def __init__(self, tables: MotoTables) -> None:
        self.outside = OutsideCalls()
        self.clock = MovingClock()
        self.stripe = CountedStripe(self.clock, self.outside, self.late_stripe)
        self.shop = Shop(
            real_world(tables),
            self.stripe.gateway(),
            clock=self.clock,
            mailer=CountedMailer(outside=self.outside),
            event_ids=(1,),
        )
        seed_city(tables.stores)
        self.event = an_event(capacity=CAPACITY, price=self.price)
        self.shop.world.events.create(self.event)
        self.prepare()

    def prepare(self) -> None:  # noqa: B027 - most scenes have something to prepare
        """Bring the shop to where the deed begins."""

    @abstractmethod
    def act(self) -> None:
        """Do what may be cut off."""

    def repeat(self) -> None:
        """Do what whoever asked for it does when no answer comes."""
        self.act()

    def check(self, *, repeated: bool) -> None:  # noqa: B027 - all adds up, in every scene
        """Check what is to be said of this scene beyond that all adds up."""

    def pay(self, quantity: int = 2, email: str | None = "ann@example.org") -> Order:
        """Sell tickets, from the checkout to the webhook."""
        started = self.shop.buy(self.event, quantity, email=email)
        self.stripe.pay(started.session_id)
        self.tell()
        return self.shop.order(started.order_id)

    def tell(self) -> None:
        """Deliver every webhook that was not."""
        for event in self.stripe.undelivered():
            self.shop.hear(event.news())
            self.stripe.deliver(event)

    def the_order(self) -> Order:
        """Return the only order there is."""
        (order,) = self.shop.orders()
        return order


class ACheckout(Scene):
    """A buyer starts a checkout, and tries again if no answer comes."""

    def act(self) -> None:
        self.shop.buy(self.event)

    def check(self, *, repeated: bool) -> None:
        assert self.shop.stock(self.event.slug).sold == 0
        assert {order.status for order in self.shop.orders()} <= {
            OrderStatus.EXPIRED,
            OrderStatus.FAILED,
        }


class AKeyedCheckout(Scene):
    """The same with an idempotency key, and whoever gets an answer pays."""

    def act(self) -> None:
        self.shop.keyed_checkout.start(self.shop.request(self.event), "key-1")

    def repeat(self) -> None:
        self.clock.move(timedelta(seconds=31))
        started = self.shop.keyed_checkout.start(self.shop.request(self.event), "key-1")
        again = self.shop.keyed_checkout.start(self.shop.request(self.event), "key-1")
        assert again == started, "one key gave two answers"
        assert self.shop.stock(self.event.slug).held == 2, "one key held seats twice"
        self.stripe.pay(started.session_id)

    def check(self, *, repeated: bool) -> None:
        paid = [order for order in self.shop.orders() if order.is_paid]
        assert len(paid) <= 1
        assert self.shop.stock(self.event.slug).sold == 2 * len(paid)


class AFreeCheckout(Scene):
    """A buyer takes tickets that cost nothing."""

    price = 0

    def act(self) -> None:
        self.shop.keyed_checkout.start(self.shop.request(self.event), "key-1")

    def repeat(self) -> None:
        self.clock.move(timedelta(seconds=31))
        self.act()

    def check(self, *, repeated: bool) -> None:
        orders = self.shop.orders()
        assert len(orders) <= 1
        if repeated:
            assert self.the_order().good_tickets == 2
        for order in orders:
            assert 1 <= mails(self.shop, order) <= 2


class AWebhook(Scene):
    """Stripe tells that a session is paid, and again if it hears no answer."""

    def prepare(self) -> None:
        started = self.shop.buy(self.event)
        self.stripe.pay(started.session_id)

    def act(self) -> None:
        self.tell()

    def check(self, *, repeated: bool) -> None:
        order = self.the_order()
        assert (order.status, order.good_tickets) == (OrderStatus.PAID, 2)
        # The second is of a process that died between the mail's leaving and the note of it.
        assert 1 <= mails(self.shop, order) <= 2


class AVerification(AWebhook):
    """The buyer comes back from paying before the webhook does."""

    def act(self) -> None:
        session_id = self.the_order().session_id
        assert session_id is not None
        session = self.shop.payments.retrieve_session(session_id)
        self.shop.fulfilment.settle(session, Cause("verify"))


class ALatePayment(Scene):
    """A session is paid whose seats went back to stock, and were sold since."""

    def prepare(self) -> None:
        late = self.shop.buy(self.event, 4)
        order = self.shop.order(late.order_id)
        given_back = release(order, OrderStatus.EXPIRED, self.clock(), Cause("a mistake"))
        self.shop.world.orders.replace(order, given_back)
        self.pay(8)
        self.stripe.pay(late.session_id)

    def act(self) -> None:
        self.tell()

    def check(self, *, repeated: bool) -> None:
        statuses = sorted(order.status.value for order in self.shop.orders())
        assert statuses == ["paid", "refunded"]


class AnotherLatePayment(Scene):
    """A session is paid whose seats went back to stock, and are still free."""

    def prepare(self) -> None:
        late = self.shop.buy(self.event, 4)
        order = self.shop.order(late.order_id)
        given_back = release(order, OrderStatus.EXPIRED, self.clock(), Cause("a mistake"))
        self.shop.world.orders.replace(order, given_back)
        self.stripe.pay(late.session_id)

    def act(self) -> None:
        self.tell()

    def check(self, *, repeated: bool) -> None:
        assert (self.the_order().status, self.the_order().good_tickets) == (OrderStatus.PAID, 4)


class APaymentThatFails(Scene):
    """A delayed payment comes to nothing."""

    def prepare(self) -> None:
        started = self.shop.buy(self.event)
        self.stripe.promise(started.session_id)
        self.tell()
        self.stripe.bounce(started.session_id)

    def act(self) -> None:
        self.tell()

    def check(self, *, repeated: bool) -> None:
        assert self.the_order().status is OrderStatus.FAILED


class AnExpiry(Scene):
    """The timer ends a hold whose session Stripe has ended."""

    def prepare(self) -> None:
        self.shop.buy(self.event)
        self.clock.move(timedelta(minutes=32))

    def act(self) -> None:
        self.shop.timer.run(AMPLE)

    def check(self, *, repeated: bool) -> None:
        assert self.the_order().status is OrderStatus.EXPIRED
        assert self.shop.stock(self.event.slug).free == CAPACITY


class AnExpiryOfAnOpenSession(AnExpiry):
    """The timer ends a hold whose session could still be paid: Stripe's clock is late."""

    late_stripe = timedelta(minutes=2)


class ALostWebhook(Scene):
    """The timer finds an order that is paid, of which no webhook told."""

    def prepare(self) -> None:
        started = self.shop.buy(self.event)
        self.stripe.pay(started.session_id)
        self.clock.move(timedelta(minutes=32))

    def act(self) -> None:
        self.shop.timer.run(AMPLE)

    def check(self, *, repeated: bool) -> None:
        assert (self.the_order().status, self.the_order().good_tickets) == (OrderStatus.PAID, 2)
        assert 1 <= mails(self.shop, self.the_order()) <= 2


class ARefund(Scene):
    """An admin refunds all of an order."""

    def prepare(self) -> None:
        self.order_id = self.pay().id

    def act(self) -> None:
        self.shop.refund(self.order_id)

    def check(self, *, repeated: bool) -> None:
        status = self.shop.order(self.order_id).status
        assert (
            status is OrderStatus.REFUNDED
            if repeated
            else status
            in {
                OrderStatus.PAID,
                OrderStatus.REFUNDED,
            }
        )
        assert len(self.stripe.refunds()) <= 1


class ARefundOfOneTicket(ARefund):
    """An admin refunds one of two tickets; the repeat of that is no second one."""

    def act(self) -> None:
        self.shop.refund(self.order_id, quantity=1, reason="ill")

    def check(self, *, repeated: bool) -> None:
        order = self.shop.order(self.order_id)
        assert order.good_tickets == 1 if repeated else order.good_tickets in {1, 2}
        assert len(self.stripe.refunds()) <= 1


class AFailedRefund(Scene):
    """A bank sends a refund back, and Stripe tells: the order takes its seats back."""

    def prepare(self) -> None:
        self.shop.refund(self.pay().id)
        self.tell()
        (refund,) = self.stripe.refunds()
        self.stripe.fail_refund(refund["id"])

    def act(self) -> None:
        self.tell()

    def check(self, *, repeated: bool) -> None:
        assert self.the_order().good_tickets == 2
        assert self.shop.stock(self.event.slug).sold == 2


class ADashboardRefund(Scene):
    """Somebody refunds a ticket in Stripe's dashboard, and Stripe tells."""

    def prepare(self) -> None:
        order = self.pay()
        assert order.session_id is not None
        self.stripe.refund_in_dashboard(order.session_id, self.price)

    def act(self) -> None:
        self.tell()

    def check(self, *, repeated: bool) -> None:
        assert self.the_order().status is OrderStatus.PARTIALLY_REFUNDED
        assert self.the_order().good_tickets == 1


class ADispute(Scene):
    """A bank takes the money back, and Stripe tells."""

    def prepare(self) -> None:
        order = self.pay()
        assert order.session_id is not None
        self.stripe.dispute(order.session_id)

    def act(self) -> None:
        self.tell()

    def check(self, *, repeated: bool) -> None:
        assert (self.the_order().status, self.the_order().good_tickets) == (OrderStatus.DISPUTED, 0)


class ACancellation(Scene):
    """An event is cancelled that has a paid order, a partly refunded one, an open checkout, and one
    that is paid although no webhook has told.
    """

    def prepare(self) -> None:
        self.pay(2)
        self.shop.refund(self.pay(2).id, quantity=1)
        self.shop.buy(self.event, 1)
        untold = self.shop.buy(self.event, 1)
        self.stripe.pay(untold.session_id)

    def act(self) -> None:
        record = self.shop.stock(self.event.slug)
        if record.status is not EventStatus.CANCELLED:
            self.shop.world.events.replace(record, cancelled(record.described(), self.clock))
        self.shop.cancelling.end_orders(self.event.id, AMPLE)

    def check(self, *, repeated: bool) -> None:
        if self.shop.stock(self.event.slug).status is not EventStatus.CANCELLED:
            return
        assert self.stripe.balance() == 0
        assert self.shop.stock(self.event.slug).free == CAPACITY


class ACancellationByTheTimer(ACancellation):
    """The timer ends the orders of a cancelled event."""

    def prepare(self) -> None:
        super().prepare()
        record = self.shop.stock(self.event.slug)
        self.shop.world.events.replace(record, cancelled(record.described(), self.clock))
        self.clock.move(timedelta(seconds=31))

    def act(self) -> None:
        self.shop.timer.run(AMPLE)


class ACheckIn(Scene):
    """Somebody comes in, and the scanner tries again if no answer comes."""

    def prepare(self) -> None:
        self.code = str(self.pay(1).ticket_codes()[0])

    def act(self) -> None:
        self.shop.doors.check_in(self.code, "North", "scan-1", "user_door")

    def check(self, *, repeated: bool) -> None:
        assert len(self.the_order().check_ins) == 1 if repeated else True


def cancelled(event: Event, clock: Callable[[], Any]) -> Event:
    """Return an event as its admin cancels it."""
    return replace(event, status=EventStatus.CANCELLED, updated_at=clock())


SCENES = (
    ACheckout,
    AKeyedCheckout,
    AFreeCheckout,
    AWebhook,
    AVerification,
    ALatePayment,
    AnotherLatePayment,
    APaymentThatFails,
    AnExpiry,
    AnExpiryOfAnOpenSession,
    ALostWebhook,
    ARefund,
    ARefundOfOneTicket,
    ADashboardRefund,
    ADispute,
    ACancellation,
    ACancellationByTheTimer,
    ACheckIn,
)


# What moves seats, or makes their places: these are played with an event of several places, too.
SCENES_OF_SEATS = (
    ACheckout,
    AWebhook,
    AnotherLatePayment,
    ARefundOfOneTicket,
    ACancellation,
)
# So are these, without a repeat, after which less would be left to the timer.
SCENES_OF_SEATS_FOR_THE_TIMER = (
    ALatePayment,
    AnExpiry,
    ARefund,
    AFailedRefund,
)
CASES = [
    *((kind, UNSPREAD, repeated) for kind in SCENES for repeated in (True, False)),
    *((kind, SPREAD, repeated) for kind in SCENES_OF_SEATS for repeated in (True, False)),
    *((kind, SPREAD, False) for kind in SCENES_OF_SEATS_FOR_THE_TIMER),
]
IDS = [
    "-".join(
        [
            kind.__name__,
            *(["spread"] if spreading is SPREAD else []),
            "repeated" if repeated else "left to the timer",
        ]
    )
    for kind, spreading, repeated in CASES
]


@contextmanager
def dying_at(scene: Scene, tables: MotoTables, number: int, *, after: bool) -> Iterator[None]:
    """Have the process die at a call of this number; the store's calls count too."""
    with (
        scene.outside.of_store(tables.stores),
        scene.outside.happening_at(number, after_effect=after),
    ):
        yield


def come_to_an_end(scene: Scene) -> None:
    """Let the timer run until every hold, wait and postponement is over, and once more."""
    for pause in (5, 31, 5, 60, 60 * 7):
        scene.shop.run_timer(every=timedelta(minutes=pause))
        if not is_left(scene):
            break
    scene.shop.run_timer()


def is_left(scene: Scene) -> bool:
    """Tell whether the timer has something to do, now or later."""
    has_due = any(order.due_at is not None for order in scene.shop.orders())
    has_open = any(session["status"] == "open" for session in scene.stripe.sessions())
    return has_due or has_open or bool(scene.shop.world.cancellations.pending())


@pytest.mark.parametrize("after", [False, True], ids=["before the effect", "after the effect"])
@pytest.mark.parametrize(("kind", "spreading", "repeated"), CASES, ids=IDS, indirect=["spreading"])
def test_wherever_the_process_dies_all_adds_up_in_the_end(
    kind: type[Scene],
    after: bool,
    repeated: bool,
    shared_tables: MotoTables,
    record_property: Callable[[str, object], None],
) -> None:
    number = 0
    while _dies(kind(shared_tables), shared_tables, number, after=after, repeated=repeated):
        number += 1
    assert number >= 2, "the scene makes no calls"
    record_property("crash_points", number)


def _dies(scene: Scene, tables: MotoTables, number: int, *, after: bool, repeated: bool) -> bool:
    """Play a scene with a death at one of its calls; False where it has no such call."""
    died = False
    try:
        with dying_at(scene, tables, number, after=after):
            scene.act()
    except Killed:
        died = True
    if repeated:
        try:
            scene.repeat()
        except EventsApiError:
            # It was done before, or comes to its end by itself.
            scene.repeat()
    come_to_an_end(scene)
    assert_all_ended(scene.shop, scene.stripe)
    assert_seats_add_up(scene.shop, [scene.event.slug])
    assert_money_adds_up(scene.shop, scene.stripe)
    assert_trail_adds_up(scene.shop)
    scene.check(repeated=repeated or not died)
    return died
