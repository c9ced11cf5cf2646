"""Which form a client gets, by the headers that real clients send."""

import pytest

from chalicelib.http.negotiation import preferred

HTML, JSON = "text/html", "application/json"
OPEN_METRICS, PLAIN = "application/openmetrics-text", "text/plain"
CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, HTML),
        ("", HTML),
        ("*/*", HTML),
        (CHROME, HTML),
        (JSON, JSON),
        ("APPLICATION/JSON", JSON),
        # axios, and others that name JSON before all else.
        ("application/json, text/plain, */*", JSON),
        ("*/*, application/json", JSON),
        ("application/*", JSON),
        ("text/*;q=0.5, application/json;q=0.4", HTML),
        ("text/html;q=0, */*", JSON),
        ("text/html;q=0.2, application/json;q=0.3", JSON),
        ("application/json;q=1.000, text/html;q=0.999", JSON),
        ("application/json ; charset=utf-8 ; q=0.9 , text/html ; q=0.8", JSON),
        # Nothing that there is.
        ("image/png", HTML),
        # What cannot be read weighs nothing.
        ("application/json;q=nan, text/html;q=0.1", HTML),
        ("application/json;q=7, text/html;q=0.1", HTML),
        ("application/json;q=, text/html;q=0.1", HTML),
        (";;;,,,/;q=q", HTML),
        (f"{'a/b,' * 2000}application/json", JSON),
    ],
)
def test_a_page_or_json(accept: str | None, expected: str) -> None:
    assert preferred(accept, (HTML, JSON)) == expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("*/*", JSON),
        (CHROME, JSON),
        (PROMETHEUS, OPEN_METRICS),
        (PROMETHEUS_3, OPEN_METRICS),
        ("text/plain; version=0.0.4", PLAIN),
        ("text/plain", PLAIN),
    ],
)
def test_prometheus_gets_what_it_reads(accept: str | None, expected: str) -> None:
    assert preferred(accept, (JSON, OPEN_METRICS, PLAIN)) == expected
