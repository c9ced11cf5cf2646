"""The local Stripe inside a test's process: the real gateway, the official SDK, the local server's
rules, and no sockets. Buyers, banks and people in Stripe's dashboard act when a test says so, its
clock is the test's, and any call can be made to fail before or after it took effect.

    stripe = LocalStripe(lambda: now)
    payments = stripe.gateway()                     # services.ports.PaymentGateway
    session = payments.create_session(order, urls, order.hold_expires_at)
    stripe.pay(session.id)
    for event in stripe.events():                   # late, twice, never, in any order
        handle(event.news())                        # or send event.payload with event.header()
        stripe.deliver(event)

    stripe.failing_at(2, "after", Killed)           # the second call from now on has its effect
    with pytest.raises(Killed): ...                 # and its caller never learns of it

A call takes about a millisecond. What was sent is held against the SDK's own parameter types: a
request that the real Stripe would refuse is refused here (`infra.local.stripe_server`). All
methods may be called from several threads at once.
"""

import json
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import httpx
import stripe

from chalicelib.adapters.stripe_events import HANDLED_EVENTS, event_from
from chalicelib.adapters.stripe_gateway import StripeGateway
from chalicelib.domain.clock import Clock
from chalicelib.domain.payment_news import PaymentNews
from chalicelib.services.ports import AuditLog
from infra.local.stripe_server import (
    Config,
    api,
    deliveries,
    disputes,
    lifecycle,
    records,
    sessions,
    switches,
)
from infra.local.stripe_server import refunds as refund_operations
from infra.local.stripe_server.calls import Call
from infra.local.stripe_server.errors import ApiError
from infra.local.stripe_server.objects import CHARGE, DISPUTE, REFUND, SESSION
from infra.local.stripe_server.payments import retrieve_balance
from infra.local.stripe_server.records import Json, Record
from infra.local.stripe_server.store import Store

KEY = "sk_test_inprocess"
WEBHOOK_SECRET = "whsec_unit"  # As `tests.conftest` configures the webhook.
BASE = "https://stripe.test"
EMAIL = "buyer@mail.example"

Moment = Literal["before", "after"]


class NotPossible(Exception):
    """What a test wants to happen cannot happen now, such as paying an expired session."""


class QuietLog:
    """An audit log that nobody reads."""

    def audit(self, action: str, fields: Mapping[str, object]) -> None: ...
    def security(self, refusal: str, fields: Mapping[str, object]) -> None: ...
    def error(self, problem: str, fields: Mapping[str, object]) -> None: ...
    def crash(self, problem: str, fields: Mapping[str, object]) -> None: ...


@dataclass(frozen=True)
class WebhookEvent:
    """An event as its webhook is sent: `payload` is the body's exact text."""

    id: str
    type: str
    payload: str

    def header(self, secret: str = WEBHOOK_SECRET, timestamp: int | None = None) -> str:
        """Return a `Stripe-Signature` for it; made now, unless a timestamp is given."""
        signed: str = stripe.WebhookSignature.generate_signature_header(
            self.payload, secret, timestamp
        )
        return signed

    def news(self) -> PaymentNews | None:
        """Return what the webhook's function makes of it, its signature aside."""
        return event_from(json.loads(self.payload)).news()


@dataclass
class _Fault:
    calls_left: int
    moment: Moment
    make_error: Callable[[], BaseException]


class LocalStripe:
    """One Stripe account, empty at first, in memory.

    `clock` is its clock, read at each call and action: moving it expires sessions, as their timers
    would. Whatever a test makes happen raises `NotPossible` where it cannot happen now.
    """

    def __init__(self, clock: Clock) -> None:
        self.config = Config(
            KEY,
            WEBHOOK_SECRET,
            Path("/nowhere"),
            # Events wait for a receiver, until a test says that they were delivered.
            webhook_url=f"{BASE}/webhook",
            now=lambda: clock().timestamp(),
        )
        self.calls: list[str] = []
        """Each call so far, a repeat of the SDK's too, as `POST /v1/refunds`."""
        self.down = False
        """While true, no call reaches Stripe."""
        self._store = Store(None)
        self._clock = clock
        self._faults: list[_Fault] = []
        self._lock = threading.Lock()
        weakref.finalize(self, self._store.close)

    # The shop's side.

    def gateway(self, log: AuditLog | None = None, api_key: str = KEY) -> StripeGateway:
        """Return the real gateway, over the real SDK, that speaks to this Stripe."""
        return StripeGateway(api_key, BASE, log or QuietLog(), self.http_client(), self._clock)

    def http_client(self) -> stripe.HTTPClient:
        """Return what an SDK client needs to speak to this Stripe."""
        return _InProcessClient(self)

    def failing_at(
        self, call: int, moment: Moment, error: Callable[[], BaseException] | None = None
    ) -> None:
        """Raise `error()` at the `call`-th call from now on (1 is the next), once: before Stripe
        heard of it, or after it took effect.

        Any exception will do: one that is no `stripe.StripeError` passes through the SDK and the
        gateway as if the process had died there. Without `error`, it is a lost connection, which
        the SDK tries once more: a call of its own.
        """
        with self._lock:
            self._faults.append(_Fault(call, moment, error or connection_lost))

    @property
    def has_faults(self) -> bool:
        """Whether some call from now on is going to fail."""
        return bool(self._faults)

    def forget_faults(self) -> None:
        """Let all calls from now on reach Stripe and come back; it is not `down` any more."""
        with self._lock:
            self._faults.clear()
        self.down = False

    # Buyers.

    def pay(self, session_id: str, email: str = EMAIL) -> None:
        """Pay an open session at once."""
        with self._acting() as call:
            lifecycle.pay(call, _open(call, session_id), email)

    def promise(self, session_id: str, email: str = EMAIL) -> None:
        """Complete an open session by a method whose money comes later, or does not."""
        with self._acting() as call:
            lifecycle.promise(call, _open(call, session_id), email)

    def arrive(self, session_id: str) -> None:
        """Let a promised payment come in."""
        with self._acting() as call:
            lifecycle.settle(call, _awaiting(call, session_id))

    def bounce(self, session_id: str) -> None:
        """Let a promised payment fail."""
        with self._acting() as call:
            lifecycle.fail(call, _awaiting(call, session_id))

    # Banks.

    def next_refund(self, outcome: Literal["pending", "failed"]) -> None:
        """Have the next refund be pending, or fail at once, instead of succeeding."""
        with self._acting() as call:
            switches.put(call.tx, switches.NEXT_REFUND, outcome)

    def finish_refund(self, refund_id: str) -> None:
        """Let a pending refund succeed."""
        with self._acting() as call:
            refund_operations.succeed(call, _find(call, REFUND, refund_id).body)

    def fail_refund(self, refund_id: str, reason: str = "expired_or_canceled_card") -> None:
        """Let a refund fail, be it pending or succeeded."""
        with self._acting() as call:
            refund_operations.fail(call, _find(call, REFUND, refund_id).body, reason)

    def dispute(
        self,
        session_id: str,
        amount: int | None = None,
        reason: str = "fraudulent",
        *,
        inquiry: bool = False,
    ) -> str:
        """Dispute the payment of a session, all that is left of it or an amount; return its id.

        The funds are withdrawn, but for an inquiry.
        """
        with self._acting() as call:
            charge = _charge_of(call, session_id)
            opened = disputes.begin(call, charge, amount, reason, inquiry=inquiry)
            return str(opened["id"])

    def answer_dispute(self, dispute_id: str) -> None:
        """Send evidence: the bank has it under review from here on."""
        with self._acting() as call:
            disputes.answer(call, _find(call, DISPUTE, dispute_id).body)

    def win_dispute(self, dispute_id: str) -> None:
        """Decide for the shop, and give the funds back; close an inquiry."""
        with self._acting() as call:
            disputes.win(call, _find(call, DISPUTE, dispute_id).body)

    def lose_dispute(self, dispute_id: str) -> None:
        """Decide for the buyer."""
        with self._acting() as call:
            disputes.lose(call, _find(call, DISPUTE, dispute_id).body)

    # People in Stripe's dashboard.

    def refund_in_dashboard(self, session_id: str, amount: int | None = None) -> str:
        """Refund what is left of a session's payment, or an amount, without metadata of ours;
        return the refund's id.
        """
        with self._acting() as call:
            charge = _charge_of(call, session_id)
            return str(refund_operations.from_dashboard(call, charge, amount)["id"])

    def expire_in_dashboard(self, session_id: str) -> None:
        """End an open session, as its time would."""
        with self._acting() as call:
            lifecycle.expire(call, _open(call, session_id))

    # Webhooks.

    def events(self) -> list[WebhookEvent]:
        """Return all events so far that a webhook is sent for, oldest first, delivered or not.

        They are those of `HANDLED_EVENTS`: an endpoint is set up for these and no others.
        """
        return [event for event in self.all_events() if event.type in HANDLED_EVENTS]

    def all_events(self) -> list[WebhookEvent]:
        """Return all events so far, of every type, oldest first."""
        return self._events_after(0)

    def events_after(self, number: int) -> tuple[list[WebhookEvent], int]:
        """Return those of `events()` that are later than the first `number` events of every type,
        and how many there are of every type by now.
        """
        later = self._events_after(number)
        return [event for event in later if event.type in HANDLED_EVENTS], number + len(later)

    def _events_after(self, number: int) -> list[WebhookEvent]:
        with self._acting() as call:
            rows = call.tx.execute(
                "SELECT event_id, json_extract(payload, '$.type'), payload FROM deliveries"
                " ORDER BY rowid LIMIT -1 OFFSET ?",
                number,
            )
            return [WebhookEvent(*row) for row in rows]

    def deliver(self, event: WebhookEvent) -> None:
        """Note that an event's webhook was answered with success; until then it is undelivered."""
        with self._acting() as call:
            deliveries.succeed(call.tx, event.id, "200")

    def undelivered(self) -> list[WebhookEvent]:
        """Return those of `events()` that were not delivered."""
        with self._acting() as call:
            rows = call.tx.execute("SELECT event_id FROM deliveries WHERE state <> 'delivered'")
            waiting = {event_id for (event_id,) in rows}
        return [event for event in self.events() if event.id in waiting]

    # What it knows, as its API writes it.

    def session(self, session_id: str) -> Json:
        """Return a session."""
        with self._acting() as call:
            return _find(call, SESSION, session_id).body

    def sessions(self) -> list[Json]:
        """Return all sessions, oldest first; their `status` and `payment_status` tell which can be
        paid (`open`), and whose payment is awaited (`complete` and `unpaid`).
        """
        return self._everything(SESSION)

    def refunds(self) -> list[Json]:
        """Return all refunds, oldest first."""
        return self._everything(REFUND)

    def disputes(self) -> list[Json]:
        """Return all disputes, oldest first."""
        return self._everything(DISPUTE)

    def charges(self) -> list[Json]:
        """Return all charges, oldest first: `amount_captured` came in, `amount_refunded` went."""
        return self._everything(CHARGE)

    def balance(self, currency: str = "usd") -> int:
        """Return what came in less what went back to buyers and banks, in minor units."""
        with self._acting() as call:
            funds = retrieve_balance(call, {}, "")["available"]
        return sum(item["amount"] for item in funds if item["currency"] == currency)

    def answer(self, incoming: api.Incoming) -> api.Outgoing:
        """Answer one request of the SDK, with the faults that a test has put in its way."""
        self.calls.append(f"{incoming.method} {incoming.path}")
        fault = self._next_fault()
        if self.down:
            raise connection_lost()
        if fault is not None and fault.moment == "before":
            raise fault.make_error()
        self._run_timers()
        answer = api.respond(self.config, self._store, incoming)
        if fault is not None:
            raise fault.make_error()
        return answer

    def _next_fault(self) -> _Fault | None:
        with self._lock:
            for fault in self._faults:
                fault.calls_left -= 1
            due = [fault for fault in self._faults if fault.calls_left <= 0]
            self._faults = [fault for fault in self._faults if fault.calls_left > 0]
        return due[0] if due else None

    @contextmanager
    def _acting(self) -> Iterator[Call]:
        self._run_timers()
        with self._store.transaction() as tx:
            try:
                yield Call(tx, self.config, int(self.config.now()), base_url=BASE)
            except ApiError as error:
                raise NotPossible(str(error)) from error

    def _run_timers(self) -> None:
        has_run = True
        while has_run:
            with self._store.transaction() as tx:
                has_run = lifecycle.run_due_timer(Call(tx, self.config, int(self.config.now())))

    def _everything(self, kind: str) -> list[Json]:
        with self._acting() as call:
            return records.everything(call.tx, kind)


def connection_lost() -> stripe.APIConnectionError:
    """Make the error of a connection that broke; the SDK tries again."""
    error: stripe.APIConnectionError = stripe.APIConnectionError(  # type: ignore[no-untyped-call]
        "the test broke the connection", should_retry=True
    )
    return error


class _InProcessClient(stripe.HTTPClient):
    """The SDK's way to Stripe, which ends in this process."""

    name = "in-process"

    def __init__(self, local: LocalStripe) -> None:
        super().__init__()
        self._local = local

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        parts = urlsplit(url)
        incoming = api.Incoming(
            method=method.upper(),
            path=unquote(parts.path),
            query=parts.query.encode(),
            headers={name.lower(): value for name, value in (headers or {}).items()},
            body=(post_data or "").encode(),
            base_url=f"{parts.scheme}://{parts.netloc}",
        )
        answer = self._local.answer(incoming)
        return answer.body, answer.status, httpx.Headers(answer.headers)

    def close(self) -> None:
        """Nothing is open."""

    def _sleep_time_seconds(self, num_retries: int) -> float:
        """Try again at once."""
        return 0


def _find(call: Call, kind: str, object_id: str) -> Record:
    found = records.find(call.tx, kind, object_id)
    if found is None:
        raise NotPossible(f"there is no {kind} {object_id}")
    return found


def _open(call: Call, session_id: str) -> Record:
    record = sessions.find(call, session_id)
    if record is None or record.body["status"] != "open":
        raise NotPossible(f"{session_id} is not open")
    return record


def _awaiting(call: Call, session_id: str) -> Record:
    record = _find(call, SESSION, session_id)
    charge = _charge_of(call, session_id)
    if charge["status"] != "pending":
        raise NotPossible(f"{session_id} waits for no payment")
    return record


def _charge_of(call: Call, session_id: str) -> Json:
    intent = _find(call, SESSION, session_id).body["payment_intent"]
    found, _ = records.page(call.tx, CHARGE, {"payment_intent": intent}, records.Window(1))
    if intent is None or not found:
        raise NotPossible(f"{session_id} has no payment")
    return found[0]
