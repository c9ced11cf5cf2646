"""The calendar file of an event, as a browser or a calendar program fetches it."""

from datetime import UTC, datetime

import pytest
from icalendar import Calendar

from chalicelib.domain.events import EventStatus
from chalicelib.store import Stores
from tests.support.answers import problem
from tests.support.builders import NOW, an_order
from tests.support.lambda_api import LambdaApi
from tests.support.seeding import seed_city, seed_event

URL = "/api/events/tech-conference/calendar.ics"


@pytest.fixture(autouse=True)
def _city(stores: Stores) -> None:
    seed_city(stores)


def test_an_event_is_a_file_for_a_calendar(api: LambdaApi, stores: Stores) -> None:
    date = datetime(2099, 6, 15, 9, 0, tzinfo=UTC)
    seed_event(stores, name="Röck & Roll, live", location="ExCeL London", date=date)

    answer = api.get(URL)

    assert answer.status == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="tech-conference.ics"'
    (event,) = Calendar.from_ical(answer.text).events
    assert event["summary"] == "Röck & Roll, live"
    assert event["location"] == "ExCeL London, London"
    assert event["description"] == "A day."
    assert event.start == date
    assert event["status"] == "CONFIRMED"


def test_the_file_is_text_since_no_media_type_of_the_gateway_is_binary(
    api: LambdaApi, stores: Stores
) -> None:
    seed_event(stores, name="😀")

    answer = api.get(URL)

    assert "SUMMARY:😀\r\n" in answer.text


def test_a_cancelled_event_says_so_to_who_has_it(api: LambdaApi, stores: Stores) -> None:
    seed_event(stores, status=EventStatus.CANCELLED)

    (event,) = Calendar.from_ical(api.get(URL).text).events

    assert event["status"] == "CANCELLED"


def test_a_draft_shows_nothing_of_itself(api: LambdaApi, stores: Stores) -> None:
    seed_event(stores, status=EventStatus.DRAFT)

    problem(api.get(URL), "NOT_FOUND")


@pytest.mark.parametrize("slug", ["nowhere", "NOT%20A%20SLUG", "1"])
def test_what_is_not_there_is_a_404(api: LambdaApi, slug: str) -> None:
    problem(api.get(f"/api/events/{slug}/calendar.ics"), "NOT_FOUND")


def test_a_sale_leaves_the_file_as_it_was(api: LambdaApi, stores: Stores) -> None:
    seed_event(stores)
    before = api.get(URL)

    stores.orders.place(an_order(created_at=NOW))

    after = api.get(URL)
    assert (after.text, after.headers["etag"]) == (before.text, before.headers["etag"])


def test_a_304_needs_no_description_of_a_file(api: LambdaApi, stores: Stores) -> None:
    seed_event(stores)
    tag = api.get(URL).headers["etag"]

    answer = api.get(URL, headers={"If-None-Match": tag})

    assert (answer.status, answer.text) == (304, "")
    assert "content-disposition" not in answer.headers
