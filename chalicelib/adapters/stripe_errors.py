"""What Stripe refuses, as errors of the program. None of its own texts is passed on: they may
quote what was sent, such as an e-mail address.

Source: Stripe's page "Error codes".
"""

import stripe

from chalicelib.errors import (
    InvalidInput,
    PaymentProviderBusy,
    PaymentProviderError,
    RefundRefused,
)

_MISSING = "resource_missing"
_IDEMPOTENCY = "idempotency_error"
# Of a currency that is sent with decimals and has none, such as isk.
_NOT_WHOLE = "invalid_charge_amount_no_decimal_compatible"
# What a buyer sent and only Stripe can judge, such as a currency's smallest and largest charge:
# the field and what is wrong with it, by Stripe's code.
_UNCHARGEABLE = ("totalAmount", "is not an amount that can be charged")
_BUYER_ERRORS = {
    "amount_too_small": _UNCHARGEABLE,
    "amount_too_large": _UNCHARGEABLE,
    "invalid_charge_amount": _UNCHARGEABLE,
    _NOT_WHOLE: _UNCHARGEABLE,
    "email_invalid": ("customerEmail", "must be an e-mail address"),
}
_TOO_MUCH = "the amount is more than what is left of the payment"
_DISPUTED = "the payment is disputed, so the buyer's bank decides about its money"
_NO_FUNDS = "the account at the payment provider does not cover it"
_REFUSALS = {
    "charge_already_refunded": "all of the payment was refunded before",
    "charge_disputed": _DISPUTED,
    "refund_disputed_payment": _DISPUTED,
    "charge_not_refundable": "a payment of this kind, or in this state, cannot be refunded",
    "amount_too_large": _TOO_MUCH,
    "amount_too_small": "the amount is too small to be refunded",
    "invalid_charge_amount": "the amount is not one that can be paid in this currency",
    _NOT_WHOLE: "the amount must have no decimals in this currency",
    "balance_insufficient": _NO_FUNDS,
    "insufficient_funds": _NO_FUNDS,
    _IDEMPOTENCY: "another refund was asked for under the same key",
}


def is_missing(error: stripe.InvalidRequestError) -> bool:
    """Tell whether Stripe does not know what the request names."""
    return error.code == _MISSING


def buyer_error(error: stripe.InvalidRequestError) -> InvalidInput | None:
    """Return what is wrong with a buyer's request, where it is that."""
    if error.code not in _BUYER_ERRORS:
        return None
    return InvalidInput.of(*_BUYER_ERRORS[error.code], error.code)


def refusal(error: stripe.InvalidRequestError | stripe.IdempotencyError) -> RefundRefused:
    """Return why Stripe will not refund."""
    if isinstance(error, stripe.IdempotencyError):
        return _refused(_REFUSALS[_IDEMPOTENCY], _IDEMPOTENCY)
    if error.code in _REFUSALS:
        return _refused(_REFUSALS[error.code], error.code)
    # More than is left has no code of its own.
    is_too_much = error.code is None and error.param == "amount"
    return _refused(_TOO_MUCH if is_too_much else "the payment provider refused it", error.code)


def unreachable() -> PaymentProviderError:
    """Return the error for everything that is nobody's here to mend."""
    return PaymentProviderError("the payment provider cannot be reached right now; try again")


def failed(error: stripe.StripeError) -> PaymentProviderError:
    """Return what a failure of Stripe's is to who asked: worth another try at once, or not."""
    if isinstance(error, stripe.RateLimitError):
        return PaymentProviderBusy("the payment provider is busy right now; try again")
    return unreachable()


def _refused(why: str, code: str | None) -> RefundRefused:
    return RefundRefused(f"the refund is not possible: {why}", code)
