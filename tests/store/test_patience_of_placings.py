"""A buyer waits for one placing, however many transactions it takes: all of them share one time.
So does what becomes of an order. Nobody really waits here.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle

import pytest
from botocore.awsrequest import AWSResponse

from chalicelib.domain.events import EventRecord
from chalicelib.errors import Changed, EventsApiError, Unavailable
from chalicelib.store import Stores, patience, transactions
from chalicelib.store.stock import place_key
from tests.support.builders import an_event, an_order
from tests.support.fake_time import FakeTime
from tests.support.order_steps import expired, paid
from tests.support.records import record_of
from tests.support.seeding import seed_city
from tests.support.spread import SPREAD
from tests.support.tables import EVENTS, ORDERS, MotoTables, moto_tables
from tests.support.traffic import Traffic, cancelled, refusal, success

SLUG = "tech-conference"
ORDER = an_order()
TRANSACT, READ, READ_MANY = "TransactWriteItems", "GetItem", "BatchGetItem"
CALL_SECONDS = 0.3
# What docs/on-sale.md says: 3 seconds. The try that is under way then may end, its pause too, and
# the last one begins.
MOST = 3.0 + 0.4 + 2 * CALL_SECONDS
IN_THE_WAY, TAKEN = "TransactionConflict", "ConditionalCheckFailed"


@pytest.fixture(scope="module")
def shared_tables() -> Iterator[MotoTables]:
    with moto_tables(SPREAD) as tables:
        yield tables


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, no_pauses: list[float]) -> FakeTime:
    clock = FakeTime()
    for module in (transactions, patience):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def event(stores: Stores) -> EventRecord:
    seed_city(stores)
    stores.events.create(an_event())
    return record_of(stores, SLUG)


@pytest.fixture
def on_sale(stores: Stores, event: EventRecord) -> EventRecord:
    """An event that is spread already."""
    stores.orders._stock.offer(event)
    return record_of(stores, SLUG)


class Trouble:
    """Answers every transaction after a while, with one reason of failure after another."""

    def __init__(self, traffic: Traffic, clock: FakeTime, *reasons: str) -> None:
        self._clock, self._reasons = clock, cycle(reasons)
        self.began = clock.now
        self.times: list[float] = []
        traffic.refuse(TRANSACT, self._answer)

    def _answer(self) -> AWSResponse:
        self._clock.now += CALL_SECONDS
        self.times.append(self._clock.now - self.began)
        return cancelled("None", next(self._reasons))


REASONS = pytest.mark.parametrize(
    "reasons",
    [
        [IN_THE_WAY],
        [TAKEN],
        [IN_THE_WAY, IN_THE_WAY, IN_THE_WAY, TAKEN],
        [*[IN_THE_WAY] * 12, TAKEN],
    ],
    ids=["in the way", "taken", "both", "taken late"],
)


@REASONS
def test_a_checkout_waits_no_longer_for_seats_that_others_take(
    stores: Stores,
    on_sale: EventRecord,
    traffic: Traffic,
    clock: FakeTime,
    reasons: list[str],
) -> None:
    trouble = Trouble(traffic, clock, *reasons)
    # Not that it is sold out: there are seats for everybody.
    with pytest.raises(Unavailable):
        stores.orders.place(ORDER, on_sale)
    assert 2.0 < trouble.times[-1] < MOST
    assert clock.now - trouble.began < MOST


@pytest.mark.parametrize("throttled", [READ, READ_MANY])
def test_a_checkout_waits_no_longer_for_looks_at_the_stock(
    stores: Stores, on_sale: EventRecord, traffic: Traffic, clock: FakeTime, throttled: str
) -> None:
    def slow_refusal() -> AWSResponse:
        clock.now += CALL_SECONDS
        return refusal("ThrottlingException")

    trouble = Trouble(traffic, clock, TAKEN)
    traffic.refuse(throttled, slow_refusal)
    with pytest.raises(Unavailable):
        stores.orders.place(ORDER, on_sale)
    # botocore tries each of them twice.
    assert 2.0 < clock.now - trouble.began < MOST + 2 * CALL_SECONDS


def test_keys_that_are_left_out_time_and_again_are_asked_for_no_longer(
    stores: Stores, on_sale: EventRecord, traffic: Traffic, clock: FakeTime
) -> None:
    keys = [{"slug": {"S": place_key(1, place)}} for place in (1, 2, 3)]

    def slow_and_empty() -> AWSResponse:
        clock.now += 1.0
        return success({"Responses": {}, "UnprocessedKeys": {EVENTS: {"Keys": keys}}})

    trouble = Trouble(traffic, clock, TAKEN)
    traffic.refuse(READ_MANY, slow_and_empty)
    with pytest.raises(Unavailable, match="too busy"):
        stores.orders.place(ORDER, on_sale)
    assert clock.now - trouble.began < 3.0 + 1.0 + CALL_SECONDS


@REASONS
def test_a_first_buyer_waits_for_the_spreading_within_the_same_time(
    stores: Stores,
    event: EventRecord,
    traffic: Traffic,
    clock: FakeTime,
    reasons: list[str],
) -> None:
    trouble = Trouble(traffic, clock, *reasons)
    with pytest.raises(EventsApiError):
        stores.orders.place(ORDER, event)
    assert trouble.times[-1] < MOST + CALL_SECONDS


@REASONS
@pytest.mark.parametrize("anew", [True, False], ids=["needs seats", "has its seats"])
def test_news_of_an_order_wait_no_longer_either(
    stores: Stores,
    on_sale: EventRecord,
    traffic: Traffic,
    clock: FakeTime,
    reasons: list[str],
    anew: bool,
) -> None:
    order = stores.orders.place(ORDER, on_sale)
    if anew:
        order = stores.orders.replace(order, expired(order))
    trouble = Trouble(traffic, clock, *reasons)
    with pytest.raises(EventsApiError):
        stores.orders.replace(order, paid(order))
    assert trouble.times[-1] < MOST


def test_news_of_an_order_that_was_always_too_late_are_to_be_heard_again(
    stores: Stores, on_sale: EventRecord, traffic: Traffic, clock: FakeTime, tables: MotoTables
) -> None:
    order = stores.orders.place(ORDER, on_sale)
    key = {"id": {"S": order.id}}
    tables.client.update_item(TableName=ORDERS, Key=key, UpdateExpression="REMOVE places")
    lost = replace(order, places=())
    traffic.first(TRANSACT, lambda: clock.sleep(MOST), cancelled("None", TAKEN))
    with pytest.raises(Changed):
        stores.orders.replace(lost, paid(lost))
    assert stores.orders.replace(lost, paid(lost)).places == order.places
