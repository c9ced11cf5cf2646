"""What an order says of itself, and what a checkout session does."""

from datetime import timedelta

import pytest

from chalicelib.domain.checkout_sessions import PaymentStatus, SessionStatus
from chalicelib.domain.order_changes import pay, release
from chalicelib.domain.orders import HOLD, Cause, Order, OrderStatus
from chalicelib.domain.refunds import Dispute, DisputeStatus, Refund, RefundStatus, Why
from chalicelib.domain.tickets import CheckIn
from tests.support.builders import NOW, a_paid_session, a_session, an_order

CAUSE = Cause("test")


def a_paid_order(**changes: object) -> Order:
    order = an_order(
        status=OrderStatus.PAID,
        paid_at=NOW,
        amount_paid=29998,
        payment_intent_id="pi_1",
        tickets=("AAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBB"),
        due_at=None,
    )
    return an_order(**{name: getattr(order, name) for name in order.__slots__} | changes)


def a_refund(
    status: RefundStatus, amount: int = 14999, key: str = "re_1", quantity: int = 0
) -> Refund:
    return Refund(key, amount, status, NOW, quantity=quantity, stripe_id="re_1")


def a_dispute(status: DisputeStatus, amount: int = 29998) -> Dispute:
    return Dispute("dp_1", status, amount, "fraudulent", NOW)


def test_a_hold_outlives_the_shortest_session_that_stripe_allows() -> None:
    assert timedelta(minutes=30) < HOLD <= timedelta(minutes=32)


def test_causes_say_who_it_was() -> None:
    assert Cause.stripe_event("evt_1").text == "evt_1"
    assert Cause.admin("user_1").text == "admin:user_1"


@pytest.mark.parametrize("status", OrderStatus)
def test_only_a_pending_order_holds_seats(status: OrderStatus) -> None:
    assert an_order(status=status).seats_held == (2 if status is OrderStatus.PENDING else 0)


@pytest.mark.parametrize(
    ("order", "sold"),
    [
        (an_order(), 0),
        (a_paid_order(), 2),
        (a_paid_order(seats_returned=1), 1),
        (a_paid_order(tickets=()), 0),
    ],
)
def test_seats_are_sold_to_those_with_tickets_until_they_return(order: Order, sold: int) -> None:
    assert order.seats_sold == sold


def test_an_order_is_paid_from_when_its_money_came_in() -> None:
    assert not an_order().is_paid
    assert a_paid_order().is_paid


def test_an_order_of_nothing_is_free() -> None:
    assert an_order(unit_price=0).is_free
    assert not an_order().is_free


@pytest.mark.parametrize(
    ("status", "returned", "refundable"),
    [
        (RefundStatus.REQUESTED, 0, 14999),
        (RefundStatus.PENDING, 14999, 14999),
        (RefundStatus.REQUIRES_ACTION, 14999, 14999),
        (RefundStatus.SUCCEEDED, 14999, 14999),
        (RefundStatus.FAILED, 0, 29998),
        (RefundStatus.CANCELED, 0, 29998),
    ],
)
def test_money_that_is_decided_to_go_back_cannot_go_back_again(
    status: RefundStatus, returned: int, refundable: int
) -> None:
    order = a_paid_order(refunds=(a_refund(status),))
    assert (order.amount_returned, order.amount_refundable) == (returned, refundable)


@pytest.mark.parametrize(
    ("status", "amount", "disputed", "refundable"),
    [
        (DisputeStatus.NEEDS_RESPONSE, 10000, 10000, 4999),
        (DisputeStatus.LOST, 10000, 10000, 4999),
        (DisputeStatus.LOST, 29998, 29998, 0),
        (DisputeStatus.LOST, 40000, 29998, 0),
        (DisputeStatus.WON, 10000, 0, 14999),
    ],
)
def test_money_that_the_bank_has_cannot_go_back(
    status: DisputeStatus, amount: int, disputed: int, refundable: int
) -> None:
    order = a_paid_order(
        refunds=(a_refund(RefundStatus.SUCCEEDED),), disputes=(a_dispute(status, amount),)
    )
    assert (order.amount_disputed, order.amount_refundable) == (disputed, refundable)


def test_refunds_are_found_by_their_keys() -> None:
    order = a_paid_order(refunds=(a_refund(RefundStatus.PENDING),))
    assert order.refund("re_1") == a_refund(RefundStatus.PENDING)
    assert order.refund("re_2") is None


def test_only_refunds_that_stripe_knows_nothing_of_are_left_to_be_asked_for() -> None:
    asked = a_refund(RefundStatus.REQUESTED, key="a")
    order = a_paid_order(refunds=(asked, a_refund(RefundStatus.PENDING, key="b")))
    assert order.requested_refunds == (asked,)


def test_codes_are_numbered_from_one_and_void_ones_are_among_them() -> None:
    codes = a_paid_order(voided=(1,)).ticket_codes()
    assert [(code.number, code.secret) for code in codes] == [
        (1, "AAAAAAAAAAAAAAAA"),
        (2, "BBBBBBBBBBBBBBBB"),
    ]
    assert {code.order_id for code in codes} == {an_order().id}


def test_who_came_in_is_found_by_the_tickets_number() -> None:
    entry = CheckIn(2, NOW)
    order = a_paid_order(check_ins=(entry,))
    assert order.check_in(2) == entry
    assert order.check_in(1) is None


@pytest.mark.parametrize(
    ("order", "good"),
    [
        (an_order(), []),
        (a_paid_order(), [1, 2]),
        (a_paid_order(voided=(2,)), [1]),
        (a_paid_order(voided=(2, 1)), []),
        (a_paid_order(check_ins=(CheckIn(1, NOW),)), [1, 2]),
        (a_paid_order(disputes=(a_dispute(DisputeStatus.NEEDS_RESPONSE),)), []),
        (a_paid_order(disputes=(a_dispute(DisputeStatus.UNDER_REVIEW),)), []),
        (a_paid_order(disputes=(a_dispute(DisputeStatus.LOST),)), []),
        (a_paid_order(disputes=(a_dispute(DisputeStatus.WON),)), [1, 2]),
        (a_paid_order(disputes=(a_dispute(DisputeStatus.WARNING_NEEDS_RESPONSE),)), [1, 2]),
        (a_paid_order(disputes=(a_dispute(DisputeStatus.PREVENTED),)), [1, 2]),
        (a_paid_order(disputes=(a_dispute(DisputeStatus.NEEDS_RESPONSE, 1),)), [1]),
        (a_paid_order(disputes=(a_dispute(DisputeStatus.LOST, 14999),)), [1]),
        (a_paid_order(disputes=(a_dispute(DisputeStatus.LOST, 15000),)), []),
        (a_paid_order(disputes=(a_dispute(DisputeStatus.LOST, 40000),)), []),
        (a_paid_order(disputes=(a_dispute(DisputeStatus.LOST, 14999),), voided=(2,)), []),
        (
            a_paid_order(
                disputes=(a_dispute(DisputeStatus.LOST, 14999),), check_ins=(CheckIn(2, NOW),)
            ),
            [2],
        ),
        (
            # Its seat was given up.
            a_paid_order(
                disputes=(a_dispute(DisputeStatus.LOST, 14999),),
                voided=(2,),
                refunds=(a_refund(RefundStatus.SUCCEEDED, 0, quantity=1),),
            ),
            [1],
        ),
    ],
)
def test_a_ticket_is_good_unless_its_money_is_elsewhere(order: Order, good: list[int]) -> None:
    assert [number for number in range(-1, 5) if order.admits(number)] == good
    assert order.good_tickets == len(good)


def test_an_order_knows_where_it_has_been() -> None:
    expired = release(an_order(), OrderStatus.EXPIRED, NOW, CAUSE)
    order = pay(expired, a_paid_session(), lambda: "A" * 16, NOW, CAUSE)
    assert order.has_been(OrderStatus.EXPIRED)
    assert order.has_been(OrderStatus.PAID)
    assert not order.has_been(OrderStatus.FAILED)


@pytest.mark.parametrize(
    ("refunds", "owed_for"),
    [
        ((), None),
        ((Refund("event_cancelled", 29998, RefundStatus.FAILED, NOW),), Why.EVENT_CANCELLED),
        ((Refund("sold_out-2", 29998, RefundStatus.CANCELED, NOW),), Why.SOLD_OUT),
        ((Refund("event_cancelled", 29998, RefundStatus.REQUESTED, NOW),), None),
        ((Refund("re_1", 29998, RefundStatus.FAILED, NOW),), None),
        (
            (
                Refund("event_cancelled", 29998, RefundStatus.FAILED, NOW),
                Refund("re_1", 29998, RefundStatus.SUCCEEDED, NOW),
            ),
            None,
        ),
        (
            (
                Refund("event_cancelled", 29998, RefundStatus.FAILED, NOW),
                Refund("re_1", 14999, RefundStatus.SUCCEEDED, NOW),
            ),
            Why.EVENT_CANCELLED,
        ),
    ],
)
def test_money_is_owed_while_a_refund_of_our_own_failed_and_some_is_left(
    refunds: tuple[Refund, ...], owed_for: Why | None
) -> None:
    assert a_paid_order(refunds=refunds).owed_for is owed_for


@pytest.mark.parametrize("payment", [PaymentStatus.PAID, PaymentStatus.NO_PAYMENT_REQUIRED])
def test_a_complete_session_that_owes_nothing_is_settled(payment: PaymentStatus) -> None:
    session = a_paid_session(payment_status=payment)
    assert session.settled
    assert session.free == (payment is PaymentStatus.NO_PAYMENT_REQUIRED)


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


@pytest.mark.parametrize("status", SessionStatus)
def test_a_session_is_open_or_expired_as_stripe_says(status: SessionStatus) -> None:
    session = a_session(status=status)
    assert session.open == (status is SessionStatus.OPEN)
    assert session.expired == (status is SessionStatus.EXPIRED)
