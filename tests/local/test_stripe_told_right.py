"""Stripe told right: whatever the gateway sends holds against the SDK's own parameter types, and
whatever it reads is a field of the SDK's own classes. No sockets: the local Stripe in this process.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from chalicelib.adapters.stripe_events import HANDLED_EVENTS
from chalicelib.adapters.stripe_gateway import StripeGateway
from chalicelib.adapters.stripe_objects import dispute_from, refund_from, session_from
from chalicelib.domain.checkout_sessions import RedirectUrls
from chalicelib.domain.orders import HOLD, Order
from chalicelib.domain.refunds import Refund, RefundStatus
from chalicelib.errors import PaymentProviderError, RefundRefused
from chalicelib.services.ports import PaymentGateway
from tests.local.test_stripe_shapes import shortcomings
from tests.support.builders import an_order
from tests.support.local_stripe import BASE, KEY, LocalStripe, QuietLog

START = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
URLS = RedirectUrls("https://shop.example/done", "https://shop.example/back")

CLASSES: dict[str, type] = {
    "balance_transaction": stripe.BalanceTransaction,
    "charge": stripe.Charge,
    "checkout.session": stripe.checkout.Session,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "payment_intent": stripe.PaymentIntent,
    "refund": stripe.Refund,
}


class Tap(stripe.HTTPClient):
    """Passes requests on, changed if a test says how, and keeps what is answered."""

    name = "tap"

    def __init__(self, local: LocalStripe) -> None:
        super().__init__()
        self._behind = local.http_client()
        self.tamper: Callable[[str], str] = lambda encoded: encoded
        self.methods: set[str] = set()
        self.answers: list[tuple[int, dict[str, Any]]] = []

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        if method == "post":
            post_data = self.tamper(post_data or "")
        else:
            address, _, query = url.partition("?")
            url = f"{address}?{self.tamper(query)}"
        body, status, answered = self._behind.request(method, url, headers, post_data)
        self.answers.append((status, json.loads(body)))
        return body, status, answered

    def close(self) -> None:
        """Nothing is open."""


class World:
    """A shop and its Stripe, with a clock that a test moves."""

    def __init__(self) -> None:
        self.now = START
        self.stripe = LocalStripe(lambda: self.now)
        self.tap = Tap(self.stripe)
        self.gateway = StripeGateway(KEY, BASE, QuietLog(), self.tap, lambda: self.now)

    def order(self, number: int, **changes: Any) -> Order:
        return an_order(
            id=f"{number:026}", created_at=self.now, hold_expires_at=self.now + HOLD, **changes
        )

    def opened(self, order: Order) -> Order:
        session = self.gateway.create_session(order, URLS, order.hold_expires_at)
        return replace(order, session_id=session.id)

    def paid(self, order: Order) -> Order:
        order = self.opened(order)
        assert order.session_id is not None
        self.stripe.pay(order.session_id)
        session = self.gateway.retrieve_session(order.session_id)
        return replace(order, payment_intent_id=session.payment_intent_id)


@pytest.fixture
def world() -> World:
    return World()


def a_refund(key: str, amount: int = 14999, **changes: Any) -> Refund:
    return replace(Refund(key, amount, RefundStatus.REQUESTED, START), **changes)


def use_everything(world: World) -> None:
    """Call every method of the gateway, on objects in every state that they can be in."""
    gateway, local = world.gateway, world.stripe
    waiting, bounced = world.opened(world.order(1)), world.opened(world.order(2))
    expired = world.opened(world.order(3, customer_email="ada@mail.example"))
    assert waiting.session_id
    assert bounced.session_id
    assert expired.session_id
    local.promise(waiting.session_id)
    local.promise(bounced.session_id)
    local.bounce(bounced.session_id)
    local.arrive(waiting.session_id)
    assert gateway.retrieve_session(bounced.session_id).payment_failed
    assert gateway.expire_session(expired.session_id)
    paid = world.paid(world.order(4))
    assert paid.session_id
    assert paid.payment_intent_id
    assert gateway.find_session(paid) == gateway.retrieve_session(paid.session_id)
    assert gateway.session_of_payment(paid.payment_intent_id)
    gateway.refund(paid, a_refund("a", 5000, reason="duplicate", quantity=1))
    local.next_refund("pending")
    pending = gateway.refund(paid, a_refund("b", 5000, reason="rained off", returns_seats=False))
    assert pending.stripe_id
    local.finish_refund(pending.stripe_id)
    local.next_refund("failed")
    gateway.refund(paid, a_refund("c", 5000))
    local.refund_in_dashboard(paid.session_id, 100)
    dispute = local.dispute(paid.session_id)
    local.answer_dispute(dispute)
    local.win_dispute(dispute)
    assert len(gateway.refunds_of(paid.payment_intent_id)) == 4
    gateway.undelivered_news(START, START + timedelta(days=1))


def test_everything_that_is_sent_is_what_the_sdk_says_can_be(world: World) -> None:
    use_everything(world)
    refusals = [answer for status, answer in world.tap.answers if status != 200]
    assert refusals == []


def test_using_everything_leaves_no_method_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = set()
    port = {name for name in vars(PaymentGateway) if not name.startswith("_")}
    for name in port:
        method = getattr(StripeGateway, name)

        def noted(*args: Any, _name: str = name, _method: Any = method) -> Any:
            called.add(_name)
            return _method(*args)

        monkeypatch.setattr(StripeGateway, name, noted)
    use_everything(world)
    assert called == port


CALLS: dict[str, Callable[[StripeGateway, Order], object]] = {
    "create_session": lambda gateway, order: gateway.create_session(order, URLS, START + HOLD),
    "retrieve_session": lambda gateway, order: gateway.retrieve_session(str(order.session_id)),
    "find_session": lambda gateway, order: gateway.find_session(order),
    "session_of_payment": lambda gateway, order: gateway.session_of_payment(
        str(order.payment_intent_id)
    ),
    "expire_session": lambda gateway, order: gateway.expire_session(str(order.session_id)),
    "refund": lambda gateway, order: gateway.refund(order, a_refund("d")),
    "refunds_of": lambda gateway, order: gateway.refunds_of(str(order.payment_intent_id)),
    "undelivered_news": lambda gateway, order: gateway.undelivered_news(START, START + HOLD),
}


def test_each_call_of_the_port_is_held_against_the_types() -> None:
    assert CALLS.keys() == {name for name in vars(PaymentGateway) if not name.startswith("_")}


@pytest.mark.parametrize("call", CALLS)
def test_a_parameter_that_the_sdk_does_not_know_would_be_noticed(world: World, call: str) -> None:
    order = world.paid(world.order(5))
    world.tap.tamper = lambda encoded: f"{encoded}&no_such_parameter=1"
    with pytest.raises((PaymentProviderError, RefundRefused)):
        CALLS[call](world.gateway, order)
    assert world.tap.answers[-1][1]["error"]["code"] == "parameter_unknown"


@pytest.mark.parametrize(
    ("call", "right", "wrong", "param"),
    [
        ("create_session", "mode=payment", "mode=gift", "mode"),
        ("create_session", "[unit_amount]=14999", "[unit_amount]=149.99",
         "line_items[0][price_data][unit_amount]"),
        ("create_session", f"expires_at={int((START + HOLD).timestamp())}",
         "expires_at=2027-03-01", "expires_at"),
        ("retrieve_session", "expand[0]=", "expand=", "expand"),
        ("find_session", "limit=100", "limit=many", "limit"),
        ("find_session", "created[gte]", "created[since]", "created[since]"),
        ("session_of_payment", "limit=1", "limit=1.5", "limit"),
        ("expire_session", "", "expand=x", "expand"),
        ("refund", "amount=14999", "amount=149.99", "amount"),
        ("refund", "metadata[orderId]", "metadata[orderId][x]", "metadata[orderId]"),
        ("refunds_of", "limit=100", "limit=", "limit"),
        ("undelivered_news", "delivery_success=false", "delivery_success=no",
         "delivery_success"),
        ("undelivered_news", "types[0]=checkout.session.completed", "types[x]=y", "types"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_would_be_noticed(
    world: World, call: str, right: str, wrong: str, param: str
) -> None:
    order = world.paid(world.order(5))
    world.now = START
    changed: list[bool] = []

    def tamper(encoded: str) -> str:
        encoded = encoded.replace("%5B", "[").replace("%5D", "]")
        changed.append(right in encoded)
        return encoded.replace(right, wrong, 1) if right else f"{encoded}&{wrong}"

    world.tap.tamper = tamper
    with pytest.raises((PaymentProviderError, RefundRefused)):
        CALLS[call](world.gateway, order)
    assert changed[0]
    refused = [answer["error"] for status, answer in world.tap.answers if status == 400]
    assert refused[0]["param"] == param


def objects_in(answer: Any) -> Iterator[dict[str, Any]]:
    """Yield the API's objects in an answer, however deep."""
    if isinstance(answer, list):
        for element in answer:
            yield from objects_in(element)
    if isinstance(answer, dict):
        kind = answer.get("object")
        if isinstance(kind, str) and kind in CLASSES:
            yield answer
        for value in answer.values():
            yield from objects_in(value)


def test_everything_that_is_read_has_the_fields_of_the_sdks_classes(world: World) -> None:
    use_everything(world)
    seen = set()
    for _, answer in world.tap.answers:
        for found in objects_in(answer):
            assert shortcomings(found, CLASSES[found["object"]]) == []
            seen.add(found["object"])
    assert seen == CLASSES.keys()


def test_every_type_of_event_that_is_handled_was_read(world: World) -> None:
    use_everything(world)
    assert {event.type for event in world.stripe.events()} == set(HANDLED_EVENTS)


class Watched(dict[str, Any]):
    """An object that notes which of its fields are read."""

    def __init__(self, shown: dict[str, Any], read: set[str]) -> None:
        super().__init__(shown)
        self._read = read

    def __getitem__(self, name: str) -> Any:
        self._read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._read.add(name)
        return super().get(name, default)


@pytest.mark.parametrize(
    ("kind", "reads"),
    [("checkout.session", session_from), ("refund", refund_from), ("dispute", dispute_from)],
)
def test_no_field_is_read_that_the_sdk_does_not_have(
    world: World, kind: str, reads: Callable[[Mapping[str, Any]], object]
) -> None:
    use_everything(world)
    known = CLASSES[kind].__annotations__
    read: set[str] = set()
    for _, answer in world.tap.answers:
        for found in objects_in(answer):
            if found["object"] == kind:
                assert reads(Watched(found, read)) is not None
    assert len(read) > 4
    assert read <= known.keys()
