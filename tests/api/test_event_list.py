"""`GET /api/events`: which events, in which order, page by page."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.domain.events import EventStatus
from chalicelib.store import Stores
from tests.support.answers import EVENT_KEYS, check_common_headers, refused_field
from tests.support.event_pages import slugs, walk
from tests.support.lambda_api import LambdaApi, signed_in
from tests.support.seeding import FAR_AHEAD, seed_city, seed_event

ORDERS = "must be one of date, name, price, city, createdAt, updatedAt"
TOO_DEEP = "must be at most 10000; use cursor to go further"
NO_MOMENT = "must be an ISO 8601 date or date-time"
NO_AMOUNT = "must be a number, such as 12.50"


def seed_days(stores: Stores, *days: int, city_slug: str = "london") -> None:
    """Store an event for each day; `day-3` is three days after the first."""
    for day in days:
        seed_event(stores, f"day-{day}", date=FAR_AHEAD + timedelta(days=day), city_slug=city_slug)


@pytest.fixture(autouse=True)
def _london(stores: Stores) -> None:
    seed_city(stores)


def test_an_empty_list_has_the_shape_of_a_list(api: LambdaApi) -> None:
    answer = api.get("/api/events")

    assert answer.status == 200
    assert answer.json == {
        "count": 0,
        "events": [],
        "pagination": {"limit": 50, "offset": 0, "hasMore": False, "nextCursor": None},
    }


def test_without_parameters_the_fifty_latest_dates_come_first(
    api: LambdaApi, stores: Stores
) -> None:
    seed_days(stores, *range(51))

    page = api.get("/api/events").json

    assert slugs(page) == [f"day-{day}" for day in range(50, 0, -1)]
    assert page["count"] == 51
    assert page["pagination"]["limit"] == 50
    assert page["pagination"]["offset"] == 0
    assert page["pagination"]["hasMore"] is True


def test_exactly_one_full_page_does_not_promise_another(api: LambdaApi, stores: Stores) -> None:
    seed_days(stores, 0, 1)

    page = api.get("/api/events?limit=2").json

    assert page["pagination"] == {"limit": 2, "offset": 0, "hasMore": False, "nextCursor": None}


def test_an_event_in_a_list_has_the_contracts_keys_and_values(
    api: LambdaApi, stores: Stores
) -> None:
    seed_event(stores, image_url="https://img.example/a.png")

    (event,) = api.get("/api/events").json["events"]

    assert list(event) == EVENT_KEYS
    assert event == {
        "id": 1,
        "name": "Tech Conference",
        "slug": "tech-conference",
        "city": "London",
        "citySlug": "london",
        "location": "Dockside Halls",
        "date": "2099-06-15T09:00:00.000Z",
        "organizerName": "TechEvents Ltd",
        "imageUrl": "https://img.example/a.png",
        "alt": "Tech Conference",
        "description": "<p>A day.</p>",
        "price": 149.99,
        "currency": "usd",
        "status": "published",
        "capacity": 100,
        "createdAt": "2027-03-01T12:00:00.000Z",
        "updatedAt": "2027-03-01T12:00:00.000Z",
    }


@pytest.mark.parametrize(
    ("price", "currency", "shown"),
    [
        (14999, "usd", "149.99"),
        (7000, "usd", "70"),
        (10, "usd", "0.1"),
        (0, "usd", "0"),
        (9_999_999_999, "usd", "99999999.99"),
        (1500, "jpy", "1500"),
        (1230, "kwd", "1.23"),
    ],
)
def test_a_price_is_sent_in_major_units_without_drift(
    api: LambdaApi, stores: Stores, price: int, currency: str, shown: str
) -> None:
    seed_event(stores, price=price, currency=currency)

    assert f'"price":{shown},"currency":"{currency}"' in api.get("/api/events").text


@pytest.mark.parametrize("status", [EventStatus.DRAFT, EventStatus.CANCELLED])
def test_what_is_not_published_is_neither_listed_nor_counted(
    api: LambdaApi, stores: Stores, status: EventStatus
) -> None:
    seed_event(stores, status=status)

    for url in ("/api/events", "/api/events?city=london"):
        page = api.get(url).json
        assert (page["count"], page["events"]) == (0, [])


def test_a_city_shows_and_counts_its_own_events_only(api: LambdaApi, stores: Stores) -> None:
    seed_city(stores, "porto")
    seed_days(stores, 1, 2, city_slug="porto")
    seed_days(stores, 3)

    page = api.get("/api/events?city=porto").json

    assert slugs(page) == ["day-2", "day-1"]
    assert page["count"] == 2


@pytest.mark.parametrize(
    "city", ["atlantis", "LONDON", "lon%2Fdon", "", "123", "%23totals", "a" * 3000]
)
def test_a_city_that_does_not_exist_gives_an_empty_list_and_no_error(
    api: LambdaApi, stores: Stores, city: str
) -> None:
    seed_days(stores, 1)

    answer = api.get(f"/api/events?city={city}")

    assert answer.status == 200
    assert (answer.json["count"], answer.json["events"]) == (0, [])


@pytest.mark.parametrize(
    ("query", "expected", "more"),
    [
        ("limit=2", ["day-5", "day-4"], True),
        ("limit=2&offset=1", ["day-4", "day-3"], True),
        ("limit=2&offset=3", ["day-2", "day-1"], False),
        ("offset=4", ["day-1"], False),
        ("offset=5", [], False),
        ("offset=10000", [], False),
        ("limit=1&sortOrder=asc&offset=3", ["day-4"], True),
        ("limit=100&sortOrder=asc&offset=3", ["day-4", "day-5"], False),
    ],
)
def test_limit_and_offset_cut_the_list_and_leave_the_count(
    api: LambdaApi, stores: Stores, query: str, expected: list[str], more: bool
) -> None:
    seed_days(stores, 3, 1, 5, 2, 4)

    page = api.get(f"/api/events?{query}").json

    assert slugs(page) == expected
    assert page["count"] == 5
    assert page["pagination"]["hasMore"] is more


def test_the_page_says_which_limit_and_offset_it_is_of(api: LambdaApi, stores: Stores) -> None:
    seed_days(stores, 1, 2, 3)

    pagination = api.get("/api/events?limit=1&offset=1").json["pagination"]

    assert (pagination["limit"], pagination["offset"]) == (1, 1)


@pytest.mark.parametrize(
    "query",
    [
        "sortOrder=asc",
        "order=asc",
        "orderBy=date&sortOrder=asc",
        "sortBy=date&order=asc",
        "sortOrder=asc&order=desc",
    ],
)
def test_the_older_names_of_the_order_mean_the_same(
    api: LambdaApi, stores: Stores, query: str
) -> None:
    seed_days(stores, 2, 1, 3)

    assert slugs(api.get(f"/api/events?{query}").json) == ["day-1", "day-2", "day-3"]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_events_of_the_same_date_have_a_fixed_order(
    api: LambdaApi, stores: Stores, order: str
) -> None:
    names = ["zoo", "ant", "mole", "bee", "yak"]
    for name in names:
        seed_event(stores, name)

    listed = slugs(api.get(f"/api/events?sortOrder={order}").json)

    assert listed == (names if order == "asc" else names[::-1])
    assert walk(api, f"/api/events?limit=2&sortOrder={order}") == listed


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("city", ["", "&city=london"])
def test_pages_by_cursor_show_every_event_once(
    api: LambdaApi, stores: Stores, order: str, limit: int, city: str
) -> None:
    seed_days(stores, *range(7))
    expected = [f"day-{day}" for day in range(7)]

    found = walk(api, f"/api/events?limit={limit}&sortOrder={order}{city}")

    assert found == (expected if order == "asc" else expected[::-1])


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_events_added_between_pages_make_none_appear_twice_or_vanish(
    api: LambdaApi, stores: Stores, order: str
) -> None:
    seed_days(stores, *range(10, 90, 10))
    there_throughout = [f"day-{day}" for day in range(10, 90, 10)]
    found: list[str] = []
    cursor = ""
    for added in (1, 99, 41, 42, 9, 91, 45):
        page = api.get(f"/api/events?limit=2&sortOrder={order}{cursor}").json
        found += slugs(page)
        seed_days(stores, added)
        if page["pagination"]["nextCursor"] is None:
            break
        cursor = f"&cursor={page['pagination']['nextCursor']}"

    kept = [slug for slug in found if slug in there_throughout]
    assert kept == (there_throughout if order == "asc" else there_throughout[::-1])
    assert len(found) == len(set(found))


def test_a_page_after_a_cursor_may_have_another_size(api: LambdaApi, stores: Stores) -> None:
    seed_days(stores, 1, 2, 3, 4)
    first = api.get("/api/events?limit=1").json

    cursor = first["pagination"]["nextCursor"]
    second = api.get(f"/api/events?limit=2&cursor={cursor}").json

    assert slugs(first) + slugs(second) == ["day-4", "day-3", "day-2"]
    assert second["count"] == 4
    assert (second["pagination"]["limit"], second["pagination"]["offset"]) == (2, 0)


@pytest.mark.parametrize(
    ("query", "field", "message", "kind"),
    [
        ("limit=0", "limit", "must be at least 1", "greater_than_equal"),
        ("limit=-1", "limit", "must be at least 1", "greater_than_equal"),
        ("limit=101", "limit", "must be at most 100", "less_than_equal"),
        ("limit=ten", "limit", "must be a whole number", "int_parsing"),
        ("limit=", "limit", "must be a whole number", "int_parsing"),
        ("limit=1.0", "limit", "must be a whole number", "int_parsing"),
        ("limit=1e1", "limit", "must be a whole number", "int_parsing"),
        ("limit=%D9%A3", "limit", "must be a whole number", "int_parsing"),
        ("limit=NaN", "limit", "must be a whole number", "int_parsing"),
        ("limit=" + "9" * 5000, "limit", "must be a whole number", "int_parsing"),
        ("limit=1&limit=2", "limit", "must be given once", "duplicate_parameter"),
        ("offset=-1", "offset", "must be at least 0", "greater_than_equal"),
        ("offset=1.5", "offset", "must be a whole number", "int_parsing"),
        ("offset=" + "9" * 19, "offset", "must be a whole number", "int_parsing"),
        ("offset=10001", "offset", TOO_DEEP, "less_than_equal"),
        ("offset=999999999999999999", "offset", TOO_DEEP, "less_than_equal"),
        ("orderBy=id", "orderBy", ORDERS, "enum"),
        ("orderBy=", "orderBy", ORDERS, "enum"),
        ("sortBy=Date", "sortBy", ORDERS, "enum"),
        ("sortOrder=up", "sortOrder", "must be one of asc, desc", "enum"),
        ("order=ASC", "order", "must be one of asc, desc", "enum"),
        ("city=%00", "city", "must not hold a NUL or half a character", "string_unicode"),
        ("city=a&city=b", "city", "must be given once", "duplicate_parameter"),
        ("search=", "search", "must not be empty", "string_too_short"),
        ("search=+%09", "search", "must not be empty", "string_too_short"),
        ("search=" + "x" * 51, "search", "must have at most 50 characters", "string_too_long"),
        ("search=!!!", "search", "must hold a letter or a digit", "no_words"),
        ("search=%F0%9F%8E%B7", "search", "must hold a letter or a digit", "no_words"),
        ("search=%00", "search", "must not hold a NUL or half a character", "string_unicode"),
        ("search=a&search=b", "search", "must be given once", "duplicate_parameter"),
        ("from=soon", "from", NO_MOMENT, "datetime_parsing"),
        ("from=", "from", NO_MOMENT, "datetime_parsing"),
        ("from=2027-02-30", "from", NO_MOMENT, "datetime_parsing"),
        ("from=1830297600", "from", NO_MOMENT, "datetime_parsing"),
        ("from=0001-01-01T00:00:00%2B23:00", "from", NO_MOMENT, "datetime_parsing"),
        ("from=2027-01-01&from=2027-01-02", "from", "must be given once", "duplicate_parameter"),
        ("to=tomorrow", "to", NO_MOMENT, "datetime_parsing"),
        ("to=2027-01-01T25:00", "to", NO_MOMENT, "datetime_parsing"),
        ("minPrice=-1", "minPrice", "must not be negative", "greater_than_equal"),
        ("minPrice=-0", "minPrice", "must not be negative", "greater_than_equal"),
        ("minPrice=", "minPrice", NO_AMOUNT, "decimal_parsing"),
        ("minPrice=free", "minPrice", NO_AMOUNT, "decimal_parsing"),
        ("minPrice=1e3", "minPrice", NO_AMOUNT, "decimal_parsing"),
        ("minPrice=NaN", "minPrice", NO_AMOUNT, "decimal_parsing"),
        ("minPrice=Infinity", "minPrice", NO_AMOUNT, "decimal_parsing"),
        ("minPrice=1,50", "minPrice", NO_AMOUNT, "decimal_parsing"),
        ("minPrice=%D9%A3", "minPrice", NO_AMOUNT, "decimal_parsing"),
        ("minPrice=" + "9" * 5000, "minPrice", NO_AMOUNT, "decimal_parsing"),
        ("maxPrice=1.234", "maxPrice", "must have at most 2 decimals", "decimal_max_places"),
        ("maxPrice=100000000", "maxPrice", "must be at most 99999999.99", "less_than_equal"),
        ("maxPrice=1&maxPrice=2", "maxPrice", "must be given once", "duplicate_parameter"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_parameter(
    api: LambdaApi, query: str, field: str, message: str, kind: str
) -> None:
    assert refused_field(api.get(f"/api/events?{query}")) == (field, message, kind)


@pytest.mark.parametrize("order", ["date", "name", "price", "city", "createdAt", "updatedAt"])
@pytest.mark.parametrize("query", ["", "&search=tech", "&minPrice=0", "&from=2020-01-01"])
def test_ties_in_any_order_are_in_order_of_the_id(
    api: LambdaApi, stores: Stores, order: str, query: str
) -> None:
    names = ["zoo", "ant", "mole"]
    for name in names:
        seed_event(stores, name)

    for direction, expected in (("asc", names), ("desc", names[::-1])):
        url = f"/api/events?orderBy={order}&sortOrder={direction}{query}"
        assert slugs(api.get(url).json) == expected
        assert walk(api, f"{url}&limit=1") == expected


@pytest.mark.parametrize("query", ["", "&search=tech", "&minPrice=0", "&from=2099-01-01"])
def test_events_that_go_between_pages_take_none_along(
    api: LambdaApi, stores: Stores, query: str
) -> None:
    seed_days(stores, *range(8))
    found: list[str] = []
    cursor = ""
    for going in (1, 7, 2):
        page = api.get(f"/api/events?limit=2&sortOrder=asc{query}{cursor}").json
        found += slugs(page)
        record = stores.events.get(f"day-{going}", consistent=True)
        assert record is not None
        stores.events.delete(record)
        cursor = f"&cursor={page['pagination']['nextCursor']}"
    last = api.get(f"/api/events?limit=9&sortOrder=asc{query}{cursor}").json

    assert found + slugs(last) == [f"day-{day}" for day in range(7)]
    assert (last["count"], last["pagination"]["hasMore"]) == (5, False)


def test_what_an_admin_changes_is_found_and_counted_by_what_it_is_now(
    api: LambdaApi, stores: Stores
) -> None:
    seed_city(stores, "porto")
    seed_event(stores, "gala", name="Gala", price=100)
    edit = {"name": "Soirée", "price": 50, "citySlug": "porto", "date": "2098-01-01"}
    patched = api.request("PATCH", "/api/admin/events/gala", json_body=edit, caller=signed_in())
    assert patched.status == 200

    def counted(query: str) -> int:
        page = api.get(f"/api/events?{query}").json
        assert len(page["events"]) == page["count"]
        count: int = page["count"]
        return count

    before = ["search=gala", "search=london", "city=london", "maxPrice=1", "from=2099-01-01"]
    after = ["search=soiree", "search=porto", "city=porto", "minPrice=50", "to=2098-12-31"]
    assert [counted(query) for query in before] == [0] * len(before)
    assert [counted(query) for query in after] == [1] * len(after)


def test_parameters_that_nobody_knows_are_ignored(api: LambdaApi, stores: Stores) -> None:
    seed_days(stores, 1)
    seed_event(stores, "secret", status=EventStatus.DRAFT)

    page = api.get("/api/events?utm_source=mail&status=draft&%00=%00&=").json

    assert slugs(page) == ["day-1"]


class TestCursors:
    """A cursor is good for the list that it came from, as it was given out."""

    REFUSED = ("cursor", "must be a nextCursor of this list, unaltered", "cursor_invalid")

    @pytest.fixture
    def cursor(self, api: LambdaApi, stores: Stores) -> str:
        seed_days(stores, 1, 2, 3)
        given: str = api.get("/api/events?limit=1").json["pagination"]["nextCursor"]
        return given

    def test_a_cursor_altered_anywhere_is_refused(self, api: LambdaApi, cursor: str) -> None:
        for place, letter in enumerate(cursor):
            other = "A" if letter != "A" else "B"
            altered = cursor[:place] + other + cursor[place + 1 :]
            answer = api.get(f"/api/events?limit=1&cursor={altered}")
            assert refused_field(answer) == self.REFUSED, place

    @pytest.mark.parametrize("change", ["{}=", "{}A", "{}AAAA", " {}", "{}%0A", "%00{}"])
    def test_a_cursor_with_something_added_is_refused(
        self, api: LambdaApi, cursor: str, change: str
    ) -> None:
        field, _, _ = refused_field(api.get(f"/api/events?cursor={change.format(cursor)}"))

        assert field == "cursor"

    def test_a_cursor_cut_short_is_refused(self, api: LambdaApi, cursor: str) -> None:
        for length in range(len(cursor)):
            answer = api.get(f"/api/events?cursor={cursor[:length]}")
            assert refused_field(answer) == self.REFUSED, length

    @pytest.mark.parametrize(
        "query",
        [
            "sortOrder=asc",
            "orderBy=name",
            "orderBy=createdAt",
            "city=london",
            "city=porto",
            "city=",
            "search=tech",
            "from=2027-01-01",
            "to=2100-01-01",
            "minPrice=0",
            "maxPrice=99999999.99",
        ],
    )
    def test_a_cursor_of_another_list_is_refused(
        self, api: LambdaApi, cursor: str, query: str
    ) -> None:
        answer = api.get(f"/api/events?{query}&cursor={cursor}")

        assert refused_field(answer) == self.REFUSED

    @pytest.mark.parametrize(
        ("asked", "again"),
        [
            ("orderBy=date&sortOrder=desc", ""),
            ("search=Tech++LTD", "search=ltd+tech"),
            ("from=2027-01-01", "from=2027-01-01T01:00:00%2B01:00"),
            ("minPrice=1", "minPrice=1.00"),
        ],
    )
    def test_a_cursor_is_good_for_the_same_list_in_other_words(
        self, api: LambdaApi, stores: Stores, asked: str, again: str
    ) -> None:
        seed_days(stores, 1, 2, 3)
        given = api.get(f"/api/events?limit=1&{asked}").json["pagination"]["nextCursor"]

        assert slugs(api.get(f"/api/events?{again}&cursor={given}").json) == ["day-2", "day-1"]

    def test_a_cursor_of_the_admins_list_is_refused(self, api: LambdaApi, cursor: str) -> None:
        admins = api.get("/api/admin/events?limit=1", caller=signed_in()).json
        theirs = admins["pagination"]["nextCursor"]

        assert theirs != cursor
        assert refused_field(api.get(f"/api/events?cursor={theirs}")) == self.REFUSED

    def test_a_cursor_with_another_offset_than_its_own_is_refused(
        self, api: LambdaApi, cursor: str
    ) -> None:
        answer = api.get(f"/api/events?cursor={cursor}&offset=1")

        assert refused_field(answer) == (
            "cursor",
            "cannot be combined with offset",
            "cursor_and_offset",
        )

    def test_a_client_may_send_back_the_offset_that_it_was_told(
        self, api: LambdaApi, cursor: str
    ) -> None:
        page = api.get(f"/api/events?cursor={cursor}&offset=0").json

        assert slugs(page) == ["day-2", "day-1"]
        assert page["pagination"]["offset"] == 0

    def test_a_cursor_given_twice_is_refused(self, api: LambdaApi, cursor: str) -> None:
        answer = api.get(f"/api/events?cursor={cursor}&cursor={cursor}")

        assert refused_field(answer) == ("cursor", "must be given once", "duplicate_parameter")

    @settings(
        deadline=None,
        max_examples=100,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        text=st.one_of(
            st.text(st.characters(exclude_categories=["Cs"])),
            st.binary().map(lambda raw: raw.hex()),
            st.text(alphabet="ABCabc019-_=", min_size=1, max_size=80),
        )
    )
    def test_what_was_never_a_cursor_is_refused(self, api: LambdaApi, text: str) -> None:
        answer = api.get(f"/api/events?cursor={quote(text, safe='')}")

        assert refused_field(answer)[0] == "cursor"
        check_common_headers(answer)
