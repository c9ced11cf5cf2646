"""One event's sale: buyers come, seats are held, Stripe is asked, payments are heard of. The steps
are the program's (`services.checkout`, `services.fulfilment`), and so are the answers.
"""

import math
import random
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Final

from chalicelib.store.kept_counts import KEPT_SECONDS
from tests.benchmarks.budgets.metering import Count
from tests.benchmarks.on_sale import layouts
from tests.benchmarks.on_sale.buckets import Bucket
from tests.benchmarks.on_sale.dynamodb import Database, Result, Write
from tests.benchmarks.on_sale.layouts import Layout
from tests.benchmarks.on_sale.limits import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    PATIENCE,
    Limits,
    Times,
)
from tests.benchmarks.on_sale.scheduler import Process, Scheduler

_EVENT: Final = "event"
_EVENTS, _ORDERS = "events", "orders"

Answer = tuple[int, str]
HELD: Final[Answer] = (201, "")
SOLD_OUT: Final[Answer] = (409, "SOLD_OUT")
THROTTLED: Final[Answer] = (429, "RATE_LIMITED")
NO_FUNCTION: Final[Answer] = (500, "INTERNAL_ERROR")
STRIPE_REFUSED: Final[Answer] = (502, "PAYMENT_PROVIDER_ERROR")
UNAVAILABLE: Final[Answer] = (503, "UNAVAILABLE")

Steps = Generator[float, None, bool]


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who comes: buyers a second for so many seconds, each for `quantity` tickets after `views` of
    the event's page; `pays` of those who got a checkout pay.
    """

    rate: float
    seconds: float
    quantity: int = 1
    views: int = 2
    pays: float = 0.8

    def arrivals(self, chance: random.Random) -> list[float]:
        """Return when they come, each independent of the others."""
        found, at = [], chance.expovariate(self.rate)
        while at < self.seconds:
            found.append(at)
            at += chance.expovariate(self.rate)
        return found


@dataclass(frozen=True, slots=True)
class Rush:
    """Many come at once: so many buyers, half of them within `half_life` seconds, and half of the
    rest within the next.
    """

    buyers: int
    half_life: float
    quantity: int = 1
    views: int = 2
    pays: float = 0.8

    def arrivals(self, chance: random.Random) -> list[float]:
        """Return when they come."""
        rate = math.log(2) / self.half_life
        return sorted(chance.expovariate(rate) for _ in range(self.buyers))


@dataclass
class Outcome:
    """What came of a sale."""

    answers: Counter[Answer] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    """How long each successful checkout took."""

    held_at: list[float] = field(default_factory=list)
    refused_at: list[tuple[float, Answer]] = field(default_factory=list)
    sold: int = 0
    given_back: int = 0
    webhooks_failed: int = 0
    mails_late: int = 0
    pages: int = 0
    pages_throttled: int = 0
    most_at_once: int = 0
    results: Counter[Result] = field(default_factory=Counter)
    units: dict[str, float] = field(default_factory=dict)
    """How many units the busiest partition of each table and index was asked for."""

    @property
    def buyers(self) -> int:
        """How many came."""
        return self.answers.total()

    def share(self, answer: Answer) -> float:
        """Return how many of the buyers got an answer, of one."""
        return self.answers[answer] / max(1, self.buyers)

    def within(self, part: float) -> float:
        """Return within how many seconds that part of the checkouts was answered."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


class Sale:
    """The event, the shop, and everybody in it."""

    def __init__(
        self,
        layout: Layout,
        crowd: Crowd | Rush,
        limits: Limits,
        times: Times | None = None,
        *,
        capacity: int | None = None,
        seed: int = 1,
    ) -> None:
        self._layout = layout
        self._crowd = crowd
        self._limits = limits
        self._times = times or Times()
        self._chance = random.Random(seed)
        self._clock = Scheduler()
        self._database = Database(limits, self._times, seed)
        self._gateway = Bucket(limits.gateway, limits.gateway_burst)
        self._stripe = Bucket(limits.stripe)
        self._mails = Bucket(limits.mails)
        self._running = 0
        self._started: Counter[str] = Counter()
        self._busy: Counter[str] = Counter()
        # When each process of the API has read the places.
        self._looked: dict[int, float] = {}
        each, more = divmod(capacity or 10**12, layout.items)
        self.free = [each + (place < more) for place in range(layout.items)]
        self.held = self.seats_sold = 0
        # One place of each partition, and how many there are on it.
        on = Counter(
            self._database.partition(_EVENTS, _stock_key(place)) for place in range(layout.places)
        )
        first = {
            self._database.partition(_EVENTS, _stock_key(place)): place
            for place in range(layout.places)
        }
        self._neighbours = [(first[partition], places) for partition, places in on.items()]
        self.outcome = Outcome()

    def run(self, tolerated: float = math.inf) -> Outcome:
        """Let everybody come, and the last payment be heard of; or stop where more buyers are
        turned away, or webhooks fail, than are tolerated.
        """
        outcome = self.outcome

        def is_over() -> bool:
            return len(outcome.refused_at) + outcome.webhooks_failed > tolerated

        for number, at in enumerate(self._crowd.arrivals(self._chance)):
            self._clock.start(self._buyer(number), at)
        self._clock.run(is_over)
        outcome.results = self._database.results
        outcome.units = {name: self._database.busiest(name) for name in _named()}
        return outcome

    # A checkout.

    def _buyer(self, number: int) -> Process:
        began = self._clock.now
        for _ in range(self._crowd.views):
            self._view()
        answer = THROTTLED
        if self._gateway.take(began, 1):
            answer = yield from self._called("api", self._checkout(number))
        outcome = self.outcome
        outcome.answers[answer] += 1
        if answer is HELD:
            outcome.seconds.append(self._clock.now - began)
            outcome.held_at.append(self._clock.now)
        else:
            outcome.refused_at.append((self._clock.now, answer))

    def _view(self) -> None:
        """Show the event's page by one of the processes there are: its item and, where its stock is
        spread, every place's seats, unless the process has read them in the last second.
        """
        now, database = self._clock.now, self._database
        process = self._chance.randrange(max(1, self._started["api"]))
        reads = [database.read(now, _EVENTS, _EVENT, self._layout.event_reads / 2)]
        if now - self._looked.get(process, -KEPT_SECONDS) >= KEPT_SECONDS:
            reads += [
                database.read(now, _EVENTS, _stock_key(place), places / 2)
                for place, places in self._neighbours
            ]
            if all(reads):
                self._looked[process] = now
        self.outcome.pages += 1
        self.outcome.pages_throttled += not all(reads)

    def _called(
        self, function: str, work: Generator[float, None, Answer]
    ) -> Generator[float, None, Answer]:
        """Run a function, in a new process where none is idle, if one more may run."""
        if self._running >= self._limits.concurrency:
            work.close()
            return NO_FUNCTION
        self._running += 1
        self._busy[function] += 1
        self.outcome.most_at_once = max(self.outcome.most_at_once, self._running)
        if self._busy[function] > self._started[function]:
            self._started[function] += 1
            times = self._times
            yield times.checkout_start if function == "api" else times.webhook_start
        answer = yield from work
        self._running -= 1
        self._busy[function] -= 1
        return answer

    def _checkout(self, number: int) -> Generator[float, None, Answer]:
        yield self._times.checkout_processor
        if not (yield from self._read_event()):
            return UNAVAILABLE
        held = yield from self._hold(number)
        if not isinstance(held, int):
            return held
        if not self._stripe.take(self._clock.now, 1):
            yield self._times.stripe_refused
            yield from self._move(number, held, layouts.RELEASE, self._give_back)
            return STRIPE_REFUSED
        yield self._times.stripe
        if not (yield from self._patiently(lambda: self._note_session(number), self._times.put)):
            return UNAVAILABLE
        if self._chance.random() < self._crowd.pays:
            paying = self._chance.uniform(self._times.soonest_paid, self._times.latest_paid)
            self._clock.start(self._payment(number, held), paying)
        return HELD

    def _read_event(self) -> Steps:
        reads = self._layout.event_reads

        def read() -> Result:
            has = self._database.read(self._clock.now, _EVENTS, _EVENT, reads)
            return Result.MADE if has else Result.THROTTLED

        return (yield from self._patiently(read, self._times.read))

    def _hold(self, number: int) -> Generator[float, None, "int | Answer"]:
        """Take the seats in one of the places; return which, or what the buyer is told."""
        places = self._some_places()
        if self._layout.places:
            yield self._times.read
        if not places:
            if not (yield from self._look_at_all()):
                return UNAVAILABLE
            places = self._with_seats(range(self._layout.items))
        deadline = self._clock.now + PATIENCE
        while places and self._clock.now < deadline:
            offered = list(places)
            taken = yield from self._try_places(number, offered, deadline)
            if taken is not None:
                return taken if taken >= 0 else UNAVAILABLE
            if not (yield from self._look_at_all()):
                return UNAVAILABLE
            places = self._with_seats(range(self._layout.items))
        return SOLD_OUT

    def _look_at_all(self) -> Steps:
        """Read the event and all of its places as of every write; what was left out, again."""
        left = [(_EVENT, self._layout.event_reads)]
        left += [(_stock_key(place), 1) for place in range(self._layout.places)]

        def read() -> Result:
            nonlocal left
            now = self._clock.now
            left = [(key, u) for key, u in left if not self._database.read(now, _EVENTS, key, u)]
            return Result.THROTTLED if left else Result.MADE

        return (yield from self._patiently(read, self._times.read))

    def _some_places(self) -> list[int]:
        """Return the places that are looked at, as far as they have the seats."""
        items, now = self._layout.items, self._clock.now
        some = self._chance.sample(range(items), min(layouts.LOOKED_AT, items))
        if self._layout.places:
            # Where a partition has no reads left, others are looked at a moment later.
            some = [
                place for place in some if self._database.read(now, _EVENTS, _stock_key(place), 0.5)
            ]
        return self._with_seats(some)

    def _with_seats(self, places: Sequence[int]) -> list[int]:
        found = [place for place in places if self.free[place] >= self._crowd.quantity]
        self._chance.shuffle(found)
        return found

    def _try_places(
        self, number: int, offered: list[int], deadline: float
    ) -> Generator[float, None, int | None]:
        """Try one place after another, and the last one again; return the one that gave its seats,
        -1 where patience was over, or None where the one that was tried has none left.
        """
        place = offered.pop()
        for pause in self._pauses(deadline):
            if self.free[place] < self._crowd.quantity:
                return None
            result = self._transact(number, place, layouts.CHECKOUT)
            if result is Result.MADE:
                self._take(place)
                yield self._times.transaction
                return place
            yield self._times.refused
            if pause is None:
                break
            place = offered.pop() if offered else place
            yield pause
        return -1

    def _take(self, place: int) -> None:
        self.free[place] -= self._crowd.quantity
        self.held += self._crowd.quantity

    def _give_back(self, place: int) -> None:
        self.free[place] += self._crowd.quantity
        self.held -= self._crowd.quantity
        self.outcome.given_back += 1

    def _sell(self, _place: int) -> None:
        self.held -= self._crowd.quantity
        self.seats_sold += self._crowd.quantity
        self.outcome.sold += self._crowd.quantity

    def _note_session(self, number: int) -> Result:
        key = f"order-{number}"
        session = layouts.written(layouts.CHECKOUT, "orders/by_session")
        writes = [Write(_ORDERS, key, 1), Write("by_session", key, session, index=True)]
        return self._database.put(self._clock.now, writes)

    # A payment.

    def _payment(self, number: int, place: int) -> Process:
        """Stripe tells of it until it is answered 200; its repeats come minutes later, or the
        buyer's page or the timer is first. They are not waited for here.
        """
        answer = yield from self._called("webhook", self._hear(number, place))
        if answer != (200, ""):
            self.outcome.webhooks_failed += 1

    def _hear(self, number: int, place: int) -> Generator[float, None, Answer]:
        yield self._times.webhook_processor
        yield self._times.read
        if not (yield from self._move(number, place, layouts.PAID, self._sell)):
            return UNAVAILABLE
        yield self._times.read
        if not self._mails.take(self._clock.now, 1):
            self.outcome.mails_late += 1
            return 200, ""
        yield self._times.mail
        key = f"order-{number}"
        mailed = [Write(_ORDERS, key, 1), Write("due", self._shard(number), 1, index=True)]
        yield from self._patiently(
            lambda: self._database.put(self._clock.now, mailed), self._times.put
        )
        return 200, ""

    def _move(self, number: int, place: int, count: Count, then: Callable[[int], None]) -> Steps:
        """Move an order's seats by a transaction that a step was counted with."""

        def attempt() -> Result:
            result = self._transact(number, place, count)
            if result is Result.MADE:
                then(place)
            return result

        return (yield from self._patiently(attempt, self._times.transaction))

    # What both are made of.

    def _transact(self, number: int, place: int, count: Count) -> Result:
        """Send the transaction of a step: the order, the stock, and the order's index entries."""
        key = f"order-{number}"
        stock = _stock_key(place) if self._layout.places else _EVENT
        due = layouts.written(count, "orders/due")
        # What is written of the mail later is not in the transaction.
        due = due - 1 if count is layouts.PAID else due
        keys = {"by_event": _EVENT, "by_created": self._shard(number), "due": self._shard(number)}
        indexes = [
            Write(index, keys[index], units, index=True)
            for index, units in (
                ("by_event", layouts.written(count, "orders/by_event")),
                ("by_created", layouts.written(count, "orders/by_created")),
                ("due", due),
            )
            if units
        ]
        items = [Write(_ORDERS, key, 2), Write(_EVENTS, stock, self._layout.stock_units)]
        return self._database.transact(self._clock.now, [*items, *indexes])

    def _shard(self, number: int) -> str:
        return str((number * 2654435761 >> 8) % self._layout.shards)

    def _pauses(self, deadline: float | None = None) -> Generator[float | None, None, None]:
        """Yield what `store.patience` does, by the simulated clock; until a deadline that others
        share, or with one of its own.
        """
        ceiling = FIRST_PAUSE
        if deadline is None:
            deadline = self._clock.now + PATIENCE
        while self._clock.now < deadline:
            yield self._chance.uniform(0, ceiling)
            ceiling = min(ceiling * 2, LONGEST_PAUSE)
        yield None

    def _patiently(self, attempt: Callable[[], Result], takes: float) -> Steps:
        for pause in self._pauses():
            if attempt() is Result.MADE:
                yield takes
                return True
            yield self._times.refused
            if pause is None:
                break
            yield pause
        return False


def _stock_key(place: int) -> str:
    return f"place-{place}"


def _named() -> tuple[str, ...]:
    return (_EVENTS, _ORDERS, *layouts.INDEXES)


def checkouts_a_second(outcome: Outcome, begin: float, end: float) -> float:
    """Return how many checkouts a second were answered with one between two times."""
    return sum(begin <= at < end for at in outcome.held_at) / (end - begin)
