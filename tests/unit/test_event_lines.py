"""Events as lines of a file: what a line makes of an event, and the line that an event makes."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.events import EventStatus, public_event
from chalicelib.errors import InvalidInput
from chalicelib.schemas.event_lines import (
    COLUMNS,
    REQUIRED_COLUMNS,
    as_line,
    body_of,
    cells_of,
    line_of,
    slug_of,
)
from chalicelib.schemas.events import EventBody
from chalicelib.schemas.reading import read_body
from chalicelib.services.editing_events import EventDraft
from tests.support.builders import an_event

BODY: dict[str, Any] = {
    "name": "Harbour Jazz",
    "date": "2099-07-01T18:00:00Z",
    "citySlug": "london",
    "location": "Quay 4",
    "organizerName": "Blue Notes",
    "price": 20,
}


def refusal(body: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as error:
        as_line(1, body).read()
    return [(item.field, item.type) for item in error.value.problems]


def test_the_columns_are_the_keys_of_a_body_but_for_the_citys_name() -> None:
    assert ",".join(COLUMNS) == (
        "name,slug,date,citySlug,location,organizerName,price,currency,imageUrl,alt,description,"
        "capacity,status"
    )
    assert {
        "name",
        "date",
        "citySlug",
        "location",
        "organizerName",
        "price",
    } == REQUIRED_COLUMNS


def test_a_line_is_read_as_the_body_that_adds_an_event() -> None:
    assert as_line(1, BODY).read().draft() == read_body(EventBody, BODY).draft()
    assert refusal({**BODY, "price": -1, "colour": "blue"}) == [
        ("price", "greater_than_equal"),
        ("colour", "extra_forbidden"),
    ]


def test_what_was_found_wrong_before_the_body_is_all_that_is_told() -> None:
    with pytest.raises(InvalidInput) as early:
        as_line(1, {"name": "x"}).read()

    line = as_line(7, {"slug": "jazz"}, early.value.problems)

    assert (line.number, line.slug) == (7, "jazz")
    with pytest.raises(InvalidInput) as told:
        line.read()
    assert told.value.problems == early.value.problems


def test_a_line_may_say_of_an_event_that_it_is_cancelled() -> None:
    assert as_line(1, {**BODY, "status": "cancelled"}).read().draft().status is (
        EventStatus.CANCELLED
    )
    assert refusal({**BODY, "status": "over"}) == [("status", "literal_error")]


def test_keys_that_a_line_does_not_have_stay_as_they_are() -> None:
    event = an_event(capacity=7, description="Bring a coat.", currency="jpy", price=1500)

    after = as_line(1, {**BODY, "price": Decimal(2000)}).read().applied_to(event)

    assert after == replace(
        EventDraft.of(event),
        name="Harbour Jazz",
        alt="Harbour Jazz",
        date=after.date,
        location="Quay 4",
        organizer_name="Blue Notes",
        price=2000,
    )


def test_keys_that_a_line_sets_to_null_are_taken_away() -> None:
    event = an_event(capacity=7, image_url="https://a.example/x.png", alt="A hall")

    after = as_line(1, {**BODY, "capacity": None, "imageUrl": None, "alt": None, "slug": None})
    draft = after.read().applied_to(event)

    assert (draft.capacity, draft.image_url, draft.alt) == (None, None, "Harbour Jazz")
    assert draft.slug == event.slug


def test_a_lines_slug_is_what_finds_the_event_and_never_changes_it() -> None:
    line = as_line(1, {**BODY, "slug": "another"}).read()

    assert line.applied_to(an_event()).slug == "tech-conference"


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        ({"slug": " jazz "}, "jazz"),
        ({"slug": "Not A Slug", "name": "Jazz"}, "Not A Slug"),
        ({"slug": "x" * 101, "name": "Jazz"}, None),
        ({"slug": 5, "name": "Jazz"}, None),
        ({"slug": None, "name": " Harbour Jazz"}, "harbour-jazz"),
        ({"name": "Harbour Jazz"}, "harbour-jazz"),
        ({"name": "!!!"}, None),
        ({"name": 5}, None),
        ({}, None),
    ],
)
def test_the_slug_of_a_line_is_told_also_where_other_things_are_wrong(
    body: dict[str, Any], slug: str | None
) -> None:
    assert slug_of(body) == slug


near_slugs = st.none() | st.from_regex(r"\s?[a-z0-9-]{0,6}\s?", fullmatch=True) | st.text()


@given(slug=near_slugs, name=st.text())
def test_a_line_that_is_in_order_has_the_slug_that_was_told_of_it(
    slug: str | None, name: str
) -> None:
    """Or two lines of one slug could pass for two events."""
    line = as_line(1, {**BODY, "slug": slug, "name": name})
    try:
        draft = line.read().draft()
    except InvalidInput:
        return

    assert line.slug == draft.slug


@pytest.mark.parametrize(
    ("cells", "body"),
    [
        ({"price": " 20.50 ", "capacity": " 7"}, {"price": Decimal("20.50"), "capacity": 7}),
        ({"price": "-1", "capacity": "-1"}, {"price": Decimal(-1), "capacity": -1}),
        ({"price": "12,50", "capacity": "7.5"}, {"price": "12,50", "capacity": "7.5"}),
        ({"price": "1e5", "capacity": "many"}, {"price": "1e5", "capacity": "many"}),
        ({"price": "9" * 60}, {"price": "9" * 60}),
        ({"price": "\u0661"}, {"price": "\u0661"}),
        ({"name": "5"}, {"name": "5"}),
    ],
)
def test_cells_of_numbers_become_numbers_and_others_stay_text(
    cells: dict[str, str], body: dict[str, Any]
) -> None:
    assert body_of(cells) == body


def test_a_cell_that_is_no_number_is_refused_in_the_models_words() -> None:
    assert refusal({**BODY, **body_of({"price": "12,50", "capacity": "7.5"})}) == [
        ("price", "number_type"),
        ("capacity", "int_type"),
    ]


def test_an_event_is_written_as_the_line_that_describes_it() -> None:
    event = an_event(capacity=None, price=14999, image_url=None, alt="A hall")

    assert line_of(public_event(event)) == {
        "name": "Tech Conference",
        "slug": "tech-conference",
        "date": "2027-03-31T12:00:00.000Z",
        "citySlug": "london",
        "location": "Dockside Halls",
        "organizerName": "TechEvents Ltd",
        "price": 149.99,
        "currency": "usd",
        "imageUrl": None,
        "alt": "A hall",
        "description": "<p>A day.</p>",
        "capacity": None,
        "status": "published",
    }
    assert cells_of(public_event(event)) == [
        "Tech Conference",
        "tech-conference",
        "2027-03-31T12:00:00.000Z",
        "london",
        "Dockside Halls",
        "TechEvents Ltd",
        "149.99",
        "usd",
        "",
        "A hall",
        "<p>A day.</p>",
        "",
        "published",
    ]


def test_a_text_for_the_image_that_is_only_the_name_is_left_out() -> None:
    assert line_of(public_event(an_event()))["alt"] is None


@given(
    price=st.integers(0, 9_999_999_999),
    capacity=st.none() | st.integers(0, 10**9),
    status=st.sampled_from(EventStatus),
    currency=st.sampled_from(["usd", "eur"]),
    alt=st.text(min_size=1, max_size=9).filter(lambda text: text.strip() == text),
)
def test_an_event_is_not_changed_by_the_line_that_it_makes(
    price: int, capacity: int | None, status: EventStatus, currency: str, alt: str
) -> None:
    event = an_event(price=price, capacity=capacity, status=status, currency=currency, alt=alt)
    public = public_event(event)
    as_json = json.loads(json.dumps(line_of(public)), parse_float=Decimal)
    as_cells = {
        name: cell for name, cell in zip(COLUMNS, cells_of(public), strict=True) if cell.strip()
    }

    for body in (as_json, body_of(as_cells)):
        assert as_line(1, body).read().applied_to(event) == EventDraft.of(event)
