"""Descriptions: safe as HTML, and as typed where that is safe."""

import re
import time

import nh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.schemas.texts import clean_html

ALLOWED = frozenset({"p", "br", "strong", "em", "ul", "ol", "li"})
TAG = re.compile(r"<(/?)([a-z]+)>")
# What people type, and what attackers do.
PARTS = st.sampled_from(
    [
        *(f"<{tag}>" for tag in sorted(ALLOWED)),
        *(f"</{tag}>" for tag in sorted(ALLOWED)),
        *("<script>", "</script>", "<style>", "<svg>", "<table>", "<td>", "<h1>", "<template>"),
        *("<!--", "-->", "<!", "<?", "</", "<", ">", "&", ";", "#", '"', "\u00a0", "\r\n", " "),
        *("&amp;", "&lt;", "&gt;", "&nbsp;", "&copy", "&#60;", "&#x3c;", "&#", "&#x", "amp;", "lt"),
        *('<p onclick="x">', "<img src=x onerror=alert(1)>", "<a href='javascript:1'>", "<P >"),
        *("alert(1)", "Tom & Jerry", "AT&T", "<3", "x", "é", "\u2028"),
    ]
)
MARKED_UP = st.lists(PARTS | st.text(max_size=3), max_size=25).map("".join)


def clean(text: str) -> str:
    return clean_html(text, ALLOWED)


def document(text: str) -> str:
    """What a browser would make of it, written in one way: every character escaped that can be."""
    return nh3.clean(text, tags=set(ALLOWED), attributes={"*": set()})


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("<p>Tom & Jerry</p>", "<p>Tom & Jerry</p>"),
        ("<p>Tom &amp; Jerry</p>", "<p>Tom & Jerry</p>"),
        ("<p>AT&T &lt;3</p>", "<p>AT&T <3</p>"),
        ("<p>5 > 3</p>", "<p>5 > 3</p>"),
        ("<p>10&nbsp;€</p>", "<p>10\u00a0€</p>"),
        # What became a tag, or another character, stays escaped; its neighbours need not.
        ("<p>&lt;script&gt; & more</p>", "<p>&lt;script> & more</p>"),
        ("<p>write &amp;lt; for < & more</p>", "<p>write &amp;lt; for < & more</p>"),
        ("<p>&amp;copy &amp;#38; &amp;#x26;</p>", "<p>&amp;copy &amp;#38; &amp;#x26;</p>"),
        ("<p>&lt;/p&gt; &lt;!-- &lt;?</p>", "<p>&lt;/p> &lt;!-- &lt;?</p>"),
        ("<p>&copy; &eacute;</p>", "<p>© é</p>"),
        # Tags that are not allowed go, and scripts with all they hold.
        ("<h1>Hello</h1><p class=x>World</p>", "Hello<p>World</p>"),
        ("a<script>alert(1)</script>b & c", "ab & c"),
        ("<p>one<p>two", "<p>one</p><p>two</p>"),
    ],
)
def test_a_description_comes_out_as_people_write_it(typed: str, expected: str) -> None:
    assert clean(typed) == expected


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "AT&T <3",
        "Tom & Jerry",
        "1 < 2 && 3 > 2",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&amp; is how it is written",
        "one\r\ntwo",
        "<",
        "ends in <",
    ],
)
def test_text_without_markup_comes_out_exactly_as_typed(typed: str) -> None:
    assert clean(typed) == typed


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("&<>;#3 ")))
def test_any_text_in_which_no_tag_can_begin_comes_out_exactly_as_typed(text: str) -> None:
    typed = re.sub("<(?=[A-Za-z/!?])", "< ", text)

    assert clean(typed) == typed


@given(MARKED_UP)
def test_cleaning_what_was_cleaned_changes_nothing(typed: str) -> None:
    assert clean(clean(typed)) == clean(typed)


@given(MARKED_UP)
def test_a_character_that_is_not_escaped_never_changes_what_a_browser_reads(typed: str) -> None:
    # Twice, since taking a tag out can leave what reads differently.
    assert document(clean(typed)) == document(document(typed))


@given(MARKED_UP)
def test_no_tag_comes_out_but_the_allowed_ones_without_attributes(typed: str) -> None:
    for found in re.finditer(r"<[A-Za-z/!?][^>]*>?", document(clean(typed))):
        tag = TAG.fullmatch(found[0])
        assert tag is not None, found[0]
        assert tag[2] in ALLOWED


@given(MARKED_UP)
def test_what_comes_out_begins_no_tag_that_a_browser_would_read_and_cleaning_would_not(
    typed: str,
) -> None:
    for found in re.finditer(r"<[A-Za-z/!?][^>]*>?", clean(typed)):
        tag = TAG.fullmatch(found[0])
        assert tag is not None, found[0]
        assert tag[2] in ALLOWED


@given(MARKED_UP, st.sampled_from(["script", "SCRIPT", "script src=//x", "style"]))
def test_no_script_survives(typed: str, name: str) -> None:
    element = name.partition(" ")[0].lower()

    cleaned = clean(f"<{name}>MARK</{element}>{typed}")

    assert "MARK" not in cleaned
    assert f"<{element}" not in cleaned.lower()


@pytest.mark.parametrize(
    "part", ["<", "&", "<p>", "<em>", "<em><p>", "<a", "&amp;", "&lt;", "&#", "&a", "<!--", "</p>"]
)
def test_the_longest_description_is_cleaned_at_once(part: str) -> None:
    typed = ("<p>" + part * 5_000)[:5_000]

    start = time.process_time()
    clean(typed)

    assert time.process_time() - start < 0.5
