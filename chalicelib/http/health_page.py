"""The health page: plain HTML that needs no script and nothing from anywhere else.

Its words are fixed ones; the version and the stage's name, which come from outside, are escaped.
"""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

_STATIC = Path(__file__).resolve().parents[1] / "static"

# Drawn in a square of 24; each has a shape of its own, for who does not see its colour.
_SHAPES = {
    "healthy": '<circle cx="12" cy="12" r="10"/><path d="m7.5 12.5 3 3 6-7"/>',
    "degraded": '<path d="M12 2.8 22.5 21h-21z"/><path d="M12 9.5v5M12 17.6v.1"/>',
    "unhealthy": '<path d="M8 2h8l6 6v8l-6 6H8l-6-6V8z"/><path d="m8.5 8.5 7 7m0-7-7 7"/>',
}
_COLOURS = {"healthy": "#14713a", "degraded": "#8a5300", "unhealthy": "#b3201b"}
_TITLES = {
    "healthy": "All systems work",
    "degraded": "Some things do not work",
    "unhealthy": "The service is down",
}
_ALL_WELL = "Events can be looked at, and tickets be bought."
_DOWN = "The database does not answer. Nothing can be looked at or bought until it does."
_NO_SALES = "Events can be looked at. Buying tickets may fail until payments work again."
_LITTLE_MEMORY = "Everything can be used, but memory is running out."
_WORDS = {"healthy": "Works", "unhealthy": "Does not work"}
_WORDS_OF_MEMORY = {"healthy": "Enough", "degraded": "Running out"}
_CHECKS = {
    "database": ("Database", "Events, orders and tickets"),
    "payments": ("Payments", "Buying tickets, and refunds"),
    "memory": ("Memory", "Of the process that answered"),
}


def render(health: Mapping[str, Any], above: str) -> tuple[str, str]:
    """Return the page of a health as JSON shows it, and the policy that it works under.

    `above` leads from the page's address to where relative addresses begin.
    """
    status = health["status"]
    page = Template(_read("health.html")).substitute(
        title=_TITLES[status],
        icon=_icon(status),
        style=_style(),
        status=status,
        shape=_SHAPES[status],
        meaning=_meaning(health),
        checks="\n".join(_check(name, health["checks"][name]) for name in _CHECKS),
        environment=escape(str(health["environment"])),
        version=escape(str(health["version"])),
        uptime=_duration(int(health["uptime"])),
        timestamp=health["timestamp"],
        checked_at=_readable(health["timestamp"]),
        above=above,
    )
    return page, _policy()


def _policy() -> str:
    """Return the narrowest policy under which the page works (CSP Level 3): this very style sheet,
    the icon in its own address, and nothing else, no script either.
    """
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@cache
def _style() -> str:
    return _read("health.css")


@cache
def _read(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")


def _icon(status: str) -> str:
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" '
        f'stroke="{_COLOURS[status]}" stroke-width="3">{_SHAPES[status]}</svg>'
    )
    return f"data:image/svg+xml,{quote(drawn)}"


def _meaning(health: Mapping[str, Any]) -> str:
    if health["status"] == "healthy":
        return _ALL_WELL
    if health["status"] == "unhealthy":
        return _DOWN
    paid = health["checks"]["payments"]["status"] == "healthy"
    return _LITTLE_MEMORY if paid else _NO_SALES


def _check(name: str, check: Mapping[str, Any]) -> str:
    title, what = _CHECKS[name]
    status = check["status"]
    shape = (
        '<svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">'
        f"{_SHAPES[status]}</svg>"
    )
    if name == "memory":
        word = _WORDS_OF_MEMORY[status]
        figure, bar = _memory(check)
    else:
        word, figure, bar = _WORDS[status], _latency(check), ""
    return (
        f'<li class="{status}" id="{name}">{shape}<div>'
        f'<div class="row"><h3>{title}</h3><span class="word">{word}</span></div>'
        f'<div class="row detail"><span>{what}</span><span>{figure}</span></div>{bar}</div></li>'
    )


def _latency(check: Mapping[str, Any]) -> str:
    milliseconds = check["latencyMs"]
    return "" if milliseconds is None else f"answered in {milliseconds:g} ms"


def _memory(check: Mapping[str, Any]) -> tuple[str, str]:
    """Return what is used in words, and as a bar where it is known of how much."""
    used, limit, percent = (check[key] for key in ("usedMb", "limitMb", "usedPercent"))
    if limit is None:
        return f"{used} MB", ""
    bar = (
        f'<meter min="0" max="100" high="90" optimum="0" value="{percent}" '
        f'aria-label="Memory in use">{percent} %</meter>'
    )
    return f"{used} of {limit} MB", bar


def _duration(seconds: int) -> str:
    """Return a time in its two largest units."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _readable(timestamp: str) -> str:
    """Return a moment without its milliseconds."""
    day, _, time = timestamp.partition("T")
    return f"{day} {time[:8]} UTC"
