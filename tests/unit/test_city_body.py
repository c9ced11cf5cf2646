"""The body that describes a city: every rule of the contract, field by field."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.slugs import is_slug
from chalicelib.errors import InvalidInput
from chalicelib.schemas.cities import CityBody, CityChanges
from chalicelib.schemas.reading import read_body
from chalicelib.schemas.texts import slug_from
from chalicelib.services.editing_cities import CityDraft
from tests.support.builders import a_city


def draft(**body: Any) -> CityDraft:
    return read_body(CityBody, body).draft()


def refusals(**body: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refused:
        draft(**body)
    return [(problem.field, problem.message) for problem in refused.value.problems]


def test_a_name_is_enough() -> None:
    assert draft(name="São Paulo") == CityDraft("São Paulo", "sao-paulo", None, None, "São Paulo")


def test_everything_can_be_said() -> None:
    said = draft(
        name="Zürich",
        slug="zh",
        country="Switzerland",
        imageUrl="https://img.example/z.png",
        alt="A lake",
    )
    assert said == CityDraft("Zürich", "zh", "Switzerland", "https://img.example/z.png", "A lake")


def test_older_names_are_taken() -> None:
    said = draft(city="Zürich", citySlug="zh", url="https://img.example/z.png")
    assert said == CityDraft("Zürich", "zh", None, "https://img.example/z.png", "Zürich")


def test_a_newer_name_goes_before_an_older_one() -> None:
    assert draft(name="Zürich", city="Old", slug="zh", citySlug="old").slug == "zh"
    assert draft(name="Zürich", city="Old").name == "Zürich"


@pytest.mark.parametrize(
    "body",
    [{"city": 5}, {"city": ""}, {"citySlug": "A", "name": "a"}, {"name": "a", "city": 5}],
)
def test_a_wrong_value_under_an_older_name_is_refused(body: dict[str, Any]) -> None:
    assert refusals(**body)[0][0] in {"name", "slug"}


def test_an_empty_body_names_what_is_required() -> None:
    assert refusals() == [("name", "is required")]


@pytest.mark.parametrize("key", ["id", "eventCount", "image_url", "createdAt"])
def test_an_unknown_key_is_refused_by_name(key: str) -> None:
    assert refusals(name="London", **{key: 1}) == [(key, "is not a known field")]


@pytest.mark.parametrize(("field", "longest"), [("name", 100), ("country", 100), ("alt", 255)])
def test_a_text_has_a_length(field: str, longest: int) -> None:
    whole = {"name": "London", field: "x" * longest}
    draft(**whole)
    assert refusals(**{**whole, field: "x" * (longest + 1)}) == [
        (field, f"must have at most {longest} characters")
    ]


@pytest.mark.parametrize("name", ["", "  "])
def test_a_name_is_not_empty(name: str) -> None:
    assert refusals(name=name) == [("name", "must not be empty")]


def test_an_empty_country_is_none() -> None:
    assert draft(name="London", country=" ").country is None


def test_a_slug_has_a_length() -> None:
    assert draft(name="London", slug="x" * 50).slug == "x" * 50
    assert refusals(name="London", slug="x" * 51) == [("slug", "must have at most 50 characters")]


def test_a_long_name_makes_a_slug_of_whole_words() -> None:
    name = "Llanfair " * 11
    assert draft(name=name).slug == "llanfair-llanfair-llanfair-llanfair-llanfair"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "//img.example/a.png", "img.png"])
def test_an_image_is_at_an_http_address(url: str) -> None:
    assert refusals(name="London", imageUrl=url) == [("imageUrl", "must be an http(s) URL")]
    assert refusals(name="London", url=url) == [("imageUrl", "must be an http(s) URL")]


@given(st.text(min_size=1, max_size=255), st.sampled_from([50, 100]))
def test_a_slug_made_of_a_name_is_one_or_is_asked_for(name: str, longest: int) -> None:
    try:
        slug = slug_from(name, longest)
    except InvalidInput as refused:
        field = refused.problems[0].field
    else:
        field = "slug"
        assert is_slug(slug)
        assert len(slug) <= longest
    assert field == "slug"


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        ({}, {}),
        ({"name": "Oporto"}, {"name": "Oporto", "alt": "Oporto"}),
        ({"name": "Oporto", "alt": "A bridge"}, {"name": "Oporto", "alt": "A bridge"}),
        ({"alt": ""}, {}),
        ({"country": "", "imageUrl": None}, {"country": None, "image_url": None}),
        (
            {"city": "Oporto", "citySlug": "oporto", "url": "https://x.example/"},
            {
                "name": "Oporto",
                "alt": "Oporto",
                "slug": "oporto",
                "image_url": "https://x.example/",
            },
        ),
        ({"name": "New", "city": "Old"}, {"name": "New", "alt": "New"}),
    ],
)
def test_changes_change_what_was_sent_and_leave_the_rest(
    body: dict[str, Any], changes: dict[str, Any]
) -> None:
    city = a_city(image_url="https://img.example/l.png")

    changed = read_body(CityChanges, body).applied_to(city)

    assert changed == replace(CityDraft.of(city), **changes)


def test_a_text_for_the_image_of_its_own_stays_with_a_new_name() -> None:
    changes = read_body(CityChanges, {"name": "Oporto"})

    assert changes.applied_to(a_city(alt="A bridge")).alt == "A bridge"


def test_a_document_shows_that_every_key_of_a_change_may_be_left_out() -> None:
    schema = CityChanges.model_json_schema()

    assert "required" not in schema
    assert "anyOf" not in schema
    assert set(schema["properties"]) == {
        *("name", "slug", "country", "imageUrl", "alt"),
        *("city", "citySlug", "url"),
    }
    assert all(schema["properties"][older]["deprecated"] for older in ("city", "citySlug", "url"))
