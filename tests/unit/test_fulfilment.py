"""What news of a session does to its order: in any order, any number of times, one effect."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.checkout_sessions import CheckoutSession, PaymentStatus, SessionStatus
from chalicelib.domain.events import EventStatus
from chalicelib.domain.orders import Cause, MailStatus, Order, OrderStatus
from chalicelib.errors import Changed, NotFound, PaymentProviderError, Unavailable
from chalicelib.services.fulfilment import Outcome, Settlement
from tests.support.builders import a_paid_session, a_session, an_order
from tests.support.fake_shop import CAUSE, FakeShop, fails

DOWN = PaymentProviderError("Stripe is down")


@pytest.fixture
def shop() -> FakeShop:
    return FakeShop()


def hear(shop: FakeShop, session: CheckoutSession, cause: Cause = CAUSE) -> Outcome:
    settlement = shop.shop.fulfilment.settle(session, cause)
    assert settlement.order == shop.orders.get(session.order_id or "")
    return settlement.outcome


class TestPaid:
    @pytest.mark.parametrize("payment", [PaymentStatus.PAID, PaymentStatus.NO_PAYMENT_REQUIRED])
    def test_a_paid_session_sells_its_seats(self, shop: FakeShop, payment: PaymentStatus) -> None:
        order = shop.start()

        assert hear(shop, shop.pay(order, payment_status=payment)) is Outcome.PAID

        order = shop.order()
        assert shop.stock == (98, 0, 2)
        assert (order.status, len(set(order.tickets))) == (OrderStatus.PAID, 2)
        assert order.history[-1].cause == "evt_1"
        paid = {"orderId": order.id, "event": "tech-conference"}
        assert shop.log.lines == [("audit", "order_paid", paid)]
        assert shop.meter.counts["OrderPaid"] == 1

    def test_a_repeated_payment_sells_nothing_twice(self, shop: FakeShop) -> None:
        session = shop.pay(shop.start())
        hear(shop, session)
        before, lines = shop.order(), list(shop.log.lines)
        shop.orders.calls.clear()

        assert hear(shop, session, Cause("verify")) is Outcome.REPEATED
        assert hear(shop, session) is Outcome.REPEATED

        assert (shop.order(), shop.log.lines, shop.orders.calls) == (before, lines, [])

    def test_two_at_the_same_time_sell_once(self, shop: FakeShop) -> None:
        session = shop.pay(shop.start())
        shop.orders.before_replace.append(lambda: hear(shop, session, Cause("verify")))

        assert hear(shop, session) is Outcome.REPEATED

        assert shop.stock == (98, 0, 2)
        assert shop.meter.counts["OrderPaid"] == 1
        assert len(shop.mailer.sent) == 0

    def test_a_session_that_was_never_noted_is_ours_all_the_same(self, shop: FakeShop) -> None:
        order = an_order()
        shop.orders.place(order)
        assert hear(shop, shop.pay(order)) is Outcome.PAID
        assert shop.order().session_id == f"cs_test_{order.id}"

    def test_the_buyer_gets_one_confirmation(self, shop: FakeShop) -> None:
        session = shop.pay(shop.start(customer_email="ada@mail.example"))
        hear(shop, session)
        hear(shop, session)
        assert [order.id for order in shop.mailer.sent] == [shop.order().id]
        assert shop.order().mail is MailStatus.SENT

    def test_a_mail_that_cannot_be_sent_does_not_undo_the_sale(self, shop: FakeShop) -> None:
        shop.mailer.down = True
        session = shop.pay(shop.start(customer_email="ada@mail.example"))
        assert hear(shop, session) is Outcome.PAID
        assert (shop.order().mail, shop.order().mail_claimed_until) == (MailStatus.DUE, None)


class TestNotPaid:
    def test_an_open_session_changes_nothing(self, shop: FakeShop) -> None:
        order = shop.start()
        assert hear(shop, shop.payments.sessions[f"cs_test_{order.id}"]) is Outcome.REPEATED
        assert shop.orders.calls == []

    def test_an_expired_session_gives_its_seats_back(self, shop: FakeShop) -> None:
        assert hear(shop, shop.expire(shop.start())) is Outcome.RELEASED
        assert shop.stock == (100, 0, 0)
        assert shop.order().status is OrderStatus.EXPIRED
        assert shop.log.names("audit") == ["order_expired"]
        assert shop.meter.counts["HoldReleased"] == 1

    def test_a_failed_payment_gives_its_seats_back(self, shop: FakeShop) -> None:
        assert hear(shop, shop.promise(shop.start(), failed=True)) is Outcome.RELEASED
        assert shop.stock == (100, 0, 0)
        assert shop.order().status is OrderStatus.FAILED
        assert shop.log.names("audit") == ["order_failed"]

    @pytest.mark.parametrize("failed", [True, False])
    def test_a_repeated_release_gives_nothing_back_twice(
        self, shop: FakeShop, failed: bool
    ) -> None:
        order = shop.start()
        session = shop.promise(order, failed=True) if failed else shop.expire(order)
        hear(shop, session)
        before = shop.order()
        assert hear(shop, session) is Outcome.REPEATED
        assert (shop.order(), shop.stock) == (before, (100, 0, 0))

    def test_two_releases_at_the_same_time_give_back_once(self, shop: FakeShop) -> None:
        session = shop.expire(shop.start())
        shop.orders.before_replace.append(lambda: hear(shop, session))
        assert hear(shop, session) is Outcome.REPEATED
        assert shop.stock == (100, 0, 0)
        assert shop.meter.counts["HoldReleased"] == 1

    def test_a_release_that_comes_too_late_does_not_undo_a_sale(self, shop: FakeShop) -> None:
        order = shop.start()
        expired, paid = shop.expire(order), shop.pay(order)
        shop.orders.before_replace.append(lambda: hear(shop, paid))
        assert hear(shop, expired) is Outcome.REPEATED
        assert (shop.order().status, shop.stock) == (OrderStatus.PAID, (98, 0, 2))

    def test_a_payment_on_its_way_keeps_the_hold_for_a_day(self, shop: FakeShop) -> None:
        session = shop.promise(shop.start())
        assert hear(shop, session) is Outcome.WAITING
        order = shop.order()
        assert (order.status, shop.stock) == (OrderStatus.PENDING, (98, 2, 0))
        assert order.due_at is not None
        assert order.due_at - order.updated_at == timedelta(days=1)
        assert hear(shop, session) is Outcome.REPEATED
        assert shop.order() == order

    def test_two_that_hear_of_a_payment_on_its_way_note_it_once(self, shop: FakeShop) -> None:
        session = shop.promise(shop.start())
        shop.orders.before_replace.append(lambda: hear(shop, session))
        assert hear(shop, session) is Outcome.REPEATED
        assert [entry.status for entry in shop.order().history] == [OrderStatus.PENDING] * 2

    def test_a_payment_on_its_way_does_not_wake_an_order_that_is_over(self, shop: FakeShop) -> None:
        order = shop.start()
        promised, paid = shop.promise(order), shop.pay(order)
        shop.orders.before_replace.append(lambda: hear(shop, paid))
        assert hear(shop, promised) is Outcome.REPEATED
        assert shop.order().awaiting_since is None

    def test_a_payment_that_was_on_its_way_sells_its_seats_when_it_comes(
        self, shop: FakeShop
    ) -> None:
        order = shop.start()
        hear(shop, shop.promise(order))
        assert hear(shop, shop.pay(order)) is Outcome.PAID
        assert shop.stock == (98, 0, 2)


class TestLate:
    def late(self, shop: FakeShop, **changes: str) -> CheckoutSession:
        order = shop.start(**changes)
        hear(shop, shop.expire(order))
        shop.log.lines.clear()
        return shop.pay(order)

    def test_a_late_payment_is_sold_where_seats_are_free(self, shop: FakeShop) -> None:
        session = self.late(shop, customer_email="ada@mail.example")

        assert hear(shop, session) is Outcome.PAID_LATE

        assert (shop.order().status, shop.stock) == (OrderStatus.PAID, (98, 0, 2))
        assert shop.log.names("audit") == ["order_paid_late"]
        assert shop.meter.counts["LatePaymentSold"] == 1
        assert len(shop.mailer.sent) == 1

    @pytest.mark.parametrize(
        ("event", "why"),
        [
            ({"capacity": 1}, "sold_out"),
            ({"status": EventStatus.DRAFT}, "sales_closed"),
            ({"status": EventStatus.CANCELLED}, "sales_closed"),
        ],
    )
    def test_a_late_payment_goes_back_where_no_seats_are_for_sale(
        self, shop: FakeShop, event: dict[str, object], why: str
    ) -> None:
        session = self.late(shop, customer_email="ada@mail.example")
        shop.describe(**event)

        assert hear(shop, session) is Outcome.REFUNDING

        order = shop.order()
        assert order.status is OrderStatus.REFUNDED
        assert [refund.key for refund in order.refunds] == [why]
        assert (order.tickets, shop.stock[2]) == ((), 0)
        told = ("audit", "order_paid_in_vain")
        assert (*told, {"orderId": order.id, "event": "tech-conference", "why": why}) in (
            shop.log.lines
        )
        assert shop.meter.counts["LatePaymentRefunded"] == 1
        assert shop.mailer.sent == []

    def test_a_late_payment_for_an_event_that_is_gone_goes_back(self, shop: FakeShop) -> None:
        session = self.late(shop)
        shop.events.delete(shop.events.records["tech-conference"])
        assert hear(shop, session) is Outcome.REFUNDING
        assert [refund.key for refund in shop.order().refunds] == ["event_gone"]

    def test_a_payment_for_an_order_whose_event_is_gone_goes_back(self, shop: FakeShop) -> None:
        order = shop.start()
        shop.events.records.clear()
        assert hear(shop, shop.pay(order)) is Outcome.REFUNDING
        after = shop.order()
        assert (after.status, after.amount_returned) == (OrderStatus.REFUNDED, order.amount_total)
        assert [refund.key for refund in after.refunds] == ["event_gone"]

    def test_money_goes_back_once_however_often_it_is_heard_of(self, shop: FakeShop) -> None:
        session = self.late(shop)
        shop.describe(capacity=1)
        hear(shop, session)
        assert hear(shop, session) is Outcome.REPEATED
        assert len(shop.payments.refunds[session.payment_intent_id or ""]) == 1

    def test_two_that_hear_of_it_at_the_same_time_send_it_back_once(self, shop: FakeShop) -> None:
        session = self.late(shop)
        shop.describe(capacity=1)
        shop.orders.before_replace.append(lambda: None)
        shop.orders.before_replace.append(lambda: hear(shop, session))

        assert hear(shop, session) is Outcome.REPEATED

        assert len(shop.payments.refunds[session.payment_intent_id or ""]) == 1
        assert shop.log.names("audit").count("order_paid_in_vain") == 1

    def test_a_refund_that_stripe_cannot_make_now_is_left_for_the_timer(
        self, shop: FakeShop
    ) -> None:
        session = self.late(shop)
        shop.describe(capacity=1)
        shop.payments.failure = DOWN

        assert hear(shop, session) is Outcome.REFUNDING

        order = shop.order()
        assert order.status is OrderStatus.REFUNDING
        assert order.due_at is not None
        assert ("error", "refund_left", {"orderId": order.id}) in shop.log.lines

    def test_an_order_that_expires_while_it_is_paid_was_paid_late(self, shop: FakeShop) -> None:
        order = shop.start()
        expired, paid = shop.expire(order), shop.pay(order)
        shop.orders.before_replace.append(lambda: hear(shop, expired))
        assert hear(shop, paid) is Outcome.PAID_LATE
        assert shop.log.names("audit") == ["order_expired", "order_paid_late"]

    def test_an_order_whose_seats_go_while_it_is_paid_is_refunded_as_sold_out(
        self, shop: FakeShop
    ) -> None:
        order = shop.start()
        expired, paid = shop.expire(order), shop.pay(order)

        def meanwhile() -> None:
            hear(shop, expired)
            shop.describe(capacity=1)

        shop.orders.before_replace.append(meanwhile)
        assert hear(shop, paid) is Outcome.REFUNDING
        assert [refund.key for refund in shop.order().refunds] == ["sold_out"]


def test_a_payment_for_a_cancelled_event_goes_back_and_so_do_its_seats(shop: FakeShop) -> None:
    session = shop.pay(shop.start())
    shop.cancel_event()
    assert hear(shop, session) is Outcome.REFUNDING
    assert [refund.key for refund in shop.order().refunds] == ["event_cancelled"]
    assert shop.stock == (100, 0, 0)


@pytest.mark.parametrize("changes", [{"amount_total": 1}, {"currency": "eur"}])
def test_another_amount_or_currency_than_the_orders_buys_nothing_and_goes_back(
    shop: FakeShop, changes: dict[str, object]
) -> None:
    session = shop.pay(shop.start(), **changes)

    assert hear(shop, session) is Outcome.REFUNDING

    order = shop.order()
    assert [(refund.key, refund.amount) for refund in order.refunds] == [
        ("amount_differs", session.amount_total)
    ]
    assert (order.tickets, shop.stock) == ((), (100, 0, 0))
    kind, name, fields = shop.log.lines[0]
    assert (kind, name) == ("error", "paid_amount_differs")
    assert fields == {
        "orderId": order.id,
        "sessionAmount": session.amount_total,
        "sessionCurrency": session.currency,
        "amount": 29998,
        "currency": "usd",
    }


@pytest.mark.parametrize("order_id", [None, "01JNUNKNOWN000000000000000"])
def test_a_session_that_is_not_ours_is_left_alone(shop: FakeShop, order_id: str | None) -> None:
    settlement = shop.shop.fulfilment.settle(a_paid_session(order_id=order_id), CAUSE)
    assert settlement == Settlement(Outcome.NOT_OURS, None)


def test_another_session_that_names_our_order_does_not_pay_it(shop: FakeShop) -> None:
    shop.start()
    settlement = shop.shop.fulfilment.settle(a_paid_session(id="cs_test_stranger"), CAUSE)
    assert settlement == Settlement(Outcome.NOT_OURS, None)
    assert shop.stock == (98, 2, 0)


@pytest.mark.parametrize("error", [Unavailable("down"), Changed("never")])
def test_what_the_store_could_not_do_is_done_by_a_repeat(
    shop: FakeShop, error: Unavailable | Changed
) -> None:
    session = shop.pay(shop.start())
    shop.orders.before_replace.extend([fails(error)] * 10)
    with pytest.raises(Unavailable):
        shop.shop.fulfilment.settle(session, CAUSE)
    shop.orders.before_replace.clear()
    assert hear(shop, session) is Outcome.PAID


def test_an_order_that_vanished_while_it_was_paid_in_vain_is_told(shop: FakeShop) -> None:
    session = shop.pay(shop.start())
    shop.cancel_event()
    shop.orders.before_replace.append(lambda: None)
    shop.orders.before_replace.append(shop.orders.orders.clear)
    with pytest.raises(NotFound):
        shop.shop.fulfilment.settle(session, CAUSE)


def sessions(order: Order) -> list[CheckoutSession]:
    """All that can be told of one session, though never all of it of the same one."""
    ours = {"id": f"cs_test_{order.id}", "order_id": order.id}
    unpaid = {"status": SessionStatus.COMPLETE, "url": None}
    return [
        a_session(**ours),
        a_session(**ours, status=SessionStatus.EXPIRED, url=None),
        a_session(**ours, **unpaid),
        a_session(**ours, **unpaid, payment_failed=True),
        a_paid_session(**ours),
        a_paid_session(**{**ours, "order_id": None}),
    ]


@given(st.lists(st.integers(0, 5), max_size=12), st.sampled_from([2, 3, 100]))
def test_any_news_any_number_of_times_in_any_order_keeps_seats_and_tickets_together(
    news: list[int], capacity: int
) -> None:
    shop = FakeShop(capacity=capacity)
    told = sessions(shop.start())
    for number in news:
        hear(shop, told[number])
    order = shop.order()
    assert sum(shop.stock) == capacity
    assert shop.stock[1:] == (order.seats_held, order.seats_sold)
    assert order.is_paid == (4 in news)
    assert order.seats_sold == (2 if 4 in news else 0)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6))
def test_hearing_it_all_again_changes_nothing(news: list[int]) -> None:
    shop = FakeShop()
    told = sessions(shop.start())
    for number in [*news, *news]:
        hear(shop, told[number])
    before = shop.order()
    for number in news:
        hear(shop, told[number])
    assert shop.order() == before
