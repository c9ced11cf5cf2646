"""The local Stripe's pages: the checkout page and its buttons, and the developers' overview."""

import base64
import hashlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.local.test_stripe_shop import Shop, event_types, eventually, item, running_shop

pytestmark = pytest.mark.enable_socket

TIMES = "\N{MULTIPLICATION SIGN}"
HOSTILE = "<script>alert('x')</script>\" onload=\"y"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_shop(tmp_path_factory.mktemp("stripe")) as shared:
        yield shared


@pytest.fixture
def new_shop(tmp_path: Path) -> Iterator[Shop]:
    with running_shop(tmp_path, async_delay=3_600) as fresh:
        yield fresh


class Page(HTMLParser):
    """What a browser finds in a page: its tags, and its words with single spaces."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._words: list[str] = []
        self.feed(answer.text)
        self.words = " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_page_shows_the_order_and_four_buttons(shop: Shop) -> None:
    session = shop.session(line_items=[item(), item(quantity=1, unit_amount=500_000)])
    answer = shop.http.get(f"/c/pay/{session.id}")
    page = Page(answer)
    assert answer.status_code == 200
    for expected in (
        "Tech Conference",
        f"2 {TIMES} 14.99 USD",
        "29.98 USD",
        "5,000.00 USD",
        "Total 5,029.98 USD",
        "Pay later, succeeds",
        "Pay later, fails",
        "Cancel",
    ):
        assert expected in page.words
    assert [button.get("formaction") for button in page.all("button")] == [
        None,
        f"/c/pay/{session.id}/pay-later",
        f"/c/pay/{session.id}/pay-later-fails",
        f"/c/pay/{session.id}/cancel",
    ]
    (form,) = page.all("form")
    assert form == {"method": "post", "action": f"/c/pay/{session.id}/pay"}


def test_a_price_finer_than_the_currency_is_shown_as_such(shop: Shop) -> None:
    line = item(quantity=3, unit_amount=None, unit_amount_decimal="100.5")
    page = Page(shop.http.get(f"/c/pay/{shop.session(line_items=[line]).id}"))
    assert f"3 {TIMES} 100.5 minor units 3.02 USD" in page.words


@pytest.mark.parametrize(
    ("currency", "amount", "shown"),
    [("jpy", 1500, "1,500 JPY"), ("kwd", 12_340, "12.340 KWD"), ("eur", 5, "0.05 EUR")],
)
def test_amounts_are_written_with_the_currencys_decimals(
    shop: Shop, currency: str, amount: int, shown: str
) -> None:
    quantity = 10 if amount == 5 else 1
    line = item(quantity=quantity, currency=currency, unit_amount=amount)
    page = Page(shop.http.get(f"/c/pay/{shop.session(line_items=[line]).id}"))
    assert f"{quantity} {TIMES} {shown}" in page.words


def test_the_page_is_accessible_without_scripts_or_other_hosts(shop: Shop) -> None:
    page = Page(shop.http.get(f"/c/pay/{shop.session().id}"))
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("main")) == len(page.all("h1")) == len(page.all("caption")) == 1
    assert {field["id"] for field in page.all("input")} == {
        label["for"] for label in page.all("label")
    }
    assert not page.all("script")
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    addresses = [
        value
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in ("src", "href", "action", "formaction")
    ]
    assert all(str(address).startswith(("/c/pay/", "data:")) for address in addresses)


def test_the_policy_allows_this_style_and_these_forms_only(shop: Shop) -> None:
    session = shop.session(success_url="https://shop.example/ok", cancel_url="http://[::1]:80/no")
    answer = shop.http.get(f"/c/pay/{session.id}")
    policy = answer.headers["content-security-policy"]
    match = re.search(r"<style>(.*)</style>", answer.text, re.DOTALL)
    assert match is not None
    digest = base64.b64encode(hashlib.sha256(match[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "form-action 'self' http: https:;" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_the_shop_sends_is_text_on_every_page(shop: Shop) -> None:
    line = item(product_data={"name": HOSTILE})
    reference = HOSTILE
    session = shop.session(line_items=[line], client_reference_id=reference)
    paths = [f"/c/pay/{session.id}", "/"]
    pages = [shop.http.get(path) for path in paths]
    shop.press(session, "pay", email=HOSTILE)
    pages += [shop.http.get(path) for path in paths]
    for answer in pages:
        page = Page(answer)
        assert "<script" not in answer.text
        assert not any("onload" in attributes for _, attributes in page.tags)
    assert HOSTILE in Page(pages[0]).words
    assert HOSTILE in Page(pages[1]).words


def test_a_given_e_mail_is_shown_and_not_asked_for(shop: Shop) -> None:
    session = shop.session(customer_email="ada@example.com")
    page = Page(shop.http.get(f"/c/pay/{session.id}"))
    assert "ada@example.com" in page.words
    assert not page.all("input")
    shop.press(session, "pay", email="other@example.com")
    details = shop.v1.checkout.sessions.retrieve(session.id).customer_details
    assert details is not None
    assert details.email == "ada@example.com"


def test_an_e_mail_that_was_not_given_is_what_the_buyer_types(shop: Shop) -> None:
    for form, email in (
        ({"email": "bob@example.com"}, "bob@example.com"),
        ({}, "buyer@example.com"),
        ({"email[x]": "y"}, "buyer@example.com"),
        ({"email[": "y"}, "buyer@example.com"),
    ):
        session = shop.session()
        shop.http.post(f"/c/pay/{session.id}/pay", data=form)
        details = shop.v1.checkout.sessions.retrieve(session.id).customer_details
        assert details is not None
        assert details.email == email


def test_pay_completes_the_session_and_returns_to_the_shop(shop: Shop) -> None:
    session = shop.session()
    answer = shop.press(session, "pay")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"http://localhost:5173/done?session_id={session.id}"
    paid = shop.v1.checkout.sessions.retrieve(session.id)
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert isinstance(paid.payment_intent, str)
    intent = shop.v1.payment_intents.retrieve(paid.payment_intent, {"expand": ["latest_charge"]})
    assert (intent.status, intent.amount_received) == ("succeeded", 2998)
    charge: Any = intent.latest_charge
    assert (charge.paid, charge.amount_captured, charge.status) == (True, 2998, "succeeded")
    assert charge.billing_details.email == "buyer@example.com"


def test_cancel_returns_to_the_shop_and_leaves_the_session_open(shop: Shop) -> None:
    session = shop.session()
    answer = shop.press(session, "cancel")
    assert answer.status_code == 303
    assert answer.headers["location"] == "http://localhost:5173/back"
    assert shop.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert shop.press(session, "pay").status_code == 303


def test_cancel_without_an_address_stays_on_the_page(shop: Shop) -> None:
    session = shop.session(cancel_url=None)
    assert shop.press(session, "cancel").headers["location"] == session.url


@pytest.mark.parametrize(
    ("action", "status", "intent_status", "events"),
    [
        ("pay-later", "paid", "succeeded",
         ["charge.succeeded", "payment_intent.succeeded",
          "checkout.session.async_payment_succeeded"]),
        ("pay-later-fails", "unpaid", "requires_payment_method",
         ["charge.failed", "payment_intent.payment_failed",
          "checkout.session.async_payment_failed"]),
    ],
)  # fmt: skip
def test_a_later_payment_completes_unpaid_and_then_has_its_outcome(
    new_shop: Shop, action: str, status: str, intent_status: str, events: list[str]
) -> None:
    session = new_shop.session()
    answer = new_shop.press(session, action)
    assert answer.status_code == 303
    assert answer.headers["location"].endswith(session.id)
    waiting = new_shop.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (waiting.status, waiting.payment_status) == ("complete", "unpaid")
    intent: Any = waiting.payment_intent
    assert intent.status == "processing"
    at_once = ["payment_intent.created", "payment_intent.processing", "charge.pending",
               "checkout.session.completed"]  # fmt: skip
    assert event_types(new_shop) == at_once
    new_shop.clock.ahead = 3_700
    eventually(lambda: event_types(new_shop) == at_once + events)
    settled = new_shop.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (settled.status, settled.payment_status) == ("complete", status)
    intent = settled.payment_intent
    assert intent.status == intent_status
    assert bool(intent.last_payment_error) == (status == "unpaid")


@pytest.mark.parametrize("action", ["pay", "pay-later", "pay-later-fails"])
def test_a_free_order_is_complete_at_once_whatever_button_is_pressed(
    new_shop: Shop, action: str
) -> None:
    session = new_shop.session(line_items=[item(unit_amount=0)])
    page = Page(new_shop.http.get(f"/c/pay/{session.id}"))
    assert "Pay later" not in page.words
    assert new_shop.press(session, action).status_code == 303
    assert event_types(new_shop) == ["checkout.session.completed"]


@pytest.mark.parametrize("action", ["pay", "pay-later", "pay-later-fails", "cancel"])
def test_a_session_that_is_over_shows_so_and_nothing_changes_it(shop: Shop, action: str) -> None:
    paid, expired = shop.paid(), shop.session()
    shop.v1.checkout.sessions.expire(expired.id)
    before = event_types(shop)
    for session, words in ((paid, "This order is complete"), (expired, "has expired")):
        shown, pressed = shop.http.get(f"/c/pay/{session.id}"), shop.press(session, action)
        assert (shown.status_code, pressed.status_code) == (200, 409)
        for answer in (shown, pressed):
            page = Page(answer)
            assert words in page.words
            assert not page.all("button")
            (link,) = page.all("a")
            assert str(link["href"]).startswith("http://localhost:5173/")
    assert event_types(shop) == before


def test_buttons_pressed_twice_at_once_pay_once(new_shop: Shop) -> None:
    session = new_shop.session()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: new_shop.press(session, "pay"), range(32)))
    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses) == [303] + [409] * 31
    assert event_types(new_shop).count("charge.succeeded") == 1


def test_pages_that_do_not_exist_are_404s(shop: Shop) -> None:
    session = shop.session()
    assert shop.http.get("/c/pay/cs_test_none").status_code == 404
    assert shop.http.post("/c/pay/cs_test_none/pay").status_code == 404
    assert shop.press(session, "steal").status_code == 404
    assert shop.http.get(f"/c/pay/{session.id}/pay").status_code == 405
    assert shop.v1.checkout.sessions.retrieve(session.id).status == "open"


def test_the_page_needs_no_key_and_the_overview_lists_what_happened(new_shop: Shop) -> None:
    session = new_shop.paid()
    page = Page(new_shop.http.get("/"))
    for expected in (session.id, "complete", "paid", "29.98 USD", "01ORDER",
                     "checkout.session.completed", "no receiver"):  # fmt: skip
        assert expected in page.words
    assert {"href": f"/c/pay/{session.id}"} in page.all("a")


def test_health_is_plain(shop: Shop) -> None:
    assert shop.http.get("/healthz").json() == {"status": "ok"}


def test_an_address_given_for_the_pages_is_used(tmp_path: Path) -> None:
    with running_shop(tmp_path, public_url="https://pay.example") as shop:
        session = shop.session()
    assert session.url == f"https://pay.example/c/pay/{session.id}"
