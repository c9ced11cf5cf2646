"""The timer, as Lambda calls it: by the handler string that is packaged, over moto."""

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import EndpointConnectionError

from chalicelib import wiring
from chalicelib.domain.clock import utc_now
from chalicelib.domain.events import EventRecord, EventStatus
from chalicelib.domain.orders import Cause, Order, OrderStatus
from chalicelib.domain.payment_news import PaymentNews
from chalicelib.domain.refunds import Why
from chalicelib.errors import PaymentProviderError
from chalicelib.services import reconciliation, renames
from chalicelib.store import Stores, word_index
from infra.local.timer import scheduled_event
from tests.support.builders import a_city, a_paid_session, a_session, an_event, an_order
from tests.support.fakes import FakePayments
from tests.support.killing import is_killed_at
from tests.support.log_lines import LogLines
from tests.support.metric_lines import metrics_of

HANDLER = "chalicelib.functions.reconcile.reconcile"


@dataclass(frozen=True)
class Context:
    """What Lambda says of the time that is left."""

    seconds: float

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def tick(seconds: float | None = 240) -> dict[str, Any]:
    """Call the handler with what EventBridge sends; returns that."""
    module, _, name = HANDLER.rpartition(".")
    handler: Callable[..., Any] = getattr(importlib.import_module(module), name)
    event = scheduled_event()
    answer = handler(event, None if seconds is None else Context(seconds))
    json.dumps(answer)
    return event


@pytest.fixture
def stripe(monkeypatch: pytest.MonkeyPatch) -> FakePayments:
    fake = FakePayments()
    monkeypatch.setattr(wiring, "payments", lambda: fake)
    return fake


@pytest.fixture
def stores(dynamodb: Any, stripe: FakePayments, monkeypatch: pytest.MonkeyPatch) -> Stores:
    """A city and two events; the timer works at one after the other, since moto cannot do more."""
    monkeypatch.setattr(wiring, "_TIMERS_WORKERS", 1)
    monkeypatch.setattr(reconciliation, "_WORKERS", 1)
    stores = wiring.stores()
    stores.cities.create(a_city())
    for number in (1, 2):
        stores.events.create(an_event(id=number, slug=f"event-{number}"))
    return stores


def rename(stores: Stores) -> None:
    """Give the city another name, long ago; no event follows before the timer."""
    before = stores.cities.get("london", consistent=True)
    assert before is not None
    long_ago = utc_now() - timedelta(days=1)
    stores.cities.replace(before, a_city(name="Londinium", updated_at=long_ago))


def record(stores: Stores, slug: str) -> EventRecord:
    found = stores.events.get(slug, consistent=True)
    assert found is not None
    return found


def shown(stores: Stores) -> list[str]:
    return [record(stores, f"event-{number}").described().city for number in (1, 2)]


def test_a_run_that_finds_nothing_leaves_no_line_and_no_metric(
    stores: Stores, log_lines: LogLines, capsys: pytest.CaptureFixture[str]
) -> None:
    tick()

    assert list(log_lines) == []
    assert capsys.readouterr().out == ""


def test_events_follow_their_city_and_a_line_says_how_many(
    stores: Stores, log_lines: LogLines
) -> None:
    rename(stores)

    event = tick()

    assert shown(stores) == ["Londinium", "Londinium"]
    (line,) = log_lines
    assert (line["kind"], line["message"]) == ("work", "reconciled")
    assert line["renames"] == {"found": 1, "done": 2, "failed": 0, "waiting": 0}
    assert "words" not in line
    assert line["requestId"] == event["id"]
    tick()
    assert stores.renames.pending() == []


def test_words_that_a_writer_left_are_finished(
    stores: Stores, log_lines: LogLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = record(stores, "event-1")
    after = an_event(slug="event-1", name="Jazz", updated_at=utc_now())
    assert is_killed_at(stores, 1, lambda: stores.events.replace(before, after), after_effect=False)
    assert stores.events._words.marks()
    monkeypatch.setattr(word_index, "TAKEN_OVER_AFTER", timedelta())

    tick()

    assert stores.events._words.marks() == []
    (line,) = log_lines
    assert line["words"] == {"found": 1, "done": 1, "failed": 0, "waiting": 0}


def test_a_run_without_time_leaves_everything_for_the_next(
    stores: Stores, log_lines: LogLines
) -> None:
    rename(stores)

    tick(seconds=30)

    assert shown(stores) == ["London", "London"]
    (line,) = log_lines
    assert line["renames"] == {"found": 1, "done": 0, "failed": 0, "waiting": 1}


def test_a_caller_who_says_nothing_of_time_gives_enough(stores: Stores) -> None:
    rename(stores)

    tick(seconds=None)

    assert shown(stores) == ["Londinium", "Londinium"]


def test_a_city_that_cannot_be_dealt_with_does_not_keep_the_next_waiting(
    stores: Stores, log_lines: LogLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename(stores)
    stores.cities.create(a_city(id=2, slug="porto", name="Porto"))
    entry = stores.cities.get("porto")
    assert entry is not None
    stores.cities.replace(entry, a_city(id=2, slug="porto", name="Oporto"))
    follow = renames.Renames.follow

    def fail_for_porto(self: renames.Renames, city_id: int, *rest: Any) -> renames.Look:
        if city_id == 2:
            raise RuntimeError("a bug")
        return follow(self, city_id, *rest)

    monkeypatch.setattr(renames.Renames, "follow", fail_for_porto)
    tick()

    assert shown(stores) == ["Londinium", "Londinium"]
    (crash,) = log_lines.of("crash")
    assert crash["message"] == "chore_failed"
    assert crash["piece"] == "2"
    (line,) = log_lines.of("work")
    assert line["renames"] == {"found": 2, "done": 2, "failed": 1, "waiting": 0}


class TestOrders:
    """What was left of orders: holds, refunds, and news that did not come."""

    LONG_AGO = utc_now() - timedelta(hours=2)

    @pytest.fixture
    def order(self, stores: Stores) -> Order:
        """A pending order of two seats whose hold is over."""
        order = an_order(
            event_slug="event-1",
            created_at=self.LONG_AGO,
            updated_at=self.LONG_AGO,
            due_at=self.LONG_AGO + timedelta(minutes=31),
            session_id="cs_test_1",
        )
        stores.orders.place(order)
        return order

    @staticmethod
    def now(stores: Stores, order: Order) -> Order:
        found = stores.orders.get(order.id)
        assert found is not None
        return found

    def test_a_hold_that_nobody_ended_is_ended_at_stripe_first(
        self, stores: Stores, stripe: FakePayments, order: Order, log_lines: LogLines
    ) -> None:
        stripe.sessions["cs_test_1"] = a_session()

        tick()

        assert stripe.expired == ["cs_test_1"]
        assert self.now(stores, order).status is OrderStatus.EXPIRED
        assert record(stores, "event-1").free == 100
        (line,) = log_lines.of("work")
        assert line["orders"] == {"found": 1, "done": 1, "failed": 0, "waiting": 0}

    def test_a_payment_whose_webhook_was_lost_is_found_and_told(
        self, stores: Stores, stripe: FakePayments, order: Order, log_lines: LogLines
    ) -> None:
        stripe.sessions["cs_test_1"] = a_paid_session()

        tick()

        assert self.now(stores, order).status is OrderStatus.PAID
        assert record(stores, "event-1").sold == 2
        assert [line["message"] for line in log_lines.of("problem")] == ["paid_order_found"]

    def test_while_stripe_is_down_a_hold_stays(
        self, stores: Stores, stripe: FakePayments, order: Order, log_lines: LogLines
    ) -> None:
        stripe.failure = PaymentProviderError("down")

        tick()

        assert self.now(stores, order).status is OrderStatus.PENDING
        assert record(stores, "event-1").held == 2
        (line,) = log_lines.of("work")
        assert (line["orders"]["failed"], line["news"]["failed"]) == (1, 1)

    def test_what_the_webhook_was_not_told_is_handled_once(
        self, stores: Stores, stripe: FakePayments, order: Order, log_lines: LogLines
    ) -> None:
        soon = utc_now() + timedelta(hours=1)
        stores.orders.replace(order, replace(order, due_at=soon))
        happened_at = utc_now() - timedelta(hours=1)
        stripe.undelivered = [PaymentNews("evt_lost", happened_at, session=a_paid_session())]

        tick()
        tick()

        paid = self.now(stores, order)
        assert (paid.status, paid.history[-1].cause) == (OrderStatus.PAID, "evt_lost")
        (line,) = log_lines.of("work")
        assert line["news"] == {"found": 1, "done": 1, "failed": 0, "waiting": 0}

    def test_the_orders_of_a_cancelled_event_are_refunded(
        self, stores: Stores, stripe: FakePayments, order: Order, log_lines: LogLines
    ) -> None:
        wiring.fulfilment().settle(a_paid_session(), Cause("evt_1"))
        event = record(stores, "event-1")
        long_ago = event.described().updated_at + timedelta(milliseconds=1)
        cancelled = an_event(
            id=1, slug="event-1", status=EventStatus.CANCELLED, updated_at=long_ago
        )
        stores.events.replace(event, cancelled)

        tick()

        refunded = self.now(stores, order)
        assert refunded.status is OrderStatus.REFUNDED
        assert [refund.reason for refund in refunded.refunds] == [Why.EVENT_CANCELLED]
        assert [made.amount for made in stripe.refunds["pi_1"]] == [29998]
        (line,) = log_lines.of("work")
        assert line["cancellations"] == {"found": 1, "done": 1, "failed": 0, "waiting": 0}


def test_a_store_that_is_down_is_told_and_is_no_crash(
    stores: Stores,
    log_lines: LogLines,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise EndpointConnectionError(endpoint_url="http://dynamodb.test")

    monkeypatch.setattr(BaseClient, "_make_request", fail)
    tick()

    chores = ["measures", "orders", "news", "cancellations", "words", "renames"]
    assert [line["chore"] for line in log_lines.of("crash")] == chores
    (line,) = log_lines.of("work")
    assert line["words"] == {"found": 1, "done": 0, "failed": 1, "waiting": 0}
    told = metrics_of(capsys.readouterr().out)
    assert told["ChoreFailed"] == [len(chores)]
    assert told["Crash"] == [1] * len(chores)
    assert told["StoreFailed"]


def test_what_is_left_for_too_long_is_measured(
    stores: Stores, stripe: FakePayments, capsys: pytest.CaptureFixture[str]
) -> None:
    stripe.failure = PaymentProviderError("down")
    long_ago = utc_now() - timedelta(hours=3)
    order = an_order(
        event_slug="event-1",
        created_at=long_ago,
        hold_expires_at=long_ago,
        due_at=utc_now() + timedelta(hours=1),
        session_id="cs_test_1",
    )
    stores.orders.place(order)

    tick()

    told = metrics_of(capsys.readouterr().out)
    assert told["OldestPendingOrderAge"] == [pytest.approx(3 * 3600, abs=60)]
    # Stripe's undelivered events could not be listed; the order is put off.
    assert told["ChoreFailed"] == [1]
