"""The timer's chores: each has its turn, whatever the others do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.orders import HOLD, OrderStatus
from chalicelib.domain.payment_news import PaymentNews
from chalicelib.errors import MailProviderError, PaymentProviderError, Unavailable
from chalicelib.services.due_orders import MOST_AT_A_TIME
from chalicelib.services.port_types import Cancellation, Rename
from chalicelib.services.reconciliation import (
    Chore,
    Reconciliation,
    Tally,
    cancellations_chore,
    due_orders_chore,
    renames_chore,
    undelivered_news_chore,
    words_chore,
)
from chalicelib.services.renames import SETTLED_AFTER, Renames
from chalicelib.services.time_budget import TimeBudget
from chalicelib.services.undelivered_news import NewsWindow
from tests.support.builders import NOW, a_city, a_paid_session, an_event, an_order
from tests.support.fake_shop import FakeShop
from tests.support.fakes import FakeCities, FakeEvents, FakeRenames, RecordingLog

AMPLE = TimeBudget(1.0, lambda: 0.0)


@dataclass
class FakeWords:
    """`AbandonedWords` in memory: events, and whether finishing them is needed."""

    abandoned: dict[int, bool] = field(default_factory=dict)

    def event_ids(self) -> list[int]:
        return list(self.abandoned)

    def finish(self, event_id: int) -> bool:
        return self.abandoned.pop(event_id)


def a_chore(name: str, pieces: Sequence[str], work: Callable[[str, TimeBudget], int]) -> Chore[str]:
    return Chore(name, lambda: pieces, work, str)


def fails(_piece: str, _budget: TimeBudget) -> int:
    raise KeyError("broken")


@dataclass
class Backlog:
    """Letters of which so many are found at a time; doing one takes a second of its clock."""

    clock: "Ticks"
    left: list[str]
    limit: int | None = None
    found: int = 0

    def find(self) -> list[str]:
        self.found += 1
        return self.left[: self.limit]

    def work(self, letter: str, _budget: TimeBudget) -> int:
        self.clock.seconds += 1
        self.left.remove(letter)
        return 1

    def chore(self, name: str) -> Chore[str]:
        return Chore(name, self.find, self.work, str, limit=self.limit)


@dataclass
class Ticks:
    """A clock that goes on when something is done."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds

    def letters(self, count: int, limit: int | None = None) -> Backlog:
        return Backlog(self, [f"letter {number}" for number in range(count)], limit)


def test_every_chore_says_how_much_it_did() -> None:
    chores = [
        a_chore("letters", ["a", "b"], lambda _, __: 3),
        a_chore("nothing", [], fails),
    ]

    tallies = Reconciliation(chores, RecordingLog()).run(AMPLE)

    assert tallies == {"letters": Tally(found=2, done=6), "nothing": Tally(found=0)}


def test_a_piece_that_fails_is_told_and_keeps_nothing_else_from_its_turn() -> None:
    log, seen = RecordingLog(), []

    def work(piece: str, budget: TimeBudget) -> int:
        seen.append(piece)
        return fails(piece, budget) if piece == "b" else 1

    chores = [a_chore("first", ["a", "b", "c"], work), a_chore("second", ["d"], work)]
    tallies = Reconciliation(chores, log).run(AMPLE)

    assert sorted(seen) == ["a", "b", "c", "d"]
    assert tallies == {"first": Tally(found=3, done=2, failed=1), "second": Tally(1, 1)}
    assert log.lines == [("crash", "chore_failed", {"chore": "first", "piece": "b"})]


def test_a_chore_whose_work_cannot_be_found_is_told_and_the_next_has_its_turn() -> None:
    def find() -> Sequence[str]:
        raise Unavailable("not now")

    log = RecordingLog()
    chores = [Chore("lost", find, fails, str), a_chore("second", ["d"], lambda _, __: 1)]
    tallies = Reconciliation(chores, log).run(AMPLE)

    assert tallies == {"lost": Tally(found=1, failed=1), "second": Tally(1, 1)}
    assert log.lines == [("crash", "chore_failed", {"chore": "lost"})]


def test_what_there_is_no_time_for_is_counted_and_left() -> None:
    clock = Ticks()
    chores = [clock.letters(3).chore("first"), clock.letters(1).chore("second")]
    tallies = Reconciliation(chores, RecordingLog()).run(TimeBudget.of(2, clock))

    assert tallies == {
        "first": Tally(found=3, done=1, waiting=2),
        "second": Tally(found=1, done=1),
    }


def test_work_is_not_even_looked_for_when_the_time_is_up() -> None:
    clock = Ticks()
    slow, second = clock.letters(1), clock.letters(1)

    def take_all(_piece: str, _budget: TimeBudget) -> int:
        clock.seconds += 10
        return 1

    chores = [Chore("slow", slow.find, take_all, str), second.chore("second")]
    tallies = Reconciliation(chores, RecordingLog()).run(TimeBudget.of(2, clock))

    assert tallies == {"slow": Tally(1, 1), "second": Tally(found=1, waiting=1)}
    assert second.found == 0


def test_a_long_chore_does_not_starve_the_others_and_has_the_time_that_they_leave() -> None:
    clock = Ticks()
    long, short = clock.letters(100), clock.letters(2)
    chores = [long.chore("long"), short.chore("short"), clock.letters(0).chore("none")]
    tallies = Reconciliation(chores, RecordingLog()).run(TimeBudget.of(30, clock))

    assert tallies == {
        "long": Tally(found=100, done=28, waiting=72),
        "short": Tally(found=2, done=2),
        "none": Tally(found=0),
    }
    assert short.found == 1


def test_each_of_many_long_chores_gets_its_part_of_the_time() -> None:
    clock = Ticks()
    chores = [clock.letters(100).chore(name) for name in "abcd"]
    tallies = Reconciliation(chores, RecordingLog()).run(TimeBudget.of(40, clock))
    assert {name: tally.done for name, tally in tallies.items()} == dict.fromkeys("abcd", 10)


def test_what_is_found_a_part_at_a_time_is_done_to_its_end_while_there_is_time() -> None:
    clock = Ticks()
    letters = clock.letters(25, limit=10)
    tallies = Reconciliation([letters.chore("letters")], RecordingLog()).run(
        TimeBudget.of(100, clock)
    )
    assert tallies == {"letters": Tally(found=25, done=25)}
    assert letters.found == 3


def test_a_part_of_which_nothing_can_be_done_is_not_tried_again_and_again() -> None:
    chore = Chore("letters", lambda: ["a", "b"], fails, str, limit=2)
    tallies = Reconciliation([chore], RecordingLog()).run(AMPLE)
    assert tallies == {"letters": Tally(found=2, failed=2)}


def test_a_later_round_for_which_there_is_no_time_changes_no_tally() -> None:
    clock = Ticks()
    waits = clock.letters(3)

    def slow(_piece: str, _budget: TimeBudget) -> int:
        clock.seconds += 6
        return 1

    first = Chore("first", lambda: ["a", "b"], slow, str)
    tallies = Reconciliation([first, waits.chore("second")], RecordingLog()).run(
        TimeBudget.of(8, clock)
    )
    assert tallies == {
        "first": Tally(found=2, done=1, waiting=1),
        "second": Tally(found=3, done=2, waiting=1),
    }


def test_more_orders_than_are_found_at_a_time_are_ended_in_one_run() -> None:
    shop = FakeShop(capacity=None)
    for number in range(MOST_AT_A_TIME + 1):
        shop.orders.place(an_order(id=f"01JN{number:022d}", due_at=NOW))
    tallies = Reconciliation([due_orders_chore(shop.shop.due_orders)], RecordingLog()).run(AMPLE)
    assert tallies == {"orders": Tally(found=401, done=401)}


@pytest.mark.parametrize("error", [MailProviderError("down"), PaymentProviderError("down")])
def test_an_outage_of_somebody_else_is_told_without_a_trace(error: Exception) -> None:
    def work(_piece: str, _budget: TimeBudget) -> int:
        raise error

    log = RecordingLog()
    tallies = Reconciliation([a_chore("letters", ["a"], work)], log).run(AMPLE)

    assert tallies == {"letters": Tally(found=1, failed=1)}
    told = {"chore": "letters", "piece": "a", "why": type(error).__name__}
    assert log.lines == [("error", "chore_failed", told)]


def test_what_takes_all_the_time_does_not_keep_the_others_waiting_for_ever() -> None:
    done: list[str] = []

    def work(piece: str, _budget: TimeBudget) -> int:
        done.append(piece)
        return 1

    timer = Reconciliation([a_chore("letters", "ab", work)], RecordingLog())
    for _ in range(200):
        enough = len(done) + 1
        timer.run(TimeBudget(enough, lambda: len(done)))

    assert len(done) == 200
    assert set(done) == {"a", "b"}


def test_words_that_are_finished_are_counted_as_events() -> None:
    chore = words_chore(FakeWords({1: True, 2: False}))

    tallies = Reconciliation([chore], RecordingLog()).run(AMPLE)

    assert tallies == {"words": Tally(found=2, done=1)}


def test_events_that_follow_their_city_are_counted() -> None:
    cities = FakeCities()
    events = FakeEvents(cities)
    cities.create(a_city())
    events.create(an_event())
    cities.replace(cities.cities["london"], a_city(name="Londinium"))
    later = NOW + SETTLED_AFTER + timedelta(seconds=1)
    renames = Renames(
        cities=cities,
        events=events,
        renames=FakeRenames(cities, events),
        clock=lambda: later,
        workers=1,
    )
    timer = Reconciliation([renames_chore(renames)], RecordingLog())

    assert timer.run(AMPLE) == {"renames": Tally(found=1, done=1)}
    assert timer.run(AMPLE) == {"renames": Tally(found=1)}
    assert timer.run(AMPLE) == {"renames": Tally(found=0)}


def test_orders_that_were_left_are_counted_by_what_was_left_of_them() -> None:
    shop = FakeShop()
    due = shop.start()
    untold = shop.start(id="01JNOTHER00000000000000000")
    news = PaymentNews("evt_1", shop.shop.clock.now, shop.pay(untold))
    shop.payments.undelivered.append(news)
    shop.shop.clock.move(HOLD)
    shop.orders.orders[untold.id] = replace(shop.order(untold.id), due_at=None)

    assert shop.shop.timer.run(AMPLE) == {
        "orders": Tally(found=1, done=1),
        "news": Tally(found=1, done=1),
        "cancellations": Tally(found=0),
    }
    assert shop.order(due.id).status is OrderStatus.EXPIRED
    assert shop.order(untold.id).status is OrderStatus.PAID

    shop.cancel_event()
    tallies = shop.shop.timer.run(AMPLE)
    assert tallies["cancellations"] == Tally(found=1, done=1)
    assert shop.order(untold.id).status is OrderStatus.REFUNDED


def test_a_mail_that_cannot_be_sent_is_no_crash() -> None:
    shop = FakeShop()
    shop.mailer.down = True
    order = shop.start_and_pay(customer_email="ada@mail.example")
    shop.shop.clock.move(timedelta(hours=1))
    log = RecordingLog()
    tallies = Reconciliation([due_orders_chore(shop.shop.due_orders)], log).run(AMPLE)
    assert tallies["orders"].failed == 1
    told = {"chore": "orders", "piece": order.id, "why": "MailProviderError"}
    assert log.lines == [("error", "chore_failed", told)]


def pieces_of_every_chore() -> list[tuple[Chore[Any], object, str]]:
    """Return each chore with a piece of it, and what a line about that has to say."""
    shop = FakeShop().shop
    cities = FakeCities()
    events = FakeEvents(cities)
    renames = Renames(
        cities=cities,
        events=events,
        renames=FakeRenames(cities, events),
        clock=lambda: NOW,
        workers=1,
    )
    session = replace(a_paid_session(), customer_email="ada@mail.example")
    window = NewsWindow(NOW - HOLD, NOW, [PaymentNews("evt_1", NOW, session)])
    order_id = an_order().id
    return [
        (words_chore(FakeWords()), 12, "12"),
        (renames_chore(renames), Rename(7, "london", NOW, "token"), "7"),
        (due_orders_chore(shop.due_orders), order_id, order_id),
        (undelivered_news_chore(shop.undelivered), window, "until 2027-03-01T12:00:00.000Z"),
        (undelivered_news_chore(shop.undelivered), None, "events to try again"),
        (cancellations_chore(shop.cancelling), Cancellation(9, NOW), "9"),
    ]


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("error", [KeyError("a bug"), PaymentProviderError("down")])
def test_a_line_about_a_failure_says_which_piece_and_nothing_of_a_person(
    number: int, error: Exception
) -> None:
    chore, piece, name = pieces_of_every_chore()[number]

    def work(_piece: object, _budget: TimeBudget) -> int:
        raise error

    log = RecordingLog()
    Reconciliation([replace(chore, find=lambda: [piece], work=work)], log).run(AMPLE)

    [(_, told, fields)] = log.lines
    assert (told, fields["chore"], fields["piece"]) == ("chore_failed", chore.name, name)
    assert "@" not in str(fields)
    assert "cs_" not in str(fields)
