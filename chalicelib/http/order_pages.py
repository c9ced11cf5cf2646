"""Pages of orders: what a list is asked for with, and the JSON that answers it."""

from collections.abc import Callable

from chalicelib.domain.orders import Order
from chalicelib.http.cursors import decode_cursor, encode_cursor
from chalicelib.http.order_json import Json
from chalicelib.http.query import CURSOR_PATTERN, LIMIT, OpenParameter
from chalicelib.http.requests import ApiRequest
from chalicelib.services.port_types import OrderPage

Listing = tuple[str | None, ...]

CURSOR = OpenParameter(
    "cursor",
    "Where the page before ended: its `pagination.nextCursor`, with the same filters.",
    CURSOR_PATTERN,
)
# What `read_page` reads.
PAGE_PARAMETERS = (LIMIT, CURSOR)


def read_page(request: ApiRequest, listing: Listing) -> tuple[int, str | None]:
    """Return how many orders are asked for, and after which one; raises `InvalidInput`.

    `listing` is what makes the list: a cursor of another one is refused.
    """
    limit, cursor = LIMIT.read(request), CURSOR.read(request)
    return limit, None if cursor is None else decode_cursor(listing, cursor)


def page_json(page: OrderPage, limit: int, listing: Listing, show: Callable[[Order], Json]) -> Json:
    """Return a page's JSON; `show` writes each order."""
    after = page.next_after
    return {
        "orders": [show(order) for order in page.orders],
        "pagination": {
            "limit": limit,
            "hasMore": after is not None,
            "nextCursor": None if after is None else encode_cursor(listing, after),
        },
    }
