"""Money that goes back: decided once, asked for until Stripe has answered, and told."""

from dataclasses import dataclass, field, replace

import pytest

from chalicelib.domain.events import EventStatus
from chalicelib.domain.order_changes import hear_of_dispute
from chalicelib.domain.orders import Order, OrderStatus
from chalicelib.domain.refunds import Dispute, DisputeStatus, Refund, RefundStatus, Why
from chalicelib.errors import (
    EventsApiError,
    KeyInUse,
    NotFound,
    PaymentProviderError,
    RefundRefused,
    Unavailable,
)
from chalicelib.services.refunding import RefundWish
from tests.support.builders import NOW, an_order
from tests.support.fake_shop import CAUSE, FakeShop, fails
from tests.support.fakes import FakePayments

ADMIN = "user_1"
DOWN = PaymentProviderError("Stripe is down")
REFUSED = RefundRefused("already refunded", "charge_already_refunded")
PRICE = 14999


@dataclass
class Payments(FakePayments):
    """Stripe, asked for refunds: `asked` has their keys."""

    asked: list[str] = field(default_factory=list)
    status: RefundStatus = RefundStatus.SUCCEEDED
    nameless: bool = False
    list_failure: EventsApiError | None = None
    refuses_once: bool = False

    def refund(self, order: Order, refund: Refund) -> Refund:
        self.asked.append(refund.key)
        if self.refuses_once:
            self.refuses_once = False
            raise REFUSED
        told = replace(super().refund(order, refund), status=self.status)
        return replace(told, key=told.stripe_id or "") if self.nameless else told

    def refunds_of(self, payment_intent_id: str) -> list[Refund]:
        if self.list_failure is not None:
            raise self.list_failure
        return super().refunds_of(payment_intent_id)


@pytest.fixture
def payments() -> Payments:
    return Payments()


@pytest.fixture
def shop(payments: Payments) -> FakeShop:
    shop = FakeShop()
    shop.payments = payments
    shop.shop.refunding._payments = payments
    return shop


@pytest.fixture
def order(shop: FakeShop) -> Order:
    """Paid, of two seats."""
    order = shop.start_and_pay()
    shop.log.lines.clear()
    shop.meter.counts.clear()
    shop.orders.calls.clear()
    return order


def request(shop: FakeShop, order: Order, **wish: object) -> Order:
    after = shop.shop.refunding.request(order.id, RefundWish(**wish), ADMIN)  # type: ignore[arg-type]
    assert after == shop.order(order.id)
    return after


def dashboard(shop: FakeShop, order: Order, amount: int, key: str = "re_dashboard") -> Refund:
    """Make a refund in Stripe's dashboard, of which nobody told us yet."""
    made = Refund(key, amount, RefundStatus.SUCCEEDED, NOW, stripe_id=key)
    shop.payments.refunds.setdefault(order.payment_intent_id or "", []).append(made)
    return made


class TestRequests:
    def test_all_of_an_order_goes_back_with_its_seats(self, shop: FakeShop, order: Order) -> None:
        after = request(shop, order, reason="rain")

        [refund] = after.refunds
        assert (refund.amount, refund.status, refund.reason) == (
            2 * PRICE,
            RefundStatus.SUCCEEDED,
            "rain",
        )
        assert (after.status, shop.stock) == (OrderStatus.REFUNDED, (100, 0, 0))
        assert shop.log.lines[0] == (
            "audit",
            "refund_requested",
            {"orderId": order.id, "refund": refund.key, "by": "admin:user_1"},
        )
        assert shop.log.names("audit") == ["refund_requested", "refund_succeeded"]
        assert shop.meter.counts == {"Refund": 1}

    @pytest.mark.parametrize(
        ("wish", "amount", "good"),
        [
            ({"quantity": 1}, PRICE, 1),
            ({"quantity": 2}, 2 * PRICE, 0),
            ({"amount": 1}, 1, 2),
            ({"amount": PRICE}, PRICE, 1),
            ({"amount": 2 * PRICE}, 2 * PRICE, 0),
        ],
    )
    def test_a_part_goes_back_as_money_or_as_tickets(
        self, shop: FakeShop, order: Order, wish: dict[str, int], amount: int, good: int
    ) -> None:
        after = request(shop, order, **wish)
        assert (after.refunds[0].amount, after.good_tickets) == (amount, good)
        assert shop.stock == (100 - good, 0, good)

    def test_seats_stay_sold_where_the_call_says_so(self, shop: FakeShop, order: Order) -> None:
        after = request(shop, order, returns_seats=False)
        assert (after.status, shop.stock) == (OrderStatus.REFUNDED, (98, 0, 2))

    def test_what_is_left_of_a_price_goes_back_with_the_last_ticket(
        self, shop: FakeShop, order: Order
    ) -> None:
        request(shop, order, amount=5000)
        after = request(shop, order, quantity=2)
        assert [refund.amount for refund in after.refunds if refund.quantity] == [24998]
        assert after.status is OrderStatus.REFUNDED

    @pytest.mark.parametrize("key", [None, "key-1"])
    def test_the_same_wish_is_one_refund(
        self, shop: FakeShop, payments: Payments, order: Order, key: str | None
    ) -> None:
        first = request(shop, order, quantity=1, key=key)
        assert request(shop, order, quantity=1, key=key) == first
        assert len(payments.asked) == 1
        assert shop.log.names("audit").count("refund_requested") == 1

    def test_another_wish_is_another_refund(self, shop: FakeShop, order: Order) -> None:
        request(shop, order, quantity=1, key="key-1")
        after = request(shop, order, quantity=1, key="key-2")
        assert (len(after.refunds), after.status) == (2, OrderStatus.REFUNDED)

    @pytest.mark.parametrize(
        "other",
        [{"quantity": 2}, {"amount": PRICE}, {}, {"quantity": 1, "reason": "rain"}],
    )
    def test_the_same_key_with_another_wish_is_refused(
        self, shop: FakeShop, order: Order, other: dict[str, object]
    ) -> None:
        request(shop, order, quantity=1, key="key-1")
        with pytest.raises(KeyInUse, match="another refund"):
            request(shop, order, key="key-1", **other)

    def test_two_at_the_same_time_are_one_refund(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        shop.orders.before_replace.append(lambda: request(shop, order, quantity=1))
        after = request(shop, order, quantity=1)
        assert len(after.refunds) == len(payments.asked) == 1

    def test_more_than_is_left_is_never_decided_by_two_at_the_same_time(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        shop.orders.before_replace.append(lambda: request(shop, order, quantity=2, key="a"))
        with pytest.raises(RefundRefused, match="has been refunded already"):
            request(shop, order, quantity=2, key="b")
        assert len(payments.asked) == 1

    def test_an_order_that_is_not_there_is_not_found(self, shop: FakeShop) -> None:
        with pytest.raises(NotFound, match="no such order"):
            shop.shop.refunding.request("01JNNOBODYS000000000000000", RefundWish(), ADMIN)

    @pytest.mark.parametrize(
        ("before", "wish", "text"),
        [
            ([], {"quantity": 3}, "has 2 tickets that are not refunded"),
            ([{"quantity": 1}], {"quantity": 2}, "has 1 tickets that are not refunded"),
            ([], {"amount": 2 * PRICE + 1}, "more than what is left"),
            ([{"amount": 1}], {"amount": 2 * PRICE}, "more than what is left"),
            ([{}], {"amount": 1}, "has been refunded already"),
        ],
    )
    def test_more_than_there_is_is_refused_and_leaves_no_trace(
        self,
        shop: FakeShop,
        order: Order,
        before: list[dict[str, int]],
        wish: dict[str, int],
        text: str,
    ) -> None:
        for one in before:
            request(shop, order, **one)
        stored = shop.order()
        with pytest.raises(RefundRefused, match=text):
            request(shop, order, **wish)
        assert shop.order() == stored

    def test_tickets_whose_refund_failed_and_whose_seats_are_gone_can_be_refunded_again(
        self, shop: FakeShop, order: Order
    ) -> None:
        failed_after(shop, request(shop, order, quantity=2), seats=0)
        with pytest.raises(RefundRefused, match="has 2 tickets that are not refunded"):
            request(shop, order, quantity=3)

        after = request(shop, order, quantity=2)

        assert (after.status, after.amount_returned) == (OrderStatus.REFUNDED, 2 * PRICE)
        assert request(shop, order, quantity=2) == after

    def test_a_refund_of_what_is_owed_takes_no_seat_off_sale(self, shop: FakeShop) -> None:
        order = shop.start_and_pay(quantity=3, amount_total=3 * PRICE)
        failed_after(shop, request(shop, order, quantity=2), seats=1)
        shop.describe(capacity=100)

        after = request(shop, order, quantity=1)

        assert (after.status, after.good_tickets) == (OrderStatus.REFUND_FAILED, 1)
        assert shop.stock == (99, 0, 1)

    def test_an_order_that_nobody_paid_is_not_refunded(self, shop: FakeShop) -> None:
        with pytest.raises(RefundRefused, match="nothing was paid"):
            request(shop, shop.start())

    def test_a_disputed_payment_is_not_refunded(self, shop: FakeShop, order: Order) -> None:
        dispute(shop, order, DisputeStatus.NEEDS_RESPONSE)
        with pytest.raises(RefundRefused, match="bank disputes"):
            request(shop, order)

    def test_of_a_lost_dispute_the_seats_come_back_and_no_money_goes(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        dispute(shop, order, DisputeStatus.LOST)
        with pytest.raises(RefundRefused, match="no money"):
            request(shop, order, amount=PRICE)
        assert shop.stock == (98, 0, 2)
        request(shop, order, quantity=1)
        assert shop.stock == (99, 0, 1)
        after = request(shop, order)
        assert (after.status, shop.stock) == (OrderStatus.DISPUTED, (100, 0, 0))
        assert payments.asked == []

    def test_what_a_lost_dispute_was_not_about_is_refunded_and_then_its_seats_come_back(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        dispute(shop, order, DisputeStatus.NEEDS_RESPONSE, PRICE)
        with pytest.raises(RefundRefused, match="bank disputes"):
            request(shop, order, quantity=1)
        dispute(shop, order, DisputeStatus.LOST, PRICE)
        with pytest.raises(RefundRefused, match="more than what is left"):
            request(shop, order, amount=PRICE + 1)

        after = request(shop, order, quantity=1)

        assert (after.status, after.good_tickets) == (OrderStatus.DISPUTED, 0)
        assert (after.amount_returned, after.amount_refundable) == (PRICE, 0)
        assert shop.stock == (99, 0, 1)
        after = request(shop, order, quantity=1, reason="seats")
        assert (after.amount_returned, after.good_tickets) == (PRICE, 0)
        assert (shop.stock, len(payments.asked)) == ((100, 0, 0), 1)

    def test_an_order_has_no_more_refunds_than_its_item_can_hold(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        payments.refusal = REFUSED
        for number in range(50):
            with pytest.raises(RefundRefused, match="refused"):
                request(shop, order, key=f"key-{number}")
        stored = shop.order()
        with pytest.raises(RefundRefused, match="too many"):
            request(shop, order, key="key-50")
        assert shop.order() == stored
        # What the program owes has room of its own, and there is an end to it too.
        for _ in range(51):
            shop.shop.refunding.return_all(shop.order(), Why.EVENT_CANCELLED, CAUSE)
        owed = shop.order()
        assert (owed.status, len(owed.refunds)) == (OrderStatus.REFUND_FAILED, 100)

    def test_what_is_left_after_many_refunds_goes_back_by_itself(
        self, shop: FakeShop, order: Order
    ) -> None:
        for number in range(50):
            request(shop, order, amount=50, key=f"key-{number}")
        after = shop.shop.refunding.return_all(shop.order(), Why.EVENT_CANCELLED, CAUSE)
        assert (after.status, after.amount_returned) == (OrderStatus.REFUNDED, order.amount_paid)

    def test_what_stripe_cannot_do_now_stays_decided_and_due(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        payments.failure = DOWN
        with pytest.raises(PaymentProviderError):
            request(shop, order)
        stored = shop.order()
        assert (stored.status, len(stored.requested_refunds)) == (OrderStatus.REFUNDING, 1)
        assert stored.due_at is not None
        payments.failure = None
        assert request(shop, order).status is OrderStatus.REFUNDED

    def test_what_stripe_refuses_is_told_and_may_be_asked_for_again(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        payments.refusal = RefundRefused("no funds", "insufficient_funds")
        with pytest.raises(RefundRefused) as refused:
            request(shop, order, key="key-1")
        assert refused.value.code == "insufficient_funds"
        stored = shop.order()
        assert (stored.status, stored.good_tickets) == (OrderStatus.PAID, 2)
        assert shop.log.names("error") == ["refund_refused", "refund_failed"]
        assert shop.meter.counts == {"RefundFailed": 1}

        payments.refusal = None
        after = request(shop, order, key="key-1")
        assert after.status is OrderStatus.REFUNDED
        assert payments.asked[1] == f"{payments.asked[0]}-2"
        assert request(shop, order, key="key-1") == after

    def test_each_try_that_failed_is_followed_by_another(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        payments.refusal = REFUSED
        for _ in range(3):
            with pytest.raises(RefundRefused):
                request(shop, order)
        first, second, third = payments.asked
        assert (second, third) == (f"{first}-2", f"{first}-3")

    def test_a_refund_on_its_way_is_counted_once_it_arrives(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        payments.status = RefundStatus.PENDING
        after = request(shop, order)
        assert (after.status, shop.stock) == (OrderStatus.REFUNDED, (98, 0, 2))
        assert shop.meter.counts == {}
        arrived = replace(after.refunds[0], status=RefundStatus.SUCCEEDED)
        shop.shop.refunding.hear(after, arrived, CAUSE)
        assert (shop.stock, shop.meter.counts) == ((100, 0, 0), {"Refund": 1})

    def test_a_refund_that_stripe_does_not_name_is_not_asked_for_for_ever(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        payments.nameless = True
        request(shop, order)
        assert len(payments.asked) == 1


def failed_after(shop: FakeShop, order: Order, seats: int) -> Order:
    """Have an order's refund fail when the event has so many seats left, of which none is free."""
    shop.describe(capacity=seats)
    failed = replace(order.refunds[0], status=RefundStatus.FAILED)
    return shop.shop.refunding.hear(order, failed, CAUSE)


def dispute(
    shop: FakeShop, order: Order, status: DisputeStatus, amount: int | None = None
) -> Order:
    current = shop.order(order.id)
    news = Dispute("dp_1", status, amount or order.amount_paid, "fraudulent", NOW)
    return shop.orders.replace(current, hear_of_dispute(current, news, NOW, CAUSE))


class TestFreeOrders:
    @pytest.fixture
    def order(self, shop: FakeShop) -> Order:
        shop.describe(price=0)
        return shop.start_and_pay(unit_price=0)

    def test_free_tickets_are_cancelled_without_stripe(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        after = request(shop, order)
        assert (after.status, shop.stock) == (OrderStatus.CANCELLED, (100, 0, 0))
        assert payments.asked == []

    def test_some_of_them_may_stay(self, shop: FakeShop, order: Order) -> None:
        after = request(shop, order, quantity=1)
        assert (after.status, after.good_tickets) == (OrderStatus.PAID, 1)
        assert shop.stock == (99, 0, 1)

    @pytest.mark.parametrize(
        ("wish", "text"),
        [
            ({"amount": 1}, "no money of this order"),
            ({"quantity": 3}, "has 2 tickets that are not cancelled"),
        ],
    )
    def test_more_than_there_is_is_refused(
        self, shop: FakeShop, order: Order, wish: dict[str, int], text: str
    ) -> None:
        with pytest.raises(RefundRefused, match=text):
            request(shop, order, **wish)

    def test_what_is_cancelled_is_not_cancelled_again(self, shop: FakeShop, order: Order) -> None:
        request(shop, order)
        with pytest.raises(RefundRefused, match="has 0 tickets"):
            request(shop, order, quantity=1)

    def test_the_program_cancels_what_is_left_once(self, shop: FakeShop, order: Order) -> None:
        refunding = shop.shop.refunding
        request(shop, order, quantity=1)
        after = refunding.return_all(shop.order(), Why.EVENT_CANCELLED, CAUSE)
        assert after.status is OrderStatus.CANCELLED
        assert refunding.return_all(after, Why.EVENT_CANCELLED, CAUSE) == after


class TestOwnRefunds:
    def return_all(self, shop: FakeShop, order: Order) -> Order:
        return shop.shop.refunding.return_all(order, Why.EVENT_CANCELLED, CAUSE)

    def test_all_that_is_left_goes_back_once(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        request(shop, order, amount=5000)
        after = self.return_all(shop, order)
        assert after.refund("event_cancelled") is not None
        assert after.status is OrderStatus.REFUNDED
        assert self.return_all(shop, after) == after
        assert len(payments.asked) == 2

    def test_who_reads_an_old_order_sends_nothing_twice(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        self.return_all(shop, order)
        after = self.return_all(shop, order)
        assert after.status is OrderStatus.REFUNDED
        assert payments.asked == ["event_cancelled"]

    def test_what_nobody_paid_and_what_the_bank_has_is_left_alone(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        disputed = dispute(shop, order, DisputeStatus.NEEDS_RESPONSE)
        assert self.return_all(shop, disputed) == disputed
        pending = shop.start(id="01JNOTHER00000000000000000")
        assert self.return_all(shop, pending) == pending
        assert payments.asked == []

    def test_the_rest_of_a_lost_dispute_goes_back_or_is_owed(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        lost = dispute(shop, order, DisputeStatus.LOST, PRICE)
        payments.refusal = RefundRefused("no", "charge_disputed")
        owed = self.return_all(shop, lost)
        assert (owed.status, owed.good_tickets) == (OrderStatus.REFUND_FAILED, 1)
        assert "refund_failed" in shop.log.names("error")
        payments.refusal = None
        after = self.return_all(shop, owed)
        assert (after.status, after.good_tickets) == (OrderStatus.DISPUTED, 0)
        assert after.amount_returned == PRICE

    def test_a_refusal_because_of_another_refund_is_followed_by_the_rest(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        dashboard(shop, order, 5000)
        payments.refuses_once = True

        after = self.return_all(shop, order)

        assert payments.asked == ["event_cancelled", "event_cancelled-2"]
        assert {refund.key: (refund.amount, refund.status) for refund in after.refunds} == {
            "event_cancelled": (29998, RefundStatus.FAILED),
            "event_cancelled-2": (24998, RefundStatus.SUCCEEDED),
            "re_dashboard": (5000, RefundStatus.SUCCEEDED),
        }
        assert (after.status, shop.stock) == (OrderStatus.REFUNDED, (100, 0, 0))

    def test_a_refusal_because_all_is_refunded_ends_it(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        dashboard(shop, order, 29998)
        payments.refusal = REFUSED
        after = self.return_all(shop, order)
        assert after.status is OrderStatus.REFUNDED
        assert payments.asked == ["event_cancelled"]

    def test_a_refusal_without_a_visible_reason_is_owed_and_not_tried_again_by_itself(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        payments.refusal = RefundRefused("will not")
        after = self.return_all(shop, order)
        assert after.status is OrderStatus.REFUND_FAILED
        assert after.refunds[0].failure == "refused"
        assert (after.due_at, payments.asked) == (None, ["event_cancelled"])

    def test_a_refusal_is_not_noted_before_it_is_known_what_else_went_back(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        payments.refusal = REFUSED
        payments.list_failure = DOWN
        with pytest.raises(PaymentProviderError):
            self.return_all(shop, order)
        assert shop.order().status is OrderStatus.REFUNDING

    def test_a_refund_that_was_made_after_all_is_no_refusal(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        dashboard(shop, order, 29998, key="event_cancelled")
        payments.refusal = REFUSED
        after = self.return_all(shop, order)
        assert after.status is OrderStatus.REFUNDED
        assert shop.log.names("error") == ["refund_refused"]

    def test_a_payment_without_an_intent_is_somebodys_to_see_to(
        self, shop: FakeShop, order: Order
    ) -> None:
        nameless = shop.orders.replace(order, replace(order, payment_intent_id=None))
        after = self.return_all(shop, nameless)
        assert after.status is OrderStatus.REFUND_FAILED


class TestNews:
    def test_a_refund_of_the_dashboard_is_heard_of_once(self, shop: FakeShop, order: Order) -> None:
        news = dashboard(shop, order, PRICE)
        after = shop.shop.refunding.hear(order, news, CAUSE)
        assert (after.good_tickets, shop.stock) == (1, (99, 0, 1))
        assert shop.shop.refunding.hear(order, news, CAUSE) == after
        assert shop.log.lines == [
            (
                "audit",
                "refund_succeeded",
                {"orderId": order.id, "refund": "re_dashboard", "amount": PRICE},
            )
        ]

    def test_all_refunds_of_a_payment_are_heard_of(self, shop: FakeShop, order: Order) -> None:
        dashboard(shop, order, PRICE)
        dashboard(shop, order, PRICE, key="re_other")
        after = shop.shop.refunding.hear_all(order, CAUSE)
        assert after.status is OrderStatus.REFUNDED

    def test_a_payment_without_an_intent_has_no_refunds_to_hear_of(self, shop: FakeShop) -> None:
        order = an_order()
        assert shop.shop.refunding.hear_all(order, CAUSE) is order

    def test_a_refund_that_came_back_is_told_and_its_seats_are_taken_again(
        self, shop: FakeShop, order: Order
    ) -> None:
        refunded = request(shop, order)
        news = replace(refunded.refunds[0], status=RefundStatus.FAILED, failure="lost_card")
        after = shop.shop.refunding.hear(refunded, news, CAUSE)
        assert (after.status, shop.stock) == (OrderStatus.PAID, (98, 0, 2))
        kind, name, fields = shop.log.lines[-1]
        assert (kind, name, fields["failure"]) == ("error", "refund_failed", "lost_card")
        assert shop.meter.counts["RefundFailed"] == 1

    @pytest.mark.parametrize("event", [{"capacity": 1}, {"status": EventStatus.CANCELLED}])
    def test_where_its_seats_are_gone_the_money_is_owed(
        self, shop: FakeShop, order: Order, event: dict[str, object]
    ) -> None:
        refunded = request(shop, order)
        shop.describe(**event)
        news = replace(refunded.refunds[0], status=RefundStatus.FAILED)
        after = shop.shop.refunding.hear(refunded, news, CAUSE)
        assert after.status is OrderStatus.REFUND_FAILED
        assert (after.good_tickets, shop.stock[2]) == (0, 0)


class TestTrying:
    def test_what_stripe_can_do_is_done(self, shop: FakeShop, order: Order) -> None:
        assert shop.shop.refunding.try_to_carry_out(order, CAUSE) == order

    def test_what_it_cannot_do_now_is_logged_and_left(
        self, shop: FakeShop, payments: Payments, order: Order
    ) -> None:
        payments.failure = DOWN
        with pytest.raises(PaymentProviderError):
            request(shop, order)
        left = shop.order()
        assert shop.shop.refunding.try_to_carry_out(left, CAUSE) == left
        assert shop.log.lines[-1] == ("error", "refund_left", {"orderId": order.id})

    def test_a_store_that_fails_is_told(self, shop: FakeShop, order: Order) -> None:
        shop.orders.after_replace.extend([lambda: None, fails(Unavailable("down"))])
        with pytest.raises(Unavailable):
            request(shop, order)
        # Stripe made the refund, and whoever asks again finds it made.
        assert request(shop, order).status is OrderStatus.REFUNDED
        assert len(shop.payments.refunds[order.payment_intent_id or ""]) == 1
