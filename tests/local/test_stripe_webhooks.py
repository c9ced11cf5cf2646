"""The local Stripe's deliveries: signed, repeated until taken, and not lost by a restart."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.local.test_stripe_shop import (
    WEBHOOK_SECRET,
    Clock,
    Shop,
    event_types,
    eventually,
    item,
    running_shop,
)

pytestmark = pytest.mark.enable_socket

AT_ONCE: dict[str, Any] = {"retry_delays": (0.01, 0.01, 0.01)}
PAYMENT_EVENTS = 4


class Receiver:
    """An endpoint that keeps what it is sent and answers with the next status of its plan."""

    def __init__(self) -> None:
        self.requests: list[tuple[bytes, str]] = []
        self.plan: list[int] = []
        self.answered = 0
        self.held = threading.Event()
        self.held.set()
        self._lock = threading.Lock()

    def take(self, body: bytes, signature: str) -> int:
        with self._lock:
            self.requests.append((body, signature))
            status = self.plan.pop(0) if self.plan else 200
        self.held.wait(60)
        with self._lock:
            self.answered += 1
        return status

    def events(self) -> list[stripe.Event]:
        """What was received, each held against its signature."""
        return [
            stripe.Webhook.construct_event(body, signature, WEBHOOK_SECRET)
            for body, signature in list(self.requests)
        ]

    def types(self) -> list[str]:
        return sorted(json.loads(body)["type"] for body, _ in list(self.requests))


@contextmanager
def listening(receiver: Receiver, port: int = 0) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.take(body, self.headers["Stripe-Signature"])
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        receiver.held.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def url(receiver: Receiver) -> Iterator[str]:
    with listening(receiver) as address:
        yield address


@pytest.fixture
def shop(tmp_path: Path, url: str) -> Iterator[Shop]:
    with running_shop(tmp_path, webhook_url=url, **AT_ONCE) as fresh:
        yield fresh


def delivered(shop: Shop) -> int:
    return len(shop.v1.events.list({"delivery_success": True, "limit": 100}).data)


def test_events_arrive_signed_as_snapshots_of_the_sdks_version(
    shop: Shop, receiver: Receiver
) -> None:
    session = shop.paid(line_items=[item(product_data={"name": "Zoë's Führung 🎟"})])
    eventually(lambda: delivered(shop) == PAYMENT_EVENTS)
    events = {event.type: event for event in receiver.events()}
    completed = events["checkout.session.completed"]
    assert completed.data.object.to_dict() == session.to_dict()
    assert completed.api_version == stripe.api_version
    assert completed.pending_webhooks == 1
    assert completed.request is not None
    assert completed.livemode is False
    stored = shop.v1.events.retrieve(completed.id)
    assert stored.pending_webhooks == 0
    assert stored.data.object.to_dict() == session.to_dict()


def test_a_changed_body_or_another_secret_fails_the_check(shop: Shop, receiver: Receiver) -> None:
    shop.paid()
    eventually(lambda: receiver.requests)
    body, signature = receiver.requests[0]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + b" ", signature, WEBHOOK_SECRET)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, signature, "whsec_other")


def test_text_beyond_ascii_is_sent_as_it_was_signed(shop: Shop, receiver: Receiver) -> None:
    shop.paid(metadata={"name": "Zoë 🎟"})
    eventually(lambda: len(receiver.requests) == PAYMENT_EVENTS)
    assert any("Zoë 🎟".encode() in body for body, _ in receiver.requests)
    assert len(receiver.events()) == PAYMENT_EVENTS


@pytest.mark.parametrize("refusal", [500, 404, 302])
def test_an_event_that_is_not_taken_is_sent_again(
    shop: Shop, receiver: Receiver, refusal: int
) -> None:
    receiver.plan = [refusal] * 3
    session = shop.session()
    shop.v1.checkout.sessions.expire(session.id)
    eventually(lambda: delivered(shop) == 1)
    assert receiver.types() == ["checkout.session.expired"] * 4
    # Each attempt sends the same bytes under a signature of its own time.
    assert len({body for body, _ in receiver.requests}) == 1
    assert len(receiver.events()) == 4


def test_an_event_is_given_up_after_the_last_delay(shop: Shop, receiver: Receiver) -> None:
    receiver.plan = [500] * 100
    session = shop.session()
    shop.v1.checkout.sessions.expire(session.id)
    eventually(lambda: "failed (4 attempts, last: 500)" in shop.http.get("/").text)
    (event,) = shop.v1.events.list({"delivery_success": False}).data
    assert event.pending_webhooks == 1
    assert len(receiver.requests) == 4


def attempted(shop: Shop, times: int) -> bool:
    return f"({times} attempt" in shop.http.get("/").text


def test_retries_keep_to_the_schedule(tmp_path: Path, url: str, receiver: Receiver) -> None:
    receiver.plan = [500, 500]
    clock = Clock()
    with running_shop(tmp_path, clock, webhook_url=url, retry_delays=(600, 1200)) as shop:
        shop.v1.checkout.sessions.expire(shop.session().id)
        for attempt, ahead in enumerate((0, 601, 1802), start=1):
            clock.ahead = ahead
            eventually(partial(attempted, shop, attempt))
            assert len(receiver.requests) == attempt
        eventually(lambda: delivered(shop) == 1)


def test_a_receiver_that_is_down_gets_its_events_when_it_is_back(
    tmp_path: Path, receiver: Receiver
) -> None:
    with listening(Receiver()) as address:
        port = int(address.rpartition(":")[2].partition("/")[0])
    with running_shop(tmp_path, webhook_url=address, retry_delays=(0.02,) * 500) as shop:
        shop.paid()
        eventually(lambda: "ConnectError" in shop.http.get("/").text)
        with listening(receiver, port):
            eventually(lambda: delivered(shop) == PAYMENT_EVENTS)
    assert len(receiver.events()) == PAYMENT_EVENTS


def test_a_slow_receiver_holds_up_neither_buyers_nor_other_events(
    shop: Shop, receiver: Receiver
) -> None:
    receiver.held.clear()
    shop.paid()
    eventually(lambda: len(receiver.requests) == PAYMENT_EVENTS)
    assert shop.session().status == "open"
    assert delivered(shop) == 0
    receiver.held.set()
    eventually(lambda: delivered(shop) == PAYMENT_EVENTS)


def test_what_an_event_tells_of_is_there_when_it_arrives(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    class Reader(Receiver):
        """Looks into the file, while an event is delivered, for what it is about."""

        def take(self, body: bytes, signature: str) -> int:
            told = json.loads(body)["data"]["object"]
            if told["object"] == "checkout.session":
                with sqlite3.connect(tmp_path / "stripe.sqlite3") as connection:
                    query = "SELECT body ->> '$.status' FROM records WHERE id = ?"
                    (stored,) = connection.execute(query, [told["id"]]).fetchone()
                connection.close()
                seen.append((told["status"], stored))
            return super().take(body, signature)

    with listening(Reader()) as address, running_shop(tmp_path, webhook_url=address) as paying:
        for _ in range(10):
            paying.paid()
        eventually(lambda: len(seen) == 10)
    assert set(seen) == {("complete", "complete")}


def test_nothing_is_sent_for_a_request_that_failed(shop: Shop, receiver: Receiver) -> None:
    session = shop.session()
    path = f"/v1/checkout/sessions/{session.id}/expire"
    assert shop.post(path, {"expand[]": "nonsense"}).status_code == 400
    shop.paid()
    eventually(lambda: delivered(shop) == PAYMENT_EVENTS)
    assert "checkout.session.expired" not in receiver.types()


def test_undelivered_events_are_sent_after_a_restart(
    tmp_path: Path, url: str, receiver: Receiver
) -> None:
    receiver.plan = [500] * PAYMENT_EVENTS
    slow: dict[str, Any] = {"webhook_url": url, "retry_delays": (3_600,)}
    with running_shop(tmp_path, **slow) as shop:
        shop.paid()
        eventually(lambda: shop.http.get("/").text.count("1 attempt,") == PAYMENT_EVENTS)
    with running_shop(tmp_path, **slow) as shop:
        eventually(lambda: delivered(shop) == PAYMENT_EVENTS)
    ids = [event.id for event in receiver.events()]
    assert len(ids) == 2 * PAYMENT_EVENTS
    assert len(set(ids)) == PAYMENT_EVENTS


def test_stopping_does_not_wait_for_a_receiver_that_hangs(
    tmp_path: Path, url: str, receiver: Receiver
) -> None:
    receiver.held.clear()
    with running_shop(tmp_path, webhook_url=url) as shop:
        shop.paid()
        eventually(lambda: len(receiver.requests) == PAYMENT_EVENTS)
    assert receiver.answered == 0
    receiver.held.set()
    with running_shop(tmp_path, webhook_url=url) as shop:
        eventually(lambda: delivered(shop) == PAYMENT_EVENTS)


@pytest.mark.parametrize(
    ("action", "outcome"),
    [
        ("pay-later", "checkout.session.async_payment_succeeded"),
        ("pay-later-fails", "checkout.session.async_payment_failed"),
    ],
)
def test_a_later_payment_has_its_outcome_after_a_restart(
    tmp_path: Path, action: str, outcome: str
) -> None:
    clock = Clock()
    with running_shop(tmp_path, clock, async_delay=3_600) as shop:
        session = shop.session()
        shop.press(session, action)
        assert outcome not in event_types(shop)
    clock.ahead = 3_700
    with running_shop(tmp_path, clock) as shop:
        eventually(lambda: outcome in event_types(shop))
        assert event_types(shop).count(outcome) == 1


def test_a_session_expires_after_a_restart(tmp_path: Path, url: str, receiver: Receiver) -> None:
    clock = Clock()
    with running_shop(tmp_path, clock, webhook_url=url) as shop:
        session = shop.session()
    clock.ahead = 90_000
    with running_shop(tmp_path, clock, webhook_url=url) as shop:
        eventually(lambda: delivered(shop) == 1)
        assert shop.v1.checkout.sessions.retrieve(session.id).status == "expired"
    assert receiver.types() == ["checkout.session.expired"]


def set_deliveries(shop: Shop, value: str) -> None:
    assert shop.http.post(f"/dashboard/switches/deliveries/{value}").status_code == 303


def undelivered(shop: Shop) -> int:
    return len(shop.v1.events.list({"delivery_success": False, "limit": 100}).data)


def test_events_that_are_held_back_arrive_once_they_are_sent_again(
    shop: Shop, receiver: Receiver
) -> None:
    set_deliveries(shop, "held")
    shop.paid()
    # The clock makes the courier look again, so that a held event had its chance to slip out.
    shop.clock.ahead = 3_600
    time.sleep(0.4)
    assert receiver.requests == []
    assert undelivered(shop) == PAYMENT_EVENTS
    set_deliveries(shop, "sent")
    eventually(lambda: delivered(shop) == PAYMENT_EVENTS)
    assert undelivered(shop) == 0


def test_events_that_are_lost_never_arrive_and_stay_undelivered(
    shop: Shop, receiver: Receiver
) -> None:
    set_deliveries(shop, "lost")
    lost = shop.paid()
    set_deliveries(shop, "sent")
    shop.v1.checkout.sessions.expire(shop.session().id)
    eventually(lambda: delivered(shop) == 1)
    assert receiver.types() == ["checkout.session.expired"]
    assert undelivered(shop) == PAYMENT_EVENTS
    told = shop.v1.events.list(
        {
            "delivery_success": False,
            "types": ["checkout.session.completed", "checkout.session.expired"],
            "created": {"gte": lost.created, "lt": lost.created + 60},
        }
    ).data
    assert [event.data.object["id"] for event in told] == [lost.id]
    assert "failed (0 attempts, last: lost)" in shop.http.get("/").text


def test_what_is_held_back_is_held_after_a_restart(
    tmp_path: Path, url: str, receiver: Receiver
) -> None:
    with running_shop(tmp_path, webhook_url=url) as shop:
        set_deliveries(shop, "held")
        shop.paid()
    with running_shop(tmp_path, webhook_url=url) as shop:
        assert undelivered(shop) == PAYMENT_EVENTS
        assert receiver.requests == []
        set_deliveries(shop, "sent")
        eventually(lambda: delivered(shop) == PAYMENT_EVENTS)


def test_a_step_that_fails_does_not_end_the_deliveries(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("infra.local.stripe_server.background._PAUSE_AFTER_FAULT", 0.01)
        patched.setattr("infra.local.stripe_server.deliveries.take_due", lambda *_, **__: 1 / 0)
        patched.setattr("infra.local.stripe_server.timers.take_due", lambda *_, **__: 1 / 0)
        shop.paid()
        assert not receiver.requests
    eventually(lambda: delivered(shop) == PAYMENT_EVENTS)
