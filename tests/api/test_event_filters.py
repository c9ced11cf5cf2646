"""`GET /api/events`: every order of every filter. Whatever is asked for, the events that match come
in the order that was asked for, page by page, and all of them are counted.
"""

from datetime import timedelta
from urllib.parse import quote

import pytest

from app import app
from chalicelib import wiring
from chalicelib.domain.text import fold
from tests.support.builders import NOW
from tests.support.event_pages import slugs, walk
from tests.support.lambda_api import LambdaApi
from tests.support.seeding import FAR_AHEAD, seed_city, seed_event
from tests.support.tables import MotoTables

# From the first to the last, by what is different in each.
IN_ORDER = {
    "date": ["opera", "run", "jazz", "late", "expo"],
    "name": ["expo", "run", "opera", "jazz", "late"],
    "price": ["run", "expo", "late", "jazz", "opera"],
    # Those of one city are in order of their date.
    "city": ["jazz", "expo", "run", "late", "opera"],
    "createdAt": ["jazz", "opera", "run", "expo", "late"],
    "updatedAt": ["late", "expo", "run", "opera", "jazz"],
}
FILTERS: dict[str, set[str]] = {
    "": {"jazz", "opera", "run", "expo", "late"},
    "search=techevents": {"jazz", "opera", "run", "expo", "late"},
    "search=TECH+N": {"late", "opera"},
    "search=z": {"opera", "late"},
    "city=porto": {"run", "late"},
    "from=2099-06-17": {"run", "jazz", "late", "expo"},
    "from=2099-06-17T10:00:00Z": {"jazz", "late", "expo"},
    "to=2099-06-18": {"opera", "run", "jazz"},
    "from=2099-06-17&to=2099-06-19": {"run", "jazz", "late"},
    "minPrice=1.25": {"expo", "late", "jazz", "opera"},
    "maxPrice=20": {"run", "expo", "late", "jazz"},
    "minPrice=1.25&maxPrice=19.99": {"expo", "late"},
    "city=london&from=2099-06-19": {"expo"},
    "city=london&maxPrice=10": {"expo"},
    "city=porto&search=night": {"late"},
    "search=techevents&from=2099-06-17&to=2099-06-20&minPrice=0.01&maxPrice=20": {
        "jazz", "late", "expo",
    },
    "search=techevents&city=london&from=2099-06-17&to=2099-06-20&minPrice=1&maxPrice=20": {
        "jazz", "expo",
    },
    "search=nothing": set(),
    "city=atlantis": set(),
    "from=2099-06-21": set(),
    "from=2099-06-18&to=2099-06-17": set(),
    "minPrice=100000&search=techevents": set(),
    "minPrice=2&maxPrice=1": set(),
}  # fmt: skip


@pytest.fixture(scope="module")
def fair(shared_tables: MotoTables) -> LambdaApi:
    """Five events, each first or last in some order; no test changes them."""
    stores = shared_tables.stores
    shared_tables.empty()
    for slug, name in (("london", "London"), ("porto", "Porto"), ("zurich", "Zürich")):
        seed_city(stores, slug, name=name)
    rows = [
        ("jazz", "Harbour Jazz", "London", 3, 2000, "usd"),
        ("opera", "Été à l'Opéra, neuf", "Zürich", 1, 15000, "jpy"),
        ("run", "city run", "Porto", 2, 0, "usd"),
        ("expo", "Art Expo", "London", 5, 1250, "kwd"),
        ("late", "Zoo Night", "Porto", 4, 1999, "usd"),
    ]
    for place, (slug, name, city, day, price, currency) in enumerate(rows):
        seed_event(
            stores,
            slug,
            name=name,
            city_slug=fold(city),
            city=city,
            date=FAR_AHEAD + timedelta(days=day),
            price=price,
            currency=currency,
            created_at=NOW + timedelta(hours=place),
            updated_at=NOW + timedelta(days=1, hours=-place),
        )
    return LambdaApi(app)


@pytest.fixture
def api(fair: LambdaApi, shared_tables: MotoTables, monkeypatch: pytest.MonkeyPatch) -> LambdaApi:
    monkeypatch.setattr(wiring, "stores", lambda: shared_tables.stores)
    return fair


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("order", list(IN_ORDER))
@pytest.mark.parametrize("query", list(FILTERS))
def test_every_page_of_it_is_as_it_should_be(
    api: LambdaApi, query: str, order: str, direction: str
) -> None:
    expected = [slug for slug in IN_ORDER[order] if slug in FILTERS[query]]
    if direction == "desc":
        expected.reverse()
    url = f"/api/events?orderBy={order}&sortOrder={direction}&{query}"

    whole = api.get(url).json
    assert slugs(whole) == expected
    assert whole["count"] == len(expected)
    assert walk(api, f"{url}&limit=2") == expected
    for offset in range(len(expected) + 2):
        part = api.get(f"{url}&limit=2&offset={offset}").json
        assert slugs(part) == expected[offset : offset + 2]
        assert part["count"] == len(expected)
        assert part["pagination"]["hasMore"] is (offset + 2 < len(expected))


def test_without_an_order_the_latest_date_comes_first(api: LambdaApi) -> None:
    listed = slugs(api.get("/api/events?search=techevents").json)
    assert listed == IN_ORDER["date"][::-1]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("JAZZ", {"jazz"}),
        ("ete", {"opera"}),
        ("ÉTÉ", {"opera"}),
        ("zurich", {"opera"}),
        ("züri", {"opera"}),
        ("har ja", {"jazz"}),
        ("jazz harbour", {"jazz"}),
        ("arbour", set()),
        ("jazz opera", set()),
        ("art-expo", {"expo"}),
        ("dockside", {"jazz", "opera", "run", "expo", "late"}),
        ("day", {"jazz", "opera", "run", "expo", "late"}),
        ("usd", set()),
        ("published", set()),
        ("p", {"run", "late"}),
        ("x" * 50, set()),
    ],
)
def test_a_word_finds_what_it_begins_a_word_of(
    api: LambdaApi, search: str, found: set[str]
) -> None:
    page = api.get(f"/api/events?search={quote(search)}").json
    assert set(slugs(page)) == found
    assert page["count"] == len(found)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        # `opera` begins on the 16th at nine.
        ("from=2099-06-16T09:00:00.000Z&to=2099-06-16T09:00:00.000Z", ["opera"]),
        ("from=2099-06-16T09:00:00.001Z&to=2099-06-16", []),
        ("from=2099-06-16&to=2099-06-16T08:59:59.999Z", []),
        ("from=2099-06-16&to=2099-06-16", ["opera"]),
        ("from=2099-06-16T11:00:00%2B02:00&to=2099-06-16T09:00", ["opera"]),
        ("from=20990616&to=2099-W25-2", ["opera"]),
        ("to=2099-06-15", []),
        ("from=0001-01-01&to=2099-06-16", ["opera"]),
        ("from=2099-06-20&to=9999-12-31", ["expo"]),
    ],
)
@pytest.mark.parametrize("city", [False, True])
def test_a_range_of_dates_has_both_its_ends(
    api: LambdaApi, query: str, found: list[str], city: bool
) -> None:
    place = {"opera": "zurich", "expo": "london"}.get("".join(found), "zurich")
    url = f"/api/events?{query}" + (f"&city={place}" if city else "")
    page = api.get(url).json
    assert (slugs(page), page["count"]) == (found, len(found))
