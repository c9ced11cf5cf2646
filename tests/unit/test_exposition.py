"""Figures in Prometheus' formats, read by a reader that is as strict as their grammars."""

import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.http.exposition import open_metrics_text, prometheus_text
from chalicelib.services.figures import OUTCOMES, Figures, ResponseTimes, Source
from chalicelib.version import VERSION
from tests.support.exposition import read_open_metrics, read_text

SINCE = datetime(2027, 6, 15, tzinfo=UTC)
FIGURES = Figures(
    source=Source.CLOUDWATCH,
    since=SINCE,
    until=datetime(2027, 6, 15, 9, 5, tzinfo=UTC),
    requests=1200,
    client_errors=30,
    server_errors=2,
    times=ResponseTimes(p50=0.0125, p95=0.25, p99=1.5, total=60.25),
    outcomes={outcome.name: number for number, outcome in enumerate(OUTCOMES)},
)
NOTHING_YET = replace(
    FIGURES,
    requests=0,
    client_errors=0,
    server_errors=0,
    times=ResponseTimes(None, None, None, 0.0),
    outcomes=dict.fromkeys(FIGURES.outcomes, 0),
)
DURATION = "events_api_http_request_duration_seconds"


def test_the_text_format_has_every_number() -> None:
    families = read_text(prometheus_text(FIGURES, "prod"))

    info = families["events_api_info"]
    assert info.samples == {("events_api_info", f'version="{VERSION}",stage="prod"'): 1}
    requests = families["events_api_http_requests_total"]
    assert requests.kind == "counter"
    assert requests.samples == {
        ("events_api_http_requests_total", 'outcome="success"'): 1168,
        ("events_api_http_requests_total", 'outcome="client_error"'): 30,
        ("events_api_http_requests_total", 'outcome="server_error"'): 2,
    }
    assert families[DURATION].kind == "summary"
    assert families[DURATION].samples == {
        (DURATION, 'quantile="0.5"'): 0.0125,
        (DURATION, 'quantile="0.95"'): 0.25,
        (DURATION, 'quantile="0.99"'): 1.5,
        (f"{DURATION}_sum", ""): 60.25,
        (f"{DURATION}_count", ""): 1200,
    }
    until = families["events_api_figures_until_timestamp_seconds"]
    assert list(until.samples.values()) == [FIGURES.until.timestamp()]


def test_open_metrics_has_the_same_numbers_and_since_when() -> None:
    families = read_open_metrics(open_metrics_text(FIGURES, "prod"))

    assert families["events_api"].kind == "info"
    checkouts = families["events_api_checkouts"]
    assert checkouts.samples == {
        ("events_api_checkouts_total", ""): 0,
        ("events_api_checkouts_created", ""): SINCE.timestamp(),
    }
    assert families[DURATION].unit == "seconds"
    assert families[DURATION].samples[f"{DURATION}_count", ""] == 1200
    paid = families["events_api_paid_orders"].samples["events_api_paid_orders_total", ""]
    assert paid == FIGURES.outcomes["OrderPaid"]


def test_every_outcome_is_a_counter() -> None:
    text = read_text(prometheus_text(FIGURES, "prod"))
    open_metrics = read_open_metrics(open_metrics_text(FIGURES, "prod"))

    kinds = [family.kind for family in text.values()]
    assert kinds.count("counter") == len(OUTCOMES) + 1
    assert [family.kind for family in open_metrics.values()].count("counter") == len(OUTCOMES) + 1


def test_where_nothing_was_asked_there_is_no_percentile() -> None:
    families = read_text(prometheus_text(NOTHING_YET, "prod"))
    read_open_metrics(open_metrics_text(NOTHING_YET, "prod"))

    assert math.isnan(families[DURATION].samples[DURATION, 'quantile="0.99"'])
    assert families[DURATION].samples[f"{DURATION}_count", ""] == 0


@given(st.text())
def test_a_hostile_stage_stays_within_its_label(stage: str) -> None:
    usual = read_text(prometheus_text(FIGURES, "prod")).keys()

    assert read_text(prometheus_text(FIGURES, stage)).keys() == usual
    assert len(read_open_metrics(open_metrics_text(FIGURES, stage))) == len(usual)


def test_a_stage_that_ends_its_label_is_escaped() -> None:
    stage = 'a"} 1\n# EOF\nevil_total 7\\'

    (sample,) = read_text(prometheus_text(FIGURES, stage))["events_api_info"].samples

    assert sample[1] == f'version="{VERSION}",stage="a\\"}} 1\\n# EOF\\nevil_total 7\\\\"'


@pytest.mark.parametrize(
    "broken",
    [
        "a_total 1\n",
        "# HELP a_total A.\n# TYPE a_total counter\na_total -1\n",
        "# HELP a A.\n# TYPE a counter\na 1\n",
        "# HELP a A.\n# TYPE a gauge\na 1\na 1\n",
        '# HELP a A.\n# TYPE a gauge\na{b="\\x"} 1\n',
        "# HELP a A.\n# TYPE a gauge\na NaN\n",
        "# HELP a A.\n# TYPE a gauge\na 1",
        "# HELP a A.\n# TYPE a info\na_info 1\n",
    ],
)
def test_the_reader_would_see_what_is_wrong(broken: str) -> None:
    with pytest.raises(AssertionError):
        read_text(broken)
