"""What Stripe's events tell: all types that are handled, and what is nothing of ours."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from chalicelib.adapters.stripe_events import HANDLED_EVENTS, StripeEvent, event_from
from chalicelib.adapters.stripe_objects import dispute_from, refund_from, session_from
from chalicelib.domain.payment_news import PaymentNews
from chalicelib.domain.refunds import Dispute, DisputeStatus, Refund, RefundStatus
from tests.support.builders import a_paid_session
from tests.support.stripe_objects import a_paid_stripe_session, a_stripe_session

HAPPENED = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
CREATED = int(HAPPENED.timestamp())

SESSION_TYPES = [event_type for event_type in HANDLED_EVENTS if "session" in event_type]
REFUND_TYPES = ["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"]
DISPUTE_TYPES = [event_type for event_type in HANDLED_EVENTS if "dispute" in event_type]


def an_event(event_type: str, data: Mapping[str, Any]) -> StripeEvent:
    return StripeEvent("evt_1", event_type, data, CREATED)


def a_stripe_refund(**changes: Any) -> dict[str, Any]:
    return {
        "id": "re_1",
        "object": "refund",
        "amount": 14999,
        "created": CREATED,
        "currency": "usd",
        "metadata": {},
        "payment_intent": "pi_1",
        "reason": None,
        "status": "succeeded",
        **changes,
    }


def a_stripe_dispute(**changes: Any) -> dict[str, Any]:
    return {
        "id": "dp_1",
        "object": "dispute",
        "amount": 29998,
        "created": CREATED,
        "currency": "usd",
        "payment_intent": "pi_1",
        "reason": "fraudulent",
        "status": "needs_response",
        **changes,
    }


def a_stripe_charge(**changes: Any) -> dict[str, Any]:
    return {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", **changes}


def test_every_type_that_is_handled_is_one_of_the_sdks() -> None:
    known = stripe.params.WebhookEndpointCreateParams.__annotations__["enabled_events"]
    for event_type in HANDLED_EVENTS:
        assert f"'{event_type}'" in str(known)


def test_a_list_of_events_can_be_asked_for_all_types_at_once() -> None:
    # Stripe's limit ("List all events", `types`).
    assert len(HANDLED_EVENTS) == len(set(HANDLED_EVENTS)) <= 20


@pytest.mark.parametrize("event_type", SESSION_TYPES)
def test_a_sessions_event_tells_of_the_session(event_type: str) -> None:
    news = an_event(event_type, a_paid_stripe_session()).news()
    failed = event_type == "checkout.session.async_payment_failed"
    session = a_paid_session(payment_failed=failed)
    assert news == PaymentNews("evt_1", HAPPENED, session=session)


@pytest.mark.parametrize("metadata", [None, {}, {"orderId": ""}, {"order": "01JN"}])
def test_a_session_that_names_no_order_is_nothing_of_ours(metadata: Any) -> None:
    event = an_event("checkout.session.completed", a_paid_stripe_session(metadata=metadata))
    assert event.news() is None


def test_a_refunded_charge_tells_which_payment_to_ask_about() -> None:
    news = an_event("charge.refunded", a_stripe_charge()).news()
    assert news == PaymentNews("evt_1", HAPPENED, payment_intent_id="pi_1")


@pytest.mark.parametrize("event_type", REFUND_TYPES)
def test_a_refunds_event_tells_of_the_refund_and_its_payment(event_type: str) -> None:
    news = an_event(event_type, a_stripe_refund()).news()
    refund = Refund("re_1", 14999, RefundStatus.SUCCEEDED, HAPPENED, stripe_id="re_1")
    assert news == PaymentNews("evt_1", HAPPENED, payment_intent_id="pi_1", refund=refund)


@pytest.mark.parametrize("event_type", DISPUTE_TYPES)
def test_a_disputes_event_tells_of_the_dispute_and_its_payment(event_type: str) -> None:
    news = an_event(event_type, a_stripe_dispute()).news()
    dispute = Dispute("dp_1", DisputeStatus.NEEDS_RESPONSE, 29998, "fraudulent", HAPPENED)
    assert news == PaymentNews("evt_1", HAPPENED, payment_intent_id="pi_1", dispute=dispute)


@pytest.mark.parametrize(
    ("event_type", "data"),
    [
        ("charge.refunded", a_stripe_charge(payment_intent=None)),
        ("refund.created", a_stripe_refund(payment_intent=None)),
        ("charge.dispute.created", a_stripe_dispute(payment_intent=None)),
        ("refund.updated", a_stripe_refund(status="reconsidered")),
        # A word of ours, which Stripe does not use.
        ("refund.updated", a_stripe_refund(status="requested")),
        ("refund.updated", a_stripe_refund(status=None)),
        ("charge.dispute.updated", a_stripe_dispute(status="appeal_under_review")),
        ("product.created", {"id": "prod_1", "object": "product"}),
        ("charge.succeeded", a_stripe_charge()),
        ("checkout.session.refunded", a_paid_stripe_session()),
        ("", {}),
    ],
)
def test_what_is_nothing_of_ours_does_not_crash_the_webhook(
    event_type: str, data: dict[str, Any]
) -> None:
    assert an_event(event_type, data).news() is None


def test_a_payment_is_known_by_its_id_or_whole() -> None:
    whole = a_stripe_charge(payment_intent={"id": "pi_1", "object": "payment_intent"})
    news = an_event("charge.refunded", whole).news()
    assert news is not None
    assert news.payment_intent_id == "pi_1"


def test_a_refund_of_ours_is_known_again_by_its_key() -> None:
    ours = {
        "orderId": "01JN",
        "refundKey": "admin-1",
        "returnSeats": "false",
        "quantity": "2",
        "reason": "rained off",
    }
    refund = refund_from(a_stripe_refund(metadata=ours))
    assert refund == Refund(
        key="admin-1",
        amount=14999,
        status=RefundStatus.SUCCEEDED,
        at=HAPPENED,
        returns_seats=False,
        quantity=2,
        reason="rained off",
        stripe_id="re_1",
    )


@pytest.mark.parametrize(("said", "returns"), [({}, True), ({"returnSeats": "true"}, True),
    ({"returnSeats": "no"}, True), ({"returnSeats": "false"}, False)])  # fmt: skip
def test_seats_go_back_unless_the_refund_says_no(said: dict[str, str], returns: bool) -> None:
    refund = refund_from(a_stripe_refund(metadata=said))
    assert refund is not None
    assert refund.returns_seats is returns


@pytest.mark.parametrize("quantity", ["", "two", "-1", "1.5", "²", "٣"])
def test_a_quantity_that_somebody_scribbled_is_none(quantity: str) -> None:
    refund = refund_from(a_stripe_refund(metadata={"quantity": quantity}))
    assert refund is not None
    assert refund.quantity == 0


def test_stripes_own_reason_is_the_reason_where_there_is_no_other() -> None:
    refund = refund_from(a_stripe_refund(reason="duplicate", metadata=None))
    assert refund is not None
    assert refund.reason == "duplicate"


def test_a_failed_refund_says_why() -> None:
    refund = refund_from(a_stripe_refund(status="failed", failure_reason="lost_or_stolen_card"))
    assert refund is not None
    assert (refund.status, refund.failure) == (RefundStatus.FAILED, "lost_or_stolen_card")


@pytest.mark.parametrize("status", [s for s in RefundStatus if s is not RefundStatus.REQUESTED])
def test_every_status_of_a_refund_is_read(status: RefundStatus) -> None:
    refund = refund_from(a_stripe_refund(status=status.value))
    assert refund is not None
    assert refund.status is status


@pytest.mark.parametrize("status", DisputeStatus)
def test_every_status_of_a_dispute_is_read(status: DisputeStatus) -> None:
    dispute = dispute_from(a_stripe_dispute(status=status.value))
    assert dispute is not None
    assert dispute.status is status


@pytest.mark.parametrize(
    ("changes", "email"),
    [
        ({}, None),
        ({"customer_email": "a@mail.example"}, "a@mail.example"),
        ({"customer_details": {"email": "b@mail.example"}}, "b@mail.example"),
        (
            {"customer_details": {"email": "b@mail.example"}, "customer_email": "a@mail.example"},
            "b@mail.example",
        ),
        ({"customer_details": {"email": None}, "customer_email": "a@mail.example"},
         "a@mail.example"),
    ],
)  # fmt: skip
def test_a_buyers_address_is_what_they_gave_last(changes: dict[str, Any], email: str) -> None:
    assert session_from(a_stripe_session(**changes)).customer_email == email


@pytest.mark.parametrize(
    ("status", "payment_status", "intent_status", "failed"),
    [
        ("complete", "unpaid", "requires_payment_method", True),
        ("complete", "unpaid", "canceled", True),
        ("complete", "unpaid", "processing", False),
        ("complete", "paid", "succeeded", False),
        # An open session's payment has not been tried, or a first card was declined.
        ("open", "unpaid", "requires_payment_method", False),
        ("expired", "unpaid", "canceled", False),
        ("complete", "paid", "canceled", False),
    ],
)
def test_a_payment_has_failed_once_a_complete_session_cannot_get_it(
    status: str, payment_status: str, intent_status: str, failed: bool
) -> None:
    session = a_stripe_session(
        status=status,
        payment_status=payment_status,
        payment_intent={"id": "pi_1", "status": intent_status},
    )
    assert session_from(session).payment_failed is failed


def test_a_payment_that_is_only_named_tells_of_no_failure() -> None:
    waiting = a_stripe_session(status="complete", payment_intent="pi_1")
    assert session_from(waiting).payment_failed is False


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"id": "evt_1", "object": "v2.core.event", "type": "v1.x", "created": "2027-03-01T12:00Z"},
        {"id": "evt_1", "type": "checkout.session.completed", "data": {"object": None}},
        {"id": "evt_1", "type": "refund.created", "data": None},
    ],
)
def test_an_event_of_another_kind_is_nothing_of_ours(payload: dict[str, Any]) -> None:
    event = event_from(payload)
    assert event.created == 0
    assert event.news() is None


def test_an_event_is_read_with_its_time() -> None:
    payload = {
        "id": "evt_1",
        "type": "charge.refunded",
        "created": CREATED,
        "data": {"object": a_stripe_charge()},
    }
    assert event_from(payload) == an_event("charge.refunded", a_stripe_charge())
