"""Public events."""

from chalice.app import Response

from chalicelib import wiring
from chalicelib.errors import NotFound
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.entity_tags import event_tag
from chalicelib.http.operations import IF_NONE_MATCH, Operation, PathParameter, Tag, cacheable
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import public_json
from chalicelib.routes.event_pages import LIST_PARAMETERS, page_json, read_list
from chalicelib.services.catalogue import PUBLIC_STATUSES

blueprint = ApiBlueprint(__name__)

EVENT_SLUG = PathParameter("slug", "The event's slug.", example="tech-conference")


@blueprint.api(
    "/api/events",
    describes=Operation(
        summary="List events",
        tag=Tag.EVENTS,
        parameters=(*LIST_PARAMETERS, IF_NONE_MATCH),
        answers=cacheable("A page of events.", "EventList"),
    ),
)
def list_events(request: ApiRequest) -> Response:
    """List published events: all, or those that the filters find. `count` is how many match in
    all. Pages by `cursor` neither repeat nor skip an event, whatever is added in the meantime.
    """
    asked = read_list(request, "events", PUBLIC_STATUSES)
    found = wiring.catalogue().list_events(asked.wanted, asked.order, asked.page)
    return public_json(request, page_json(found, asked))


@blueprint.api(
    "/api/events/{slug}",
    describes=Operation(
        summary="Show an event",
        tag=Tag.EVENTS,
        parameters=(EVENT_SLUG, IF_NONE_MATCH),
        answers=cacheable("The event.", "EventWithStock"),
        errors=(NotFound,),
    ),
)
def get_event(request: ApiRequest) -> Response:
    """Show one published event, and how many seats are free."""
    record = wiring.catalogue().event_with_stock(request.path("slug"))
    return public_json(request, record.public_with_stock(), event_tag(record))
