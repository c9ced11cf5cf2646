"""Transactions: tried again while that can help, made once, and their failed conditions named."""

from collections.abc import Iterator

import pytest
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path

from chalicelib.errors import SlugTaken, SlugUnknown, Unavailable
from chalicelib.store import Stores, patience, transactions
from chalicelib.store.models import CityModel, EventModel, IndexEntryModel
from chalicelib.store.transactions import ConditionFailed, Delete, Put, Transaction, Update
from tests.support.builders import a_city, an_event, an_order
from tests.support.fake_time import FakeTime
from tests.support.seeding import seed_city, seed_event
from tests.support.tables import CITIES, EVENTS, INDEX, MotoTables
from tests.support.traffic import Traffic, cancelled, refusal

SENT = "TransactWriteItems"

PASSING_REASONS = [
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
]
PASSING_ERRORS = [
    "TransactionInProgressException",
    "TransactionConflictException",
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
]


@pytest.fixture
def fake_time(monkeypatch: pytest.MonkeyPatch, no_pauses: list[float]) -> FakeTime:
    """Time for our own retries; botocore's pauses cost nothing."""
    time = FakeTime()
    for module in (transactions, patience):
        monkeypatch.setattr(module, "time", time)
    return time


@pytest.mark.parametrize("reason", PASSING_REASONS)
@pytest.mark.parametrize("times", [1, 5])
def test_what_passes_by_itself_is_waited_for_and_the_write_is_made_once(
    stores: Stores,
    tables: MotoTables,
    traffic: Traffic,
    fake_time: FakeTime,
    reason: str,
    times: int,
) -> None:
    traffic.answer(SENT, *(cancelled(reason, "None") for _ in range(times)))

    stores.cities.create(a_city())

    assert traffic.operations() == [SENT] * (times + 1)
    assert len(fake_time.slept) == times
    assert stores.cities.count() == 1
    assert len(tables.scan(CITIES)) == 2


@pytest.mark.parametrize("code", PASSING_ERRORS)
def test_an_error_that_passes_by_itself_is_waited_for_too(
    stores: Stores, traffic: Traffic, fake_time: FakeTime, code: str
) -> None:
    traffic.answer(SENT, *(refusal(code) for _ in range(3)))

    stores.cities.create(a_city())

    assert traffic.operations() == [SENT] * 4
    assert fake_time.slept
    assert stores.cities.count() == 1


def test_a_hold_that_met_others_on_its_way_is_made_exactly_once(
    stores: Stores, tables: MotoTables, traffic: Traffic, fake_time: FakeTime
) -> None:
    seed_city(stores)
    seed_event(stores)
    traffic.answer(SENT, *(cancelled("None", "TransactionConflict") for _ in range(4)))

    stores.orders.place(an_order(quantity=3))

    item = tables.item(EVENTS, "tech-conference")
    assert (item["free"], item["held"]) == ({"N": "97"}, {"N": "3"})


@pytest.mark.parametrize(
    "make",
    [lambda: cancelled("TransactionConflict", "None"), lambda: refusal("ThrottlingException")],
)
def test_what_does_not_pass_is_given_up_on_within_the_patience(
    stores: Stores, tables: MotoTables, traffic: Traffic, fake_time: FakeTime, make: object
) -> None:
    assert callable(make)
    began = fake_time.now
    traffic.refuse(SENT, make)

    with pytest.raises(Unavailable):
        stores.cities.create(a_city())

    waited = fake_time.now - began
    assert waited >= patience._PATIENCE_SECONDS
    assert waited <= patience._PATIENCE_SECONDS + patience._LONGEST_PAUSE_SECONDS
    assert not any(tables.contents().values())


def test_pauses_grow_to_a_limit_and_are_never_the_same_for_all(
    stores: Stores, traffic: Traffic, fake_time: FakeTime
) -> None:
    traffic.refuse(SENT, lambda: cancelled("TransactionConflict"))

    with pytest.raises(Unavailable):
        stores.cities.create(a_city())

    assert max(fake_time.slept) <= patience._LONGEST_PAUSE_SECONDS
    assert fake_time.slept[0] <= patience._FIRST_PAUSE_SECONDS
    assert len(set(fake_time.slept)) == len(fake_time.slept)


@pytest.mark.parametrize(
    "make",
    [
        lambda: refusal("AccessDeniedException"),
        lambda: refusal("ResourceNotFoundException"),
        lambda: refusal("ValidationException"),
        lambda: refusal("IdempotentParameterMismatchException"),
        lambda: cancelled("ValidationError", "None"),
        lambda: cancelled("ItemCollectionSizeLimitExceeded", "None"),
        lambda: cancelled("TransactionConflict", "ValidationError"),
        lambda: cancelled("None", "None"),
        cancelled,
    ],
)
def test_what_no_retry_can_mend_is_told_at_once(
    stores: Stores, traffic: Traffic, fake_time: FakeTime, make: object
) -> None:
    assert callable(make)
    traffic.refuse(SENT, make)

    with pytest.raises(Unavailable) as caught:
        stores.cities.create(a_city())

    assert traffic.operations() == [SENT]
    assert fake_time.slept == []
    assert caught.value.__cause__ is not None


def test_a_server_error_of_dynamodb_is_tried_once_more_by_botocore_and_then_told(
    stores: Stores, traffic: Traffic, fake_time: FakeTime
) -> None:
    traffic.refuse(SENT, lambda: refusal("InternalServerError", status=500))

    with pytest.raises(Unavailable):
        stores.cities.create(a_city())

    assert traffic.operations() == [SENT] * 2
    assert fake_time.slept == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: refusal("InternalServerError", status=500),
        lambda: refusal("TransactionInProgressException"),
        lambda: cancelled("TransactionConflict", "None"),
    ],
)
def test_every_try_carries_one_token_so_that_a_lost_answer_does_not_write_twice(
    stores: Stores, traffic: Traffic, fake_time: FakeTime, make: object
) -> None:
    assert callable(make)
    traffic.answer(SENT, make())

    stores.cities.create(a_city())
    stores.cities.create(a_city(id=2, slug="porto"))

    tokens = [call.body["ClientRequestToken"] for call in traffic.calls]
    assert len(tokens) == 3
    assert tokens[0] == tokens[1] != tokens[2]
    first, second = (call.body["TransactItems"] for call in traffic.calls[:2])
    assert first == second


def one_of_each(stores: Stores) -> Transaction:
    add = [Path("x").add({"N": "1"})]
    return Transaction(
        stores.cities._connection,
        updates=[Update("third", CityModel("b"), add), Update("fourth", EventModel("c"), add)],
        puts=[Put("second", IndexEntryModel("term", "entry"))],
        deletes=[Delete("first", EventModel("a"))],
    )


@pytest.mark.parametrize(
    ("reasons", "labels"),
    [
        (("ConditionalCheckFailed", "None", "None", "None"), {"first"}),
        (("None", "ConditionalCheckFailed", "None", "None"), {"second"}),
        (("None", "None", "ConditionalCheckFailed", "None"), {"third"}),
        (("None", "None", "None", "ConditionalCheckFailed"), {"fourth"}),
        (("ConditionalCheckFailed", "None", "ConditionalCheckFailed"), {"first", "third"}),
        (("ConditionalCheckFailed", "TransactionConflict", "None", "None"), {"first"}),
    ],
)
def test_a_failed_condition_is_named_by_its_write_and_not_tried_again(
    stores: Stores,
    traffic: Traffic,
    fake_time: FakeTime,
    reasons: tuple[str, ...],
    labels: set[str],
) -> None:
    traffic.answer(SENT, cancelled(*reasons))

    with pytest.raises(ConditionFailed) as caught:
        one_of_each(stores).commit()

    assert caught.value.labels == labels
    assert str(caught.value) == ", ".join(sorted(labels))
    assert traffic.operations() == [SENT]


def sent_writes(traffic: Traffic) -> list[tuple[str, str]]:
    (call,) = [call for call in traffic.calls if call.operation == SENT]
    return [
        (kind, write["TableName"])
        for item in call.body["TransactItems"]
        for kind, write in item.items()
    ]


def test_deletes_are_sent_before_puts_and_these_before_updates_since_reasons_come_in_that_order(
    stores: Stores, traffic: Traffic
) -> None:
    one_of_each(stores).commit()

    assert sent_writes(traffic) == [
        ("Delete", EVENTS),
        ("Put", INDEX),
        ("Update", CITIES),
        ("Update", EVENTS),
    ]


def test_a_new_event_and_every_number_that_depends_on_it_are_one_transaction(
    stores: Stores, traffic: Traffic
) -> None:
    seed_city(stores)
    traffic.forget()

    stores.events.create(an_event())

    assert sent_writes(traffic) == [
        ("Put", EVENTS),
        ("Put", INDEX),
        ("Update", CITIES),
        ("Update", EVENTS),
        ("Update", INDEX),
        ("Update", INDEX),
    ]


def test_a_delete_whose_condition_does_not_hold_keeps_its_item_and_undoes_the_rest(
    stores: Stores, tables: MotoTables
) -> None:
    seed_city(stores)
    seed_event(stores)
    before = tables.contents()
    sold: Condition = EventModel.sold > 0
    transaction = Transaction(
        stores.events._connection,
        deletes=[Delete("event", EventModel("tech-conference"), sold)],
        puts=[Put("entry", IndexEntryModel("term", "entry"))],
    )

    with pytest.raises(ConditionFailed) as caught:
        transaction.commit()

    assert caught.value.labels == {"event"}
    assert tables.contents() == before


def test_a_delete_whose_condition_holds_removes_its_item(
    stores: Stores, tables: MotoTables
) -> None:
    seed_city(stores)
    unsold: Condition = EventModel.sold == 0
    delete = Delete("event", EventModel("tech-conference"), unsold)
    seed_event(stores)

    Transaction(stores.events._connection, deletes=[delete]).commit()

    assert tables.item(EVENTS, "tech-conference") == {}


def test_the_name_of_a_real_refusal_is_the_name_of_its_cause(stores: Stores) -> None:
    seed_city(stores)
    seed_event(stores)

    with pytest.raises(SlugTaken) as taken:
        stores.events.create(an_event())
    with pytest.raises(SlugUnknown) as unknown:
        stores.events.create(an_event(slug="another", city_slug="atlantis"))

    assert isinstance(taken.value.__cause__, ConditionFailed)
    assert taken.value.__cause__.labels == {"event"}
    assert isinstance(unknown.value.__cause__, ConditionFailed)
    assert unknown.value.__cause__.labels == {"city"}


def test_patience_ends_with_a_last_try(fake_time: FakeTime) -> None:
    pauses: Iterator[float | None] = patience.pauses()
    assert next(pauses) is not None

    fake_time.now += patience._PATIENCE_SECONDS

    assert list(pauses) == [None]
