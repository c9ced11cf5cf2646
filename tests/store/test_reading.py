"""Reading what DynamoDB does not give in one answer: lists beyond the megabyte at which it stops,
and many items by their keys.
"""

from datetime import timedelta
from typing import Any

import pytest
from pynamodb.expressions.condition import Condition

from chalicelib.domain.cities import public_city
from chalicelib.domain.event_facts import EventOrder
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import EventStatus
from chalicelib.errors import Unavailable
from chalicelib.services.port_types import CityEntry, Page, PageRequest
from chalicelib.store import Stores
from chalicelib.store.models import EventModel
from chalicelib.store.reading import RawItem, count_raw, get_many_raw
from tests.support.builders import a_city
from tests.support.seeding import FAR_AHEAD, seed_city, seed_event
from tests.support.tables import EVENTS
from tests.support.traffic import Traffic, refusal, success

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


def listed(stores: Stores, asked: PageRequest) -> Page:
    return stores.events.find(EventFilter(PUBLISHED), EventOrder.DATE, asked).page


def queries(traffic: Traffic) -> list[dict[str, Any]]:
    return [call.body for call in traffic.calls if call.operation == "Query"]


def slugs(items: tuple[str, ...]) -> list[str]:
    return [item.split('"slug":"', 1)[1].split('"', 1)[0] for item in items]


def test_a_page_goes_on_where_dynamodb_stopped(
    stores: Stores, big_events: list[str], traffic: Traffic
) -> None:
    found = listed(stores, page(100))

    assert slugs(found.items) == big_events
    assert found.next_after is None
    # The total, then as many parts of the page as it takes.
    assert traffic.operations() == ["GetItem"] + ["Query"] * len(queries(traffic))
    assert len(queries(traffic)) >= 3
    starts = [body.get("ExclusiveStartKey") for body in queries(traffic)]
    assert starts[0] is None
    assert all(starts[1:])


def test_a_page_that_is_full_asks_for_no_more(
    stores: Stores, big_events: list[str], traffic: Traffic
) -> None:
    found = listed(stores, page(4))

    assert slugs(found.items) == big_events[:4]
    assert found.next_after is not None
    limits = [body["Limit"] for body in queries(traffic)]
    assert limits[0] == 5
    assert all(0 < limit < 5 for limit in limits[1:])


def test_pages_of_big_events_show_each_once(stores: Stores, big_events: list[str]) -> None:
    found: list[str] = []
    after: str | None = None
    while True:
        part = listed(stores, page(4, after=after))
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

    traffic.answer("GetItem", success({"Item": {"published": {"N": "2"}}}))
    traffic.answer(
        "Query",
        success(answer("a", more=True)),
        success({"Items": [], "Count": 0, "LastEvaluatedKey": {"slug": {"S": "b"}}}),
        success(answer("c", more=False)),
    )

    found = listed(stores, page(5))

    assert slugs(found.items) == ["a", "c"]
    assert found.next_after is None
    assert queries(traffic)[2]["ExclusiveStartKey"] == {"slug": {"S": "b"}}


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
    found = listed(stores, page(2, offset=6))

    assert slugs(found.items) == big_events[6:8]
    assert found.next_after is not None


class TestCounting:
    """`count_raw`: how many items there are in a range of an index."""

    EVERY: Condition = EventModel.date_key.between("2000", "2100")

    def count(self, stores: Stores, keys: Condition = EVERY) -> int:
        connection = stores.events._connection
        return count_raw(connection, EVENTS, "facts_by_date", "published", keys)

    def test_what_is_outside_the_range_or_the_partition_is_not_counted(
        self, stores: Stores
    ) -> None:
        seed_city(stores)
        for day in range(3):
            seed_event(stores, f"day-{day}", date=FAR_AHEAD + timedelta(days=day))
        seed_event(stores, "draft", status=EventStatus.DRAFT)

        assert self.count(stores) == 3
        assert self.count(stores, EventModel.date_key.between("2099-06-16", "2099-06-18")) == 2

    def test_nothing_is_none(self, stores: Stores) -> None:
        assert self.count(stores) == 0

    def test_a_count_goes_on_where_dynamodb_stopped_and_sums_up(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        key = {"slug": {"S": "a"}, "status": {"S": "published"}, "dateKey": {"S": "2099"}}
        traffic.answer(
            "Query",
            success({"Count": 4000, "LastEvaluatedKey": key}),
            success({"Count": 0, "LastEvaluatedKey": {**key, "slug": {"S": "b"}}}),
            success({"Count": 17}),
        )

        assert self.count(stores) == 4017

        starts = [body.get("ExclusiveStartKey") for body in queries(traffic)]
        assert starts == [None, key, {**key, "slug": {"S": "b"}}]

    def test_no_item_travels(self, stores: Stores, traffic: Traffic) -> None:
        self.count(stores)

        (body,) = queries(traffic)
        assert body["Select"] == "COUNT"
        assert body["IndexName"] == "facts_by_date"

    def test_a_failure_is_told(self, stores: Stores, traffic: Traffic) -> None:
        traffic.answer("Query", refusal("AccessDeniedException"))

        with pytest.raises(Unavailable):
            self.count(stores)


class TestManyKeys:
    """`get_many_raw`: items by their keys, a hundred in a call."""

    NAMES = ("slug", "public")

    def get(self, stores: Stores, *keys: str, consistent: bool = False) -> list[RawItem]:
        connection = stores.events._connection
        return get_many_raw(connection, EVENTS, keys, self.NAMES, consistent=consistent)

    def asked(self, traffic: Traffic) -> list[list[str]]:
        bodies = [call.body for call in traffic.calls if call.operation == "BatchGetItem"]
        return [
            [key["slug"]["S"] for key in body["RequestItems"][EVENTS]["Keys"]] for body in bodies
        ]

    def left_out(self, *keys: str, found: tuple[str, ...] = ()) -> dict[str, Any]:
        return {
            "Responses": {EVENTS: [{"slug": {"S": key}} for key in found]},
            "UnprocessedKeys": {EVENTS: {"Keys": [{"slug": {"S": key}} for key in keys]}},
        }

    def test_those_that_exist_come_with_the_attributes_that_were_asked_for(
        self, stores: Stores
    ) -> None:
        seed_city(stores)
        for slug in ("first", "second"):
            seed_event(stores, slug)

        found = self.get(stores, "second", "gone", "first")

        assert sorted(item["slug"]["S"] for item in found) == ["first", "second"]
        assert all(set(item) == set(self.NAMES) for item in found)

    def test_whole_items_come_where_no_attribute_is_named(self, stores: Stores) -> None:
        seed_city(stores)
        seed_event(stores)

        (item,) = get_many_raw(
            stores.events._connection, EVENTS, ["tech-conference"], None, consistent=True
        )

        assert {"slug", "public", "facts", "free", "held", "sold"} <= set(item)

    def test_no_key_costs_no_call(self, stores: Stores, traffic: Traffic) -> None:
        assert self.get(stores) == []
        assert traffic.calls == []

    @pytest.mark.parametrize(
        ("keys", "batches"), [(1, [1]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])]
    )
    def test_a_call_takes_a_hundred_keys_at_most(
        self, stores: Stores, traffic: Traffic, keys: int, batches: list[int]
    ) -> None:
        self.get(stores, *(f"key-{number}" for number in range(keys)))

        assert [len(asked) for asked in self.asked(traffic)] == batches

    def test_a_key_that_is_named_twice_is_asked_for_once(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        # DynamoDB refuses a call with the same key twice.
        self.get(stores, "a", "b", "a", "b")

        assert self.asked(traffic) == [["a", "b"]]

    @pytest.mark.parametrize("consistent", [True, False])
    def test_a_read_is_consistent_where_that_was_asked_for(
        self, stores: Stores, traffic: Traffic, consistent: bool
    ) -> None:
        self.get(stores, "a", consistent=consistent)

        (call,) = traffic.calls
        asked = call.body["RequestItems"][EVENTS]
        assert asked.get("ConsistentRead", False) is consistent

    def test_keys_that_were_left_out_are_asked_for_again_and_no_others(
        self, stores: Stores, traffic: Traffic, no_pauses: list[float]
    ) -> None:
        traffic.answer(
            "BatchGetItem",
            success(self.left_out("b", "c", found=("a",))),
            success(self.left_out("c", found=("b",))),
            success({"Responses": {EVENTS: [{"slug": {"S": "c"}}]}, "UnprocessedKeys": {}}),
        )

        found = self.get(stores, "a", "b", "c", consistent=True)

        assert [item["slug"]["S"] for item in found] == ["a", "b", "c"]
        assert self.asked(traffic) == [["a", "b", "c"], ["b", "c"], ["c"]]
        last = traffic.calls[-1].body["RequestItems"][EVENTS]
        assert last["ConsistentRead"] is True
        assert set(last["ExpressionAttributeNames"].values()) == set(self.NAMES)
        assert len(no_pauses) == 2

    def test_a_store_that_leaves_keys_out_for_ever_is_given_up_on(
        self, stores: Stores, traffic: Traffic, no_pauses: list[float]
    ) -> None:
        traffic.refuse("BatchGetItem", lambda: success(self.left_out("a")))

        with pytest.raises(Unavailable, match="too busy right now; try again"):
            self.get(stores, "a")

        assert len(traffic.calls) == 6
        # Nobody waits before the first try or after the last one.
        assert len(no_pauses) == 5
        assert sum(no_pauses) < 3

    def test_a_failure_is_told(self, stores: Stores, traffic: Traffic) -> None:
        traffic.answer("BatchGetItem", refusal("AccessDeniedException"))

        with pytest.raises(Unavailable) as caught:
            self.get(stores, "a")

        assert caught.value.__cause__ is not None
