"""ETag, 304 and Cache-Control of public events and cities (RFC 9110, sections 8.8.3 and 13.1.2)."""

import pytest

from chalicelib.store import Stores
from tests.support.answers import check_common_headers
from tests.support.builders import NOW, an_order
from tests.support.lambda_api import LambdaApi
from tests.support.seeding import seed_city, seed_event

PUBLIC = [
    "/api/events",
    "/api/events?city=london&limit=1",
    "/api/events/tech-conference",
    "/api/cities",
    "/api/cities?includeEventCount=true",
    "/api/cities/london",
]
KEPT = "public, max-age=30, stale-while-revalidate=60"


@pytest.fixture(autouse=True)
def _catalogue(stores: Stores) -> None:
    seed_city(stores)
    seed_event(stores)


@pytest.mark.parametrize("url", PUBLIC)
def test_the_same_answer_has_the_same_strong_tag(api: LambdaApi, url: str) -> None:
    first, second = api.get(url), api.get(url)

    assert first.headers["etag"] == second.headers["etag"]
    assert first.headers["etag"].startswith('"')
    assert first.headers["etag"].endswith('"')


@pytest.mark.parametrize("url", PUBLIC)
@pytest.mark.parametrize("condition", ["{}", "W/{}", '"other", {}', '"a",{}, "b"', "*"])
def test_a_client_that_has_it_gets_a_304_without_a_body(
    api: LambdaApi, url: str, condition: str
) -> None:
    tag = api.get(url).headers["etag"]

    answer = api.get(url, headers={"if-none-match": condition.format(tag)})

    assert (answer.status, answer.text) == (304, "")
    assert answer.headers["etag"] == tag
    assert answer.headers["cache-control"] == KEPT
    check_common_headers(answer)


@pytest.mark.parametrize("condition", ['"other"', "", "W/", '"*"', "{tag}x", "{bare}"])
def test_a_client_that_has_something_else_gets_the_whole_answer(
    api: LambdaApi, condition: str
) -> None:
    tag = api.get("/api/events").headers["etag"]
    sent = condition.format(tag=tag, bare=tag.strip('"'))

    answer = api.get("/api/events", headers={"If-None-Match": sent})

    assert answer.status == 200
    assert answer.json["count"] == 1


def test_different_answers_have_different_tags(api: LambdaApi) -> None:
    assert len({api.get(url).headers["etag"] for url in PUBLIC}) == len(PUBLIC)


def test_a_held_seat_changes_the_events_tag_and_not_the_lists(
    api: LambdaApi, stores: Stores
) -> None:
    event = api.get("/api/events/tech-conference").headers["etag"]
    listed = api.get("/api/events").headers["etag"]

    stores.orders.place_hold(an_order(created_at=NOW))

    assert api.get("/api/events/tech-conference").headers["etag"] != event
    assert api.get("/api/events").headers["etag"] == listed


def test_a_new_event_changes_the_lists_tag(api: LambdaApi, stores: Stores) -> None:
    listed = api.get("/api/events")
    seed_event(stores, "another")

    answer = api.get("/api/events", headers={"If-None-Match": listed.headers["etag"]})

    assert answer.status == 200
    assert answer.json["count"] == 2


@pytest.mark.parametrize(
    "url", ["/api/events/nowhere", "/api/events?limit=0", "/api/cities/nowhere"]
)
def test_an_error_is_never_kept_by_a_cache(api: LambdaApi, url: str) -> None:
    answer = api.get(url, headers={"If-None-Match": "*"})

    assert answer.status in {400, 404}
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
