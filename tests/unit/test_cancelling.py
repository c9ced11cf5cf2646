"""Cancelling an event: all of its orders are ended, each once, wherever a run stopped."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from chalicelib.domain.order_changes import await_payment, hear_of_dispute
from chalicelib.domain.orders import HOLD, Order, OrderStatus
from chalicelib.domain.refunds import Dispute, DisputeStatus, Refund, RefundStatus
from chalicelib.errors import PaymentProviderError, RefundRefused
from chalicelib.services.cancelling import Look
from chalicelib.services.port_types import Cancellation, OrderPage, OrderQuery
from chalicelib.services.time_budget import TimeBudget
from tests.support.builders import NOW
from tests.support.fake_shop import CAUSE, EventfulOrders, FakeShop
from tests.support.fakes import FakePayments

AMPLE = TimeBudget(1.0, lambda: 0.0)
SETTLED = timedelta(seconds=30)


@dataclass
class Payments(FakePayments):
    """Stripe, asked for refunds of payments, some of which fail."""

    asked: list[str] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)

    def refund(self, order: Order, refund: Refund) -> Refund:
        self.asked.append(order.id)
        if order.id in self.failing:
            raise PaymentProviderError("down")
        return super().refund(order, refund)


class Sale(FakeShop):
    """A shop with many orders."""

    def __init__(self) -> None:
        super().__init__(capacity=1000)
        self.stripe = Payments()
        self.payments = self.stripe
        self.shop.due_orders._payments = self.shop.refunding._payments = self.stripe

    def finish(self, budget: TimeBudget = AMPLE) -> Look:
        [cancellation] = self.shop.cancelling.pending()
        return self.shop.cancelling.finish(cancellation, budget)

    def pending(self, number: int) -> Order:
        return self.start(id=ulid(number))

    def paid(self, number: int) -> Order:
        return self.start_and_pay(id=ulid(number))

    def statuses(self) -> list[OrderStatus]:
        return [self.orders.orders[key].status for key in sorted(self.orders.orders)]


def ulid(number: int) -> str:
    return f"01JN{number:022d}"


@pytest.fixture
def shop() -> Sale:
    return Sale()


def test_nothing_is_pending_where_nothing_was_cancelled(shop: Sale) -> None:
    shop.pending(1)
    assert shop.shop.cancelling.pending() == []


def test_every_order_is_ended_once(shop: Sale) -> None:
    shop.pending(1)
    shop.paid(2)
    shop.shop.fulfilment.settle(shop.expire(shop.pending(3)), CAUSE)
    shop.cancel_event()

    assert shop.finish() == Look(ended=2, left=0, is_whole=True)

    assert shop.statuses() == [
        OrderStatus.EXPIRED,
        OrderStatus.REFUNDED,
        OrderStatus.EXPIRED,
    ]
    assert shop.stock == (1000, 0, 0)
    assert shop.payments.expired == [f"cs_test_{ulid(1)}"]
    assert shop.order(ulid(1)).history[-1].cause == "event_cancelled"
    assert shop.order(ulid(2)).refunds[0].key == "event_cancelled"
    assert shop.finish() == Look(ended=0, left=0, is_whole=True)
    assert shop.stripe.asked == [ulid(2)]


def test_it_is_forgotten_when_a_whole_look_finds_nothing_left(shop: Sale) -> None:
    shop.paid(1)
    shop.cancel_event()
    shop.shop.clock.now = shop.event.updated_at
    shop.finish()
    shop.finish()
    # So soon after it was cancelled, an order of a moment before may not be in the lists yet.
    assert len(shop.shop.cancelling.pending()) == 1
    shop.shop.clock.move(SETTLED)
    shop.finish()
    assert shop.shop.cancelling.pending() == []


def test_it_is_not_forgotten_by_the_look_that_ended_something(shop: Sale) -> None:
    shop.paid(1)
    shop.cancel_event()
    shop.shop.clock.move(2 * SETTLED)
    shop.finish()
    assert len(shop.shop.cancelling.pending()) == 1


def test_partly_refunded_orders_get_the_rest(shop: Sale) -> None:
    order = shop.paid(1)
    shop.shop.refund(order.id, quantity=1)
    shop.cancel_event()
    assert shop.finish().ended == 1
    assert shop.order(order.id).status is OrderStatus.REFUNDED
    assert shop.order(order.id).amount_returned == order.amount_paid


def test_a_refund_that_was_decided_already_is_carried_out(shop: Sale) -> None:
    order = shop.paid(1)
    shop.stripe.failing = {order.id}
    with pytest.raises(PaymentProviderError):
        shop.shop.refund(order.id)
    shop.cancel_event()
    shop.stripe.failing = set()
    assert shop.finish().ended == 1
    assert len(shop.payments.refunds[order.payment_intent_id or ""]) == 1


def test_free_orders_are_cancelled_without_stripe() -> None:
    shop = Sale()
    shop.describe(price=0)
    shop.start_and_pay(id=ulid(1), unit_price=0)
    shop.cancel_event()
    assert shop.finish().ended == 1
    assert (shop.statuses(), shop.stock) == ([OrderStatus.CANCELLED], (1000, 0, 0))


def test_an_order_whose_checkout_is_just_being_made_is_left_to_the_timer(shop: Sale) -> None:
    order = replace(shop.pending(1), session_id=None)
    shop.orders.orders[order.id] = order
    shop.cancel_event()
    assert shop.finish() == Look(ended=0, left=1, is_whole=True)
    shop.shop.clock.move(HOLD)
    assert shop.shop.due_orders.work(order.id)
    assert shop.finish() == Look(ended=0, left=0, is_whole=True)
    assert shop.shop.cancelling.pending() == []


def test_a_payment_on_its_way_is_waited_for_and_then_refunded(shop: Sale) -> None:
    order = shop.pending(1)
    shop.promise(order)
    shop.cancel_event()
    # It is still thought to be open, so Stripe is asked and says that it waits.
    for _ in range(2):
        assert shop.finish() == Look(ended=0, left=0, is_whole=True, stuck=1)
    assert shop.stock == (998, 2, 0)
    shop.shop.fulfilment.settle(shop.pay(order), CAUSE)
    assert shop.order(order.id).status is OrderStatus.REFUNDED
    assert shop.stock == (1000, 0, 0)


def test_what_is_known_to_wait_is_not_looked_at(shop: Sale) -> None:
    order = shop.pending(1)
    shop.orders.replace(order, await_payment(order, NOW, NOW, CAUSE))
    shop.cancel_event()
    assert shop.finish() == Look(ended=0, left=0, is_whole=True, stuck=1)


def test_a_session_that_is_paid_at_the_last_moment_is_refunded(shop: Sale) -> None:
    order = shop.pending(1)
    shop.cancel_event()
    shop.pay(order)
    assert shop.finish().ended == 1
    assert shop.order(order.id).status is OrderStatus.REFUNDED
    assert shop.stock == (1000, 0, 0)


def test_a_disputed_order_is_the_banks(shop: Sale) -> None:
    order = shop.paid(1)
    news = Dispute("dp_1", DisputeStatus.NEEDS_RESPONSE, 29998, "fraudulent", NOW)
    shop.orders.replace(order, hear_of_dispute(order, news, NOW, CAUSE))
    shop.cancel_event()
    assert shop.finish() == Look(ended=0, left=0, is_whole=True, stuck=1)
    assert shop.stripe.asked == []


def test_what_a_lost_dispute_was_not_about_goes_back(shop: Sale) -> None:
    order = shop.paid(1)
    news = Dispute("dp_1", DisputeStatus.LOST, 14999, "fraudulent", NOW)
    shop.orders.replace(order, hear_of_dispute(order, news, NOW, CAUSE))
    shop.cancel_event()
    assert shop.finish() == Look(ended=0, left=0, is_whole=True, stuck=1)
    after = shop.order(order.id)
    assert (after.status, after.good_tickets) == (OrderStatus.DISPUTED, 0)
    assert after.amount_returned == 14999
    shop.finish()
    assert shop.stripe.asked == [order.id]


def test_refunds_wait_for_funds_and_the_cancellation_with_them(shop: Sale) -> None:
    order = shop.paid(1)
    shop.cancel_event()
    shop.stripe.refusal = RefundRefused("no funds", "insufficient_funds")
    for _ in range(3):
        assert shop.finish() == Look(ended=0, left=1, is_whole=True)
        shop.shop.clock.move(timedelta(hours=2))
    assert shop.order(order.id).status is OrderStatus.REFUNDING
    assert shop.shop.cancelling.pending() != []

    shop.stripe.refusal = None

    assert shop.finish() == Look(ended=1, left=0, is_whole=True)
    assert shop.order(order.id).status is OrderStatus.REFUNDED


def test_a_refund_that_is_refused_is_somebodys_to_see_to_and_keeps_nothing_waiting(
    shop: Sale,
) -> None:
    order = shop.paid(1)
    shop.cancel_event()
    shop.stripe.refusal = RefundRefused("no", "charge_not_refundable")
    assert shop.finish() == Look(ended=0, left=0, is_whole=True, stuck=1)
    assert shop.order(order.id).status is OrderStatus.REFUND_FAILED
    shop.shop.clock.move(2 * SETTLED)
    shop.finish()
    assert shop.stripe.asked == [order.id]
    assert shop.shop.cancelling.pending() == []


def a_failed_refund_of_seats_that_are_gone(shop: Sale) -> Order:
    """Return a paid order of two tickets, one of which is owed for: it is void for good."""
    order = shop.paid(1)
    refunded = shop.shop.refund(order.id, quantity=1)
    shop.describe(capacity=1)
    failed = replace(refunded.refunds[0], status=RefundStatus.FAILED)
    return shop.shop.refunding.hear(refunded, failed, CAUSE)


def test_good_tickets_of_an_order_whose_refund_failed_are_refunded_with_what_is_owed(
    shop: Sale,
) -> None:
    order = a_failed_refund_of_seats_that_are_gone(shop)
    assert (order.status, order.good_tickets) == (OrderStatus.REFUND_FAILED, 1)
    shop.cancel_event()

    assert shop.finish() == Look(ended=1, left=0, is_whole=True)

    after = shop.order(order.id)
    assert (after.status, after.good_tickets) == (OrderStatus.REFUNDED, 0)
    assert after.amount_returned == order.amount_paid


def test_they_are_tried_to_refund_once_and_then_are_somebodys_to_see_to(shop: Sale) -> None:
    a_failed_refund_of_seats_that_are_gone(shop)
    shop.cancel_event()
    shop.stripe.asked.clear()
    shop.stripe.refusal = RefundRefused("no", "charge_not_refundable")

    for _ in range(2):
        assert shop.finish() == Look(ended=0, left=0, is_whole=True, stuck=1)

    assert shop.stripe.asked == [ulid(1)]
    assert "refund_refused" in shop.log.names("error")


def test_an_order_in_trouble_does_not_keep_others_from_their_turn(shop: Sale) -> None:
    for number in range(1, 4):
        shop.paid(number)
    shop.cancel_event()
    shop.stripe.failing = {ulid(2)}

    assert shop.finish() == Look(ended=2, left=1, is_whole=True)

    assert ("crash", "order_not_ended", {"orderId": ulid(2)}) in shop.log.lines
    shop.stripe.failing = set()
    assert shop.finish() == Look(ended=1, left=0, is_whole=True)
    assert len(shop.payments.refunds) == 3


def test_an_order_that_cannot_be_read_is_told_and_left_and_keeps_none_waiting(shop: Sale) -> None:
    for number in range(1, 4):
        shop.paid(number)
    shop.cancel_event()
    shop.shop.clock.move(2 * SETTLED)
    shop.orders.unreadable.add(ulid(2))

    assert shop.finish() == Look(ended=2, left=1, is_whole=True)

    assert shop.log.lines.count(("crash", "order_not_ended", {"orderId": ulid(2)})) == 1
    assert shop.finish() == Look(ended=0, left=1, is_whole=True)
    # It is ended by a version of the program that can read it.
    shop.orders.unreadable.clear()
    assert shop.finish() == Look(ended=1, left=0, is_whole=True)


def test_orders_on_many_pages_are_all_ended(shop: Sale) -> None:
    for number in range(205):
        shop.start(id=ulid(number), quantity=1)
    shop.cancel_event()
    assert shop.finish() == Look(ended=205, left=0, is_whole=True)
    assert shop.stock == (1000, 0, 0)


def test_many_hands_end_each_order_once(shop: Sale) -> None:
    for number in range(30):
        shop.paid(number)
    shop.cancel_event()
    shop.shop.cancelling._workers = 8
    assert shop.finish().ended == 30
    assert sorted(shop.stripe.asked) == [ulid(number) for number in range(30)]


@pytest.mark.parametrize("seconds", [0, 1, 3, 5])
def test_where_the_time_ends_the_next_run_goes_on(shop: Sale, seconds: int) -> None:
    for number in range(5):
        shop.paid(number)
    shop.cancel_event()
    asked = 0

    def ticking() -> float:
        nonlocal asked
        asked += 1
        return float(asked)

    first = shop.finish(TimeBudget(seconds + 0.5, ticking))
    assert first.ended + first.left <= 5
    assert first.ended < 5
    assert shop.finish().ended == 5 - first.ended
    assert len(shop.stripe.asked) == 5


def test_a_look_that_was_cut_off_forgets_nothing(shop: Sale) -> None:
    shop.cancel_event()
    shop.shop.clock.move(2 * SETTLED)
    over = TimeBudget(0.0, lambda: 1.0)
    assert shop.finish(over) == Look(ended=0, left=0, is_whole=False)
    assert len(shop.shop.cancelling.pending()) == 1


def test_orders_of_other_events_are_left_alone(shop: Sale) -> None:
    order = shop.paid(1)
    look = shop.shop.cancelling.end_orders(2, AMPLE)
    assert look == Look(ended=0, left=0, is_whole=True)
    assert shop.order(order.id) == order


def test_when_it_settles_is_looked_up_before_the_look_not_after(shop: Sale) -> None:
    shop.cancel_event()
    shop.shop.clock.now = shop.event.updated_at + SETTLED - timedelta(seconds=1)

    class Slow(EventfulOrders):
        def find(self, query: OrderQuery) -> OrderPage:
            shop.shop.clock.move(SETTLED)
            return super().find(query)

    shop.shop.cancelling._orders = Slow(shop.events)
    shop.finish()
    assert shop.shop.cancelling.pending() == [Cancellation(1, shop.event.updated_at)]


def test_refunds_that_failed_are_tried_again_where_somebody_asks_for_it(shop: Sale) -> None:
    order = shop.paid(1)
    shop.cancel_event()
    shop.stripe.refusal = RefundRefused("no", "charge_not_refundable")
    shop.finish()
    shop.stripe.refusal = None
    cancelling, budget = shop.shop.cancelling, TimeBudget(1.0, lambda: 0.0)

    assert cancelling.end_orders(1, budget).stuck == 1
    assert cancelling.end_orders(1, budget, failed_too=True) == Look(1, 0, is_whole=True)

    assert shop.order(order.id).status is OrderStatus.REFUNDED
