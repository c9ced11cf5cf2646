"""The store's models fit the tables that `resources.json` declares."""

from typing import Any

import pytest
from pynamodb.attributes import TTLAttribute
from pynamodb.models import Model

from chalicelib.store.models import (
    AuditModel,
    CityModel,
    EventModel,
    IndexEntryModel,
    KeyedRequestModel,
    NewsMarkerModel,
    OrderModel,
)
from infra.tables import TABLE_SETTINGS, declared_tables

MODELS: dict[str, type[Model]] = {
    "EventsTable": EventModel,
    "CitiesTable": CityModel,
    "IndexTable": IndexEntryModel,
    "OrdersTable": OrderModel,
    "AuditTable": AuditModel,
}

Shape = dict[str, Any]


def shape_of_declaration(table: str) -> Shape:
    properties = declared_tables()[table]
    indexes = properties.get("GlobalSecondaryIndexes", ())
    return {
        "attributes": named(properties["AttributeDefinitions"], "AttributeType"),
        "key": named(properties["KeySchema"], "KeyType"),
        "indexes": {
            index["IndexName"]: (named(index["KeySchema"], "KeyType"), projection(index))
            for index in indexes
        },
    }


def shape_of_model(model: type[Model]) -> Shape:
    schema: dict[str, Any] = dict(model._get_schema())
    return {
        "attributes": named(schema["attribute_definitions"], "AttributeType"),
        "key": named(schema["key_schema"], "KeyType"),
        "indexes": {
            index["index_name"]: (named(index["key_schema"], "KeyType"), projection(index))
            for index in schema["global_secondary_indexes"]
        },
    }


def named(definitions: list[dict[str, str]], value: str) -> dict[str, str]:
    return {definition["AttributeName"]: definition[value] for definition in definitions}


def projection(index: dict[str, Any]) -> tuple[str, frozenset[str]]:
    declared = index.get("Projection") or index["projection"]
    return declared["ProjectionType"], frozenset(declared.get("NonKeyAttributes", ()))


@pytest.mark.parametrize("table", MODELS)
def test_a_model_has_the_keys_and_indexes_of_its_table(table: str) -> None:
    assert shape_of_model(MODELS[table]) == shape_of_declaration(table)


@pytest.mark.parametrize("table", MODELS)
def test_an_index_projects_only_attributes_that_the_model_has(table: str) -> None:
    attributes = {item.attr_name for item in MODELS[table].get_attributes().values()}
    for _, (_, projected) in shape_of_declaration(table)["indexes"].values():
        assert projected <= attributes


@pytest.mark.parametrize("model", [KeyedRequestModel, NewsMarkerModel])
def test_what_lives_in_the_orders_table_shares_its_key(model: type[Model]) -> None:
    assert shape_of_model(model)["key"] == shape_of_declaration("OrdersTable")["key"]


@pytest.mark.parametrize("model", [KeyedRequestModel, NewsMarkerModel])
def test_what_is_no_order_is_in_no_list_of_orders(model: type[Model]) -> None:
    ours = {item.attr_name for item in model.get_attributes().values()} - {"id"}
    indexes = shape_of_declaration("OrdersTable")["indexes"].values()
    assert all(not set(key) <= ours for key, _ in indexes)


def test_only_what_the_store_lets_expire_expires() -> None:
    (expiring,) = (
        item.attr_name
        for item in KeyedRequestModel.get_attributes().values()
        if isinstance(item, TTLAttribute)
    )
    times = {
        table: properties.get("TimeToLiveSpecification")
        for table, properties in declared_tables().items()
    }
    assert times == {
        "EventsTable": None,
        "CitiesTable": None,
        "IndexTable": None,
        "OrdersTable": {"AttributeName": expiring, "Enabled": True},
        "AuditTable": None,
    }
    # An order with such an attribute would vanish.
    orders = {item.attr_name for item in OrderModel.get_attributes().values()}
    assert expiring not in orders


def test_every_table_is_known_to_the_functions_and_kept_safe() -> None:
    assert set(TABLE_SETTINGS) == set(MODELS) == set(declared_tables())
    for properties in declared_tables().values():
        assert properties["BillingMode"] == "PAY_PER_REQUEST"
        assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        assert properties["SSESpecification"]["SSEEnabled"]
