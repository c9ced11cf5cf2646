"""Read units by DynamoDB's published rules."""

from typing import Any

import pytest

from tests.benchmarks.catalogue.units import item_bytes, read_units


class Store:
    """Answers every request with the same items, and remembers what it was asked."""

    def __init__(self, *items: dict[str, Any]) -> None:
        self._items = list(items)
        self.asked: list[dict[str, Any]] = []

    def send(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(body)
        if operation == "Query":
            return {"Items": self._items}
        if operation == "BatchGetItem":
            (table,) = body["RequestItems"]
            return {"Responses": {table: self._items}}
        return {"Item": self._items[0]} if self._items else {}


def of_bytes(size: int) -> dict[str, Any]:
    """An item of this size."""
    return {"x": {"S": "y" * (size - 1)}}


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({}, 0),
        ({"name": {"S": "Zürich"}}, 4 + 7),
        ({"n": {"N": "7"}}, 1 + 2),
        ({"n": {"N": "1234"}}, 1 + 3),
        ({"n": {"N": "1000000000000"}}, 1 + 2),
        ({"b": {"BOOL": True}}, 1 + 1),
        ({"l": {"L": [{"S": "ab"}]}}, 1 + 3 + 1 + 2),
    ],
)
def test_an_item_weighs_something_else(item: dict[str, Any], size: int) -> None:
    assert item_bytes(item) == size


def test_an_attribute_of_an_unknown_type_weighs_nothing() -> None:
    with pytest.raises(ValueError, match="SS"):
        item_bytes({"s": {"SS": ["a"]}})


@pytest.mark.parametrize(
    ("size", "consistent", "units"),
    [(4096, False, 0.5), (4097, False, 1.0), (4096, True, 1.0), (4097, True, 2.0)],
)
def test_a_get_costs_more_or_less(size: int, consistent: bool, units: float) -> None:
    store = Store(of_bytes(size))

    body = {"TableName": "t", "Key": {"slug": {"S": "a"}}, "ConsistentRead": consistent}

    assert read_units(store.send, "GetItem", body) == units


def test_looking_for_nothing_is_free() -> None:
    assert read_units(Store().send, "GetItem", {"TableName": "t", "Key": {}}) == 0.5


def test_a_query_rounds_each_item_up() -> None:
    store = Store(*(of_bytes(1024) for _ in range(5)))

    assert read_units(store.send, "Query", {"TableName": "t"}) == 1.0


def test_what_a_query_leaves_out_is_not_weighed() -> None:
    store = Store(of_bytes(10))
    body = {
        "TableName": "t",
        "IndexName": "by_date",
        "KeyConditionExpression": "#0 = :0 AND #1 > :1",
        "ProjectionExpression": "#1, #2",
        "ExpressionAttributeNames": {"#0": "status", "#1": "dateKey", "#2": "public"},
        "ExpressionAttributeValues": {":0": {"S": "a"}, ":1": {"S": "b"}},
        "ExclusiveStartKey": {"slug": {"S": "c"}},
        "Limit": 3,
    }

    read_units(store.send, "Query", body)

    (asked,) = store.asked
    assert asked == {
        **{name: value for name, value in body.items() if name != "ProjectionExpression"},
        "ExpressionAttributeNames": {"#0": "status", "#1": "dateKey"},
    }


def test_a_count_costs_nothing() -> None:
    store = Store(of_bytes(5000))

    assert read_units(store.send, "Query", {"TableName": "t", "Select": "COUNT"}) == 1.0
    assert "Select" not in store.asked[0]


def test_a_batch_is_weighed_together() -> None:
    store = Store(of_bytes(10), of_bytes(4097))
    keys = [{"slug": {"S": slug}} for slug in ("a", "b", "gone")]
    body: dict[str, Any] = {"RequestItems": {"t": {"Keys": keys, "ProjectionExpression": "#0"}}}

    assert read_units(store.send, "BatchGetItem", body) == 0.5 + 1.0 + 0.5

    body["RequestItems"]["t"]["ConsistentRead"] = True
    assert read_units(store.send, "BatchGetItem", body) == 1.0 + 2.0 + 1.0
    assert store.asked[0] == {"RequestItems": {"t": {"Keys": keys}}}


def test_a_write_costs_read_units() -> None:
    store = Store()

    assert read_units(store.send, "PutItem", {"TableName": "t"}) == 0.0
    assert store.asked == []
