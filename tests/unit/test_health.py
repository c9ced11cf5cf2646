"""The health's checks: each once for all who ask, within its time, and whatever it does."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest

from chalicelib.errors import ConfigurationError, Unavailable
from chalicelib.services import health
from chalicelib.services.health import (
    Check,
    Finding,
    Health,
    MemoryUse,
    Probe,
    Readiness,
    Report,
    Status,
)
from tests.support.fakes import RecordingLog

MB = 1024 * 1024
WORKS = Finding(0.004)
DOWN = Finding(None)
ENOUGH = MemoryUse(100 * MB, 1024 * MB)
LITTLE = MemoryUse(922 * MB, 1024 * MB)


class Stopwatch:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Counted:
    """A check that counts how often it is made."""

    def __init__(self, *outcomes: float | Exception) -> None:
        self.made = 0
        self._outcomes = outcomes

    def __call__(self) -> float:
        outcome = self._outcomes[min(self.made, len(self._outcomes) - 1)]
        self.made += 1
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.fixture
def log() -> RecordingLog:
    return RecordingLog()


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have checks be given up after a moment."""
    monkeypatch.setattr(health, "_LIMIT_SECONDS", 0.05)


def a_probe(
    check: Check,
    log: RecordingLog,
    stopwatch: Callable[[], float] = time.monotonic,
    keep: float = 5.0,
) -> Probe:
    return Probe("database", check, keep, stopwatch, log)


@contextmanager
def hanging() -> Iterator[tuple[Check, list[float]]]:
    """A check that does not end before the block does, and when it was begun."""
    begun: list[float] = []
    over = threading.Event()

    def check() -> float:
        begun.append(time.monotonic())
        over.wait(30)
        return 0.001

    try:
        yield check, begun
    finally:
        over.set()


def test_a_check_that_works_tells_how_long_the_answer_took(log: RecordingLog) -> None:
    found = a_probe(Counted(0.012), log).begin()()

    assert (found.status, found.seconds) == (Status.HEALTHY, 0.012)
    assert log.lines == []


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Unavailable("table arn:aws:dynamodb:secret"), {"type": "Unavailable"}),
        (RuntimeError("password=hunter2"), {"type": "RuntimeError"}),
        (
            ConfigurationError("the setting EVENTS_TABLE is missing"),
            {
                "type": "ConfigurationError",
                "reason": "the setting EVENTS_TABLE is missing",
            },
        ),
    ],
)
def test_a_check_that_fails_is_ill_health_and_the_log_has_no_text_that_may_be_secret(
    log: RecordingLog, error: Exception, told: dict[str, str]
) -> None:
    found = a_probe(Counted(error), log).begin()()

    assert (found.status, found.seconds) == (Status.UNHEALTHY, None)
    assert log.lines == [("error", "health_check_failed", {"check": "database", **told})]


def test_what_was_found_is_kept_for_seconds_and_then_looked_at_anew(
    log: RecordingLog, stopwatch: Stopwatch
) -> None:
    check = Counted(0.001, Unavailable("down"), 0.002)
    probe = a_probe(check, log, stopwatch)

    assert probe.begin()().seconds == 0.001
    stopwatch.now += 4.9
    assert probe.begin()().seconds == 0.001
    assert check.made == 1
    stopwatch.now += 0.1
    assert probe.begin()().seconds is None
    stopwatch.now += 4.9
    assert probe.begin()().seconds is None, "a failure is kept as well"
    stopwatch.now += 0.1
    assert probe.begin()().seconds == 0.002
    assert check.made == 3


def test_a_hundred_who_ask_at_once_are_told_by_one_check(log: RecordingLog) -> None:
    check = Counted(0.001)
    gate = threading.Barrier(100)
    found: list[Finding] = []

    def slow() -> float:
        time.sleep(0.05)
        return check()

    probe = a_probe(slow, log)

    def ask() -> None:
        gate.wait(30)
        found.append(probe.begin()())

    crowd = [threading.Thread(target=ask) for _ in range(100)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join(60)

    assert check.made == 1
    assert found == [Finding(0.001)] * 100


@pytest.mark.usefixtures("impatient")
def test_a_check_that_hangs_is_given_up_in_time_and_not_begun_again_at_once(
    log: RecordingLog,
) -> None:
    with hanging() as (check, begun):
        probe = a_probe(check, log)

        # It goes on until this block ends.
        assert probe.begin()() == DOWN
        assert probe.begin()() == DOWN

        assert len(begun) == 1
    assert log.lines == [
        ("error", "health_check_failed", {"check": "database", "type": "TimeLimit"})
    ]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("late", [Counted(0.001), Counted(Unavailable("late"))])
def test_what_comes_of_a_check_after_it_was_given_up_changes_nothing(
    log: RecordingLog, late: Counted
) -> None:
    with hanging() as (check, _):
        probe = a_probe(lambda: check() and late(), log)
        wait = probe.begin()
        assert wait() == DOWN
    deadline = time.monotonic() + 60
    while probe._under_way and time.monotonic() < deadline:
        time.sleep(0.01)

    assert (probe._under_way, late.made) == (0, 1)
    assert wait() == DOWN
    assert [line[2]["type"] for line in log.lines] == ["TimeLimit"]


@pytest.mark.usefixtures("impatient")
def test_checks_that_never_end_do_not_pile_up(log: RecordingLog) -> None:
    with hanging() as (check, begun):
        probe = a_probe(check, log, keep=0.0)

        found = [probe.begin()() for _ in range(20)]

        assert found == [DOWN] * 20
        assert len(begun) == health._MOST_GIVEN_UP + 1
    assert {line[2]["type"] for line in log.lines} == {"TimeLimit", "StillGivenUp"}


def test_checks_are_made_side_by_side(log: RecordingLog) -> None:
    both = threading.Barrier(2, timeout=60)

    def meets_the_other() -> float:
        both.wait()
        return 0.001

    service = Health(
        a_probe(meets_the_other, log), a_probe(meets_the_other, log), memory=lambda: ENOUGH
    )

    assert service.report() == Report(Finding(0.001), Finding(0.001), ENOUGH)


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (Report(WORKS, WORKS, ENOUGH), Status.HEALTHY),
        (Report(WORKS, DOWN, ENOUGH), Status.DEGRADED),
        (Report(WORKS, WORKS, LITTLE), Status.DEGRADED),
        (Report(DOWN, WORKS, ENOUGH), Status.UNHEALTHY),
        (Report(DOWN, DOWN, LITTLE), Status.UNHEALTHY),
    ],
)
def test_the_database_decides_and_the_rest_degrades(report: Report, expected: Status) -> None:
    assert report.status is expected


@pytest.mark.parametrize(
    ("use", "percent", "status"),
    [
        (MemoryUse(921 * MB, 1024 * MB), 89, Status.HEALTHY),
        (LITTLE, 90, Status.DEGRADED),
        (MemoryUse(2048 * MB, 1024 * MB), 200, Status.DEGRADED),
        (MemoryUse(100 * MB, None), None, Status.HEALTHY),
    ],
)
def test_memory_is_scarce_from_nine_tenths_on(
    use: MemoryUse, percent: int | None, status: Status
) -> None:
    assert (use.percent, use.status) == (percent, status)


@pytest.mark.parametrize(
    ("database", "payments", "ready"),
    [
        (Counted(0.1), Counted(0.1), True),
        (Counted(0.1), Counted(Unavailable("x")), False),
        (Counted(Unavailable("x")), Counted(0.1), False),
    ],
)
def test_who_lacks_anything_that_a_sale_needs_is_not_ready(
    log: RecordingLog, database: Counted, payments: Counted, ready: bool
) -> None:
    service = Health(a_probe(database, log), a_probe(payments, log), memory=lambda: ENOUGH)

    found = service.readiness()

    assert found.ready is ready
    assert isinstance(found, Readiness)


def test_why_a_check_failed_is_written_before_anybody_is_answered() -> None:
    class SlowLog(RecordingLog):
        def error(self, problem: str, fields: Mapping[str, object]) -> None:
            time.sleep(0.1)
            super().error(problem, fields)

    # Lambda may stop the process with the answer.
    log = SlowLog()
    assert a_probe(Counted(Unavailable("no")), log).begin()() == DOWN
    assert [line[1] for line in log.lines] == ["health_check_failed"]
