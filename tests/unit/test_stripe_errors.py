"""What Stripe refuses, in the program's words and never in Stripe's."""

import pytest
import stripe

from chalicelib.adapters.stripe_errors import buyer_error, is_missing, refusal

SECRET = "ada@mail.example"


def an_error(
    code: str | None, param: str | None = None, message: str = SECRET
) -> stripe.InvalidRequestError:
    error: stripe.InvalidRequestError = stripe.InvalidRequestError(  # type: ignore[no-untyped-call]
        message, param, code
    )
    return error


@pytest.mark.parametrize(
    ("code", "param", "why"),
    [
        ("charge_already_refunded", None, "all of the payment was refunded before"),
        ("charge_disputed", None, "the payment is disputed"),
        ("refund_disputed_payment", None, "the payment is disputed"),
        ("charge_not_refundable", None, "cannot be refunded"),
        ("amount_too_large", "amount", "more than what is left"),
        (None, "amount", "more than what is left"),
        ("amount_too_small", "amount", "too small"),
        ("invalid_charge_amount", "amount", "not one that can be paid in this currency"),
        ("invalid_charge_amount_no_decimal_compatible", "amount", "must have no decimals"),
        ("parameter_invalid_integer", "amount", "the payment provider refused it"),
        ("balance_insufficient", None, "does not cover it"),
        ("insufficient_funds", None, "does not cover it"),
        ("resource_missing", "payment_intent", "the payment provider refused it"),
        ("surprise", None, "the payment provider refused it"),
        (None, None, "the payment provider refused it"),
    ],
)
def test_a_refused_refund_says_why_and_keeps_stripes_code(
    code: str | None, param: str | None, why: str
) -> None:
    refused = refusal(an_error(code, param))
    assert refused.code == code
    assert str(refused).startswith("the refund is not possible: ")
    assert why in str(refused)
    assert SECRET not in str(refused)


def test_a_key_of_another_refund_is_a_refusal() -> None:
    error = stripe.IdempotencyError(SECRET)
    refused = refusal(error)
    assert refused.code == "idempotency_error"
    assert "another refund was asked for under the same key" in str(refused)


@pytest.mark.parametrize(
    ("code", "field"),
    [
        ("amount_too_small", "totalAmount"),
        ("amount_too_large", "totalAmount"),
        ("invalid_charge_amount", "totalAmount"),
        ("invalid_charge_amount_no_decimal_compatible", "totalAmount"),
        ("email_invalid", "customerEmail"),
    ],
)
def test_what_a_buyer_got_wrong_names_their_field(code: str, field: str) -> None:
    wrong = buyer_error(an_error(code))
    assert wrong is not None
    [problem] = wrong.problems
    assert (problem.field, problem.type) == (field, code)
    assert SECRET not in str(wrong)


@pytest.mark.parametrize("code", [None, "parameter_unknown", "url_invalid"])
def test_what_we_got_wrong_is_not_the_buyers_error(code: str | None) -> None:
    assert buyer_error(an_error(code)) is None


@pytest.mark.parametrize(("code", "missing"), [("resource_missing", True), (None, False)])
def test_only_stripes_word_for_it_means_that_something_is_missing(
    code: str | None, missing: bool
) -> None:
    assert is_missing(an_error(code, message="No such checkout session")) is missing
