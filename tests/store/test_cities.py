"""Cities in DynamoDB."""

import json

import pytest

from chalicelib.errors import SlugTaken, Unavailable
from chalicelib.store import Stores
from tests.support.builders import a_city
from tests.support.seeding import seed_city
from tests.support.tables import CITIES, MotoTables
from tests.support.traffic import Traffic, refusal


def test_an_item_holds_the_public_text_and_what_indexes_need(
    stores: Stores, tables: MotoTables
) -> None:
    stores.cities.create(a_city(id=3, name="São  Paulo", slug="sao-paulo"))

    item = tables.item(CITIES, "sao-paulo")
    public = item.pop("public")
    assert item == {
        "slug": {"S": "sao-paulo"},
        "id": {"N": "3"},
        "kind": {"S": "city"},
        "nameKey": {"S": "sao paulo\t000000000003"},
        "events": {"N": "0"},
        "publishedEvents": {"N": "0"},
    }
    assert json.loads(public["S"])["name"] == "São  Paulo"


def test_a_slug_that_is_taken_changes_neither_the_city_nor_the_count(
    stores: Stores, tables: MotoTables
) -> None:
    stores.cities.create(a_city())
    before = tables.contents()

    with pytest.raises(SlugTaken, match="a city with the slug london exists already"):
        stores.cities.create(a_city(id=2, name="Another"))

    assert tables.contents() == before
    assert stores.cities.count() == 1


def test_a_create_is_one_transaction(stores: Stores, traffic: Traffic) -> None:
    stores.cities.create(a_city())

    assert traffic.operations() == ["TransactWriteItems"]


def test_the_totals_are_no_city_of_the_list(stores: Stores) -> None:
    stores.cities.next_id()
    seed_city(stores)

    assert len(stores.cities.list_by_name(descending=False, stop_after=None)) == 1


def test_a_part_of_the_list_reads_that_part_only(stores: Stores, traffic: Traffic) -> None:
    stores.cities.list_by_name(descending=True, stop_after=7)

    (call,) = traffic.calls
    assert (call.operation, call.body["IndexName"], call.body["Limit"]) == ("Query", "by_name", 7)


def test_a_city_whose_name_begins_anothers_comes_before_it(stores: Stores) -> None:
    for slug in ("york-town", "yorkshire", "york", "york-city"):
        seed_city(stores, slug)

    listed = [
        entry.fields()["slug"]
        for entry in stores.cities.list_by_name(descending=False, stop_after=None)
    ]

    assert listed == ["york", "york-city", "york-town", "yorkshire"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda stores: stores.cities.get("a"),
        lambda stores: stores.cities.count(),
        lambda stores: stores.cities.next_id(),
        lambda stores: stores.cities.list_by_name(descending=False, stop_after=None),
        lambda stores: stores.cities.create(a_city()),
    ],
)
def test_a_failure_of_dynamodb_is_told_as_such(
    stores: Stores, traffic: Traffic, ask: object
) -> None:
    assert callable(ask)
    for operation in ("GetItem", "UpdateItem", "Query", "TransactWriteItems"):
        traffic.refuse(operation, lambda: refusal("AccessDeniedException"))

    with pytest.raises(Unavailable):
        ask(stores)
