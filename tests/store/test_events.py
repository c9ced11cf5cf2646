"""Events in DynamoDB: what is written, and what a failure to write leaves behind."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pynamodb.exceptions import PynamoDBException

from chalicelib.domain.event_facts import EventFacts, EventOrder
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import UNLIMITED_SEATS, EventStatus, new_record, public_event
from chalicelib.errors import SlugTaken, SlugUnknown, Unavailable
from chalicelib.services.port_types import PageRequest
from chalicelib.store import Stores
from chalicelib.store.models import EventModel
from tests.support.builders import NOW, an_event, an_order
from tests.support.seeding import seed_city, seed_event
from tests.support.tables import CITIES, EVENTS, INDEX, MotoTables
from tests.support.traffic import Traffic, refusal, success

PAGE = PageRequest(limit=10, offset=0, after=None, descending=True)
ALL, PUBLISHED = tuple(EventStatus), (EventStatus.PUBLISHED,)
UPCOMING = EventFilter(PUBLISHED, since=NOW)
CHEAP = EventFilter(PUBLISHED, max_price=Decimal(20))


@pytest.fixture(autouse=True)
def _london(tables: MotoTables) -> None:
    seed_city(tables.stores)


def change(stores: Stores, known_as: str, **changes: Any) -> None:
    """Describe an event anew, as the editor does: `updatedAt` moves."""
    before = stores.events.get(known_as, consistent=True)
    assert before is not None
    described = before.described()
    later = described.updated_at + timedelta(seconds=1)
    stores.events.replace(before, replace(described, updated_at=later, **changes))


def stock(tables: MotoTables, slug: str = "tech-conference") -> tuple[int, int, int]:
    item = tables.item(EVENTS, slug)
    free, held, sold = (int(item[name]["N"]) for name in ("free", "held", "sold"))
    return free, held, sold


def totals(tables: MotoTables, table: str = EVENTS) -> dict[str, str]:
    item = tables.item(table, "#totals")
    return {name: value["N"] for name, value in item.items() if name not in {"slug", "lastId"}}


def test_an_item_holds_the_public_text_and_what_conditions_and_indexes_need(
    stores: Stores, tables: MotoTables
) -> None:
    event = an_event(
        id=7,
        name="Été à  Zürich",
        date=datetime(2027, 6, 15, 9, tzinfo=UTC),
        created_at=NOW,
        updated_at=NOW,
        price=14999,
    )

    stores.events.create(event)

    tail = "#000000000007"
    assert tables.item(EVENTS, "tech-conference") == {
        "slug": {"S": "tech-conference"},
        "id": {"N": "7"},
        "status": {"S": "published"},
        "statusCity": {"S": "published#london"},
        "dateKey": {"S": f"2027-06-15T09:00:00.000Z{tail}"},
        "nameKey": {"S": f"ete a zurich\t{tail}"},
        "priceKey": {"S": f"00000000149990{tail}"},
        "cityKey": {"S": f"london\t2027-06-15T09:00:00.000Z{tail}"},
        "createdKey": {"S": f"2027-03-01T12:00:00.000Z{tail}"},
        "updatedKey": {"S": f"2027-03-01T12:00:00.000Z{tail}"},
        "public": {"S": public_event(event)},
        "facts": {"S": EventFacts.of(event).text()},
        "date": {"S": "2027-06-15T09:00:00.000Z"},
        "price": {"N": "14999"},
        "currency": {"S": "usd"},
        "capacity": {"N": "100"},
        "free": {"N": "100"},
        "held": {"N": "0"},
        "sold": {"N": "0"},
    }


def test_an_event_without_a_capacity_has_a_stock_that_never_ends(
    stores: Stores, tables: MotoTables
) -> None:
    stores.events.create(an_event(capacity=None))

    item = tables.item(EVENTS, "tech-conference")
    assert "capacity" not in item
    assert item["free"] == {"N": str(UNLIMITED_SEATS)}


@pytest.mark.parametrize("status", list(EventStatus))
def test_an_event_is_counted_by_its_status_in_all_in_its_city_and_on_its_day(
    stores: Stores, tables: MotoTables, status: EventStatus
) -> None:
    stores.events.create(an_event(status=status))

    assert totals(tables) == {status.value: "1"}
    assert in_city(tables) == {**NONE, f"{status.value}Events": 1}
    assert on_days(tables) == {
        (f"days#{status.value}", "2027-03-31"): 1,
        (f"days#{status.value}#london", "2027-03-31"): 1,
    }


NONE = {"publishedEvents": 0, "draftEvents": 0, "cancelledEvents": 0}


def in_city(tables: MotoTables, slug: str = "london") -> dict[str, int]:
    item = tables.item(CITIES, slug)
    return {name: int(item[name]["N"]) for name in NONE}


def on_days(tables: MotoTables) -> dict[tuple[str, str], int]:
    """Return the numbers of days that are not zero."""
    rows = [item for item in tables.scan(INDEX) if item["term"]["S"].startswith("days#")]
    numbers = {(row["term"]["S"], row["entry"]["S"]): int(row["events"]["N"]) for row in rows}
    return {place: number for place, number in numbers.items() if number}


def test_a_slug_that_is_taken_changes_neither_the_event_nor_a_count(
    stores: Stores, tables: MotoTables
) -> None:
    stores.events.create(an_event())
    before = tables.contents()

    with pytest.raises(SlugTaken, match="an event with the slug tech-conference exists already"):
        stores.events.create(an_event(id=2, name="Another", status=EventStatus.DRAFT))

    assert tables.contents() == before


def test_a_city_that_does_not_exist_gets_no_event_and_is_not_made_by_it(
    stores: Stores, tables: MotoTables
) -> None:
    before = tables.contents()

    with pytest.raises(SlugUnknown):
        stores.events.create(an_event(city_slug="atlantis"))

    assert tables.contents() == before


def test_where_both_are_wrong_the_slug_is_told(stores: Stores) -> None:
    stores.events.create(an_event())

    with pytest.raises(SlugTaken):
        stores.events.create(an_event(city_slug="atlantis"))


def test_a_citys_former_name_is_taken_by_no_event(stores: Stores, tables: MotoTables) -> None:
    before = tables.contents()

    with pytest.raises(SlugUnknown):
        stores.events.create(an_event(city="Londinium"))

    assert tables.contents() == before


@pytest.mark.parametrize("words", [(), ("tech",)])
def test_the_totals_are_no_event_of_any_list(stores: Stores, words: tuple[str, ...]) -> None:
    stores.events.next_id()
    seed_event(stores)

    found = stores.events.find(EventFilter(ALL, words), EventOrder.DATE, PAGE)

    assert (found.count, len(found.page.items)) == (1, 1)


@pytest.mark.parametrize("consistent", [True, False])
def test_an_event_that_moves_while_it_is_looked_for_is_found(
    stores: Stores, traffic: Traffic, consistent: bool
) -> None:
    stores.events.create(an_event())
    change(stores, "tech-conference", slug="congress")
    traffic.first("GetItem", lambda: None)
    traffic.first("GetItem", lambda: change(stores, "congress", slug="convention"))

    record = stores.events.get("tech-conference", consistent=consistent)

    assert record is not None
    assert record.slug == "convention"


def test_what_is_no_event_is_not_looked_for_without_end(stores: Stores, traffic: Traffic) -> None:
    stores.events.next_id()
    traffic.forget()

    assert stores.events.get("#totals") is None
    assert len(traffic.calls) <= 3


@pytest.mark.parametrize("consistent", [True, False])
def test_a_read_is_consistent_where_that_was_asked_for(
    stores: Stores, traffic: Traffic, consistent: bool
) -> None:
    stores.events.get("tech-conference", consistent=consistent)

    (call,) = traffic.calls
    assert call.operation == "GetItem"
    assert call.body.get("ConsistentRead", False) is consistent


TRANSACT, WORDS, UNMARK = "TransactWriteItems", "BatchWriteItem", "DeleteItem"


def test_a_create_is_one_transaction_and_then_its_words(stores: Stores, traffic: Traffic) -> None:
    stores.events.create(an_event())

    assert traffic.operations() == [TRANSACT, WORDS, UNMARK]
    writes = [next(iter(item)) for item in traffic.calls[0].body["TransactItems"]]
    # The event and the mark; the city, the total and two numbers of the day.
    assert writes == ["Put", "Put", "Update", "Update", "Update", "Update"]


def test_many_words_are_written_25_in_a_call(stores: Stores, traffic: Traffic) -> None:
    words = " ".join(f"word{number}" for number in range(60))

    stores.events.create(an_event(description=words))

    batches = [
        len(call.body["RequestItems"][INDEX]) for call in traffic.calls if call.operation == WORDS
    ]
    assert max(batches) == 25
    assert sum(batches) > 60
    assert traffic.operations() == [TRANSACT, *[WORDS] * len(batches), UNMARK]


def test_a_change_where_the_slug_stays_changes_the_item_in_place(
    stores: Stores, traffic: Traffic
) -> None:
    stores.events.create(an_event())
    traffic.forget()

    change(stores, "tech-conference", name="Tech Congress")

    # The words that were its own are written with the new facts, then the gone ones are deleted.
    read, transact, *rest = traffic.calls
    assert (read.operation, transact.operation) == ("GetItem", TRANSACT)
    assert [call.operation for call in rest] == [WORDS, WORDS, UNMARK]
    # The mark and the event: no number of anything has changed.
    assert [next(iter(item)) for item in transact.body["TransactItems"]] == ["Put", "Update"]


def test_a_change_of_the_slug_stores_the_item_anew_and_leaves_the_way_there(
    stores: Stores, tables: MotoTables, traffic: Traffic
) -> None:
    stores.events.create(an_event())
    traffic.forget()

    change(stores, "tech-conference", slug="congress")

    writes = [next(iter(item)) for item in traffic.calls[1].body["TransactItems"]]
    assert writes == ["Put", "Put", "Put"]
    assert tables.item(EVENTS, "tech-conference") == {
        "slug": {"S": "tech-conference"},
        "movedTo": {"S": "congress"},
        "eventId": {"N": "1"},
    }
    assert tables.item(EVENTS, "congress")["formerSlugs"] == {"S": "tech-conference"}


def test_what_stands_under_a_former_slug_is_in_no_index(stores: Stores, tables: MotoTables) -> None:
    stores.events.create(an_event())
    change(stores, "tech-conference", slug="congress")

    model: Any = EventModel
    for name in model._indexes:
        index = tables.client.scan(TableName=EVENTS, IndexName=name)["Items"]
        assert [item["slug"]["S"] for item in index] == ["congress"], name


def test_the_eleventh_former_slug_is_given_up_and_free_again(
    stores: Stores, tables: MotoTables
) -> None:
    stores.events.create(an_event())
    for number in range(1, 12):
        change(
            stores, f"name-{number - 1}" if number > 1 else "tech-conference", slug=f"name-{number}"
        )

    kept = [f"name-{number}" for number in range(10, 0, -1)]
    assert tables.item(EVENTS, "name-11")["formerSlugs"]["S"].split() == kept
    assert tables.item(EVENTS, "tech-conference") == {}
    for slug in kept:
        assert tables.item(EVENTS, slug)["movedTo"] == {"S": "name-11"}
    assert stores.events.get("tech-conference") is None
    stores.events.create(an_event(id=2))


def test_an_event_may_have_its_former_slug_back(stores: Stores, tables: MotoTables) -> None:
    stores.events.create(an_event())
    change(stores, "tech-conference", slug="congress")

    change(stores, "congress", slug="tech-conference")

    assert tables.item(EVENTS, "tech-conference")["formerSlugs"] == {"S": "congress"}
    assert tables.item(EVENTS, "congress")["movedTo"] == {"S": "tech-conference"}
    assert len(tables.scan(EVENTS)) == 3


def test_a_new_capacity_changes_the_free_seats_by_the_difference(
    stores: Stores, tables: MotoTables
) -> None:
    stores.events.create(an_event())
    stores.orders.place(an_order(quantity=3))

    change(stores, "tech-conference", capacity=10)
    assert stock(tables) == (7, 3, 0)
    change(stores, "tech-conference", capacity=None)
    assert stock(tables) == (UNLIMITED_SEATS - 3, 3, 0)
    assert "capacity" not in tables.item(EVENTS, "tech-conference")
    change(stores, "tech-conference", capacity=3, slug="congress")
    assert stock(tables, "congress") == (0, 3, 0)


def test_a_change_moves_the_event_from_one_number_to_another(
    stores: Stores, tables: MotoTables
) -> None:
    seed_city(stores, "porto")
    stores.events.create(an_event())

    change(
        stores,
        "tech-conference",
        city="Porto",
        city_slug="porto",
        status=EventStatus.DRAFT,
        date=NOW + timedelta(days=31),
    )

    assert totals(tables) == {"published": "0", "draft": "1"}
    assert in_city(tables) == NONE
    assert in_city(tables, "porto") == {**NONE, "draftEvents": 1}
    assert on_days(tables) == {
        ("days#draft", "2027-04-01"): 1,
        ("days#draft#porto", "2027-04-01"): 1,
    }


@pytest.mark.parametrize("former", [0, 2])
def test_a_deleted_event_leaves_nothing_but_zeros(
    stores: Stores, tables: MotoTables, former: int
) -> None:
    before = tables.contents()
    stores.events.create(an_event())
    for number in range(former):
        change(stores, "tech-conference", slug=f"name-{number}")

    record = stores.events.get("tech-conference", consistent=True)
    assert record is not None
    stores.events.delete(record)

    assert totals(tables) == {"published": "0"}
    assert in_city(tables) == NONE
    assert on_days(tables) == {}
    assert [item["slug"]["S"] for item in tables.scan(EVENTS)] == ["#totals"]
    assert [item for item in tables.scan(INDEX) if not item["term"]["S"].startswith("days#")] == []
    assert tables.contents()["cities"] == before["cities"]


def test_an_id_leads_to_the_event_by_an_index_and_then_as_it_is_now(
    stores: Stores, traffic: Traffic
) -> None:
    stores.events.create(an_event(id=7))
    change(stores, "tech-conference", slug="congress")
    traffic.forget()

    record = stores.events.get_by_id(7)

    assert record is not None
    assert record.slug == "congress"
    assert traffic.operations() == ["Query", "GetItem"]
    assert traffic.calls[0].body["IndexName"] == "by_id"
    assert traffic.calls[1].body["ConsistentRead"] is True


@pytest.mark.parametrize(("event_id", "calls"), [(8, ["Query"] * 3), (10**12, []), (10**40, [])])
def test_an_id_of_no_event_leads_to_none(
    stores: Stores,
    traffic: Traffic,
    no_pauses: list[float],
    event_id: int,
    calls: list[str],
) -> None:
    stores.events.create(an_event(id=7))
    traffic.forget()

    assert stores.events.get_by_id(event_id) is None
    assert traffic.operations() == calls


@pytest.mark.parametrize("consistent", [True, False])
def test_a_former_slug_leads_to_the_event_in_one_more_read(
    stores: Stores, traffic: Traffic, consistent: bool
) -> None:
    stores.events.create(an_event())
    change(stores, "tech-conference", slug="congress")
    change(stores, "congress", slug="convention")
    traffic.forget()

    record = stores.events.get("tech-conference", consistent=consistent)

    assert record is not None
    assert (record.slug, record.former_slugs) == ("convention", ("congress", "tech-conference"))
    assert traffic.operations() == ["GetItem"] * 2
    for call in traffic.calls:
        assert call.body.get("ConsistentRead", False) is consistent


INDEXES = {
    EventOrder.DATE: "by_date",
    EventOrder.NAME: "by_name",
    EventOrder.PRICE: "by_price",
    EventOrder.CITY: "by_city",
    EventOrder.CREATED_AT: "by_created",
    EventOrder.UPDATED_AT: "by_updated",
}


@pytest.mark.parametrize("order", list(EventOrder))
@pytest.mark.parametrize("statuses", [(EventStatus.PUBLISHED,), ALL])
def test_a_page_is_the_total_and_one_query_a_status_of_the_orders_index(
    stores: Stores, traffic: Traffic, statuses: tuple[EventStatus, ...], order: EventOrder
) -> None:
    for number in range(3):
        seed_event(stores, f"event-{number}x")
    traffic.forget()
    first = stores.events.find(EventFilter(statuses), order, PAGE._replace(limit=2))
    after = PageRequest(2, 0, first.page.next_after, descending=True)
    second = stores.events.find(EventFilter(statuses), order, after)

    assert (len(first.page.items), len(second.page.items)) == (2, 1)
    assert traffic.operations() == ["GetItem", *["Query"] * len(statuses)] * 2
    asked = [call.body for call in traffic.calls if call.operation == "Query"]
    assert {body["IndexName"] for body in asked} == {INDEXES[order]}
    assert {body["ScanIndexForward"] for body in asked} == {False}
    # One more than the page, to know whether there is more; after a cursor also the entry it names.
    assert [body["Limit"] for body in asked] == [3] * len(statuses) + [4] * len(statuses)


@pytest.mark.parametrize("order", [order for order in EventOrder if order is not EventOrder.CITY])
def test_a_citys_page_is_its_number_and_one_query_of_that_citys_partition(
    stores: Stores, traffic: Traffic, order: EventOrder
) -> None:
    seed_event(stores)
    traffic.forget()

    stores.events.find(EventFilter(PUBLISHED, city_slug="london"), order, PAGE)

    assert traffic.operations() == ["GetItem", "Query"]
    assert traffic.calls[0].body["TableName"] == CITIES
    assert traffic.calls[1].body["IndexName"] == INDEXES[order].replace("by_", "in_city_by_")
    assert {"S": "published#london"} in traffic.calls[1].body["ExpressionAttributeValues"].values()


@pytest.mark.parametrize(
    "ask",
    [
        lambda stores: stores.events.get("a"),
        lambda stores: stores.events.get_by_id(1),
        lambda stores: stores.events.next_id(),
        lambda stores: stores.events.find(EventFilter(ALL), EventOrder.DATE, PAGE),
        lambda stores: stores.events.find(EventFilter(ALL, ("a",)), EventOrder.DATE, PAGE),
        lambda stores: stores.events.find(UPCOMING, EventOrder.DATE, PAGE),
        lambda stores: stores.events.find(CHEAP, EventOrder.DATE, PAGE),
        lambda stores: stores.events.create(an_event()),
        lambda stores: stores.events.replace(new_record(an_event()), an_event(slug="b")),
        lambda stores: stores.events.delete(new_record(an_event())),
    ],
)
@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_a_failure_of_dynamodb_is_told_as_such_with_its_cause(
    stores: Stores, traffic: Traffic, ask: Callable[[Stores], object], code: str
) -> None:
    for operation in ("GetItem", "UpdateItem", "Query", "TransactWriteItems"):
        traffic.refuse(operation, lambda: refusal(code))

    with pytest.raises(Unavailable) as caught:
        ask(stores)

    cause = caught.value.__cause__
    assert isinstance(cause, PynamoDBException)
    assert cause.cause_response_code == code
    assert code not in str(caught.value)


def test_an_id_does_not_lead_to_another_event_while_its_index_is_behind(
    stores: Stores, traffic: Traffic, no_pauses: list[float]
) -> None:
    other = seed_event(stores, "other")
    traffic.refuse("Query", lambda: success({"Items": [{"slug": {"S": "other"}}], "Count": 1}))

    assert stores.events.get_by_id(other.id + 1) is None


def test_an_id_that_the_index_does_not_know_yet_is_asked_for_again(
    stores: Stores, traffic: Traffic, no_pauses: list[float]
) -> None:
    event = seed_event(stores)
    traffic.answer("Query", success({"Items": [], "Count": 0}))

    record = stores.events.get_by_id(event.id)

    assert record is not None
    assert record.slug == event.slug
