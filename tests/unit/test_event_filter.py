"""Which events a list is of."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.event_facts import EventFacts, event_words
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import Event, EventStatus
from chalicelib.domain.money import minor_digits
from tests.support.builders import NOW, an_event

ALL = tuple(EventStatus)
DAY = timedelta(days=1)
DATE = an_event().date


def is_listed(event: Event, *statuses: EventStatus, **wanted: Any) -> bool:
    return EventFilter(statuses or ALL, **wanted).by_facts().matches(EventFacts.of(event))


def test_without_bounds_every_event_of_the_statuses_is_listed() -> None:
    for status in EventStatus:
        event = an_event(status=status)
        assert is_listed(event)
        assert is_listed(event, status)
        assert not is_listed(event, *(other for other in EventStatus if other is not status))


def test_a_city_is_compared_whole() -> None:
    assert is_listed(an_event(), city_slug="london")
    assert not is_listed(an_event(), city_slug="lon")


@pytest.mark.parametrize(
    ("wanted", "listed"),
    [
        ({"since": DATE}, True),
        ({"since": DATE + timedelta(milliseconds=1)}, False),
        ({"until": DATE}, True),
        ({"until": DATE - timedelta(milliseconds=1)}, False),
        ({"since": DATE - DAY, "until": DATE + DAY}, True),
        ({"since": DATE + DAY, "until": DATE - DAY}, False),
        ({"since": DATE, "until": DATE}, True),
        ({"min_price": Decimal("149.99")}, True),
        ({"min_price": Decimal(150)}, False),
        ({"max_price": Decimal("149.99")}, True),
        ({"max_price": Decimal("149.98")}, False),
        ({"min_price": Decimal(0), "max_price": Decimal(99_999_999)}, True),
        ({"min_price": Decimal(200), "max_price": Decimal(100)}, False),
        ({"since": DATE, "max_price": Decimal(1)}, False),
        ({"since": DATE + DAY, "max_price": Decimal(200)}, False),
    ],
)
def test_bounds_belong_to_the_list_and_all_of_them_hold(
    wanted: dict[str, Any], listed: bool
) -> None:
    assert is_listed(an_event(), **wanted) is listed


@pytest.mark.parametrize("currency", ["usd", "jpy", "kwd"])
def test_prices_are_compared_as_clients_see_them(currency: str) -> None:
    event = an_event(price=20 * 10 ** minor_digits(currency), currency=currency)
    assert is_listed(event, min_price=Decimal(20), max_price=Decimal(20))
    assert not is_listed(event, min_price=Decimal("20.01"))
    assert not is_listed(event, max_price=Decimal("19.99"))


@given(
    st.integers(0, 10**6),
    st.none() | st.decimals(0, 10**4, places=3),
    st.none() | st.decimals(0, 10**4, places=3),
)
def test_a_price_is_listed_just_where_it_is_within_its_bounds(
    price: int, lowest: Decimal | None, highest: Decimal | None
) -> None:
    exact = Decimal(price).scaleb(-2)
    within = (lowest is None or exact >= lowest) and (highest is None or exact <= highest)
    assert is_listed(an_event(price=price), min_price=lowest, max_price=highest) is within


def test_it_is_known_which_parts_matter() -> None:
    plain = EventFilter(ALL)
    assert not plain.has_dates
    assert not plain.has_prices
    assert EventFilter(ALL, since=NOW).has_dates
    assert EventFilter(ALL, until=NOW).has_dates
    assert EventFilter(ALL, min_price=Decimal(0)).has_prices
    assert EventFilter(ALL, max_price=Decimal(0)).has_prices


def test_the_filter_of_one_status_keeps_everything_else() -> None:
    wanted = EventFilter(ALL, ("jazz",), "london", NOW, NOW + DAY, Decimal(1), Decimal(2))
    assert wanted.of_status(EventStatus.DRAFT) == EventFilter(
        (EventStatus.DRAFT,), ("jazz",), "london", NOW, NOW + DAY, Decimal(1), Decimal(2)
    )


@pytest.mark.parametrize(
    ("words", "found"),
    [((), True), (("tech",), True), (("conf", "lon"), True), (("onf",), False), (("x",), False)],
)
def test_each_word_must_begin_one_of_the_events(words: tuple[str, ...], found: bool) -> None:
    assert EventFilter(ALL, words).finds(event_words(an_event())) is found
