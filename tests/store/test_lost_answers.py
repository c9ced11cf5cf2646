"""Writes whose answers never come: what is told, and what becomes of the seats."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, HTTPClientError, ReadTimeoutError

from chalicelib.domain.orders import Cause, OrderStatus, RedirectUrls
from chalicelib.errors import Unavailable
from chalicelib.services.checkout import Checkout, CheckoutRequest, RedirectPolicy
from chalicelib.services.fulfilment import Fulfilment, Outcome
from chalicelib.store import Stores
from tests.support.builders import (
    NOW,
    a_city,
    a_paid_session,
    a_session,
    an_event,
    an_order,
)
from tests.support.fakes import FakePayments, RecordingLog
from tests.support.traffic import Traffic

LOSSES = [
    ReadTimeoutError(endpoint_url="https://dynamodb.example"),
    ConnectionClosedError(endpoint_url="https://dynamodb.example"),
]
ORDER_ID = "01JNTESTORDER0000000000000"


@pytest.fixture(autouse=True)
def _shop(stores: Stores) -> None:
    stores.cities.create(a_city())
    stores.events.create(an_event())


def lose(traffic: Traffic, operation: str, loss: HTTPClientError, first: Any = None) -> None:
    """Lose an operation's answer, at botocore's second try too; `first` is done before."""

    def fail() -> None:
        raise loss

    def do_and_fail() -> None:
        first(traffic.calls[-1])
        raise loss

    traffic.first(operation, do_and_fail if first else fail)
    traffic.first(operation, fail)


def stock(stores: Stores) -> tuple[int, int, int]:
    record = stores.events.get("tech-conference", consistent=True)
    assert record is not None
    return record.free, record.held, record.sold


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize(
    ("operation", "write"),
    [
        ("TransactWriteItems", lambda stores: stores.orders.place_hold(an_order(id="other"))),
        (
            "TransactWriteItems",
            lambda stores: stores.orders.mark_paid(an_order(), a_paid_session(), Cause("v"), NOW),
        ),
        (
            "TransactWriteItems",
            lambda stores: stores.orders.release(an_order(), OrderStatus.EXPIRED, Cause("v"), NOW),
        ),
        ("UpdateItem", lambda stores: stores.orders.attach_session(ORDER_ID, a_session())),
        ("UpdateItem", lambda stores: stores.events.next_id()),
        ("TransactWriteItems", lambda stores: stores.events.create(an_event(id=2, slug="two"))),
        ("TransactWriteItems", lambda stores: stores.cities.create(a_city(id=2, slug="two"))),
    ],
)
def test_a_write_without_an_answer_is_unavailable(
    stores: Stores,
    traffic: Traffic,
    operation: str,
    write: Callable[[Stores], object],
    loss: HTTPClientError,
) -> None:
    stores.orders.place_hold(an_order())
    lose(traffic, operation, loss)

    with pytest.raises(Unavailable):
        write(stores)


def checkout_with(stores: Stores, payments: FakePayments) -> Checkout:
    return Checkout(
        events=stores.events,
        orders=stores.orders,
        payments=payments,
        redirects=RedirectPolicy((), allow_loopback=True),
        clock=lambda: datetime(2027, 3, 1, 12, 0, tzinfo=UTC),
        new_id=lambda: ORDER_ID,
        log=RecordingLog(),
    )


def request() -> CheckoutRequest:
    urls = RedirectUrls("http://localhost/done", "http://localhost/back")
    event = an_event()
    price = event.price
    return CheckoutRequest(event.slug, 2, *_amounts(price, 2), urls, None)


def _amounts(price: int, quantity: int) -> tuple[Any, Any]:
    from decimal import Decimal

    unit = Decimal(price).scaleb(-2)
    return unit, unit * quantity


def test_a_hold_that_was_placed_and_not_confirmed_is_given_back(
    stores: Stores, traffic: Traffic, dynamodb: Any
) -> None:
    def carry_out(call: Any) -> None:
        dynamodb.transact_write_items(TransactItems=call.body["TransactItems"])
        assert stock(stores) == (98, 2, 0)

    lose(traffic, "TransactWriteItems", LOSSES[0], first=carry_out)

    with pytest.raises(Unavailable):
        checkout_with(stores, FakePayments()).start(request())

    assert stock(stores) == (100, 0, 0)
    order = stores.orders.get(ORDER_ID)
    assert order is not None
    assert order.status is OrderStatus.FAILED


def test_a_hold_that_was_never_placed_gives_nothing_back(stores: Stores, traffic: Traffic) -> None:
    lose(traffic, "TransactWriteItems", LOSSES[0])

    with pytest.raises(Unavailable):
        checkout_with(stores, FakePayments()).start(request())

    assert stock(stores) == (100, 0, 0)
    assert stores.orders.get(ORDER_ID) is None


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_a_session_that_could_not_be_noted_is_ended_and_its_seats_given_back(
    stores: Stores, traffic: Traffic, loss: HTTPClientError
) -> None:
    payments = FakePayments()
    lose(traffic, "UpdateItem", loss)

    with pytest.raises(Unavailable):
        checkout_with(stores, payments).start(request())

    assert payments.expired == [f"cs_test_{ORDER_ID}"]
    assert stock(stores) == (100, 0, 0)


def test_something_unforeseen_at_stripe_gives_the_seats_back(stores: Stores) -> None:
    class Surprising(FakePayments):
        def create_session(self, *_args: object) -> Any:
            raise RuntimeError("nobody thought of this")

    with pytest.raises(RuntimeError):
        checkout_with(stores, Surprising()).start(request())

    assert stock(stores) == (100, 0, 0)


@pytest.mark.parametrize("status", [OrderStatus.PAID, OrderStatus.EXPIRED])
def test_asking_again_about_an_order_that_is_settled_only_reads(
    stores: Stores, traffic: Traffic, status: OrderStatus
) -> None:
    order = an_order()
    stores.orders.place_hold(order)
    fulfilment = Fulfilment(orders=stores.orders, clock=lambda: NOW, log=RecordingLog())
    session = a_paid_session()
    if status is OrderStatus.EXPIRED:
        stores.orders.release(order, status, Cause("evt_1"), NOW)
        session = a_session()
    else:
        fulfilment.settle(session, Cause("evt_1"))
    traffic.calls.clear()

    settlement = fulfilment.settle(session, Cause("verify"))

    assert settlement.outcome is Outcome.REPEATED
    assert settlement.order is not None
    assert settlement.order.status is status
    assert [call.operation for call in traffic.calls] == ["GetItem"]


def test_no_order_goes_from_pending_to_where_it_may_not(stores: Stores) -> None:
    order = an_order()
    stores.orders.place_hold(order)

    with pytest.raises(Exception, match="no pending order becomes refunded"):
        stores.orders.release(order, OrderStatus.REFUNDED, Cause("v"), NOW)

    assert stock(stores) == (98, 2, 0)
