"""The facts that lists filter and sort by: small texts that sort as their values do."""

import string
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.event_facts import (
    EventFacts,
    EventOrder,
    event_words,
    highest_price,
    id_text,
    key_of_public,
    lowest_price,
    price_text,
    public_words,
)
from chalicelib.domain.events import Event, EventStatus, public_event
from chalicelib.domain.money import CURRENCIES, minor_digits
from chalicelib.domain.text import fold
from tests.support.builders import NOW, an_event

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
moments = st.integers(0, int((_LAST - _FIRST).total_seconds() * 1000) - 1).map(
    lambda milliseconds: _FIRST + timedelta(milliseconds=milliseconds)
)
events = st.builds(
    an_event,
    id=st.integers(1, 10**12 - 1),
    name=any_text,
    city=any_text,
    date=moments,
    price=st.integers(0, 9_999_999_999),
    currency=st.sampled_from(["usd", "jpy"]),
    status=st.sampled_from(EventStatus),
    created_at=moments,
    updated_at=moments,
)


def major(event: Event) -> Decimal:
    return Decimal(event.price).scaleb(-minor_digits(event.currency))


def test_the_facts_of_an_event_are_what_lists_need() -> None:
    event = an_event(
        id=7, name="Été à  Zürich", city="São Paulo", updated_at=NOW + timedelta(milliseconds=1)
    )
    assert EventFacts.of(event) == EventFacts(
        id="000000000007",
        slug="tech-conference",
        status="published",
        city_slug="london",
        city="sao paulo",
        date="2027-03-31T12:00:00.000Z",
        price="00000000149990",
        created_at="2027-03-01T12:00:00.000Z",
        updated_at="2027-03-01T12:00:00.001Z",
        name="ete a zurich",
    )


@given(events)
def test_facts_are_read_back_as_they_were_written(event: Event) -> None:
    facts = EventFacts.of(event)
    assert EventFacts.read(facts.text()) == facts


# What a list must be sorted by, said once more without any text.
SORTED_BY: dict[EventOrder, Callable[[Event], Any]] = {
    EventOrder.DATE: lambda event: (event.date, event.id),
    EventOrder.PRICE: lambda event: (major(event), event.id),
    EventOrder.CREATED_AT: lambda event: (event.created_at, event.id),
    EventOrder.UPDATED_AT: lambda event: (event.updated_at, event.id),
}


@pytest.mark.parametrize("order", list(SORTED_BY))
@given(st.lists(events, max_size=6))
def test_keys_sort_as_their_values_do(order: EventOrder, some: list[Event]) -> None:
    by_key = sorted(some, key=lambda event: EventFacts.of(event).sort_key(order))
    assert [SORTED_BY[order](event) for event in by_key] == sorted(map(SORTED_BY[order], some))


printable = st.text(string.ascii_letters + string.digits + " -'.!é", max_size=12)


@given(st.lists(st.tuples(printable, printable, moments), max_size=6))
def test_names_sort_as_their_folded_texts_and_cities_then_by_date(
    texts: list[tuple[str, str, datetime]],
) -> None:
    some = [
        an_event(id=number, name=name, city=city, date=date)
        for number, (name, city, date) in enumerate(texts, start=1)
    ]

    def in_order(order: EventOrder) -> list[Event]:
        return sorted(some, key=lambda event: EventFacts.of(event).sort_key(order))

    assert in_order(EventOrder.NAME) == sorted(some, key=lambda e: (fold(e.name), e.id))
    assert in_order(EventOrder.CITY) == sorted(some, key=lambda e: (fold(e.city), e.date, e.id))


def test_a_name_comes_before_every_longer_one_that_begins_with_it() -> None:
    names = ["York", "York!", "York City", "Yorkshire"]
    keys = [
        EventFacts.of(an_event(id=9 - place, name=name)).sort_key(EventOrder.NAME)
        for place, name in enumerate(names)
    ]
    assert keys[0] == min(keys)
    assert keys[3] == max(keys)


@pytest.mark.parametrize("order", list(EventOrder))
def test_no_two_events_have_the_same_key(order: EventOrder) -> None:
    first, second = an_event(), an_event(id=2, slug="other")
    assert EventFacts.of(first).sort_key(order) < EventFacts.of(second).sort_key(order)


@given(events.map(lambda event: replace(event, name=event.name * 50, city=event.city * 50)))
def test_every_key_fits_into_an_index(event: Event) -> None:
    facts = EventFacts.of(event)
    assert max(len(facts.sort_key(order).encode()) for order in EventOrder) <= 1024


@given(events)
def test_facts_follow_from_the_public_text(event: Event) -> None:
    assert EventFacts.of_public(public_event(event)) == EventFacts.of(event)


@pytest.mark.parametrize("order", list(EventOrder))
def test_a_key_can_be_read_off_the_public_text(order: EventOrder) -> None:
    event = an_event(price=14_999)
    assert key_of_public(public_event(event), order) == EventFacts.of(event).sort_key(order)


@given(st.integers(0, 10**12 - 1), st.integers(0, 10**12 - 1))
def test_ids_and_prices_sort_as_numbers(one: int, other: int) -> None:
    assert (id_text(one) < id_text(other)) == (one < other)
    assert (price_text(one) < price_text(other)) == (one < other)


def test_the_highest_price_of_every_currency_has_room() -> None:
    texts = {
        EventFacts.of(an_event(price=99_999_999 * 10 ** minor_digits(code), currency=code)).price
        for code in CURRENCIES
    }
    assert texts == {price_text(99_999_999_000)}


amounts = st.decimals(0, 99_999_999, places=5)


@given(amounts, st.integers(0, 10**11))
def test_a_bound_lets_in_what_is_not_beyond_it_and_nothing_else(bound: Decimal, price: int) -> None:
    exact = Decimal(price) / 1000
    assert (price_text(price) >= lowest_price(bound)) == (exact >= bound)
    assert (price_text(price) <= highest_price(bound)) == (exact <= bound)


def test_a_bound_between_two_prices_is_of_neither() -> None:
    assert lowest_price(Decimal("1.0001")) == price_text(1001)
    assert highest_price(Decimal("1.0009")) == price_text(1000)


def test_an_event_is_found_by_the_words_of_every_field_of_the_contract() -> None:
    event = an_event(
        name="Harbour Jazz",
        city="São Paulo",
        city_slug="sao-paulo-sp",
        location="Quay 4",
        organizer_name="Blue Notes Ltd.",
        description="<p>Bring a <strong>coat</strong>.</p><ul><li>Fish&amp;chips</li></ul>",
        alt="A saxophone",
        currency="eur",
    )
    expected = "a blue bring chips coat fish harbour jazz ltd notes paulo quay sao sp"
    assert sorted(event_words(event)) == ["4", *expected.split()]
    assert public_words(public_event(event)) == event_words(event)


def test_tags_and_other_fields_are_no_words() -> None:
    found = event_words(an_event(description="<strong>bold</strong>", alt="saxophone"))
    assert "bold" in found
    assert found.isdisjoint({"strong", "saxophone", "usd", "published", "p"})


def test_words_do_not_grow_together_across_tags_and_fields() -> None:
    found = event_words(an_event(name="Jazz", city="London", description="<p>one</p><p>two</p>"))
    assert {"jazz", "london", "one", "two"} <= found
