"""Two stages in one moto for the tests of backups: what is in each, and what an operator does."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.domain.events import EventRecord
from chalicelib.settings import StoreSettings
from chalicelib.store import Stores, open_stores
from chalicelib.store.day_counts import day_of
from chalicelib.store.order_items import read_order
from infra.backup.file_format import RawItem, Reader
from infra.backup.restoring import Outcome, Plan, Restoring, Wishes
from infra.backup.saving import Saved, Saving
from infra.backup.tables import Pace, Tables
from infra.tables import TABLE_SETTINGS, create_tables

NO_PACE = Pace(None)
# The last store that was opened: making one takes longer than most of what is done with it.
_OPENED: dict[int, tuple[dict[str, str], Stores]] = {}
_NEWS_MARKER = "#undelivered-news"


@dataclass(frozen=True)
class OneStage:
    """A stage's tables. `stores` points PynamoDB's models at them, so ask for it when needed."""

    name: str
    client: Any
    names: dict[str, str]

    @property
    def stores(self) -> Stores:
        """The store on these tables, until another stage's is asked for."""
        known = _OPENED.get(id(self.client))
        if known is None or known[0] != self.names:
            settings = {TABLE_SETTINGS[one]: name for one, name in self.names.items()}
            known = (self.names, open_stores(StoreSettings.read(settings)))
            _OPENED.clear()
            _OPENED[id(self.client)] = known
        return known[1]

    @property
    def tables(self) -> Tables:
        return Tables(self.name, self.names, NO_PACE, self.client)

    def items(self, table: str) -> list[RawItem]:
        pages = self.client.get_paginator("scan").paginate(TableName=self.names[table])
        return [item for page in pages for item in page["Items"]]

    def put(self, table: str, item: RawItem) -> None:
        self.client.put_item(TableName=self.names[table], Item=item)

    def change(self, table: str, key: RawItem, **values: dict[str, Any]) -> None:
        """Set attributes of an item behind the store's back."""
        self.client.update_item(
            TableName=self.names[table],
            Key=key,
            AttributeUpdates={name: {"Value": value} for name, value in values.items()},
        )

    def contents(self) -> dict[str, list[str]]:
        """All that is stored, comparable; days without events are no content, nor is how far the
        timer has come, nor what a restore has left in the audit trail.
        """
        return {
            table: sorted(
                json.dumps(item, sort_keys=True)
                for item in self.items(table)
                if item.get("events") != {"N": "0"}
                and item.get("id") != {"S": _NEWS_MARKER}
                and "database_restore" not in item.get("public", {}).get("S", "")
            )
            for table in self.names
        }

    def is_empty(self) -> bool:
        return not any(self.contents().values())

    def empty(self) -> None:
        for table, name in self.names.items():
            schema = self.client.describe_table(TableName=name)["Table"]["KeySchema"]
            keys = [part["AttributeName"] for part in schema]
            for item in self.items(table):
                self.client.delete_item(TableName=name, Key={key: item[key] for key in keys})

    def save(self, path: Path, grace_seconds: float = -2.0) -> Saved:
        return Saving(self.tables, path, grace_seconds).run()

    def plan(self, path: Path, **wishes: bool) -> Plan:
        return Restoring(self.tables, Reader(path), Wishes(**wishes)).plan()

    def restore(self, path: Path, **wishes: bool) -> Outcome:
        restoring = Restoring(self.tables, Reader(path), Wishes(**wishes))
        restoring.plan()
        return restoring.run()


def a_stage(client: Any, name: str, prefix: str = "") -> OneStage:
    """Make a stage's tables."""
    names = {logical_id: f"{prefix}{logical_id}" for logical_id in TABLE_SETTINGS}
    create_tables(client, names)
    return OneStage(name, client, names)


def saved_items(path: Path) -> list[str]:
    """The items of a file, comparable, without what restores have left in the audit trail."""
    lines = (json.dumps(line, sort_keys=True) for line in Reader(path).items())
    return sorted(line for line in lines if "database_restore" not in line)


def assert_adds_up(stage: OneStage) -> None:
    """Check all numbers of a stage that follow from other items, by counting them."""
    orders = [read_order(item) for item in stage.items("OrdersTable") if "quantity" in item]
    events = [item for item in stage.items("EventsTable") if "public" in item]
    for item in events:
        of_event = [order for order in orders if order.event_id == int(item["id"]["N"])]
        free, held, sold = (int(item[name]["N"]) for name in ("free", "held", "sold"))
        assert held == sum(order.seats_held for order in of_event)
        assert sold == sum(order.seats_sold for order in of_event)
        assert free >= 0
        if "capacity" in item:
            assert free + held + sold == int(item["capacity"]["N"])
    days: dict[tuple[str, str], int] = {}
    for item in events:
        status, day = item["status"]["S"], day_of(item["date"]["S"])
        city = json.loads(item["public"]["S"])["citySlug"]
        for term in (f"days#{status}", f"days#{status}#{city}"):
            days[term, day] = days.get((term, day), 0) + 1
    kept = {
        (item["term"]["S"], item["entry"]["S"]): int(item["events"]["N"])
        for item in stage.items("IndexTable")
        if item["term"]["S"].startswith("days#") and item["events"] != {"N": "0"}
    }
    assert kept == days


def stock(stage: OneStage, slug: str) -> tuple[int, int, int]:
    record = stage.stores.events.get(slug, consistent=True)
    assert isinstance(record, EventRecord)
    return record.free, record.held, record.sold
