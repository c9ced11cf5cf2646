"""Buyers' orders and their tickets."""

from chalice.app import Response

from chalicelib import wiring
from chalicelib.domain.orders import Order, OrderStatus
from chalicelib.errors import Conflict, NotFound, PaymentProviderError
from chalicelib.functions.guard import jwt_authorizer
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.operations import Answer, Operation, PathParameter, Tag
from chalicelib.http.order_json import public_order, tickets_of
from chalicelib.http.order_pages import PAGE_PARAMETERS, page_json, read_page
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import json_response
from chalicelib.http.signed_in import required_caller
from chalicelib.services.events_of_orders import event_of
from chalicelib.services.finding_orders import names_a_session
from chalicelib.services.port_types import OrderQuery

blueprint = ApiBlueprint(__name__)

ORDER_OR_SESSION_ID = PathParameter(
    "id",
    "The order's id, for its signed-in buyer; or its checkout session's id (`cs_…`), which needs "
    "no token.",
    example="cs_test_a1B2c3",
)

_WHY_NO_TICKETS = {
    OrderStatus.PENDING: "the order is not paid yet, so it has no tickets",
    OrderStatus.EXPIRED: "the order was not paid in time, so it has no tickets",
    OrderStatus.FAILED: "the order's payment failed, so it has no tickets",
}
_PAID_IN_VAIN = "the order has no tickets: its money goes back, or went back"


@blueprint.api(
    "/api/orders",
    authorizer=jwt_authorizer,
    describes=Operation(
        summary="List my orders",
        tag=Tag.ORDERS,
        parameters=PAGE_PARAMETERS,
        answers=(Answer("A page of orders.", model="OrderList"),),
    ),
)
def list_orders(request: ApiRequest) -> Response:
    """List the caller's own orders, latest first: those whose checkout was started with a token."""
    user_id = request.caller().user_id
    listing = ("orders", user_id)
    limit, after = read_page(request, listing)
    page = wiring.order_finder().page(OrderQuery(limit, after, user_id=user_id))
    return json_response(page_json(page, limit, listing, public_order))


@blueprint.api(
    "/api/orders/{id}",
    describes=Operation(
        summary="Show an order",
        tag=Tag.ORDERS,
        parameters=(ORDER_OR_SESSION_ID,),
        answers=(Answer("The order.", model="Order"),),
        errors=(NotFound, PaymentProviderError),
        may_sign_in=True,
    ),
)
def get_order(request: ApiRequest) -> Response:
    """Show an order to its buyer. Another's is a 404. A guest gets at an order by its checkout
    session's id only, and keeps that to themselves.
    """
    return json_response(public_order(_order(request)))


@blueprint.api(
    "/api/orders/{id}/tickets",
    describes=Operation(
        summary="Show an order's tickets",
        tag=Tag.ORDERS,
        parameters=(ORDER_OR_SESSION_ID,),
        answers=(Answer("The tickets.", model="OrderTickets"),),
        errors=(NotFound, Conflict, PaymentProviderError),
        may_sign_in=True,
    ),
)
def get_tickets(request: ApiRequest) -> Response:
    """Show the tickets of a paid order, to whom the order itself is shown. Each has a code, and
    pictures of it as `data:` URIs for the `src` of an `<img>`; one that is void has neither.
    """
    order = _order(request)
    if not order.tickets:
        raise Conflict(_WHY_NO_TICKETS.get(order.status, _PAID_IN_VAIN))
    event = event_of(wiring.stores().event_reader, order)
    return json_response(tickets_of(order, event, wiring.qr_pictures))


def _order(request: ApiRequest) -> Order:
    order_id = request.path("id")
    if names_a_session(order_id):
        return wiring.order_finder().of_session(order_id)
    caller = required_caller(request)
    return wiring.order_finder().of_buyer(order_id, caller.user_id)
