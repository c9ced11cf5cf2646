"""Slugs: what may stand in a URL as an event's or a city's name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.slugs import is_slug


@pytest.mark.parametrize("text", ["a", "rock-n-roll", "2027-gala", "gala-2027", "9-5", "x" * 100])
def test_words_and_digits_with_single_hyphens_are_a_slug(text: str) -> None:
    assert is_slug(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-a",
        "a-",
        "a--b",
        "A",
        "a b",
        "a_b",
        "a/b",
        "a%2fb",
        "a.b",
        "zürich",
        "a\n",
        "a\x00",
        "#totals",
        "stripe-event#evt_1",
        "٣-a",
        "\ud800",
        "x" * 101,
        # Paths of the admins' routes.
        "import",
        "export",
    ],
)
def test_anything_else_is_no_slug(text: str) -> None:
    assert not is_slug(text)


@pytest.mark.parametrize("text", ["1", "2027", "007", "٣"])
def test_digits_alone_are_an_id_and_no_slug(text: str) -> None:
    assert not is_slug(text)


@given(st.text())
def test_a_slug_needs_no_escaping_in_a_path(text: str) -> None:
    if is_slug(text):
        assert text.isascii()
        assert text.replace("-", "").isalnum()
