"""What admins do with events and cities."""

from chalice.app import Response

from chalicelib import wiring
from chalicelib.domain.events import public_event
from chalicelib.functions.authorizer import jwt_authorizer
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.query import refuse_unavailable
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import json_response, json_text_response
from chalicelib.routes.event_pages import NOT_YET, STATUS, page_json, read_page

blueprint = ApiBlueprint(__name__)


@blueprint.api("/api/admin/events", authorizer=jwt_authorizer)
def list_all_events(request: ApiRequest) -> Response:
    """List events, drafts and cancelled ones too."""
    request.admin()
    refuse_unavailable(request, NOT_YET)
    status = STATUS.read(request)
    page, listing = read_page(request, ("admin-events", status and status.value))
    found = wiring.catalogue().list_all_events(status, page)
    return json_text_response(page_json(found, page, listing))


@blueprint.api("/api/admin/events", methods=("POST",), authorizer=jwt_authorizer)
def add_event(request: ApiRequest) -> Response:
    """Add an event."""
    from chalicelib.schemas.events import EventBody
    from chalicelib.schemas.reading import read_body

    admin = request.admin()
    draft = read_body(EventBody, request.json_object()).draft()
    event = wiring.catalogue().add_event(draft, admin.user_id)
    location = {"Location": f"/api/events/{event.slug}"}
    return json_text_response(public_event(event), 201, location)


@blueprint.api("/api/admin/cities", methods=("POST",), authorizer=jwt_authorizer)
def add_city(request: ApiRequest) -> Response:
    """Add a city."""
    from chalicelib.schemas.cities import CityBody
    from chalicelib.schemas.reading import read_body

    admin = request.admin()
    draft = read_body(CityBody, request.json_object()).draft()
    city = wiring.catalogue().add_city(draft, admin.user_id)
    location = {"Location": f"/api/cities/{draft.slug}"}
    return json_response(city.fields(), 201, location)
