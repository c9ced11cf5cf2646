"""`POST /api/admin/events` and `GET /api/admin/events`."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.domain.events import EventStatus
from chalicelib.store import Stores
from tests.support.answers import EVENT_KEYS, check_common_headers, problem, refused_field
from tests.support.lambda_api import Answer, LambdaApi, signed_in
from tests.support.log_lines import captured_log
from tests.support.seeding import FAR_AHEAD, seed_city, seed_event
from tests.support.tables import EVENTS, MotoTables

BODY = {
    "name": "Harbour Jazz",
    "date": "2099-07-01T18:00:00Z",
    "citySlug": "london",
    "location": "Quay 4",
    "organizerName": "Blue Notes",
    "price": 20.5,
}
STOCK_KEYS = ["available", "held", "sold"]
ADMIN_EVENT_KEYS = [*EVENT_KEYS, *STOCK_KEYS]
NOT_A_NUMBER = ("price", "must be a number", "number_type")
TWO_DECIMALS = ("price", "must have at most 2 decimals", "decimal_max_places")
NO_DATE = ("date", "must be an ISO 8601 date-time", "datetime_parsing")
NO_SLUG = "must be lower-case words and digits with single hyphens, not all digits"


@pytest.fixture(autouse=True)
def _london(stores: Stores) -> None:
    seed_city(stores)


def add(api: LambdaApi, **changes: Any) -> Answer:
    return api.post("/api/admin/events", {**BODY, **changes}, caller=signed_in())


def add_raw(api: LambdaApi, field: str, value: str) -> Answer:
    """Send a field's value as JSON text, for numbers that Python would not write."""
    fields = {name: json.dumps(known) for name, known in BODY.items()} | {field: value}
    body = "{" + ",".join(f'"{name}":{text}' for name, text in fields.items()) + "}"
    return api.request("POST", "/api/admin/events", body=body, caller=signed_in())


def test_an_event_with_the_least_that_is_needed_gets_the_contracts_defaults(
    api: LambdaApi,
) -> None:
    answer = add(api)

    assert answer.status == 201
    check_common_headers(answer)
    assert answer.headers["location"] == "/api/events/harbour-jazz"
    assert list(answer.json) == ADMIN_EVENT_KEYS
    assert {key: answer.json[key] for key in EVENT_KEYS[:-2]} == {
        "id": 1,
        "name": "Harbour Jazz",
        "slug": "harbour-jazz",
        "city": "London",
        "citySlug": "london",
        "location": "Quay 4",
        "date": "2099-07-01T18:00:00.000Z",
        "organizerName": "Blue Notes",
        "imageUrl": None,
        "alt": "Harbour Jazz",
        "description": "",
        "price": 20.5,
        "currency": "usd",
        "status": "published",
        "capacity": None,
    }
    assert answer.json["createdAt"] == answer.json["updatedAt"]
    assert [answer.json[key] for key in STOCK_KEYS] == [None, 0, 0]


def test_everything_that_was_sent_is_kept(api: LambdaApi) -> None:
    sent = {
        "slug": "jazz-2099",
        "currency": "EUR",
        "imageUrl": "https://img.example/j.png?w=1",
        "alt": "A saxophone",
        "description": "<p>Bring a coat.</p>",
        "capacity": 0,
        "status": "draft",
    }

    stored = add(api, **sent).json

    assert {key: stored[key] for key in sent} == {**sent, "currency": "eur"}


def test_what_was_added_is_what_the_public_gets(api: LambdaApi) -> None:
    added = add(api, capacity=7).json
    stock = {key: added.pop(key) for key in STOCK_KEYS}

    assert stock == {"available": 7, "held": 0, "sold": 0}
    assert api.get("/api/events/harbour-jazz").json == {**added, "available": 7}
    assert api.get("/api/events").json["events"] == [added]


def test_a_draft_is_added_without_becoming_public(api: LambdaApi) -> None:
    added = add(api, status="draft")

    assert added.status == 201
    # Where it can be seen: by admins only.
    assert added.headers["location"] == "/api/admin/events/harbour-jazz"
    assert api.get("/api/events/harbour-jazz").status == 404
    assert api.get("/api/events").json["count"] == 0


def test_what_was_typed_comes_back_as_it_was_and_not_as_html(api: LambdaApi) -> None:
    typed = 'R&B "Live" <3 \' © → 🎷 \\ \u2028.'

    answer = add(api, name=typed, slug="rnb", location=typed, alt=typed, description=typed)

    assert [answer.json[key] for key in ("name", "location", "alt", "description")] == [typed] * 4
    assert "&amp;" not in answer.text
    assert "&lt;" not in answer.text
    for url in ("/api/events/rnb", "/api/events?search=live"):
        assert "&amp;" not in api.get(url).text
        assert '"name":"R&B \\"Live\\" <3 \' © → 🎷 ' in api.get(url).text


def test_every_event_gets_an_id_of_its_own(api: LambdaApi) -> None:
    ids = [add(api, slug=f"event-{number}x").json["id"] for number in range(3)]

    assert ids == [1, 2, 3]


def test_the_citys_own_name_overrules_the_one_that_was_sent(api: LambdaApi) -> None:
    assert add(api, city="Londinium").json["city"] == "London"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("2099-07-01", "2099-07-01T00:00:00.000Z"),
        ("2099-07-01T18:00", "2099-07-01T18:00:00.000Z"),
        ("2099-07-01T18:00:00.123456+02:00", "2099-07-01T16:00:00.123Z"),
        (" 2099-07-01T18:00:00Z ", "2099-07-01T18:00:00.000Z"),
    ],
)
def test_a_date_is_shown_in_utc_with_milliseconds(api: LambdaApi, sent: str, shown: str) -> None:
    assert add(api, date=sent).json["date"] == shown


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Harbour Jazz", "harbour-jazz"),
        ("  Harbour   Jazz!  ", "harbour-jazz"),
        ("Fête de l'été à Genève", "fete-de-l-ete-a-geneve"),
        ("2099: A Space Party", "2099-a-space-party"),
        ("C++ & Rust -- together", "c-rust-together"),
        ("x" * 255, "x" * 100),
        ("word " * 50, "word-" * 19 + "word"),
    ],
)
def test_a_slug_is_made_from_the_name(api: LambdaApi, name: str, slug: str) -> None:
    assert add(api, name=name).json["slug"] == slug


@pytest.mark.parametrize("name", ["2099", "!!!", "🎷"])
def test_a_name_that_makes_no_slug_asks_for_one(api: LambdaApi, name: str) -> None:
    assert refused_field(add(api, name=name)) == (
        "slug",
        "cannot be made from the name; send one",
        "slug_from_name",
    )
    assert add(api, name=name, slug="jazz").status == 201


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("plain & simple", "plain & simple"),
        ("<p>a <strong>b</strong> <em>c</em><br></p>",) * 2,
        ("<ul><li>a</li></ul><ol><li>b</li></ol>",) * 2,
        ("<script>alert(1)</script>after", "after"),
        ("<style>p{}</style>after", "after"),
        ('<p onclick="x()" style="y" class="z">a</p>', "<p>a</p>"),
        ('<p title="a" lang="en" id="b">c</p><ol start="9" type="a"></ol>', "<p>c</p><ol></ol>"),
        ('<img src=x onerror="alert(1)">b', "b"),
        ('<a href="javascript:x()">link</a>', "link"),
        ("<h1>Title</h1>", "Title"),
        ("<p>unclosed", "<p>unclosed</p>"),
        ("<!-- hidden -->a", "a"),
        ("<svg><p>a</p><script>x</script></svg>", "<p>a</p>"),
        ("<iframe src='//evil.example'></iframe>b", "b"),
        ("&lt;script&gt;", "&lt;script&gt;"),
        ("<scr<script>ipt>x</script>", "ipt>x"),
        ("<p>AT&T & <b>Q&A</b></p>", "<p>AT&T & Q&A</p>"),
    ],
)
def test_html_beyond_the_allowed_tags_is_stripped(api: LambdaApi, typed: str, stored: str) -> None:
    assert add(api, description=typed).json["description"] == stored


@pytest.mark.parametrize(
    ("price", "currency", "shown"),
    [
        ("0", "usd", "0"),
        ("149.99", "usd", "149.99"),
        ("149.990000000000000000000000000000000000", "usd", "149.99"),
        ("1.5e2", "usd", "150"),
        ("99999999.99", "usd", "99999999.99"),
        ("1500", "jpy", "1500"),
        ("1500.00", "jpy", "1500"),
        ("1.23", "kwd", "1.23"),
        ("0.01", "usd", "0.01"),
    ],
)
def test_a_price_is_kept_to_the_last_minor_unit(
    api: LambdaApi, price: str, currency: str, shown: str
) -> None:
    fields = {**BODY, "currency": currency}
    del fields["price"]
    body = f'{json.dumps(fields)[:-1]},"price":{price}}}'

    answer = api.request("POST", "/api/admin/events", body=body, caller=signed_in())

    assert answer.status == 201, answer.text
    assert f'"price":{shown},"currency"' in answer.text


@pytest.mark.parametrize(
    ("price", "refusal"),
    [
        ("149.995", TWO_DECIMALS),
        ("149.9900000000000000000000000000000001", TWO_DECIMALS),
        ("1e-999999999", TWO_DECIMALS),
        ("0.001", TWO_DECIMALS),
        ("-0.01", ("price", "must not be negative", "greater_than_equal")),
        ("-1e999", ("price", "must not be negative", "greater_than_equal")),
        ("100000000", ("price", "must be at most 99999999.99", "less_than_equal")),
        ("1e999", ("price", "must be at most 99999999.99", "less_than_equal")),
        ("1e999999999999999", ("price", "must be at most 99999999.99", "less_than_equal")),
        ('"20"', NOT_A_NUMBER),
        ("true", NOT_A_NUMBER),
        ("null", NOT_A_NUMBER),
        ("[]", NOT_A_NUMBER),
        ("{}", NOT_A_NUMBER),
        ("NaN", ("", "the body must be JSON", "json_invalid")),
        ("Infinity", ("", "the body must be JSON", "json_invalid")),
        ("-Infinity", ("", "the body must be JSON", "json_invalid")),
        ("1e99999999999999999999", ("", "the body must be JSON", "json_invalid")),
        ("1" * 5000, ("", "the body must be JSON", "json_invalid")),
    ],
)
def test_a_price_that_is_none_is_refused(
    api: LambdaApi, tables: MotoTables, price: str, refusal: tuple[str, str, str]
) -> None:
    before = tables.contents()

    assert refused_field(add_raw(api, "price", price)) == refusal
    assert tables.contents() == before


@pytest.mark.parametrize(
    ("price", "currency", "message"),
    [
        (1500.5, "jpy", "must have no decimals"),
        (10.55, "isk", "must have no decimals"),
        (0.01, "krw", "must have no decimals"),
        (1.234, "kwd", "must have at most 2 decimals"),
        (1.234, "eur", "must have at most 2 decimals"),
    ],
)
def test_a_price_has_no_more_decimals_than_its_currency(
    api: LambdaApi, price: float, currency: str, message: str
) -> None:
    answer = add(api, price=price, currency=currency)

    assert refused_field(answer) == ("price", message, "decimal_max_places")


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"name": ""}, ("name", "must not be empty", "string_too_short")),
        ({"name": " \t "}, ("name", "must not be empty", "string_too_short")),
        ({"name": "x" * 256}, ("name", "must have at most 255 characters", "string_too_long")),
        ({"name": 5}, ("name", "must be a string", "string_type")),
        ({"name": None}, ("name", "must be a string", "string_type")),
        ({"name": ["a"]}, ("name", "must be a string", "string_type")),
        ({"slug": "Not A Slug"}, ("slug", NO_SLUG, "slug_pattern")),
        ({"slug": "2099"}, ("slug", NO_SLUG, "slug_pattern")),
        ({"slug": ""}, ("slug", NO_SLUG, "slug_pattern")),
        ({"slug": "a--b"}, ("slug", NO_SLUG, "slug_pattern")),
        ({"slug": "#totals"}, ("slug", NO_SLUG, "slug_pattern")),
        ({"slug": "a/b"}, ("slug", NO_SLUG, "slug_pattern")),
        ({"slug": 7}, ("slug", "must be a string", "string_type")),
        ({"date": "soon"}, NO_DATE),
        ({"date": "2099-02-30"}, NO_DATE),
        ({"date": ""}, NO_DATE),
        ({"date": "0001-01-01T00:00:00+23:00"}, NO_DATE),
        ({"date": 4081600000}, ("date", "must be an ISO 8601 date-time", "datetime_type")),
        ({"date": None}, ("date", "must be an ISO 8601 date-time", "datetime_type")),
        ({"date": "2020-01-01"}, ("date", "must be in the future", "date_in_past")),
        ({"citySlug": "atlantis"}, ("citySlug", "must be the slug of a city", "unknown_city")),
        ({"citySlug": "#totals"}, ("citySlug", NO_SLUG, "slug_pattern")),
        ({"citySlug": None}, ("citySlug", "must be a string", "string_type")),
        ({"city": "x" * 101}, ("city", "must have at most 100 characters", "string_too_long")),
        ({"location": ""}, ("location", "must not be empty", "string_too_short")),
        (
            {"location": "x" * 256},
            ("location", "must have at most 255 characters", "string_too_long"),
        ),
        ({"organizerName": ""}, ("organizerName", "must not be empty", "string_too_short")),
        (
            {"organizerName": "x" * 256},
            ("organizerName", "must have at most 255 characters", "string_too_long"),
        ),
        (
            {"currency": "xyz"},
            ("currency", "must be the code of a currency, such as usd", "currency"),
        ),
        ({"currency": None}, ("currency", "must be a string", "string_type")),
        ({"imageUrl": "ftp://a.example/x"}, ("imageUrl", "must be an http(s) URL", "url_parsing")),
        ({"imageUrl": "javascript:x()"}, ("imageUrl", "must be an http(s) URL", "url_parsing")),
        ({"imageUrl": "https://"}, ("imageUrl", "must be an http(s) URL", "url_parsing")),
        ({"imageUrl": "https://["}, ("imageUrl", "must be an http(s) URL", "url_parsing")),
        (
            {"imageUrl": 'https://a.example/"><p>'},
            ("imageUrl", "must be an http(s) URL", "url_parsing"),
        ),
        ({"imageUrl": "/local.png"}, ("imageUrl", "must be an http(s) URL", "url_parsing")),
        (
            {"imageUrl": "https://a.example/" + "x" * 483},
            ("imageUrl", "must have at most 500 characters", "string_too_long"),
        ),
        ({"alt": "x" * 256}, ("alt", "must have at most 255 characters", "string_too_long")),
        (
            {"description": "x" * 5001},
            ("description", "must have at most 5000 characters", "string_too_long"),
        ),
        ({"description": None}, ("description", "must be a string", "string_type")),
        ({"capacity": -1}, ("capacity", "must not be negative", "greater_than_equal")),
        ({"capacity": 1.5}, ("capacity", "must be a whole number", "int_type")),
        ({"capacity": "5"}, ("capacity", "must be a whole number", "int_type")),
        ({"capacity": True}, ("capacity", "must be a whole number", "int_type")),
        ({"capacity": 10**39}, ("capacity", "must be at most 1000000000", "less_than_equal")),
        ({"id": 5}, ("id", "is not a known field", "extra_forbidden")),
        ({"available": 5}, ("available", "is not a known field", "extra_forbidden")),
        ({"city_slug": "london"}, ("city_slug", "is not a known field", "extra_forbidden")),
        ({"__proto__": {}}, ("__proto__", "is not a known field", "extra_forbidden")),
        ({"": 1}, ("", "is not a known field", "extra_forbidden")),
    ],
)
def test_a_field_that_breaks_a_rule_is_named_and_nothing_is_stored(
    api: LambdaApi, tables: MotoTables, change: dict[str, Any], refusal: tuple[str, str, str]
) -> None:
    before = tables.contents()

    assert refused_field(add(api, **change)) == refusal
    assert tables.contents() == before


@pytest.mark.parametrize("status", ["cancelled", "Published", "", None, 1])
def test_a_new_event_is_a_draft_or_published_and_nothing_else(
    api: LambdaApi, status: object
) -> None:
    field, message, _ = refused_field(add(api, status=status))

    assert field == "status"
    assert "published" in message


@pytest.mark.parametrize("field", list(BODY))
def test_a_required_field_that_is_missing_is_named(api: LambdaApi, field: str) -> None:
    body = {name: value for name, value in BODY.items() if name != field}

    answer = api.post("/api/admin/events", body, caller=signed_in())

    assert refused_field(answer) == (field, "is required", "missing")


def test_every_field_that_is_wrong_is_told_at_once(api: LambdaApi) -> None:
    answer = add(api, name="", capacity=-1, price="20", colour="blue")

    body = problem(answer, "VALIDATION_ERROR")
    assert [detail["field"] for detail in body["details"]] == [
        "name",
        "price",
        "capacity",
        "colour",
    ]
    assert body["message"] == "name: must not be empty"


def test_the_contracts_example_of_an_error_is_what_a_negative_price_gets(api: LambdaApi) -> None:
    assert add(api, price=-1).json == {
        "statusCode": 400,
        "error": "Bad Request",
        "code": "VALIDATION_ERROR",
        "message": "price: must not be negative",
        "details": [
            {"field": "price", "message": "must not be negative", "type": "greater_than_equal"}
        ],
        "requestId": "req-1",
    }


def test_fields_at_their_limits_are_taken(api: LambdaApi) -> None:
    answer = add(
        api,
        name="x" * 255,
        slug="s" * 100,
        location="l" * 255,
        organizerName="o" * 255,
        alt="a" * 255,
        description="d" * 5000,
        imageUrl="https://a.example/" + "x" * 482,
        capacity=1_000_000_000,
    )

    assert answer.status == 201, answer.text


@pytest.mark.parametrize(("field", "limit"), [("slug", 100), ("citySlug", 50)])
def test_a_slug_beyond_its_limit_is_refused(api: LambdaApi, field: str, limit: int) -> None:
    assert refused_field(add(api, **{field: "s" * (limit + 1)})) == (
        field,
        f"must have at most {limit} characters",
        "string_too_long",
    )


def test_a_slug_that_is_taken_is_a_conflict_and_counts_nothing(
    api: LambdaApi, tables: MotoTables
) -> None:
    add(api)
    before = tables.contents()

    body = problem(add(api, name="Another", slug="harbour-jazz", status="draft"), "CONFLICT")

    assert body["message"] == "an event with the slug harbour-jazz exists already"
    assert tables.contents() == before


def test_a_slug_made_from_the_name_may_be_taken_too(api: LambdaApi) -> None:
    add(api)

    problem(add(api), "CONFLICT")


def test_an_event_added_leaves_a_line_that_says_who_and_what(api: LambdaApi) -> None:
    with captured_log() as log:
        add(api)

    (line,) = log.of("audit")
    shown = {name: line[name] for name in ("message", "by", "event", "eventId", "requestId")}
    assert shown == {
        "message": "event_created",
        "by": "user_1",
        "event": "harbour-jazz",
        "eventId": 1,
        "requestId": "req-1",
    }


class TestTheAdminsList:
    """Drafts and cancelled events too, merged in order of their date."""

    STATUSES = (EventStatus.DRAFT, EventStatus.PUBLISHED, EventStatus.CANCELLED)

    @pytest.fixture(autouse=True)
    def _events(self, stores: Stores) -> None:
        for day in range(9):
            seed_event(
                stores,
                f"day-{day}",
                date=FAR_AHEAD + timedelta(days=day // 2),
                status=self.STATUSES[day % 3],
            )

    def listed(self, api: LambdaApi, query: str = "") -> dict[str, Any]:
        answer = api.get(f"/api/admin/events?{query}", caller=signed_in())
        assert answer.status == 200, answer.text
        page: dict[str, Any] = answer.json
        return page

    def slugs(self, api: LambdaApi, query: str) -> list[str]:
        return [event["slug"] for event in self.listed(api, query)["events"]]

    def test_events_of_every_status_are_listed_and_counted(self, api: LambdaApi) -> None:
        page = self.listed(api)

        assert [event["slug"] for event in page["events"]] == [
            f"day-{day}" for day in range(8, -1, -1)
        ]
        assert page["count"] == 9
        assert {event["status"] for event in page["events"]} == set(self.STATUSES)
        assert list(page["events"][0]) == EVENT_KEYS

    @pytest.mark.parametrize("status", STATUSES)
    def test_a_status_shows_and_counts_its_own_only(
        self, api: LambdaApi, status: EventStatus
    ) -> None:
        page = self.listed(api, f"status={status}")

        assert page["count"] == 3
        assert [event["status"] for event in page["events"]] == [status] * 3

    @pytest.mark.parametrize("limit", [1, 2, 4, 9])
    @pytest.mark.parametrize("order", ["asc", "desc"])
    def test_pages_by_cursor_over_several_statuses_show_every_event_once(
        self, api: LambdaApi, limit: int, order: str
    ) -> None:
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = self.listed(api, f"limit={limit}&sortOrder={order}{cursor}")
            found += [event["slug"] for event in page["events"]]
            following = page["pagination"]["nextCursor"]
            cursor = None if following is None else f"&cursor={quote(following)}"

        days = [f"day-{day}" for day in range(9)]
        assert found == (days if order == "asc" else days[::-1])

    def test_an_offset_counts_over_all_statuses(self, api: LambdaApi) -> None:
        assert self.slugs(api, "offset=2&limit=3") == ["day-6", "day-5", "day-4"]

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("search=tech", [8, 7, 6, 5, 4, 3, 2, 1, 0]),
            ("search=tech&status=draft", [6, 3, 0]),
            ("search=nothing", []),
            ("city=london&status=cancelled", [8, 5, 2]),
            ("from=2099-06-18&sortOrder=asc", [6, 7, 8]),
            ("to=2099-06-15&status=published", [1]),
            ("minPrice=150", []),
            ("maxPrice=150&orderBy=price&sortOrder=asc&limit=2&offset=7", [7, 8]),
            ("orderBy=name&sortOrder=asc&limit=4", [0, 1, 2, 3]),
            ("orderBy=city&limit=2", [8, 7]),
            ("orderBy=createdAt&sortOrder=asc&offset=8", [8]),
        ],
    )
    def test_every_filter_and_order_works_over_all_statuses(
        self, api: LambdaApi, query: str, expected: list[int]
    ) -> None:
        assert self.slugs(api, query) == [f"day-{day}" for day in expected]

    def test_a_cursor_of_one_status_is_refused_for_another(self, api: LambdaApi) -> None:
        given = self.listed(api, "status=draft&limit=1")["pagination"]["nextCursor"]

        answer = api.get(f"/api/admin/events?status=published&cursor={given}", caller=signed_in())

        assert refused_field(answer)[0] == "cursor"

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("status=deleted", "status"),
            ("status=", "status"),
            ("status=draft&status=draft", "status"),
            ("limit=0", "limit"),
            ("offset=x", "offset"),
            ("orderBy=id", "orderBy"),
            ("search=", "search"),
            ("from=soon", "from"),
            ("maxPrice=-1", "maxPrice"),
            ("cursor=x", "cursor"),
        ],
    )
    def test_a_bad_value_is_refused_by_the_name_of_its_parameter(
        self, api: LambdaApi, query: str, field: str
    ) -> None:
        answer = api.get(f"/api/admin/events?{query}", caller=signed_in())

        assert refused_field(answer)[0] == field


def test_what_is_stored_beside_the_public_text_agrees_with_it(
    api: LambdaApi, tables: MotoTables
) -> None:
    add(api, capacity=3)

    item = tables.item(EVENTS, "harbour-jazz")

    assert item["price"] == {"N": "2050"}
    assert item["date"] == {"S": "2099-07-01T18:00:00.000Z"}
    stock = {name: item[name]["N"] for name in ("capacity", "free", "held", "sold")}
    assert stock == {"capacity": "3", "free": "3", "held": "0", "sold": "0"}
