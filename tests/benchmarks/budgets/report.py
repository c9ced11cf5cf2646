"""`docs/budgets.md`, made of the counts, the prices and the measured durations that are kept."""

from collections.abc import Iterable, Mapping, Sequence

from infra.packaging.aliases import SNAPSHOT
from tests.benchmarks.budgets import counts, memory_sizes
from tests.benchmarks.budgets.cases import API, AUTHORIZER, FUNCTIONS, TIMER, WEBHOOK
from tests.benchmarks.budgets.counts import Line
from tests.benchmarks.budgets.durations import (
    FULL_PROCESSOR_MB,
    FUNCTION_NAMES,
    OTHERS_MS,
    STRIPE_MS,
    WAITS_MS,
    circumstances,
    measured,
    memory_mb,
    share,
)
from tests.benchmarks.budgets.metering import Count
from tests.benchmarks.budgets.prices import bill, prices, times, total, with_free_tiers
from tests.benchmarks.budgets.usage import (
    ACCESS_LOG_BYTES,
    COLD,
    FUNCTION_LOG_BYTES,
    OUTCOMES,
    TRACED,
    AlwaysOn,
    Idle,
    PageView,
    Selling,
    a_months_sale,
    monthly,
)
from tests.benchmarks.budgets.world import SAMPLES

MILLION = 1_000_000
TICKETS = 10_000
# Page views a month, and for each hundred of them a ticket.
LEVELS = (0, 10_000, 100_000, MILLION, 3 * MILLION, 10 * MILLION)
VIEWS_A_TICKET = 100
# Stripe's page "Pricing": cards in the US, a payment.
STRIPE_RATE, STRIPE_USD = 0.029, 0.30
PRICE_USD, LOW_PRICE_USD = 30, 5
BARE = Idle(firewall=False, alarm_email=False)
STAGES = (
    ("`prod`, all on", Idle()),
    ("`prod`, `Firewall=off`", Idle(firewall=False)),
    ("`prod`, `Firewall=off`, no `AlarmEmail`", BARE),
    ("`dev`, `Firewall=off`, no `AlarmEmail`", Idle("dev", firewall=False, alarm_email=False)),
)

_TOP = """\
# What a request asks for, and what it costs

Made by `make budgets`; a test counts every line again and fails where this page is stale.

Each line is a good request in a small shop with fixed data, as a deployed stage is wired:
DynamoDB with the declared tables, Stripe by its SDK, the secrets in SSM, mail by SES. Read and
write units follow DynamoDB's published rules, from the sizes of the items that are read and
written: a transaction costs double, every index entry that comes, goes or changes costs by
itself. The event's description has about 500 characters; an order has two tickets. How costs
grow with the catalogue is in `growth.md`, an order's life in `selling.md`."""
_ROUTES = f"""\
A 304 costs what a 200 costs. A reset puts in {SAMPLES} of the sample events here, and all of
them in life."""
_COLD = """\
What a function that has just started asks for besides, once: it keeps Stripe's secrets for five
minutes, and the issuer's keys as long as it lives."""


def document() -> str:
    """Return the whole page."""
    lines = [line for line in counts.kept() if not line.cold]
    parts = [
        _TOP,
        "## Routes",
        _ROUTES,
        _table_of(line for line in lines if line.function == API),
        *_of_functions(lines),
        "## Just started",
        _COLD,
        _cold_table(),
        *_costs(),
        *_months(),
        *_memory(),
        *_others(),
        "## The prices",
        _PRICES,
        _price_table(),
    ]
    return "\n\n".join(parts) + "\n"


def _of_functions(lines: Sequence[Line]) -> Iterable[str]:
    titles = {WEBHOOK: "The webhook", TIMER: "The timer, a run", AUTHORIZER: "The authorizer"}
    for function, title in titles.items():
        yield f"## {title}"
        yield _table_of(line for line in lines if line.function == function)


def _table_of(lines: Iterable[Line]) -> str:
    head = ("what", "DynamoDB calls", "read units", "write units", "Stripe calls", "others")
    return table(head, [(_name(line), *_figures(line.count)) for line in lines])


def _name(line: Line) -> str:
    shown = [f"`{name}`" if "/" in name else name for name in (line.name, *line.also)]
    return " = ".join(shown)


def _figures(count: Count) -> tuple[str, ...]:
    return (
        _called(count.operations),
        _number(count.read_units),
        _number(count.write_units),
        _called(count.stripe),
        _called(count.others),
    )


def _called(calls: Mapping[str, int]) -> str:
    return ", ".join(name if times_ == 1 else f"{times_} {name}" for name, times_ in calls.items())


def _number(value: float) -> str:
    return f"{value:g}" if value else ""


def _cold_table() -> str:
    rows = []
    for line in counts.kept():
        if line.cold:
            warm = _warm(line).others
            more = {name: n - warm.get(name, 0) for name, n in line.count.others.items()}
            rows.append((line.function, _called({name: n for name, n in more.items() if n})))
    return table(("function", "asks besides"), rows)


def _warm(line: Line) -> Count:
    name = line.name.removesuffix(", just started")
    return counts.of(line.function, {"a good token": "a good token, keys known"}.get(name, name))


_COSTS = """\
On AWS's public prices (below), free tiers left out. A page view is the list, one event and the
cities: three requests, of which {kept:.0%} are answered by the browser's own cache
(`max-age=30`), so {requests:.1f} arrive; {unchanged:.0%} of those are 304s, which cost the same
but for the bytes. {cold:.0%} of the calls are cold. Tickets are sold two an order: a preflight
and a checkout, the webhook with the mail, the success page that asks twice and shows the
tickets, each ticket scanned; for each order {left} checkouts are left and expire;
{signed_in:.0%} of the buyers are signed in. Page views are not in it, and neither is Stripe's
fee.

Custom metrics are paid by the name, in a month in which they get data, and not by the ticket: of
all names (`observability.md`) ordinary sales raise {names}, whether of one ticket or of ten
thousand: {metrics}. The first ten of an account are free, which like all free tiers is left out
here; refusals, refunds and failures have names of their own."""
_FEE = """\
**Stripe's fee** is {fee:,.0f} USD for the same ten thousand tickets at {price:.0f} USD each, two
a payment ({rate:.1%} + {fixed:.2f} for cards in the US, Stripe's page *Pricing*): {times:,.0f}
times what AWS is paid for them. At {low:.0f} USD a ticket it is {low_times:,.0f} times."""


def _costs() -> list[str]:
    view, selling = PageView(), Selling()
    told = _COSTS.format(
        kept=view.kept,
        requests=view.requests(),
        unchanged=view.unchanged,
        cold=COLD,
        left=selling.left,
        signed_in=selling.signed_in,
        names=len(OUTCOMES),
        metrics=", ".join(f"`{name}`" for name in OUTCOMES),
    )
    views, sold = bill(times(MILLION, view.usage())), bill(a_months_sale(TICKETS))
    rows = [
        (_SAID[name], _usd(views.get(name, 0)), _usd(sold[name]))
        for name in sorted(sold, key=lambda name: -views.get(name, 0) - sold[name])
    ]
    rows.append(("**together**", _bold(sum(views.values())), _bold(sum(sold.values()))))
    head = ("USD", "a million page views", "ten thousand tickets")
    return [
        "## A million page views, ten thousand tickets",
        told,
        table(head, rows),
        _fee(sum(sold.values())),
    ]


def stripe_fee(tickets: int, price: float, an_order: int) -> float:
    """Return what Stripe takes for so many tickets, so many of them an order, in USD."""
    return tickets * price * STRIPE_RATE + tickets / an_order * STRIPE_USD


def _fee(ours: float) -> str:
    fees = [stripe_fee(TICKETS, price, Selling().tickets) for price in (PRICE_USD, LOW_PRICE_USD)]
    return _FEE.format(
        fee=fees[0],
        price=PRICE_USD,
        rate=STRIPE_RATE,
        fixed=STRIPE_USD,
        times=fees[0] / ours,
        low=LOW_PRICE_USD,
        low_times=fees[1] / ours,
    )


_MONTHS = """\
What is there and paid for while nobody calls, by what the stack's template makes. Free tiers are
those that never end, in an account that uses them for nothing else."""
_NOT_ZERO = """\
So idle is not quite nothing. The firewall is most of it (parameter `Firewall`), then alarms,
which in production watch {watched} metrics and in other stages three, and a key for their mail
(parameter `AlarmEmail`). The dashboard is free where the account has no more than three. The
timer's runs, the tables and their point-in-time recovery are cents; the stack has no switch for
them. With all switches off a stage costs {bare} USD in production and {dev} in `dev` beyond the
free tiers."""
_ALTERNATIVE = """\
The smallest thing that is always on: an Application Load Balancer in two zones, one t4g.micro,
PostgreSQL on db.t4g.micro with 20 GB, three public IPv4 addresses; no firewall, no alarms, one
instance to lose and to patch. Next to it the same with a spare: two t4g.small in two zones and a
database in both, which is nearer to what this stack has by itself. A ticket for every {ratio}
page views; free tiers left out."""
_EVEN = """\
- **Break-even** against the smallest: {even:.1f} million page views a month with everything on,
  {bare:.1f} million without firewall and alarms' mail (which the other has not either). That is
  {second:.1f} page views a second, day and night.
- **Break-even** against the one with a spare: {spare:.1f} million with everything on.
- Beyond that, it is API Gateway that costs ({share:.0%} of a page view): an HTTP API would take
  1.00 USD a million instead of 3.50, and has neither the firewall, API keys nor gateway
  responses that this one is made of; a CDN before the API would answer most page views by
  itself."""


def _months() -> list[str]:
    idle = [
        (
            name,
            *(_usd(bill(stage.usage()).get(price, 0)) for price in _IDLE_COLUMNS),
            _usd(_rest(stage)),
            _bold(total(stage.usage())),
            _bold(with_free_tiers(stage.usage())),
        )
        for name, stage in STAGES
    ]
    head = (
        "USD a month",
        "web ACL",
        "its rules",
        "alarms",
        "dashboard",
        "key",
        "timer, tables, logs, packages",
        "together",
        "beyond free tiers",
    )
    told = _NOT_ZERO.format(
        watched=Idle().watched(),
        bare=_usd(with_free_tiers(BARE.usage())),
        dev=_usd(with_free_tiers(STAGES[-1][1].usage())),
    )
    return [
        "## A month in which nobody calls",
        _MONTHS,
        table(head, idle),
        told,
        "## Next to a server that is always on",
        _ALTERNATIVE.format(ratio=VIEWS_A_TICKET),
        _levels(),
        _break_evens(),
    ]


_IDLE_COLUMNS = ("waf_acls", "waf_rules", "alarm_metrics", "dashboards", "kms_keys")


def _rest(stage: Idle) -> float:
    costs = bill(stage.usage())
    return sum(usd for price, usd in costs.items() if price not in _IDLE_COLUMNS)


def _levels() -> str:
    rows = [
        (
            f"{views:,}",
            _usd(_ours(Idle(), views)),
            _usd(_ours(BARE, views)),
            _usd(_theirs(AlwaysOn(), views)),
            _usd(_theirs(AlwaysOn(spare=True), views)),
        )
        for views in LEVELS
    ]
    head = (
        "page views a month",
        "this, all on",
        "this, no firewall, no mail of alarms",
        "smallest that is always on",
        "the same with a spare",
    )
    return table(head, rows)


def _ours(idle: Idle, views: float) -> float:
    return total(monthly(idle, views, views / VIEWS_A_TICKET))


def _theirs(server: AlwaysOn, views: float) -> float:
    return total(server.usage()) + views * total(server.usage_of_page_view(PageView()))


def break_even(idle: Idle, server: AlwaysOn) -> float:
    """Return at how many page views a month both cost the same."""
    resting, viewed = total(monthly(idle, 0, 0)), total(monthly(idle, 1, 0))
    # The first ticket brings the names that sales are counted under; each further one itself.
    sold_one, sold_two = total(monthly(idle, 0, 1)), total(monthly(idle, 0, 2))
    a_ticket = sold_two - sold_one
    ours = viewed - resting + a_ticket / VIEWS_A_TICKET
    theirs = total(server.usage_of_page_view(PageView()))
    return (total(server.usage()) - (sold_one - a_ticket)) / (ours - theirs)


def _break_evens() -> str:
    even = break_even(Idle(), AlwaysOn())
    view = bill(PageView().usage())
    return _EVEN.format(
        even=even / MILLION,
        bare=break_even(BARE, AlwaysOn()) / MILLION,
        spare=break_even(Idle(), AlwaysOn(spare=True)) / MILLION,
        second=even / (30 * 24 * 3600),
        share=view["api_requests"] / sum(view.values()),
    )


_MEMORY = """\
Memory buys a share of a processor: all of one at {full:,} MB ("Configure Lambda function
memory"), and one thread has no use of more. What a function computes in a request costs the same
with little memory as with much, and is done sooner with much; what it waits costs more with more.
So the size is the one at which money and waiting come to the least, an hour of somebody's waiting
taken for {hour:.2f} USD, and {cold:.0%} of the calls for cold. Twice what it was seen to use has
to fit.

**Assumed: Lambda's init phase has a whole processor, whatever the memory.** That is everything
before the first request is handed over: the start of Python, imports, and what
`chalicelib/functions/init_phase.py` does ahead. AWS does not promise it; functions with little
memory are seen to start as fast as large ones. The phase is paid by the memory all the same
(*AWS Lambda standardizes billing for INIT phase*, August 2025), so a start costs more with more
memory and is no sooner over. The first request and all others have the memory's share. If the
init phase had only that too, a start would take `init / share` longer, and more memory would be
worth more.

The processor's time was measured by `{command}` on the built package, in processes that are
started as Lambda starts them (`tests/benchmarks/track`), on Python {python} ({machine}, {date};
medians of {processes} processes); a Lambda processor may be faster or slower, and all sizes with
it. Waits are assumed: {waits} ms; Stripe {stripe:.0f}, {others}."""
_CHOSEN = """\
The timer has nobody who waits. It has to end {holds:,} holds in one run all the same, if a whole
sale's webhooks were lost: {at_chosen:,} is what {memory:,} MB have processor's time for. Nobody
would notice another size of the authorizer: the next smaller one comes to {authorizer:.2f} USD more
a million calls, waiting included.
`.chalice/config.json` has these sizes in every stage, and a test holds them against this
arithmetic."""


def _memory() -> list[str]:
    found = circumstances()
    told = _MEMORY.format(
        full=FULL_PROCESSOR_MB,
        hour=memory_sizes.USD_AN_HOUR,
        cold=COLD,
        command="make budgets MEASURE=1",
        **found,
        waits=", ".join(f"{name} {ms:g}" for name, ms in WAITS_MS.items()),
        stripe=STRIPE_MS,
        others=", ".join(f"{name} {ms:g}" for name, ms in OTHERS_MS.items()),
    )
    rows = [
        (
            function if choice.memory != memory_mb(function) else f"**{function}**",
            f"{choice.memory:,}" + (" ← chosen" if choice.memory == memory_mb(function) else ""),
            f"{share(choice.memory):.2f}",
            f"{choice.cold_ms:,.0f}",
            f"{choice.warm_ms:,.1f}",
            f"{choice.usd_a_million:,.2f}",
            f"{choice.worth:,.2f}",
        )
        for function in FUNCTIONS
        for choice in memory_sizes.choices(function)
    ]
    head = (
        "function",
        "MB",
        "share of a processor",
        "cold, ms",
        "warm, ms",
        "USD a million calls",
        "with what waiting is worth",
    )
    timer = memory_mb(TIMER)
    chosen = _CHOSEN.format(
        holds=memory_sizes.LOST_HOLDS,
        at_chosen=memory_sizes.holds_in_a_run(timer),
        memory=timer,
        authorizer=_next_smaller(AUTHORIZER),
    )
    times_ = [
        (
            f"`{name}`" if "/" in name else name,
            f"{one.init_ms:,}",
            f"{one.first_ms:,.0f}",
            f"{one.warm_ms:g}",
            one.peak_mb,
        )
        for name, one in measured().items()
    ]
    seen = table(("processor's time, ms", "init phase", "first answer", "warm", "peak MB"), times_)
    return ["## Memory", told, seen, table(head, rows), chosen]


def _next_smaller(function: str) -> float:
    """Return how much more the next smaller size of a function comes to."""
    found = memory_sizes.choices(function)
    at = next(i for i, choice in enumerate(found) if choice.memory == memory_mb(function))
    return found[at - 1].worth - found[at].worth


_ARM = """\
If both are equally fast, arm64 is a fifth cheaper by the millisecond, for the same requests:"""
_SNAP = """\
SnapStart keeps a snapshot of each published version, at 0.0000015046 USD a GB-second for Python,
whether or not anybody calls, and every version that CloudFormation leaves behind is one more; a
start then restores it instead of computing, at 0.00014 USD a GB."""
_SNAP_NO = """\
These are the functions that have it where it is asked for (`SnapStart=on`, a parameter of the
stack, `deploying.md`; Python 3.12 or later). A snapshot is taken after the init phase, which then
also loads everything that any later request needs (`for_snapshots` in `app.py`) and has made the
clients: a restored function has all that behind it. So it saves the init phase, {init:.0f} ms of
processor's time of the API and {webhook:.0f} of the webhook, and most of what the first request
of a kind takes, such as {first:.0f} ms of a first checkout; instead a start takes as long as the
restore, of which AWS publishes no figure.

A stage costs {kept:.2f} USD a month more with it while nobody calls, for one version of each of
the {functions} functions, and more with each deployment until old versions are deleted; and each
restore of the API costs {factor:.0f} times the computing of the init phase that it saves. It is
off unless asked for: a site that is quiet, which meets cold starts most, would pay that on top of
{idle:.2f} USD for everything else while nobody calls."""


def _others() -> list[str]:
    arm_rows = []
    for function in FUNCTIONS:
        arm, x86 = memory_sizes.architectures(function, memory_mb(function))
        arm_rows.append((function, f"{arm:.2f}", f"{x86:.2f}"))
    snaps = {
        name: memory_sizes.snapstart(name, memory_mb(name))
        for name, logical_id in FUNCTION_NAMES.items()
        if logical_id in SNAPSHOT
    }
    snap_rows = [
        (
            name,
            f"{snap.kept_usd:.2f}",
            f"{snap.kept_usd * 3:.2f}",
            f"{snap.usd_a_restore * MILLION:,.2f}",
            f"{snap.saved_usd_a_start * MILLION:,.2f}",
        )
        for name, snap in snaps.items()
    ]
    api = snaps[API]
    told = _SNAP_NO.format(
        kept=sum(snap.kept_usd for snap in snaps.values()),
        functions={2: "two"}.get(len(snaps), len(snaps)),
        factor=api.usd_a_restore / api.saved_usd_a_start,
        init=measured()["GET /api/events/{slug}"].init_ms,
        webhook=measured()["checkout.session.completed (paid)"].init_ms,
        first=measured()["POST /api/payments/checkout"].first_ms,
        idle=total(Idle().usage()),
    )
    snap_head = (
        "function",
        "USD a month, one version",
        "three versions",
        "a million restores",
        "init phases saved by them",
    )
    return [
        "## arm64, and SnapStart",
        _ARM,
        table(("USD a million calls", "arm64", "x86_64"), arm_rows),
        _SNAP,
        table(snap_head, snap_rows),
        told,
    ]


_PRICES = f"""\
us-east-1, USD, in `tests/benchmarks/budgets/prices.json`: change them there, and run `make
budgets`. Assumed besides: {ACCESS_LOG_BYTES} bytes of access log and {FUNCTION_LOG_BYTES} of
Lambda's own lines a request, {TRACED:.0%} of the requests traced, a mail of 25 kB. Look at the
pages before you rely on them."""


def _price_table() -> str:
    rows = [
        (
            f"{price.usd:.10f}".rstrip("0").rstrip("."),
            f"{price.per:,.0f} {price.unit}" if price.per > 1 else price.unit,
            f"{price.free:,.0f}" if price.free else "",
            f"[{price.page}]({price.url})",
            price.as_of,
        )
        for price in prices().values()
    ]
    return table(("USD", "for", "free for ever", "page", "as of"), rows)


_SAID: Mapping[str, str] = {
    "api_requests": "API Gateway",
    "waf_requests": "WAF",
    "log_gb": "logs",
    "data_out_gb": "traffic to the internet",
    "lambda_gb_seconds": "Lambda, duration",
    "lambda_requests": "Lambda, requests",
    "xray_traces": "traces",
    "mails": "e-mails",
    "mail_gb": "their attachments",
    "custom_metrics": f"custom metrics: {len(OUTCOMES)} names, whatever the number",
    "read_units": "DynamoDB, reads",
    "write_units": "DynamoDB, writes",
}


def _usd(value: float) -> str:
    return f"{value:,.2f}"


def _bold(value: float) -> str:
    return f"**{_usd(value)}**"


def table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines)
