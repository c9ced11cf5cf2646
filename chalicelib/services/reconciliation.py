"""What the timer does: finish what others left undone, each kind of it a chore."""

import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Generic, TypeVar

from chalicelib.services.cancelling import Cancelling
from chalicelib.services.due_orders import DueOrders
from chalicelib.services.ports import AbandonedWords, AuditLog, Cancellation, Rename
from chalicelib.services.renames import Renames
from chalicelib.services.time_budget import TimeBudget
from chalicelib.services.undelivered_news import NewsWindow, UndeliveredNews

_T = TypeVar("_T")
# An order is waiting for Stripe, so several are worked at side by side.
_WORKERS = 8


@dataclass(frozen=True, slots=True)
class Chore(Generic[_T]):
    """Pieces of work of one kind: how they are found, and how one is done.

    `work` returns how much it did, and may stop when the time is up. So many `workers` are at it at
    the same time.
    """

    name: str
    find: Callable[[], Sequence[_T]]
    work: Callable[[_T, TimeBudget], int]
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Tally:
    """How a chore went: how many pieces of work were found, how much was done, how many pieces
    failed, and how many nobody came to.
    """

    found: int
    done: int = 0
    failed: int = 0
    waiting: int = 0


class _Result(Enum):
    FAILED = auto()
    WAITING = auto()


def words_chore(words: AbandonedWords) -> Chore[int]:
    """Finish the words of events whose writer died; one done is an event."""
    return Chore("words", words.event_ids, lambda event_id, _: int(words.finish(event_id)))


def renames_chore(renames: Renames) -> Chore[Rename]:
    """Have events follow the names and slugs of their cities; one done is an event."""
    return Chore(
        "renames", renames.pending, lambda rename, budget: renames.finish(rename, budget).brought
    )


def due_orders_chore(orders: DueOrders) -> Chore[str]:
    """End holds, refunds and confirmations that were left; one done is an order."""
    return Chore(
        "orders", orders.find, lambda order_id, _: int(orders.work(order_id)), workers=_WORKERS
    )


def undelivered_news_chore(news: UndeliveredNews) -> Chore[NewsWindow]:
    """Handle what Stripe could not tell the webhook; one done is an event that had an effect."""
    return Chore("news", news.find, news.work)


def cancellations_chore(cancelling: Cancelling) -> Chore[Cancellation]:
    """End the orders of cancelled events; one done is an order."""
    return Chore(
        "cancellations",
        cancelling.pending,
        lambda cancellation, budget: cancelling.finish(cancellation, budget).ended,
    )


class Reconciliation:
    """Does every chore, as far as the time goes."""

    def __init__(self, chores: Sequence[Chore[Any]], log: AuditLog) -> None:
        self._chores = chores
        self._log = log

    def run(self, budget: TimeBudget) -> Mapping[str, Tally]:
        """Do the chores; return how each went. One that fails does not keep the next from its turn.

        What is left undone when the time is up is found again by the next run.
        """
        return {chore.name: self._do(chore, budget) for chore in self._chores}

    def _do(self, chore: Chore[_T], budget: TimeBudget) -> Tally:
        try:
            pieces = list(chore.find())
        except Exception:  # noqa: BLE001 - whatever it is, other chores have their turn
            self._log.crash("chore_failed", {"chore": chore.name})
            return Tally(found=1, failed=1)
        # In another order each time: one that takes all the time must not keep others waiting.
        random.shuffle(pieces)
        with ThreadPoolExecutor(chore.workers) as pool:
            results = list(pool.map(lambda piece: self._do_piece(chore, piece, budget), pieces))
        done = sum(result for result in results if isinstance(result, int))
        return Tally(
            len(pieces), done, results.count(_Result.FAILED), results.count(_Result.WAITING)
        )

    def _do_piece(self, chore: Chore[_T], piece: _T, budget: TimeBudget) -> "int | _Result":
        if budget.is_up:
            return _Result.WAITING
        try:
            return chore.work(piece, budget)
        except Exception:  # noqa: BLE001 - whatever it is, the next piece has its turn
            self._log.crash("chore_failed", {"chore": chore.name, "piece": str(piece)})
            return _Result.FAILED
