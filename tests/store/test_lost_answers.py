"""Writes whose answers never come: what is told, and what becomes of the seats."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, HTTPClientError, ReadTimeoutError

from chalicelib.domain.clock import to_iso
from chalicelib.domain.orders import Cause, Order, OrderStatus
from chalicelib.errors import Unavailable
from chalicelib.services.fulfilment import Outcome
from chalicelib.services.port_types import AuditQuery, NewsMark
from chalicelib.store import Stores
from tests.support.builders import (
    NOW,
    a_city,
    a_paid_session,
    a_session,
    an_entry,
    an_event,
    an_order,
)
from tests.support.fakes import FakePayments
from tests.support.order_steps import expired, noted, paid
from tests.support.shop import Shop
from tests.support.store_worlds import real_world
from tests.support.tables import MotoTables
from tests.support.traffic import Traffic, refusal

LOSSES = [
    ReadTimeoutError(endpoint_url="https://dynamodb.example"),
    ConnectionClosedError(endpoint_url="https://dynamodb.example"),
]
ORDER = an_order()


@pytest.fixture
def shop(tables: MotoTables) -> Shop:
    """A shop over the real store and a Stripe in memory, with one event of 100 seats."""
    shop = Shop(real_world(tables), FakePayments())
    shop.world.cities.create(a_city())
    shop.world.events.create(an_event())
    return shop


def lose(traffic: Traffic, operation: str, loss: HTTPClientError, first: Any = None) -> None:
    """Lose an operation's answer, at botocore's second try too; `first` is done before."""

    def fail() -> None:
        raise loss

    def do_and_fail() -> None:
        first(traffic.calls[-1])
        raise loss

    traffic.first(operation, do_and_fail if first else fail)
    traffic.first(operation, fail)


def stock(shop: Shop) -> tuple[int, int, int]:
    record = shop.stock("tech-conference")
    return record.free, record.held, record.sold


def only_order(shop: Shop) -> Order:
    [order] = shop.orders()
    return order


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize(
    ("operation", "write"),
    [
        ("TransactWriteItems", lambda stores: stores.orders.place(an_order(id="other"))),
        ("TransactWriteItems", lambda stores: stores.orders.replace(ORDER, paid(ORDER))),
        ("TransactWriteItems", lambda stores: stores.orders.replace(ORDER, expired(ORDER))),
        ("PutItem", lambda stores: stores.orders.replace(ORDER, noted(ORDER))),
        ("PutItem", lambda stores: stores.news_marker.put(NewsMark(NOW))),
        ("PutItem", lambda stores: stores.audit_trail.record(an_entry())),
        (
            "TransactWriteItems",
            lambda stores: stores.orders.replace(ORDER, noted(ORDER), an_entry()),
        ),
        ("UpdateItem", lambda stores: stores.events.next_id()),
        ("TransactWriteItems", lambda stores: stores.events.create(an_event(id=2, slug="two"))),
        ("TransactWriteItems", lambda stores: stores.cities.create(a_city(id=2, slug="two"))),
    ],
)
def test_a_write_without_an_answer_is_unavailable(
    shop: Shop,
    stores: Stores,
    traffic: Traffic,
    operation: str,
    write: Callable[[Stores], object],
    loss: HTTPClientError,
) -> None:
    shop.world.orders.place(ORDER)
    lose(traffic, operation, loss)

    with pytest.raises(Unavailable):
        write(stores)


def test_a_hold_that_was_placed_and_not_confirmed_is_found_and_goes_on(
    shop: Shop, traffic: Traffic, tables: MotoTables
) -> None:
    def carry_out(call: Any) -> None:
        tables.client.transact_write_items(TransactItems=call.body["TransactItems"])
        assert stock(shop) == (98, 2, 0)

    lose(traffic, "TransactWriteItems", LOSSES[0], first=carry_out)

    started = shop.buy(an_event())

    assert stock(shop) == (98, 2, 0)
    assert only_order(shop).session_id == started.session_id


def test_a_hold_that_was_placed_and_cannot_be_found_is_given_back(
    shop: Shop, traffic: Traffic, tables: MotoTables
) -> None:
    def carry_out(call: Any) -> None:
        tables.client.transact_write_items(TransactItems=call.body["TransactItems"])
        traffic.answer("GetItem", refusal("AccessDeniedException"))

    lose(traffic, "TransactWriteItems", LOSSES[0], first=carry_out)

    with pytest.raises(Unavailable):
        shop.buy(an_event())

    assert stock(shop) == (100, 0, 0)
    assert only_order(shop).status is OrderStatus.FAILED


def test_a_hold_that_was_never_placed_gives_nothing_back(shop: Shop, traffic: Traffic) -> None:
    lose(traffic, "TransactWriteItems", LOSSES[0])

    with pytest.raises(Unavailable):
        shop.buy(an_event())

    assert stock(shop) == (100, 0, 0)
    assert shop.orders() == []


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_a_session_that_could_not_be_noted_is_ended_and_its_seats_given_back(
    shop: Shop, traffic: Traffic, loss: HTTPClientError
) -> None:
    lose(traffic, "PutItem", loss)

    with pytest.raises(Unavailable):
        shop.buy(an_event())

    assert isinstance(shop.payments, FakePayments)
    assert shop.payments.expired == [f"cs_test_{only_order(shop).id}"]
    assert stock(shop) == (100, 0, 0)


def test_a_session_whose_note_was_confirmed_at_the_second_try_is_noted_once(
    shop: Shop, traffic: Traffic, no_pauses: list[float]
) -> None:
    traffic.lose("PutItem")

    started = shop.buy(an_event())

    assert only_order(shop).session_id == started.session_id
    assert only_order(shop).version == 2


def test_a_ticket_whose_check_in_was_confirmed_at_the_second_try_lets_its_holder_in(
    shop: Shop, traffic: Traffic, no_pauses: list[float]
) -> None:
    started = shop.buy(an_event(), email=None)
    order = shop.order(started.order_id)
    session = a_paid_session(id=started.session_id, order_id=order.id)
    shop.fulfilment.settle(session, Cause("evt_1"))
    code = shop.order(order.id).ticket_codes()[0]
    traffic.lose("TransactWriteItems")

    _, entry = shop.doors.check_in(str(code), "north", None, "user_1")

    assert (entry.number, to_iso(entry.at)) == (1, to_iso(shop.order(order.id).check_ins[0].at))
    assert len(shop.world.audit_trail.find(AuditQuery(10)).items) == 1


def test_an_entry_that_was_confirmed_at_the_second_try_is_there_once(
    stores: Stores, traffic: Traffic, no_pauses: list[float]
) -> None:
    traffic.lose("PutItem")

    stores.audit_trail.record(an_entry())

    assert stores.audit_trail.find(AuditQuery(10)).items == (an_entry().public,)


@pytest.mark.parametrize("status", [OrderStatus.PAID, OrderStatus.EXPIRED])
def test_asking_again_about_an_order_that_is_settled_only_reads(
    shop: Shop, traffic: Traffic, status: OrderStatus
) -> None:
    shop.world.orders.place(ORDER)
    if status is OrderStatus.EXPIRED:
        shop.world.orders.replace(ORDER, expired(ORDER))
        session = a_session()
    else:
        session = a_paid_session()
        shop.fulfilment.settle(session, Cause("evt_1"))
    traffic.forget()

    settlement = shop.fulfilment.settle(session, Cause("verify"))

    assert settlement.outcome is Outcome.REPEATED
    assert settlement.order is not None
    assert settlement.order.status is status
    assert traffic.operations() == ["GetItem"]
