"""Events in DynamoDB: what is written, and what a failure to write leaves behind."""

from datetime import UTC, datetime

import pytest
from pynamodb.exceptions import PynamoDBException

from chalicelib.domain.events import UNLIMITED_SEATS, EventStatus, public_event
from chalicelib.errors import SlugTaken, SlugUnknown, Unavailable
from chalicelib.services.ports import PageRequest
from chalicelib.store import Stores
from tests.support.builders import NOW, an_event
from tests.support.seeding import seed_city, seed_event
from tests.support.tables import CITIES, EVENTS, MotoTables
from tests.support.traffic import Traffic, refusal

PAGE = PageRequest(limit=10, offset=0, after=None, descending=True)


@pytest.fixture(autouse=True)
def _london(tables: MotoTables) -> None:
    seed_city(tables.stores)


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
        "priceKey": {"S": f"00000000014999{tail}"},
        "createdKey": {"S": f"2027-03-01T12:00:00.000Z{tail}"},
        "updatedKey": {"S": f"2027-03-01T12:00:00.000Z{tail}"},
        "public": {"S": public_event(event)},
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


@pytest.mark.parametrize(
    ("status", "published"),
    [(EventStatus.PUBLISHED, "1"), (EventStatus.DRAFT, "0"), (EventStatus.CANCELLED, "0")],
)
def test_an_event_is_counted_by_its_status_and_by_its_city(
    stores: Stores, tables: MotoTables, status: EventStatus, published: str
) -> None:
    stores.events.create(an_event(status=status))

    assert totals(tables) == {status.value: "1"}
    city = tables.item(CITIES, "london")
    assert (city["events"], city["publishedEvents"]) == ({"N": "1"}, {"N": published})


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


def test_the_totals_are_no_event_of_any_list(stores: Stores) -> None:
    stores.events.next_id()
    seed_event(stores)

    page = stores.events.list_by_date(tuple(EventStatus), None, PAGE)

    assert len(page.items) == 1


@pytest.mark.parametrize("consistent", [True, False])
def test_a_read_is_consistent_where_that_was_asked_for(
    stores: Stores, traffic: Traffic, consistent: bool
) -> None:
    stores.events.get("tech-conference", consistent=consistent)

    (call,) = traffic.calls
    assert call.operation == "GetItem"
    assert call.body.get("ConsistentRead", False) is consistent


def test_a_create_is_one_transaction(stores: Stores, traffic: Traffic) -> None:
    stores.events.create(an_event())

    (call,) = traffic.calls
    assert call.operation == "TransactWriteItems"
    writes = [next(iter(item)) for item in call.body["TransactItems"]]
    assert writes == ["Put", "Update", "Update"]


@pytest.mark.parametrize("after", [None, "2027-03-31T12:00:00.000Z#000000000001"])
@pytest.mark.parametrize("statuses", [(EventStatus.PUBLISHED,), tuple(EventStatus)])
def test_a_page_is_one_query_a_status_of_one_index_and_reads_no_item(
    stores: Stores, traffic: Traffic, statuses: tuple[EventStatus, ...], after: str | None
) -> None:
    stores.events.list_by_date(statuses, None, PageRequest(5, 0, after, descending=True))

    assert traffic.operations() == ["Query"] * len(statuses)
    for call in traffic.calls:
        assert (call.body["IndexName"], call.body["Limit"]) == ("by_date", 6)
        assert call.body["ScanIndexForward"] is False


@pytest.mark.parametrize(
    "ask",
    [
        lambda stores: stores.events.get("a"),
        lambda stores: stores.events.count(tuple(EventStatus)),
        lambda stores: stores.events.next_id(),
        lambda stores: stores.events.list_by_date(tuple(EventStatus), None, PAGE),
        lambda stores: stores.events.create(an_event()),
    ],
)
@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_a_failure_of_dynamodb_is_told_as_such_with_its_cause(
    stores: Stores, traffic: Traffic, ask: object, code: str
) -> None:
    assert callable(ask)
    for operation in ("GetItem", "UpdateItem", "Query", "TransactWriteItems"):
        traffic.refuse(operation, lambda: refusal(code))

    with pytest.raises(Unavailable) as caught:
        ask(stores)

    cause = caught.value.__cause__
    assert isinstance(cause, PynamoDBException)
    assert cause.cause_response_code == code
    assert code not in str(caught.value)
