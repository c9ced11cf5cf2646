"""Makes of a request that fits the document one that also keeps the rules which no schema can say:
of slugs that have to exist, of prices, origins, signatures, cursors, times to come.

Only requests that are meant to be right are touched, and only what such a rule is about.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from zlib import crc32

from slugify import slugify

from chalicelib.domain.money import CURRENCIES, DEFAULT_CURRENCY, decimals
from chalicelib.domain.slugs import is_slug
from chalicelib.domain.text import query_words
from chalicelib.http.operations import IF_MATCH
from tests.fuzz.known import SHOP, KnownThings

_FUTURE = "2099-07-01T18:00:00Z"
_LONGEST_URL = 2000
_SLUGS = ("slug", "id_or_slug")
_IF_MATCH = IF_MATCH.name


@dataclass(slots=True)
class Sent:
    """A request that is about to be sent; `body` is what its JSON says."""

    method: str
    path: str
    path_parameters: dict[str, Any]
    query: dict[str, Any]
    headers: dict[str, str]
    body: Any = None
    follows_a_link: bool = False
    changed: set[str] = field(default_factory=set)


def protect(sent: Sent, known: KnownThings) -> None:
    """Lead a change of what others count on elsewhere, whatever else is wrong with it."""
    if sent.method == "GET":
        return
    for name, value in sent.path_parameters.items():
        if known.is_kept(str(value)):
            sent.path_parameters[name] = "nobody-s"
            sent.changed.add("path_parameters")


def mend_condition(sent: Sent) -> None:
    """Send a condition where the coverage phase sends `0`: it finds no value for a header's pattern
    that has quotes in it.
    """
    if sent.headers.get(_IF_MATCH) == "0":
        sent.headers[_IF_MATCH] = str(IF_MATCH.example)
        sent.changed.add("headers")


def complete(sent: Sent, known: KnownThings) -> None:
    """Make a request that fits the document keep the other rules too."""
    if not sent.follows_a_link:
        _find_something(sent, known)
    _have_a_session(sent, known)
    _have_an_order(sent, known)
    _complete_query(sent, known)
    if isinstance(sent.body, dict):
        whole = {name: _whole(value) for name, value in sent.body.items()}
        rule = _BODIES.get((sent.method, sent.path))
        if rule is not None:
            whole = rule(whole, known, _by_chance(sent, "body", 75))
        if repr(whole) != repr(sent.body):
            sent.body = whole
            sent.changed.add("body")


def _whole(value: Any) -> Any:
    """Write `7.0` as 7: JSON Schema takes either for an integer, the API does not."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _by_chance(sent: Sent, what: str, percent: int) -> bool:
    """Tell whether this request is one of so many in a hundred; the same one always or never is."""
    parts = (what, sent.path_parameters, sent.query, sent.headers, sent.body)
    return crc32(repr(parts).encode("utf-8", "replace")) % 100 < percent


def _find_something(sent: Sent, known: KnownThings) -> None:
    """Lead most requests to something that is there, each to its own where it changes it."""
    kind = next((name for name in _SLUGS if name in sent.path_parameters), None)
    if kind is None or not _by_chance(sent, "found", 75):
        return
    if sent.method == "GET":
        _put(sent, kind, known.city if sent.path.startswith("/api/cities") else known.event)
        return
    fresh = known.fresh_city() if "/cities/" in sent.path else known.fresh_event()
    if _IF_MATCH in sent.headers and _by_chance(sent, "condition", 67):
        sent.headers[_IF_MATCH] = fresh.tag
        sent.changed.add("headers")
    _put(sent, kind, fresh.slug)


def _put(sent: Sent, name: str, value: str) -> None:
    sent.path_parameters[name] = value
    sent.changed.add("path_parameters")


def _have_a_session(sent: Sent, known: KnownThings) -> None:
    session = sent.path_parameters.get("session_id")
    if session is not None and not known.gave_session(str(session)):
        _put(sent, "session_id", known.session)


def _have_an_order(sent: Sent, known: KnownThings) -> None:
    """Lead most requests about orders and tickets to some that are there; what changes them, each
    to its own.
    """
    is_about_one = "id" in sent.path_parameters or "code" in sent.path_parameters
    if not is_about_one or sent.follows_a_link or not _by_chance(sent, "order", 75):
        return
    bought = known.bought if sent.method == "GET" else known.fresh_order()
    if "code" in sent.path_parameters:
        _put(sent, "code", bought.ticket)
    elif sent.path.startswith("/api/admin/"):
        _put(sent, "id", bought.order_id)
    else:
        _put(sent, "id", bought.session_id)


def _complete_query(sent: Sent, known: KnownThings) -> None:
    if "search" in sent.query and not query_words(str(sent.query["search"])):
        sent.query["search"] = "a"
        sent.changed.add("query")
    if "cursor" in sent.query:
        # A cursor is of its list, and of where a page ended; `offset` says that in another way.
        rest = {name: sent.query[name] for name in sent.query if name not in {"cursor", "offset"}}
        cursor = known.cursor(sent.path, rest)
        sent.query = rest if cursor is None else {**rest, "cursor": cursor}
        sent.changed.add("query")


# Takes the body, and whether it is one of those that shall find what they name.
Rule = Callable[[dict[str, Any], KnownThings, bool], dict[str, Any]]


def _new_event(body: dict[str, Any], known: KnownThings, lucky: bool) -> dict[str, Any]:
    named = _with_a_slug(body, "slug", "name", known, lucky)
    named["date"] = _in_future(named["date"])
    return _described({"currency": DEFAULT_CURRENCY, **named}, known)


def _changed_event(body: dict[str, Any], known: KnownThings, _lucky: bool) -> dict[str, Any]:
    return _described(_with_another_slug(body, "slug", known), known)


def _changed_city(body: dict[str, Any], known: KnownThings, _lucky: bool) -> dict[str, Any]:
    return _with_another_slug(body, "slug" if "slug" in body else "citySlug", known)


def _with_another_slug(body: dict[str, Any], slug: str, known: KnownThings) -> dict[str, Any]:
    return {**body, slug: known.untaken(body[slug])} if slug in body else body


def _described(body: dict[str, Any], known: KnownThings) -> dict[str, Any]:
    if "citySlug" in body:
        body["citySlug"] = known.city
    if "price" in body or "currency" in body:
        body["price"] = _amount(body.get("price", 20), body.get("currency"))
    return body


def _amount(price: float, currency: object) -> float:
    """Return an amount that the currency has, whichever it is where none is sent."""
    digits = decimals(str(currency)) if currency in CURRENCIES else 0
    return round(price, digits) if digits else round(price)


def _in_future(date: object) -> str:
    """Return the date, or another where it is over or is none."""
    try:
        moment = datetime.fromisoformat(str(date))
    except ValueError:
        return _FUTURE
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return str(date) if aware > datetime.now(UTC) else _FUTURE


def _with_a_slug(
    body: dict[str, Any], slug: str, name: str, known: KnownThings, lucky: bool
) -> dict[str, Any]:
    """Send a slug that is not taken, or now and then none where the name makes one."""
    if body.get(slug) is None and not lucky and is_slug(slugify(str(body[name]))):
        return body
    return {**body, slug: known.untaken(body.get(slug))}


def _new_city(body: dict[str, Any], known: KnownThings, lucky: bool) -> dict[str, Any]:
    slug = "slug" if "slug" in body or "citySlug" not in body else "citySlug"
    return _with_a_slug(body, slug, "name" if "name" in body else "city", known, lucky)


def _checkout(body: dict[str, Any], known: KnownThings, lucky: bool) -> dict[str, Any]:
    urls = {name: _at_the_shop(str(body[name])) for name in ("successUrl", "cancelUrl")}
    if lucky or known.has_event(str(body["eventSlug"])):
        body = {**body, **known.checkout(int(body["quantity"]))}
    return {**body, **urls}


def _at_the_shop(url: str) -> str:
    """Return the URL on an origin that buyers may be sent back to."""
    rest = url.partition("://")[2].partition("/")[2]
    return f"{SHOP}/{quote(rest, safe='/?=&%')}"[:_LONGEST_URL]


_BODIES: Mapping[tuple[str, str], Rule] = {
    ("POST", "/api/admin/events"): _new_event,
    ("PUT", "/api/admin/events/{id_or_slug}"): _changed_event,
    ("PATCH", "/api/admin/events/{id_or_slug}"): _changed_event,
    ("POST", "/api/admin/cities"): _new_city,
    ("PUT", "/api/admin/cities/{slug}"): _changed_city,
    ("PATCH", "/api/admin/cities/{slug}"): _changed_city,
    ("POST", "/api/payments/checkout"): _checkout,
    ("POST", "/api/payments/create-checkout-session"): _checkout,
}
