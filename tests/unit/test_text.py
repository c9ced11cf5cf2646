"""Text folded for comparing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.text import begins_words, fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Zürich", "zurich"),
        ("SÃO  Paulo", "sao paulo"),
        ("\tMontréal\n", "montreal"),
        ("Straße", "strasse"),
        ("\uff2c\uff4f\uff4e\uff44\uff4f\uff4e", "london"),
        ("", ""),
    ],
)
def test_case_accents_and_white_space_do_not_count(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_white_space_is_single_and_inside_only(text: str) -> None:
    folded = fold(text)
    assert folded == " ".join(folded.split())


@pytest.mark.parametrize(
    ("query", "text"),
    [("zur", "Zürich"), ("PAULO sao", "São Paulo Brazil"), ("new y", "New York"), ("", "any")],
)
def test_each_word_of_a_query_begins_a_word_of_the_text(query: str, text: str) -> None:
    assert begins_words(query, text)


@pytest.mark.parametrize(("query", "text"), [("urich", "Zürich"), ("sao rio", "São Paulo")])
def test_the_middle_of_a_word_or_a_word_too_many_does_not_match(query: str, text: str) -> None:
    assert not begins_words(query, text)
