"""Writing many items: 25 in a call, what was left out once more, and no longer than that helps."""

from typing import Any

import pytest

from chalicelib.errors import Unavailable
from chalicelib.store import Stores
from chalicelib.store.writing import write_many
from tests.support.tables import INDEX, MotoTables
from tests.support.traffic import Traffic, refusal, success

SENT = "BatchWriteItem"


def entry(name: str, **more: str) -> dict[str, Any]:
    return {"term": "t", "entry": name, **more}


def write(
    stores: Stores, puts: list[dict[str, Any]], deletes: list[dict[str, Any]] | None = None
) -> None:
    write_many(stores.events._connection, INDEX, puts, deletes or [])


def names(tables: MotoTables) -> list[str]:
    return sorted(item["entry"]["S"] for item in tables.scan(INDEX))


def put_request(name: str) -> dict[str, Any]:
    return {"PutRequest": {"Item": {"term": {"S": "t"}, "entry": {"S": name}}}}


def delete_request(name: str) -> dict[str, Any]:
    return {"DeleteRequest": {"Key": {"term": {"S": "t"}, "entry": {"S": name}}}}


def sent(traffic: Traffic) -> list[list[dict[str, Any]]]:
    return [call.body["RequestItems"][INDEX] for call in traffic.calls]


def left_out(*requests: dict[str, Any]) -> dict[str, Any]:
    return {"UnprocessedItems": {INDEX: list(requests)}}


def test_items_are_put_and_keys_deleted_in_one_call(
    stores: Stores, tables: MotoTables, traffic: Traffic
) -> None:
    write(stores, [entry("a"), entry("b")])
    traffic.forget()

    write(stores, [entry("c", facts="x")], [entry("a"), entry("never-there")])

    assert traffic.operations() == [SENT]
    assert sorted(tables.scan(INDEX), key=lambda item: item["entry"]["S"]) == [
        {"term": {"S": "t"}, "entry": {"S": "b"}},
        {"term": {"S": "t"}, "entry": {"S": "c"}, "facts": {"S": "x"}},
    ]


def test_an_item_that_is_there_is_written_over(stores: Stores, tables: MotoTables) -> None:
    write(stores, [entry("a", facts="old")])

    write(stores, [entry("a", facts="new")])

    assert [item["facts"] for item in tables.scan(INDEX)] == [{"S": "new"}]


def test_what_was_left_out_is_sent_again_and_nothing_else(
    stores: Stores, tables: MotoTables, traffic: Traffic, no_pauses: list[float]
) -> None:
    traffic.answer(
        SENT,
        success(left_out(put_request("b"), delete_request("c"))),
        success(left_out(delete_request("c"))),
    )

    write(stores, [entry("a"), entry("b")], [entry("c")])

    assert sent(traffic) == [
        [put_request("a"), put_request("b"), delete_request("c")],
        [put_request("b"), delete_request("c")],
        [delete_request("c")],
    ]
    assert len(no_pauses) == 2


def test_pauses_grow(stores: Stores, traffic: Traffic, no_pauses: list[float]) -> None:
    traffic.refuse(SENT, lambda: success(left_out(put_request("a"))))

    with pytest.raises(Unavailable):
        write(stores, [entry("a")])

    ceilings = [min(0.05 * 2**attempt, 0.8) for attempt in range(1, 8)]
    assert len(no_pauses) == len(ceilings)
    assert all(pause <= ceiling for pause, ceiling in zip(no_pauses, ceilings, strict=True))


def test_a_store_that_leaves_items_out_for_ever_is_given_up_on(
    stores: Stores, tables: MotoTables, traffic: Traffic, no_pauses: list[float]
) -> None:
    traffic.refuse(SENT, lambda: success(left_out(put_request("a"))))

    with pytest.raises(Unavailable, match="too busy right now; try again"):
        write(stores, [entry("a")])

    assert traffic.operations() == [SENT] * 8
    assert names(tables) == []


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_a_failure_is_told_at_once_and_does_not_name_the_table(
    stores: Stores, traffic: Traffic, no_pauses: list[float], code: str
) -> None:
    traffic.answer(SENT, refusal(code))

    with pytest.raises(Unavailable) as caught:
        write(stores, [entry("a")])

    assert traffic.operations() == [SENT]
    assert caught.value.__cause__ is not None
    assert code not in str(caught.value)


def test_a_throttled_call_is_tried_once_more_by_botocore(
    stores: Stores, tables: MotoTables, traffic: Traffic, no_pauses: list[float]
) -> None:
    traffic.answer(SENT, refusal("ProvisionedThroughputExceededException"))

    write(stores, [entry("a")])

    assert traffic.operations() == [SENT] * 2
    assert names(tables) == ["a"]
