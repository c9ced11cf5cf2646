"""Public events."""

from chalice.app import Response

from chalicelib import wiring
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.query import refuse_unavailable
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import public_json
from chalicelib.routes.event_pages import NOT_YET, page_json, read_page

blueprint = ApiBlueprint(__name__)


@blueprint.api("/api/events")
def list_events(request: ApiRequest) -> Response:
    """List published events, of one city or of all."""
    refuse_unavailable(request, NOT_YET)
    city = request.query("city")
    page, listing = read_page(request, ("events", city))
    found = wiring.catalogue().list_events(city, page)
    return public_json(request, page_json(found, page, listing))


@blueprint.api("/api/events/{slug}")
def get_event(request: ApiRequest) -> Response:
    """Show one published event, and how many seats are free."""
    record = wiring.catalogue().event(request.path("slug"))
    return public_json(request, record.public_with_stock())
