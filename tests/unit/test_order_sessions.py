"""The sessions of orders for which nothing is owed, as far as the orders tell."""

from chalicelib.domain.checkout_sessions import PaymentStatus, SessionStatus
from chalicelib.domain.order_sessions import session_metadata, settled_session
from tests.support.builders import an_order

FREE = an_order(unit_price=0, customer_email="ada@mail.example")
PAID = an_order(unit_price=14999, quantity=2, payment_intent_id="pi_1")


def test_a_free_session_is_complete_and_owes_nothing() -> None:
    session = settled_session(FREE, "cs_free_1")

    assert session.settled
    assert session.free
    assert session.status is SessionStatus.COMPLETE
    assert (session.id, session.order_id, session.url) == ("cs_free_1", FREE.id, None)
    assert (session.amount_total, session.currency) == (0, "usd")
    assert session.customer_email == "ada@mail.example"
    assert session.payment_intent_id is None


def test_a_paid_session_is_complete_and_says_how_much_was_paid() -> None:
    session = settled_session(PAID, "cs_test_1")

    assert session.settled
    assert not session.free
    assert (session.status, session.payment_status) == (SessionStatus.COMPLETE, PaymentStatus.PAID)
    assert (session.id, session.order_id, session.url) == ("cs_test_1", PAID.id, None)
    assert (session.amount_total, session.currency) == (29998, "usd")
    assert session.payment_intent_id == "pi_1"


def test_a_session_tells_what_was_bought() -> None:
    assert session_metadata(PAID) == {
        "orderId": PAID.id,
        "eventSlug": "tech-conference",
        "eventName": "Tech Conference",
        "quantity": "2",
    }
