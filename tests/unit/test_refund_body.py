"""The body that refunds an order: every rule, field by field, and what the service gets of it."""

from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import InvalidInput
from chalicelib.schemas.reading import read_body
from chalicelib.schemas.refunds import RefundBody
from chalicelib.services.refunding import RefundWish


def wish(currency: str = "usd", key: str | None = None, **body: Any) -> RefundWish:
    return read_body(RefundBody, body).wish(currency, key)


def refusal(currency: str = "usd", **body: Any) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as refused:
        wish(currency, **body)
    [problem] = refused.value.problems
    return problem.field, problem.message


def test_nothing_that_is_said_is_all_that_is_left() -> None:
    assert wish() == RefundWish()


def test_all_that_can_be_said_reaches_the_service() -> None:
    assert wish(key="k", amount=Decimal("1.50"), reason=" ill ", returnSeats=False) == RefundWish(
        amount=150, quantity=None, reason="ill", returns_seats=False, key="k"
    )
    assert wish(quantity=2) == RefundWish(quantity=2)


@pytest.mark.parametrize(
    ("currency", "amount", "minor"),
    [
        ("usd", Decimal("0.01"), 1),
        ("usd", 10, 1000),
        ("jpy", 1500, 1500),
        ("isk", 1500, 150_000),
        ("jpy", Decimal("1500.0"), 1500),
        ("kwd", Decimal("1.5"), 1500),
        ("kwd", Decimal("1.23"), 1230),
    ],
)
def test_an_amount_is_of_the_orders_currency(currency: str, amount: Any, minor: int) -> None:
    assert wish(currency, amount=amount).amount == minor


@pytest.mark.parametrize(
    ("currency", "amount", "message"),
    [
        ("usd", 0, "must be more than 0"),
        ("usd", Decimal("-0.01"), "must be more than 0"),
        ("usd", Decimal("0E+5"), "must be more than 0"),
        ("usd", Decimal("0.001"), "must have at most 2 decimals"),
        ("jpy", Decimal("0.5"), "must have no decimals"),
        ("isk", Decimal("10.55"), "must have no decimals"),
        ("kwd", Decimal("0.005"), "must have at most 2 decimals"),
        ("usd", Decimal("1E+999999"), "must be at most 999999999.90"),
        ("usd", Decimal("999999999.91"), "must be at most 999999999.90"),
        ("usd", "1", "must be a number"),
        ("usd", True, "must be a number"),
        ("usd", None, "must be a number"),
    ],
)
def test_another_amount_is_refused(currency: str, amount: Any, message: str) -> None:
    assert refusal(currency, amount=amount) == ("amount", message)


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        (0, "must be at least 1"),
        (11, "must be at most 10"),
        (Decimal("1.0"), "must be a whole number"),
        (None, "must be a whole number"),
        (True, "must be a whole number"),
    ],
)
def test_another_number_of_tickets_is_refused(quantity: Any, message: str) -> None:
    assert refusal(quantity=quantity) == ("quantity", message)


def test_an_amount_and_tickets_at_once_could_mean_either() -> None:
    assert refusal(amount=1, quantity=1) == ("quantity", "cannot be combined with amount")


def test_a_reason_has_a_length() -> None:
    assert wish(reason="x" * 500).reason == "x" * 500
    assert refusal(reason="x" * 501) == ("reason", "must have at most 500 characters")
    assert refusal(reason=" ") == ("reason", "must not be empty")
    assert refusal(reason=None) == ("reason", "must be a string")


@pytest.mark.parametrize("value", ["false", 0, None])
def test_whether_seats_go_back_is_said_clearly(value: Any) -> None:
    assert refusal(returnSeats=value) == ("returnSeats", "must be true or false")


def test_an_unknown_key_is_refused_by_name() -> None:
    assert refusal(currency_="usd") == ("currency_", "is not a known field")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "amount": st.integers(-1, 3) | st.none(),
            "quantity": st.integers(-1, 12) | st.none(),
            "reason": st.sampled_from(["", "ill", "x" * 501, None]),
            "returnSeats": st.booleans() | st.none(),
            "all": st.just(1),
        },
    )
)
def test_a_body_is_taken_where_its_schema_takes_it_and_nowhere_else(body: dict[str, Any]) -> None:
    if jsonschema_rs.is_valid(RefundBody.model_json_schema(), body):
        assert wish(**body) is not None
    else:
        with pytest.raises(InvalidInput):
            wish(**body)
