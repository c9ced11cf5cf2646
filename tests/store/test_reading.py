"""Lists that are longer than the megabyte at which DynamoDB stops an answer."""

from datetime import timedelta

import pytest

from chalicelib.domain.cities import public_city
from chalicelib.domain.events import EventStatus
from chalicelib.services.ports import CityEntry, PageRequest
from chalicelib.store import Stores
from tests.support.builders import a_city
from tests.support.seeding import FAR_AHEAD, seed_city, seed_event
from tests.support.traffic import Traffic, success

BIG = "x" * 300_000
PUBLISHED = (EventStatus.PUBLISHED,)


def page(limit: int, offset: int = 0, after: str | None = None) -> PageRequest:
    return PageRequest(limit, offset, after, descending=False)


@pytest.fixture
def big_events(stores: Stores) -> list[str]:
    """Nine events that together are nearly three answers long."""
    seed_city(stores)
    return [
        seed_event(stores, f"big-{day}", date=FAR_AHEAD + timedelta(days=day), description=BIG).slug
        for day in range(9)
    ]


def slugs(items: tuple[str, ...]) -> list[str]:
    return [item.split('"slug":"', 1)[1].split('"', 1)[0] for item in items]


def test_a_page_goes_on_where_dynamodb_stopped(
    stores: Stores, big_events: list[str], traffic: Traffic
) -> None:
    found = stores.events.list_by_date(PUBLISHED, None, page(100))

    assert slugs(found.items) == big_events
    assert found.next_after is None
    assert traffic.operations() == ["Query"] * len(traffic.calls)
    assert len(traffic.calls) >= 3
    starts = [call.body.get("ExclusiveStartKey") for call in traffic.calls]
    assert starts[0] is None
    assert all(starts[1:])


def test_a_page_that_is_full_asks_for_no_more(
    stores: Stores, big_events: list[str], traffic: Traffic
) -> None:
    found = stores.events.list_by_date(PUBLISHED, None, page(4))

    assert slugs(found.items) == big_events[:4]
    assert found.next_after is not None
    limits = [call.body["Limit"] for call in traffic.calls]
    assert limits[0] == 5
    assert all(0 < limit < 5 for limit in limits[1:])


def test_pages_of_big_events_show_each_once(stores: Stores, big_events: list[str]) -> None:
    found: list[str] = []
    after: str | None = None
    while True:
        part = stores.events.list_by_date(PUBLISHED, None, page(4, after=after))
        found += slugs(part.items)
        after = part.next_after
        if after is None:
            break

    assert found == big_events


def test_a_page_that_ends_where_dynamodb_stopped_is_not_the_last_by_that(
    stores: Stores, traffic: Traffic
) -> None:
    def answer(slug: str, *, more: bool) -> dict[str, object]:
        row = {"public": {"S": f'{{"slug":"{slug}"}}'}, "dateKey": {"S": f"{slug}#1"}}
        key = {"slug": {"S": slug}, "status": {"S": "published"}, "dateKey": row["dateKey"]}
        return {"Items": [row], "Count": 1, **({"LastEvaluatedKey": key} if more else {})}

    traffic.answer(
        "Query",
        success(answer("a", more=True)),
        success({"Items": [], "Count": 0, "LastEvaluatedKey": {"slug": {"S": "b"}}}),
        success(answer("c", more=False)),
    )

    found = stores.events.list_by_date(PUBLISHED, None, page(5))

    assert slugs(found.items) == ["a", "c"]
    assert found.next_after is None
    assert traffic.calls[2].body["ExclusiveStartKey"] == {"slug": {"S": "b"}}


def test_cities_go_on_where_dynamodb_stopped(stores: Stores, traffic: Traffic) -> None:
    def row(slug: str) -> dict[str, object]:
        public = CityEntry.of(public_city(a_city(slug=slug)), 0).public
        return {"public": {"S": public}, "publishedEvents": {"N": "0"}}

    key = {"slug": {"S": "a"}, "kind": {"S": "city"}, "nameKey": {"S": "a"}}
    traffic.answer(
        "Query",
        success({"Items": [row("a")], "LastEvaluatedKey": key}),
        success({"Items": [row("b")]}),
    )

    found = stores.cities.list_by_name(descending=False, stop_after=None)

    assert [entry.fields()["slug"] for entry in found] == ["a", "b"]
    assert "Limit" not in traffic.calls[0].body
    assert traffic.calls[1].body["ExclusiveStartKey"] == key


def test_an_offset_is_passed_over_across_answers(stores: Stores, big_events: list[str]) -> None:
    found = stores.events.list_by_date(PUBLISHED, None, page(2, offset=6))

    assert slugs(found.items) == big_events[6:8]
    assert found.next_after is not None
