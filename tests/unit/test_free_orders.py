"""Orders of events that cost nothing: their sessions, and the way to the success page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.checkout_sessions import SessionStatus
from chalicelib.domain.free_orders import (
    free_session,
    free_session_id,
    order_id_of,
    session_metadata,
    with_session_id,
)
from tests.support.builders import an_order

ORDER = an_order(unit_price=0, customer_email="ada@mail.example")


def test_a_free_session_is_complete_and_owes_nothing() -> None:
    session = free_session(ORDER, "cs_free_1")

    assert session.settled
    assert session.free
    assert session.status is SessionStatus.COMPLETE
    assert (session.id, session.order_id, session.url) == ("cs_free_1", ORDER.id, None)
    assert (session.amount_total, session.currency) == (0, "usd")
    assert session.customer_email == "ada@mail.example"
    assert session.payment_intent_id is None


def test_a_session_tells_what_was_bought() -> None:
    assert session_metadata(ORDER) == {
        "orderId": ORDER.id,
        "eventSlug": "tech-conference",
        "eventName": "Tech Conference",
        "quantity": "2",
    }


@given(st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=26, max_size=26), st.text())
def test_a_free_sessions_id_leads_to_its_order(order_id: str, secret: str) -> None:
    assert order_id_of(free_session_id(order_id, secret)) == order_id


@pytest.mark.parametrize("session_id", ["", "cs_test_1", "cs_live_cs_free_", "CS_FREE_1", "free"])
def test_another_session_leads_to_no_free_order(session_id: str) -> None:
    assert order_id_of(session_id) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example", "https://shop.example?session_id=cs_1"),
        ("https://shop.example/done", "https://shop.example/done?session_id=cs_1"),
        ("https://shop.example/?a=b", "https://shop.example/?a=b&session_id=cs_1"),
        ("https://shop.example/?a#top", "https://shop.example/?a&session_id=cs_1#top"),
        (
            "https://shop.example/?session_id={CHECKOUT_SESSION_ID}&a=b",
            "https://shop.example/?session_id=cs_1&a=b",
        ),
        (
            "https://shop.example/{CHECKOUT_SESSION_ID}",
            "https://shop.example/cs_1?session_id=cs_1",
        ),
    ],
)
def test_the_success_page_learns_the_session(url: str, expected: str) -> None:
    assert with_session_id(url, "cs_1") == expected
