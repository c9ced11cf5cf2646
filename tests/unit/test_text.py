"""Text folded for comparing, and cut into words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.text import begins_words, fold, fold_for_key, query_words, words


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
    ("text", "expected"),
    [
        ("हिन्दी संगीत", {"हनद", "सगत"}),
        ("ดนตรี", {"ดนตร"}),
        ("مُوسِيقَى", {"موسيقى"}),
    ],
)
def test_a_word_does_not_fall_apart_at_its_vowel_signs(text: str, expected: set[str]) -> None:
    assert words(text) == expected


LETTERS = {
    "Ærø": "aero",
    "Łódź": "lodz",
    "Đà Nẵng": "da nang",
    "Þórshöfn": "thorshofn",
    "cœur": "coeur",
    "I\N{LATIN SMALL LETTER G WITH BREVE}d\N{LATIN SMALL LETTER DOTLESS I}r": "igdir",
    "Ħamrun": "hamrun",
    "Ŧ": "t",
    "\ufb01n": "fin",
}


@pytest.mark.parametrize(("text", "folded"), LETTERS.items())
def test_letters_become_what_is_typed_without_them_on_the_keyboard(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_folding_what_is_folded_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(st.characters(codec="utf-8"), max_size=400) | st.integers(0, 500).map("é".__mul__))
def test_what_is_folded_for_a_key_fits_into_one_and_is_the_beginning(text: str) -> None:
    key = fold_for_key(text)
    assert len(key.encode()) <= 900
    assert fold(text).startswith(key)


def test_a_key_is_cut_between_characters_and_never_through_one() -> None:
    folded = fold_for_key("\U00020000" * 300)
    assert folded == "\U00020000" * 225
    assert fold_for_key("x" + "\U00020000" * 300) == "x" + "\U00020000" * 224


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Rock'n'Roll", {"rock", "n", "roll"}),
        ("sao-paulo", {"sao", "paulo"}),
        ("São São SÃO", {"sao"}),
        ("snake_case", {"snake", "case"}),
        ("2027: C++ & C#", {"2027", "c"}),
        ("東京 タワー", {"東京", "タワー"}),
        ("½ ² Ⅳ", {"1", "2", "iv"}),
        ("!? … 🎷 _", set()),
        ("", set()),
    ],
)
def test_words_are_runs_of_letters_and_digits(text: str, found: set[str]) -> None:
    assert words(text) == found


def test_a_word_is_cut_to_what_can_be_asked_for() -> None:
    assert words("x" * 51 + " " + "y" * 50) == {"x" * 50, "y" * 50}


@given(st.text())
def test_every_word_is_folded_and_without_white_space(text: str) -> None:
    for word in words(text):
        assert word
        assert fold(word) == word
        assert len(word.split()) == 1


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("jazz", ("jazz",)),
        ("JAZZ  night", ("night", "jazz")),
        ("ja jazz", ("jazz",)),
        ("jazz jam ja", ("jazz", "jam")),
        ("a b a", ("a", "b")),
        ("été", ("ete",)),
        ("!!!", ()),
    ],
)
def test_a_query_asks_for_each_word_once_and_for_none_that_follows_from_another(
    query: str, asked: tuple[str, ...]
) -> None:
    assert query_words(query) == asked


@given(st.text(max_size=50), st.text(max_size=80))
def test_words_that_are_left_out_change_no_answer(query: str, text: str) -> None:
    assert begins_words(query_words(query), words(text)) == begins_words(words(query), words(text))


def matches(query: str, text: str) -> bool:
    return begins_words(query_words(query), words(text))


@pytest.mark.parametrize(
    ("query", "text"),
    [("zur", "Zürich"), ("PAULO sao", "São Paulo Brazil"), ("new y", "New York"), ("", "any")],
)
def test_each_word_of_a_query_begins_a_word_of_the_text(query: str, text: str) -> None:
    assert matches(query, text)


@pytest.mark.parametrize(("query", "text"), [("urich", "Zürich"), ("sao rio", "São Paulo")])
def test_the_middle_of_a_word_or_a_word_too_many_does_not_match(query: str, text: str) -> None:
    assert not matches(query, text)
