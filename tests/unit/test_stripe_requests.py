"""What Stripe is sent for a refund, and for the way back from its page."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.stripe_objects import refund_from
from chalicelib.adapters.stripe_requests import refund_params
from chalicelib.domain.refunds import Refund, RefundStatus
from tests.support.builders import an_order

DECIDED = datetime(2027, 3, 2, 9, 0, tzinfo=UTC)


def a_refund(**changes: Any) -> Refund:
    wanted = {"key": "admin-1", "amount": 14999, "status": RefundStatus.REQUESTED, "at": DECIDED}
    return Refund(**{**wanted, **changes})


def test_a_refund_says_all_that_is_needed_to_know_it_again() -> None:
    refund = a_refund(quantity=1, returns_seats=False, reason="rained off")
    assert refund_params("pi_1", an_order(), refund) == {
        "payment_intent": "pi_1",
        "amount": 14999,
        "metadata": {
            "orderId": "01JNTEST0RDER0000000000000",
            "refundKey": "admin-1",
            "returnSeats": "false",
            "quantity": "1",
            "reason": "rained off",
        },
    }


@pytest.mark.parametrize("reason", ["duplicate", "fraudulent", "requested_by_customer"])
def test_a_reason_of_stripes_is_stripes_parameter(reason: str) -> None:
    params = refund_params("pi_1", an_order(), a_refund(reason=reason))
    assert params["reason"] == reason
    assert "reason" not in params["metadata"]


@pytest.mark.parametrize("reason", [None, ""])
def test_no_reason_is_sent_as_none(reason: str | None) -> None:
    params = refund_params("pi_1", an_order(), a_refund(reason=reason))
    assert "reason" not in params
    assert "reason" not in params["metadata"]


@pytest.mark.parametrize("reason", ["x" * 500, "x" * 501, "ü" * 9_000])
def test_a_long_reason_is_cut_where_stripes_metadata_ends(reason: str) -> None:
    metadata = refund_params("pi_1", an_order(), a_refund(reason=reason))["metadata"]
    assert isinstance(metadata, dict)
    assert metadata["reason"] == reason[:500]


@given(
    st.integers(1, 10**8),
    st.booleans(),
    st.integers(0, 10),
    st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=600),
)
def test_what_is_sent_is_what_is_read_back(
    amount: int, returns_seats: bool, quantity: int, reason: str | None
) -> None:
    refund = a_refund(amount=amount, returns_seats=returns_seats, quantity=quantity, reason=reason)
    sent = refund_params("pi_1", an_order(), refund)
    shown = {"id": "re_1", "created": int(DECIDED.timestamp()), "status": "pending", **sent}
    assert refund_from(shown) == a_refund(
        amount=amount,
        returns_seats=returns_seats,
        quantity=quantity,
        reason=reason and reason[:500],
        status=RefundStatus.PENDING,
        stripe_id="re_1",
    )
