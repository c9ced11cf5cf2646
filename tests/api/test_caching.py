"""ETag, 304 and Cache-Control of public events and cities (RFC 9110, sections 8.8.3 and 13.1.2)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.events import EventStatus
from chalicelib.store import Stores
from tests.support.answers import check_common_headers, problem
from tests.support.builders import NOW, an_order
from tests.support.lambda_api import LambdaApi, signed_in
from tests.support.routes import CHECKOUT
from tests.support.seeding import FAR_AHEAD, seed_city, seed_event

PUBLIC = [
    "/api/events",
    "/api/events?city=london&limit=1",
    "/api/events?city=london",
    "/api/events?orderBy=name&sortOrder=asc",
    "/api/events?search=tech",
    "/api/events/tech-conference",
    "/api/events/tech-conference/calendar.ics",
    "/api/cities",
    "/api/cities?includeEventCount=true",
    "/api/cities/london",
]
# What holds the event `tech-conference`, and what has nothing of it.
HOLDING = [url for url in PUBLIC if url.startswith("/api/events")]
ELSEWHERE = [
    "/api/events/jazz-night",
    "/api/events/jazz-night/calendar.ics",
    "/api/events?city=lisbon",
    "/api/events?search=jazz",
    "/api/cities",
    "/api/cities?includeEventCount=true",
    "/api/cities/london",
    "/api/cities/lisbon",
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


@pytest.mark.parametrize("url", PUBLIC)
def test_a_cache_is_told_that_the_answer_may_come_packed(api: LambdaApi, url: str) -> None:
    whole = api.get(url)
    not_again = api.get(url, headers={"If-None-Match": whole.headers["etag"]})

    assert whole.headers["vary"] == not_again.headers["vary"] == "Accept-Encoding"


def test_different_answers_have_different_tags(api: LambdaApi, stores: Stores) -> None:
    seed_event(stores, "another")
    answers = [api.get(url) for url in (*PUBLIC, "/api/events/another", "/api/events?limit=1")]

    tags: dict[str, set[str]] = {}
    for answer in answers:
        tags.setdefault(answer.text, set()).add(answer.headers["etag"])
    assert all(len(same) == 1 for same in tags.values())
    assert len(tags) == len({tag for same in tags.values() for tag in same})


@pytest.fixture
def more(stores: Stores) -> None:
    """Another event, of another city."""
    seed_city(stores, "lisbon")
    seed_event(stores, "jazz-night", name="Jazz Night", city="Lisbon", city_slug="lisbon")


def changed(stores: Stores, slug: str, **changes: Any) -> None:
    """Describe an event anew, as an admin does."""
    before = stores.events.get(slug, consistent=True)
    assert before is not None
    after = before.described()
    later = after.updated_at + timedelta(seconds=1)
    stores.events.replace(before, replace(after, updated_at=later, **changes))


@pytest.mark.usefixtures("more")
@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Tech Congress"},
        {"date": FAR_AHEAD + timedelta(days=1)},
        {"price": 15000},
        {"description": "<p>Two days.</p>"},
        {"capacity": 99},
        # Nothing but that it was saved again.
        {},
    ],
)
def test_a_changed_event_is_a_new_answer_wherever_it_is_shown_and_nowhere_else(
    api: LambdaApi, stores: Stores, changes: dict[str, Any]
) -> None:
    tags = {url: api.get(url).headers["etag"] for url in (*HOLDING, *ELSEWHERE)}

    changed(stores, "tech-conference", **changes)

    answers = {url: api.get(url, headers={"If-None-Match": tag}) for url, tag in tags.items()}
    assert {url: answers[url].status for url in HOLDING} == dict.fromkeys(HOLDING, 200)
    assert {url: answers[url].status for url in ELSEWHERE} == dict.fromkeys(ELSEWHERE, 304)


@pytest.mark.usefixtures("more")
def test_a_cancelled_event_leaves_the_lists_and_its_page_changes(
    api: LambdaApi, stores: Stores
) -> None:
    tags = {url: api.get(url).headers["etag"] for url in HOLDING}

    changed(stores, "tech-conference", status=EventStatus.CANCELLED)

    for url, tag in tags.items():
        assert api.get(url, headers={"If-None-Match": tag}).status == 200, url


@pytest.mark.usefixtures("more", "payments")
def test_a_sale_is_a_new_page_and_leaves_lists_and_calendars_as_they_were(api: LambdaApi) -> None:
    page = "/api/events/tech-conference"
    others = [url for url in (*HOLDING, *ELSEWHERE) if url != page]
    tags = {url: api.get(url).headers["etag"] for url in (page, *others)}

    assert api.post("/api/payments/checkout", CHECKOUT).status == 201

    answers = {url: api.get(url, headers={"If-None-Match": tag}) for url, tag in tags.items()}
    assert answers[page].json["available"] == 99
    assert {url: answers[url].status for url in others} == dict.fromkeys(others, 304)


@pytest.mark.usefixtures("more", "payments")
def test_a_sale_is_a_new_page_of_the_same_revision(api: LambdaApi) -> None:
    before = api.get("/api/events/tech-conference").headers["etag"]
    api.post("/api/payments/checkout", CHECKOUT)
    after = api.get("/api/events/tech-conference").headers["etag"]

    assert before != after
    assert before.partition("-")[0] == after.partition("-")[0]


@pytest.mark.usefixtures("more", "payments")
def test_a_sale_between_reading_and_editing_is_no_conflict_and_an_edit_is(api: LambdaApi) -> None:
    page = "/api/events/tech-conference"
    read = {"If-Match": api.get(page).headers["etag"]}
    api.post("/api/payments/checkout", CHECKOUT)

    answers = [
        api.request(
            "PATCH",
            "/api/admin/events/tech-conference",
            json_body={"name": name},
            headers=read,
            caller=signed_in(),
        )
        for name in ("First", "Late")
    ]

    assert answers[0].status == 200
    problem(answers[1], "PRECONDITION_FAILED")
    assert api.get(page).json["name"] == "First"


def test_a_new_city_changes_the_list_of_cities_and_no_citys_page(
    api: LambdaApi, stores: Stores
) -> None:
    urls = ["/api/cities", "/api/cities/london"]
    tags = {url: api.get(url).headers["etag"] for url in urls}

    seed_city(stores, "lisbon")

    answers = [api.get(url, headers={"If-None-Match": tags[url]}) for url in urls]
    assert [answer.status for answer in answers] == [200, 304]


def test_a_held_seat_changes_the_events_tag_and_not_the_lists(
    api: LambdaApi, stores: Stores
) -> None:
    event = api.get("/api/events/tech-conference").headers["etag"]
    listed = api.get("/api/events").headers["etag"]

    stores.orders.place(an_order(created_at=NOW))

    assert api.get("/api/events/tech-conference").headers["etag"] != event
    assert api.get("/api/events").headers["etag"] == listed


def test_a_new_event_changes_the_lists_tag(api: LambdaApi, stores: Stores) -> None:
    listed = api.get("/api/events")
    seed_event(stores, "another")

    answer = api.get("/api/events", headers={"If-None-Match": listed.headers["etag"]})

    assert answer.status == 200
    assert answer.json["count"] == 2


@pytest.mark.parametrize(
    "url",
    [
        "/api/events/nowhere",
        "/api/events/nowhere/calendar.ics",
        "/api/events?limit=0",
        "/api/cities/nowhere",
    ],
)
def test_an_error_is_never_kept_by_a_cache(api: LambdaApi, url: str) -> None:
    answer = api.get(url, headers={"If-None-Match": "*"})

    assert answer.status in {400, 404}
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
