"""Each limit by itself: how many orders a second it lets through, by arithmetic."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from chalicelib.store.kept_counts import KEPT_SECONDS
from chalicelib.store.order_items import SHARDS
from tests.benchmarks.on_sale.layouts import (
    LOOKED_AT,
    MOST_PLACES,
    Layout,
    per_sold_order,
    single,
    spread,
)
from tests.benchmarks.on_sale.limits import DEPLOYED, Limits, Times

# A sold order has two transactions at the stock: its hold and its sale.
TRANSACTIONS: Final = 2
_SMALL, _LONG = single(500), single(5_000)
_NEW_ACCOUNT: Final = 10
_VIEWS: Final = 2
_VERIFIES: Final = 2
# The first may come before the webhook; of an order that is paid Stripe is not asked.
_ASKED_OF_STRIPE: Final = 1
_REQUESTS: Final = (
    *["its page"] * _VIEWS,
    "a preflight",
    "the checkout",
    "the webhook",
    *["verify"] * _VERIFIES,
    "the tickets",
)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """So many orders a second, and why."""

    limit: str
    orders: float
    reckoning: str


def by_units(layout: Layout, limits: Limits = DEPLOYED) -> float:
    """Return how many orders a second the stock's write units allow, if none is in another's way
    and the places are even over the partitions.
    """
    partitions = min(layout.items, limits.partitions)
    return limits.partition_writes * partitions / (TRANSACTIONS * layout.stock_units)


def by_locks(layout: Layout, times: Times) -> float:
    """Return how many orders a second the stock's items allow, if one transaction after another is
    at each without a pause.
    """
    return layout.items / times.locked / TRANSACTIONS


def page_reads(layout: Layout) -> float:
    """Return what a look at the event's page reads: its item, and every place where the process
    has not kept them.
    """
    return (layout.event_reads + layout.places) / 2


def checkout_seconds(times: Times) -> float:
    """Return how long a checkout takes: at so many a second it is as many processes."""
    return times.checkout_processor + times.read + times.transaction + times.stripe + times.put


def checkout_reads(layout: Layout) -> float:
    """Return what a checkout reads: the event as it is now, and some of the places."""
    return layout.event_reads + (LOOKED_AT / 2 if layout.places else 0)


def by_reads(
    layout: Layout, views: int, limits: Limits = DEPLOYED, times: Times | None = None
) -> float:
    """Return how many orders a second the reads of the events' table allow, each after so many
    looks at the event's page, if the places are even over the partitions. A process reads the
    places once in a second, and there are as many as checkouts keep busy; the event's own item,
    on one partition, is read by everybody.
    """
    partitions = min(layout.items, limits.partitions)
    own = views * layout.event_reads / 2 + layout.event_reads
    places = min(views, checkout_seconds(times or Times()) / KEPT_SECONDS) * layout.places / 2
    each = views * layout.event_reads / 2 + places + checkout_reads(layout)
    return min(limits.partition_reads / own, limits.partition_reads * partitions / each)


def by_concurrency(running: int, times: Times) -> float:
    """Return how many orders a second so many calls at once allow: checkout and webhook."""
    checkout = checkout_seconds(times)
    webhook = times.webhook_processor + 2 * times.read + times.transaction + times.mail + times.put
    return running / (checkout + webhook)


def ceilings(limits: Limits = DEPLOYED) -> list[Ceiling]:
    """Return every limit's, the lowest first."""
    return sorted(_all(limits, Times()), key=lambda ceiling: ceiling.orders)


def _all(limits: Limits, times: Times) -> Iterator[Ceiling]:
    for layout in (_SMALL, _LONG, spread(MOST_PLACES)):
        yield Ceiling(
            f"write units of the stock: {layout.name}",
            by_units(layout, limits),
            f"{TRANSACTIONS} transactions of {layout.stock_units} units,"
            f" {min(layout.items, limits.partitions)} times {limits.partition_writes:,.0f} units",
        )
        yield Ceiling(
            f"transactions at the stock: {layout.name}",
            by_locks(layout, times),
            f"{times.locked * 1000:g} ms of a transaction at each of {layout.items}, no pause",
        )
    for layout in (_SMALL, spread(MOST_PLACES)):
        yield Ceiling(
            f"reads of the event: {layout.name}",
            by_reads(layout, _VIEWS, limits, times),
            f"{_VIEWS} looks at its page of {layout.event_reads / 2:g} units, a checkout of"
            f" {checkout_reads(layout):g}, and {layout.places / 2:g} a second for the places by"
            " each process",
        )
    yield Ceiling("Stripe, writes", limits.stripe, "a session is one write")
    yield Ceiling(
        "Stripe, reads",
        limits.stripe_reads / _ASKED_OF_STRIPE,
        f"the success page asks {_VERIFIES} times; {_ASKED_OF_STRIPE} of them, before the webhook"
        " came, reads the session",
    )
    yield Ceiling(
        "API Gateway's throttle of checkouts",
        limits.gateway,
        f"`infra/throttling.json`, after a burst of {limits.gateway_burst:,.0f}",
    )
    yield Ceiling(
        "API Gateway's throttle of the event's page",
        limits.other_methods / _VIEWS,
        f"{limits.other_methods:,.0f} a second for each method without limits of its own,"
        f" {_VIEWS} looks an order",
    )
    yield Ceiling(
        "API Gateway, an account",
        limits.account / len(_REQUESTS),
        f"{limits.account:,.0f} requests a second; an order has {len(_REQUESTS)}:"
        f" {', '.join(_REQUESTS)}",
    )
    for running in (_NEW_ACCOUNT, limits.concurrency):
        yield Ceiling(
            f"Lambda, {running:,} calls at once",
            by_concurrency(running, times),
            "a checkout and a webhook, most of which is waiting for Stripe and SES",
        )
    yield Ceiling("SES's rate", limits.mails, "only the mail is late: the timer sends it")
    yield from _of_orders(limits)


def _of_orders(limits: Limits) -> Iterator[Ceiling]:
    table = limits.partition_writes * limits.partitions
    units = per_sold_order("orders")
    yield Ceiling("a new orders table", table / units, f"{units:g} units an order of {table:,.0f}")
    for index, partitions in (
        ("by_event", 1),
        ("by_created", limits.partitions),
        ("due", limits.partitions),
        ("by_session", limits.partitions),
    ):
        units = per_sold_order(f"orders/{index}")
        spread_over = {
            "by_event": "one partition: all of one event",
            "by_session": f"{partitions} partitions of a new index",
        }.get(index, f"{len(SHARDS)} keys over {partitions} partitions of a new index, if even")
        yield Ceiling(
            f"index `{index}`",
            limits.partition_writes * partitions / units,
            f"{units:g} written an order, {spread_over}",
        )
