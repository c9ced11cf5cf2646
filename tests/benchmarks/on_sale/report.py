"""`docs/on-sale.md` and `docs/on-sale.svg`, made of simulations."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from tqdm import tqdm

from chalicelib.domain.stock_places import SPREADING
from chalicelib.store.kept_counts import KEPT_SECONDS
from infra.tables import declared_tables
from tests.benchmarks.budgets.report import table
from tests.benchmarks.on_sale.ceilings import (
    by_units,
    ceilings,
    checkout_reads,
    checkout_seconds,
    page_reads,
)
from tests.benchmarks.on_sale.layouts import (
    MOST_PLACES,
    Layout,
    event_bytes,
    per_sold_order,
    single,
    spread,
)
from tests.benchmarks.on_sale.limits import (
    DEPLOYED,
    DYNAMODB_ONLY,
    FIRST_PAUSE,
    ITEMS_ALONE,
    LONGEST_PAUSE,
    PATIENCE,
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
    Answer,
    Crowd,
    Outcome,
    Rush,
    Sale,
    checkouts_a_second,
)
from tests.benchmarks.on_sale.search import SEEDS, most

WANTED: Final = 400
DESCRIPTIONS: Final = (500, 2_000, 5_000)
PAYING: Final = (1.0, 0.8)
WARMTH: Final = "ReadUnitsPerSecond=48000,WriteUnitsPerSecond=16000"
# What is in the way, from nothing but the places themselves to what a new stage has.
TABLES: Final = (
    ("the places alone", ITEMS_ALONE),
    ("tables warmed to 16,000 write units", WARMED),
    ("new tables (4,000)", DYNAMODB_ONLY),
)
SHARD_COUNTS: Final = (1, 2, 4, 8, 16)
LOCKS_MS: Final = (5, 10, 20)
PLACES: Final = (1, 2, 4, 8, 16, 32)
SEATS, BUYERS, HALF_LIFE = 5_000, 20_000, 10.0
BUYERS_A_SEAT: Final = 5
SMALLER: Final = (50, 100, SPREADING.from_seats - 1, SPREADING.from_seats, 400, 800)

# What an answer of the simulation is to a buyer: its headers, and where that is tried.
SEEN: Mapping[Answer, tuple[str, str]] = {
    SOLD_OUT: ("", "fewer seats are free: the event is read, of a spread one all places; no write"),
    THROTTLED: ("1", "more checkouts than API Gateway lets through; made by it, no function runs"),
    STRIPE_REFUSED: ("2", "Stripe takes no more sessions this second; the seats are free again"),
    UNAVAILABLE: ("2", f"the store was tried for {PATIENCE:g} seconds; nothing is held"),
    NO_FUNCTION: ("", "Lambda has no free call; made by API Gateway"),
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """A sale under limits."""

    name: str
    layout: Layout
    limits: Limits


SCENARIOS: Final = (
    Scenario("one item, limits as they are", single(2_000), DEPLOYED),
    Scenario("16 places, limits as they are", spread(MOST_PLACES), DEPLOYED),
    Scenario(
        "16 places, Stripe raised to 500/s", spread(MOST_PLACES), replace(DEPLOYED, stripe=500)
    ),
    Scenario(
        "16 places, Stripe 500/s, tables warmed, SES 200/s",
        spread(MOST_PLACES),
        replace(DEPLOYED, stripe=500, mails=200, partitions=16),
    ),
)

_TOP = """\
# The minute it goes on sale

Made by `make on-sale`: a simulation of discrete events, the same each time. Sizes of items and
write units are the program's own, counted (`budgets.md`); limits are published ones, and hold
for a new stage until they are raised; what AWS does not publish is assumed, and said below. An
order has one ticket, the worst case, and each buyer looked at the event's page twice before.

## How many orders a second one event sells

All but one buyer in a hundred get their checkout and see the event's page, and every payment is
heard of, while DynamoDB alone is in the way and all of them pay: in every one of {draws} draws, so
what the unluckiest event sells, on new tables. If no transaction were in another's way, the units
alone would allow {naive:.0f} orders a second on one item with a short description."""
_PLOT = """\
![Offered and sold, by layout](on-sale.svg)

One item does not only sell little, it sells less the more are at it: of two transactions at one
item DynamoDB cancels one, what is cancelled costs its units all the same, and its repeats take
the units of those that would have gone through. At small places beside the event buyers meet
each other seldom: at {wanted} orders a second there are {each:.0f} transactions a second at each
of {places} places, and a buyer who meets another tries another place."""
_PLACES = """\
Two transactions an order, {units} units each at a place (a small item), instead of {short} to
{long} at an item with its description. An event of {from_seats} seats or more, or without a
limit, has a place for every {seats_a_place} seats, {most} at the most; an event with fewer seats
is sold out within seconds by its own item too (*Smaller events*), and is not worth the reads."""
_WHY = """\
**{places} places**: {fewer} sell {at_fewer:.0f} orders a second even where nothing but the places
limits them, fewer than {wanted}; {places} sell {alone:.0f}. 32 would sell {more_alone:,.0f}, and
on new tables {more:.0f} instead of {at_places:.0f}, for reading twice as much whenever the page
is shown or a buyer is told that it is sold out, and an admin's change would need all 32 at once.
With two tickets an order, which is what buyers buy, {places} places are {tickets:,.0f} tickets a
second.

## Does the stock limit one event below {wanted} tickets a second?

No; new tables do. The same {places} places in {draws} draws, of which each has other arrivals,
other choices, and keys that fall on other partitions: how many orders a second are sold in every
one of them, and at {wanted} a second in each draw how many of the buyers got their checkout, and
how many of the looks at the event's page were shown."""
_WARM = """\
- **The places alone** are each on a partition of their own, with the 1,000 write units that
  DynamoDB gives an item: only buyers at the same place are in each other's way. That is what the
  stock allows, **{alone:.0f}** orders a second, and it is more than {wanted} tickets a second of
  one event with one ticket an order.
- **New tables** have 4,000 write and 12,000 read units a second on {partitions} partitions, and
  where keys fall unevenly one partition is full while others are not; once it is, repeats keep it
  so. What competes there is also the page: each process reads the seats of all {places}
  places once a second, which at {wanted} orders a second with {views} looks each is, with the
  event itself, {page_reads:,.0f} of the 12,000; the checkouts are another {checkout_reads:,.0f}.
  A new stage is good for
  **{at_places:.0f}** orders a second of one event in each of these draws, and for some less luck
  there is no promise: do not count on more.
- **Warmed tables** (16,000 write and 48,000 read units) sell **{warmed:.0f}** in every draw.
  Warm both tables before a sale of that size; it is done once, is kept, and costs what AWS
  charges for the units that are added (*Amazon DynamoDB pricing*, warm throughput). Tables that
  sold as fast before are as warm. An administrator does it: it asks for
  `cloudformation:DescribeStackResource` and `dynamodb:UpdateTable`, which the deployer's policies
  leave to CloudFormation.

```sh
{command}
```"""
_NEXT = """\
## What limits next

Each limit by itself, by arithmetic, the lowest first; as a new stage has them."""
_INDEXES = """\
- **One address may ask 100 times in a minute** (`client` in `infra/throttling.json`, counted by
  the firewall; beyond it a 429 with `Retry-After: 60`). Everybody behind one address of an office
  or a campus shares that: about a dozen orders a minute. Raise it before a sale to such people.
- **Stripe is the real ceiling**: in live mode 100 writes a second, of which a session is one,
  and 100 reads, of which each `verify` of an order that is not known to be paid is one. Ask
  Stripe's support for what the sale needs, six weeks before it (Stripe's page *Rate limits*):
  as many writes and reads a second as checkouts. Until then set the checkouts of
  `infra/throttling.json` to Stripe's rate: a 429 with `Retry-After` before anything is held is
  better than a 502 after. A `verify` that Stripe has no room for is a 502 as well, until the
  webhook came, which sells the ticket and sends it all the same.
- **The orders' indexes do not limit below {wanted}.** `by_event` is one partition an event, and
  is written once an order ({by_event:.0f} unit): 1,000 orders a second. `due` is written {due:g}
  times an order (put, moved, taken out) and `by_created` once, over eight keys. Eight keys on
  the four partitions of a new index can fall unevenly; five on one would still take {uneven:.0f}
  orders a second. So the eight shards are enough for one event at {wanted}, and for a sale
  beyond that the index is to be warmed, which splits it, before shards are added.
- **The event's page** of a spread event reads {page_units:g} units, {places} places among them,
  instead of {plain_units:g}; but a process of the API keeps the places' seats for a second, and at
  {wanted} checkouts a second {processes:.0f} processes are at work. Beside these the partition of
  the event's own item has room for {pages:,.0f} looks a second; after that pages answer slowly,
  and then 503. Browsers keep a page for 30 seconds, so it is looks by different
  people; a CDN before the API takes them away.
- **The orders' table** takes {orders:g} units an order for the order itself; a new one therefore
  {table:.0f} orders a second.
- **An account's ten calls at once**, which a new AWS account starts with, sell {ten:.0f} orders
  a second: ask AWS for 1,000 (*Service Quotas*, Lambda, concurrent executions) before anything
  else.
- **SES** sends 14 e-mails a second at first. Nobody is turned away for that: who gets none at
  once gets it from the timer. A sale of {seats:,} orders is {mails:.0f} minutes of mail at that
  rate."""
_SHARDS = """\
With 16 places on warmed tables, by over how many keys orders are spread in `due` and `by_created`
(`SHARDS` in `chalicelib/store/order_items.py`):"""
_RUSH = """\
## A rush

{seats:,} seats, {buyers:,} buyers with an order of one ticket each, {pays:.0%} of whom pay, half
of them within {half:.0f} seconds and half of the rest within the next; nobody tries again. What
each was answered, and what came of the seats. Never were more sold or held than there are: the
simulation stops if so, and the store's own tests show it under real crowds
(`tests/concurrency`). No function runs when it begins, so the first second is all cold starts:
that is when Lambda has no free call."""
_SMALLER = """\
### Smaller events

The same rush, {each} buyers for each seat, half of them within {half:.0f} seconds."""
_SEEN = """\
## What a buyer sees

Errors have the contract's shape. Whoever is turned away by anything but `SOLD_OUT` may try
again, and holds nothing."""


Job = tuple[Layout, Limits, Times]
"""What is searched."""
Sold = Mapping[Job, float]
"""How many orders a second are sold in every draw."""


def document() -> str:
    """Return the page; simulates for minutes, on every processor."""
    with ProcessPoolExecutor() as pool:
        jobs = list(_jobs())
        found = tqdm(pool.map(_search, jobs), total=len(jobs), unit="search")
        sold = dict(zip(jobs, found, strict=True))
        cells = [(pays, limits, seed) for _, limits in TABLES for pays in PAYING for seed in SEEDS]
        shares = dict(zip(cells, pool.map(served, *zip(*cells, strict=True)), strict=True))
        rushed = list(pool.map(rush, SCENARIOS))
    return _page(sold, shares, rushed)


def _search(job: Job) -> float:
    return most(*job)


def _jobs() -> Iterable[Job]:
    """Return all that is searched, the longest first."""
    jobs = [*_layout_jobs(), *_shard_jobs()]
    jobs += [(spread(places), limits, Times()) for _, limits in TABLES for places in PLACES]
    return sorted(dict.fromkeys(jobs), key=lambda job: -job[0].items)


def _layout_jobs() -> list[Job]:
    layouts = [*(single(description) for description in DESCRIPTIONS), spread(MOST_PLACES)]
    return [
        (layout, DYNAMODB_ONLY, Times(locked=ms / 1000)) for layout in layouts for ms in LOCKS_MS
    ]


def _shard_jobs() -> list[Job]:
    return [
        (replace(spread(MOST_PLACES), shards=shards), WARMED, Times()) for shards in SHARD_COUNTS
    ]


def _page(sold: Sold, shares: "Shares", rushed: Sequence["Rushed"]) -> str:
    times, sixteen = Times(), spread(MOST_PLACES)
    rates = {
        limits: {places: sold[spread(places), limits, times] for places in PLACES}
        for _, limits in TABLES
    }
    alone, warmed, new = rates.values()
    fewer = max(places for places in PLACES if places < MOST_PLACES)
    parts = [
        _TOP.format(naive=by_units(single(500)), draws=len(SEEDS)),
        _by_layout(sold),
        _PLOT.format(wanted=WANTED, each=2 * WANTED / MOST_PLACES, places=MOST_PLACES),
        "## How many places",
        _PLACES.format(
            units=sixteen.stock_units,
            short=single(500).stock_units,
            long=single(5_000).stock_units,
            from_seats=SPREADING.from_seats,
            seats_a_place=SPREADING.seats_a_place,
            most=SPREADING.most,
        ),
        table(
            ("places", *(f"orders a second, {name}" for name, _ in TABLES)),
            [(places, *(f"{rates[kind][places]:,.0f}" for _, kind in TABLES)) for places in PLACES],
        ),
        _WHY.format(
            places=MOST_PLACES,
            fewer=fewer,
            at_fewer=alone[fewer],
            alone=alone[MOST_PLACES],
            at_places=new[MOST_PLACES],
            more=new[max(PLACES)],
            more_alone=alone[max(PLACES)],
            tickets=2 * alone[MOST_PLACES],
            wanted=WANTED,
            draws=len(SEEDS),
        ),
        _edge_table({limits: found[MOST_PLACES] for limits, found in rates.items()}, shares),
        _WARM.format(
            wanted=WANTED,
            places=MOST_PLACES,
            partitions=DEPLOYED.partitions,
            views=Crowd(1, 1).views,
            page_reads=WANTED * Crowd(1, 1).views * sixteen.event_reads / 2
            + WANTED * checkout_seconds(Times()) * sixteen.places / 2,
            checkout_reads=WANTED * checkout_reads(sixteen),
            at_places=new[MOST_PLACES],
            warmed=warmed[MOST_PLACES],
            alone=alone[MOST_PLACES],
            command=warm_command(),
        ),
        _NEXT,
        ceilings_table(),
        _next_limits(),
        _SHARDS,
        _by_shards(sold),
        _RUSH.format(seats=SEATS, buyers=BUYERS, half=HALF_LIFE, pays=Rush(1, 1).pays),
        _rushes(rushed),
        _SMALLER.format(half=HALF_LIFE, each=BUYERS_A_SEAT),
        smaller_table(),
        _SEEN,
        seen_table(),
        "## What is assumed",
        assumed_table(),
    ]
    return "\n\n".join(parts) + "\n"


def _by_layout(sold: Sold) -> str:
    layouts = list(dict.fromkeys(layout for layout, _, _ in _layout_jobs()))
    rows = [
        (
            layout.name,
            f"{event_bytes(size):,}" if not layout.places else "",
            layout.stock_units,
            *(f"{sold[job]:.0f}" for job in _layout_jobs() if job[0] == layout),
        )
        for layout, size in zip(layouts, (*DESCRIPTIONS, 0), strict=True)
    ]
    head = ("the stock is in", "bytes", "units a transaction", *(f"{ms} ms" for ms in LOCKS_MS))
    return (
        table(head, rows)
        + "\n\nThe last columns: orders a second, by how long a transaction is at an item."
    )


def served(pays: float, limits: Limits, seed: int) -> tuple[float, float]:
    """Return the shares of buyers who are served, and of looks at the page that are answered, at
    the wanted rate on the wanted layout.
    """
    crowd = Crowd(WANTED, 30, pays=pays)
    soon = Times(soonest_paid=1, latest_paid=3)
    outcome = Sale(spread(MOST_PLACES), crowd, limits, soon, seed=seed).run()
    return outcome.share(HELD), 1 - outcome.pages_throttled / outcome.pages


Shares = Mapping[tuple[float, Limits, int], tuple[float, float]]
"""What `served` returns, by what it was asked."""


def _edge_table(sold: Mapping[Limits, float], shares: Shares) -> str:
    rows = [
        (
            name,
            f"{pays:.0%}",
            f"**{sold[limits]:.0f}**" if pays == 1 else "",
            *(" · ".join(f"{part:.1%}" for part in shares[pays, limits, seed]) for seed in SEEDS),
        )
        for name, limits in TABLES
        for pays in PAYING
    ]
    draws = (f"draw {seed}: checkouts · pages" for seed in SEEDS)
    return table(("", "pay", "orders a second in every draw", *draws), rows)


def warm_command() -> str:
    """Return what warms what a sale writes: the places, and the orders with every index."""
    indexes = [
        index["IndexName"] for index in declared_tables()["OrdersTable"]["GlobalSecondaryIndexes"]
    ]
    updates = " ".join(
        f"'Update={{IndexName={name},WarmThroughput={{{WARMTH}}}}}'" for name in indexes
    )
    return f"""\
name() {{
  aws cloudformation describe-stack-resource --stack-name events-api-prod \\
    --logical-resource-id "$1" --query StackResourceDetail.PhysicalResourceId --output text
}}
aws dynamodb update-table --table-name "$(name EventsTable)" --warm-throughput {WARMTH} &&
aws dynamodb update-table --table-name "$(name OrdersTable)" --warm-throughput {WARMTH} \\
    --global-secondary-index-updates {updates}"""


def ceilings_table() -> str:
    rows = [(one.limit, f"{one.orders:,.0f}", one.reckoning) for one in ceilings()]
    return table(("limit", "orders a second", "because"), rows)


def _by_shards(sold: Sold) -> str:
    rates = [f"{sold[job]:.0f}" for job in _shard_jobs()]
    return table(("keys", *SHARD_COUNTS), [("orders a second", *rates)])


def _next_limits() -> str:
    sixteen = spread(MOST_PLACES)
    due, times = per_sold_order("orders/due"), {one.limit: one.orders for one in ceilings()}
    processes = WANTED * checkout_seconds(Times())
    return _INDEXES.format(
        wanted=WANTED,
        by_event=per_sold_order("orders/by_event"),
        due=due,
        uneven=DEPLOYED.partition_writes / (due * 5 / 8),
        orders=per_sold_order("orders"),
        table=times["a new orders table"],
        ten=times["Lambda, 10 calls at once"],
        places=MOST_PLACES,
        page_units=page_reads(sixteen),
        plain_units=page_reads(single(500)),
        processes=processes,
        pages=(DEPLOYED.partition_reads - WANTED * sixteen.event_reads) / (sixteen.event_reads / 2),
        seats=SEATS,
        mails=SEATS / DEPLOYED.mails / 60,
    )


Rushed = tuple[int, Outcome]
"""How many seats webhooks sold, and what came of it all."""


def rush(scenario: Scenario) -> Rushed:
    """Simulate a scenario's rush; raises `AssertionError` where seats and orders do not add up."""
    sale = Sale(scenario.layout, Rush(BUYERS, HALF_LIFE), scenario.limits, capacity=SEATS)
    outcome = sale.run()
    assert sum(sale.free) + sale.held + sale.seats_sold == SEATS
    assert min(*sale.free, sale.held, sale.seats_sold) >= 0
    return sale.seats_sold, outcome


def smaller_table() -> str:
    """Return what comes of rushes on smaller events, at the limits of a new stage."""
    answers = (HELD, *SEEN)
    rows = []
    for seats in SMALLER:
        places = SPREADING.places(seats)
        layout = spread(places) if places else single(2_000)
        buyers = Rush(BUYERS_A_SEAT * seats, HALF_LIFE)
        outcome = Sale(layout, buyers, DEPLOYED, capacity=seats).run()
        counts = (f"{outcome.answers[answer]:,}" for answer in answers)
        rows.append((seats, layout.name, *counts, f"{max(outcome.held_at):.0f} s"))
    head = (
        "seats",
        "in",
        *(f"{status} {code}".strip() for status, code in answers),
        "last checkout after",
    )
    return table(head, rows)


def _rushes(rushed: Sequence[Rushed]) -> str:
    answers = (HELD, *SEEN)
    rows = []
    for scenario, (seats_sold, outcome) in zip(SCENARIOS, rushed, strict=True):
        last = max(outcome.held_at, default=0.0)
        rows.append(
            (
                scenario.name,
                *(f"{outcome.answers[answer]:,}" for answer in answers),
                f"{last:.0f} s",
                f"{outcome.within(0.95):.2f} s",
                f"{seats_sold:,}",
                f"{outcome.mails_late:,}",
                f"{outcome.most_at_once:,}",
                f"{outcome.pages_throttled / outcome.pages:.0%}",
            )
        )
    head = (
        "",
        *(f"{status} {code}".strip() for status, code in answers),
        "last checkout after",
        "95 % within",
        "sold by webhook",
        "mails left for the timer",
        "calls at once",
        "looks at the page throttled",
    )
    return table(head, rows)


def seen_table() -> str:
    rows = [
        (status, f"`{code}`", retry or "none", why) for (status, code), (retry, why) in SEEN.items()
    ]
    return table(("status", "code", "`Retry-After`", "when"), rows)


def assumed_table() -> str:
    times = Times()
    rows = [
        (
            "a partition",
            (
                f"{DEPLOYED.partition_writes:,.0f} write and {DEPLOYED.partition_reads:,.0f} read"
                " units a second, one item on one partition"
            ),
            "DynamoDB, *Understanding warm throughput*",
        ),
        (
            "burst",
            "not counted on: five minutes of unused capacity may be there, and AWS may use them",
            "DynamoDB, *Burst and adaptive capacity*",
        ),
        (
            "a new table, a new index",
            f"4,000 write units a second: {DEPLOYED.partitions} partitions, keys by their hash",
            "DynamoDB, *On-demand capacity mode*",
        ),
        (
            "a transaction",
            (
                f"{times.transaction * 1000:g} ms; for {times.locked * 1000:g} ms of them another"
                " one at the item is cancelled"
            ),
            "not published; the first table has 5 and 20 ms too",
        ),
        (
            "a cancelled transaction",
            f"{times.refused * 1000:g} ms, and costs its units at the items",
            "DynamoDB, *Transactions: how it works*: the prepare is paid",
        ),
        ("a throttled one", "costs nothing, and is tried again like a conflict", ""),
        (
            "repeats",
            (
                f"{PATIENCE:g} seconds, pauses of up to {FIRST_PAUSE * 1000:g} ms, then up to twice"
                f" as long each time, up to {LONGEST_PAUSE * 1000:g} ms, at random"
            ),
            "`chalicelib/store/patience.py`",
        ),
        (
            "a look at the event's page",
            (
                f"meets any of the API's processes, which keeps the places' seats for"
                f" {KEPT_SECONDS:g} s"
            ),
            "`chalicelib/store/kept_counts.py`",
        ),
        (
            "Stripe",
            f"{times.stripe * 1000:g} ms a session; {DEPLOYED.stripe:.0f} writes a second",
            "Stripe, *Rate limits*",
        ),
        (
            "the functions",
            (
                f"{times.checkout_processor * 1000:.1f} and {times.webhook_processor * 1000:.1f} ms"
                f" of processor; {times.checkout_start * 1000:.0f} ms more in a process that has"
                " just started"
            ),
            "measured, `budgets.md`",
        ),
        (
            "Lambda",
            (
                f"{DEPLOYED.concurrency:,} calls at once in an account, none of them ready when the"
                " sale begins; a function may start 1,000 more every 10 seconds, so that is never"
                " in the way"
            ),
            "Lambda, *Quotas* and *Scaling behavior*",
        ),
        (
            "a payment",
            f"{times.soonest_paid:.0f} to {times.latest_paid:.0f} seconds after its checkout",
            "",
        ),
        (
            "a webhook that failed",
            (
                "is not heard again here; Stripe repeats it after minutes, and the buyer's page"
                " sells before"
            ),
            "Stripe, *Webhooks*",
        ),
    ]
    return table(("what", "is", "from"), rows)


def plot() -> str:
    """Return the chart: what is sold of what is offered."""
    offered = (10, 20, 40, 80, 120, 200, 300, 400, 500, 600)
    lines = {}
    for layout in (single(5_000), single(500), spread(4), spread(8), spread(MOST_PLACES)):
        points = [(0.0, 0.0)]
        for rate in offered:
            crowd, soon = Crowd(rate, 16), Times(soonest_paid=2, latest_paid=6)
            outcome = Sale(layout, crowd, DYNAMODB_ONLY, soon).run()
            points.append((rate, min(rate, checkouts_a_second(outcome, 8, 16))))
        lines[layout.name] = points
    return chart(
        "One event, one ticket an order: DynamoDB alone in the way",
        "buyers a second",
        "checkouts a second",
        lines,
        offered[-1],
    )
