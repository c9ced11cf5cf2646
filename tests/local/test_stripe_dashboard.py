"""The local Stripe's dashboard: what banks and people at Stripe do, by its buttons and by POST."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from tests.local.test_stripe_checkout_page import HOSTILE, Page
from tests.local.test_stripe_shop import Shop, event_types, item, refused, running_shop

pytestmark = pytest.mark.enable_socket

PAYMENT_EVENTS = 4


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_shop(tmp_path_factory.mktemp("stripe")) as shared:
        yield shared


@pytest.fixture
def new_shop(tmp_path: Path) -> Iterator[Shop]:
    with running_shop(tmp_path) as fresh:
        yield fresh


def act(shop: Shop, kind: str, object_id: str, action: str, **form: str) -> httpx.Response:
    return shop.http.post(f"/dashboard/{kind}/{object_id}/{action}", data=form)


def done(shop: Shop, kind: str, object_id: str, action: str, **form: str) -> str:
    """Act, and return where the effect is shown."""
    answer = act(shop, kind, object_id, action, **form)
    assert answer.status_code == 303
    return answer.headers["location"]


def switch(shop: Shop, name: str, value: str) -> None:
    assert shop.http.post(f"/dashboard/switches/{name}/{value}").headers["location"] == "/"


def paid(shop: Shop, **changes: object) -> tuple[str, str]:
    """A paid session and its payment."""
    session = shop.paid(**changes)
    assert isinstance(session.payment_intent, str)
    return session.id, session.payment_intent


def refunds(shop: Shop, intent: str) -> list[stripe.Refund]:
    return shop.v1.refunds.list({"payment_intent": intent}).data


def the_dispute(shop: Shop, intent: str) -> stripe.Dispute:
    [dispute] = shop.v1.disputes.list({"payment_intent": intent}).data
    return shop.v1.disputes.retrieve(dispute.id)


def the_charge(shop: Shop, intent: str) -> stripe.Charge:
    charge = shop.v1.payment_intents.retrieve(intent, {"expand": ["latest_charge"]}).latest_charge
    assert isinstance(charge, stripe.Charge)
    return charge


def test_a_refund_in_the_dashboard_names_no_order(shop: Shop) -> None:
    session, intent = paid(shop)
    assert done(shop, "sessions", session, "refund", amount="500") == (
        f"/dashboard/sessions/{session}"
    )
    [refund] = refunds(shop, intent)
    assert refund.metadata is not None
    assert (refund.amount, refund.status, refund.metadata.to_dict()) == (500, "succeeded", {})
    done(shop, "sessions", session, "refund", amount="")
    assert [made.amount for made in refunds(shop, intent)] == [2498, 500]
    assert the_charge(shop, intent).refunded


@pytest.mark.parametrize("amount", ["0", "2999", "-1", "1.5", "all", "³"])
def test_an_amount_that_cannot_be_refunded_is_refused_with_a_page(shop: Shop, amount: str) -> None:
    session, intent = paid(shop)
    answer = act(shop, "sessions", session, "refund", amount=amount)
    assert answer.status_code == 409
    assert "not possible" in Page(answer).words
    assert refunds(shop, intent) == []


def test_a_three_decimal_currency_is_refunded_in_tens(shop: Shop) -> None:
    session, intent = paid(shop, line_items=[item(currency="kwd", unit_amount=12_340)])
    assert act(shop, "sessions", session, "refund", amount="1005").status_code == 409
    error = refused(lambda: shop.v1.refunds.create({"payment_intent": intent, "amount": 1005}))
    assert (error.code, error.param) == ("invalid_charge_amount", "amount")
    assert shop.v1.refunds.create({"payment_intent": intent, "amount": 1010}).amount == 1010


def test_isk_is_refunded_in_whole_units(shop: Shop) -> None:
    _, intent = paid(shop, line_items=[item(currency="isk", unit_amount=50_000)])
    error = refused(lambda: shop.v1.refunds.create({"payment_intent": intent, "amount": 1050}))
    assert error.code == "invalid_charge_amount_no_decimal_compatible"
    assert error.param == "amount"
    assert shop.v1.refunds.create({"payment_intent": intent, "amount": 1100}).amount == 1100


def test_a_refund_may_be_pending_and_then_arrive(new_shop: Shop) -> None:
    _, intent = paid(new_shop)
    switch(new_shop, "next_refund", "pending")
    refund = new_shop.v1.refunds.create({"payment_intent": intent, "amount": 1000})
    assert (refund.status, refund.pending_reason) == ("pending", "processing")
    assert the_charge(new_shop, intent).amount_refunded == 1000
    assert event_types(new_shop)[PAYMENT_EVENTS:] == ["refund.created", "charge.refunded"]
    done(new_shop, "refunds", refund.id, "succeed")
    arrived = new_shop.v1.refunds.retrieve(refund.id)
    assert (arrived.status, arrived.pending_reason) == ("succeeded", None)
    # Once for its status, once for the reference that the card's network gives it.
    assert (
        event_types(new_shop)[PAYMENT_EVENTS + 2 :]
        == [
            "refund.updated",
            "charge.refund.updated",
        ]
        * 2
    )
    assert act(new_shop, "refunds", refund.id, "succeed").status_code == 409
    # The switch held for one refund.
    assert new_shop.v1.refunds.create({"payment_intent": intent}).status == "succeeded"


@pytest.mark.parametrize("begins_as", ["pending", "succeeded"])
def test_a_refund_that_fails_gives_its_money_back_to_the_shop(
    new_shop: Shop, begins_as: str
) -> None:
    _, intent = paid(new_shop)
    switch(new_shop, "next_refund", begins_as)
    refund = new_shop.v1.refunds.create({"payment_intent": intent})
    assert refund.status == begins_as
    assert the_charge(new_shop, intent).refunded
    before = len(event_types(new_shop))
    done(new_shop, "refunds", refund.id, "fail", reason="lost_or_stolen_card")
    failed = new_shop.v1.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "lost_or_stolen_card")
    charge = the_charge(new_shop, intent)
    assert (charge.refunded, charge.amount_refunded) == (False, 0)
    assert new_shop.v1.balance.retrieve().available[0].amount == 2998
    assert event_types(new_shop)[before:] == [
        "refund.updated",
        "charge.refund.updated",
        "refund.failed",
    ]
    updated = new_shop.v1.events.list({"type": "charge.refund.updated", "limit": 1}).data[0]
    assert updated.data.object["status"] == "failed"
    assert updated.data.previous_attributes is not None
    assert updated.data.previous_attributes["status"] == begins_as
    assert act(new_shop, "refunds", refund.id, "fail").status_code == 409
    # What came back can be sent again.
    assert new_shop.v1.refunds.create({"payment_intent": intent}).amount == 2998


def test_a_refund_may_fail_at_once(shop: Shop) -> None:
    _, intent = paid(shop)
    switch(shop, "next_refund", "failed")
    refund = shop.v1.refunds.create({"payment_intent": intent})
    assert (refund.status, refund.failure_reason) == ("failed", "expired_or_canceled_card")
    assert the_charge(shop, intent).amount_refunded == 0


def test_a_refund_does_not_fail_for_a_reason_that_stripe_does_not_give(shop: Shop) -> None:
    session, intent = paid(shop)
    done(shop, "sessions", session, "refund")
    [refund] = refunds(shop, intent)
    assert act(shop, "refunds", refund.id, "fail", reason="spite").status_code == 409
    assert shop.v1.refunds.retrieve(refund.id).status == "succeeded"


def test_a_dispute_withdraws_the_funds_and_keeps_them_from_being_refunded(new_shop: Shop) -> None:
    session, intent = paid(new_shop)
    done(new_shop, "sessions", session, "dispute", reason="product_not_received")
    dispute = the_dispute(new_shop, intent)
    assert (dispute.status, dispute.reason) == ("needs_response", "product_not_received")
    assert (dispute.amount, dispute.is_charge_refundable) == (2998, False)
    assert [movement.amount for movement in dispute.balance_transactions] == [-2998]
    assert the_charge(new_shop, intent).disputed
    assert new_shop.v1.balance.retrieve().available[0].amount == 0
    error = refused(lambda: new_shop.v1.refunds.create({"payment_intent": intent}))
    assert error.code == "charge_disputed"
    assert act(new_shop, "sessions", session, "refund").status_code == 409
    assert event_types(new_shop)[PAYMENT_EVENTS:] == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
    ]


def test_a_dispute_that_is_won_brings_the_funds_back(new_shop: Shop) -> None:
    session, intent = paid(new_shop)
    done(new_shop, "sessions", session, "dispute")
    dispute = the_dispute(new_shop, intent)
    done(new_shop, "disputes", dispute.id, "answer")
    answered = the_dispute(new_shop, intent)
    assert (answered.status, answered.evidence_details.has_evidence) == ("under_review", True)
    done(new_shop, "disputes", dispute.id, "win")
    won = the_dispute(new_shop, intent)
    assert (won.status, won.is_charge_refundable) == ("won", True)
    assert [movement.amount for movement in won.balance_transactions] == [-2998, 2998]
    assert new_shop.v1.balance.retrieve().available[0].amount == 2998
    assert event_types(new_shop)[PAYMENT_EVENTS + 2 :] == [
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_reinstated",
    ]
    assert new_shop.v1.refunds.create({"payment_intent": intent}).status == "succeeded"


def test_a_dispute_that_is_lost_is_lost(new_shop: Shop) -> None:
    session, intent = paid(new_shop)
    done(new_shop, "sessions", session, "dispute")
    dispute = the_dispute(new_shop, intent)
    done(new_shop, "disputes", dispute.id, "lose")
    lost = the_dispute(new_shop, intent)
    assert (lost.status, lost.is_charge_refundable) == ("lost", False)
    assert new_shop.v1.balance.retrieve().available[0].amount == 0
    error = refused(lambda: new_shop.v1.refunds.create({"payment_intent": intent}))
    assert error.code == "charge_disputed"
    for action in ("answer", "win", "lose"):
        assert act(new_shop, "disputes", dispute.id, action).status_code == 409
    assert event_types(new_shop)[-1] == "charge.dispute.closed"


def test_what_a_lost_dispute_was_not_about_can_be_refunded_when_it_is_over(new_shop: Shop) -> None:
    session, intent = paid(new_shop)
    done(new_shop, "sessions", session, "dispute", amount="1000")
    error = refused(lambda: new_shop.v1.refunds.create({"payment_intent": intent}))
    assert error.code == "charge_disputed"
    dispute = the_dispute(new_shop, intent)
    done(new_shop, "disputes", dispute.id, "lose")
    assert new_shop.v1.balance.retrieve().available[0].amount == 1998
    error = refused(lambda: new_shop.v1.refunds.create({"payment_intent": intent, "amount": 1999}))
    assert error.param == "amount"
    assert new_shop.v1.refunds.create({"payment_intent": intent}).amount == 1998


def test_an_inquiry_takes_no_funds_and_is_only_closed(new_shop: Shop) -> None:
    session, intent = paid(new_shop)
    done(new_shop, "sessions", session, "inquiry")
    dispute = the_dispute(new_shop, intent)
    assert (dispute.status, dispute.balance_transactions) == ("warning_needs_response", [])
    assert new_shop.v1.refunds.create({"payment_intent": intent, "amount": 98}).amount == 98
    done(new_shop, "disputes", dispute.id, "answer")
    assert the_dispute(new_shop, intent).status == "warning_under_review"
    assert act(new_shop, "disputes", dispute.id, "lose").status_code == 409
    done(new_shop, "disputes", dispute.id, "win")
    assert the_dispute(new_shop, intent).status == "warning_closed"
    assert new_shop.v1.balance.retrieve().available[0].amount == 2900
    # A closed inquiry may still become a dispute.
    done(new_shop, "sessions", session, "dispute")
    newest, _ = new_shop.v1.disputes.list({"payment_intent": intent}).data
    assert (newest.status, newest.amount) == ("needs_response", 2900)


@pytest.mark.parametrize(
    "form", [{"amount": "2999"}, {"amount": "0"}, {"reason": "spite"}, {"amount[x]": "1"}]
)
def test_a_dispute_that_stripe_does_not_have_is_refused(shop: Shop, form: dict[str, str]) -> None:
    session, intent = paid(shop)
    assert act(shop, "sessions", session, "dispute", **form).status_code == 409
    assert shop.v1.disputes.list({"payment_intent": intent}).data == []


def test_a_payment_has_one_open_dispute_at_a_time(shop: Shop) -> None:
    session, intent = paid(shop)
    done(shop, "sessions", session, "dispute")
    for action in ("dispute", "inquiry"):
        assert act(shop, "sessions", session, action).status_code == 409
    assert the_dispute(shop, intent).status == "needs_response"


def test_what_is_refunded_already_cannot_be_disputed(shop: Shop) -> None:
    session, _ = paid(shop)
    done(shop, "sessions", session, "refund")
    assert act(shop, "sessions", session, "dispute").status_code == 409


@pytest.mark.parametrize("action", ["refund", "dispute", "inquiry"])
def test_nothing_is_refunded_or_disputed_before_it_is_paid(shop: Shop, action: str) -> None:
    opened, waiting = shop.session(), shop.session()
    shop.press(waiting, "pay-later")
    for session in (opened, waiting):
        assert act(shop, "sessions", session.id, action).status_code == 409


def test_disputes_are_listed_and_expanded(shop: Shop) -> None:
    session, intent = paid(shop)
    done(shop, "sessions", session, "dispute")
    charge = the_charge(shop, intent)
    [found] = shop.v1.disputes.list({"charge": charge.id, "expand": ["data.charge"]}).data
    assert isinstance(found.charge, stripe.Charge)
    assert found.charge.id == charge.id
    whole = shop.v1.disputes.retrieve(found.id, {"expand": ["payment_intent"]})
    assert isinstance(whole.payment_intent, stripe.PaymentIntent)
    assert not shop.v1.disputes.list({"charge": charge.id, "created": {"lt": 1}}).data


def test_the_page_offers_what_is_possible_and_nothing_else(shop: Shop) -> None:
    session, intent = paid(shop)
    switch(shop, "next_refund", "pending")
    done(shop, "sessions", session, "refund", amount="1000")
    done(shop, "sessions", session, "dispute")
    [refund] = refunds(shop, intent)
    dispute = the_dispute(shop, intent)
    page = Page(shop.http.get(f"/dashboard/sessions/{session}"))
    assert {form["action"] for form in page.all("form")} == {
        f"/dashboard/sessions/{session}/refund",
        f"/dashboard/refunds/{refund.id}/succeed",
        f"/dashboard/refunds/{refund.id}/fail",
        f"/dashboard/disputes/{dispute.id}/answer",
        f"/dashboard/disputes/{dispute.id}/win",
        f"/dashboard/disputes/{dispute.id}/lose",
    }
    for expected in (
        refund.id,
        dispute.id,
        "10.00 USD",
        "19.98 USD",
        "pending",
        "needs_response",
        "made in the dashboard",
        "29.98 USD came in, 10.00 USD went back",
    ):
        assert expected in page.words
    done(shop, "refunds", refund.id, "fail")
    done(shop, "disputes", dispute.id, "lose")
    page = Page(shop.http.get(f"/dashboard/sessions/{session}"))
    [form] = page.all("form")
    assert form["action"] == f"/dashboard/sessions/{session}/refund"


def test_a_session_without_a_payment_has_no_buttons(shop: Shop) -> None:
    page = Page(shop.http.get(f"/dashboard/sessions/{shop.session().id}"))
    assert not page.all("form")
    assert "open, unpaid" in page.words


def test_the_page_is_accessible_without_scripts(shop: Shop) -> None:
    session, _ = paid(shop)
    done(shop, "sessions", session, "refund", amount="100")
    for path in (f"/dashboard/sessions/{session}", "/"):
        answer = shop.http.get(path)
        page = Page(answer)
        fields = page.all("input") + page.all("select")
        assert {field["id"] for field in fields} == {label["for"] for label in page.all("label")}
        assert len(page.all("main")) == len(page.all("h1")) == 1
        assert "<script" not in answer.text
        assert "form-action 'self';" in answer.headers["content-security-policy"]


def test_what_the_shop_sends_is_text_on_the_page(shop: Shop) -> None:
    session, intent = paid(shop)
    shop.v1.refunds.create(
        {"payment_intent": intent, "amount": 5, "metadata": {"refundKey": HOSTILE}}
    )
    answer = shop.http.get(f"/dashboard/sessions/{session}")
    assert HOSTILE in Page(answer).words
    assert "<script" not in answer.text


def test_the_overview_leads_to_each_sessions_money_and_has_the_switches(new_shop: Shop) -> None:
    session, _ = paid(new_shop)
    switch(new_shop, "deliveries", "held")
    page = Page(new_shop.http.get("/"))
    assert {"href": f"/dashboard/sessions/{session}"} in page.all("a")
    pressed = {
        button["formaction"]: button["aria-pressed"]
        for button in page.all("button")
        if "formaction" in button
    }
    assert pressed == {
        "/dashboard/switches/deliveries/sent": "false",
        "/dashboard/switches/deliveries/held": "true",
        "/dashboard/switches/deliveries/lost": "false",
        "/dashboard/switches/next_refund/succeeded": "true",
        "/dashboard/switches/next_refund/pending": "false",
        "/dashboard/switches/next_refund/failed": "false",
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/dashboard/sessions/cs_test_none"),
        ("POST", "/dashboard/sessions/cs_test_none/refund"),
        ("POST", "/dashboard/refunds/re_none/fail"),
        ("POST", "/dashboard/disputes/dp_none/win"),
        ("POST", "/dashboard/sessions/cs_test_none/steal"),
        ("POST", "/dashboard/switches/deliveries/slow"),
        ("POST", "/dashboard/switches/refunds/failed"),
    ],
)
def test_what_does_not_exist_is_a_404(shop: Shop, method: str, path: str) -> None:
    assert shop.http.request(method, path).status_code == 404


def test_buttons_change_nothing_when_they_are_only_looked_at(shop: Shop) -> None:
    session, intent = paid(shop)
    answer: Any = shop.http.get(f"/dashboard/sessions/{session}/refund")
    assert answer.status_code == 405
    assert refunds(shop, intent) == []
