"""DynamoDB tables in moto that the tests of a module share: made once, emptied between tests.

Making tables and a botocore client costs a fifth of a second, a test that uses them a few
milliseconds.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from chalicelib.domain.stock_places import SPREADING, Spreading
from chalicelib.settings import StoreSettings
from chalicelib.store import Stores, open_stores
from infra.tables import create_tables

REGION = "us-east-1"
EVENTS, CITIES, INDEX, ORDERS, AUDIT = "events", "cities", "index", "orders", "audit"
ALL = (EVENTS, CITIES, INDEX, ORDERS, AUDIT)
_NAMES = {
    "EventsTable": EVENTS,
    "CitiesTable": CITIES,
    "IndexTable": INDEX,
    "OrdersTable": ORDERS,
    "AuditTable": AUDIT,
}

RawItem = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class MotoTables:
    """The tables, a boto3 client for a test's own look at them, and the store over them."""

    client: Any
    stores: Stores

    def empty(self) -> None:
        """Forget every item, id counters too."""
        for table in ALL:
            _moto_table(table).items.clear()

    def scan(self, table: str) -> list[RawItem]:
        """Return every item of a table, as DynamoDB writes it."""
        pages = self.client.get_paginator("scan").paginate(TableName=table)
        return [item for page in pages for item in page["Items"]]

    def stored(self, table: str) -> list[RawItem]:
        """Return the same without asking the client, for those who look after every step."""
        return [dict(item.to_json()["Attributes"]) for item in _moto_table(table).all_items()]

    def item(self, table: str, key: str) -> RawItem:
        """Return the item of a key; an empty one where there is none."""
        name = "id" if table == ORDERS else "slug"
        answer = self.client.get_item(TableName=table, Key={name: {"S": key}})
        item: RawItem = answer.get("Item", {})
        return item

    def contents(self) -> dict[str, list[str]]:
        """Return all that is stored but the id counters, comparable: a gap in ids is no content."""
        return {table: sorted(self._texts(table)) for table in ALL}

    def _texts(self, table: str) -> Iterator[str]:
        for shown in self.stored(table):
            shown.pop("lastId", None)
            if len(shown) > 1:
                yield json.dumps(shown, sort_keys=True)


def _moto_table(name: str) -> Any:
    """Return moto's own object: asking the client a thousand times would take seconds."""
    return dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables[name]


def _one_at_a_time() -> Callable[..., Any]:
    """Answer requests one after another: moto copies its tables while other threads change them."""
    answer, lock = BotocoreStubber.process_request, threading.Lock()

    def locked(stubber: BotocoreStubber, request: Any) -> Any:
        with lock:
            return answer(stubber, request)

    return locked


@contextmanager
def moto_tables(spreading: Spreading = SPREADING) -> Iterator[MotoTables]:
    """Start moto with the declared tables; `spreading` says whose stock is in several places."""
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        environment.setenv("AWS_DEFAULT_REGION", REGION)
        environment.setenv("AWS_REGION", REGION)
        environment.setattr(BotocoreStubber, "process_request", _one_at_a_time())
        client = boto3.client("dynamodb", region_name=REGION)
        create_tables(client, _NAMES)
        settings = StoreSettings(EVENTS, CITIES, INDEX, ORDERS, AUDIT)
        yield MotoTables(client, open_stores(settings, spreading=spreading))
