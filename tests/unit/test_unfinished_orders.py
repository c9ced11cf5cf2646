"""What is measured of orders that should be over."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.orders import HOLD, Order, OrderStatus
from chalicelib.domain.refunds import Dispute, DisputeStatus, Refund, RefundStatus
from chalicelib.services.unfinished_orders import UnfinishedOrders
from tests.support.builders import NOW, an_order
from tests.support.fakes import FakeOrders, RecordingLog, RecordingMeter

HOUR = timedelta(hours=1)
Readings = dict[str, tuple[float, str]]


def left(order_id: str = "01JNTEST0RDER0000000000000", hours: float = 3, **changes: Any) -> Order:
    """An order whose hold has been over for so many hours; it was put off until later."""
    over = NOW - hours * HOUR
    made = {"created_at": over - HOLD, "hold_expires_at": over, "due_at": NOW + HOUR}
    return an_order(**{"id": order_id, **made, **changes})


def owed(asked_at: datetime, **changes: Any) -> Order:
    """An order whose money has been on its way back since then, and Stripe was not told."""
    refund = Refund("sold_out", 29998, RefundStatus.REQUESTED, asked_at, reason="sold_out")
    paid = {"status": OrderStatus.REFUNDING, "paid_at": NOW - 9 * HOUR, "amount_paid": 29998}
    return left(**{**paid, "refunds": (refund,), **changes})


def measured(*orders: Order, log: RecordingLog | None = None) -> Readings:
    stored = FakeOrders()
    stored.orders = {order.id: order for order in orders}
    meter = RecordingMeter()
    UnfinishedOrders(
        orders=stored, clock=lambda: NOW, log=log or RecordingLog(), meter=meter
    ).measure()
    assert not meter.counts
    return meter.readings


def test_where_nothing_is_left_nothing_is_written() -> None:
    assert measured() == {}


def test_the_age_is_how_long_the_oldest_hold_has_been_over_however_often_it_was_put_off() -> None:
    orders = [left("01JN1", hours=1), left("01JN2", hours=5), left("01JN3", hours=2)]
    assert measured(*orders) == {"OldestPendingOrderAge": (5 * 3600, "Seconds")}


@pytest.mark.parametrize(
    "changes",
    [
        {"awaiting_since": NOW - 2 * HOUR},
        {"status": OrderStatus.PAID, "paid_at": NOW - 2 * HOUR},
        {"hold_expires_at": NOW},
        {"due_at": None},
    ],
)
def test_an_order_that_waits_rightly_is_not_old(changes: dict[str, Any]) -> None:
    assert measured(left(**changes)) == {}


def test_buyers_without_ticket_and_money_are_counted_and_one_is_named() -> None:
    log = RecordingLog()
    since = NOW - HOUR - timedelta(seconds=1)
    orders = [owed(since, id="01JN2"), owed(since, id="01JN1"), left("01JN3")]
    assert measured(*orders, log=log)["PaidWithoutTicket"] == (2, "Count")
    assert log.lines == [("error", "paid_without_ticket", {"orders": 2, "orderId": "01JN1"})]


def test_however_many_wait_for_their_mail_they_hide_no_hold_and_no_money() -> None:
    paid = {"status": OrderStatus.PAID, "paid_at": NOW - 9 * HOUR, "amount_paid": 29998}
    waiting = [left(f"01JM{number:04}", hours=9, **paid) for number in range(1000)]
    delayed = [
        left(f"01JN{number:04}", hours=8, awaiting_since=NOW - 8 * HOUR) for number in range(600)
    ]
    later = [left("01JP1", hours=5), owed(NOW - 2 * HOUR, id="01JP2")]
    assert measured(*waiting, *delayed, *later) == {
        "OldestPendingOrderAge": (5 * 3600, "Seconds"),
        "PaidWithoutTicket": (1, "Count"),
    }


def test_where_enough_is_told_the_rest_is_not_read() -> None:
    many = [owed(NOW - 2 * HOUR, id=f"01JN{number:04}") for number in range(600)]
    assert measured(*many)["PaidWithoutTicket"] == (600, "Count")
    assert measured(left("01JM"), *many)["PaidWithoutTicket"] == (500, "Count")


def test_a_refund_that_was_asked_for_within_the_hour_is_on_its_way() -> None:
    assert measured(owed(NOW - HOUR)) == {}


def test_a_refund_that_stripe_knows_of_is_stripes_business() -> None:
    told = Refund("sold_out", 29998, RefundStatus.PENDING, NOW - 9 * HOUR, stripe_id="re_1")
    assert measured(owed(NOW, refunds=(told,))) == {}


def test_money_that_a_bank_has_is_not_ours_to_send() -> None:
    dispute = Dispute("dp_1", DisputeStatus.NEEDS_RESPONSE, 29998, "fraudulent", NOW)
    assert measured(owed(NOW - 2 * HOUR, disputes=(dispute,))) == {}
