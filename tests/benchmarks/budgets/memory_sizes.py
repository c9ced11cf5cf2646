"""How much memory each function should have, by arithmetic.

Memory buys a share of a processor, so what a function computes costs the same with much memory as
with little, and is done sooner; what it waits costs more with more, and so does what it does in
Lambda's init phase, which has a whole processor whatever the memory. The size is the one at which
money and somebody's waiting come to the least, an hour of waiting taken for `USD_AN_HOUR`: far
below what anybody's hour is worth, so that more memory has to be plainly worth it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.benchmarks.budgets import counts
from tests.benchmarks.budgets.cases import API, AUTHORIZER, FUNCTIONS, TIMER, WEBHOOK
from tests.benchmarks.budgets.durations import (
    FULL_PROCESSOR_MB,
    MB_PER_GB,
    cold_ms,
    duration_ms,
    gb_seconds,
    measured,
    share,
    wait_ms,
)
from tests.benchmarks.budgets.prices import prices
from tests.benchmarks.budgets.usage import COLD, SECONDS_A_MONTH

SIZES: Final = (128, 256, 512, 1024, FULL_PROCESSOR_MB, 3008)
USD_AN_HOUR: Final = 1.0
# A function that comes near its memory is ended by Lambda, so twice what it was seen to use has to
# fit: an import of 4 MB of events, or a long list of orders, is not in what was measured.
_ROOM: Final = 2.0
_MILLION: Final = 1_000_000
# After a sale of which no webhook arrived, the timer should end as many holds in one run, of
# which 210 of its 240 seconds are for work. Each asks Stripe twice.
LOST_HOLDS: Final = 5_000
_RUN_SECONDS: Final = 210


@dataclass(frozen=True, slots=True)
class Mix:
    """What a function does: the cases and their shares, what each was measured as, and who waits
    for it, as a share of its calls.
    """

    cases: Sequence[tuple[float, str, str]]
    somebody_waits: float


MIXES: Final[Mapping[str, Mix]] = {
    API: Mix(
        (
            (0.45, "GET /api/events/{slug}", "GET /api/events/{slug}"),
            (0.30, "GET /api/events", "GET /api/events"),
            (0.20, "GET /api/cities", "GET /api/cities"),
            (0.05, "POST /api/payments/checkout", "POST /api/payments/checkout"),
        ),
        1.0,
    ),
    # A buyer waits for the mail.
    WEBHOOK: Mix(
        ((1.0, "checkout.session.completed (paid)", "checkout.session.completed (paid)"),), 1.0
    ),
    # Nobody waits for a run that finds nothing.
    TIMER: Mix(((1.0, "nothing to do", "nothing to do"),), 0.0),
    AUTHORIZER: Mix(((1.0, "a good token, keys known", "a good token"),), 1.0),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What a size means for a function: milliseconds of a cold and a warm call, and USD for a
    million calls, of which some are cold, without what requests cost; `worth` is that with what
    the waiting is worth.
    """

    memory: int
    cold_ms: float
    warm_ms: float
    usd_a_million: float
    worth: float


def choices(function: str) -> list[Choice]:
    """Return what each size means that is enough for the function."""
    return [_choice(function, size) for size in SIZES if _is_enough(function, size)]


def holds_in_a_run(memory: int) -> int:
    """Return how many holds the timer can end in one run, its threads waiting side by side: as many
    as there is processor's time for.
    """
    times = measured()
    each = (
        times["checkout.session.expired"].warm_ms + 2 * times["POST /api/payments/checkout"].warm_ms
    )
    return int(_RUN_SECONDS * 1000 * share(memory) / each)


def _is_enough(function: str, memory: int) -> bool:
    if function == TIMER and holds_in_a_run(memory) < LOST_HOLDS:
        return False
    return memory >= _ROOM * _peak(function)


def chosen(function: str) -> int:
    """Return the size by the arithmetic."""
    return min(choices(function), key=lambda choice: (choice.worth, choice.memory)).memory


def architectures(function: str, memory: int) -> tuple[float, float]:
    """Return what a million calls cost on arm64 and on x86_64, if both are equally fast."""
    choice = _choice(function, memory)
    arm, other = prices()["lambda_gb_seconds"].usd, prices()["lambda_gb_seconds_x86"].usd
    return choice.usd_a_million, choice.usd_a_million * other / arm


@dataclass(frozen=True, slots=True)
class SnapStart:
    """What SnapStart would cost a function in a month, and save."""

    kept_usd: float
    usd_a_restore: float
    saved_usd_a_start: float


def snapstart(function: str, memory: int, versions: int = 1) -> SnapStart:
    """Return what it would cost to keep the snapshots of so many versions, whoever calls, and what
    a start costs: a snapshot is restored instead of what is computed in the init phase.
    """
    gigabytes = memory / MB_PER_GB
    kept = prices()["snapstart_cached_gb_seconds"].of(gigabytes * SECONDS_A_MONTH * versions)
    init = measured()[MIXES[function].cases[0][2]].init_ms
    saved = prices()["lambda_gb_seconds"].of(gb_seconds(init, memory))
    return SnapStart(kept, prices()["snapstart_restored_gb"].of(gigabytes), saved)


def all_chosen() -> dict[str, int]:
    """Return every function's size."""
    return {function: chosen(function) for function in FUNCTIONS}


def _choice(function: str, memory: int) -> Choice:
    mix = MIXES[function]
    cold = warm = 0.0
    for part, case, processor in mix.cases:
        waited = wait_ms(counts.of(function, case))
        times = measured()[processor]
        cold += part * cold_ms(times, waited, memory)
        warm += part * duration_ms(times.warm_ms, waited, memory)
    average = COLD * cold + (1 - COLD) * warm
    usd = prices()["lambda_gb_seconds"].of(_MILLION * gb_seconds(average, memory))
    hours = mix.somebody_waits * _MILLION * average / 1000 / 3600
    return Choice(memory, cold, warm, usd, usd + hours * USD_AN_HOUR)


def _peak(function: str) -> float:
    return max(measured()[processor].peak_mb for _, _, processor in MIXES[function].cases)
