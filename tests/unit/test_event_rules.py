"""Which seats of which event may be sold, and what clients see of it."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.events import (
    UNLIMITED_SEATS,
    EventRecord,
    EventStatus,
    new_record,
    public_event,
    seats,
)
from chalicelib.errors import SalesClosed, SoldOut
from tests.support.builders import NOW, an_event


def a_record(**changes: Any) -> EventRecord:
    event = an_event()
    record = EventRecord(
        public=public_event(event),
        id=event.id,
        slug=event.slug,
        status=event.status,
        date=event.date,
        price=event.price,
        currency=event.currency,
        capacity=event.capacity,
        free=100,
        held=0,
        sold=0,
    )
    return replace(record, **changes)


def test_free_seats_of_a_published_future_event_may_be_sold() -> None:
    a_record(free=2).ensure_on_sale(2, NOW)


def test_a_sold_out_event_refuses_a_hold() -> None:
    with pytest.raises(SoldOut, match=r"^this event is sold out$"):
        a_record(free=0).ensure_on_sale(1, NOW)


def test_an_event_with_fewer_seats_than_asked_for_says_how_many_are_left() -> None:
    with pytest.raises(SoldOut, match=r"^only 2 seats are left$"):
        a_record(free=2).ensure_on_sale(3, NOW)


@pytest.mark.parametrize("status", [EventStatus.DRAFT, EventStatus.CANCELLED])
def test_an_event_that_is_not_published_is_not_on_sale(status: EventStatus) -> None:
    with pytest.raises(SalesClosed, match="not on sale"):
        a_record(status=status).ensure_on_sale(1, NOW)


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(milliseconds=1), timedelta(days=9)])
def test_an_event_that_has_begun_is_not_on_sale(ago: timedelta) -> None:
    with pytest.raises(SalesClosed, match="already taken place"):
        a_record(date=NOW - ago).ensure_on_sale(1, NOW)


def test_a_past_event_is_closed_rather_than_sold_out() -> None:
    with pytest.raises(SalesClosed):
        a_record(date=NOW - timedelta(days=1), free=0).ensure_on_sale(1, NOW)


def test_an_event_without_capacity_has_more_seats_than_anyone_asks_for() -> None:
    assert seats(None) == UNLIMITED_SEATS
    a_record(capacity=None, free=seats(None)).ensure_on_sale(10, NOW)


def test_a_capacity_of_zero_is_a_limit() -> None:
    assert seats(0) == 0


@pytest.mark.parametrize(
    ("capacity", "free", "available"),
    [(100, 7, 7), (100, 0, 0), (100, -3, 0), (None, 10**12, None)],
)
def test_seats_free_are_shown_and_never_negative(
    capacity: int | None, free: int, available: int | None
) -> None:
    record = a_record(capacity=capacity, free=free)
    shown = json.loads(record.public_with_stock())
    assert shown.pop("available") == available
    assert shown == json.loads(record.public)


def test_the_name_is_read_from_the_public_text() -> None:
    event = an_event(name='Rock "n" Roll / Zürich')
    assert a_record(public=public_event(event)).name == 'Rock "n" Roll / Zürich'


def test_clients_see_an_event_as_the_contract_says() -> None:
    assert json.loads(public_event(an_event(image_url="https://img.example/a.png"))) == {
        "id": 1,
        "name": "Tech Conference",
        "slug": "tech-conference",
        "city": "London",
        "citySlug": "london",
        "location": "Dockside Halls",
        "date": "2027-03-31T12:00:00.000Z",
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


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 10**12))
def test_any_text_in_an_event_leaves_its_json_whole(text: str, free: int) -> None:
    record = a_record(public=public_event(an_event(name=text, description=text)), free=free)
    shown = json.loads(record.public_with_stock())
    assert (shown["name"], shown["description"], shown["available"]) == (text, text, free)


@pytest.mark.parametrize(
    ("capacity", "free", "available"), [(100, 5, 5), (0, -2, 0), (None, UNLIMITED_SEATS - 7, None)]
)
def test_admins_see_what_is_held_and_sold_too(
    capacity: int | None, free: int, available: int | None
) -> None:
    record = a_record(capacity=capacity, free=free, held=3, sold=4)
    shown = json.loads(record.public_for_admins())
    assert (shown.pop("available"), shown.pop("held"), shown.pop("sold")) == (available, 3, 4)
    assert shown == json.loads(record.public)


@pytest.mark.parametrize("capacity", [0, 7, None])
def test_a_new_event_has_all_its_seats_free(capacity: int | None) -> None:
    record = new_record(an_event(capacity=capacity))
    assert (record.free, record.held, record.sold) == (seats(capacity), 0, 0)
    assert (record.capacity, record.former_slugs) == (capacity, ())


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.sampled_from(EventStatus),
    st.sampled_from([None, "https://img.example/a.png"]),
    st.none() | st.integers(0, 10**9),
)
def test_an_event_is_read_back_from_its_record_as_it_was_described(
    text: str, status: EventStatus, image_url: str | None, capacity: int | None
) -> None:
    event = an_event(
        id=7,
        name=text,
        city=text,
        location=text,
        organizer_name=text,
        alt=text,
        description=text,
        image_url=image_url,
        status=status,
        capacity=capacity,
        price=1200,
        currency="jpy",
        updated_at=NOW + timedelta(milliseconds=1),
    )
    assert new_record(event).described() == event
