"""The dashboard: a body that CloudWatch takes, of metrics that exist."""

import json
from typing import Any

import pytest

from chalicelib.observability import METRICS_NAMESPACE
from infra.packaging.alarms import alarms
from infra.packaging.dashboard import dashboard_resources
from infra.tables import declared_tables
from tests.infra.aws_metrics import DOCUMENTED
from tests.infra.counted_metrics import counted_by_code
from tests.infra.filled_in import filled_in
from tests.infra.sam import resources
from tests.infra.test_alarms import WEB_ACL
from tests.infra.watches import dimension_values, watches

# "Dashboard body structure and syntax".
GRID_WIDTH = 24
HIGHEST = 1000
# "Amazon CloudWatch pricing", free tier: so many metrics on each of three dashboards.
FREE_METRICS = 50


@pytest.fixture
def body(stack: dict[str, Any]) -> dict[str, Any]:
    """The body as CloudWatch gets it."""
    (dashboard,) = resources(stack, "AWS::CloudWatch::Dashboard").values()
    return parsed(filled_in(dashboard["DashboardBody"], {"HasFirewall": True}))


def parsed(text: str) -> dict[str, Any]:
    assert "${" not in text
    found: dict[str, Any] = json.loads(text)
    return found


def lines(body: dict[str, Any]) -> list[tuple[str, str, dict[str, str], dict[str, Any]]]:
    """Namespace, name, dimensions and options of every line of every graph."""
    found = []
    for widget in body["widgets"]:
        for namespace, name, *rest in widget["properties"].get("metrics", ()):
            *dimensions, options = rest
            pairs = dict(zip(dimensions[::2], dimensions[1::2], strict=True))
            found.append((namespace, name, pairs, options))
    return found


def test_widgets_lie_on_the_grid_and_not_on_each_other(body: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in body["widgets"]:
        assert widget["type"] in {"metric", "text", "alarm"}
        assert 1 <= widget["height"] <= HIGHEST
        across = range(widget["x"], widget["x"] + widget["width"])
        assert across.stop <= GRID_WIDTH
        down = range(widget["y"], widget["y"] + widget["height"])
        cells = {(x, y) for x in across for y in down}
        assert not cells & taken
        taken |= cells
    assert len(taken) == GRID_WIDTH * (1 + max(y for _, y in taken))


def test_every_metric_that_is_shown_exists(body: dict[str, Any], stage: str) -> None:
    counted = counted_by_code()
    for namespace, name, dimensions, options in lines(body):
        assert options["label"]
        if namespace == METRICS_NAMESPACE:
            assert name in counted
            assert dimensions == {"stage": stage}
        else:
            assert set(dimensions) == set(DOCUMENTED[namespace, name][0])


def test_every_metric_that_is_shown_is_of_what_the_stack_has(
    body: dict[str, Any], stack: dict[str, Any], stage: str
) -> None:
    there = dimension_values(stack, stage)
    for _, name, dimensions, _ in lines(body):
        for dimension, value in dimensions.items():
            assert value in there[dimension], name


def test_it_says_how_to_read_it_and_shows_alarms_first(
    body: dict[str, Any], stack: dict[str, Any]
) -> None:
    text, alarm, *_ = body["widgets"]
    assert "Read from the top" in text["properties"]["markdown"]
    prefix = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:"
    names = [watch.properties["AlarmName"] for watch in watches(stack).values()]
    assert sorted(alarm["properties"]["alarms"]) == sorted(f"{prefix}{name}" for name in names)


def test_it_shows_all_that_an_operator_asks_for(body: dict[str, Any]) -> None:
    shown = {name for _, name, _, _ in lines(body)}
    assert {
        *("CheckoutStarted", "OrderPaid", "LatePaymentSold", "LatePaymentRefunded", "Refund"),
        *("Count", "4XXError", "5XXError", "WebhookFailed", "WebhookRejected", "ChoreFailed"),
        *("OldestPendingOrderAge", "PaidWithoutTicket", "StoreFailed", "Throttles"),
    } <= shown
    statistics = {options["stat"] for _, name, _, options in lines(body) if name == "Latency"}
    assert statistics == {"p50", "p99"}
    for table in declared_tables():
        of_table = {name for _, name, own, _ in lines(body) if own == {"TableName": f"<{table}>"}}
        assert len(of_table) == 4


def test_graphs_say_their_region_and_statistic(body: dict[str, Any]) -> None:
    for widget in body["widgets"]:
        if widget["type"] == "metric":
            assert widget["properties"]["region"] == "eu-central-1"
    assert {options["stat"] for *_, options in lines(body)} == {"Sum", "Maximum", "p50", "p99"}


def test_it_stays_within_what_is_free(body: dict[str, Any]) -> None:
    metrics = {(namespace, name, *own.items()) for namespace, name, own, _ in lines(body)}
    assert len(metrics) <= FREE_METRICS


def test_an_alarm_that_may_not_be_there_is_shown_where_it_is() -> None:
    laid = dashboard_resources("prod", {"WebAcl": WEB_ACL})
    body = laid["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
    shown = {
        there: parsed(filled_in(body, {"HasFirewall": there}))["widgets"][1]["properties"]["alarms"]
        for there in (True, False)
    }
    assert len(shown[True]) == len(alarms("prod", {"WebAcl": WEB_ACL}))
    (more,) = set(shown[True]) - set(shown[False])
    assert more.endswith("alarm:shop-tomorrow-firewall-blocking")


def test_its_address_is_an_output(stack: dict[str, Any]) -> None:
    assert filled_in(stack["Outputs"]["DashboardURL"]["Value"], {}) == (
        "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1"
        "#dashboards/dashboard/shop"
    )
