"""Changing an order whoever else changes it at the same moment."""

from dataclasses import replace

import pytest

from chalicelib.domain.order_changes import hear_of_refund, pay, release, without_taking_seats
from chalicelib.domain.orders import Cause, Order, OrderStatus
from chalicelib.domain.refunds import Refund, RefundStatus
from chalicelib.errors import NotFound, SalesClosed, SoldOut, Unavailable
from chalicelib.services.order_updates import update, update_keeping_seats
from tests.support.builders import NOW, a_paid_session, an_order
from tests.support.fake_shop import CAUSE, FakeShop, fails


@pytest.fixture
def shop() -> FakeShop:
    return FakeShop()


def paid(order: Order) -> Order:
    return pay(order, a_paid_session(), lambda: "A" * 16, NOW, CAUSE)


def expired(order: Order) -> Order:
    return release(order, OrderStatus.EXPIRED, NOW, CAUSE)


def refund(status: RefundStatus = RefundStatus.SUCCEEDED) -> Refund:
    return Refund("re_1", 29998, status, NOW, stripe_id="re_1")


def test_a_change_is_stored_and_said_to_be_ours(shop: FakeShop) -> None:
    updated = update(shop.orders, shop.start(), paid)
    assert updated.made
    assert updated.order == shop.order()
    assert updated.order.status is OrderStatus.PAID


def test_what_changes_nothing_is_not_written(shop: FakeShop) -> None:
    order = shop.start()
    updated = update(shop.orders, order, lambda current: current)
    assert (updated.order, updated.made) == (order, False)
    assert shop.orders.calls == []


def test_a_change_is_made_to_what_somebody_else_left(shop: FakeShop) -> None:
    order = shop.start()
    shop.orders.before_replace.append(
        lambda: shop.orders.replace(order, replace(order, user_id="user_1"))
    )

    updated = update(shop.orders, order, paid)

    assert updated.made
    assert (updated.order.status, updated.order.user_id) == (OrderStatus.PAID, "user_1")


def test_a_change_that_somebody_else_made_is_theirs(shop: FakeShop) -> None:
    order = shop.start()
    shop.orders.before_replace.append(lambda: shop.orders.replace(order, paid(order)))

    updated = update(shop.orders, order, paid)

    assert not updated.made
    assert updated.order == shop.order()
    assert shop.stock == (98, 0, 2)


def test_an_order_that_is_gone_is_not_found(shop: FakeShop) -> None:
    order = shop.start()
    shop.orders.orders.clear()
    with pytest.raises(NotFound, match="no such order"):
        update(shop.orders, order, paid)


def test_it_does_not_go_on_for_ever(shop: FakeShop) -> None:
    order = shop.start()

    def other() -> None:
        current = shop.order()
        shop.orders.before_replace.appendleft(lambda: None)
        shop.orders.replace(current, replace(current, user_id="user_1"))

    shop.orders.before_replace.extend([other] * 20)
    with pytest.raises(Unavailable, match="many changes"):
        update(shop.orders, order, paid)


@pytest.mark.parametrize("error", [SoldOut("none"), SalesClosed("none"), Unavailable("later")])
def test_what_the_store_refuses_is_told(shop: FakeShop, error: Exception) -> None:
    shop.orders.before_replace.append(fails(error))
    with pytest.raises(type(error)):
        update(shop.orders, shop.start(), paid)


class TestKeepingSeats:
    @pytest.fixture
    def order(self, shop: FakeShop) -> Order:
        """Paid and refunded, so that its seats are free again."""
        order = update(shop.orders, shop.start(), paid).order
        return update(
            shop.orders, order, lambda now: hear_of_refund(now, refund(), NOW, CAUSE)
        ).order

    @staticmethod
    def bounced(order: Order) -> Order:
        return hear_of_refund(order, refund(RefundStatus.FAILED), NOW, CAUSE)

    def test_seats_are_taken_again_where_there_are_some(self, shop: FakeShop, order: Order) -> None:
        updated = update_keeping_seats(shop.orders, order, self.bounced)
        assert updated.made
        assert (updated.order.status, shop.stock) == (OrderStatus.PAID, (98, 0, 2))

    def test_without_seats_the_rest_of_the_change_is_made(
        self, shop: FakeShop, order: Order
    ) -> None:
        shop.describe(capacity=1)
        updated = update_keeping_seats(shop.orders, order, self.bounced)
        assert updated.made
        assert updated.order.status is OrderStatus.REFUND_FAILED
        assert updated.order.refunds[0].status is RefundStatus.FAILED
        assert (updated.order.voided, shop.stock) == ((2, 1), (1, 0, 0))

    def test_an_event_that_is_over_or_gone_has_none(self, shop: FakeShop, order: Order) -> None:
        shop.events.delete(shop.events.records["tech-conference"])
        updated = update_keeping_seats(shop.orders, order, self.bounced)
        assert updated.order.status is OrderStatus.REFUND_FAILED

    def test_what_somebody_else_did_meanwhile_is_not_done_again(
        self, shop: FakeShop, order: Order
    ) -> None:
        shop.describe(capacity=1)

        def other() -> None:
            after = without_taking_seats(self.bounced(order), order)
            shop.orders.replace(order, after)

        # The second read: the store refused the seats, and the order is looked at again.
        shop.orders.before_get.append(other)
        updated = update_keeping_seats(shop.orders, order, self.bounced)
        assert not updated.made
        assert updated.order == shop.order()

    def test_an_order_that_is_gone_is_not_found(self, shop: FakeShop) -> None:
        with pytest.raises(NotFound, match="no such order"):
            update_keeping_seats(shop.orders, an_order(), expired)


def test_a_cause_is_kept_in_the_history(shop: FakeShop) -> None:
    order = shop.start()
    updated = update(
        shop.orders,
        order,
        lambda now: release(now, OrderStatus.FAILED, NOW, Cause("admin:user_1")),
    )
    assert updated.order.history[-1].cause == "admin:user_1"
