"""Money: exact both ways, in every currency."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.money import (
    CURRENCIES,
    DEFAULT_CURRENCY,
    decimals,
    minor_digits,
    to_major,
    to_minor,
    to_thousandths,
)
from chalicelib.errors import InvalidInput

LARGEST_TOTAL = 99_999_999_99 * 10


def refusal(amount: str, currency: str = "usd") -> tuple[str, str]:
    with pytest.raises(InvalidInput) as refused:
        to_minor(Decimal(amount), currency, "price")
    [problem] = refused.value.problems
    assert problem.field == "price"
    return problem.type, problem.message


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("149.99", "usd", 14999),
        ("70", "usd", 7000),
        ("70.0", "usd", 7000),
        ("7E+1", "usd", 7000),
        ("0", "usd", 0),
        ("-0", "usd", 0),
        ("0.01", "usd", 1),
        ("1200", "jpy", 1200),
        ("1200.00", "jpy", 1200),
        ("1.25", "kwd", 1250),
        ("1.250", "kwd", 1250),
        ("1500", "isk", 150_000),
        ("1500.00", "ugx", 150_000),
        ("99999999.99", "eur", 9_999_999_999),
    ],
)
def test_major_units_become_exact_minor_units(amount: str, currency: str, minor: int) -> None:
    assert to_minor(Decimal(amount), currency, "price") == minor


@pytest.mark.parametrize(
    ("amount", "currency", "message"),
    [
        ("149.995", "usd", "must have at most 2 decimals"),
        ("0.001", "eur", "must have at most 2 decimals"),
        ("1.255", "kwd", "must have at most 2 decimals"),
        ("1200.5", "jpy", "must have no decimals"),
        ("10.55", "isk", "must have no decimals"),
        ("0.5", "ugx", "must have no decimals"),
        ("149.9900000000000000000000000000000001", "usd", "must have at most 2 decimals"),
        ("1E-400", "usd", "must have at most 2 decimals"),
        ("1E-999999999", "usd", "must have at most 2 decimals"),
    ],
)
def test_a_fraction_of_a_minor_unit_is_refused_and_never_rounded(
    amount: str, currency: str, message: str
) -> None:
    assert refusal(amount, currency) == ("decimal_max_places", message)


@pytest.mark.parametrize("amount", ["-0.01", "-1", "-1E+999999999"])
def test_a_negative_amount_is_refused(amount: str) -> None:
    assert refusal(amount) == ("greater_than_equal", "must not be negative")


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused(amount: str) -> None:
    assert refusal(amount) == ("finite_number", "must be a number")


@pytest.mark.parametrize("amount", ["1E+15", "1E+999", "1E+999999999999"])
def test_an_absurd_amount_is_refused_and_not_computed(amount: str) -> None:
    assert refusal(amount)[0] == "less_than_equal"


@given(st.sampled_from(sorted(CURRENCIES)), st.integers(0, LARGEST_TOTAL))
def test_an_amount_that_was_sent_is_the_amount_that_is_read_back(currency: str, minor: int) -> None:
    # A three-decimal currency's minor amount ends in 0: the contract sends two decimals at most.
    # What is charged in whole units only ends in 00.
    step = 10 ** (minor_digits(currency) - decimals(currency))
    amount = minor // step * step
    sent = json.dumps(to_major(amount, currency))
    assert to_minor(Decimal(sent), currency, "price") == amount


@given(st.sampled_from(sorted(CURRENCIES)), st.integers(0, LARGEST_TOTAL))
def test_what_is_sent_has_no_more_decimals_than_the_currency(currency: str, minor: int) -> None:
    exact = Decimal(minor).scaleb(-minor_digits(currency))
    assert Decimal(json.dumps(to_major(minor, currency))) == exact


@given(st.sampled_from(sorted(CURRENCIES)), st.decimals(allow_nan=True, allow_infinity=True))
def test_any_number_is_read_exactly_or_refused(currency: str, amount: Decimal) -> None:
    try:
        minor = to_minor(amount, currency, "price")
    except InvalidInput:
        return
    assert Decimal(minor) == amount * 10 ** minor_digits(currency)


def test_a_whole_amount_is_sent_as_an_integer() -> None:
    assert json.dumps([to_major(7000, "usd"), to_major(500, "jpy"), to_major(1000, "kwd")]) == (
        "[70, 500, 1]"
    )


def test_each_currency_has_its_own_number_of_decimals() -> None:
    codes = ("usd", "jpy", "bhd", "isk", "ugx")
    assert [minor_digits(code) for code in codes] == [2, 0, 3, 2, 2]
    assert [decimals(code) for code in codes] == [2, 0, 2, 0, 0]


def test_the_default_currency_is_one_that_can_be_sold_in() -> None:
    assert DEFAULT_CURRENCY in CURRENCIES


def test_every_currency_is_three_lower_case_letters() -> None:
    assert [code for code in CURRENCIES if len(code) != 3 or not code.islower()] == []


@pytest.mark.parametrize(
    ("minor", "currency", "thousandths"),
    [(14999, "usd", 149_990), (20, "jpy", 20_000), (1250, "kwd", 1250), (0, "eur", 0)],
)
def test_amounts_of_all_currencies_are_counted_in_thousandths_of_major_units(
    minor: int, currency: str, thousandths: int
) -> None:
    assert to_thousandths(minor, currency) == thousandths


@given(st.sampled_from(sorted(CURRENCIES)), st.integers(0, LARGEST_TOTAL))
def test_thousandths_are_the_number_that_clients_see(currency: str, minor: int) -> None:
    seen = Decimal(json.dumps(to_major(minor, currency)))
    assert Decimal(to_thousandths(minor, currency)) == seen * 1000
