"""The state machine of a sale."""

import pytest

from chalicelib.domain.orders import (
    HOLD,
    Cause,
    OrderStatus,
    PaymentStatus,
    SessionStatus,
    may_follow,
)
from tests.support.builders import a_paid_session, a_session

ALLOWED = {
    (OrderStatus.PENDING, OrderStatus.PAID),
    (OrderStatus.PENDING, OrderStatus.EXPIRED),
    (OrderStatus.PENDING, OrderStatus.FAILED),
    (OrderStatus.PAID, OrderStatus.REFUNDED),
    (OrderStatus.PAID, OrderStatus.PARTIALLY_REFUNDED),
    (OrderStatus.PAID, OrderStatus.DISPUTED),
}


@pytest.mark.parametrize("before", OrderStatus)
@pytest.mark.parametrize("after", OrderStatus)
def test_an_order_goes_only_where_the_picture_says(before: OrderStatus, after: OrderStatus) -> None:
    assert may_follow(before, after) == ((before, after) in ALLOWED)


def test_a_hold_outlives_the_shortest_session_that_stripe_allows() -> None:
    assert HOLD.total_seconds() == 31 * 60


def test_a_stripe_event_is_a_cause_that_can_be_recognised() -> None:
    assert Cause.stripe_event("evt_1") == Cause("evt_1", stripe_event_id="evt_1")


def test_a_cause_that_is_no_stripe_event_has_no_event_id() -> None:
    assert Cause("verify").stripe_event_id is None


@pytest.mark.parametrize("payment", [PaymentStatus.PAID, PaymentStatus.NO_PAYMENT_REQUIRED])
def test_a_complete_session_that_owes_nothing_is_settled(payment: PaymentStatus) -> None:
    assert a_paid_session(payment_status=payment).settled


@pytest.mark.parametrize(
    ("status", "payment"),
    [
        (SessionStatus.COMPLETE, PaymentStatus.UNPAID),
        (SessionStatus.OPEN, PaymentStatus.UNPAID),
        (SessionStatus.EXPIRED, PaymentStatus.UNPAID),
        (SessionStatus.OPEN, PaymentStatus.NO_PAYMENT_REQUIRED),
        (SessionStatus.EXPIRED, PaymentStatus.PAID),
    ],
)
def test_a_session_that_is_unpaid_or_not_complete_is_not_settled(
    status: SessionStatus, payment: PaymentStatus
) -> None:
    assert not a_session(status=status, payment_status=payment).settled
