"""The requests that are measured, and which of them must cost the same however many events there
are.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from chalicelib.domain.clock import to_iso
from chalicelib.domain.event_facts import EventOrder
from chalicelib.domain.events import Event
from chalicelib.http.query import MAX_OFFSET
from tests.benchmarks.catalogue.made_up import (
    BUSY_CITY,
    FREQUENT_WORD,
    QUIET_CITY,
    RARE_EVENTS,
    RARE_PREFIX,
    RARE_WORD,
    made_up_event,
)
from tests.support.lambda_api import Answer, LambdaApi, signed_in

# Of the words by frequency, one of the first hundred.
_LESS_FREQUENT_WORD = "astronomy"
_BIG_PAGE = 100
# With so many events, those of the busy city fill a page.
_BUSY_SIZE = 1_000
# The time of day at which a list of what is coming up cuts a day in two, whenever this is run.
_NOON = timedelta(hours=12)
_ADMIN_EVENTS = "/api/admin/events"
_ADDED_SLUG = "measured"
_ADDED_EVENT = f"{_ADMIN_EVENTS}/{_ADDED_SLUG}"


Send = Callable[[], Answer]


@dataclass(frozen=True)
class Steps:
    """A request, and what has to be done before and after each time that it is sent."""

    send: Send
    before: Send | None = None
    after: Send | None = None


@dataclass(frozen=True)
class Case:
    """A request. `prepare` finds out what it takes for a catalogue of this size, unmeasured.

    A steady one must not cost more when there are more events. `size` is how many there have to be
    for it to make sense, `passes_over` its offset.
    """

    name: str
    prepare: Callable[[LambdaApi, int], Steps]
    is_steady: bool = False
    size: int = 0
    passes_over: int = 0


def cases(today: datetime) -> list[Case]:
    """Return every request that is measured, in the order of the table."""
    return [
        *_pages(),
        *_single(made_up_event(RARE_EVENTS[0], today)),
        *_city_pages(),
        *_dates(today + _NOON),
        *_searches(),
        _reads("Prices from 40 to 60", minPrice=40, maxPrice=60),
        *_offsets(),
        _steady_at("Cities", "/api/cities"),
        *_admin(today),
    ]


def _pages() -> list[Case]:
    orders = [
        _steady(f"First page, by {order.value} {end}", orderBy=order.value, sortOrder=end)
        for order in EventOrder
        for end in ("asc", "desc")
    ]
    return [
        _steady("First page"),
        *orders,
        Case("Page by cursor, in the middle", _middle_page, is_steady=True),
    ]


def _single(event: Event) -> list[Case]:
    return [
        _steady_at("One event", f"/api/events/{event.slug}"),
        _steady_at("Its calendar file", f"/api/events/{event.slug}/calendar.ics"),
    ]


def _city_pages() -> list[Case]:
    orders = [
        _steady(f"City of 60 events, by {order.value}", city=QUIET_CITY, orderBy=order.value)
        for order in EventOrder
    ]
    return [
        *orders,
        _steady("City of a tenth of all events", _BUSY_SIZE, city=BUSY_CITY),
        _steady(
            "City of a tenth of all events, by name", _BUSY_SIZE, city=BUSY_CITY, orderBy="name"
        ),
    ]


def _dates(now: datetime) -> list[Case]:
    since, coming = to_iso(now), {"from": to_iso(now), "sortOrder": "asc"}
    until = to_iso(now + timedelta(days=30))
    return [
        # By how many events today still has: they are counted, later days are kept numbers.
        _reads("Upcoming", **coming),
        _steady("Upcoming, in a city of 60 events", city=QUIET_CITY, **coming),
        _reads("Upcoming, in a city of a tenth", city=BUSY_CITY, **coming),
        _reads("A month, by date", **{"from": since, "to": until}),
        _reads("A month, by name", **{"from": since, "to": until, "orderBy": "name"}),
    ]


def _searches() -> list[Case]:
    return [
        _steady("Search, 10 hits: one word", search=RARE_WORD),
        _steady("Search, 10 hits: one word, by name", search=RARE_WORD, orderBy="name"),
        _steady("Search, 10 hits: one word, in a city", search=RARE_WORD, city=BUSY_CITY),
        _steady("Search, 10 hits: beginning of a word", search=RARE_PREFIX),
        _steady("Search, 10 hits: two words", search=f"{RARE_WORD} {FREQUENT_WORD}"),
        _reads("Search, many hits: a word of every 30th event", search=_LESS_FREQUENT_WORD),
        _reads("Search, many hits: a word of every 3rd event", search=FREQUENT_WORD),
        _reads("Search, many hits: both", search=f"{FREQUENT_WORD} {_LESS_FREQUENT_WORD}"),
    ]


def _offsets() -> list[Case]:
    return [
        Case(
            f"Offset {offset:,}",
            _get(_list_url(offset=offset)),
            size=offset + _BIG_PAGE,
            passes_over=offset,
        )
        for offset in (100, 1_000, MAX_OFFSET)
    ]


def _steady(name: str, size: int = 0, /, **query: Any) -> Case:
    return replace(_steady_at(name, _list_url(**query)), size=size)


def _steady_at(name: str, url: str) -> Case:
    return Case(name, _get(url), is_steady=True)


def _reads(name: str, **query: Any) -> Case:
    return Case(name, _get(_list_url(**query)))


def _list_url(**query: Any) -> str:
    return "/api/events" + (f"?{urlencode(query)}" if query else "")


def _get(url: str) -> Callable[[LambdaApi, int], Steps]:
    return lambda api, _: Steps(lambda: api.get(url))


def _middle_page(api: LambdaApi, size: int) -> Steps:
    """Go through half of the list by its cursors, as its readers would."""
    cursor = ""
    for _ in range(max(1, size // 2 // _BIG_PAGE)):
        page = api.get(_list_url(limit=_BIG_PAGE, **({"cursor": cursor} if cursor else {})))
        cursor = page.json["pagination"]["nextCursor"]
    url = f"/api/events?cursor={quote(cursor)}"
    return Steps(lambda: api.get(url))


# What admins do. What is added is deleted again, so that the catalogue stays as it was.


def _admin(today: datetime) -> list[Case]:
    described = _described(made_up_event(RARE_EVENTS[0], today))
    return [
        Case("Admin: list of all statuses", _admin_list),
        _writes("Admin: add an event", lambda admin: _adding(admin, described)),
        _changes("Admin: change its price", described, {"price": 25}),
        _changes("Admin: change its description", described, {"description": "Other words."}),
        _changes("Admin: change its date", described, {"date": "2099-06-15"}),
        _writes("Admin: delete it", lambda admin: _deleting(admin, described)),
    ]


def _writes(name: str, steps: Callable[["_Admin"], Steps]) -> Case:
    return Case(name, lambda api, _: steps(_Admin(api)), is_steady=True)


def _changes(name: str, described: dict[str, Any], change: dict[str, Any]) -> Case:
    return _writes(name, lambda admin: _changing(admin, described, change))


class _Admin:
    """Sends an admin's requests."""

    def __init__(self, api: LambdaApi) -> None:
        self._api = api

    def sending(self, method: str, url: str, body: dict[str, Any] | None = None) -> Send:
        """Return what sends such a request."""
        caller = signed_in(ttl=86_400)
        return lambda: self._api.request(method, url, json_body=body, caller=caller)


def _admin_list(api: LambdaApi, _: int) -> Steps:
    return Steps(_Admin(api).sending("GET", _ADMIN_EVENTS))


def _adding(admin: _Admin, described: dict[str, Any]) -> Steps:
    return Steps(
        admin.sending("POST", _ADMIN_EVENTS, described),
        after=admin.sending("DELETE", _ADDED_EVENT),
    )


def _changing(admin: _Admin, described: dict[str, Any], change: dict[str, Any]) -> Steps:
    return Steps(
        admin.sending("PATCH", _ADDED_EVENT, change),
        before=admin.sending("POST", _ADMIN_EVENTS, described),
        after=admin.sending("DELETE", _ADDED_EVENT),
    )


def _deleting(admin: _Admin, described: dict[str, Any]) -> Steps:
    return Steps(
        admin.sending("DELETE", _ADDED_EVENT),
        before=admin.sending("POST", _ADMIN_EVENTS, described),
    )


def _described(event: Event) -> dict[str, Any]:
    """Return the body that describes an event like this one, on another day."""
    return {
        "name": event.name,
        "slug": _ADDED_SLUG,
        "date": to_iso(event.date + timedelta(days=1)),
        "citySlug": event.city_slug,
        "location": event.location,
        "organizerName": event.organizer_name,
        "imageUrl": event.image_url,
        "description": event.description,
        "price": 20,
        "capacity": event.capacity,
    }
