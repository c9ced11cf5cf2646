"""Figures as Prometheus reads them, in its text format (version 0.0.4) and as OpenMetrics 1.0.

Sources: "Exposition formats" and "Metric and label naming" of Prometheus' documentation;
OpenMetrics 1.0, "Text format".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.services.figures import OUTCOMES, Figures
from chalicelib.version import VERSION

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_PREFIX = "events_api_"
_DURATION = f"{_PREFIX}http_request_duration_seconds"
_UPPER = re.compile(r"(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class _Counter:
    """One family of counters; `label` is empty or what stands in its braces."""

    name: str
    meaning: str
    samples: tuple[tuple[str, int], ...]


def prometheus_text(figures: Figures, stage: str) -> str:
    """Write the figures as Prometheus' text format has them."""
    return "".join(f"{line}\n" for line in _text_lines(figures, stage))


def open_metrics_text(figures: Figures, stage: str) -> str:
    """Write the figures as OpenMetrics has them: counters say since when they count."""
    return "".join(f"{line}\n" for line in _open_metrics_lines(figures, stage))


def _text_lines(figures: Figures, stage: str) -> Iterator[str]:
    info = f"{_PREFIX}info"
    yield from _head(info, "gauge", "What this is")
    yield f"{info}{_about(stage)} 1"
    for counter in _counters(figures):
        total = f"{counter.name}_total"
        yield from _head(total, "counter", counter.meaning)
        yield from (f"{total}{labels} {value}" for labels, value in counter.samples)
    yield from _head(_DURATION, "summary", "Response times")
    yield from _duration(figures)
    yield from _window(figures)


def _open_metrics_lines(figures: Figures, stage: str) -> Iterator[str]:
    since = f"{figures.since.timestamp():.3f}"
    yield from _head(_PREFIX.rstrip("_"), "info", "What this is")
    yield f"{_PREFIX}info{_about(stage)} 1"
    for counter in _counters(figures):
        yield from _head(counter.name, "counter", counter.meaning)
        for labels, value in counter.samples:
            yield f"{counter.name}_total{labels} {value}"
            yield f"{counter.name}_created{labels} {since}"
    yield from _head(_DURATION, "summary", "Response times")
    yield f"# UNIT {_DURATION} seconds"
    yield from _duration(figures)
    yield f"{_DURATION}_created {since}"
    yield from _window(figures)
    yield "# EOF"


def _head(name: str, kind: str, meaning: str) -> Iterator[str]:
    yield f"# HELP {name} {meaning}."
    yield f"# TYPE {name} {kind}"


def _about(stage: str) -> str:
    return f'{{version="{_escaped(VERSION)}",stage="{_escaped(stage)}"}}'


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _counters(figures: Figures) -> Iterator[_Counter]:
    errors = figures.client_errors + figures.server_errors
    yield _Counter(
        f"{_PREFIX}http_requests",
        "Requests that were answered, by what they came to",
        (
            ('{outcome="success"}', figures.requests - errors),
            ('{outcome="client_error"}', figures.client_errors),
            ('{outcome="server_error"}', figures.server_errors),
        ),
    )
    for outcome in OUTCOMES:
        name = f"{_PREFIX}{_UPPER.sub('_', outcome.shown).lower()}"
        yield _Counter(name, outcome.meaning, (("", figures.outcomes[outcome.name]),))


def _duration(figures: Figures) -> Iterator[str]:
    times = figures.times
    for quantile, seconds in (("0.5", times.p50), ("0.95", times.p95), ("0.99", times.p99)):
        # Of no request there is no percentile.
        value = "NaN" if seconds is None else f"{seconds:.6f}"
        yield f'{_DURATION}{{quantile="{quantile}"}} {value}'
    yield f"{_DURATION}_sum {times.total:.6f}"
    yield f"{_DURATION}_count {figures.requests}"


def _window(figures: Figures) -> Iterator[str]:
    """Say which time the counters are of."""
    for end, moment in (("since", figures.since), ("until", figures.until)):
        name = f"{_PREFIX}figures_{end}_timestamp_seconds"
        yield from _head(name, "gauge", f"The figures are of the time {end} then")
        yield f"{name} {moment.timestamp():.3f}"
