"""`GET /api/events/{slug}`: one event with its free seats, or a 404."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.events import EventStatus
from chalicelib.store import Stores
from tests.support.answers import EVENT_KEYS, problem
from tests.support.builders import NOW, an_order
from tests.support.lambda_api import LambdaApi, signed_in
from tests.support.seeding import LONG_AGO, seed_city, seed_event
from tests.support.traffic import watched


@pytest.fixture(autouse=True)
def _london(stores: Stores) -> None:
    seed_city(stores)


def test_an_event_has_the_keys_of_a_list_and_what_is_available(
    api: LambdaApi, stores: Stores
) -> None:
    seed_event(stores)
    (listed,) = api.get("/api/events").json["events"]

    answer = api.get("/api/events/tech-conference")

    assert answer.status == 200
    assert list(answer.json) == [*EVENT_KEYS, "available"]
    assert answer.json == {**listed, "available": 100}


def test_seats_that_are_held_are_not_available(api: LambdaApi, stores: Stores) -> None:
    seed_event(stores, capacity=5)
    stores.orders.place(an_order(quantity=3, created_at=NOW))

    shown = api.get("/api/events/tech-conference").json

    assert (shown["capacity"], shown["available"]) == (5, 2)


def test_an_event_that_is_sold_out_has_zero_available(api: LambdaApi, stores: Stores) -> None:
    seed_event(stores, capacity=2)
    stores.orders.place(an_order(quantity=2, created_at=NOW))

    assert api.get("/api/events/tech-conference").json["available"] == 0


def test_without_a_limit_capacity_and_available_are_null(api: LambdaApi, stores: Stores) -> None:
    seed_event(stores, capacity=None)
    stores.orders.place(an_order(quantity=3, created_at=NOW))

    shown = api.get("/api/events/tech-conference").json

    assert (shown["capacity"], shown["available"]) == (None, None)


def test_seats_that_are_in_several_places_are_added_up(api: LambdaApi, stores: Stores) -> None:
    seed_event(stores, capacity=400)
    event = stores.events.get("tech-conference", consistent=True)
    stores.orders.place(an_order(quantity=3, created_at=NOW), event)
    first = api.get("/api/events/tech-conference")
    seen_by_admins = api.get("/api/admin/events/tech-conference", caller=signed_in())
    event = stores.events.get("tech-conference", consistent=True)
    stores.orders.place(an_order(id="01JNOTHER", quantity=4, created_at=NOW), event)

    shown = api.get("/api/events/tech-conference")

    assert event is not None
    assert event.places == 8
    assert (shown.json["capacity"], shown.json["available"]) == (400, 393)
    again = api.get("/api/admin/events/tech-conference", caller=signed_in())
    assert (again.json["available"], again.json["held"], again.json["sold"]) == (393, 7, 0)
    # Who has seen the former number is shown the new one.
    assert shown.headers["etag"] != first.headers["etag"]
    assert again.headers["etag"] != seen_by_admins.headers["etag"]
    assert "places" not in shown.text + again.text


def test_a_past_event_can_still_be_looked_at(api: LambdaApi, stores: Stores) -> None:
    seed_event(stores, date=LONG_AGO)

    assert api.get("/api/events/tech-conference").status == 200


def test_a_cancelled_event_says_so(api: LambdaApi, stores: Stores) -> None:
    seed_event(stores, status=EventStatus.CANCELLED)

    assert api.get("/api/events/tech-conference").json["status"] == "cancelled"


def test_a_draft_is_not_there_for_the_public(api: LambdaApi, stores: Stores) -> None:
    seed_event(stores, status=EventStatus.DRAFT)

    assert problem(api.get("/api/events/tech-conference"), "NOT_FOUND")["message"] == (
        "no such event"
    )


def rename(stores: Stores, slug: str, now: str) -> None:
    before = stores.events.get(slug, consistent=True)
    assert before is not None
    event = before.described()
    later = event.updated_at + timedelta(seconds=1)
    stores.events.replace(before, replace(event, slug=now, updated_at=later))


def test_an_old_link_shows_the_event_under_the_slug_that_it_has_now(
    api: LambdaApi, stores: Stores
) -> None:
    seed_event(stores, capacity=5)
    rename(stores, "tech-conference", "tech-congress")
    stores.orders.place(an_order(event_slug="tech-congress", quantity=3, created_at=NOW))

    old, new = (api.get(f"/api/events/{slug}") for slug in ("tech-conference", "tech-congress"))

    assert old.json["slug"] == "tech-congress"
    assert old.json["available"] == 2
    assert (old.text, old.headers["etag"]) == (new.text, new.headers["etag"])


def test_an_old_link_to_a_draft_shows_nothing(api: LambdaApi, stores: Stores) -> None:
    seed_event(stores, status=EventStatus.DRAFT)
    rename(stores, "tech-conference", "secret")

    problem(api.get("/api/events/tech-conference"), "NOT_FOUND")


def test_what_was_typed_comes_back_as_it_was_and_not_as_html(
    api: LambdaApi, stores: Stores
) -> None:
    typed = 'R&B "Live" <3 \' ©'
    seed_event(stores, name=typed, description="<p>AT&T</p>")

    answer = api.get("/api/events/tech-conference")

    assert answer.json["name"] == typed
    assert '"description":"<p>AT&T</p>"' in answer.text


def test_a_slug_is_decoded_once(api: LambdaApi, stores: Stores) -> None:
    seed_event(stores)

    assert api.get("/api/events/tech%2Dconference").status == 200
    assert api.get("/api/events/tech%252Dconference").status == 404


@pytest.mark.parametrize("kind", ["events", "cities"])
@pytest.mark.parametrize(
    "slug",
    [
        "nowhere",
        "tech%2Fconference",
        "..%2F..%2Fetc",
        "%00",
        "tech-conference%00",
        "tech-conference%0A",
        "Tech-Conference",
        "1",
        "123456",
        "tech--conference",
        "-tech",
        "tech-",
        "tech_conference",
        "tech%20conference",
        "%23totals",
        "%ED%A0%80",
        "%FF",
        "z%C3%BCrich",
        "%D9%A3",
        "a" * 101,
        "a" * 5000,
    ],
)
def test_what_is_no_slug_is_a_404_and_does_not_trouble_the_database(
    api: LambdaApi, stores: Stores, kind: str, slug: str
) -> None:
    seed_event(stores)

    with watched(stores.orders._connection) as traffic:
        problem(api.get(f"/api/{kind}/{slug}"), "NOT_FOUND")

    assert traffic.operations() == (["GetItem"] if slug == "nowhere" else [])
