"""`POST /api/admin/cities`."""

from typing import Any

import pytest

from tests.support.answers import CITY_KEYS, check_common_headers, problem, refused_field
from tests.support.lambda_api import Answer, LambdaApi, signed_in
from tests.support.log_lines import captured_log
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
