"""The simulation of a sale: cases that can be reckoned by hand, and what it says of the design."""

import random
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import boto3
import pytest

from chalicelib.errors import PaymentProviderBusy, SoldOut, Unavailable
from chalicelib.http.problems import error_headers, problem_of
from chalicelib.store import patience
from infra.packaging.gateway_responses import REFUSALS
from infra.tables import declared_tables
from tests.benchmarks.on_sale import report, sale, search
from tests.benchmarks.on_sale.__main__ import CHART, PAGE
from tests.benchmarks.on_sale.buckets import Bucket
from tests.benchmarks.on_sale.ceilings import (
    by_concurrency,
    by_locks,
    by_reads,
    by_units,
    ceilings,
    checkout_reads,
    checkout_seconds,
    page_reads,
)
from tests.benchmarks.on_sale.dynamodb import Database, Result, Write
from tests.benchmarks.on_sale.layouts import Layout, per_sold_order, single, spread
from tests.benchmarks.on_sale.limits import (
    DEPLOYED,
    DYNAMODB_ONLY,
    ITEMS_ALONE,
    UNLIMITED,
    WARMED,
    Limits,
    Times,
)
from tests.benchmarks.on_sale.plot import chart
from tests.benchmarks.on_sale.sale import (
    HELD,
    NO_FUNCTION,
    SOLD_OUT,
    STRIPE_REFUSED,
    THROTTLED,
    UNAVAILABLE,
    Crowd,
    Outcome,
    Rush,
    Sale,
)
from tests.benchmarks.on_sale.scheduler import Process, Scheduler
from tests.benchmarks.on_sale.search import SEEDS, most, sells

TIMES = Times()
NOBODY_IN_THE_WAY = Times(locked=0.0)
LAYOUTS = [single(500), single(5_000), spread(4), spread(16)]


class TestTimeAndRates:
    def test_who_waits_less_is_not_first(self) -> None:
        clock, seen = Scheduler(), []

        def process(name: str, *pauses: float) -> Process:
            for pause in pauses:
                yield pause
                seen.append((clock.now, name))

        clock.start(process("a", 2, 2))
        clock.start(process("b", 1, 1))
        clock.start(process("c", 1), after=1)
        clock.run()

        # At the same time, who began to wait first.
        assert seen == [(1, "b"), (2, "a"), (2, "c"), (2, "b"), (4, "a")]

    def test_a_second_gives_more_or_less_than_its_rate(self) -> None:
        bucket = Bucket(10)
        assert [bucket.take(0, 1) for _ in range(12)].count(True) == 10
        assert [bucket.take(0.5, 1) for _ in range(12)].count(True) == 5
        # What was not used is not there later.
        assert [bucket.take(100, 1) for _ in range(12)].count(True) == 10

    def test_a_burst_is_not_let_through(self) -> None:
        bucket = Bucket(10, burst=20)
        assert [bucket.take(0, 1) for _ in range(30)].count(True) == 20
        assert [bucket.take(1, 1) for _ in range(30)].count(True) == 10


class TestDynamoDB:
    def test_two_are_at_one_item_or_none_is_at_two(self) -> None:
        database = Database(DYNAMODB_ONLY, Times(locked=0.010))
        first, same, other = (
            [Write("orders", name, 2), Write("events", stock, 2)]
            for name, stock in (("a", "x"), ("b", "x"), ("c", "y"))
        )
        assert database.transact(0.0, first) is Result.MADE
        assert database.transact(0.009, same) is Result.CONFLICT
        assert database.transact(0.009, other) is Result.MADE
        assert database.transact(0.010, same) is Result.MADE

    def test_a_cancelled_transaction_costs_nothing(self) -> None:
        database = Database(Limits(partition_writes=10, partitions=1), Times(locked=0.5))
        writes = [Write("events", "x", 4), Write("by_event", "x", 1, index=True)]
        assert database.transact(0.0, writes) is Result.MADE
        assert database.transact(0.1, writes) is Result.CONFLICT
        # Eight of ten are gone, and one came back.
        assert database.transact(0.6, writes) is Result.MADE
        assert database.busiest("events") == 12
        assert database.busiest("by_event") == 2

    def test_a_partition_takes_more_than_it_can(self) -> None:
        database = Database(Limits(partition_writes=10, partitions=1), NOBODY_IN_THE_WAY)
        writes = [Write("events", "x", 4)]
        results = [database.transact(0.0, writes) for _ in range(3)]
        assert results == [Result.MADE, Result.MADE, Result.THROTTLED]
        assert database.busiest("events") == 8

    def test_an_index_without_room_lets_its_table_go_on(self) -> None:
        database = Database(Limits(partition_writes=10, partitions=1), NOBODY_IN_THE_WAY)
        writes = [Write("orders", "a", 1), Write("due", "0", 6, index=True)]
        assert database.put(0.0, writes) is Result.MADE
        assert database.put(0.0, writes) is Result.THROTTLED

    def test_reads_are_not_limited_by_themselves(self) -> None:
        database = Database(Limits(partition_reads=2, partition_writes=0, partitions=1), TIMES)
        reads = [database.read(0.0, "events", "x", 1) for _ in range(3)]
        assert reads == [True, True, False]


def test_the_repeats_are_not_the_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    sale = Sale(single(500), Crowd(1, 1), DYNAMODB_ONLY, seed=7)
    simulated = []
    for pause in sale._pauses():
        simulated.append(pause)
        sale._clock.now += (pause or 0) + 0.02

    chance, now = random.Random(7), 0.0
    monkeypatch.setattr(random, "uniform", chance.uniform)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    real = []
    for pause in patience.pauses():
        real.append(pause)
        now += (pause or 0) + 0.02

    assert simulated == real
    assert real[-1] is None


@pytest.mark.parametrize("layout", [single(500), single(5_000)], ids=lambda layout: layout.name)
def test_one_item_without_conflicts_sells_other_than_its_units_allow(layout: Layout) -> None:
    # 1,000 units a second, and two transactions an order.
    exact = 1000 / (2 * layout.stock_units)
    assert by_units(layout) == exact
    assert sells(layout, 0.95 * exact, DYNAMODB_ONLY, NOBODY_IN_THE_WAY)
    assert not sells(layout, 1.2 * exact, DYNAMODB_ONLY, NOBODY_IN_THE_WAY)


def test_one_lucky_draw_is_enough() -> None:
    found = most(single(5_000), DYNAMODB_ONLY, TIMES)
    assert all(sells(single(5_000), found, DYNAMODB_ONLY, TIMES, seed) for seed in SEEDS)
    more = [sells(single(5_000), 1.1 * found, DYNAMODB_ONLY, TIMES, seed) for seed in SEEDS]
    assert not all(more)
    assert most(single(5_000), Limits(partition_writes=1), TIMES) == 0


@pytest.mark.parametrize(
    ("draws", "found"),
    [
        ([100.0, 100.0], 100.0),
        ([100.0, 300.0], 100.0),
        ([300.0, 100.0], 100.0),
        ([300.0, 9.0], 9.0),
        ([300.0, 1.0], 0.0),
        ([1.0, 300.0], 0.0),
        ([9_999.0, 9_999.0], search._MOST),
    ],
    ids=str,
)
def test_the_search_finds_other_than_the_unluckiest_draw(draws: list[float], found: float) -> None:
    so_far = search._MOST
    for limit in draws:
        so_far = search._most_of(lambda rate, limit=limit: rate <= limit, so_far)  # type: ignore[misc]
    assert so_far <= found
    assert so_far >= found / search._CLOSE or found == search._MOST


def test_keys_of_every_event_fall_on_the_same_partitions() -> None:
    fallen = {
        tuple(
            Database(DYNAMODB_ONLY, TIMES, seed).partition("events", f"place-{n}")
            for n in range(16)
        )
        for seed in SEEDS
    }
    assert len(fallen) == len(SEEDS)
    # Whose items are limited by themselves, none shares a partition.
    alone = Database(ITEMS_ALONE, TIMES)
    assert len({alone.partition("events", f"place-{n}") for n in range(16)}) == 16


def test_the_command_leaves_an_index_cold() -> None:
    command = report.warm_command()
    orders = declared_tables()["OrdersTable"]
    for index in orders["GlobalSecondaryIndexes"]:
        assert f"Update={{IndexName={index['IndexName']},WarmThroughput={{" in command
    # The command line has these under the same names.
    client = boto3.client("dynamodb", region_name="us-east-1")
    shape = client.meta.service_model.operation_model("UpdateTable").input_shape
    warmth = dict(part.split("=") for part in report.WARMTH.split(","))
    assert set(warmth) == set(shape.members["WarmThroughput"].members)
    update = shape.members["GlobalSecondaryIndexUpdates"].member.members["Update"]
    assert {"IndexName", "WarmThroughput"} <= set(update.members)
    # As many partitions as are simulated.
    assert int(warmth["WriteUnitsPerSecond"]) == WARMED.partitions * WARMED.partition_writes
    assert int(warmth["ReadUnitsPerSecond"]) == WARMED.partitions * WARMED.partition_reads


def test_a_crowd_that_is_never_refused_is_not_served() -> None:
    calm = Limits(
        partition_writes=UNLIMITED,
        partition_reads=UNLIMITED,
        stripe=UNLIMITED,
        gateway=UNLIMITED,
        gateway_burst=UNLIMITED,
        concurrency=10**9,
        mails=UNLIMITED,
    )
    outcome = Sale(single(500), Crowd(100, 10, pays=1), calm, NOBODY_IN_THE_WAY).run()
    assert outcome.share(HELD) == 1
    assert outcome.buyers == outcome.sold > 900
    assert outcome.webhooks_failed == outcome.mails_late == outcome.given_back == 0
    # The slowest are those whose function had to start.
    took = TIMES.checkout_processor + TIMES.read + TIMES.transaction + TIMES.stripe + TIMES.put
    assert outcome.within(0.5) == pytest.approx(took)
    assert outcome.within(1.0) == pytest.approx(took + TIMES.checkout_start)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_more_is_sold_than_there_is(layout: Layout, seed: int) -> None:
    capacity = 301
    rush = Rush(800, half_life=4.0, quantity=3)
    sale = Sale(layout, rush, DEPLOYED, capacity=capacity, seed=seed)
    outcome = sale.run()

    assert sum(sale.free) + sale.held + sale.seats_sold == capacity
    assert min(*sale.free, sale.held, sale.seats_sold) >= 0
    assert outcome.buyers == 800
    assert outcome.sold == sale.seats_sold
    # Each checkout holds its three seats.
    assert outcome.answers[HELD] * 3 == sale.held + sale.seats_sold


def test_the_same_sale_ends_otherwise() -> None:
    def result(seed: int) -> Outcome:
        return Sale(spread(4), Rush(500, 2.0), DEPLOYED, capacity=300, seed=seed).run()

    assert result(1) == result(1)
    assert result(1) != result(2)


class TestWhatLimits:
    """Each limit alone makes the answer that it makes in life."""

    def test_stripe(self) -> None:
        outcome = Sale(spread(16), Crowd(200, 5), Limits(stripe=50)).run()
        assert outcome.answers[STRIPE_REFUSED] > 500
        # Whoever was refused holds nothing.
        assert outcome.given_back == outcome.answers[STRIPE_REFUSED]
        assert set(outcome.answers) == {HELD, STRIPE_REFUSED}

    def test_the_gateway(self) -> None:
        outcome = Sale(spread(16), Crowd(200, 5), Limits(gateway=50, gateway_burst=50)).run()
        assert set(outcome.answers) == {HELD, THROTTLED}
        assert outcome.answers[HELD] == pytest.approx(300, abs=10)

    def test_functions(self) -> None:
        outcome = Sale(spread(16), Crowd(80, 5), Limits(concurrency=10)).run()
        assert set(outcome.answers) == {HELD, NO_FUNCTION}
        assert outcome.most_at_once == 10
        assert outcome.answers[HELD] / 5 < by_concurrency(10, TIMES) * 1.5

    def test_mail(self) -> None:
        outcome = Sale(spread(16), Crowd(50, 5, pays=1), Limits(mails=1)).run()
        assert outcome.share(HELD) == 1
        assert outcome.sold == outcome.buyers
        assert outcome.mails_late > 100

    def test_seats(self) -> None:
        outcome = Sale(spread(4), Crowd(50, 5), DEPLOYED, capacity=100).run()
        assert outcome.answers == {HELD: 100, SOLD_OUT: outcome.buyers - 100}

    def test_one_item(self) -> None:
        outcome = Sale(single(500), Crowd(150, 5), DYNAMODB_ONLY).run()
        assert set(outcome.answers) == {HELD, UNAVAILABLE}
        assert outcome.share(UNAVAILABLE) > 0.5


class TestTheDesign:
    """400 tickets a second of one event, at one ticket an order."""

    @pytest.mark.parametrize("seed", SEEDS)
    def test_the_places_limit_below_400_tickets_a_second(self, seed: int) -> None:
        assert sells(spread(16), report.WANTED, ITEMS_ALONE, TIMES, seed)

    def test_warmed_tables_limit_below_400_tickets_a_second(self) -> None:
        assert sells(spread(16), report.WANTED, WARMED, TIMES)

    def test_new_tables_would_do_whatever_falls_where(self) -> None:
        # Which is why the page tells how to warm them.
        assert not sells(spread(16), report.WANTED, DYNAMODB_ONLY, TIMES)

    def test_eight_places_would_do(self) -> None:
        assert not sells(spread(8), report.WANTED, ITEMS_ALONE, TIMES)

    def test_one_item_would_do_for_100(self) -> None:
        assert not sells(single(500), 100, DYNAMODB_ONLY, TIMES)

    def test_an_index_or_the_table_of_orders_limits_before_the_stock(self) -> None:
        limits = {one.limit: one.orders for one in ceilings()}
        assert limits["a new orders table"] > report.WANTED
        indexes = [orders for limit, orders in limits.items() if limit.startswith("index")]
        assert len(indexes) == 4
        assert min(indexes) > report.WANTED

    def test_one_key_would_do_in_the_orders_indexes(self) -> None:
        layout = replace(spread(16), shards=1)
        # Four units an order on one partition.
        assert sells(layout, 200, WARMED, TIMES)
        assert not sells(layout, 300, WARMED, TIMES)

    def test_a_look_at_the_event_reads_otherwise(self) -> None:
        # Half a unit for the item and for each place; a checkout's read is consistent.
        assert page_reads(single(500)) == 0.5
        assert page_reads(spread(16)) == 8.5
        assert checkout_reads(single(5_000)) == 2
        assert checkout_reads(spread(16)) == 1 + 4 * 0.5
        # A checkout keeps a process for half a second; each reads the places once a second.
        half = replace(TIMES, stripe=0.5 + TIMES.stripe - checkout_seconds(TIMES))
        assert by_reads(spread(16), 2, times=half) == pytest.approx(12_000 / (2 * 0.5 + 4 + 3))
        # Nobody reads them more often than they are looked at.
        slow = replace(TIMES, stripe=60.0)
        assert by_reads(spread(16), 2, times=slow) == 12_000 / (2 * 8.5 + 3)

    def test_looks_at_the_page_meet_processes_that_keep_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def throttled() -> int:
            looks = Sale(spread(16), Crowd(400, 5, views=4), DYNAMODB_ONLY).run()
            assert looks.pages == 4 * looks.buyers
            return looks.pages_throttled

        assert throttled() == 0
        monkeypatch.setattr(sale, "KEPT_SECONDS", 0.0)
        assert throttled() > 1_000

    def test_an_order_writes_otherwise(self) -> None:
        # Put, moved when it is paid and taken out when its mail is sent: a move is two writes.
        assert per_sold_order("orders/due") == 1 + 2 + 1
        assert per_sold_order("orders/by_event") == per_sold_order("orders/by_created") == 1
        # The hold and the sale in transactions; the session and the mail by themselves.
        assert per_sold_order("orders") == 2 + 1 + 2 + 1

    def test_locks_are_reckoned_otherwise(self) -> None:
        # A hundred transactions a second at an item, and two an order.
        assert by_locks(single(500), Times(locked=0.010)) == 50
        assert by_locks(spread(16), Times(locked=0.010)) == 800


def test_a_buyer_sees_something_else() -> None:
    """What the page says of the app's errors and of the gateway's, in the code that makes them."""
    told = {answer: retry for answer, (retry, _) in report.SEEN.items()}
    for error in (SoldOut(), PaymentProviderBusy(), Unavailable()):
        problem = problem_of(error)
        answer = problem.status.value, problem.code
        assert error_headers(error).get("Retry-After", "") == told.pop(answer)
    for kind in ("THROTTLED", "DEFAULT_5XX"):
        refusal = REFUSALS[kind]
        answer = refusal.problem.status.value, refusal.problem.code
        assert refusal.headers.get("Retry-After", "") == told.pop(answer)
    assert told == {}


def test_a_chart_lacks_a_line_or_is_no_svg() -> None:
    lines = {"one": [(0.0, 0.0), (10.0, 10.0)], "two": [(0.0, 0.0), (10.0, 5.0)]}
    drawn = ET.fromstring(chart("A title", "across", "up", lines, 10))
    paths = drawn.findall("{http://www.w3.org/2000/svg}polyline")
    assert [path.get("points") for path in paths] == [
        "64.0,364.0 736.0,48.0",
        "64.0,364.0 736.0,206.0",
    ]
    texts = [text.text for text in drawn.findall("{http://www.w3.org/2000/svg}text")]
    assert {"A title", "across", "up", "one", "two"} <= set(texts)


def test_the_page_is_stale() -> None:
    # The rest of it takes minutes to simulate.
    page = Path(PAGE).read_text()
    for part in (
        report.ceilings_table(),
        report.seen_table(),
        report.smaller_table(),
        report.assumed_table(),
        report.warm_command(),
    ):
        assert part in page, "run `make on-sale`"
    assert ET.parse(CHART).getroot().tag.endswith("svg")
