"""Lists of events: the query that asks for a page, and the JSON that answers it."""

from chalicelib.domain.events import EventStatus
from chalicelib.errors import InvalidInput
from chalicelib.http.cursors import decode_cursor, encode_cursor
from chalicelib.http.query import LIMIT, OFFSET, ChoiceParameter
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import to_json
from chalicelib.services.catalogue import EventPage
from chalicelib.services.ports import PageRequest

Listing = tuple[str | None, ...]

# Filters of the contract that are not built yet.
NOT_YET = ("search", "from", "to", "minPrice", "maxPrice")

ORDER_BY = ChoiceParameter("orderBy", {"date": "date"}, "date", aliases=("sortBy",))
SORT_ORDER = ChoiceParameter(
    "sortOrder", {"asc": False, "desc": True}, default=True, aliases=("order",)
)
STATUS: ChoiceParameter[EventStatus | None] = ChoiceParameter(
    "status", {status.value: status for status in EventStatus}, None
)


def read_page(request: ApiRequest, listing: Listing) -> tuple[PageRequest, Listing]:
    """Return which page is asked for, and what makes the list it is of; raises `InvalidInput`."""
    order_by, descending = ORDER_BY.read(request), SORT_ORDER.read(request)
    whole = (*listing, order_by, "desc" if descending else "asc")
    limit, offset, cursor = LIMIT.read(request), OFFSET.read(request), request.query("cursor")
    after = None
    if cursor is not None:
        if offset:
            raise InvalidInput.of("cursor", "cannot be combined with offset", "cursor_and_offset")
        after = decode_cursor(whole, cursor)
    return PageRequest(limit, offset, after, descending), whole


def page_json(found: EventPage, page: PageRequest, listing: Listing) -> str:
    """Write a page. Events are stored as the JSON that is sent, so they are only put together."""
    after = found.page.next_after
    pagination = {
        "limit": page.limit,
        "offset": page.offset,
        "hasMore": after is not None,
        "nextCursor": None if after is None else encode_cursor(listing, after),
    }
    events = ",".join(found.page.items)
    return f'{{"count":{found.count},"events":[{events}],"pagination":{to_json(pagination)}}}'
