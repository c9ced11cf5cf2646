"""Webhooks that Stripe did not send, did not send now, did not send to us, or sent about something
else: none has an effect that it should not have, over HTTP and through the deployed definition.
"""

import gzip
import hashlib
import hmac
import json
import time
from typing import Any

import httpx
import pytest

from chalicelib import wiring
from chalicelib.domain.orders import Order, OrderStatus
from chalicelib.errors import ConfigurationError
from tests.support.fakes import FakePayments
from tests.support.log_lines import LogLines
from tests.support.seeding import seed_city, seed_event, seed_order
from tests.support.stripe_objects import (
    WEBHOOK_SECRET,
    a_paid_stripe_session,
    event_text,
    signature,
)
from tests.support.tables import EVENTS, MotoTables

PATH = "/api/payments/webhook"
COMPLETED = "checkout.session.completed"
MINE, OTHER = "01JZX5K7Q8M9N0P1R2S3T4V5W6", "01JZX5K7Q8M9N0P1R2S3T4V5W7"


@pytest.fixture
def sale(shop: MotoTables, payments: FakePayments) -> MotoTables:
    """Two pending orders of two seats each: `cs_test_1` and `cs_test_2`."""
    shop.empty()
    payments.sessions.clear()
    seed_city(shop.stores)
    event = seed_event(shop.stores)
    seed_order(shop.stores, event, id=MINE, session_id="cs_test_1")
    seed_order(shop.stores, event, id=OTHER, session_id="cs_test_2")
    return shop


def session(order_id: str = MINE, **changes: Any) -> dict[str, Any]:
    about = {"client_reference_id": order_id, "metadata": {"orderId": order_id}}
    return a_paid_stripe_session(**{**about, **changes})


TEXT = event_text(COMPLETED, session())


def post(
    site: httpx.Client, text: str | bytes, signed: str | bytes | None = None
) -> httpx.Response:
    body = text.encode() if isinstance(text, str) else text
    stamp = signature(body.decode("latin-1") if isinstance(text, bytes) else text)
    header = signed if signed is not None else stamp
    raw = header.encode() if isinstance(header, str) else header
    return site.post(PATH, content=body, headers=[(b"Stripe-Signature", raw)])


def heard(site: httpx.Client, text: str) -> str:
    answer = post(site, text)
    assert answer.status_code == 200, answer.text
    outcome: str = answer.json()["outcome"]
    return outcome


def order(sale: MotoTables, order_id: str = MINE) -> Order:
    found = sale.stores.orders.get(order_id)
    assert found is not None
    return found


def stock(sale: MotoTables) -> tuple[int, int, int]:
    item = sale.item(EVENTS, "tech-conference")
    free, held, sold = (int(item[name]["N"]) for name in ("free", "held", "sold"))
    return free, held, sold


def v1(text: str, stamp: int | str, secret: str = WEBHOOK_SECRET) -> str:
    return hmac.new(secret.encode(), f"{stamp}.{text}".encode(), hashlib.sha256).hexdigest()


def forgeries() -> dict[str, tuple[str, str | bytes]]:
    """Bodies with signatures that do not count, by what is wrong."""
    now = int(time.time())
    good = v1(TEXT, now)
    other = event_text(COMPLETED, session(OTHER, id="cs_test_2"))
    arabic = "".join(chr(0x660 + int(digit)) for digit in str(now))
    return {
        "stolen from another event": (TEXT, signature(other)),
        "stolen from an empty body": (TEXT, signature("")),
        "of another endpoint's secret": (TEXT, signature(TEXT, "whsec_of_another_endpoint")),
        "of the API's secret key": (TEXT, signature(TEXT, "sk_test_unit")),
        "of an empty secret": (TEXT, signature(TEXT, "")),
        "of the secret without its prefix": (TEXT, signature(TEXT, "unit")),
        "replayed after five minutes": (TEXT, signature(TEXT, timestamp=now - 302)),
        "replayed with a new time": (TEXT, f"t={now},v1={v1(TEXT, now - 302)}"),
        "from the future": (TEXT, signature(TEXT, timestamp=now + 302)),
        "of scheme v0": (TEXT, f"t={now},v0={good}"),
        "of scheme V1": (TEXT, f"t={now},V1={good}"),
        "several that are wrong": (TEXT, f"t={now}" + f",v1={'0' * 64}" * 50),
        "without a time": (TEXT, f"v1={good}"),
        "with an empty time": (TEXT, f"t=,v1={good}"),
        "with two times, the old one first": (TEXT, f"t={now - 400},t={now},v1={good}"),
        "with two times, the old one signed": (
            TEXT,
            f"t={now},t={now - 400},v1={v1(TEXT, now - 400)}",
        ),
        "with a time in full-width digits": (TEXT, f"t={now},v1={v1(TEXT, arabic)}"),
        "with a time that is a fraction": (TEXT, f"t={now}.0,v1={v1(TEXT, f'{now}.0')}"),
        "with a time in hexadecimal": (TEXT, f"t={now:#x},v1={v1(TEXT, f'{now:#x}')}"),
        "with a negative time": (TEXT, f"t=-{now},v1={v1(TEXT, f'-{now}')}"),
        "with an endless time": (TEXT, f"t={now}{'0' * 3000},v1={good}"),
        "in capitals": (TEXT, f"t={now},v1={good.upper()}"),
        "in base64": (TEXT, f"t={now},v1=AAAA{good[4:]}"),
        "cut short": (TEXT, f"t={now},v1={good[:-1]}"),
        "longer": (TEXT, f"t={now},v1={good}0"),
        "separated by semicolons": (TEXT, f"t={now};v1={good}"),
        "of bytes beyond ASCII": (TEXT, f"t={now},v1={good[:-1]}\u0663".encode()),
        "of nothing": (TEXT, ""),
        "of a body with other spaces": (TEXT.replace(": ", ":"), signature(TEXT)),
        "of a body with a byte order mark": ("\ufeff" + TEXT, signature(TEXT)),
        "of a body with an amount changed": (TEXT.replace("29998", "1"), signature(TEXT)),
        "of a body with a line's end": (TEXT + "\n", signature(TEXT)),
        "of a body with a key twice": (TEXT[:-1] + ', "id": "evt_2"}', signature(TEXT)),
    }


@pytest.mark.parametrize("kind", forgeries())
def test_a_webhook_that_stripe_did_not_sign_has_no_effect(
    site: httpx.Client, sale: MotoTables, log: LogLines, kind: str
) -> None:
    before = sale.contents()
    text, signed = forgeries()[kind]
    answer = post(site, text, signed)
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
    assert sale.contents() == before
    (line,) = log.of("security")
    assert line["message"] == "webhook_rejected"
    assert WEBHOOK_SECRET not in log.text + answer.text
    assert "v1=" not in log.text


def test_the_same_webhook_signed_by_stripe_sells(site: httpx.Client, sale: MotoTables) -> None:
    assert heard(site, TEXT) == "paid"
    assert stock(sale) == (96, 2, 2)


def test_one_that_is_replayed_in_time_has_its_effect_once(
    site: httpx.Client, sale: MotoTables
) -> None:
    signed = signature(TEXT)
    outcomes = [post(site, TEXT, signed).json()["outcome"] for _ in range(5)]
    assert outcomes == ["paid", *["repeated"] * 4]
    assert stock(sale) == (96, 2, 2)
    assert len(order(sale).tickets) == 2


@pytest.mark.parametrize("name", ["Stripe-Signature", "stripe-signature", "STRIPE-SIGNATURE"])
def test_of_two_signatures_none_makes_a_bad_one_good(
    site: httpx.Client, sale: MotoTables, name: str
) -> None:
    forged = event_text(COMPLETED, session(amount_total=1))
    stolen, made_up = signature(TEXT), signature(forged, "whsec_evil")
    for signatures in ((stolen, made_up), (made_up, stolen), (stolen, stolen)):
        headers = list(zip(("Stripe-Signature", name), signatures, strict=True))
        answer = site.post(PATH, content=forged.encode(), headers=headers)
        assert answer.status_code == 400
    joined = {"Stripe-Signature": f"{stolen},{made_up}"}
    assert site.post(PATH, content=forged.encode(), headers=joined).status_code == 400
    assert order(sale).status is OrderStatus.PENDING


@pytest.mark.parametrize(
    "subject", [session(OTHER), session(id="cs_test_2"), session(id="cs_live_9")]
)
def test_a_session_pays_no_order_but_its_own(
    site: httpx.Client, sale: MotoTables, subject: dict[str, Any]
) -> None:
    # Somebody pays a session of their own and has another order's id in it, or the other way round.
    before = sale.contents()
    assert heard(site, event_text(COMPLETED, subject)) == "not_ours"
    assert sale.contents() == before


@pytest.mark.parametrize(
    "metadata",
    [{"orderId": "01JNUNKNOWN"}, {"orderId": MINE.lower()}, {"orderId": f" {MINE}"}, {}, None],
)
def test_a_session_of_another_shop_of_the_account_pays_nothing(
    site: httpx.Client, sale: MotoTables, metadata: Any
) -> None:
    before = sale.contents()
    subject = a_paid_stripe_session(metadata=metadata, client_reference_id=None)
    assert heard(site, event_text(COMPLETED, subject)) in {"ignored", "not_ours"}
    assert sale.contents() == before


@pytest.mark.parametrize(
    "paid", [{"amount_total": 1}, {"amount_total": 29997}, {"currency": "jpy"}, {"amount_total": 0}]
)
def test_another_amount_or_currency_buys_nothing_and_goes_back(
    site: httpx.Client, sale: MotoTables, payments: FakePayments, paid: dict[str, Any]
) -> None:
    assert heard(site, event_text(COMPLETED, session(**paid))) == "refunding"
    assert order(sale).tickets == ()
    assert stock(sale) == (98, 2, 0)


@pytest.mark.parametrize(
    "state", [{"payment_status": "unpaid"}, {"status": "open", "payment_status": "unpaid"}]
)
def test_an_event_s_name_pays_nothing_that_the_session_says_is_unpaid(
    site: httpx.Client, sale: MotoTables, state: dict[str, Any]
) -> None:
    heard(site, event_text("checkout.session.async_payment_succeeded", session(**state)))
    assert order(sale).status is OrderStatus.PENDING
    assert order(sale).tickets == ()


def use_key(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """Have the key, at a stage that takes keys of its mode."""
    monkeypatch.setenv("STRIPE_SECRET_KEY", key)
    if "_live_" in key:
        monkeypatch.setenv("STAGE", "prod")


def in_mode(live: object) -> str:
    return json.dumps({**json.loads(TEXT), "livemode": live})


@pytest.mark.parametrize(
    ("key", "live"),
    [("sk_test_unit", True), ("rk_test_unit", True), ("sk_live_x", False), ("rk_live_x", False)],
)
def test_play_money_buys_nothing_where_real_money_is_paid_and_the_other_way_round(
    site: httpx.Client,
    sale: MotoTables,
    log: LogLines,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    live: bool,
) -> None:
    use_key(monkeypatch, key)
    before = sale.contents()
    assert heard(site, in_mode(live)) == "not_ours"
    assert sale.contents() == before
    (line,) = log.of("security")
    assert (line["message"], line["live"]) == ("webhook_of_other_mode", live)
    assert key not in log.text


@pytest.mark.parametrize(("key", "live"), [("sk_test_unit", False), ("sk_live_x", True)])
def test_money_of_the_stage_s_own_kind_buys(
    site: httpx.Client,
    sale: MotoTables,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    live: bool,
) -> None:
    use_key(monkeypatch, key)
    assert heard(site, in_mode(live)) == "paid"


@pytest.mark.parametrize("key", ["sk_test_x", "rk_test_x", "sk_live_x", "rk_live_x"])
def test_a_key_says_which_kind_of_money_is_paid(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    use_key(monkeypatch, key)
    assert wiring.payments_are_live() is key.startswith(("sk_live", "rk_live"))


def test_what_is_no_key_says_nothing_of_money(monkeypatch: pytest.MonkeyPatch) -> None:
    use_key(monkeypatch, "x_sk_live_x")
    with pytest.raises(ConfigurationError, match="STRIPE_SECRET_KEY"):
        wiring.payments_are_live()


def test_a_packed_webhook_is_checked_as_it_was_signed(site: httpx.Client, sale: MotoTables) -> None:
    # The gateway unpacks bodies; what Stripe signed is what is inside.
    headers = {"Stripe-Signature": signature(TEXT), "Content-Encoding": "gzip"}
    forged = TEXT.replace("29998", "1")
    answer = site.post(PATH, content=gzip.compress(forged.encode()), headers=headers)
    assert answer.status_code == 400
    answer = site.post(PATH, content=gzip.compress(TEXT.encode()), headers=headers)
    assert answer.json()["outcome"] == "paid"


@pytest.mark.parametrize(
    "text",
    [
        '{"id": "evt_1"}',
        "[]",
        "null",
        '{"data": {"object": ' + "[" * 20_000,
        event_text(COMPLETED, session(amount_total="29998")),
        event_text(COMPLETED, session(metadata=["orderId"])),
        event_text(COMPLETED, session(metadata={"orderId": {"S": MINE}})),
        event_text(COMPLETED, session(id=["cs_test_1"])),
    ],
)
def test_what_is_signed_and_odd_sells_nothing_and_tells_nothing(
    site: httpx.Client, sale: MotoTables, text: str
) -> None:
    answer = post(site, text)
    assert answer.status_code in {200, 500, 503}
    assert "Traceback" not in answer.text
    assert order(sale).tickets == ()
