"""Write units by DynamoDB's published rules, and as an engine counts them."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.orders import OrderStatus
from chalicelib.settings import StoreSettings
from chalicelib.store import Stores, open_stores
from tests.benchmarks.budgets.metering import UnitMeter
from tests.benchmarks.budgets.write_units import Index, Item, Table, Target, targets, written
from tests.support.builders import NOW, a_city, an_event, an_order
from tests.support.dynoxide import EngineMissing, dynoxide_tables

BY_COLOUR = Index("by_colour", ("colour",), frozenset({"id", "colour", "shade"}))
TABLE = Table(("id",), (BY_COLOUR,))


def item(size: int = 100, **attributes: str) -> Item:
    """An item of so many bytes and more, with attributes of an index."""
    return {
        "x": {"S": "y" * (size - 1)},
        **{name: {"S": text} for name, text in attributes.items()},
    }


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [
        (None, item(1024), 1),
        (None, item(1025), 2),
        # The larger of the two counts.
        (item(3000), item(10), 3),
        (item(10), item(3000), 3),
        (item(2000), None, 2),
        # Nothing is deleted, or a condition is asked of nothing.
        (None, None, 1),
    ],
)
@pytest.mark.parametrize("factor", [1, 2])
def test_an_item_costs_more_or_less(
    before: Item | None, after: Item | None, units: int, factor: int
) -> None:
    table = Table(("id",), ())
    assert written(Target("t", {}, factor), table, before, after) == {"t": units * factor}


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [
        (None, item(), 0),
        (None, item(colour="red"), 1),
        (item(colour="red"), item(colour="red"), 0),
        (item(colour="red", other="a"), item(colour="red", other="b"), 0),
        (item(colour="red", shade="dark"), item(colour="red", shade="pale"), 1),
        # It is deleted at one key and put at another.
        (item(colour="red"), item(colour="blue"), 2),
        (item(colour="red"), item(), 1),
        (item(colour="red"), None, 1),
        (item(colour="red", shade="a" * 1500), item(colour="red", shade="b" * 2500), 3),
    ],
)
def test_an_index_entry_costs_more_or_less(
    before: Item | None, after: Item | None, units: int
) -> None:
    # Entries follow a transaction, and cost once.
    found = written(Target("t", {}, 2), TABLE, before, after)
    assert found.get("t/by_colour", 0) == units


def test_an_index_of_everything_costs_less_than_the_item() -> None:
    everything = Table(("id",), (Index("all", ("colour",), None),))
    found = written(Target("t", {}), everything, None, item(3000, colour="red"))
    assert found == {"t": 3, "t/all": 3}


def test_a_write_is_overlooked() -> None:
    key, put = {"id": {"S": "1"}}, {"TableName": "t", "Item": {"id": {"S": "1"}, **item()}}
    known = {"t": TABLE}
    one = [Target("t", key)]
    assert targets("PutItem", put, known) == one
    assert targets("UpdateItem", {"TableName": "t", "Key": key}, known) == one
    assert targets("DeleteItem", {"TableName": "t", "Key": key}, known) == one
    batch = {"RequestItems": {"t": [{"PutRequest": put}, {"DeleteRequest": {"Key": key}}]}}
    assert targets("BatchWriteItem", batch, known) == one * 2
    together: dict[str, Any] = {
        "TransactItems": [{"Put": put}, {"ConditionCheck": {"TableName": "t", "Key": key}}]
    }
    assert targets("TransactWriteItems", together, known) == [Target("t", key, 2)] * 2
    assert targets("Query", {}, known) == []


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    """The store on an engine that counts for itself."""
    try:
        with dynoxide_tables() as url:
            monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
            yield open_stores(StoreSettings("events", "cities", "index", "orders", "audit"))
    except EngineMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


def test_the_rules_and_an_engine_differ(engine: Stores) -> None:
    order = an_order(user_id="user_1")
    paid = replace(
        order, status=OrderStatus.PAID, paid_at=NOW, due_at=None, session_id="cs_1", version=0
    )
    event = an_event(description="<p>long</p>" * 200)

    def rename() -> None:
        record = engine.events.get(event.slug, consistent=True)
        assert record is not None
        engine.events.replace(record, replace(event, name="Tech Congress", price=1))

    steps: list[Callable[[], object]] = [
        lambda: engine.cities.create(a_city()),
        lambda: engine.events.create(event),
        lambda: engine.orders.place(order),
        lambda: engine.orders.replace(order, paid),
        rename,
    ]
    for step in steps:
        meter = UnitMeter(engine.orders._connection)
        with meter.running():
            step()
        assert meter.written.total() == meter.engine_write_units > 0
