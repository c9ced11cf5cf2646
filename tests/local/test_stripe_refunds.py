"""The local Stripe's refunds, expansion and events, through the official SDK."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest
import stripe

from tests.local.test_stripe_shop import (
    Json,
    Shop,
    event_types,
    eventually,
    item,
    refused,
    running_shop,
)

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_shop(tmp_path_factory.mktemp("stripe")) as shared:
        yield shared


@pytest.fixture
def new_shop(tmp_path: Path) -> Iterator[Shop]:
    with running_shop(tmp_path) as fresh:
        yield fresh


def test_a_refund_of_everything_marks_the_charge(shop: Shop) -> None:
    session = shop.paid()
    assert isinstance(session.payment_intent, str)
    refund = shop.v1.refunds.create(
        {"payment_intent": session.payment_intent, "reason": "requested_by_customer",
         "metadata": {"orderId": "1"}}
    )  # fmt: skip
    assert refund.amount == 2998
    assert refund.status == "succeeded"
    assert refund.reason == "requested_by_customer"
    assert isinstance(refund.charge, str)
    charge = shop.v1.charges.retrieve(refund.charge)
    assert charge.refunded
    assert charge.amount_refunded == 2998
    assert shop.v1.refunds.retrieve(refund.id).amount == 2998
    error = refused(lambda: shop.v1.refunds.create({"charge": charge.id}))
    assert error.code == "charge_already_refunded"


def test_refunds_in_parts_never_exceed_what_was_paid(shop: Shop) -> None:
    session = shop.paid()
    intent = session.payment_intent
    assert isinstance(intent, str)
    shop.v1.refunds.create({"payment_intent": intent, "amount": 1000})
    error = refused(lambda: shop.v1.refunds.create({"payment_intent": intent, "amount": 1999}))
    assert error.param == "amount"
    rest = shop.v1.refunds.create({"payment_intent": intent})
    assert rest.amount == 1998
    listed = shop.v1.refunds.list({"payment_intent": intent})
    assert [refund.amount for refund in listed.data] == [1998, 1000]
    assert isinstance(rest.charge, str)
    assert len(shop.v1.refunds.list({"charge": rest.charge, "limit": 1}).data) == 1


def test_refunds_at_once_never_exceed_what_was_paid(shop: Shop) -> None:
    session = shop.paid()
    intent = session.payment_intent
    assert isinstance(intent, str)

    def refund(_: int) -> int:
        form = {"payment_intent": intent, "amount": "500"}
        return shop.post("/v1/refunds", form).status_code

    with ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(refund, range(32)))
    assert statuses.count(200) == 5
    assert statuses.count(400) == 27
    charge = shop.v1.payment_intents.retrieve(intent).latest_charge
    assert isinstance(charge, str)
    assert shop.v1.charges.retrieve(charge).amount_refunded == 2500


@pytest.mark.parametrize(
    ("params", "status", "param"),
    [
        ({}, 400, "payment_intent"),
        ({"payment_intent": "pi_x"}, 404, "payment_intent"),
        ({"charge": "ch_x"}, 404, "charge"),
        ({"amount": 0}, 400, "amount"),
        ({"amount": -5}, 400, "amount"),
        ({"charge": "ch_x", "reason": "whim"}, 400, "reason"),
        ({"charge": "ch_x", "reverse_transfer": True}, 400, "reverse_transfer"),
    ],
)
def test_a_refund_stripe_would_refuse_is_refused(
    shop: Shop, params: Json, status: int, param: str
) -> None:
    if "amount" in params:
        params = {**params, "payment_intent": shop.paid().payment_intent}
    error = refused(lambda: shop.v1.refunds.create(cast("Any", params)))
    assert (error.http_status, error.param) == (status, param)


def test_a_charge_of_another_intent_is_not_refunded(shop: Shop) -> None:
    first, second = shop.paid(), shop.paid()
    assert isinstance(first.payment_intent, str)
    assert isinstance(second.payment_intent, str)
    charge = shop.v1.payment_intents.retrieve(second.payment_intent).latest_charge
    assert isinstance(charge, str)
    intent = first.payment_intent
    error = refused(lambda: shop.v1.refunds.create({"payment_intent": intent, "charge": charge}))
    assert error.param == "charge"


def test_a_payment_under_way_is_not_refunded(shop: Shop) -> None:
    session = shop.session()
    shop.press(session, "pay-later")
    intent = shop.v1.checkout.sessions.retrieve(session.id).payment_intent
    assert isinstance(intent, str)
    error = refused(lambda: shop.v1.refunds.create({"payment_intent": intent}))
    assert error.code == "charge_not_refundable"


def test_a_later_payment_is_refunded_once_it_has_come_in(new_shop: Shop) -> None:
    session = new_shop.session()
    new_shop.press(session, "pay-later")
    new_shop.clock.ahead = 60
    eventually(lambda: "charge.succeeded" in event_types(new_shop))
    intent = new_shop.v1.checkout.sessions.retrieve(session.id).payment_intent
    assert isinstance(intent, str)
    assert new_shop.v1.refunds.create({"payment_intent": intent}).amount == 2998


def test_the_balance_is_what_was_paid_and_not_refunded(new_shop: Shop) -> None:
    assert [funds.amount for funds in new_shop.v1.balance.retrieve().available] == [0]
    session = new_shop.paid()
    new_shop.paid(line_items=[item(currency="jpy", unit_amount=700, quantity=1)])
    new_shop.session()
    assert isinstance(session.payment_intent, str)
    new_shop.v1.refunds.create({"payment_intent": session.payment_intent, "amount": 998})
    funds = {f.currency: f.amount for f in new_shop.v1.balance.retrieve().available}
    assert funds == {"jpy": 700, "usd": 2000}


def test_expansion_reaches_through_the_payment_to_its_refunds(shop: Shop) -> None:
    paid = shop.paid(payment_intent_data={"metadata": {"orderId": "7"}, "description": "Seats"})
    assert isinstance(paid.payment_intent, str)
    refund = shop.v1.refunds.create(
        {"payment_intent": paid.payment_intent, "amount": 5, "expand": ["charge.refunds"]}
    )
    assert isinstance(refund.charge, stripe.Charge)
    assert refund.charge.refunds is not None
    assert refund.charge.refunds.data[0].id == refund.id
    session = shop.v1.checkout.sessions.retrieve(
        paid.id, {"expand": ["payment_intent.latest_charge", "line_items", "customer"]}
    )
    assert isinstance(session.payment_intent, stripe.PaymentIntent)
    assert isinstance(session.payment_intent.latest_charge, stripe.Charge)
    assert session.payment_intent.latest_charge.metadata.to_dict() == {"orderId": "7"}
    assert session.payment_intent.description == "Seats"
    assert session.line_items is not None
    assert session.line_items.data[0].amount_total == 2998


def test_lists_expand_their_elements(shop: Shop) -> None:
    paid = shop.paid()
    listed = shop.v1.checkout.sessions.list({"limit": 1, "expand": ["data.payment_intent"]})
    assert listed.data[0].id == paid.id
    assert isinstance(listed.data[0].payment_intent, stripe.PaymentIntent)
    assert refused(lambda: shop.v1.checkout.sessions.list({"expand": ["data"]})).param == "expand"
    too_deep = ["data.payment_intent.latest_charge.payment_intent.latest_charge"]
    assert refused(lambda: shop.v1.checkout.sessions.list({"expand": too_deep})).param == "expand"


def test_a_payment_and_its_refund_leave_the_events_stripe_sends(new_shop: Shop) -> None:
    session = new_shop.paid()
    assert event_types(new_shop) == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    (completed,) = new_shop.v1.events.list({"type": "checkout.session.completed"}).data
    snapshot = completed.data.object.to_dict()
    assert snapshot == new_shop.v1.checkout.sessions.retrieve(session.id).to_dict()
    assert snapshot["payment_status"] == "paid"
    assert completed.api_version == stripe.api_version
    assert isinstance(session.payment_intent, str)
    new_shop.v1.refunds.create(
        {"payment_intent": session.payment_intent}, {"idempotency_key": "refund-1"}
    )
    assert event_types(new_shop)[4:] == [
        "refund.created",
        "charge.refunded",
        "refund.updated",
        "charge.refund.updated",
    ]
    (refunded,) = new_shop.v1.events.list({"type": "charge.refunded"}).data
    assert refunded.data.previous_attributes is not None
    assert refunded.data.previous_attributes["amount_refunded"] == 0
    assert refunded.data.object["amount_refunded"] == 2998
    assert refunded.request is not None
    assert refunded.request.idempotency_key == "refund-1"
    assert refunded.request.id is not None


def test_a_refused_request_leaves_no_event(new_shop: Shop) -> None:
    session = new_shop.session()
    path = f"/v1/checkout/sessions/{session.id}/expire"
    assert new_shop.post(path, {"expand[]": "nonsense"}).status_code == 400
    assert new_shop.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert event_types(new_shop) == []


def test_events_are_filtered_by_type_and_time(new_shop: Shop) -> None:
    session = new_shop.session()
    new_shop.v1.checkout.sessions.expire(session.id)
    new_shop.paid()
    events = new_shop.v1.events
    assert len(events.list({"type": "checkout.session.*"}).data) == 2
    assert len(events.list({"type": "checkout.session.expired"}).data) == 1
    # `?` and `[...]` are wildcards of SQLite, not of Stripe.
    assert not events.list({"type": "checkout.session.expire?"}).data
    assert not events.list({"type": "checkout.session.expire[d]"}).data
    both = events.list({"types": ["charge.succeeded", "checkout.session.expired"]}).data
    assert [event.type for event in both] == ["charge.succeeded", "checkout.session.expired"]
    assert len(events.list({"created": {"gte": session.created}}).data) == 5
    assert not events.list({"created": {"gt": session.created + 3600}}).data
    assert not events.list({"created": 1}).data
    assert len(events.list({"delivery_success": True}).data) == 5
    assert not events.list({"delivery_success": False}).data
    assert [event.id for event in events.list({"limit": 2}).auto_paging_iter()] == [
        event.id for event in events.list().data
    ]
    assert events.retrieve(both[0].id).type == "charge.succeeded"


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"starting_after": "evt_x"}, "starting_after"),
        ({"type": "charge.*", "types": ["charge.failed"]}, "types"),
        ({"types": ["charge.failed"] * 21}, "types"),
        ({"created": {"since": 1}}, "created[since]"),
        ({"delivery_success": "maybe"}, "delivery_success"),
    ],
)
def test_a_list_stripe_would_refuse_is_refused(shop: Shop, params: Any, param: str) -> None:
    error = refused(lambda: shop.v1.events.list(params))
    assert (error.http_status, error.param) == (400, param)
