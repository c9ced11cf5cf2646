"""The body that changes an event: only what is sent changes, each key by the rules of a new one."""

from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.events import Event, EventStatus
from chalicelib.domain.money import CURRENCIES, decimals, minor_digits, to_major
from chalicelib.errors import InvalidInput
from chalicelib.schemas.events import EventBody, EventChanges
from chalicelib.schemas.reading import read_body
from chalicelib.services.editing_events import EventDraft
from tests.support.builders import an_event

EVENT = an_event(image_url="https://img.example/a.png", alt="A hall", capacity=100)
UNCHANGED = EventDraft.of(EVENT)
NO_SLUG = "must be lower-case words and digits with single hyphens, not all digits"


def changed(event: Event = EVENT, /, **sent: Any) -> EventDraft:
    return read_body(EventChanges, sent).applied_to(event)


def difference(**sent: Any) -> dict[str, Any]:
    """What a body changes, by the names of the draft."""
    before, after = asdict(UNCHANGED), asdict(changed(**sent))
    return {name: value for name, value in after.items() if value != before[name]}


def refusal(event: Event = EVENT, /, **sent: Any) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as refused:
        changed(event, **sent)
    [problem] = refused.value.problems
    return problem.field, problem.message


def test_an_empty_body_changes_nothing() -> None:
    assert changed() == UNCHANGED


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"name": "  Gala "}, {"name": "Gala"}),
        ({"slug": "gala"}, {"slug": "gala"}),
        (
            {"date": "2099-07-01T18:00:00+02:00"},
            {"date": datetime(2099, 7, 1, 16, tzinfo=UTC)},
        ),
        # Only a new event must be in the future.
        ({"date": "2001-01-01"}, {"date": datetime(2001, 1, 1, tzinfo=UTC)}),
        ({"citySlug": "paris"}, {"city_slug": "paris"}),
        ({"location": "Quay 4"}, {"location": "Quay 4"}),
        ({"organizerName": "Blue Notes"}, {"organizer_name": "Blue Notes"}),
        ({"price": Decimal("20.5")}, {"price": 2050}),
        ({"price": 0}, {"price": 0}),
        ({"currency": "EUR"}, {"currency": "eur"}),
        ({"imageUrl": "https://img.example/b.png"}, {"image_url": "https://img.example/b.png"}),
        ({"imageUrl": None}, {"image_url": None}),
        ({"alt": "A stage"}, {"alt": "A stage"}),
        ({"description": "<p>b</p><script>x</script>"}, {"description": "<p>b</p>"}),
        ({"description": ""}, {"description": ""}),
        ({"capacity": 0}, {"capacity": 0}),
        ({"capacity": None}, {"capacity": None}),
        ({"status": "draft"}, {"status": EventStatus.DRAFT}),
        ({"status": "published"}, {}),
    ],
)
def test_a_key_changes_its_own_field_and_no_other(
    sent: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert difference(**sent) == expected


@pytest.mark.parametrize("city", ["Londinium", "", None])
def test_the_name_of_the_city_may_be_sent_and_changes_nothing(city: str | None) -> None:
    assert changed(city=city) == UNCHANGED


def test_a_new_name_leaves_the_slug_that_links_lead_to() -> None:
    assert changed(name="Gala").slug == EVENT.slug


def test_every_key_of_a_new_event_can_be_changed_and_no_other() -> None:
    assert set(EventChanges.model_fields) == set(EventBody.model_fields)


def test_an_event_that_is_sent_back_as_it_was_shown_changes_nothing() -> None:
    assert (
        changed(
            name=EVENT.name,
            slug=EVENT.slug,
            date="2027-03-31T12:00:00.000Z",
            city=EVENT.city,
            citySlug=EVENT.city_slug,
            location=EVENT.location,
            organizerName=EVENT.organizer_name,
            price=Decimal("149.99"),
            currency=EVENT.currency,
            imageUrl=EVENT.image_url,
            alt=EVENT.alt,
            description=EVENT.description,
            capacity=EVENT.capacity,
            status="published",
        )
        == UNCHANGED
    )


@pytest.mark.parametrize(
    "field",
    [
        "name",
        "slug",
        "date",
        "citySlug",
        "location",
        "organizerName",
        "price",
        "currency",
        "description",
        "status",
    ],
)
def test_what_an_event_must_have_cannot_be_taken_away(field: str) -> None:
    nothing: dict[str, Any] = {field: None}
    assert refusal(**nothing)[0] == field


@pytest.mark.parametrize(
    ("sent", "field", "message"),
    [
        ({"name": " "}, "name", "must not be empty"),
        ({"name": "x" * 256}, "name", "must have at most 255 characters"),
        ({"slug": "2099"}, "slug", NO_SLUG),
        ({"slug": "s" * 101}, "slug", "must have at most 100 characters"),
        ({"date": "soon"}, "date", "must be an ISO 8601 date-time"),
        ({"citySlug": "c" * 51}, "citySlug", "must have at most 50 characters"),
        ({"location": ""}, "location", "must not be empty"),
        ({"price": -1}, "price", "must not be negative"),
        ({"price": "20"}, "price", "must be a number"),
        ({"price": 100_000_000}, "price", "must be at most 99999999.99"),
        ({"currency": "xyz"}, "currency", "must be the code of a currency, such as usd"),
        ({"imageUrl": "ftp://a.example"}, "imageUrl", "must be an http(s) URL"),
        ({"alt": "x" * 256}, "alt", "must have at most 255 characters"),
        ({"description": "x" * 5001}, "description", "must have at most 5000 characters"),
        # Closing every paragraph makes it longer than it was sent.
        (
            {"description": "<p>" * 1600},
            "description",
            "is too long once it is written as HTML",
        ),
        ({"capacity": -1}, "capacity", "must not be negative"),
        ({"capacity": 1.5}, "capacity", "must be a whole number"),
        ({"capacity": 10**9 + 1}, "capacity", "must be at most 1000000000"),
        # An event is cancelled by its own route, which gives the buyers' money back.
        ({"status": "cancelled"}, "status", "must be draft or published"),
        ({"id": 5}, "id", "is not a known field"),
        ({"held": 0}, "held", "is not a known field"),
        ({"updatedAt": "2027-03-01"}, "updatedAt", "is not a known field"),
    ],
)
def test_a_value_that_no_new_event_could_have_is_refused(
    sent: dict[str, Any], field: str, message: str
) -> None:
    assert refusal(**sent) == (field, message)


class TestTheImagesText:
    """`alt` is the name where nothing better is known."""

    NAMED = an_event(alt="Tech Conference")

    def test_it_follows_the_name_where_it_was_the_name(self) -> None:
        assert changed(self.NAMED, name="Gala").alt == "Gala"

    def test_a_text_of_its_own_stays(self) -> None:
        assert changed(name="Gala").alt == "A hall"

    @pytest.mark.parametrize("nothing", [None, "", "  "])
    def test_taken_away_it_is_the_name(self, nothing: str | None) -> None:
        assert changed(alt=nothing).alt == "Tech Conference"
        assert changed(alt=nothing, name="Gala").alt == "Gala"

    def test_a_new_text_wins_over_a_new_name(self) -> None:
        assert changed(self.NAMED, name="Gala", alt="A stage").alt == "A stage"


class TestMoney:
    """A price is a number of major units; another currency has the same number."""

    @pytest.mark.parametrize(
        ("before", "currency", "after"), [(("usd", 2000), "jpy", 20), (("jpy", 20), "kwd", 20_000)]
    )
    def test_another_currency_keeps_the_number(
        self, before: tuple[str, int], currency: str, after: int
    ) -> None:
        event = an_event(currency=before[0], price=before[1])
        assert changed(event, currency=currency).price == after

    def test_a_number_that_the_other_currency_cannot_have_is_the_currencys_fault(self) -> None:
        assert refusal(currency="jpy") == ("currency", "must have no decimals")

    def test_a_price_is_read_in_the_events_own_currency(self) -> None:
        yen = an_event(currency="jpy", price=1500)
        assert changed(yen, price=1600).price == 1600
        assert refusal(yen, price=Decimal("1600.5")) == ("price", "must have no decimals")

    def test_a_price_that_is_sent_with_its_currency_is_read_in_that(self) -> None:
        assert difference(price=1600, currency="jpy") == {"price": 1600, "currency": "jpy"}
        assert refusal(price=Decimal("1600.5"), currency="jpy")[0] == "price"

    def test_more_decimals_than_the_currency_has_are_refused(self) -> None:
        assert refusal(price=Decimal("1.005")) == ("price", "must have at most 2 decimals")

    @given(
        st.sampled_from(sorted(CURRENCIES)),
        st.sampled_from(sorted(CURRENCIES)),
        st.integers(0, 9_999_999_999),
    )
    def test_clients_see_the_same_number_or_are_told_why_not(
        self, before: str, after: str, hundredths: int
    ) -> None:
        step = 10 ** (minor_digits(before) - decimals(before))
        price = hundredths * step
        number = to_major(price, before)
        event = an_event(currency=before, price=price)
        if decimals(after) == 0 and not isinstance(number, int):
            assert refusal(event, currency=after) == ("currency", "must have no decimals")
        else:
            assert to_major(changed(event, currency=after).price, after) == number
