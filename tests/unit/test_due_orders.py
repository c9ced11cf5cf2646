"""Orders that the timer looks at: Stripe is asked before anything is given back."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from chalicelib.domain.checkout_sessions import CheckoutSession, SessionStatus
from chalicelib.domain.order_changes import MAIL_CLAIM, with_session
from chalicelib.domain.orders import HOLD, Cause, MailStatus, Order, OrderStatus
from chalicelib.errors import MailProviderError, PaymentProviderError, RefundRefused, Unavailable
from tests.support.builders import NOW, an_order
from tests.support.fake_shop import CAUSE, URLS, FakeShop, fails
from tests.support.fakes import FakePayments

DOWN = PaymentProviderError("Stripe is down")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass
class Payments(FakePayments):
    """Stripe, at which something happens before a session ends, or is looked for."""

    before_expire: Callable[[], object] = lambda: None
    before_find: Callable[[], object] = lambda: None

    def expire_session(self, session_id: str) -> bool:
        self.before_expire()
        return super().expire_session(session_id)

    def find_session(self, order: Order) -> CheckoutSession | None:
        found = super().find_session(order)
        self.before_find()
        return found


class Sale(FakeShop):
    """A shop at whose Stripe things happen at the wrong moment."""

    def __init__(self, **event: object) -> None:
        super().__init__(**event)
        self.stripe = Payments()
        self.payments = self.stripe
        self.shop.due_orders._payments = self.stripe
        self.shop.refunding._payments = self.stripe

    def work(self, after: timedelta = HOLD, order_id: str = an_order().id) -> bool:
        """Let the timer come so much later, and have it work at one order."""
        self.shop.clock.move(after)
        return self.shop.due_orders.work(order_id)


@pytest.fixture
def shop() -> Sale:
    return Sale()


class TestFinding:
    def test_orders_are_found_when_they_are_due(self, shop: Sale) -> None:
        order = shop.start()
        assert shop.shop.due_orders.find() == []
        shop.shop.clock.move(HOLD)
        assert shop.shop.due_orders.find() == [order.id]

    def test_there_is_no_end_of_work_in_one_run(self, shop: Sale) -> None:
        shop.describe(capacity=None)
        for number in range(401):
            shop.orders.place(an_order(id=f"01JN{number:022d}", due_at=NOW))
        assert len(shop.shop.due_orders.find()) == 400

    def test_an_order_that_is_gone_or_not_due_any_more_is_left_alone(self, shop: Sale) -> None:
        shop.start()
        assert not shop.work(after=HOLD - timedelta(seconds=1))
        assert not shop.work(order_id="01JNNOBODYS000000000000000")
        shop.orders.orders[an_order().id] = replace(shop.order(), due_at=None)
        assert not shop.work()
        assert (shop.orders.calls, shop.payments.expired) == ([], [])


class TestHolds:
    def test_an_open_session_is_ended_before_its_seats_go_back(self, shop: Sale) -> None:
        order = shop.start()
        shop.stripe.before_expire = lambda: shop.orders.calls.append("end the session")

        assert shop.work()

        assert shop.orders.calls == ["end the session", "replace"]
        assert (shop.order().status, shop.stock) == (OrderStatus.EXPIRED, (100, 0, 0))
        assert shop.order().history[-1].cause == "timer"
        assert shop.log.lines == [
            ("audit", "order_expired", {"orderId": order.id, "event": "tech-conference"})
        ]
        assert shop.meter.counts == {"HoldReleased": 1}
        assert not shop.work()

    def test_an_expired_session_gives_its_seats_back(self, shop: Sale) -> None:
        shop.expire(shop.start())
        assert shop.work()
        assert (shop.order().status, shop.stock) == (OrderStatus.EXPIRED, (100, 0, 0))
        assert shop.payments.expired == []

    def test_a_paid_session_is_fulfilled_and_an_operator_told(self, shop: Sale) -> None:
        shop.pay(shop.start(customer_email="ada@mail.example"))
        assert shop.work(after=HOLD + MINUTE)
        assert (shop.order().status, shop.stock) == (OrderStatus.PAID, (98, 0, 2))
        assert shop.log.names("error") == ["paid_order_found"]
        assert shop.meter.counts["PaidOrderFoundByTimer"] == 1
        assert len(shop.mailer.sent) == 1

    def test_a_payment_of_the_last_moment_is_fulfilled_and_no_alarm(self, shop: Sale) -> None:
        shop.pay(shop.start())
        assert shop.work(after=HOLD + MINUTE / 2)
        assert (shop.order().status, shop.stock) == (OrderStatus.PAID, (98, 0, 2))
        assert shop.log.names("error") == []
        assert "PaidOrderFoundByTimer" not in shop.meter.counts

    def test_a_payment_that_a_cancellation_finds_is_no_alarm(self, shop: Sale) -> None:
        order = shop.start()
        shop.pay(order)
        shop.shop.clock.move(HOLD + DAY)
        ended = shop.shop.due_orders.end_hold(order, Cause("event_cancelled"))
        assert ended.status is OrderStatus.PAID
        assert shop.log.names("error") == []
        assert "PaidOrderFoundByTimer" not in shop.meter.counts

    def test_a_payment_that_is_found_before_its_order_is_due_is_no_alarm(self, shop: Sale) -> None:
        order = shop.start()
        shop.pay(order)
        assert shop.shop.due_orders.end_hold(order).status is OrderStatus.PAID
        unscheduled = replace(shop.start(id="01JNOTHER00000000000000000"), due_at=None)
        shop.pay(unscheduled)
        assert shop.shop.due_orders.end_hold(unscheduled).status is OrderStatus.PAID
        assert "PaidOrderFoundByTimer" not in shop.meter.counts

    def test_a_session_that_is_paid_while_it_is_ended_is_fulfilled(self, shop: Sale) -> None:
        order = shop.start()
        shop.stripe.before_expire = lambda: shop.pay(order)
        assert shop.work()
        assert (shop.order().status, shop.stock) == (OrderStatus.PAID, (98, 0, 2))

    def test_a_payment_that_was_heard_of_meanwhile_is_nothing_to_tell(self, shop: Sale) -> None:
        session = shop.pay(shop.start())
        shop.orders.before_replace.append(lambda: shop.shop.fulfilment.settle(session, CAUSE))
        assert shop.work(after=HOLD + MINUTE)
        assert (shop.order().status, shop.stock) == (OrderStatus.PAID, (98, 0, 2))
        assert "PaidOrderFoundByTimer" not in shop.meter.counts

    def test_a_session_that_nobody_noted_is_found_and_ended(self, shop: Sale) -> None:
        order = an_order()
        shop.orders.place(order)
        shop.payments.create_session(order, URLS, order.hold_expires_at)
        assert shop.work()
        assert shop.payments.expired == [f"cs_test_{order.id}"]
        assert shop.stock == (100, 0, 0)

    def test_a_paid_session_that_nobody_noted_is_found_and_fulfilled(self, shop: Sale) -> None:
        order = an_order()
        shop.orders.place(order)
        shop.pay(order)
        assert shop.work()
        assert shop.order().session_id == f"cs_test_{order.id}"
        assert shop.stock == (98, 0, 2)

    def test_an_order_that_stripe_never_heard_of_gives_its_seats_back(self, shop: Sale) -> None:
        shop.orders.place(an_order())
        assert shop.work()
        assert shop.order().history[-1].cause == "unknown at Stripe (timer)"
        assert shop.stock == (100, 0, 0)

    def test_a_session_that_stripe_does_not_know_is_told_and_keeps_its_seats(
        self, shop: Sale
    ) -> None:
        shop.start()
        known = dict(shop.payments.sessions)
        shop.payments.sessions.clear()
        for after in (HOLD, DAY, 6 * DAY - HOLD):
            with pytest.raises(PaymentProviderError, match="does not know"):
                shop.work(after=after)
            assert (shop.order().status, shop.stock) == (OrderStatus.PENDING, (98, 2, 0))
            assert shop.shop.due_orders.find() == []
        assert shop.log.names("error") == ["session_unknown"] * 3
        assert shop.meter.counts == {"SessionUnknown": 3}

        shop.payments.sessions.update(known)
        assert shop.work(after=DAY)
        assert shop.payments.expired == list(known)
        assert shop.stock == (100, 0, 0)

    def test_a_session_that_stays_unknown_for_a_week_does_not_keep_its_seats_for_ever(
        self, shop: Sale
    ) -> None:
        shop.start()
        shop.payments.sessions.clear()
        assert shop.work(after=HOLD + 7 * DAY)
        assert (shop.order().status, shop.stock) == (OrderStatus.EXPIRED, (100, 0, 0))
        assert shop.order().history[-1].cause == "unknown at Stripe (timer)"
        assert shop.log.names("error") == ["session_unknown"]

    def test_a_session_that_is_noted_while_it_is_looked_for_keeps_its_seats(
        self, shop: Sale
    ) -> None:
        order = an_order()
        shop.orders.place(order)

        def note() -> None:
            session = shop.payments.create_session(order, URLS, order.hold_expires_at)
            shop.orders.replace(order, with_session(order, session.id, NOW))

        shop.stripe.before_find = note
        shop.work()
        assert (shop.order().status, shop.stock) == (OrderStatus.PENDING, (98, 2, 0))

        shop.stripe.before_find = lambda: None
        shop.work()
        assert shop.payments.expired == [f"cs_test_{order.id}"]
        assert shop.stock == (100, 0, 0)

    def test_a_session_that_is_noted_while_it_is_ended_does_not_keep_its_seats(
        self, shop: Sale
    ) -> None:
        order = an_order()
        shop.orders.place(order)
        session = shop.payments.create_session(order, URLS, order.hold_expires_at)
        shop.stripe.before_expire = lambda: shop.orders.replace(
            order, with_session(order, session.id, NOW)
        )
        assert shop.work()
        assert shop.stock == (100, 0, 0)

    def test_a_release_that_somebody_else_made_is_told_by_them(self, shop: Sale) -> None:
        order = shop.start()
        shop.stripe.before_expire = lambda: shop.shop.fulfilment.settle(shop.expire(order), CAUSE)
        assert shop.work()
        assert shop.meter.counts == {"HoldReleased": 1}

    def test_a_cause_is_kept_in_the_history(self, shop: Sale) -> None:
        order = shop.start()
        ended = shop.shop.due_orders.end_hold(order, Cause("event_cancelled"))
        assert ended.history[-1].cause == "event_cancelled"
        assert ended == shop.order()


class TestDelayedPayments:
    def test_the_hold_lasts_until_the_payment_ends(self, shop: Sale) -> None:
        order = shop.start()
        shop.promise(order)
        assert shop.work()
        now = shop.shop.clock.now
        waiting = shop.order()
        assert waiting.awaiting_since is not None
        assert waiting.due_at is not None
        assert timedelta(0) <= waiting.due_at - now <= DAY
        assert shop.orders.calls == ["replace"]
        for _ in range(5):
            assert shop.work(after=DAY)
            assert shop.stock == (98, 2, 0)
        assert [entry.status for entry in shop.order().history] == [OrderStatus.PENDING] * 2

        shop.pay(order)
        assert shop.work(after=DAY)
        assert shop.stock == (98, 0, 2)

    def test_a_payment_that_failed_gives_the_seats_back(self, shop: Sale) -> None:
        shop.promise(shop.start(), failed=True)
        assert shop.work()
        assert (shop.order().status, shop.stock) == (OrderStatus.FAILED, (100, 0, 0))

    def test_one_that_ends_while_it_is_put_off_is_not_put_off(self, shop: Sale) -> None:
        order = shop.start()
        shop.promise(order)
        shop.work()
        paid = shop.pay(order)
        shop.promise(order)
        shop.orders.before_replace.append(lambda: shop.shop.fulfilment.settle(paid, CAUSE))
        assert shop.work(after=DAY)
        assert (shop.order().status, shop.order().due_at) == (OrderStatus.PAID, None)

    def test_a_session_of_another_order_keeps_the_hold(self, shop: Sale) -> None:
        order = shop.start()
        shop.pay(order, order_id=None, status=SessionStatus.COMPLETE)
        assert shop.work()
        assert (shop.order().status, shop.stock) == (OrderStatus.PENDING, (98, 2, 0))


class TestWhatWasLeft:
    def test_a_hold_whose_event_is_gone_ends_all_the_same(self, shop: Sale) -> None:
        shop.start()
        shop.events.records.clear()
        assert shop.work()
        assert (shop.order().status, shop.order().due_at) == (OrderStatus.EXPIRED, None)

    def test_a_refund_that_was_left_is_made(self, shop: Sale) -> None:
        order = shop.start()
        shop.shop.fulfilment.settle(shop.expire(order), CAUSE)
        shop.describe(capacity=1)
        shop.stripe.failure = DOWN
        shop.shop.fulfilment.settle(shop.pay(order), CAUSE)
        shop.stripe.failure = None
        assert shop.work()
        assert (shop.order().status, shop.order().due_at) == (OrderStatus.REFUNDED, None)
        assert not shop.work()

    def test_a_refund_that_is_refused_is_not_due_any_more(self, shop: Sale) -> None:
        order = shop.start()
        shop.shop.fulfilment.settle(shop.expire(order), CAUSE)
        shop.describe(capacity=1)
        shop.stripe.failure = DOWN
        shop.shop.fulfilment.settle(shop.pay(order), CAUSE)
        shop.stripe.failure, shop.stripe.refusal = None, RefundRefused("will not")
        assert shop.work()
        assert (shop.order().status, shop.order().due_at) == (OrderStatus.REFUND_FAILED, None)

    def test_a_mail_that_was_left_is_sent(self, shop: Sale) -> None:
        shop.mailer.down = True
        order = shop.start_and_pay(customer_email="ada@mail.example")
        shop.mailer.down = False
        assert order.due_at is not None
        assert not shop.work(after=timedelta(0))
        assert shop.work(after=MAIL_CLAIM)
        assert (shop.order().mail, shop.order().due_at) == (MailStatus.SENT, None)

    @pytest.mark.parametrize("mailer_is_down", [False, True])
    def test_a_refund_that_cannot_be_made_and_a_mail_do_not_wait_for_each_other(
        self, shop: Sale, *, mailer_is_down: bool
    ) -> None:
        shop.mailer.down = True
        shop.start_and_pay(customer_email="ada@mail.example")
        shop.stripe.failure = DOWN
        with pytest.raises(PaymentProviderError):
            shop.shop.refund(an_order().id, quantity=1)
        shop.mailer.down = mailer_is_down
        shop.stripe.failure = None if mailer_is_down else DOWN

        with pytest.raises(MailProviderError if mailer_is_down else PaymentProviderError):
            shop.work(after=MAIL_CLAIM)

        after = shop.order()
        assert len(shop.mailer.sent) == (0 if mailer_is_down else 1)
        assert after.amount_returned == (14999 if mailer_is_down else 0)
        assert after.due_at is not None

    def test_a_mail_that_cannot_be_sent_is_tried_again_later(self, shop: Sale) -> None:
        shop.mailer.down = True
        shop.start_and_pay(customer_email="ada@mail.example")
        with pytest.raises(Exception, match="could not be sent"):
            shop.work(after=MAIL_CLAIM)
        assert not shop.work(after=timedelta(minutes=4))
        shop.mailer.down = False
        assert shop.work(after=timedelta(minutes=1))
        assert len(shop.mailer.sent) == 1


class TestTrouble:
    @pytest.mark.parametrize("failure", [DOWN, KeyError("unforeseen")])
    def test_an_order_in_trouble_is_put_off_and_the_reason_told(
        self, shop: Sale, failure: Exception
    ) -> None:
        shop.start()
        shop.stripe.before_expire = fails(failure)
        with pytest.raises(type(failure)):
            shop.work()
        order = shop.order()
        assert (order.status, shop.stock) == (OrderStatus.PENDING, (98, 2, 0))
        assert order.due_at is not None
        assert order.due_at > shop.shop.clock.now + timedelta(minutes=5)

        shop.stripe.before_expire = lambda: None
        assert shop.work(after=timedelta(minutes=20))
        assert shop.stock == (100, 0, 0)

    def test_a_paid_order_that_cannot_be_sold_is_told_from_the_second_try_on(
        self, shop: Sale
    ) -> None:
        order = shop.start()
        shop.stripe.sessions[str(order.session_id)] = shop.pay(order)
        for after, told in ((HOLD, 0), (timedelta(minutes=20), 1)):
            # The store fails while the order is sold, and is there again to put it off.
            shop.orders.before_replace.append(fails(Unavailable("down")))
            with pytest.raises(Unavailable):
                shop.work(after=after)
            assert shop.shop.meter.counts["PaidWithoutTicket"] == told
        assert shop.log.names("error") == ["paid_without_ticket"]
        assert shop.work(after=timedelta(hours=1))
        assert shop.order().status is OrderStatus.PAID
        assert shop.shop.meter.counts["PaidWithoutTicket"] == 1

    def test_an_order_that_cannot_be_put_off_stays_due(self, shop: Sale) -> None:
        order = shop.start()
        shop.stripe.before_expire = fails(DOWN)
        shop.orders.before_replace.append(fails(Unavailable("down")))
        with pytest.raises(PaymentProviderError):
            shop.work()
        assert shop.log.names("error") == ["order_not_put_off"]
        assert shop.shop.due_orders.find() == [order.id]

    def test_an_order_that_somebody_ended_meanwhile_is_not_put_off(self, shop: Sale) -> None:
        order = shop.start()

        def end_and_fail() -> None:
            shop.shop.fulfilment.settle(shop.pay(order), CAUSE)
            raise DOWN

        shop.stripe.before_expire = end_and_fail
        with pytest.raises(PaymentProviderError):
            shop.work()
        assert shop.order().due_at is None
