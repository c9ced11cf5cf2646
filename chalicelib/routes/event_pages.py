"""Lists of events: the query that asks for a page, and the JSON that answers it."""

from typing import NamedTuple

from chalicelib.domain.event_facts import EventOrder
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import EventStatus
from chalicelib.errors import InvalidInput
from chalicelib.http.cursors import decode_cursor, encode_cursor
from chalicelib.http.query import (
    CURSOR,
    LIMIT,
    OFFSET,
    WORDS_PATTERN,
    AmountParameter,
    ChoiceParameter,
    MomentParameter,
    OpenParameter,
    TextParameter,
    read_words,
)
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import to_json
from chalicelib.services.port_types import EventPage, PageRequest

Listing = tuple[str | None, ...]

SEARCH = TextParameter(
    "search",
    max_length=50,
    description="Words, each of which must begin a word of the event's name, description, city, "
    "location or organizer, in any letter case and without accents.",
    pattern=WORDS_PATTERN,
)
CITY = OpenParameter("city", "The slug of a city; an unknown one gives an empty list.")
FROM = MomentParameter("from", end_of_day=False, description="Only events from this time on.")
TO = MomentParameter(
    "to", end_of_day=True, description="Only events up to this time; of a date, its whole day."
)
MIN_PRICE = AmountParameter("minPrice", "Only events at this price or a higher one.")
MAX_PRICE = AmountParameter("maxPrice", "Only events at this price or a lower one.")
# What `read_filter` reads.
FILTER_PARAMETERS = (SEARCH, CITY, FROM, TO, MIN_PRICE, MAX_PRICE)

ORDER_BY = ChoiceParameter(
    "orderBy",
    {order.value: order for order in EventOrder},
    EventOrder.DATE,
    aliases=("sortBy",),
    description="What to sort by.",
)
SORT_ORDER = ChoiceParameter(
    "sortOrder",
    {"asc": False, "desc": True},
    default=True,
    aliases=("order",),
    description="Which end comes first.",
)
STATUS: ChoiceParameter[EventStatus | None] = ChoiceParameter(
    "status",
    {status.value: status for status in EventStatus},
    None,
    description="Only events of this status.",
)
# What `read_list` reads.
LIST_PARAMETERS = (*FILTER_PARAMETERS, ORDER_BY, SORT_ORDER, LIMIT, OFFSET, CURSOR)


class ListRequest(NamedTuple):
    """Which list is asked for, in which order, and which page of it."""

    wanted: EventFilter
    order: EventOrder
    page: PageRequest
    listing: Listing
    """What makes the list, for its cursors."""


def read_list(request: ApiRequest, name: str, statuses: tuple[EventStatus, ...]) -> ListRequest:
    """Return what a request for a list of events asks for; raises `InvalidInput`."""
    wanted = read_filter(request, statuses)
    order, descending = ORDER_BY.read(request), SORT_ORDER.read(request)
    listing = (name, *written(wanted), order.value, "desc" if descending else "asc")
    page = _read_page(request, listing, descending=descending)
    return ListRequest(wanted, order, page, listing)


def read_filter(request: ApiRequest, statuses: tuple[EventStatus, ...]) -> EventFilter:
    """Return which events of these statuses are asked for; raises `InvalidInput`."""
    return EventFilter(
        statuses=statuses,
        words=read_words(request, SEARCH),
        city_slug=CITY.read(request),
        since=FROM.read(request),
        until=TO.read(request),
        min_price=MIN_PRICE.read(request),
        max_price=MAX_PRICE.read(request),
    )


def written(wanted: EventFilter) -> Listing:
    """Write a filter as part of what makes a list, for its cursors."""
    facts = wanted.by_facts()
    statuses = ",".join(status.value for status in wanted.statuses)
    return (statuses, " ".join(wanted.words), facts.city_slug, *facts.dates, *facts.prices)


def _read_page(request: ApiRequest, listing: Listing, *, descending: bool) -> PageRequest:
    limit, offset, cursor = LIMIT.read(request), OFFSET.read(request), CURSOR.read(request)
    if cursor is None:
        return PageRequest(limit, offset, None, descending)
    if offset:
        raise InvalidInput.of("cursor", "cannot be combined with offset", "cursor_and_offset")
    return PageRequest(limit, 0, decode_cursor(listing, cursor), descending)


def page_json(found: EventPage, asked: ListRequest) -> str:
    """Write a page. Events are stored as the JSON that is sent, so they are only put together."""
    after = found.page.next_after
    pagination = {
        "limit": asked.page.limit,
        "offset": asked.page.offset,
        "hasMore": after is not None,
        "nextCursor": None if after is None else encode_cursor(asked.listing, after),
    }
    events = ",".join(found.page.items)
    return f'{{"count":{found.count},"events":[{events}],"pagination":{to_json(pagination)}}}'
