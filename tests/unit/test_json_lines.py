"""JSON lines: each line by itself, with the number that an editor shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.http.json_lines import JsonLine, read_json_lines


def test_lines_keep_their_numbers_when_blank_ones_are_passed_over() -> None:
    found = list(read_json_lines('\ufeff{"a": 1}\r\n\n  \n{"b": "x\\ny"}'))

    assert found == [JsonLine(1, {"a": 1}), JsonLine(4, {"b": "x\ny"})]


@pytest.mark.parametrize("separator", ["\u2028", "\x0b", "\x85", "\r"])
def test_only_a_line_feed_ends_a_line(separator: str) -> None:
    found = list(read_json_lines(f'{{"a": 1}}{separator}{{"b": 2}}'))

    assert [line.number for line in found] == [1]
    assert found[0].problems


@pytest.mark.parametrize(
    ("line", "kind"),
    [("{", "json_invalid"), ("[]", "json_type"), ('{"a": 1, "a": 2}', "duplicate_key")],
)
def test_a_line_that_is_wrong_stops_no_other(line: str, kind: str) -> None:
    wrong, right = read_json_lines(f'{line}\n{{"a": 1}}')

    assert [item.type for item in wrong.problems] == [kind]
    assert right == JsonLine(2, {"a": 1})


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_lines_of_which_each_is_read_or_wrong(text: str) -> None:
    for line in read_json_lines(text):
        assert line.number >= 1
        assert not (line.body and line.problems)
