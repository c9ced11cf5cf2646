"""Events that Stripe could not deliver: all of them are handled, wherever a run stopped."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.checkout_sessions import CheckoutSession
from chalicelib.domain.orders import OrderStatus
from chalicelib.domain.payment_news import PaymentNews
from chalicelib.domain.refunds import Dispute, DisputeStatus
from chalicelib.errors import PaymentProviderError
from chalicelib.services.port_types import NewsMark, TroubledEvent
from chalicelib.services.time_budget import TimeBudget
from tests.support.builders import NOW, a_paid_session
from tests.support.fake_shop import FakeShop
from tests.support.fakes import FakePayments

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AMPLE = TimeBudget(1.0, lambda: 0.0)


@dataclass
class Payments(FakePayments):
    """Stripe, with the windows that it was asked for, and events that nobody can handle, unless
    they are mended.
    """

    asked: list[tuple[datetime, datetime]] = field(default_factory=list)
    unlimited: list[tuple[datetime, datetime]] = field(default_factory=list)
    mended: bool = False

    def undelivered_news(
        self, since: datetime, until: datetime, limit: int | None = None
    ) -> list[PaymentNews]:
        (self.unlimited if limit is None else self.asked).append((since, until))
        return super().undelivered_news(since, until, limit)

    def session_of_payment(self, payment_intent_id: str) -> CheckoutSession | None:
        if not self.mended:
            raise KeyError(payment_intent_id)
        return super().session_of_payment(payment_intent_id)


class Sale(FakeShop):
    """A shop whose clock stands still, and whose Stripe writes down what it is asked for."""

    def __init__(self, **event: object) -> None:
        super().__init__(**event)
        self.now = NOW
        self.stripe = Payments()
        self.payments = self.stripe
        self.shop.undelivered._payments = self.shop.desk._payments = self.stripe
        self.shop.undelivered._clock = lambda: self.now

    def happened(self, ago: timedelta, number: int = 0) -> PaymentNews:
        """Have an order paid so long ago that nobody told us of."""
        order = self.start(id=f"01JN{number:022d}")
        news = PaymentNews(f"evt_{number}", self.now - ago, self.pay(order))
        self.stripe.undelivered.append(news)
        return news

    def broken(self, ago: timedelta, name: str = "broken") -> PaymentNews:
        """Have something happen that cannot be handled: the bank takes back what nobody heard was
        paid.
        """
        order = self.start(id=f"01JB{sum(map(ord, name)):022d}")
        payment, at = self.pay(order).payment_intent_id, self.now - ago
        dispute = Dispute(f"dp_{name}", DisputeStatus.NEEDS_RESPONSE, 29998, "fraudulent", at)
        news = PaymentNews(f"evt_{name}", at, payment_intent_id=payment, dispute=dispute)
        self.stripe.undelivered.append(news)
        return news

    @property
    def troubled(self) -> list[str]:
        return [one.event_id for one in self.news_marker.get().troubled]

    def run(self, budget: TimeBudget = AMPLE) -> int:
        """Let the timer run."""
        return sum(
            self.shop.undelivered.work(window, budget) for window in self.shop.undelivered.find()
        )

    def paid(self) -> int:
        return sum(order.status is OrderStatus.PAID for order in self.orders.orders.values())


def enough_for(events: int) -> TimeBudget:
    """Return a budget of so much time as some events of one window take, if none is in trouble.

    It is looked at for the share of those in trouble, before the window, and before each event.
    """
    times = iter([0.0] * (2 + events))
    return TimeBudget(1.0, lambda: next(times, 2.0))


@pytest.fixture
def shop() -> Sale:
    return Sale(capacity=None)


def test_an_event_that_was_not_delivered_is_handled_and_told(shop: Sale) -> None:
    shop.happened(ago=10 * MINUTE)
    assert shop.run() == 1
    assert shop.paid() == 1
    assert ("error", "undelivered_event_handled", {"stripeEvent": "evt_0"}) in shop.log.lines
    assert shop.meter.counts["UndeliveredEventHandled"] == 1


def test_an_event_that_was_heard_of_after_all_has_no_effect_and_is_not_told(shop: Sale) -> None:
    news = shop.happened(ago=10 * MINUTE)
    shop.shop.desk.hear(news)
    assert shop.run() == 0
    assert shop.log.names("error") == []


def test_what_is_not_ours_is_not_told(shop: Sale) -> None:
    stranger = PaymentNews("evt_1", NOW - HOUR, a_paid_session(order_id=None))
    shop.stripe.undelivered.append(stranger)
    assert shop.run() == 0
    assert shop.log.lines == []


def test_all_time_is_looked_at_once_up_to_a_minute_ago(shop: Sale) -> None:
    for _ in range(4):
        shop.run()
        shop.now += 5 * MINUTE
    starts, ends = zip(*shop.stripe.asked, strict=True)
    assert starts[0] == NOW - 3 * DAY
    assert starts[1:] == ends[:-1]
    assert ends[-1] == NOW + 14 * MINUTE
    assert shop.news_marker.get() == NewsMark(ends[-1])


def test_a_run_after_the_first_asks_once(shop: Sale) -> None:
    shop.run()
    shop.stripe.asked.clear()
    shop.now += 5 * MINUTE
    shop.run()
    assert len(shop.stripe.asked) == 1


def test_the_first_run_takes_few_questions(shop: Sale) -> None:
    shop.run()
    assert len(shop.stripe.asked) <= 10


def test_a_timer_that_stood_still_goes_on_where_it_was(shop: Sale) -> None:
    shop.run()
    shop.now += 10 * DAY
    shop.happened(ago=9 * DAY)
    assert shop.run() == 1


def test_what_is_older_than_stripe_keeps_is_not_asked_for(shop: Sale) -> None:
    shop.news_marker.put(NewsMark(NOW - 365 * DAY))
    shop.run()
    assert shop.stripe.asked[0][0] == NOW - 30 * DAY


def test_what_happened_a_moment_ago_is_left_to_the_webhook(shop: Sale) -> None:
    shop.happened(ago=MINUTE / 2)
    assert shop.run() == 0
    assert shop.paid() == 0
    shop.now += MINUTE
    assert shop.run() == 1


def test_nothing_is_asked_twice_in_the_same_moment(shop: Sale) -> None:
    shop.run()
    shop.stripe.asked.clear()
    assert shop.shop.undelivered.find() == []
    assert shop.stripe.asked == []


def test_windows_after_the_first_are_handled_in_the_same_run(shop: Sale) -> None:
    for number, ago in enumerate([60 * HOUR, 30 * HOUR, HOUR]):
        shop.happened(ago=ago, number=number)
    assert shop.run() == 3
    assert shop.paid() == 3


def test_where_the_time_ends_the_next_run_goes_on(shop: Sale) -> None:
    for number in range(3):
        shop.happened(ago=HOUR - number * MINUTE, number=number)
    paid_by_run = []
    for _ in range(3):
        shop.run(enough_for(1))
        paid_by_run.append(shop.paid())
    assert paid_by_run == [1, 2, 3]


def test_the_mark_is_at_the_first_event_that_there_was_no_time_for(shop: Sale) -> None:
    events = [shop.happened(ago=HOUR - number * MINUTE, number=number) for number in range(3)]
    shop.run(enough_for(2))
    assert shop.news_marker.get() == NewsMark(events[2].happened_at)


def test_events_of_the_second_in_which_the_time_ended_are_not_lost(shop: Sale) -> None:
    for number in range(4):
        shop.happened(ago=HOUR, number=number)
    shop.run(enough_for(2))
    assert shop.paid() == 2
    shop.run()
    assert shop.paid() == 4
    assert shop.meter.counts["UndeliveredEventHandled"] == 4


def test_more_than_one_run_can_handle_is_handled_by_several(shop: Sale) -> None:
    for number in range(40):
        shop.happened(ago=2 * HOUR - number * SECOND, number=number)
    for _ in range(8):
        shop.run(enough_for(5))
    assert shop.paid() == 40


def test_a_crowd_of_events_is_asked_for_in_windows_that_are_not_too_large(shop: Sale) -> None:
    for number in range(1000):
        stranger = PaymentNews(f"evt_{number}", NOW - HOUR + number * SECOND)
        shop.stripe.undelivered.append(stranger)
    shop.happened(ago=HOUR - 1000 * SECOND, number=1)
    shop.run()
    assert shop.paid() == 1
    assert shop.stripe.unlimited == []
    assert len(shop.stripe.asked) < 40
    assert shop.news_marker.get() == NewsMark(NOW - MINUTE)


def test_a_crowd_within_one_second_is_handled_all_the_same(shop: Sale) -> None:
    for number in range(400):
        shop.stripe.undelivered.append(PaymentNews(f"evt_{number}", NOW - HOUR))
    shop.happened(ago=HOUR, number=1)
    shop.run()
    assert shop.paid() == 1
    [(since, until)] = shop.stripe.unlimited[:1]
    assert until - since == SECOND


def test_an_event_that_cannot_be_handled_does_not_keep_the_next_from_its_turn(
    shop: Sale,
) -> None:
    shop.broken(ago=HOUR + MINUTE)
    shop.happened(ago=HOUR)
    assert shop.run() == 1
    assert ("crash", "undelivered_event_failed", {"stripeEvent": "evt_broken"}) in shop.log.lines
    shop.now += 5 * MINUTE
    shop.happened(ago=2 * MINUTE, number=1)
    assert shop.run() == 1
    trouble = TroubledEvent("evt_broken", NOW - HOUR - MINUTE, NOW)
    assert shop.news_marker.get() == NewsMark(NOW + 4 * MINUTE, (trouble,))


def test_an_event_that_can_be_handled_later_is_handled_then(shop: Sale) -> None:
    shop.broken(ago=HOUR)
    shop.run()
    assert shop.troubled == ["evt_broken"]
    shop.stripe.mended = True
    assert shop.run() == 1
    assert shop.troubled == []
    shop.run()
    assert shop.meter.counts["UndeliveredEventHandled"] == 1


def test_an_event_in_trouble_that_was_delivered_meanwhile_is_done(shop: Sale) -> None:
    shop.happened(ago=HOUR, number=1)
    news = shop.broken(ago=HOUR)
    shop.run()
    shop.stripe.undelivered.remove(news)
    shop.stripe.mended = True
    assert shop.run() == 0
    assert shop.troubled == []
    assert shop.log.names("crash") == ["undelivered_event_failed"]


def test_an_event_that_cannot_be_handled_is_tried_again_for_a_day(shop: Sale) -> None:
    # Also one that happened long ago: the timer may have stood still.
    shop.broken(ago=2 * DAY)
    for _ in range(3):
        shop.run()
        shop.now += 5 * MINUTE
    assert shop.log.names("crash") == ["undelivered_event_failed"] * 3
    assert shop.log.names("error") == []
    shop.now += DAY
    shop.run()
    assert shop.log.names("crash") == ["undelivered_event_failed"] * 4
    assert ("error", "undelivered_event_given_up", {"stripeEvent": "evt_broken"}) in shop.log.lines
    assert shop.meter.counts == {"UndeliveredEventGivenUp": 1}
    shop.run()
    assert shop.log.names("crash") == ["undelivered_event_failed"] * 4
    assert shop.troubled == []


def test_fifty_events_in_trouble_are_kept_and_the_next_one_is_not_lost(shop: Sale) -> None:
    for number in range(51):
        shop.broken(ago=2 * HOUR - number * SECOND, name=chr(0x100 + number))
    shop.happened(ago=HOUR)
    assert shop.run() == 0
    mark = shop.news_marker.get()
    assert len(mark.troubled) == 50
    assert mark.until == NOW - 2 * HOUR + 50 * SECOND

    shop.stripe.mended = True
    assert shop.run() == 52
    assert shop.troubled == []


def test_fifty_events_in_trouble_do_not_keep_sound_ones_waiting(shop: Sale) -> None:
    for number in range(50):
        shop.broken(ago=2 * HOUR - number * SECOND, name=chr(0x100 + number))
    shop.happened(ago=HOUR)
    assert shop.run() == 1
    assert len(shop.troubled) == 50


def test_an_event_in_trouble_is_not_noted_twice(shop: Sale) -> None:
    shop.broken(ago=HOUR)
    shop.happened(ago=HOUR)
    shop.run(enough_for(1))
    assert shop.troubled == ["evt_broken"]
    assert shop.run() == 1
    assert shop.troubled == ["evt_broken"]
    assert shop.log.names("crash") == ["undelivered_event_failed"] * 2


def test_trying_again_leaves_half_of_the_time_to_what_is_new(shop: Sale) -> None:
    for number in range(4):
        shop.broken(ago=HOUR, name=chr(0x100 + number))
    shop.run()
    shop.now += 5 * MINUTE
    shop.happened(ago=2 * MINUTE)
    crashes = len(shop.log.names("crash"))

    # Each of them takes a quarter of the time.
    budget = TimeBudget(4.0, lambda: float(len(shop.log.names("crash")) - crashes))
    assert shop.run(budget) == 1
    assert len(shop.log.names("crash")) - crashes == 2


def test_stripe_being_down_is_told_and_nothing_is_skipped(shop: Sale) -> None:
    shop.happened(ago=HOUR)
    shop.stripe.failure = PaymentProviderError("down")
    with pytest.raises(PaymentProviderError):
        shop.run()
    shop.stripe.failure = None
    assert shop.run() == 1


def test_stripe_being_down_keeps_what_is_in_trouble(shop: Sale) -> None:
    shop.broken(ago=HOUR)
    shop.run()
    shop.now += 2 * DAY
    shop.stripe.failure = PaymentProviderError("down")
    with pytest.raises(PaymentProviderError):
        shop.shop.undelivered.work(None, AMPLE)
    assert shop.troubled == ["evt_broken"]
    assert shop.meter.counts == {}
