"""Orders of events that cost nothing: their sessions' ids, and the way to the success page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.free_orders import (
    SESSION_PLACEHOLDER,
    free_session_id,
    order_id_of,
    with_session_id,
)


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


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://a.example", "https://a.example?session_id={CHECKOUT_SESSION_ID}"),
        ("https://a.example/", "https://a.example/?session_id={CHECKOUT_SESSION_ID}"),
        ("https://a.example/x?", "https://a.example/x?session_id={CHECKOUT_SESSION_ID}"),
        ("https://a.example/x?y=1", "https://a.example/x?y=1&session_id={CHECKOUT_SESSION_ID}"),
        (
            "https://a.example/x?y=1&z=%26#top",
            "https://a.example/x?y=1&z=%26&session_id={CHECKOUT_SESSION_ID}#top",
        ),
        ("https://a.example/x#top", "https://a.example/x?session_id={CHECKOUT_SESSION_ID}#top"),
        (
            "https://a.example/x#top?y=1",
            "https://a.example/x?session_id={CHECKOUT_SESSION_ID}#top?y=1",
        ),
        (
            "https://a.example/x?session_id={CHECKOUT_SESSION_ID}",
            "https://a.example/x?session_id={CHECKOUT_SESSION_ID}",
        ),
        (
            "https://a.example/x?sid={CHECKOUT_SESSION_ID}",
            "https://a.example/x?sid={CHECKOUT_SESSION_ID}&session_id={CHECKOUT_SESSION_ID}",
        ),
        (
            "https://a.example/x?session_id=mine",
            "https://a.example/x?session_id=mine&session_id={CHECKOUT_SESSION_ID}",
        ),
    ],
)
def test_the_sessions_id_is_added_to_the_way_back(url: str, sent: str) -> None:
    assert with_session_id(url, SESSION_PLACEHOLDER) == sent


words = st.text("abc=&%", max_size=6)


@given(words, words)
def test_what_was_in_the_way_back_stays_in_it(query: str, fragment: str) -> None:
    sent = with_session_id(f"https://a.example/x?{query}#{fragment}", SESSION_PLACEHOLDER)
    before, _, after = sent.partition("session_id={CHECKOUT_SESSION_ID}")
    assert before == f"https://a.example/x?{query}" + ("&" if query else "")
    assert after == (f"#{fragment}" if fragment else "")
