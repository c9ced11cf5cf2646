"""Public cities."""

from chalice.app import Response

from chalicelib import wiring
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.query import LIMIT, OFFSET, ChoiceParameter, TextParameter
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import public_json
from chalicelib.services.catalogue import CityOrder, CityQuery

blueprint = ApiBlueprint(__name__)

SEARCH = TextParameter("search", max_length=50)
COUNTRY = TextParameter("country", max_length=100)
ORDER_BY = ChoiceParameter(
    "orderBy",
    {
        "name": CityOrder.NAME,
        "city": CityOrder.NAME,
        "createdAt": CityOrder.CREATED_AT,
        "updatedAt": CityOrder.UPDATED_AT,
    },
    CityOrder.NAME,
    aliases=("sortBy",),
)
SORT_ORDER = ChoiceParameter(
    "sortOrder", {"asc": False, "desc": True}, default=False, aliases=("order",)
)
INCLUDE_EVENT_COUNT = ChoiceParameter(
    "includeEventCount", {"true": True, "false": False}, default=False
)


@blueprint.api("/api/cities")
def list_cities(request: ApiRequest) -> Response:
    """List cities."""
    query = CityQuery(
        search=SEARCH.read(request),
        country=COUNTRY.read(request),
        order_by=ORDER_BY.read(request),
        descending=SORT_ORDER.read(request),
        limit=LIMIT.read(request),
        offset=OFFSET.read(request),
    )
    with_count = INCLUDE_EVENT_COUNT.read(request)
    found = wiring.catalogue().list_cities(query)
    cities = ",".join(
        city.public_with_count() if with_count else city.public for city in found.cities
    )
    return public_json(request, f'{{"count":{found.count},"cities":[{cities}]}}')


@blueprint.api("/api/cities/{slug}")
def get_city(request: ApiRequest) -> Response:
    """Show one city."""
    return public_json(request, wiring.catalogue().city(request.path("slug")).public)
