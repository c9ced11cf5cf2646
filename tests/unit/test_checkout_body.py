"""The body that starts a checkout: every rule of the contract, field by field."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.domain.checkout_sessions import RedirectUrls
from chalicelib.errors import InvalidInput
from chalicelib.schemas.checkout import CheckoutBody
from chalicelib.schemas.reading import read_body
from chalicelib.services.checkout import CheckoutRequest

REQUIRED: dict[str, Any] = {
    "eventSlug": "tech-conference",
    "quantity": 2,
    "unitPrice": Decimal("149.99"),
    "totalAmount": Decimal("299.98"),
    "successUrl": "https://shop.example/done",
    "cancelUrl": "https://shop.example/back",
}


def request(**changes: Any) -> CheckoutRequest:
    return read_body(CheckoutBody, {**REQUIRED, **changes}).request()


def refusals(body: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refused:
        read_body(CheckoutBody, body)
    return [(problem.field, problem.message) for problem in refused.value.problems]


def refusal(**changes: Any) -> tuple[str, str]:
    [found] = refusals({**REQUIRED, **changes})
    return found


def test_a_checkout_is_read() -> None:
    assert request() == CheckoutRequest(
        event_slug="tech-conference",
        quantity=2,
        unit_price=Decimal("149.99"),
        total_amount=Decimal("299.98"),
        urls=RedirectUrls("https://shop.example/done", "https://shop.example/back"),
        customer_email=None,
    )


def test_who_is_signed_in_is_the_buyer() -> None:
    body = read_body(CheckoutBody, REQUIRED)
    assert body.request("user_7").user_id == "user_7"
    assert body.request().user_id is None


def test_the_name_that_a_client_sends_tells_one_request_from_another() -> None:
    assert request(eventName="Free beer") == replace(request(), event_name="Free beer")


def test_whole_amounts_are_amounts() -> None:
    said = request(unitPrice=70, totalAmount=140)
    assert (said.unit_price, said.total_amount) == (Decimal(70), Decimal(140))


def test_an_empty_body_names_every_field_that_is_required() -> None:
    assert refusals({}) == [(name, "is required") for name in REQUIRED]


@pytest.mark.parametrize("key", ["price", "currency", "event_slug", "orderId", "expiresAt"])
def test_an_unknown_key_is_refused_by_name(key: str) -> None:
    assert refusal(**{key: 1}) == (key, "is not a known field")


@pytest.mark.parametrize("quantity", [1, 10])
def test_one_to_ten_tickets_can_be_bought(quantity: int) -> None:
    assert request(quantity=quantity).quantity == quantity


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        (0, "must be at least 1"),
        (-1, "must be at least 1"),
        (11, "must be at most 10"),
        (10**39, "must be at most 10"),
        (Decimal("1.5"), "must be a whole number"),
        (Decimal("2.0"), "must be a whole number"),
        (Decimal("1E+999"), "must be a whole number"),
        ("2", "must be a whole number"),
        (True, "must be a whole number"),
        (None, "must be a whole number"),
        ([2], "must be a whole number"),
    ],
)
def test_another_quantity_is_refused(quantity: Any, message: str) -> None:
    assert refusal(quantity=quantity) == ("quantity", message)


@pytest.mark.parametrize("field", ["unitPrice", "totalAmount"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-1, "must not be negative"),
        (Decimal("-1E+999999"), "must not be negative"),
        ("149.99", "must be a number"),
        (True, "must be a number"),
        (None, "must be a number"),
        ({}, "must be a number"),
    ],
)
def test_what_is_no_amount_is_refused(field: str, value: Any, message: str) -> None:
    assert refusal(**{field: value}) == (field, message)


@pytest.mark.parametrize("field", ["successUrl", "cancelUrl"])
def test_a_way_back_has_a_length(field: str) -> None:
    base = "https://shop.example/"
    request(**{field: base + "x" * (2000 - len(base))})
    assert refusal(**{field: base + "x" * (2001 - len(base))}) == (
        field, "must have at most 2000 characters",
    )  # fmt: skip
    assert refusal(**{field: " "}) == (field, "must not be empty")
    assert refusal(**{field: None}) == (field, "must be a string")


@pytest.mark.parametrize("slug", ["", " ", "x" * 101, 5, None, ["a"]])
def test_an_event_is_named_by_a_short_text(slug: Any) -> None:
    assert refusal(eventSlug=slug)[0] == "eventSlug"


def test_a_name_has_a_length() -> None:
    request(eventName="x" * 255)
    assert refusal(eventName="x" * 256) == ("eventName", "must have at most 255 characters")


@pytest.mark.parametrize(
    "email", ["ada@mail.example", "a.b+c@d.e.f", f"{'x' * 64}@mail.example", None]
)
def test_an_address_is_taken(email: str | None) -> None:
    assert request(customerEmail=email).customer_email == email


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "@mail.example",
        "ada@",
        "ada@mail",
        "ada@@mail.example",
        "ada@mail.example@evil.example",
        "ada lovelace@mail.example",
        "ada@mail.example\nbcc: eve@mail.example",
        "Ada <ada@mail.example>",
        '"ada"@mail.example',
        "x" * 65 + "@mail.example",
        "é@x.de",
        "a@b.c!",
        "a..b@ex_ample.com",
        "=?utf-8?q?ada?=@mail.example",
    ],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    assert refusal(customerEmail=email) == ("customerEmail", "must be an e-mail address")


def test_an_address_has_a_length() -> None:
    longest = "a@" + "b" * 247 + ".example"
    assert refusal(customerEmail=longest) == (
        "customerEmail", "must have at most 254 characters",
    )  # fmt: skip


def test_a_refusal_does_not_quote_what_was_sent() -> None:
    secret = "4242-4242-4242-4242"
    wrong = {**REQUIRED, "quantity": secret, "customerEmail": secret, "unitPrice": secret}
    told = repr(refusals(wrong))
    assert secret not in told
