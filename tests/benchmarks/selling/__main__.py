"""`python -m tests.benchmarks.selling`: takes orders through their lives on a DynamoDB, counts what
each step asks of it and of Stripe, and writes `docs/selling.md`.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from chalicelib.domain.events import Event, EventStatus
from chalicelib.services.catalogue import Catalogue
from chalicelib.settings import StoreSettings
from chalicelib.store import Stores, open_stores
from tests.benchmarks.catalogue.engines import engine
from tests.benchmarks.catalogue.meter import Meter
from tests.conftest import ENVIRONMENT
from tests.support.builders import a_city, an_event
from tests.support.dynoxide import EngineMissing
from tests.support.local_stripe import LocalStripe
from tests.support.shop import AMPLE, MovingClock, Shop
from tests.support.store_worlds import world_of

_REPORT = Path("docs/selling.md")
_PARAGRAPH = "<p>A day of talks about how things are made, and by whom.</p>"
# Paragraphs of a description, and seats of events whose stock is in one item and in several places.
_SHORT, _LONG = 8, 80
_FEW, _MANY = 300, 1000


@dataclass(frozen=True)
class Line:
    """What one step cost."""

    step: str
    calls: Sequence[str]
    read_units: float
    write_units: float
    stripe_calls: int


class Bench:
    """A shop on an engine, and the costs of what is done in it."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self.clock = MovingClock()
        self.stripe = LocalStripe(lambda: self.clock.now)
        self.shop = Shop(world_of(stores), self.stripe.gateway(), clock=self.clock)
        self.lines: list[Line] = []
        stores.cities.create(a_city())
        self.event = self._event(1, "tech-conference", 5000)
        self.free_event = self._event(2, "open-day", 0)

    def _event(
        self, number: int, slug: str, price: int, seats: int | None = _FEW, length: int = _SHORT
    ) -> Event:
        text = _PARAGRAPH * length
        event = an_event(id=number, slug=slug, price=price, capacity=seats, description=text)
        self._stores.events.create(event)
        return event

    def step(self, name: str, work: Callable[[], object]) -> None:
        """Do something, and note what it cost."""
        meter = Meter(self._stores.orders._connection)
        before = len(self.stripe.calls)
        with meter.running():
            work()
        self.lines.append(
            Line(
                name,
                [exchange.operation for exchange in meter.exchanges],
                sum(one.read_units for one in meter.exchanges),
                sum(one.engine_units or 0 for one in meter.exchanges if one.is_write),
                len(self.stripe.calls) - before,
            )
        )

    def tell(self) -> None:
        """Deliver every webhook that was not."""
        for event in self.stripe.undelivered():
            self.shop.hear(event.news())
            self.stripe.deliver(event)

    def run(self) -> None:
        """Take orders through their lives."""
        shop, stripe = self.shop, self.stripe
        self.step("checkout (2 seats)", lambda: shop.buy(self.event, email=None))
        first = shop.orders()[0]
        session = first.session_id or ""
        stripe.pay(session)
        self.step("webhook: paid, tickets made, confirmation sent", self.tell)
        self.step("the same webhook again", lambda: shop.hear(stripe.events()[0].news()))
        code = str(shop.order(first.id).ticket_codes()[0])
        self.step("check-in", lambda: shop.doors.check_in(code, "North", None, "user_door"))
        self.step("refund of one ticket", lambda: shop.refund(first.id, quantity=1))
        self.step("its webhooks (4)", self.tell)
        request = shop.request(self.event, email=None)
        self.step(
            "checkout with an idempotency key",
            lambda: shop.keyed_checkout.start(request, "a-key"),
        )
        self.step(
            "the same checkout again",
            lambda: shop.keyed_checkout.start(request, "a-key"),
        )
        self.clock.move(timedelta(minutes=32))
        self.step("expiry of a hold, by the timer's first run", lambda: shop.timer.run(AMPLE))
        self.tell()
        self.step("the timer, with nothing to do", lambda: shop.timer.run(AMPLE))
        self.step("free tickets (2), confirmation sent", lambda: shop.buy(self.free_event))
        record = shop.stock(self.event.slug)
        shop.world.events.replace(
            record,
            replace(record.described(), status=EventStatus.CANCELLED, updated_at=self.clock()),
        )
        self.step(
            "one paid order of a cancelled event, refunded",
            lambda: shop.cancelling.end_orders(self.event.id, AMPLE),
        )

    def run_orders(self) -> list[Line]:
        """Take an order of each kind of event through its life."""
        self.tell()
        already = len(self.lines)
        kinds = (
            ("one item", _FEW, _SHORT),
            ("one item, 5,000 characters", _FEW, _LONG),
            ("places", _MANY, _SHORT),
            ("places, 5,000 characters", _MANY, _LONG),
            ("places, without a limit", None, _SHORT),
        )
        for number, (kind, seats, length) in enumerate(kinds, 11):
            self._order(kind, self._event(number, f"event-{number}x", 5000, seats, length))
        return self.lines[already:]

    def _order(self, kind: str, event: Event) -> None:
        if "places" in kind:
            self.step(f"{kind}: first checkout", lambda: self.shop.buy(event, email=None))
        self.step(f"{kind}: checkout", lambda: self.shop.buy(event, email=None))
        order = max(self.shop.orders(), key=lambda one: one.id)
        self.stripe.pay(order.session_id or "")
        self.step(f"{kind}: webhook", self.tell)
        self.step(f"{kind}: refund of one ticket", lambda: self.shop.refund(order.id, quantity=1))
        self.tell()
        self.step(f"{kind}: page view", lambda: self._view(event))

    def _view(self, event: Event) -> None:
        Catalogue(events=self._stores.events, cities=self._stores.cities).event_with_stock(
            event.slug
        )


def _rows(lines: Sequence[Line]) -> str:
    return "\n".join(
        f"| {line.step} | {len(line.calls)} | {line.read_units:g} | {line.write_units:g} |"
        f" {line.stripe_calls} |"
        for line in lines
    )


def document(lines: Sequence[Line], kinds: Sequence[Line], about: str) -> str:
    """Return the page."""
    sold = lines[:2]
    each = sum(line.write_units for line in sold) / 2
    return f"""# What selling costs

Made by `make bench-selling` on {about}. Read units by DynamoDB's published rules, write units as
the engine counts them: transactional writes count twice, index entries are included. The event's
description has about 500 characters; it is part of the item whose stock is sold.

| step | DynamoDB calls | read units | write units | Stripe calls |
|---|---|---|---|---|
{_rows(lines)}

The timer's chores here are those of orders; `docs/budgets.md` counts all that are deployed, and
failed conditional writes too, which the engine leaves out.

An order of two seats, from its checkout to its tickets in the mail, takes
{sum(len(line.calls) for line in sold)} calls and
{sum(line.write_units for line in sold):g} write units: {each:g} write units for each ticket.

## Events that many buy at the same moment

The stock of an event with 200 seats or more, or without a limit, is in several places from its
first sale on (`docs/places.md`). Orders are of two seats; an event with places has {_MANY:,} seats
in ten of them, or no limit and sixteen; the others have {_FEW}. With "one item" every sale writes
the event's own item, which is as large as its description.

| step | DynamoDB calls | read units | write units | Stripe calls |
|---|---|---|---|---|
{_rows(kinds)}
"""


def main() -> int:
    """Run the benchmark; return the exit code."""
    os.environ.update(ENVIRONMENT)
    try:
        with engine() as running:
            os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = running.url
            bench = Bench(
                open_stores(StoreSettings("events", "cities", "index", "orders", "audit"))
            )
            bench.run()
            lines = list(bench.lines)
            kinds = bench.run_orders()
    except EngineMissing as missing:
        sys.stderr.write(f"{missing}\n")
        return 2
    page = document(lines, kinds, running.name)
    sys.stdout.write(page)
    _REPORT.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
