"""Events that Stripe could not deliver: all of them are handled, wherever a run stopped."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.checkout_sessions import CheckoutSession
from chalicelib.domain.orders import OrderStatus
from chalicelib.domain.payment_news import PaymentNews
from chalicelib.errors import PaymentProviderError
from chalicelib.services.time_budget import TimeBudget
from chalicelib.services.undelivered_news import NewsWindow
from tests.support.builders import NOW, a_paid_session
from tests.support.fake_shop import FakeShop
from tests.support.fakes import FakePayments

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
AMPLE = TimeBudget(1.0, lambda: 0.0)


@dataclass
class Payments(FakePayments):
    """Stripe, with the windows that it was asked for, and events that nobody can handle."""

    asked: list[tuple[datetime, datetime]] = field(default_factory=list)

    def undelivered_news(self, since: datetime, until: datetime) -> list[PaymentNews]:
        self.asked.append((since, until))
        return super().undelivered_news(since, until)

    def session_of_payment(self, payment_intent_id: str) -> CheckoutSession | None:
        raise KeyError(payment_intent_id)


class Sale(FakeShop):
    """A shop whose clock stands still, and whose Stripe writes down what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
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

    def broken(self, ago: timedelta) -> PaymentNews:
        """Have something happen that cannot be handled."""
        news = PaymentNews("evt_broken", self.now - ago, payment_intent_id="pi_broken")
        self.stripe.undelivered.append(news)
        return news

    def run(self, budget: TimeBudget = AMPLE) -> int:
        """Let the timer run."""
        return sum(
            self.shop.undelivered.work(window, budget) for window in self.shop.undelivered.find()
        )

    def paid(self) -> int:
        return sum(order.status is OrderStatus.PAID for order in self.orders.orders.values())


@pytest.fixture
def shop() -> Sale:
    return Sale()


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
    assert shop.news_marker.get() == ends[-1]


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
    shop.news_marker.put(NOW - 365 * DAY)
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
        shop.happened(ago=HOUR, number=number)
    paid_by_run = []
    for _ in range(3):
        # So much time as one event takes: it is asked for before each, and before each window.
        ticks = iter([0.0, 0.0, *([2.0] * 20)])
        shop.run(TimeBudget(1.0, lambda times=ticks: next(times)))  # type: ignore[misc]
        paid_by_run.append(shop.paid())
    shop.run()
    assert paid_by_run == [1, 1, 1]
    assert shop.paid() == 3


def test_an_event_that_cannot_be_handled_does_not_keep_the_next_from_its_turn(
    shop: Sale,
) -> None:
    shop.broken(ago=HOUR + MINUTE)
    shop.happened(ago=HOUR)
    assert shop.run() == 1
    assert ("crash", "undelivered_event_failed", {"stripeEvent": "evt_broken"}) in shop.log.lines


def test_an_event_that_cannot_be_handled_is_tried_again_for_a_day(shop: Sale) -> None:
    shop.broken(ago=HOUR)
    for _ in range(3):
        shop.run()
        shop.now += 5 * MINUTE
    assert shop.log.names("crash") == ["undelivered_event_failed"] * 3
    shop.now += DAY
    shop.run()
    assert shop.log.names("crash") == ["undelivered_event_failed"] * 4
    shop.run()
    assert shop.log.names("crash") == ["undelivered_event_failed"] * 4


def test_an_old_event_that_cannot_be_handled_does_not_excuse_a_young_one(shop: Sale) -> None:
    old = shop.broken(ago=25 * HOUR)
    young = replace(old, happened_at=NOW - HOUR)
    window = NewsWindow(NOW, [old, young, old])
    before = shop.news_marker.get()
    assert shop.shop.undelivered.work(window, AMPLE) == 0
    assert shop.news_marker.get() == before


def test_stripe_being_down_is_told_and_nothing_is_skipped(shop: Sale) -> None:
    shop.happened(ago=HOUR)
    shop.stripe.failure = PaymentProviderError("down")
    with pytest.raises(PaymentProviderError):
        shop.run()
    shop.stripe.failure = None
    assert shop.run() == 1
