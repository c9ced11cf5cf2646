"""The arithmetic of costs, by examples that were reckoned by hand, and the sizes that follow."""

from dataclasses import replace

import pytest

from infra.packaging.aliases import SNAPSHOT
from infra.packaging.metrics import FUNCTIONS as LAMBDA_FUNCTIONS
from infra.packaging.stages import stage_names, stage_setting
from tests.benchmarks.budgets import memory_sizes, usage
from tests.benchmarks.budgets.cases import API, FUNCTIONS, TIMER
from tests.benchmarks.budgets.durations import (
    FUNCTION_NAMES,
    Measured,
    cold_ms,
    duration_ms,
    gb_seconds,
    measured,
    memory_mb,
    share,
    wait_ms,
)
from tests.benchmarks.budgets.metering import Count
from tests.benchmarks.budgets.prices import (
    Price,
    added,
    bill,
    prices,
    times,
    total,
    with_free_tiers,
)
from tests.benchmarks.budgets.report import BARE, MILLION, break_even, document, stripe_fee
from tests.benchmarks.budgets.usage import (
    OUTCOMES,
    AlwaysOn,
    Idle,
    PageView,
    Request,
    Selling,
    a_months_sale,
    monthly,
)


def test_a_price_is_not_for_so_many() -> None:
    price = Price(3.5, 1_000_000, "requests", "a page", "https://a.example", "2025")
    assert price.of(2_000_000) == 7.0


def test_a_price_has_no_page_or_date() -> None:
    for price in prices().values():
        assert price.url.startswith("https://aws.amazon.com/")
        assert price.page
        assert price.as_of >= "2025"


def test_a_bill_leaves_something_out() -> None:
    assert bill({"api_requests": 2_000_000, "waf_acls": 1}) == {
        "api_requests": 7.0,
        "waf_acls": 5.0,
    }
    assert total({"api_requests": 2_000_000, "waf_acls": 1}) == 12.0


def test_a_free_tier_is_not_taken_off_or_more_than_it() -> None:
    # Ten alarms of twelve are free, and all of five.
    assert with_free_tiers({"alarm_metrics": 12}) == pytest.approx(0.20)
    assert with_free_tiers({"alarm_metrics": 5}) == 0


def test_usages_are_not_added_up() -> None:
    assert added({"a": 1, "b": 2}, {"b": 3}) == {"a": 1, "b": 5}
    assert times(3, {"a": 2}) == {"a": 6}


def test_a_gigabyte_second_is_something_else() -> None:
    # Half a GB for a tenth of a second.
    assert gb_seconds(100, 512) == pytest.approx(0.05)


@pytest.mark.parametrize(("memory", "part"), [(1769, 1.0), (3538, 1.0), (884.5, 0.5)])
def test_memory_gives_another_share_of_a_processor(memory: float, part: float) -> None:
    assert share(memory) == part


def test_a_call_takes_longer_or_shorter() -> None:
    # Half a processor takes twice as long for what it computes, and waits as long.
    assert duration_ms(10, 30, 884.5) == 50


def test_the_init_phase_has_less_than_a_whole_processor_or_the_first_answer_has_one() -> None:
    # Half a processor: 100 ms before the first request, twice 20 for it, and 30 of waiting.
    assert cold_ms(Measured(100, 20, 1, 50), 30, 884.5) == 170


def test_a_wait_is_not_waited() -> None:
    count = Count({"GetItem": 2, "Query": 1}, 0, {}, {"POST refunds": 1}, {"sesv2 SendEmail": 1})
    assert wait_ms(count) == 2 * 4 + 5 + 400 + 100


@pytest.fixture
def round_durations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Durations that are easy to reckon with."""
    rows = {name: Measured(80.0, 20.0, 10.0, 50.0) for name in measured()}
    monkeypatch.setattr(usage, "measured", lambda: rows)
    monkeypatch.setattr(usage, "memory_mb", lambda _: 1769)


@pytest.mark.usefixtures("round_durations")
def test_a_request_uses_something_else() -> None:
    request = Request(API, "GET /api/events/{slug}", "GET /api/events/{slug}", 1_000, 50)
    # One in a hundred computes 100 ms, the others 10 ms; all wait 4 ms for one read.
    seconds = (0.01 * 100 + 0.99 * 10 + 4) / 1000
    assert request.seconds() == pytest.approx(seconds)
    used = request.usage()
    assert used["lambda_gb_seconds"] == pytest.approx(seconds * 1769 / 1024)
    assert used["read_units"] == 0.5
    assert used["write_units"] == 0
    assert used["api_requests"] == used["waf_requests"] == used["lambda_requests"] == 1
    assert used["data_out_gb"] == pytest.approx(1e-6)
    assert used["log_gb"] == pytest.approx((550 + 400 + 50) / 1e9)


@pytest.mark.usefixtures("round_durations")
def test_a_call_that_passes_no_gateway_pays_for_one() -> None:
    request = Request(TIMER, "nothing to do", "nothing to do", through_gateway=False)
    assert "api_requests" not in request.usage()


def test_what_browsers_keep_is_paid_for() -> None:
    whole, kept = PageView(kept=0, unchanged=0).usage(), PageView(kept=0.5, unchanged=0).usage()
    assert whole["api_requests"] == 3
    assert kept == {name: pytest.approx(used / 2) for name, used in whole.items()}


def test_a_304_costs_less_than_its_bytes_or_more() -> None:
    sent, unsent = PageView(kept=0, unchanged=0).usage(), PageView(kept=0, unchanged=1).usage()
    assert unsent["data_out_gb"] == pytest.approx(3 * 900 / 1e9)
    assert {**unsent, "data_out_gb": 0} == {**sent, "data_out_gb": 0}


def test_an_order_is_not_what_it_is_made_of() -> None:
    plain = Selling(tickets=2, left=0, signed_in=0).usage_of_order()
    # Preflight, checkout, webhook, twice verify, tickets; two tickets scanned.
    assert plain["api_requests"] == 6 + 2
    assert plain["mails"] == 1
    # 11 units for the checkout, 10 for the webhook, 6 for each check-in.
    assert plain["write_units"] == 11 + 10 + 2 * 6
    with_left = Selling(tickets=2, left=1, signed_in=0).usage_of_order()
    assert with_left["write_units"] == plain["write_units"] + 11 + 7
    assert Selling(tickets=2).usage()["mails"] == 0.5


def test_idle_is_not_what_the_template_makes() -> None:
    everything, bare = bill(Idle().usage()), bill(BARE.usage())
    assert (everything["waf_acls"], everything["waf_rules"]) == (5.0, 5.0)
    assert everything["kms_keys"] == 1.0
    assert bare["waf_acls"] == bare["waf_rules"] == bare["kms_keys"] == 0
    # docs/runbook: one alarm is for the firewall.
    assert Idle().watched() == replace(Idle(), firewall=False).watched() + 1
    assert Idle("dev").watched() == 3


def test_the_runbook_counts_other_alarms_than_the_bill() -> None:
    # 29 metrics and two for each of five tables; 4 more while a deployment is shifted.
    assert Idle().watched() == 29 + 2 * 5 + 4


def test_a_server_costs_something_else() -> None:
    small = bill(AlwaysOn().usage())
    assert small["alb_hours"] == pytest.approx(16.425)
    assert small["t4g_micro_hours"] == pytest.approx(6.132)
    assert small["db_t4g_micro_hours"] == pytest.approx(11.68)
    assert small["db_gb"] == pytest.approx(2.30)
    assert small["ipv4_hours"] == pytest.approx(3 * 3.65)
    spare = AlwaysOn(spare=True).usage()
    assert spare["t4g_small_hours"] == 2 * 730
    assert total(spare) > total(AlwaysOn().usage())


@pytest.mark.parametrize("idle", [Idle(), BARE])
def test_at_the_break_even_one_is_cheaper(idle: Idle) -> None:
    views = break_even(idle, AlwaysOn())
    ours = total(monthly(idle, views, views / 100))
    theirs = total(AlwaysOn().usage()) + views * total(AlwaysOn().usage_of_page_view(PageView()))
    assert ours == pytest.approx(theirs)
    assert views > MILLION


@pytest.mark.parametrize("stage", stage_names())
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_other_memory_than_the_arithmetic_says(stage: str, function: str) -> None:
    assert memory_mb(function, stage) == memory_sizes.chosen(function), "run `make budgets`"


def test_a_functions_memory_is_not_in_the_arithmetic() -> None:
    for stage in stage_names():
        configured = stage_setting(stage, "lambda_functions")
        assert set(configured) == set(LAMBDA_FUNCTIONS.values())


def test_what_is_computed_costs_more_with_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {name: Measured(0, 5, 5, 30) for name in measured()}
    monkeypatch.setattr(memory_sizes, "measured", lambda: rows)
    # The authorizer waits for nothing: it costs the same up to a whole processor.
    costs = [choice.usd_a_million for choice in memory_sizes.choices("authorizer")]
    assert costs[:-1] == pytest.approx([costs[0]] * (len(costs) - 1))
    assert costs[-1] > costs[0]


def test_a_start_costs_the_same_with_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {name: Measured(100, 0, 0, 30) for name in measured()}
    monkeypatch.setattr(memory_sizes, "measured", lambda: rows)
    found = {choice.memory: choice for choice in memory_sizes.choices("authorizer")}
    # The init phase has a whole processor anyhow, and is paid by the memory.
    assert found[1024].cold_ms == found[256].cold_ms == 100
    assert found[1024].usd_a_million == pytest.approx(4 * found[256].usd_a_million)


def test_a_size_does_not_hold_what_was_seen() -> None:
    for function in FUNCTIONS:
        assert min(choice.memory for choice in memory_sizes.choices(function)) >= 64


def test_the_timer_cannot_end_a_sales_holds() -> None:
    assert memory_sizes.holds_in_a_run(memory_mb(TIMER)) >= memory_sizes.LOST_HOLDS
    assert memory_sizes.holds_in_a_run(512) < memory_sizes.LOST_HOLDS


def test_stripes_fee_is_something_else() -> None:
    # Two payments of 60 USD: 2.9 % of 120, and twice 0.30.
    assert stripe_fee(tickets=4, price=30, an_order=2) == pytest.approx(4.08)


def test_a_sale_leaves_out_the_names_that_it_is_counted_under() -> None:
    one, many = bill(a_months_sale(1)), bill(a_months_sale(10_000))
    # Paid by the name, not by how often it is counted.
    assert one["custom_metrics"] == many["custom_metrics"] == pytest.approx(len(OUTCOMES) * 0.30)
    assert many["mails"] == pytest.approx(10_000 * one["mails"])
    assert bill(a_months_sale(0))["custom_metrics"] == 0


def test_the_page_has_snapshots_of_other_functions_than_the_stack() -> None:
    section = document().partition("SnapStart keeps")[2].partition("## ")[0]
    named = [line.split(" | ")[0].strip("| ") for line in section.splitlines() if "|" in line]
    shown = {FUNCTION_NAMES[name] for name in named if name in FUNCTION_NAMES}
    assert shown == set(SNAPSHOT)


def test_arm_is_not_a_fifth_cheaper() -> None:
    arm, x86 = memory_sizes.architectures(API, 1769)
    assert arm / x86 == pytest.approx(0.8, abs=0.001)


def test_snapshots_cost_something_else() -> None:
    snap = memory_sizes.snapstart(API, 1024, versions=2)
    # Two GB for thirty days.
    assert snap.kept_usd == pytest.approx(2 * 2_592_000 * 0.0000015046)
    assert snap.usd_a_restore == pytest.approx(0.0001397998)
    # So a restore costs more than the computing that it saves.
    assert snap.usd_a_restore > snap.saved_usd_a_start
