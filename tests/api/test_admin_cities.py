"""Adding, changing and deleting cities: `/api/admin/cities`."""

from typing import Any

import pytest

from chalicelib.domain.events import EventStatus
from chalicelib.store import Stores
from tests.support.answers import CITY_KEYS, check_common_headers, problem, refused_field
from tests.support.lambda_api import Answer, LambdaApi, signed_in
from tests.support.log_lines import captured_log
from tests.support.routes import EVENT
from tests.support.seeding import seed_city, seed_event
from tests.support.tables import MotoTables

NO_SLUG = "must be lower-case words and digits with single hyphens, not all digits"


def add(api: LambdaApi, body: Any) -> Answer:
    return api.post("/api/admin/cities", body, caller=signed_in())


def test_a_city_needs_a_name_only(api: LambdaApi) -> None:
    answer = add(api, {"name": "São Paulo"})

    assert answer.status == 201
    check_common_headers(answer)
    assert answer.headers["location"] == "/api/cities/sao-paulo"
    assert list(answer.json) == CITY_KEYS
    wanted = {
        "id": 1,
        "name": "São Paulo",
        "slug": "sao-paulo",
        "country": None,
        "imageUrl": None,
        "alt": "São Paulo",
        "city": "São Paulo",
        "citySlug": "sao-paulo",
        "url": None,
    }
    assert {key: answer.json[key] for key in wanted} == wanted


def test_what_was_added_is_what_the_public_gets(api: LambdaApi) -> None:
    added = add(
        api,
        {
            "name": "Porto",
            "slug": "oporto",
            "country": "Portugal",
            "imageUrl": "https://img.example/p.png",
            "alt": "A bridge",
        },
    ).json

    assert api.get("/api/cities/oporto").json == added
    assert api.get("/api/cities").json == {"count": 1, "cities": [added]}
    assert (added["country"], added["alt"]) == ("Portugal", "A bridge")


def test_the_older_names_of_the_fields_are_taken(api: LambdaApi) -> None:
    added = add(
        api, {"city": "Porto", "citySlug": "oporto", "url": "https://img.example/p.png"}
    ).json

    assert (added["name"], added["slug"], added["imageUrl"]) == (
        "Porto",
        "oporto",
        "https://img.example/p.png",
    )


def test_a_newer_name_wins_over_an_older_one(api: LambdaApi) -> None:
    assert add(api, {"city": "Old", "name": "New"}).json["name"] == "New"


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({}, ("name", "is required", "missing")),
        ({"name": ""}, ("name", "must not be empty", "string_too_short")),
        ({"name": "x" * 101}, ("name", "must have at most 100 characters", "string_too_long")),
        ({"name": 1}, ("name", "must be a string", "string_type")),
        ({"city": None}, ("name", "must be a string", "string_type")),
        ({"name": "P", "slug": "P"}, ("slug", NO_SLUG, "slug_pattern")),
        ({"name": "P", "slug": "12"}, ("slug", NO_SLUG, "slug_pattern")),
        (
            {"name": "P", "slug": "x" * 51},
            ("slug", "must have at most 50 characters", "string_too_long"),
        ),
        ({"name": "123"}, ("slug", "cannot be made from the name; send one", "slug_from_name")),
        (
            {"name": "P", "country": "x" * 101},
            ("country", "must have at most 100 characters", "string_too_long"),
        ),
        (
            {"name": "P", "url": "ftp://x.example"},
            ("imageUrl", "must be an http(s) URL", "url_parsing"),
        ),
        (
            {"name": "P", "alt": "x" * 256},
            ("alt", "must have at most 255 characters", "string_too_long"),
        ),
        ({"name": "P", "id": 1}, ("id", "is not a known field", "extra_forbidden")),
        ({"name": "P", "eventCount": 1}, ("eventCount", "is not a known field", "extra_forbidden")),
    ],
)
def test_a_field_that_breaks_a_rule_is_named_and_nothing_is_stored(
    api: LambdaApi, tables: MotoTables, body: Any, refusal: tuple[str, str, str]
) -> None:
    assert refused_field(add(api, body)) == refusal
    assert not any(tables.contents().values())


def test_a_slug_that_is_taken_is_a_conflict_and_counts_nothing(
    api: LambdaApi, tables: MotoTables
) -> None:
    add(api, {"name": "Porto"})
    before = tables.contents()

    body = problem(add(api, {"name": "porto"}), "CONFLICT")

    assert body["message"] == "a city with the slug porto exists already"
    assert tables.contents() == before


def test_a_city_added_leaves_a_line_that_says_who_and_what(api: LambdaApi) -> None:
    with captured_log() as log:
        add(api, {"name": "Porto"})

    (line,) = log.of("audit")
    shown = {name: line[name] for name in ("message", "by", "city", "cityId", "requestId")}
    assert shown == {
        "message": "city_created",
        "by": "user_1",
        "city": "porto",
        "cityId": 1,
        "requestId": "req-1",
    }


def change(api: LambdaApi, slug: str, body: Any, method: str = "PATCH", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"/api/admin/cities/{slug}"
    return api.request(method, url, json_body=body, caller=signed_in(), headers=named)


def delete(api: LambdaApi, slug: str, **headers: str) -> Answer:
    return change(api, slug, None, "DELETE", **headers)


@pytest.fixture
def porto(api: LambdaApi) -> dict[str, Any]:
    body = {"name": "Porto", "country": "Portugal", "imageUrl": "https://img.example/p.png"}
    added: dict[str, Any] = add(api, body).json
    return added


@pytest.fixture
def london(stores: Stores) -> Stores:
    """A city with an event of each status."""
    seed_city(stores)
    for status in EventStatus:
        seed_event(stores, status.value, status=status)
    return stores


def events(api: LambdaApi) -> set[tuple[str, str]]:
    listed = api.get("/api/admin/events", caller=signed_in()).json["events"]
    return {(event["city"], event["citySlug"]) for event in listed}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({}, {}),
        ({"country": "P"}, {"country": "P"}),
        ({"country": None}, {"country": None}),
        ({"country": ""}, {"country": None}),
        ({"imageUrl": None}, {"imageUrl": None, "url": None}),
        (
            {"url": "https://x.example/"},
            {"imageUrl": "https://x.example/", "url": "https://x.example/"},
        ),
        ({"alt": "A bridge"}, {"alt": "A bridge"}),
        ({"alt": None}, {}),
        # The text for the image was the name.
        ({"name": "Oporto"}, {"name": "Oporto", "city": "Oporto", "alt": "Oporto"}),
        ({"city": "Oporto"}, {"name": "Oporto", "city": "Oporto", "alt": "Oporto"}),
        ({"name": "Oporto", "alt": "X"}, {"name": "Oporto", "city": "Oporto", "alt": "X"}),
        ({"slug": "oporto"}, {"slug": "oporto", "citySlug": "oporto"}),
        ({"citySlug": "oporto"}, {"slug": "oporto", "citySlug": "oporto"}),
    ],
)
def test_the_keys_that_are_given_change_and_the_others_stay(
    api: LambdaApi,
    porto: dict[str, Any],
    method: str,
    body: dict[str, Any],
    changed: dict[str, Any],
) -> None:
    answer = change(api, "porto", body, method)

    assert answer.status == 200
    check_common_headers(answer)
    shown = answer.json
    assert {**shown, "updatedAt": ""} == {**porto, **changed, "updatedAt": ""}
    assert (shown["updatedAt"] > porto["updatedAt"]) is bool(changed)
    slug = changed.get("slug", "porto")
    assert api.get(f"/api/cities/{slug}").json == shown
    assert api.get(f"/api/cities/{slug}").headers["etag"] == answer.headers["etag"]
    assert api.get("/api/cities").json == {"count": 1, "cities": [shown]}


def test_a_text_for_the_image_of_its_own_outlives_a_new_name(api: LambdaApi) -> None:
    add(api, {"name": "Porto", "alt": "A bridge"})

    assert change(api, "porto", {"name": "Oporto"}).json["alt"] == "A bridge"


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"name": ""}, ("name", "must not be empty", "string_too_short")),
        ({"name": None}, ("name", "must be a string", "string_type")),
        ({"slug": None}, ("slug", "must be a string", "string_type")),
        ({"slug": "12"}, ("slug", NO_SLUG, "slug_pattern")),
        ({"url": "ftp://x"}, ("imageUrl", "must be an http(s) URL", "url_parsing")),
        ({"id": 2}, ("id", "is not a known field", "extra_forbidden")),
    ],
)
@pytest.mark.usefixtures("porto")
def test_a_change_that_breaks_a_rule_is_refused_by_its_field(
    api: LambdaApi, tables: MotoTables, body: Any, refusal: tuple[str, str, str]
) -> None:
    before = tables.contents()

    assert refused_field(change(api, "porto", body)) == refusal
    assert tables.contents() == before


@pytest.mark.usefixtures("london")
def test_a_new_name_and_slug_reach_the_events_of_every_status(api: LambdaApi) -> None:
    answer = change(api, "london", {"name": "Londinium", "slug": "londinium"})

    assert answer.status == 200
    assert events(api) == {("Londinium", "londinium")}
    assert api.get("/api/events/published").json["city"] == "Londinium"
    assert api.get("/api/events?search=londinium").json["count"] == 1
    assert api.get("/api/events?search=london").json["count"] == 0
    assert api.get("/api/cities?includeEventCount=true").json["cities"][0]["eventCount"] == 1


@pytest.mark.usefixtures("london")
def test_a_former_slug_finds_the_city_and_its_events(api: LambdaApi) -> None:
    now = change(api, "london", {"slug": "londinium"}).json

    assert api.get("/api/cities/london").json == now
    for slug in ("london", "londinium"):
        found = api.get(f"/api/events?city={slug}").json
        assert [event["citySlug"] for event in found["events"]] == ["londinium"]
    assert change(api, "london", {"country": "England"}).json["slug"] == "londinium"
    added = api.post("/api/admin/events", {**EVENT, "citySlug": "london"}, caller=signed_in()).json
    assert (added["citySlug"], added["city"]) == ("londinium", "London")


@pytest.mark.usefixtures("porto", "london")
def test_a_slug_that_another_city_has_or_had_is_a_conflict(
    api: LambdaApi, tables: MotoTables
) -> None:
    change(api, "porto", {"slug": "oporto"})
    before = tables.contents()

    for slug in ("oporto", "porto"):
        body = problem(change(api, "london", {"slug": slug}), "CONFLICT")
        assert body["message"] == f"a city with the slug {slug} exists already"
    assert problem(add(api, {"name": "Porto"}), "CONFLICT")

    assert tables.contents() == before


def test_two_admins_who_edit_at_once_do_not_undo_each_other(
    api: LambdaApi, porto: dict[str, Any]
) -> None:
    tag = api.get("/api/cities/porto").headers["etag"]
    first = change(api, "porto", {"country": "P"}, If_Match=tag)
    assert first.status == 200

    for late in (
        change(api, "porto", {"country": "Q"}, If_Match=tag),
        change(api, "porto", {"country": "Q"}, "PUT", If_Match='"of-another-time"'),
        delete(api, "porto", If_Match=tag),
    ):
        problem(late, "PRECONDITION_FAILED")

    assert change(api, "porto", {"country": "Q"}, If_Match=first.headers["etag"]).status == 200
    assert change(api, "porto", {"country": "R"}, If_Match="*").json["country"] == "R"


def test_an_added_citys_tag_is_good_for_its_first_change(api: LambdaApi) -> None:
    tag = add(api, {"name": "Porto"}).headers["etag"]

    assert change(api, "porto", {"country": "P"}, If_Match=tag).status == 200


def test_an_if_match_that_is_malformed_is_refused(api: LambdaApi, porto: dict[str, Any]) -> None:
    field, _, kind = refused_field(change(api, "porto", {"country": "P"}, If_Match="abc"))

    assert (field, kind) == ("If-Match", "entity_tag")


def test_a_city_without_events_is_deleted(api: LambdaApi, porto: dict[str, Any]) -> None:
    change(api, "porto", {"slug": "oporto"})

    answer = delete(api, "porto")

    assert (answer.status, answer.text) == (204, "")
    check_common_headers(answer)
    for slug in ("porto", "oporto"):
        problem(api.get(f"/api/cities/{slug}"), "NOT_FOUND")
    assert api.get("/api/cities").json == {"count": 0, "cities": []}
    assert add(api, {"name": "Porto"}).json["id"] > porto["id"]


@pytest.mark.usefixtures("london")
def test_a_city_is_not_deleted_while_an_event_of_any_status_refers_to_it(api: LambdaApi) -> None:
    for status in ("published", "draft", "cancelled"):
        body = problem(delete(api, "london"), "CONFLICT")
        assert body["message"] == "events take place in this city; move or delete them first"
        api.request("DELETE", f"/api/admin/events/{status}", caller=signed_in())

    assert delete(api, "london").status == 204


@pytest.mark.parametrize("slug", ["nowhere", "%23totals", "NOT%20A%20SLUG", "12"])
def test_a_city_that_does_not_exist_is_a_404(api: LambdaApi, slug: str) -> None:
    for answer in (change(api, slug, {}), change(api, slug, {}, "PUT"), delete(api, slug)):
        assert problem(answer, "NOT_FOUND")["message"] == "no such city"


@pytest.mark.usefixtures("porto")
def test_every_change_leaves_a_line_that_says_who_and_what(api: LambdaApi) -> None:
    with captured_log() as log:
        change(api, "porto", {"name": "Oporto", "slug": "oporto"})
        change(api, "oporto", {"name": "Oporto"})
        delete(api, "oporto")

    names = ("message", "by", "city", "cityId", "changed", "requestId")
    assert [{name: line.get(name) for name in names} for line in log.of("audit")] == [
        {
            "message": "city_changed",
            "by": "user_1",
            "city": "oporto",
            "cityId": 1,
            "changed": ["name", "slug", "alt"],
            "requestId": "req-1",
        },
        {
            "message": "city_deleted",
            "by": "user_1",
            "city": "oporto",
            "cityId": 1,
            "changed": None,
            "requestId": "req-1",
        },
    ]
