"""The one connection of all tables."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pynamodb.exceptions import GetError

from chalicelib.domain.event_facts import EventOrder
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import EventStatus
from chalicelib.domain.stock_places import NO_SPREADING, SPREADING, Spreading
from chalicelib.errors import Unavailable
from chalicelib.services.port_types import PageRequest
from chalicelib.settings import StoreSettings
from chalicelib.store import Stores, open_stores
from chalicelib.store.connection import unavailable
from chalicelib.store.models import (
    CityModel,
    EventModel,
    IndexEntryModel,
    KeyedRequestModel,
    MovedCityModel,
    MovedEventModel,
    NewsMarkerModel,
    OrderModel,
)
from tests.support.builders import NOW, a_city, an_event, an_order
from tests.support.tables import MotoTables
from tests.support.traffic import Traffic, refusal

MODELS = [
    EventModel,
    MovedEventModel,
    CityModel,
    MovedCityModel,
    IndexEntryModel,
    OrderModel,
    KeyedRequestModel,
    NewsMarkerModel,
]
HERE = StoreSettings("events", "cities", "index", "orders", "audit")


def test_all_models_share_one_botocore_client(stores: Stores) -> None:
    connections = [stores.events._connection, stores.cities._connection, stores.orders._connection]
    parts = (stores.eraser, stores.keyed_requests, stores.cancellations, stores.news_marker)
    connections += [part._connection for part in parts]
    connections += [model._get_connection().connection for model in MODELS]

    assert len({id(connection) for connection in connections}) == 1
    assert len({id(connection.client) for connection in connections}) == 1


def test_models_are_of_the_tables_that_the_settings_name() -> None:
    expected = ["e-dev", "e-dev", "c-dev", "c-dev", "i-dev", "o-dev", "o-dev", "o-dev"]
    try:
        open_stores(StoreSettings("e-dev", "c-dev", "i-dev", "o-dev", "a-dev"))

        assert [model.Meta.table_name for model in MODELS] == expected
        assert [model._get_connection().table_name for model in MODELS] == expected
    finally:
        open_stores(HERE)


def test_a_store_that_is_opened_again_does_not_go_on_with_the_old_client() -> None:
    first = open_stores(HERE)
    second = open_stores(HERE)

    assert first.events._connection is not second.events._connection
    assert EventModel._get_connection().connection is second.events._connection


@pytest.mark.parametrize(("spreads", "spreading"), [(True, SPREADING), (False, NO_SPREADING)])
def test_whether_stock_is_spread_is_a_setting(spreads: bool, spreading: Spreading) -> None:
    assert open_stores(HERE._replace(spread_stock=spreads))._stock._spreading == spreading


def test_opening_the_store_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")

    stores = open_stores(HERE)

    assert stores.events._connection._client is None


def test_no_table_is_ever_described(tables: MotoTables, traffic: Traffic) -> None:
    tables.stores.cities.create(a_city())
    tables.stores.events.create(an_event())
    tables.stores.orders.place(an_order())
    tables.stores.orders.get(an_order().id)
    record = tables.stores.events.get_by_id(1)
    assert record is not None
    moved = replace(record.described(), slug="moved", updated_at=NOW + timedelta(seconds=1))
    tables.stores.events.replace(record, moved)
    for words in ((), ("tech",)):
        wanted = EventFilter((EventStatus.PUBLISHED,), words=words)
        tables.stores.events.find(
            wanted, EventOrder.PRICE, PageRequest(5, 0, None, descending=True)
        )
    tables.stores.eraser.erase_everything()

    assert "DescribeTable" not in traffic.operations()


def test_time_limits_reach_the_client(stores: Stores) -> None:
    config: Any = stores.events._connection.client.meta.config

    assert (config.connect_timeout, config.read_timeout) == (1.0, 1.5)
    assert config.retries["total_max_attempts"] == 2
    assert config.max_pool_connections == 64


def test_a_read_that_failed_once_is_tried_once_more(
    stores: Stores, traffic: Traffic, no_pauses: list[float]
) -> None:
    traffic.answer("GetItem", refusal("InternalServerError", status=500))

    assert stores.orders.get("01JNTEST0RDER0000000000000") is None
    assert traffic.operations() == ["GetItem", "GetItem"]


def test_a_failure_keeps_its_cause_and_does_not_tell_it() -> None:
    cause = GetError("the table arn:aws:dynamodb:us-east-1:123:table/x")

    failure = unavailable(cause)

    assert isinstance(failure, Unavailable)
    assert failure.__cause__ is cause
    assert "arn" not in str(failure)
    assert failure.retry_after_seconds > 0
