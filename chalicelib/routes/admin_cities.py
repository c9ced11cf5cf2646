"""What admins do with cities."""

from chalice.app import Response

from chalicelib import wiring
from chalicelib.errors import Conflict, NotFound, PreconditionFailed
from chalicelib.functions.guard import jwt_authorizer
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.entity_tags import city_tag, wanted_revisions
from chalicelib.http.operations import ETAG, IF_MATCH, LOCATION, Answer, Body, Operation, Tag
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import tagged_json
from chalicelib.routes.cities import CITY_SLUG
from chalicelib.services.port_types import CityEntry

blueprint = ApiBlueprint(__name__)

EXAMPLES = {"A city": {"name": "Porto", "country": "Portugal"}}
CHANGE_EXAMPLES = {
    "Another name": {"name": "Oporto"},
    "Another slug": {"slug": "oporto"},
}


@blueprint.api(
    "/api/admin/cities",
    methods=("POST",),
    authorizer=jwt_authorizer,
    describes=Operation(
        summary="Add a city",
        tag=Tag.ADMIN_CITIES,
        bodies=(Body("chalicelib.schemas.cities:CityBody", EXAMPLES),),
        answers=(Answer("The city is there.", 201, "City", headers=(LOCATION, ETAG)),),
        errors=(Conflict,),
    ),
)
def add_city(request: ApiRequest) -> Response:
    """Add a city."""
    from chalicelib.schemas.cities import CityBody
    from chalicelib.schemas.reading import read_body

    admin = request.admin()
    draft = read_body(CityBody, request.json_object()).draft()
    city = wiring.city_editor().add(draft, admin.user_id)
    return _shown(city, 201, {"Location": request.location_of(f"/api/cities/{draft.slug}")})


@blueprint.api(
    "/api/admin/cities/{slug}",
    methods=("PUT", "PATCH"),
    authorizer=jwt_authorizer,
    describes=Operation(
        summary="Change a city",
        tag=Tag.ADMIN_CITIES,
        parameters=(CITY_SLUG, IF_MATCH),
        bodies=(Body("chalicelib.schemas.cities:CityChanges", CHANGE_EXAMPLES),),
        answers=(Answer("The city as it is now.", model="City", headers=(ETAG,)),),
        errors=(NotFound, Conflict, PreconditionFailed),
    ),
)
def change_city(request: ApiRequest) -> Response:
    """Change the keys that are given; the others stay. A new name or slug reaches the city's events
    at once where they are few, and within minutes where they are thousands; until then the lists of
    a city under its new slug have the events that have followed. A former slug keeps leading to the
    city.
    """
    from chalicelib.schemas.cities import CityChanges
    from chalicelib.schemas.reading import read_body

    admin = request.admin()
    changes = read_body(CityChanges, request.json_object())
    city = wiring.city_editor().change(
        request.path("slug"), changes.applied_to, wanted_revisions(request), admin.user_id
    )
    return _shown(city)


@blueprint.api(
    "/api/admin/cities/{slug}",
    methods=("DELETE",),
    authorizer=jwt_authorizer,
    describes=Operation(
        summary="Delete a city",
        tag=Tag.ADMIN_CITIES,
        parameters=(CITY_SLUG, IF_MATCH),
        answers=(Answer("The city is gone.", 204, media_type=None),),
        errors=(NotFound, Conflict, PreconditionFailed),
    ),
)
def delete_city(request: ApiRequest) -> Response:
    """Delete a city that no event takes place in, whatever the event's status."""
    admin = request.admin()
    wiring.city_editor().delete(request.path("slug"), wanted_revisions(request), admin.user_id)
    return Response("", {}, 204)


def _shown(city: CityEntry, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return tagged_json(city.public, city_tag(city.public), status, headers)
