"""Public cities."""

from chalice.app import Response

from chalicelib import wiring
from chalicelib.errors import NotFound
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.entity_tags import city_tag
from chalicelib.http.operations import IF_NONE_MATCH, Operation, PathParameter, Tag, cacheable
from chalicelib.http.query import (
    LIMIT,
    MAX_OFFSET,
    WORDS_PATTERN,
    ChoiceParameter,
    IntegerParameter,
    TextParameter,
    read_words,
)
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import public_json
from chalicelib.services.catalogue import CityOrder, CityQuery

blueprint = ApiBlueprint(__name__)

SEARCH = TextParameter(
    "search",
    max_length=50,
    description="Words, each of which must begin a word of the city's name or country, in any "
    "letter case and without accents.",
    pattern=WORDS_PATTERN,
)
COUNTRY = TextParameter("country", max_length=100, description="Only cities of this country.")
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
    description="What to sort by; `city` is the name.",
)
SORT_ORDER = ChoiceParameter(
    "sortOrder",
    {"asc": False, "desc": True},
    default=False,
    aliases=("order",),
    description="Which end comes first.",
)
OFFSET = IntegerParameter(
    "offset", default=0, minimum=0, maximum=MAX_OFFSET, description="How many to pass over."
)
INCLUDE_EVENT_COUNT = ChoiceParameter(
    "includeEventCount",
    {"true": True, "false": False},
    default=False,
    description="Whether to tell how many events each city has.",
)
CITY_SLUG = PathParameter("slug", "The city's slug.", example="london")


@blueprint.api(
    "/api/cities",
    describes=Operation(
        summary="List cities",
        tag=Tag.CITIES,
        parameters=(
            SEARCH,
            COUNTRY,
            ORDER_BY,
            SORT_ORDER,
            LIMIT,
            OFFSET,
            INCLUDE_EVENT_COUNT,
            IF_NONE_MATCH,
        ),
        answers=cacheable("A page of cities.", "CityList"),
    ),
)
def list_cities(request: ApiRequest) -> Response:
    """List cities."""
    query = CityQuery(
        words=read_words(request, SEARCH),
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


@blueprint.api(
    "/api/cities/{slug}",
    describes=Operation(
        summary="Show a city",
        tag=Tag.CITIES,
        parameters=(CITY_SLUG, IF_NONE_MATCH),
        answers=cacheable("The city.", "City"),
        errors=(NotFound,),
    ),
)
def get_city(request: ApiRequest) -> Response:
    """Show one city."""
    public = wiring.catalogue().city(request.path("slug")).public
    return public_json(request, public, city_tag(public))
