"""How the service is. What it needs is asked side by side, each within its time and not again for
some seconds, so that whoever asks for the service's health cannot hurt it by asking.

The database down is `unhealthy`: nothing can be answered. Payments down, or memory running out, is
`degraded`: events can be looked at, and perhaps no ticket be bought.
"""

import threading
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from chalicelib.errors import ConfigurationError

if TYPE_CHECKING:
    from chalicelib.services.ports import AuditLog

# Makes a check and returns for how many seconds it waited; raises where what is checked is down.
# It has to end by itself at some time.
Check = Callable[[], float]
Stopwatch = Callable[[], float]

_LIMIT_SECONDS = 2.0
# Checks that were given up and have still not ended. More of them would be a leak of threads.
_MOST_GIVEN_UP = 3
# Above this share of what Lambda allows, one large request more may end the function.
_MEMORY_RUNS_OUT_PERCENT = 90


class Status(StrEnum):
    """How something is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; `seconds` is how long the answer took, None where there was none."""

    seconds: float | None

    @property
    def status(self) -> Status:
        """Whether what was checked works."""
        return Status.UNHEALTHY if self.seconds is None else Status.HEALTHY


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Memory in bytes: of this process, and the most that it may have (None is not known)."""

    used: int
    limit: int | None

    @property
    def percent(self) -> int | None:
        """The used share, rounded down."""
        return None if self.limit is None else self.used * 100 // self.limit

    @property
    def status(self) -> Status:
        """Whether there is some left."""
        runs_out = self.percent is not None and self.percent >= _MEMORY_RUNS_OUT_PERCENT
        return Status.DEGRADED if runs_out else Status.HEALTHY


@dataclass(frozen=True, slots=True)
class Report:
    """The service as a whole, and each check."""

    database: Finding
    payments: Finding
    memory: MemoryUse

    @property
    def status(self) -> Status:
        """The database decides; anything else that is not as it should be degrades."""
        if self.database.status is not Status.HEALTHY:
            return Status.UNHEALTHY
        others = (self.payments.status, self.memory.status)
        return Status.HEALTHY if set(others) == {Status.HEALTHY} else Status.DEGRADED


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether all is there that a sale needs."""

    database: bool
    external_services: bool

    @property
    def ready(self) -> bool:
        """Whether everything is."""
        return self.database and self.external_services


class _Run:
    """One run of a check: the first to settle it decides, the check itself or who waited for it."""

    def __init__(self, started: float) -> None:
        self.started = started
        self.settled_at: float | None = None
        self.finding = Finding(None)
        self.settled = threading.Event()
        self._lock = threading.Lock()

    def settle(self, finding: Finding, now: float) -> bool:
        """Keep a finding; False where there is one. Who waits is told by `settled`, after that."""
        with self._lock:
            if self.settled_at is not None:
                return False
            self.finding, self.settled_at = finding, now
        return True


class Probe:
    """A check that many may ask for at once: it runs once for all of them, and what it found is
    kept for `keep_seconds`.
    """

    def __init__(
        self, name: str, check: Check, keep_seconds: float, stopwatch: Stopwatch, log: "AuditLog"
    ) -> None:
        self._name = name
        self._check = check
        self._keep_seconds = keep_seconds
        self._stopwatch = stopwatch
        self._log = log
        self._lock = threading.Lock()
        self._last: _Run | None = None
        self._under_way = 0

    def begin(self) -> Callable[[], Finding]:
        """Start the check unless it runs or has just been made; return what waits for it."""
        with self._lock:
            run = self._last
            if run is None or self._is_stale(run):
                run = self._last = _Run(self._stopwatch())
                self._start(run)
        return lambda: self._outcome(run)

    def _is_stale(self, run: _Run) -> bool:
        return (
            run.settled_at is not None and self._stopwatch() - run.settled_at >= self._keep_seconds
        )

    def _start(self, run: _Run) -> None:
        if self._under_way > _MOST_GIVEN_UP:
            self._fail(run, "StillGivenUp")
            return
        self._under_way += 1
        # The line of a check that fails has the id of the request that started it.
        call = copy_context()
        threading.Thread(target=call.run, args=(self._run, run), daemon=True).start()

    def _run(self, run: _Run) -> None:
        try:
            seconds = self._check()
        except ConfigurationError as error:
            # Its text names a setting and never a value.
            self._fail(run, type(error).__name__, reason=str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, it does not work
            self._fail(run, type(error).__name__)
        else:
            run.settle(Finding(seconds), self._stopwatch())
            run.settled.set()
        finally:
            with self._lock:
                self._under_way -= 1

    def _outcome(self, run: _Run) -> Finding:
        left = run.started + _LIMIT_SECONDS - self._stopwatch()
        if not run.settled.wait(max(0.0, left)):
            self._fail(run, "TimeLimit")
        return run.finding

    def _fail(self, run: _Run, kind: str, **more: str) -> None:
        """Settle a run as failed. Why is for the log only: everybody may ask for the health.

        The line comes before the answer, after which Lambda may stop the process.
        """
        try:
            if run.settle(Finding(None), self._stopwatch()):
                self._log.error("health_check_failed", {"check": self._name, "type": kind, **more})
        finally:
            run.settled.set()


class Health:
    """The checks of the service."""

    def __init__(self, database: Probe, payments: Probe, memory: Callable[[], MemoryUse]) -> None:
        self._database = database
        self._payments = payments
        self._memory = memory

    def report(self) -> Report:
        """Tell how the service is."""
        database, payments = self._ask()
        return Report(database, payments, self._memory())

    def readiness(self) -> Readiness:
        """Tell whether tickets can be sold."""
        database, payments = self._ask()
        return Readiness(
            database=database.status is Status.HEALTHY,
            external_services=payments.status is Status.HEALTHY,
        )

    def _ask(self) -> tuple[Finding, Finding]:
        waiting = (self._database.begin(), self._payments.begin())
        database, payments = (wait() for wait in waiting)
        return database, payments
