"""Ids and totals: one counter item a table."""

from chalicelib.domain.event_facts import EventOrder
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import EventStatus
from chalicelib.services.port_types import PageRequest
from chalicelib.store import Stores
from tests.support.seeding import seed_city, seed_event
from tests.support.tables import CITIES, EVENTS, MotoTables
from tests.support.traffic import Traffic, refusal


def test_ids_begin_at_one_and_never_repeat(stores: Stores) -> None:
    assert [stores.events.next_id() for _ in range(3)] == [1, 2, 3]
    assert [stores.cities.next_id() for _ in range(2)] == [1, 2]


def test_an_id_is_one_atomic_addition_and_no_read_before_a_write(
    stores: Stores, traffic: Traffic
) -> None:
    stores.events.next_id()

    (call,) = traffic.calls
    assert call.operation == "UpdateItem"
    assert call.body["UpdateExpression"].startswith("ADD")


def test_an_id_that_was_lost_on_its_way_is_not_given_to_another(
    stores: Stores, traffic: Traffic, no_pauses: list[float]
) -> None:
    first = stores.events.next_id()
    traffic.lose("UpdateItem")

    second = stores.events.next_id()

    assert (first, second) == (1, 3)


def count(stores: Stores, *statuses: EventStatus) -> int:
    page = PageRequest(1, 0, None, descending=False)
    return stores.events.find(EventFilter(statuses), EventOrder.DATE, page).count


def test_totals_that_were_never_written_are_zero(stores: Stores) -> None:
    assert count(stores, *EventStatus) == 0
    assert stores.cities.count() == 0


def test_the_count_of_several_statuses_is_their_sum(stores: Stores) -> None:
    seed_city(stores)
    for number, status in enumerate(
        [EventStatus.DRAFT, EventStatus.PUBLISHED, EventStatus.PUBLISHED]
    ):
        seed_event(stores, f"event-{number}x", status=status)

    assert count(stores, EventStatus.PUBLISHED) == 2
    assert count(stores, EventStatus.DRAFT, EventStatus.CANCELLED) == 1
    assert count(stores, *EventStatus) == 3


def test_a_count_is_read_and_not_counted(stores: Stores, traffic: Traffic) -> None:
    count(stores, *EventStatus)
    stores.cities.count()

    assert traffic.operations() == ["GetItem", "GetItem"]


def test_a_busy_counter_is_asked_again(
    stores: Stores, traffic: Traffic, tables: MotoTables, no_pauses: list[float]
) -> None:
    traffic.answer("UpdateItem", refusal("ProvisionedThroughputExceededException"))

    assert stores.events.next_id() == 1
    assert tables.item(EVENTS, "#totals")["lastId"] == {"N": "1"}
    assert tables.item(CITIES, "#totals") == {}
