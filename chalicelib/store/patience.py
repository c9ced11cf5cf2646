"""Failures of DynamoDB that pass by themselves, and how long a call is tried again for."""

import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from pynamodb.exceptions import PynamoDBException

from chalicelib.store.connection import code_of

_T = TypeVar("_T")

# Another transaction was at the item, or the partition was too busy for a moment ("Transactions"
# and "Error handling" in DynamoDB's developer guide).
_PASSING = frozenset(
    {
        "TransactionInProgressException",
        "TransactionConflictException",
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
    }
)
# Together less than the seconds a buyer waits; the jitter takes crowds apart.
_PATIENCE_SECONDS = 3.0
_FIRST_PAUSE_SECONDS = 0.01
_LONGEST_PAUSE_SECONDS = 0.4


def is_passing(error: PynamoDBException) -> bool:
    """Tell whether the same call may well succeed a moment later."""
    return code_of(error) in _PASSING


class Patience:
    """One deadline for all calls that somebody waits for together, from now on."""

    __slots__ = ("_deadline",)

    def __init__(self) -> None:
        self._deadline = time.monotonic() + _PATIENCE_SECONDS

    @property
    def is_over(self) -> bool:
        """Whether nobody should begin anew."""
        return time.monotonic() >= self._deadline

    def pauses(self) -> Iterator[float | None]:
        """Yield how long to wait after each failure of a call, with full jitter; None when patience
        is over: a call that begins then is made once.
        """
        ceiling = _FIRST_PAUSE_SECONDS
        while not self.is_over:
            yield random.uniform(0, ceiling)  # noqa: S311 - jitter is no secret
            ceiling = min(ceiling * 2, _LONGEST_PAUSE_SECONDS)
        yield None


def pauses() -> Iterator[float | None]:
    """Yield how long to wait after each failure of a call that is waited for by itself."""
    return Patience().pauses()


def patiently(call: Callable[[], _T], patience: Patience | None = None) -> _T:
    """Make a call to DynamoDB, again while the reason it failed is a passing one. With others that
    are waited for together it shares their patience.

    Raises what the last try raised.
    """
    for pause in (patience or Patience()).pauses():
        try:
            return call()
        except PynamoDBException as error:
            if pause is None or not is_passing(error):
                raise
        time.sleep(pause)
    raise AssertionError("the last pause is None")  # pragma: no cover
