"""Cities in DynamoDB."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.cities import public_city
from chalicelib.domain.events import EventStatus
from chalicelib.errors import SlugTaken, Unavailable
from chalicelib.services.port_types import CityEntry
from chalicelib.store import Stores
from tests.support.builders import NOW, a_city
from tests.support.seeding import seed_city, seed_event
from tests.support.tables import CITIES, INDEX, MotoTables
from tests.support.traffic import Traffic, refusal

LONDON = CityEntry.of(public_city(a_city()), 0)


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
        "name": {"S": "São  Paulo"},
        "publishedEvents": {"N": "0"},
        "draftEvents": {"N": "0"},
        "cancelledEvents": {"N": "0"},
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


def rename(stores: Stores, called: str, **changes: Any) -> None:
    before = stores.cities.get(called, consistent=True)
    assert before is not None
    city = before.described()
    after = {"updated_at": city.updated_at + timedelta(seconds=1), **changes}
    stores.cities.replace(before, replace(city, **after))


@pytest.mark.parametrize("changes", [{"country": "X"}, {"name": "X"}, {"slug": "x"}])
def test_a_change_is_one_transaction(
    stores: Stores, traffic: Traffic, changes: dict[str, str]
) -> None:
    seed_city(stores)
    traffic.forget()

    rename(stores, "london", **changes)

    assert traffic.operations() == ["GetItem", "TransactWriteItems"]


def test_a_city_that_moves_has_the_item_of_a_city_that_was_always_there(
    stores: Stores, tables: MotoTables
) -> None:
    stores.cities.create(a_city(slug="londinium"))
    always = tables.item(CITIES, "londinium")
    tables.empty()
    stores.cities.create(a_city())
    rename(stores, "london", slug="londinium", updated_at=NOW)

    assert tables.item(CITIES, "londinium") == {**always, "formerSlugs": {"S": "london"}}


def test_a_former_slug_keeps_the_numbers_of_its_events_and_where_the_city_is(
    stores: Stores, tables: MotoTables
) -> None:
    seed_city(stores)
    seed_event(stores, status=EventStatus.DRAFT)
    rename(stores, "london", slug="londinium")
    rename(stores, "londinium", slug="lundenwic")

    for slug, drafts in (("london", "1"), ("londinium", "0")):
        assert tables.item(CITIES, slug) == {
            "slug": {"S": slug},
            "movedTo": {"S": "lundenwic"},
            "cityId": {"N": "1"},
            "publishedEvents": {"N": "0"},
            "draftEvents": {"N": drafts},
            "cancelledEvents": {"N": "0"},
        }


def test_a_city_that_comes_back_to_a_slug_leaves_nothing_of_the_way(
    stores: Stores, tables: MotoTables
) -> None:
    seed_city(stores)
    before = tables.item(CITIES, "london")
    rename(stores, "london", slug="londinium")
    rename(stores, "londinium", slug="london", updated_at=NOW)

    assert tables.item(CITIES, "london") == {**before, "formerSlugs": {"S": "londinium"}}


def test_a_former_slug_is_followed_while_the_city_moves_again(
    stores: Stores, traffic: Traffic
) -> None:
    seed_city(stores)
    rename(stores, "london", slug="londinium")
    traffic.first("GetItem", lambda: None)
    traffic.first("GetItem", lambda: rename(stores, "londinium", slug="lundenwic"))

    found = stores.cities.get("london")

    assert found is not None
    assert found.fields()["slug"] == "lundenwic"


def test_slugs_that_lead_in_a_circle_are_given_up(
    stores: Stores, tables: MotoTables, traffic: Traffic
) -> None:
    for slug, to in (("a", "b"), ("b", "a")):
        item = {"slug": {"S": slug}, "movedTo": {"S": to}, "cityId": {"N": "1"}}
        tables.client.put_item(TableName=CITIES, Item=item)

    assert stores.cities.get("a") is None

    assert traffic.operations() == ["GetItem"] * 3


def test_a_delete_is_one_transaction_that_leaves_nothing(
    stores: Stores, tables: MotoTables, traffic: Traffic
) -> None:
    seed_city(stores)
    rename(stores, "london", slug="londinium")
    entry = stores.cities.get("london")
    assert entry is not None
    traffic.forget()

    stores.cities.delete(entry)

    assert traffic.operations() == ["TransactWriteItems"]
    assert [item["slug"]["S"] for item in tables.scan(CITIES)] == ["#totals"]
    assert tables.scan(INDEX) == []
    assert stores.cities.count() == 0


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
        lambda stores: stores.cities.replace(LONDON, a_city(name="Londinium")),
        lambda stores: stores.cities.delete(LONDON),
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
