"""What a reader sees of a description: words apart, no tags, characters as they are."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.html_text import plain_text


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("", ""),
        ("Plain words", "Plain words"),
        ("<p>Hello</p><p>World</p>", "Hello\n\nWorld"),
        ("<p>Hello<br>World</p>", "Hello\nWorld"),
        ("<ul><li>one</li><li>two</li></ul>", "one\ntwo"),
        ("Bring:<ol><li>one</li></ol>and a friend", "Bring:\n\none\nand a friend"),
        ("a <strong>bold</strong>er <em>word</em>", "a bolder word"),
        ("<p>Tom &amp; Jerry</p>", "Tom & Jerry"),
        ("Tom & Jerry, AT&T <3", "Tom & Jerry, AT&T <3"),
        ("1 < 2 and <script> is text here", "1 < 2 and <script> is text here"),
        ("written &lt;p&gt;", "written <p>"),
        ("twice &amp;lt;p&amp;gt;", "twice &lt;p&gt;"),
        ("caf&eacute; &#233; &#xe9;", "café é é"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("  one  \n\n\n\n  two  ", "one\n\ntwo"),
    ],
)
def test_a_description_reads_as_its_reader_sees_it(description: str, expected: str) -> None:
    assert plain_text(description) == expected


def test_a_reference_of_thousands_of_digits_is_no_character_and_no_crash() -> None:
    assert plain_text("a &#" + "1" * 4_990 + "; b") == "a \ufffd b"


@pytest.mark.parametrize("part", ["<", "&", "<p>", "&#", "&#1", " ", "\n", "<br> ", "&a"])
def test_a_long_description_is_read_at_once(part: str) -> None:
    description = part * 100_000

    start = time.process_time()
    plain_text(description)

    # Quadratic work on this would be minutes.
    assert time.process_time() - start < 2


@given(st.lists(st.text("abcé ü&<3", min_size=1), min_size=1))
def test_paragraphs_never_run_into_each_other(paragraphs: list[str]) -> None:
    description = "".join(f"<p>{text.replace('&', '&amp;')}</p>" for text in paragraphs)

    assert plain_text(description).split() == " ".join(paragraphs).split()
