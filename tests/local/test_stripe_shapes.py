"""The local Stripe's objects held against the classes of the official SDK, field by field."""

import types
import typing
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
import stripe

from chalicelib.adapters.stripe_events import HANDLED_EVENTS
from tests.local.test_stripe_shop import (
    Shop,
    event_types,
    eventually,
    item,
    running_shop,
)

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_shop(tmp_path_factory.mktemp("stripe")) as busy:
        buy_in_every_way(busy)
        yield busy


def shortcomings(value: Any, hint: Any, path: str = "") -> list[str]:
    """Where a value differs from an annotation of the SDK's classes."""
    origin = typing.get_origin(hint) or hint
    if isinstance(hint, typing.ForwardRef):
        # Some names are the SDK's internal ones; no value here is of such a class.
        return shortcomings(value, getattr(stripe, hint.__forward_arg__, type(None)), path)
    check = _CHECKS.get(origin)
    if check is not None:
        return check(value, typing.get_args(hint), path)
    if isinstance(hint, type) and issubclass(hint, stripe.StripeObject):
        return object_shortcomings(value, hint, path)
    right = type(value) is (str if hint is Decimal else origin)
    return [] if right else [f"{path}: {value!r} is no {hint}"]


def _union(value: Any, members: tuple[Any, ...], path: str) -> list[str]:
    found = [shortcomings(value, member, path) for member in members]
    return [] if [] in found else max(found, key=lambda complaints: complaints[0])


def _literal(value: Any, choices: tuple[Any, ...], path: str) -> list[str]:
    return [] if value in choices else [f"{path}: {value!r} is none of {choices}"]


def _list(value: Any, members: tuple[Any, ...], path: str) -> list[str]:
    if not isinstance(value, list):
        return [f"{path}: not a list"]
    return [
        complaint
        for index, element in enumerate(value)
        for complaint in shortcomings(element, members[0], f"{path}.{index}")
    ]


def _list_object(value: Any, members: tuple[Any, ...], path: str) -> list[str]:
    if not isinstance(value, dict) or value.keys() != {"object", "data", "has_more", "url"}:
        return [f"{path}: not a list object"]
    return _list(value["data"], members, path)


def _untyped_object(value: Any, _members: tuple[Any, ...], path: str) -> list[str]:
    return [] if isinstance(value, dict) else [f"{path}: not an object"]


_CHECKS: dict[Any, Callable[[Any, tuple[Any, ...], str], list[str]]] = {
    typing.Union: _union,
    types.UnionType: _union,
    typing.Literal: _literal,
    list: _list,
    stripe.ListObject: _list_object,
    # What `Event.data.object` and all metadata are; the SDK does not export its name.
    typing.get_origin(stripe.Charge.__annotations__["metadata"]): _untyped_object,
}


def object_shortcomings(value: Any, cls: type, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: not an object"]
    fields = {name: hint for name, hint in cls.__annotations__.items() if name != "OBJECT_NAME"}
    required = {name for name, hint in fields.items() if type(None) not in typing.get_args(hint)}
    return [
        *(f"{path}.{name}: unknown" for name in value.keys() - fields.keys()),
        *(f"{path}.{name}: absent" for name in required - value.keys()),
        *(
            complaint
            for name in value.keys() & fields.keys()
            for complaint in shortcomings(value[name], fields[name], f"{path}.{name}")
        ),
    ]


def test_the_shape_check_finds_what_is_wrong() -> None:
    wrong = {"id": 1, "surprise": 1, "object": "refund", "amount": "1"}
    complaints = " ".join(shortcomings(wrong, stripe.Refund))
    for expected in (".id: 1 is no", ".surprise: unknown", ".currency: absent", ".amount: '1'"):
        assert expected in complaints


def buy_in_every_way(shop: Shop) -> None:
    settled = shop.paid(customer_email="ada@example.com")
    waiting = shop.session(line_items=[item(currency="eur")])
    shop.press(waiting, "pay-later-fails")
    shop.clock.ahead = 60
    eventually(lambda: "checkout.session.async_payment_failed" in event_types(shop))
    shop.session()
    intent = settled.payment_intent
    assert isinstance(intent, str)
    shop.post("/v1/refunds", {"payment_intent": intent, "amount": "100"})
    give_back_in_every_way(shop, settled.id, intent)
    argue_in_every_way(shop, settled.id)
    shop.clock.ahead = 90_000
    eventually(lambda: "checkout.session.expired" in event_types(shop))


def give_back_in_every_way(shop: Shop, session: str, intent: str) -> None:
    for outcome in ("pending", "failed"):
        press(shop, f"switches/next_refund/{outcome}")
        shop.post("/v1/refunds", {"payment_intent": intent, "amount": "100"})
    _, pending, _ = shop.v1.refunds.list({"payment_intent": intent}).data
    press(shop, f"refunds/{pending.id}/succeed")
    press(shop, f"sessions/{session}/refund")
    in_dashboard = shop.v1.refunds.list({"payment_intent": intent, "limit": 1}).data[0]
    press(shop, f"refunds/{in_dashboard.id}/fail")


def argue_in_every_way(shop: Shop, session: str) -> None:
    for kind, actions in (
        ("inquiry", ("answer", "win")),
        ("dispute", ("answer", "win")),
        ("dispute", ("lose",)),
    ):
        press(shop, f"sessions/{session}/{kind}")
        dispute = shop.v1.disputes.list({"limit": 1}).data[0]
        for action in actions:
            press(shop, f"disputes/{dispute.id}/{action}")
    delayed = shop.session()
    shop.press(delayed, "pay-later")
    shop.clock.ahead += 60
    eventually(lambda: "checkout.session.async_payment_succeeded" in event_types(shop))
    press(shop, f"sessions/{delayed.id}/dispute")


def press(shop: Shop, button: str) -> None:
    assert shop.http.post(f"/dashboard/{button}").status_code == 303


def test_every_object_has_the_fields_of_the_sdks_class(shop: Shop) -> None:
    complete = "?expand[]=line_items&expand[]=payment_intent.latest_charge.refunds"
    for session in shop.get("/v1/checkout/sessions").json()["data"]:
        answer = shop.get(f"/v1/checkout/sessions/{session['id']}{complete}").json()
        assert shortcomings(session, stripe.checkout.Session) == []
        assert shortcomings(answer, stripe.checkout.Session) == []
    assert shortcomings(shop.get("/v1/balance").json(), stripe.Balance) == []


def test_every_event_is_about_an_object_of_the_sdk(shop: Shop) -> None:
    events = shop.get("/v1/events?limit=100").json()["data"]
    kinds = {
        "charge": stripe.Charge,
        "checkout.session": stripe.checkout.Session,
        "dispute": stripe.Dispute,
        "payment_intent": stripe.PaymentIntent,
        "refund": stripe.Refund,
    }
    subjects = set()
    for event in events:
        assert shortcomings(event, stripe.Event) == []
        snapshot = event["data"]["object"]
        subjects.add(snapshot["object"])
        assert shortcomings(snapshot, kinds[snapshot["object"]]) == []
    assert subjects == kinds.keys()
    # Each type that the shop handles was among them.
    assert set(HANDLED_EVENTS) <= {event["type"] for event in events}


def test_every_refund_and_dispute_has_the_fields_of_the_sdks_class(shop: Shop) -> None:
    for path, cls, statuses in (
        ("/v1/refunds", stripe.Refund, {"succeeded", "failed"}),
        ("/v1/disputes", stripe.Dispute, {"warning_closed", "won", "lost", "needs_response"}),
    ):
        listed = shop.get(f"{path}?limit=100&expand[]=data.charge.payment_intent").json()["data"]
        assert {found["status"] for found in listed} == statuses
        for found in listed:
            assert shortcomings(found, cls) == []
            alone = shop.get(f"{path}/{found['id']}").json()
            assert shortcomings(alone, cls) == []


def test_an_error_has_the_fields_of_the_sdks_class(shop: Shop) -> None:
    error = shop.post("/v1/checkout/sessions", {"mde": "payment"}).json()["error"]
    assert error.keys() <= stripe.ErrorObject.__annotations__.keys()
    assert {"type", "code", "message", "param"} <= error.keys()
