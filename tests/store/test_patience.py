"""Failures that pass by themselves: waited for, but not for long, and no others."""

import pytest
from botocore.exceptions import ClientError
from pynamodb.exceptions import GetError, PutError, PynamoDBException

from chalicelib.store import patience
from chalicelib.store.patience import Patience, is_passing, patiently, pauses
from tests.support.fake_time import FakeTime

PASSING = [
    "TransactionInProgressException",
    "TransactionConflictException",
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
]
LASTING = ["ConditionalCheckFailedException", "AccessDeniedException", "ValidationException"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    clock = FakeTime()
    monkeypatch.setattr(patience, "time", clock)
    return clock


def failure(code: str) -> PynamoDBException:
    cause = ClientError({"Error": {"Code": code, "Message": "injected"}}, "PutItem")
    return PutError("could not put", cause=cause)


class Calls:
    """A call that fails so often before it succeeds."""

    def __init__(self, *failures: Exception) -> None:
        self.left = list(failures)
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        if self.left:
            raise self.left.pop(0)
        return "done"


@pytest.mark.parametrize("code", PASSING)
def test_what_passes_by_itself_is_tried_again(clock: FakeTime, code: str) -> None:
    calls = Calls(failure(code), failure(code))
    assert patiently(calls) == "done"
    assert (calls.made, len(clock.slept)) == (3, 2)


@pytest.mark.parametrize("code", LASTING)
def test_what_lasts_is_told_at_once(clock: FakeTime, code: str) -> None:
    calls = Calls(failure(code))
    with pytest.raises(PutError):
        patiently(calls)
    assert (calls.made, clock.slept) == (1, [])


@pytest.mark.parametrize("code", PASSING)
def test_only_codes_of_dynamodb_pass(code: str) -> None:
    assert is_passing(failure(code))
    assert not is_passing(GetError("no answer came"))


def test_another_kind_of_failure_is_told_at_once(clock: FakeTime) -> None:
    calls = Calls(KeyError("unforeseen"))
    with pytest.raises(KeyError):
        patiently(calls)
    assert calls.made == 1


def test_a_call_that_succeeds_is_made_once(clock: FakeTime) -> None:
    calls = Calls()
    assert patiently(calls) == "done"
    assert (calls.made, clock.slept) == (1, [])


def test_patience_ends_and_the_last_failure_is_told(clock: FakeTime) -> None:
    failures = [failure("ThrottlingException") for _ in range(10_000)]
    last = failures[-1]
    with pytest.raises(PutError) as told:
        patiently(Calls(*failures))
    assert told.value is not last
    assert 3.0 <= sum(clock.slept) < 3.5


def test_a_call_that_takes_all_the_time_is_made_once_more_and_not_for_ever(
    clock: FakeTime,
) -> None:
    calls = Calls(*(failure("ThrottlingException") for _ in range(10)))

    def slow() -> str:
        clock.now += 2.0
        return calls()

    with pytest.raises(PutError):
        patiently(slow)
    assert calls.made == 3


def test_calls_that_belong_together_share_their_time(clock: FakeTime) -> None:
    patience = Patience()
    pauses = patience.pauses()
    assert next(pauses) is not None
    clock.now += 2.9
    over = [patience.is_over]
    assert next(pauses) is not None
    assert next(patience.pauses()) is not None
    clock.now = 1003.0
    over.append(patience.is_over)
    assert over == [False, True]
    assert list(pauses) == [None]
    assert [list(patience.pauses()), list(patience.pauses())] == [[None], [None]]


def test_pauses_grow_up_to_a_bound_and_no_two_crowds_wait_alike(
    clock: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, float]] = []

    def longest(low: float, high: float) -> float:
        asked.append((low, high))
        return high

    monkeypatch.setattr("random.uniform", longest)
    for pause in pauses():
        clock.now += pause or 0.0
    ceilings = [high for _, high in asked]
    assert ceilings[:7] == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.4]
    assert set(ceilings[7:]) == {0.4}
    assert {low for low, _ in asked} == {0}
