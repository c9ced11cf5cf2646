"""What admins do with orders."""

from chalice.app import Response

from chalicelib import wiring
from chalicelib.domain.orders import OrderStatus
from chalicelib.domain.slugs import is_slug
from chalicelib.errors import KeyInUse, NotFound, PaymentProviderError, RefundRefused
from chalicelib.functions.guard import jwt_authorizer
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.idempotency import idempotency_key, read_key
from chalicelib.http.operations import Answer, Body, Operation, PathParameter, Tag
from chalicelib.http.order_json import admin_order, listed_order
from chalicelib.http.order_pages import PAGE_PARAMETERS, page_json, read_page
from chalicelib.http.query import ChoicesParameter, OpenParameter
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import json_response
from chalicelib.services.port_types import OrderPage, OrderQuery

blueprint = ApiBlueprint(__name__)

ORDER_ID = PathParameter("id", "The order's id.", example="01JZX5K7Q8M9N0P1R2S3T4V5W6")
EVENT = OpenParameter(
    "event", "The id (all digits) or the slug of an event; an unknown one gives an empty list."
)
STATUS = ChoicesParameter(
    "status",
    {status.value: status for status in OrderStatus},
    "Only orders of this status, or of one of several with commas between them.",
)
REFUND_KEY = idempotency_key(
    "The client's name for this refund. The same key with the same body is the same refund, "
    "however often it is sent; with another body it is a 409. Without a key, the same body is the "
    "same refund."
)
REFUND_EXAMPLES = {
    "All that is left": {},
    "Part of the money": {"amount": 20.5, "reason": "The second act was cut"},
    "One ticket": {"quantity": 1},
    "All of it, without seats for others": {"returnSeats": False},
}
# Longer than any id is.
_MAX_ID_DIGITS = 18


@blueprint.api(
    "/api/admin/orders",
    authorizer=jwt_authorizer,
    describes=Operation(
        summary="List orders",
        tag=Tag.ADMIN_ORDERS,
        parameters=(EVENT, STATUS, *PAGE_PARAMETERS),
        answers=(Answer("A page of orders.", model="AdminOrderList"),),
    ),
)
def list_all_orders(request: ApiRequest) -> Response:
    """List orders, latest first: all, or those of an event or of some statuses.

    With `status` a page may be short, or even empty, although more follows: `pagination.hasMore`
    tells.
    """
    request.admin()
    named, statuses = EVENT.read(request), STATUS.read(request)
    listing = ("admin-orders", named, ",".join(sorted(statuses)))
    limit, after = read_page(request, listing)
    event_id = None if named is None else _event_id(named)
    if named is not None and event_id is None:
        page = OrderPage((), None)
    else:
        query = OrderQuery(limit, after, event_id=event_id, statuses=statuses)
        page = wiring.order_finder().page(query)
    return json_response(page_json(page, limit, listing, listed_order))


def _event_id(named: str) -> int | None:
    """Return the event's id, or None where nothing has that name. An id need not be looked for: the
    orders of an event that was deleted are there still.
    """
    if named.isascii() and named.isdigit():
        return int(named) if len(named) <= _MAX_ID_DIGITS else None
    event = wiring.stores().event_reader.get(named) if is_slug(named) else None
    return None if event is None else event.id


@blueprint.api(
    "/api/admin/orders/{id}",
    authorizer=jwt_authorizer,
    describes=Operation(
        summary="Show an order to admins",
        tag=Tag.ADMIN_ORDERS,
        parameters=(ORDER_ID,),
        answers=(Answer("The order.", model="AdminOrder"),),
        errors=(NotFound,),
    ),
)
def get_any_order(request: ApiRequest) -> Response:
    """Show all of an order: its history, refunds, disputes, and tickets with their codes."""
    request.admin()
    return json_response(admin_order(wiring.order_finder().get(request.path("id"))))


@blueprint.api(
    "/api/admin/orders/{id}/refund",
    methods=("POST",),
    authorizer=jwt_authorizer,
    describes=Operation(
        summary="Refund an order",
        tag=Tag.ADMIN_ORDERS,
        parameters=(ORDER_ID, REFUND_KEY),
        bodies=(Body("chalicelib.schemas.refunds:RefundBody", REFUND_EXAMPLES),),
        answers=(Answer("The order as it is now.", model="AdminOrder"),),
        errors=(NotFound, RefundRefused, KeyInUse, PaymentProviderError),
    ),
)
def refund_order(request: ApiRequest) -> Response:
    """Give money back through Stripe: an amount, or the price of some tickets, or all that is left.

    For each whole price that goes back a ticket becomes void, and its seat goes back to stock
    unless `returnSeats` is false. A free order's tickets are cancelled by their number, or all.
    After a 502 the refund is decided all the same, and is carried out within minutes.
    """
    from chalicelib.schemas.reading import read_body
    from chalicelib.schemas.refunds import RefundBody

    admin = request.admin()
    key = read_key(request)
    body = read_body(RefundBody, request.json_object())
    order = wiring.order_finder().get(request.path("id"))
    wish = body.wish(order.currency, key)
    after = wiring.refunding().request(order.id, wish, admin.user_id)
    return json_response(admin_order(after))
