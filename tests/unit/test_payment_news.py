"""What Stripe's events do to orders: in any order, any number of times, one effect."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.events import EventStatus
from chalicelib.domain.orders import Order, OrderStatus
from chalicelib.domain.payment_news import PaymentNews
from chalicelib.domain.refunds import Dispute, DisputeStatus, Refund, RefundStatus, Why
from chalicelib.errors import PaymentProviderError, RefundRefused, Unavailable
from tests.support.builders import NOW, an_event, an_order
from tests.support.fake_shop import CAUSE, FakeShop, fails

PRICE = 14999
INTENT = f"pi_{an_order().id}"


@pytest.fixture
def shop() -> FakeShop:
    return FakeShop()


@pytest.fixture
def order(shop: FakeShop) -> Order:
    return shop.start_and_pay()


def a_refund(
    amount: int = PRICE, status: RefundStatus = RefundStatus.SUCCEEDED, key: str = "re_1"
) -> Refund:
    return Refund(key, amount, status, NOW, stripe_id=key)


def a_dispute(status: DisputeStatus) -> Dispute:
    return Dispute("dp_1", status, 2 * PRICE, "fraudulent", NOW)


def about(
    *, refund: Refund | None = None, dispute: Dispute | None = None, intent: str | None = INTENT
) -> PaymentNews:
    return PaymentNews("evt_2", NOW, None, intent, refund, dispute)


def test_news_are_a_cause_by_their_events_id() -> None:
    assert about().cause.text == "evt_2"


def test_news_of_a_session_are_heard_by_fulfilment(shop: FakeShop) -> None:
    session = shop.pay(shop.start())
    news = PaymentNews("evt_1", NOW, session)
    assert shop.shop.desk.hear(news) == "paid"
    assert shop.shop.desk.hear(news) == "repeated"
    assert shop.stock == (98, 0, 2)


@pytest.mark.parametrize("intent", [None, "pi_unknown"])
def test_what_is_about_nothing_of_ours_is_left_alone(
    shop: FakeShop, order: Order, intent: str | None
) -> None:
    assert shop.shop.desk.hear(about(refund=a_refund(), intent=intent)) == "not_ours"
    assert shop.order() == order


def test_a_payment_of_another_session_than_the_orders_is_not_ours(
    shop: FakeShop, order: Order
) -> None:
    stranger = replace(shop.payments.sessions[f"cs_test_{order.id}"], id="cs_stranger")
    shop.payments.sessions = {"cs_stranger": stranger}
    assert shop.shop.desk.hear(about(refund=a_refund())) == "not_ours"


class TestRefunds:
    def test_a_refund_made_in_the_dashboard_voids_a_ticket(
        self, shop: FakeShop, order: Order
    ) -> None:
        news = about(refund=a_refund())
        assert shop.shop.desk.hear(news) == "refund"
        assert (shop.order().good_tickets, shop.stock) == (1, (99, 0, 1))
        assert shop.shop.desk.hear(news) == "repeated"

    def test_news_that_name_no_refund_have_stripe_asked_for_all_of_them(
        self, shop: FakeShop, order: Order
    ) -> None:
        shop.payments.refunds[INTENT] = [a_refund(), a_refund(key="re_2")]
        assert shop.shop.desk.hear(about()) == "refund"
        assert shop.order().status is OrderStatus.REFUNDED
        assert shop.shop.desk.hear(about()) == "repeated"

    def test_a_refund_that_is_heard_of_before_its_payment_finds_it_paid(
        self, shop: FakeShop
    ) -> None:
        shop.pay(shop.start())
        assert shop.shop.desk.hear(about(refund=a_refund())) == "refund"
        assert (shop.order().status, shop.stock) == (
            OrderStatus.PARTIALLY_REFUNDED,
            (99, 0, 1),
        )

    def test_stripe_being_down_is_told_so_that_it_tries_again(
        self, shop: FakeShop, order: Order
    ) -> None:
        shop.payments.failure = PaymentProviderError("down")
        with pytest.raises(PaymentProviderError):
            shop.shop.desk.hear(about(refund=a_refund()))
        shop.payments.failure = None
        assert shop.shop.desk.hear(about(refund=a_refund())) == "refund"

    def test_a_refund_that_fails_after_the_event_was_cancelled_is_made_anew(
        self, shop: FakeShop, order: Order
    ) -> None:
        shop.shop.desk.hear(about(refund=a_refund(2 * PRICE, RefundStatus.PENDING)))
        shop.cancel_event()
        failed = about(refund=a_refund(2 * PRICE, RefundStatus.FAILED))
        shop.shop.desk.hear(failed)

        assert shop.order().status is OrderStatus.REFUNDED
        assert [one.key for one in shop.payments.refunds[INTENT]] == ["event_cancelled"]
        shop.shop.desk.hear(failed)
        assert len(shop.payments.refunds[INTENT]) == 1

    def test_so_it_is_where_its_seats_had_gone_back(self, shop: FakeShop, order: Order) -> None:
        shop.shop.desk.hear(about(refund=a_refund(2 * PRICE)))
        shop.cancel_event()
        shop.shop.desk.hear(about(refund=a_refund(2 * PRICE, RefundStatus.FAILED)))
        assert shop.order().status is OrderStatus.REFUNDED
        assert shop.stock == (100, 0, 0)

    def test_a_refund_of_our_own_that_fails_is_not_made_again_without_end(
        self, shop: FakeShop, order: Order
    ) -> None:
        shop.cancel_event()
        after = shop.shop.refunding.return_all(order, Why.EVENT_CANCELLED, CAUSE)
        failed = replace(after.refunds[0], status=RefundStatus.FAILED)
        shop.shop.desk.hear(about(refund=failed))
        assert shop.order().status is OrderStatus.REFUND_FAILED
        assert len(shop.payments.refunds[INTENT]) == 1

    def test_a_refund_that_fails_leaves_the_tickets_good(
        self, shop: FakeShop, order: Order
    ) -> None:
        shop.shop.desk.hear(about(refund=a_refund(status=RefundStatus.FAILED)))
        assert (shop.order().status, shop.order().good_tickets) == (OrderStatus.PAID, 2)


class TestDisputes:
    def hear(self, shop: FakeShop, status: DisputeStatus) -> str:
        return shop.shop.desk.hear(about(dispute=a_dispute(status)))

    def test_a_dispute_is_told_and_its_tickets_do_not_get_in(
        self, shop: FakeShop, order: Order
    ) -> None:
        assert self.hear(shop, DisputeStatus.NEEDS_RESPONSE) == "dispute"
        assert (shop.order().status, shop.order().good_tickets) == (OrderStatus.DISPUTED, 0)
        told = {"orderId": order.id, "dispute": "dp_1", "status": "needs_response"}
        assert shop.log.lines[-1] == ("error", "payment_disputed", told)
        assert shop.meter.counts["Dispute"] == 1
        assert self.hear(shop, DisputeStatus.NEEDS_RESPONSE) == "repeated"
        assert shop.meter.counts["Dispute"] == 1

    def test_a_dispute_that_is_won_leaves_the_tickets_good(
        self, shop: FakeShop, order: Order
    ) -> None:
        self.hear(shop, DisputeStatus.NEEDS_RESPONSE)
        assert self.hear(shop, DisputeStatus.WON) == "dispute"
        assert (shop.order().status, shop.order().good_tickets) == (OrderStatus.PAID, 2)
        assert shop.payments.refunds == {}

    def test_a_dispute_that_is_lost_stays(self, shop: FakeShop, order: Order) -> None:
        self.hear(shop, DisputeStatus.LOST)
        assert self.hear(shop, DisputeStatus.NEEDS_RESPONSE) == "repeated"
        assert shop.order().status is OrderStatus.DISPUTED

    def test_winning_for_a_cancelled_event_gives_the_money_back(
        self, shop: FakeShop, order: Order
    ) -> None:
        self.hear(shop, DisputeStatus.NEEDS_RESPONSE)
        shop.cancel_event()
        self.hear(shop, DisputeStatus.UNDER_REVIEW)
        assert shop.payments.refunds == {}
        self.hear(shop, DisputeStatus.WON)
        assert shop.order().status is OrderStatus.REFUNDED
        assert len(shop.payments.refunds[INTENT]) == 1

    def test_losing_a_part_for_a_cancelled_event_gives_the_rest_back(
        self, shop: FakeShop, order: Order
    ) -> None:
        for status in (DisputeStatus.NEEDS_RESPONSE, DisputeStatus.LOST):
            assert shop.payments.refunds == {}
            news = replace(a_dispute(status), amount=PRICE)
            shop.shop.desk.hear(about(dispute=news))
            shop.cancel_event()
        after = shop.order()
        assert (after.status, after.good_tickets) == (OrderStatus.DISPUTED, 0)
        assert after.amount_returned == order.amount_paid - PRICE

    def test_another_event_under_the_former_slug_is_not_taken_for_it(
        self, shop: FakeShop, order: Order
    ) -> None:
        shop.describe(slug="moved")
        del shop.events.moved["tech-conference"]
        shop.events.create(an_event(id=2, status=EventStatus.CANCELLED))
        self.hear(shop, DisputeStatus.WON)
        assert shop.order().status is OrderStatus.PAID

    def test_an_event_that_is_gone_was_not_cancelled(self, shop: FakeShop, order: Order) -> None:
        shop.events.records.clear()
        assert self.hear(shop, DisputeStatus.WON) == "dispute"
        assert shop.order().status is OrderStatus.PAID

    def test_who_hears_it_again_gives_back_what_the_first_did_not_come_to(
        self, shop: FakeShop, order: Order
    ) -> None:
        self.hear(shop, DisputeStatus.NEEDS_RESPONSE)
        shop.cancel_event()
        shop.orders.before_replace.extend([lambda: None, fails(Unavailable("killed"))])
        with pytest.raises(Unavailable):
            self.hear(shop, DisputeStatus.WON)
        assert shop.order().status is OrderStatus.PAID

        assert self.hear(shop, DisputeStatus.WON) == "repeated"
        assert shop.order().status is OrderStatus.REFUNDED

    def test_a_refund_that_was_refused_for_the_dispute_is_made_when_it_is_won(
        self, shop: FakeShop, order: Order
    ) -> None:
        shop.payments.refusal = RefundRefused("disputed", "charge_disputed")
        shop.shop.refunding.return_all(order, Why.AMOUNT_DIFFERS, CAUSE)
        self.hear(shop, DisputeStatus.NEEDS_RESPONSE)
        shop.payments.refusal = None
        self.hear(shop, DisputeStatus.WON)
        assert shop.order().status is OrderStatus.REFUNDED
        assert [refund.key for refund in shop.payments.refunds[INTENT]] == ["amount_differs-2"]


NEWS = [
    about(refund=a_refund()),
    about(refund=a_refund(status=RefundStatus.PENDING)),
    about(refund=a_refund(status=RefundStatus.FAILED)),
    about(refund=a_refund(PRICE, key="re_2")),
    about(dispute=a_dispute(DisputeStatus.NEEDS_RESPONSE)),
    about(dispute=a_dispute(DisputeStatus.WON)),
    about(),
]


@given(st.permutations([*NEWS, *NEWS]))
def test_every_order_of_the_news_ends_the_same(news: list[PaymentNews]) -> None:
    shop = FakeShop()
    session = shop.pay(shop.start())
    for one in [*news, PaymentNews("evt_1", NOW, session)]:
        shop.shop.desk.hear(one)
    order = shop.order()
    assert order.status is OrderStatus.PARTIALLY_REFUNDED
    assert (order.voided, order.seats_returned) == ((2,), 1)
    assert {refund.key: refund.status for refund in order.refunds} == {
        "re_1": RefundStatus.FAILED,
        "re_2": RefundStatus.SUCCEEDED,
    }
    assert [dispute.status for dispute in order.disputes] == [DisputeStatus.WON]
    assert shop.stock == (99, 0, 1)
