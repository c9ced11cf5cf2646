"""What the timer does: finish what others left undone, each kind of it a chore."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from chalicelib.services.ports import AbandonedWords, AuditLog, Rename
from chalicelib.services.renames import Renames
from chalicelib.services.time_budget import TimeBudget

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Chore(Generic[_T]):
    """Pieces of work of one kind: how they are found, and how one is done.

    `work` returns how much it did, and may stop when the time is up.
    """

    name: str
    find: Callable[[], Sequence[_T]]
    work: Callable[[_T, TimeBudget], int]


@dataclass(frozen=True, slots=True)
class Tally:
    """How a chore went: how many pieces of work were found, how much was done, how many pieces
    failed, and how many nobody came to.
    """

    found: int
    done: int = 0
    failed: int = 0
    waiting: int = 0


def words_chore(words: AbandonedWords) -> Chore[int]:
    """Finish the words of events whose writer died; one done is an event."""
    return Chore("words", words.event_ids, lambda event_id, _: int(words.finish(event_id)))


def renames_chore(renames: Renames) -> Chore[Rename]:
    """Have events follow the names and slugs of their cities; one done is an event."""
    return Chore(
        "renames", renames.pending, lambda rename, budget: renames.finish(rename, budget).brought
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
        done = failed = 0
        for place, piece in enumerate(pieces):
            if budget.is_up:
                return Tally(len(pieces), done, failed, len(pieces) - place)
            try:
                done += chore.work(piece, budget)
            except Exception:  # noqa: BLE001 - whatever it is, the next piece has its turn
                failed += 1
                self._log.crash("chore_failed", {"chore": chore.name, "piece": str(piece)})
        return Tally(len(pieces), done, failed)
