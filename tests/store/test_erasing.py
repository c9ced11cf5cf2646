"""Emptying the tables."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.event_facts import EventOrder
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import EventStatus
from chalicelib.errors import Unavailable
from chalicelib.services.port_types import KeyedRequest, NewsMark, PageRequest
from chalicelib.store import Stores
from tests.support.builders import NOW, an_order
from tests.support.seeding import seed_city, seed_event
from tests.support.tables import CITIES, EVENTS, INDEX, ORDERS, MotoTables
from tests.support.traffic import Traffic, refusal, success


def fill(stores: Stores, events: int = 1, description: str = "") -> None:
    seed_city(stores)
    for number in range(events):
        seed_event(stores, f"event-{number}x", description=description)


def count(stores: Stores) -> int:
    page = PageRequest(1, 0, None, descending=False)
    return stores.events.find(EventFilter(tuple(EventStatus)), EventOrder.DATE, page).count


def test_everything_goes_and_only_the_id_counters_stay(stores: Stores, tables: MotoTables) -> None:
    fill(stores, events=3)
    order = an_order(event_slug="event-0x")
    stores.orders.place(order)
    request = KeyedRequest("key-1", "fingerprint", order.id, NOW)
    stores.keyed_requests.begin(request, NOW)
    stores.news_marker.put(NewsMark(NOW))
    cancelled = stores.events.get("event-1x")
    assert cancelled is not None
    later = NOW + timedelta(seconds=1)
    described = replace(cancelled.described(), status=EventStatus.CANCELLED, updated_at=later)
    stores.events.replace(cancelled, described)

    erased = stores.eraser.erase_everything()

    # Three events, a city, an order, an idempotency key and the mark of Stripe's events: what is
    # derived of events, such as words, days and cancellations, is not counted.
    assert erased == 7
    assert tables.scan(ORDERS) == []
    assert tables.scan(INDEX) == []
    assert tables.scan(EVENTS) == [{"slug": {"S": "#totals"}, "lastId": {"N": "3"}}]
    assert tables.scan(CITIES) == [{"slug": {"S": "#totals"}, "lastId": {"N": "1"}}]


def test_counts_begin_at_zero_again_and_ids_do_not(stores: Stores) -> None:
    fill(stores, events=2)

    stores.eraser.erase_everything()

    assert count(stores) == 0
    assert stores.cities.count() == 0
    assert stores.events.next_id() == 3
    assert stores.cities.next_id() == 2


def test_nothing_is_found_by_a_word_of_what_was_erased(stores: Stores) -> None:
    fill(stores, description="Bring a coat.")

    stores.eraser.erase_everything()
    seed_city(stores)
    seed_event(stores, "another")

    wanted = EventFilter((EventStatus.PUBLISHED,), words=("coat",))
    page = PageRequest(10, 0, None, descending=False)
    assert stores.events.find(wanted, EventOrder.DATE, page).count == 0


def test_a_former_slug_goes_with_its_event(stores: Stores, tables: MotoTables) -> None:
    fill(stores)
    before = stores.events.get("event-0x")
    assert before is not None
    moved = replace(before.described(), slug="moved", updated_at=NOW + timedelta(seconds=1))
    stores.events.replace(before, moved)

    stores.eraser.erase_everything()

    assert not any(tables.contents().values())
    assert stores.events.get("event-0x") is None


def test_erasing_nothing_erases_nothing(stores: Stores) -> None:
    assert stores.eraser.erase_everything() == 0
    assert stores.eraser.erase_everything() == 0


@pytest.mark.parametrize("events", [24, 25, 26, 51])
def test_more_than_one_batch_goes_too(
    stores: Stores, tables: MotoTables, traffic: Traffic, events: int
) -> None:
    fill(stores, events)
    traffic.forget()

    assert stores.eraser.erase_everything() == events + 1

    batches = [
        requests
        for call in traffic.calls
        if call.operation == "BatchWriteItem"
        for requests in call.body["RequestItems"].values()
    ]
    assert max(len(requests) for requests in batches) <= 25
    assert not any(tables.contents().values())


def test_a_table_of_more_than_one_answer_goes_whole(
    stores: Stores, tables: MotoTables, traffic: Traffic
) -> None:
    fill(stores, events=9, description="x" * 300_000)
    traffic.forget()

    assert stores.eraser.erase_everything() == 10

    assert traffic.operations().count("Scan") > 3
    assert not any(tables.contents().values())


def test_the_scan_goes_on_where_dynamodb_stopped_even_after_an_empty_answer(
    stores: Stores, tables: MotoTables, traffic: Traffic
) -> None:
    fill(stores)
    stores.orders.place(an_order(event_slug="event-0x"))
    traffic.answer("Scan", success({"Items": [], "LastEvaluatedKey": {"id": {"S": "0"}}}))

    stores.eraser.erase_everything()

    assert tables.scan(ORDERS) == []
    scans = [call.body for call in traffic.calls if call.operation == "Scan"]
    assert scans[1]["ExclusiveStartKey"] == {"id": {"S": "0"}}


def test_the_scan_reads_keys_only_and_sees_every_write(stores: Stores, traffic: Traffic) -> None:
    stores.eraser.erase_everything()

    scans = [call.body for call in traffic.calls if call.operation == "Scan"]
    keys = {ORDERS: {"id"}, EVENTS: {"slug"}, INDEX: {"term", "entry"}, CITIES: {"slug"}}
    assert [scan["TableName"] for scan in scans] == list(keys)
    for scan in scans:
        assert scan["ConsistentRead"] is True
        assert set(scan["ExpressionAttributeNames"].values()) == keys[scan["TableName"]]


def test_what_dynamodb_left_undone_is_sent_again(
    stores: Stores, tables: MotoTables, traffic: Traffic
) -> None:
    fill(stores, events=2)
    traffic.forget()
    left = {EVENTS: [{"DeleteRequest": {"Key": {"slug": {"S": "event-1x"}}}}]}
    # The orders' table is empty and sends no batch: the first one is the events'.
    traffic.answer("BatchWriteItem", success({"UnprocessedItems": left}))

    stores.eraser.erase_everything()

    batches = [call.body for call in traffic.calls if call.operation == "BatchWriteItem"]
    assert batches[1]["RequestItems"] == left
    # The other one was reported as done, so it was not sent again.
    assert {item["slug"]["S"] for item in tables.scan(EVENTS)} == {"event-0x", "#totals"}


@pytest.mark.parametrize("operation", ["Scan", "BatchWriteItem", "UpdateItem"])
def test_a_failure_is_told_and_a_repeat_erases_the_rest(
    stores: Stores, tables: MotoTables, traffic: Traffic, operation: str
) -> None:
    fill(stores, events=2)
    traffic.answer(operation, refusal("AccessDeniedException"))

    with pytest.raises(Unavailable):
        stores.eraser.erase_everything()
    stores.eraser.erase_everything()

    assert not any(tables.contents().values())
    assert count(stores) == 0
    assert stores.cities.count() == 0


def test_the_same_slugs_can_be_used_again(stores: Stores) -> None:
    fill(stores)
    stores.eraser.erase_everything()

    fill(stores)

    assert count(stores) == 1
    event = stores.events.get("event-0x")
    assert event is not None
    assert event.id == 2
