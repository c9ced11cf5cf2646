"""Steps in an order's life, as news of the payment of `builders.an_order()` would take them."""

from collections.abc import Callable
from datetime import datetime, timedelta

from chalicelib.domain.order_changes import (
    await_payment,
    hear_of_refund,
    pay,
    pay_in_vain,
    release,
    with_session,
)
from chalicelib.domain.orders import Cause, Order, OrderStatus
from chalicelib.domain.refunds import Refund, RefundStatus, Why
from tests.support.builders import NOW, a_paid_session

LATER = NOW + timedelta(minutes=5)
CAUSE = Cause("verify")
SECRET = "AAAAAAAAAAAAAAAA"

Step = Callable[[Order], Order]


def noted(order: Order, at: datetime = LATER) -> Order:
    """Its session is known."""
    return with_session(order, "cs_1", at)


def waiting(order: Order, at: datetime = LATER) -> Order:
    """Its payment is on the way."""
    return await_payment(order, at + timedelta(days=1), at, CAUSE)


def paid(order: Order, at: datetime = LATER) -> Order:
    """It is paid, and has tickets."""
    session = a_paid_session(
        id=f"cs_{order.id}", order_id=order.id, amount_total=order.amount_total
    )
    return pay(order, session, lambda: SECRET, at, CAUSE)


def expired(order: Order, at: datetime = LATER) -> Order:
    """Nobody paid it in time."""
    return release(order, OrderStatus.EXPIRED, at, CAUSE)


def in_vain(order: Order, at: datetime = LATER) -> Order:
    """It was paid after its seats were gone."""
    return pay_in_vain(order, a_paid_session(), Why.SOLD_OUT, at, CAUSE)


def refunded(order: Order, at: datetime = LATER, amount: int = 29998) -> Order:
    """Its money went back, all or part of it, and its seats with it."""
    refund = Refund("re_1", amount, RefundStatus.SUCCEEDED, NOW, stripe_id="re_1")
    return hear_of_refund(order, refund, at, CAUSE)


def bounced(order: Order, at: datetime = LATER) -> Order:
    """The money that went back came back to us."""
    refund = Refund("re_1", 29998, RefundStatus.FAILED, NOW, stripe_id="re_1")
    return hear_of_refund(order, refund, at, CAUSE)
