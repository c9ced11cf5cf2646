"""Whatever JSON is sent, a body is read into something valid or refused as invalid input."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.slugs import is_slug
from chalicelib.errors import InvalidInput
from chalicelib.http.json_text import parse_json_object
from chalicelib.schemas.checkout import CheckoutBody
from chalicelib.schemas.cities import CityBody
from chalicelib.schemas.events import EventBody
from chalicelib.schemas.reading import read_body
from chalicelib.services.checkout import CheckoutRequest
from chalicelib.services.editing_cities import CityDraft
from chalicelib.services.editing_events import EventDraft

EVENT = {
    "name": "Gala",
    "slug": "gala",
    "date": "2027-06-15T09:00:00Z",
    "city": "London",
    "citySlug": "london",
    "location": "Hall",
    "organizerName": "Us",
    "price": 149.99,
    "currency": "usd",
    "imageUrl": "https://img.example/a.png",
    "alt": "A hall",
    "description": "<p>a</p>",
    "capacity": 5,
    "status": "draft",
}
CITY = {
    "name": "London",
    "slug": "london",
    "country": "UK",
    "imageUrl": "https://img.example/a.png",
    "alt": "A bridge",
}
CHECKOUT = {
    "eventSlug": "gala",
    "eventName": "Gala",
    "quantity": 2,
    "unitPrice": 149.99,
    "totalAmount": 299.98,
    "successUrl": "https://shop.example/done",
    "cancelUrl": "https://shop.example/back",
    "customerEmail": "ada@mail.example",
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
# What comes close to being right is more telling than what is plainly wrong.
near_values = (
    json_values
    | st.decimals(min_value=0, max_value=10**9, places=2).map(float)
    | st.integers(-1, 12)
    | st.text("abc-19 ", max_size=12)
    | st.datetimes().map(lambda moment: moment.isoformat())
    | st.sampled_from(["jpy", "USD", "kwd", "https://a.example", "a@b.c", "<p>x", "published"])
)


def bodies(sound: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from([*sound, "citySlug", "city", "url"]) | st.text(max_size=5)
    changed = st.dictionaries(names, near_values, max_size=5).map(lambda new: {**sound, **new})
    return changed | st.dictionaries(names, json_values, max_size=5)


def read(parse: Callable[[dict[str, Any]], Any], body: dict[str, Any]) -> Any:
    """Read a body as the API does; None where it was refused, in words that can be sent."""
    try:
        return parse(parse_json_object(json.dumps(body)))
    except InvalidInput as refused:
        problems = refused.problems
    assert problems
    for problem in problems:
        assert problem.message
        assert problem.type
        json.dumps([problem.field, problem.message], ensure_ascii=False).encode()
    return None


@given(bodies(EVENT))
def test_any_event_is_valid_or_refused(body: dict[str, Any]) -> None:
    draft: EventDraft | None = read(lambda data: read_body(EventBody, data).draft(), body)
    if draft is None:
        return
    assert is_slug(draft.slug)
    assert is_slug(draft.city_slug)
    assert 1 <= len(draft.name) <= 255
    assert draft.name == draft.name.strip()
    assert draft.price >= 0
    assert draft.alt
    assert draft.date.tzinfo is not None
    assert draft.capacity is None or 0 <= draft.capacity <= 10**9
    assert draft.image_url is None or draft.image_url.startswith("http")
    draft.description.encode()


@given(bodies(CITY))
def test_any_city_is_valid_or_refused(body: dict[str, Any]) -> None:
    draft: CityDraft | None = read(lambda data: read_body(CityBody, data).draft(), body)
    if draft is None:
        return
    assert is_slug(draft.slug)
    assert len(draft.slug) <= 50
    assert 1 <= len(draft.name) <= 100
    assert draft.alt
    assert draft.country != ""


@given(bodies(CHECKOUT))
def test_any_checkout_is_valid_or_refused(body: dict[str, Any]) -> None:
    request: CheckoutRequest | None = read(
        lambda data: read_body(CheckoutBody, data).request(), body
    )
    if request is None:
        return
    assert 1 <= request.quantity <= 10
    for amount in (request.unit_price, request.total_amount):
        assert isinstance(amount, Decimal)
        assert amount.is_finite()
        assert amount >= 0
    assert request.urls.success
    assert request.urls.cancel


def test_the_sound_bodies_are_sound() -> None:
    assert read(lambda data: read_body(EventBody, data).draft(), EVENT)
    assert read(lambda data: read_body(CityBody, data).draft(), CITY)
    assert read(lambda data: read_body(CheckoutBody, data).request(), CHECKOUT)
