"""The seats of a spread event's places, as its page shows them: read once in a second."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from chalicelib.domain.events import EventRecord
from chalicelib.settings import StoreSettings
from chalicelib.store import Stores, kept_counts, open_stores
from chalicelib.store.kept_counts import Counts, KeptCounts
from tests.support.builders import an_event, an_order
from tests.support.fake_time import FakeTime
from tests.support.order_steps import paid
from tests.support.records import record_of
from tests.support.seeding import seed_city
from tests.support.spread import SPREAD
from tests.support.tables import MotoTables, moto_tables
from tests.support.traffic import Traffic

SLUG = "tech-conference"
READ_MANY = "BatchGetItem"
ONE = {1: Counts(3, 0, 0)}


@pytest.fixture(scope="module")
def shared_tables() -> Iterator[MotoTables]:
    with moto_tables(SPREAD) as tables:
        yield tables


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    clock = FakeTime()
    monkeypatch.setattr(kept_counts, "time", clock)
    return clock


@pytest.fixture
def event(stores: Stores, clock: FakeTime) -> EventRecord:
    """An event whose stock is spread, with two of its seats held."""
    seed_city(stores)
    stores.events.create(an_event())
    stores.orders.place(an_order(), record_of(stores, SLUG))
    return record_of(stores, SLUG)


def test_looks_of_a_second_read_the_places_once(
    stores: Stores, event: EventRecord, traffic: Traffic, clock: FakeTime
) -> None:
    traffic.forget()
    shown = []
    for _ in range(9):
        shown.append(stores.events.whole(event))
        clock.now += 0.1

    assert traffic.operations() == [READ_MANY]
    assert {record.held for record in shown} == {2}
    clock.now += 0.2
    stores.events.whole(event)
    assert traffic.operations() == [READ_MANY, READ_MANY]


def test_what_another_process_sells_is_seen_within_a_second(
    stores: Stores, event: EventRecord, clock: FakeTime
) -> None:
    assert stores.events.whole(event).held == 2
    settings = StoreSettings("events", "cities", "index", "orders", "audit")
    another = open_stores(settings, spreading=SPREAD)
    another.orders.place(an_order(id="01JNYOURORDER0000000000000"), event)

    assert stores.events.whole(event).held == 2
    clock.now += kept_counts.KEPT_SECONDS
    assert stores.events.whole(event).held == 4


def test_what_this_process_sells_or_gives_back_is_seen_at_once(
    stores: Stores, event: EventRecord
) -> None:
    assert stores.events.whole(event).held == 2
    order = stores.orders.place(an_order(id="01JNYOURORDER0000000000000"), event)
    assert stores.events.whole(event).held == 4
    stores.orders.replace(order, paid(order))
    whole = stores.events.whole(event)
    assert (whole.held, whole.sold) == (2, 2)


def test_a_new_capacity_is_seen_at_once(stores: Stores, event: EventRecord) -> None:
    assert stores.events.whole(event).free == 98
    stores.events.replace(event, replace(event.described(), capacity=200))
    assert stores.events.whole(record_of(stores, SLUG)).free == 198


def test_who_has_to_know_reads_always(stores: Stores, event: EventRecord, traffic: Traffic) -> None:
    stores.events.whole(event)
    traffic.forget()
    stores.events.whole(event, consistent=True)
    assert traffic.operations() == [READ_MANY]


def test_what_was_read_of_fewer_places_is_not_taken_for_all(clock: FakeTime) -> None:
    kept = KeptCounts()
    kept.keep(1, ONE)
    assert kept.get(1, places=1) == ONE
    assert kept.get(1, places=2) is None
    assert kept.get(2, places=1) is None


def test_a_catalogue_of_events_is_not_kept_for_ever(clock: FakeTime) -> None:
    kept = KeptCounts()
    for event_id in range(300):
        kept.keep(event_id, ONE)
    assert sum(kept.get(event_id, 1) is not None for event_id in range(300)) <= 256
    assert kept.get(299, 1) == ONE
