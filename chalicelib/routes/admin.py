"""What admins do with events."""

from chalice.app import Response

from chalicelib import wiring
from chalicelib.domain.events import EventRecord, EventStatus
from chalicelib.errors import Conflict, NotFound, PreconditionFailed
from chalicelib.functions.guard import jwt_authorizer
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.entity_tags import admin_event_tag, wanted_revisions
from chalicelib.http.operations import (
    ETAG,
    IF_MATCH,
    LOCATION,
    Answer,
    Body,
    Operation,
    PathParameter,
    Tag,
)
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import json_text_response, tagged_json, to_json
from chalicelib.routes.event_pages import LIST_PARAMETERS, STATUS, page_json, read_list
from chalicelib.services.catalogue import ALL_STATUSES
from chalicelib.services.time_budget import TimeBudget

blueprint = ApiBlueprint(__name__)

ID_OR_SLUG = PathParameter(
    "id_or_slug", "The event's id (all digits) or slug.", example="tech-conference"
)

# How long a request works at the orders of an event that it cancels.
_CANCELLING_SECONDS = 3.0

# The documentation page sends an example as it is, and this cannot be taken back.
EVENT_TO_CANCEL = PathParameter(
    "id_or_slug", "The event's id (all digits) or slug.", example="an-event-of-yours"
)

EVENT_EXAMPLES = {
    "An evening of jazz": {
        "name": "Harbour Jazz",
        "date": "2099-07-01T18:00:00Z",
        "citySlug": "london",
        "location": "Quay 4",
        "organizerName": "Blue Notes",
        "price": 20,
        "capacity": 120,
    }
}
CHANGE_EXAMPLES = {
    "Another price and more seats": {"price": 25, "capacity": 150},
    "Another date": {"date": "2099-07-02T18:00:00Z"},
}


@blueprint.api(
    "/api/admin/events",
    authorizer=jwt_authorizer,
    describes=Operation(
        summary="List all events",
        tag=Tag.ADMIN_EVENTS,
        parameters=(STATUS, *LIST_PARAMETERS),
        answers=(Answer("A page of events.", model="EventList"),),
    ),
)
def list_all_events(request: ApiRequest) -> Response:
    """List events as the public list does, drafts and cancelled ones too."""
    request.admin()
    status = STATUS.read(request)
    statuses = ALL_STATUSES if status is None else (status,)
    asked = read_list(request, "admin-events", statuses)
    found = wiring.catalogue().list_events(asked.wanted, asked.order, asked.page)
    return json_text_response(page_json(found, asked))


@blueprint.api(
    "/api/admin/events",
    methods=("POST",),
    authorizer=jwt_authorizer,
    describes=Operation(
        summary="Add an event",
        tag=Tag.ADMIN_EVENTS,
        bodies=(Body("chalicelib.schemas.events:EventBody", EVENT_EXAMPLES),),
        answers=(Answer("The event is there.", 201, "AdminEvent", headers=(LOCATION, ETAG)),),
        errors=(Conflict,),
    ),
)
def add_event(request: ApiRequest) -> Response:
    """Add an event."""
    from chalicelib.schemas.events import EventBody
    from chalicelib.schemas.reading import read_body

    admin = request.admin()
    draft = read_body(EventBody, request.json_object()).draft()
    event = wiring.event_editor().add(draft, admin.user_id)
    return _shown(event, 201, {"Location": request.location_of(_path_of(event))})


@blueprint.api(
    "/api/admin/events/{id_or_slug}",
    authorizer=jwt_authorizer,
    describes=Operation(
        summary="Show an event to admins",
        tag=Tag.ADMIN_EVENTS,
        parameters=(ID_OR_SLUG,),
        answers=(Answer("The event.", model="AdminEvent", headers=(ETAG,)),),
        errors=(NotFound,),
    ),
)
def get_any_event(request: ApiRequest) -> Response:
    """Show one event, whatever its status, with what is held and sold of it."""
    request.admin()
    return _shown(wiring.event_editor().get(request.path("id_or_slug")))


@blueprint.api(
    "/api/admin/events/{id_or_slug}",
    methods=("PUT", "PATCH"),
    authorizer=jwt_authorizer,
    describes=Operation(
        summary="Change an event",
        tag=Tag.ADMIN_EVENTS,
        parameters=(ID_OR_SLUG, IF_MATCH),
        bodies=(Body("chalicelib.schemas.events:EventChanges", CHANGE_EXAMPLES),),
        answers=(Answer("The event as it is now.", model="AdminEvent", headers=(ETAG,)),),
        errors=(NotFound, Conflict, PreconditionFailed),
    ),
)
def change_event(request: ApiRequest) -> Response:
    """Change the keys that are given; the others stay. A former slug keeps leading to the event."""
    from chalicelib.schemas.events import EventChanges
    from chalicelib.schemas.reading import read_body

    admin = request.admin()
    changes = read_body(EventChanges, request.json_object())
    event = wiring.event_editor().change(
        request.path("id_or_slug"), changes.applied_to, wanted_revisions(request), admin.user_id
    )
    return _shown(event)


@blueprint.api(
    "/api/admin/events/{id_or_slug}",
    methods=("DELETE",),
    authorizer=jwt_authorizer,
    describes=Operation(
        summary="Delete an event",
        tag=Tag.ADMIN_EVENTS,
        parameters=(ID_OR_SLUG, IF_MATCH),
        answers=(Answer("The event is gone.", 204, media_type=None),),
        errors=(NotFound, Conflict, PreconditionFailed),
    ),
)
def delete_event(request: ApiRequest) -> Response:
    """Delete an event of which nothing is sold or held. One with sold tickets stays (409): it can
    only be cancelled.
    """
    admin = request.admin()
    wiring.event_editor().delete(
        request.path("id_or_slug"), wanted_revisions(request), admin.user_id
    )
    return Response("", {}, 204)


@blueprint.api(
    "/api/admin/events/{id_or_slug}/cancel",
    methods=("POST",),
    authorizer=jwt_authorizer,
    describes=Operation(
        summary="Cancel an event",
        tag=Tag.ADMIN_EVENTS,
        parameters=(EVENT_TO_CANCEL, IF_MATCH),
        bodies=(
            Body("chalicelib.schemas.events:CancelBody", {"Nothing to say": {}}, required=False),
        ),
        answers=(Answer("The event is cancelled.", model="CancelledEvent", headers=(ETAG,)),),
        errors=(NotFound, Conflict, PreconditionFailed),
    ),
)
def cancel_event(request: ApiRequest) -> Response:
    """Cancel an event: its sales stop at once, its open checkouts are ended, and what was paid is
    refunded. That goes on for three seconds, and the rest is done within minutes. The event stays,
    shown as cancelled; it cannot be put on sale again. Cancelling it once more tells how far its
    orders are, and tries refunds again that failed.
    """
    from chalicelib.schemas.events import CancelBody
    from chalicelib.schemas.reading import read_body

    admin = request.admin()
    read_body(CancelBody, request.optional_json_object())
    cancelled = wiring.event_editor().cancel(
        request.path("id_or_slug"), wanted_revisions(request), admin.user_id
    )
    done = _end_orders(cancelled.id)
    # Its seats came free in the meantime.
    event = wiring.event_editor().get(cancelled.slug)
    text = f'{event.public_for_admins()[:-1]},"cancellation":{to_json(done)}}}'
    return tagged_json(text, admin_event_tag(event))


def _end_orders(event_id: int) -> dict[str, int | bool]:
    """End the orders of a cancelled event as far as a request may take, and say how far that was;
    the timer does the rest.
    """
    budget = TimeBudget.of(_CANCELLING_SECONDS)
    look = wiring.cancelling().end_orders(event_id, budget, failed_too=True)
    complete = look.is_whole and not look.left and not look.stuck
    return {"ended": look.ended, "left": look.left, "stuck": look.stuck, "complete": complete}


def _path_of(event: EventRecord) -> str:
    """Return where the event can be seen: a draft by admins only."""
    place = "admin/events" if event.status is EventStatus.DRAFT else "events"
    return f"/api/{place}/{event.slug}"


def _shown(
    event: EventRecord, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    return tagged_json(event.public_for_admins(), admin_event_tag(event), status, headers)
