"""The health page's text: nothing that comes from outside is more than text in it."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.http.health_page import render

PARTS = ("healthy", "degraded", "unhealthy")


def a_health(status: str = "healthy", **changes: Any) -> dict[str, Any]:
    checks: dict[str, Any] = {
        "database": {"status": "healthy", "latencyMs": 4.2},
        "payments": {"status": "healthy", "latencyMs": 81.0},
        "memory": {"status": "healthy", "usedMb": 143, "limitMb": 1024, "usedPercent": 13},
    }
    checks |= {name: changes.pop(name) for name in list(changes) if name in checks}
    return {
        "status": status,
        "timestamp": "2027-06-15T09:00:00.123Z",
        "version": "0.1.0",
        "environment": "prod",
        "uptime": 93_784.2,
        "checks": checks,
        **changes,
    }


class Reader(HTMLParser):
    """The elements, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def text_of(health: dict[str, Any]) -> str:
    return " ".join(Reader(render(health, "")[0]).text.split())


@pytest.mark.parametrize("field", ["environment", "version"])
@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "</dd></dl><img src=x onerror=alert(1)>",
        "\"'><style>*{display:none}</style>",
        "$status ${icon} $$ %s {0}",
        "<!--",
        "&lt;b&gt;",
    ],
)
def test_a_hostile_name_is_shown_as_it_is_and_is_nothing_else(field: str, hostile: str) -> None:
    usual = Reader(render(a_health(), "")[0])
    page = Reader(render(a_health(**{field: hostile}), "")[0])

    assert page.tags == usual.tags
    assert page.attributes == usual.attributes
    assert hostile in page.text


@given(st.text())
def test_no_name_adds_an_element(name: str) -> None:
    usual = Reader(render(a_health(), "")[0])
    page = Reader(render(a_health(environment=name), "")[0])

    assert (page.tags, page.attributes) == (usual.tags, usual.attributes)


def test_the_policy_allows_the_pages_own_style_sheet_and_nothing_else() -> None:
    page, policy = render(a_health(), "")
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def test_the_page_has_no_script_no_handler_no_inline_style_and_no_other_host() -> None:
    page, _ = render(a_health(), "")
    read = Reader(page)

    assert "script" not in read.tags
    assert not [name for name in read.attributes if name == "style" or name.startswith("on")]
    addresses = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert [one for one in addresses if not one.startswith("data:image/svg+xml,")] == [
        "health",
        "health/json",
        "api/docs",
    ]


def test_below_a_last_slash_addresses_lead_one_level_up() -> None:
    page, _ = render(a_health(), "../")
    assert 'href="../health/json"' in page


@pytest.mark.parametrize(
    ("health", "words"),
    [
        (
            a_health(),
            [
                "All systems work",
                "Database Works",
                "answered in 4.2 ms",
                "answered in 81 ms",
                "143 of 1024 MB",
                "Memory Enough",
                "2027-06-15 09:00:00 UTC",
            ],
        ),
        (
            a_health("degraded", payments={"status": "unhealthy", "latencyMs": None}),
            ["Some things do not work", "Payments Does not work", "Buying tickets may fail"],
        ),
        (
            a_health(
                "degraded",
                memory={"status": "degraded", "usedMb": 950, "limitMb": 1024, "usedPercent": 92},
            ),
            ["Memory Running out", "memory is running out"],
        ),
        (
            a_health("unhealthy", database={"status": "unhealthy", "latencyMs": None}),
            ["The service is down", "Database Does not work"],
        ),
        (
            a_health(
                memory={"status": "healthy", "usedMb": 75, "limitMb": None, "usedPercent": None}
            ),
            ["Of the process that answered 75 MB"],
        ),
    ],
)
def test_how_it_is_is_said_in_words(health: dict[str, Any], words: list[str]) -> None:
    # Elements that follow each other without a blank are one word to this reader.
    page = render(health, "")[0].replace("</", " </")
    text = " ".join(Reader(page).text.split())
    for expected in words:
        assert expected in text


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.4, "0 s"),
        (59, "59 s"),
        (61, "1 min 1 s"),
        (3_600, "1 h 0 min"),
        (93_784.2, "1 d 2 h"),
        (8_640_000, "100 d 0 h"),
    ],
)
def test_the_time_since_its_start_is_said_in_its_two_largest_units(
    seconds: float, shown: str
) -> None:
    assert f"Up for{shown}" in text_of(a_health(uptime=seconds))
