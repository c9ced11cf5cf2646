"""What the timer does: finish what others left undone, each kind of it a chore."""

import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from chalicelib.domain.clock import to_iso
from chalicelib.errors import MailProviderError, PaymentProviderError
from chalicelib.log_context import apart
from chalicelib.services.cancelling import Cancelling
from chalicelib.services.due_orders import MOST_AT_A_TIME, DueOrders
from chalicelib.services.port_types import Cancellation, Rename
from chalicelib.services.renames import Renames
from chalicelib.services.time_budget import TimeBudget
from chalicelib.services.undelivered_news import NewsWindow, UndeliveredNews
from chalicelib.services.unfinished_orders import UnfinishedOrders

if TYPE_CHECKING:
    from chalicelib.services.ports import AbandonedWords, AuditLog

_T = TypeVar("_T")
# An order is waiting for Stripe, so several are worked at side by side.
_WORKERS = 8
# What others fail at is no mistake of the program's, and a trace would say nothing.
_OUTSIDE = (MailProviderError, PaymentProviderError)


@dataclass(frozen=True, slots=True)
class Chore(Generic[_T]):
    """Pieces of work of one kind: how they are found, and how one is done.

    `work` returns how much it did, and may stop when the time is up. So many `workers` are at it at
    the same time. `name_of` is what logs call a piece: ids, and nothing about a person. `find`
    returns no more than `limit` pieces, where there is one.
    """

    name: str
    find: Callable[[], Sequence[_T]]
    work: Callable[[_T, TimeBudget], int]
    name_of: Callable[[_T], str]
    workers: int = 1
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """How a chore went: how many pieces of work were found, how much was done, how many pieces
    failed, and how many nobody came to.
    """

    found: int
    done: int = 0
    failed: int = 0
    waiting: int = 0

    def then(self, later: "Tally") -> "Tally":
        """Add up with a later round, in which what was waiting is found again."""
        return Tally(
            self.found - self.waiting + later.found,
            self.done + later.done,
            self.failed + later.failed,
            later.waiting,
        )


class _Result(Enum):
    FAILED = auto()
    WAITING = auto()


def words_chore(words: "AbandonedWords") -> Chore[int]:
    """Finish the words of events whose writer died; one done is an event."""
    return Chore("words", words.event_ids, lambda event_id, _: int(words.finish(event_id)), str)


def renames_chore(renames: Renames) -> Chore[Rename]:
    """Have events follow the names and slugs of their cities; one done is an event."""
    return Chore(
        "renames",
        renames.pending,
        lambda rename, budget: renames.finish(rename, budget).brought,
        lambda rename: str(rename.city_id),
    )


def due_orders_chore(orders: DueOrders) -> Chore[str]:
    """End holds, refunds and confirmations that were left; one done is an order."""
    return Chore(
        "orders",
        orders.find,
        lambda order_id, _: int(orders.work(order_id)),
        str,
        workers=_WORKERS,
        limit=MOST_AT_A_TIME,
    )


def undelivered_news_chore(news: UndeliveredNews) -> Chore[NewsWindow | None]:
    """Handle what Stripe could not tell the webhook; one done is an event that had an effect."""
    return Chore("news", news.find, news.work, _name_of_window)


def _name_of_window(window: NewsWindow | None) -> str:
    return "events to try again" if window is None else f"until {to_iso(window.until)}"


def cancellations_chore(cancelling: Cancelling) -> Chore[Cancellation]:
    """End the orders of cancelled events; one done is an order."""
    return Chore(
        "cancellations",
        cancelling.pending,
        lambda cancellation, budget: cancelling.finish(cancellation, budget).ended,
        lambda cancellation: str(cancellation.event_id),
    )


def measuring_chore(orders: UnfinishedOrders) -> Chore[None]:
    """Measure what was left undone so far; there is no piece of work in it."""

    def find() -> Sequence[None]:
        orders.measure()
        return ()

    return Chore("measures", find, lambda _, __: 0, str)


class Reconciliation:
    """Does every chore, as far as the time goes, in rounds in which each has its share of it."""

    def __init__(self, chores: Sequence[Chore[Any]], log: "AuditLog") -> None:
        self._chores = chores
        self._log = log

    def run(self, budget: TimeBudget) -> Mapping[str, Tally]:
        """Do the chores; return how each went. One that fails does not keep the next from its turn.

        What is left undone when the time is up is found again by the next run.
        """
        tallies: dict[str, Tally] = {}
        chores = self._chores
        while chores:
            chores = self._do_round(chores, budget, tallies)
            if budget.is_up:
                break
        return tallies

    def _do_round(
        self, chores: Sequence[Chore[Any]], budget: TimeBudget, tallies: dict[str, Tally]
    ) -> list[Chore[Any]]:
        """Do chores one after the other; return those that want another round."""
        again = []
        for number, chore in enumerate(chores):
            share = budget.share(len(chores) - number)
            tally = self._do(chore, share)
            if tally is None:
                tallies.setdefault(chore.name, Tally(found=1, waiting=1))
                continue
            is_full = chore.limit is not None and tally.found >= chore.limit
            # Where nothing of so much could be done, more of it is left to the next run.
            if share.is_up or (is_full and tally.done):
                again.append(chore)
            before = tallies.get(chore.name)
            tallies[chore.name] = tally if before is None else before.then(tally)
        return again

    def _do(self, chore: Chore[_T], budget: TimeBudget) -> Tally | None:
        """Do a chore; None where there is no time, not even to look for its work."""
        if budget.is_up:
            return None
        try:
            pieces = list(chore.find())
        except Exception:  # noqa: BLE001 - whatever it is, other chores have their turn
            self._log.crash("chore_failed", {"chore": chore.name})
            return Tally(found=1, failed=1)
        # In another order each time: one that takes all the time must not keep others waiting.
        random.shuffle(pieces)
        with ThreadPoolExecutor(chore.workers) as pool:
            do = apart(lambda piece: self._do_piece(chore, piece, budget))
            results = list(pool.map(do, pieces))
        done = sum(result for result in results if isinstance(result, int))
        return Tally(
            len(pieces), done, results.count(_Result.FAILED), results.count(_Result.WAITING)
        )

    def _do_piece(self, chore: Chore[_T], piece: _T, budget: TimeBudget) -> "int | _Result":
        if budget.is_up:
            return _Result.WAITING
        try:
            return chore.work(piece, budget)
        except _OUTSIDE as error:
            self._log.error("chore_failed", {**_named(chore, piece), "why": type(error).__name__})
            return _Result.FAILED
        except Exception:  # noqa: BLE001 - whatever it is, the next piece has its turn
            self._log.crash("chore_failed", _named(chore, piece))
            return _Result.FAILED


def _named(chore: Chore[_T], piece: _T) -> dict[str, object]:
    return {"chore": chore.name, "piece": chore.name_of(piece)}
