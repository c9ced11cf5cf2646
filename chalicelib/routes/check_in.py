"""Letting people in by their tickets."""

from chalice.app import Response

from chalicelib import wiring
from chalicelib.domain.clock import to_iso
from chalicelib.errors import NotFound, TicketRefused
from chalicelib.functions.guard import jwt_authorizer
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.idempotency import idempotency_key, read_key
from chalicelib.http.operations import Answer, Body, Operation, PathParameter, Tag
from chalicelib.http.order_json import event_of
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import json_response

blueprint = ApiBlueprint(__name__)

CODE = PathParameter(
    "code",
    "The ticket's code, as its QR picture has it; small letters do as well.",
    example="01JZX5K7Q8M9N0P1R2S3T4V5W6017M2K9QX4T8W3B6ZC",
)
SCAN_KEY = idempotency_key(
    "The scanner's name for this scan: a repeat of it at the same door, sent because no answer "
    "came, lets the same person in and is no second try."
)
CHECK_IN_EXAMPLES = {
    "At a door": {"door": "North", "event": "tech-conference"},
    "Anywhere": {},
}


@blueprint.api(
    "/api/admin/tickets/{code}/check-in",
    methods=("POST",),
    authorizer=jwt_authorizer,
    describes=Operation(
        summary="Let somebody in",
        tag=Tag.ADMIN_ORDERS,
        parameters=(CODE, SCAN_KEY),
        bodies=(
            Body("chalicelib.schemas.check_in:CheckInBody", CHECK_IN_EXAMPLES, required=False),
        ),
        answers=(Answer("The holder may come in.", model="CheckedIn"),),
        errors=(NotFound, TicketRefused),
    ),
)
def check_in(request: ApiRequest) -> Response:
    """Let the holder of a ticket in, once. A second door is told when and where that was; a ticket
    that was refunded, or whose payment is disputed, lets nobody in. A scanner should send the
    `event` at its door: then a ticket of another one is refused, and is not used up.
    """
    from chalicelib.schemas.check_in import CheckInBody
    from chalicelib.schemas.reading import read_body

    admin = request.admin()
    scan = read_key(request)
    body = read_body(CheckInBody, request.optional_json_object())
    order, entry = wiring.doors().check_in(
        request.path("code"), body.door, scan, admin.user_id, body.event
    )
    return json_response(
        {
            "orderId": order.id,
            "number": entry.number,
            "event": event_of(order),
            "checkedInAt": to_iso(entry.at),
            "door": entry.door,
            "ticketsOfOrder": order.quantity,
        }
    )
