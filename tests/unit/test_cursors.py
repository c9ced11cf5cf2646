"""Cursors: good for the list they came from, unaltered, and for nothing else."""

import base64
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.errors import InvalidInput
from chalicelib.http.cursors import decode_cursor, encode_cursor

LISTING = ("events", None, "date", "desc")
AFTER = "2027-06-15T09:00:00.000Z#000000000042"
listings = st.lists(st.none() | st.text(), max_size=4).map(tuple)
places = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def is_refused(listing: tuple[str | None, ...], cursor: str) -> bool:
    try:
        decode_cursor(listing, cursor)
    except InvalidInput as refused:
        problems = [(problem.field, problem.type) for problem in refused.problems]
        return problems == [("cursor", "cursor_invalid")]
    return False


@given(listings, places)
def test_a_cursor_gives_back_where_its_page_ended(
    listing: tuple[str | None, ...], after: str
) -> None:
    assert decode_cursor(listing, encode_cursor(listing, after)) == after


def test_a_cursor_longer_than_any_key_is_refused() -> None:
    assert decode_cursor(LISTING, encode_cursor(LISTING, "a" * 1_000)) == "a" * 1_000
    assert is_refused(LISTING, encode_cursor(LISTING, "a" * 1_001))


@given(places)
def test_a_cursor_needs_no_escaping_in_a_query(after: str) -> None:
    allowed = set(string.ascii_letters + string.digits + "-_")
    assert set(encode_cursor(LISTING, after)) <= allowed


@given(listings, listings, places)
def test_a_cursor_of_another_list_is_refused(
    listing: tuple[str | None, ...], other: tuple[str | None, ...], after: str
) -> None:
    assume(listing != other)
    assert is_refused(other, encode_cursor(listing, after))


@pytest.mark.parametrize(
    "other",
    [
        ("events", "", "date", "desc"),
        ("events", "null", "date", "desc"),
        ("events", None, "date", "asc"),
        ("admin-events", None, "date", "desc"),
        ("events", None, "datedesc"),
        ("events", "None", "date", "desc"),
    ],
)
def test_lists_that_look_alike_do_not_share_cursors(other: tuple[str | None, ...]) -> None:
    assert is_refused(other, encode_cursor(LISTING, AFTER))


CURSOR = encode_cursor(LISTING, AFTER)


@given(st.integers(0, len(CURSOR) - 1), st.characters())
def test_a_cursor_with_one_letter_changed_is_refused(place: int, letter: str) -> None:
    assume(letter != CURSOR[place])
    assert is_refused(LISTING, CURSOR[:place] + letter + CURSOR[place + 1 :])


@given(st.integers(0, len(CURSOR)), st.text(min_size=1, max_size=3))
def test_a_cursor_with_letters_put_in_is_refused(place: int, letters: str) -> None:
    altered = CURSOR[:place] + letters + CURSOR[place:]
    assume(altered != CURSOR)
    assert is_refused(LISTING, altered)


@given(st.integers(0, len(CURSOR) - 1), st.integers(1, len(CURSOR)))
def test_a_cursor_with_letters_taken_out_is_refused(place: int, many: int) -> None:
    assert is_refused(LISTING, CURSOR[:place] + CURSOR[place + many :])


@given(st.binary(max_size=80))
def test_made_up_bytes_are_refused(raw: bytes) -> None:
    assert is_refused(LISTING, base64.urlsafe_b64encode(raw).decode().rstrip("="))


@given(st.text())
def test_made_up_text_is_refused(text: str) -> None:
    assert is_refused(LISTING, text)


def test_another_spelling_of_the_same_bytes_is_refused() -> None:
    padded = CURSOR + "=" * (-len(CURSOR) % 4)
    standard = base64.b64encode(base64.urlsafe_b64decode(padded)).decode()
    assert is_refused(LISTING, CURSOR + "=")
    assert is_refused(LISTING, CURSOR + "====")
    assert padded == CURSOR or is_refused(LISTING, padded)
    assert standard.rstrip("=") == CURSOR or is_refused(LISTING, standard.rstrip("="))


def test_a_cursor_that_names_no_place_is_refused() -> None:
    assert is_refused(LISTING, encode_cursor(LISTING, ""))
