"""The timer's chores: each has its turn, whatever the others do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from chalicelib.domain.orders import HOLD, OrderStatus
from chalicelib.domain.payment_news import PaymentNews
from chalicelib.errors import Unavailable
from chalicelib.services.ports import Rename
from chalicelib.services.reconciliation import (
    Chore,
    Reconciliation,
    Tally,
    renames_chore,
    words_chore,
)
from chalicelib.services.renames import SETTLED_AFTER, Renames
from chalicelib.services.time_budget import TimeBudget
from tests.support.builders import NOW, a_city, an_event
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
    return Chore(name, lambda: pieces, work)


def fails(_piece: str, _budget: TimeBudget) -> int:
    raise KeyError("broken")


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
    chores = [Chore("lost", find, fails), a_chore("second", ["d"], lambda _, __: 1)]
    tallies = Reconciliation(chores, log).run(AMPLE)

    assert tallies == {"lost": Tally(found=1, failed=1), "second": Tally(1, 1)}
    assert log.lines == [("crash", "chore_failed", {"chore": "lost"})]


def test_what_there_is_no_time_for_is_counted_and_left() -> None:
    seconds = 0.0

    def work(_piece: str, _budget: TimeBudget) -> int:
        nonlocal seconds
        seconds += 1
        return 1

    chores = [a_chore("first", "abc", work), a_chore("second", "d", work)]
    tallies = Reconciliation(chores, RecordingLog()).run(TimeBudget.of(2, lambda: seconds))

    assert tallies == {
        "first": Tally(found=3, done=2, waiting=1),
        "second": Tally(found=1, waiting=1),
    }


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


def test_a_line_about_a_rename_that_failed_says_which() -> None:
    assert "city_id=7" in str(Rename(7, "london", NOW, "token"))
