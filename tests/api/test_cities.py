"""`GET /api/cities` and `GET /api/cities/{slug}`."""

from typing import Any

import pytest

from chalicelib.domain.events import EventStatus
from chalicelib.store import Stores
from tests.support.answers import CITY_KEYS, problem, refused_field
from tests.support.builders import NOW
from tests.support.lambda_api import LambdaApi
from tests.support.seeding import seed_city, seed_event


def slugs(answer: dict[str, Any]) -> list[str]:
    return [city["slug"] for city in answer["cities"]]


@pytest.fixture
def atlas(stores: Stores) -> None:
    """Cities that were added in another order than that of their names."""
    seed_city(stores, "zurich", name="Zürich", country="Switzerland")
    seed_city(stores, "york", country="United Kingdom")
    seed_city(stores, "basel", country="Switzerland")
    seed_city(stores, "york-city", country=None)
    seed_city(stores, "alesund", name="Ålesund", country="Norway")


def test_no_cities_are_an_empty_list(api: LambdaApi) -> None:
    assert api.get("/api/cities").json == {"count": 0, "cities": []}


def test_a_city_has_its_keys_and_the_older_names_of_them(api: LambdaApi, stores: Stores) -> None:
    seed_city(stores, image_url="https://img.example/l.png")

    shown = api.get("/api/cities/london").json

    assert list(shown) == CITY_KEYS
    assert shown == {
        "id": 1,
        "name": "London",
        "slug": "london",
        "country": "United Kingdom",
        "imageUrl": "https://img.example/l.png",
        "alt": "London",
        "createdAt": "2027-03-01T12:00:00.000Z",
        "updatedAt": "2027-03-01T12:00:00.000Z",
        "city": "London",
        "citySlug": "london",
        "url": "https://img.example/l.png",
    }
    assert api.get("/api/cities").json == {"count": 1, "cities": [shown]}


def test_a_city_that_does_not_exist_is_a_404(api: LambdaApi) -> None:
    assert problem(api.get("/api/cities/nowhere"), "NOT_FOUND")["message"] == "no such city"


@pytest.mark.usefixtures("atlas")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["alesund", "basel", "york", "york-city", "zurich"]),
        ("orderBy=name", ["alesund", "basel", "york", "york-city", "zurich"]),
        ("orderBy=city&sortOrder=asc", ["alesund", "basel", "york", "york-city", "zurich"]),
        ("sortOrder=desc", ["zurich", "york-city", "york", "basel", "alesund"]),
        ("sortBy=city&order=desc", ["zurich", "york-city", "york", "basel", "alesund"]),
        ("orderBy=createdAt", ["zurich", "york", "basel", "york-city", "alesund"]),
        ("orderBy=updatedAt&sortOrder=desc", ["alesund", "york-city", "basel", "york", "zurich"]),
        ("limit=2", ["alesund", "basel"]),
        ("limit=2&offset=1", ["basel", "york"]),
        ("limit=2&offset=1&sortOrder=desc", ["york-city", "york"]),
        ("offset=4", ["zurich"]),
        ("offset=5", []),
        ("offset=10000", []),
        ("orderBy=createdAt&limit=2&offset=1", ["york", "basel"]),
        ("orderBy=createdAt&offset=10000", []),
    ],
)
def test_cities_come_in_the_order_and_the_part_that_was_asked_for(
    api: LambdaApi, query: str, expected: list[str]
) -> None:
    answer = api.get(f"/api/cities?{query}").json

    assert slugs(answer) == expected
    assert answer["count"] == 5


@pytest.mark.usefixtures("atlas")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("country=Switzerland", ["basel", "zurich"]),
        ("country=switzerland", ["basel", "zurich"]),
        ("country=SWITZERLAND&sortOrder=desc", ["zurich", "basel"]),
        ("country=Switz", []),
        ("country=Atlantis", []),
        ("search=yor", ["york", "york-city"]),
        ("search=city%20york", ["york-city"]),
        ("search=ork", []),
        ("search=ZURICH", ["zurich"]),
        ("search=z%C3%BCr", ["zurich"]),
        ("search=ales", ["alesund"]),
        ("search=united", ["york"]),
        ("search=b&country=Switzerland", ["basel"]),
    ],
)
def test_a_filter_ignores_case_and_accents_and_counts_what_matches(
    api: LambdaApi, query: str, expected: list[str]
) -> None:
    answer = api.get(f"/api/cities?{query}").json

    assert slugs(answer) == expected
    assert answer["count"] == len(expected)


@pytest.mark.usefixtures("atlas")
def test_the_count_of_a_filtered_list_is_not_that_of_its_page(api: LambdaApi) -> None:
    answer = api.get("/api/cities?country=Switzerland&limit=1").json

    assert (answer["count"], slugs(answer)) == (2, ["basel"])


@pytest.mark.parametrize("url", ["/api/cities", "/api/cities?search=lon"])
def test_the_event_count_is_of_published_events_and_only_where_asked_for(
    api: LambdaApi, stores: Stores, url: str
) -> None:
    seed_city(stores)
    seed_event(stores, "one")
    seed_event(stores, "two")
    seed_event(stores, "draft", status=EventStatus.DRAFT)
    mark = "&" if "?" in url else "?"

    (counted,) = api.get(f"{url}{mark}includeEventCount=true").json["cities"]
    (bare,) = api.get(f"{url}{mark}includeEventCount=false").json["cities"]

    assert list(counted) == [*CITY_KEYS, "eventCount"]
    assert counted["eventCount"] == 2
    assert list(bare) == CITY_KEYS


def test_without_a_limit_fifty_cities_come(api: LambdaApi, stores: Stores) -> None:
    for number in range(51):
        seed_city(stores, f"city-{number:02d}", created_at=NOW)

    answer = api.get("/api/cities").json

    assert len(answer["cities"]) == 50
    assert answer["count"] == 51
    assert len(api.get("/api/cities?limit=100").json["cities"]) == 51
    assert len(api.get("/api/cities?orderBy=createdAt").json["cities"]) == 50


@pytest.mark.parametrize(
    ("query", "field", "message", "kind"),
    [
        ("limit=0", "limit", "must be at least 1", "greater_than_equal"),
        ("limit=101", "limit", "must be at most 100", "less_than_equal"),
        ("limit=x", "limit", "must be a whole number", "int_parsing"),
        ("offset=-1", "offset", "must be at least 0", "greater_than_equal"),
        ("orderBy=country", "orderBy", "must be one of name, city, createdAt, updatedAt", "enum"),
        ("sortBy=id", "sortBy", "must be one of name, city, createdAt, updatedAt", "enum"),
        ("sortOrder=1", "sortOrder", "must be one of asc, desc", "enum"),
        ("order=", "order", "must be one of asc, desc", "enum"),
        ("search=", "search", "must not be empty", "string_too_short"),
        ("search=%20", "search", "must not be empty", "string_too_short"),
        ("search=!!", "search", "must hold a letter or a digit", "no_words"),
        ("search=" + "x" * 51, "search", "must have at most 50 characters", "string_too_long"),
        ("search=%00", "search", "must not hold a NUL or half a character", "string_unicode"),
        ("country=", "country", "must not be empty", "string_too_short"),
        ("country=" + "x" * 101, "country", "must have at most 100 characters", "string_too_long"),
        ("country=a&country=b", "country", "must be given once", "duplicate_parameter"),
        ("includeEventCount=yes", "includeEventCount", "must be one of true, false", "enum"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_parameter(
    api: LambdaApi, query: str, field: str, message: str, kind: str
) -> None:
    assert refused_field(api.get(f"/api/cities?{query}")) == (field, message, kind)


@pytest.mark.usefixtures("atlas")
def test_parameters_that_nobody_knows_are_ignored(api: LambdaApi) -> None:
    assert api.get("/api/cities?page=2&utm_source=mail").json["count"] == 5
