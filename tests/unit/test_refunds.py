"""Refunds and disputes: which of two pieces of news about the same one holds."""

import pytest

from chalicelib.domain.refunds import Dispute, DisputeStatus, Refund, RefundStatus, Why
from tests.support.builders import NOW

REFUND_STATUSES = [
    RefundStatus.REQUESTED,
    RefundStatus.PENDING,
    RefundStatus.REQUIRES_ACTION,
    RefundStatus.SUCCEEDED,
    RefundStatus.CANCELED,
    RefundStatus.FAILED,
]
DISPUTE_STATUSES = [
    DisputeStatus.WARNING_NEEDS_RESPONSE,
    DisputeStatus.WARNING_UNDER_REVIEW,
    DisputeStatus.NEEDS_RESPONSE,
    DisputeStatus.UNDER_REVIEW,
    DisputeStatus.WARNING_CLOSED,
    DisputeStatus.PREVENTED,
    DisputeStatus.LOST,
    DisputeStatus.WON,
]


def a_refund(status: RefundStatus, key: str = "r1", stripe_id: str | None = "re_1") -> Refund:
    return Refund(key, 100, status, NOW, stripe_id=stripe_id)


def a_dispute(status: DisputeStatus) -> Dispute:
    return Dispute("dp_1", status, 100, "fraudulent", NOW)


@pytest.mark.parametrize("status", RefundStatus)
@pytest.mark.parametrize("other", RefundStatus)
def test_later_news_of_a_refund_holds_whichever_came_first(
    status: RefundStatus, other: RefundStatus
) -> None:
    later = REFUND_STATUSES.index(status) > REFUND_STATUSES.index(other)
    assert a_refund(status).outranks(a_refund(other)) == later


@pytest.mark.parametrize("status", REFUND_STATUSES[1:])
def test_what_stripe_tells_of_a_refund_holds_against_what_was_taken_for_a_refusal(
    status: RefundStatus,
) -> None:
    refused = a_refund(RefundStatus.FAILED, stripe_id=None)
    assert a_refund(status).outranks(refused)
    assert not refused.outranks(a_refund(status))


def test_a_refusal_ends_a_request() -> None:
    refused = a_refund(RefundStatus.FAILED, stripe_id=None)
    requested = a_refund(RefundStatus.REQUESTED, stripe_id=None)
    assert refused.outranks(requested)
    assert not requested.outranks(refused)
    assert not refused.outranks(refused)


@pytest.mark.parametrize("status", RefundStatus)
def test_money_that_came_back_does_not_count(status: RefundStatus) -> None:
    gone = status not in {RefundStatus.FAILED, RefundStatus.CANCELED}
    assert a_refund(status).counts == gone


@pytest.mark.parametrize("status", RefundStatus)
def test_stripe_knows_of_every_refund_but_a_requested_one(status: RefundStatus) -> None:
    assert a_refund(status).told_stripe == (status is not RefundStatus.REQUESTED)


@pytest.mark.parametrize("why", Why)
def test_the_programs_own_refunds_are_known_by_their_keys(why: Why) -> None:
    assert a_refund(RefundStatus.FAILED, key=why.value).why is why
    assert a_refund(RefundStatus.FAILED, key=f"{why.value}-2").why is why


@pytest.mark.parametrize("key", ["r1", "re_1", "", "event-cancelled", "sold_outs"])
def test_other_refunds_are_not_the_programs_own(key: str) -> None:
    assert a_refund(RefundStatus.FAILED, key=key).why is None


@pytest.mark.parametrize("status", DisputeStatus)
@pytest.mark.parametrize("other", DisputeStatus)
def test_later_news_of_a_dispute_holds_whichever_came_first(
    status: DisputeStatus, other: DisputeStatus
) -> None:
    later = DISPUTE_STATUSES.index(status) > DISPUTE_STATUSES.index(other)
    assert a_dispute(status).outranks(a_dispute(other)) == later


@pytest.mark.parametrize("status", DisputeStatus)
def test_the_bank_has_the_money_from_a_disputes_first_day_until_it_is_won(
    status: DisputeStatus,
) -> None:
    takes = {DisputeStatus.NEEDS_RESPONSE, DisputeStatus.UNDER_REVIEW, DisputeStatus.LOST}
    assert a_dispute(status).takes_money == (status in takes)
