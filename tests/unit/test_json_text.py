"""Reading JSON from strangers."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import InvalidInput
from chalicelib.http.json_text import ensure_storable, parse_json_object

NOT_JSON = ("", "json_invalid")
NOT_AN_OBJECT = ("", "json_type")


def refusal(text: str) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as refused:
        parse_json_object(text)
    [problem] = refused.value.problems
    return problem.field, problem.type


def test_fractions_and_exponents_are_read_exactly() -> None:
    parsed = parse_json_object('{"a": 149.99, "b": 7, "c": 1e2, "d": 1e999, "e": -0.0}')
    assert parsed == {
        "a": Decimal("149.99"),
        "b": 7,
        "c": Decimal("1E+2"),
        "d": Decimal("1E+999"),
        "e": Decimal("-0.0"),
    }
    assert isinstance(parsed["b"], int)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        '{"a": 1,}',
        "{'a': 1}",
        '{"a": 1} {"b": 2}',
        "name=Gala",
        "<xml/>",
        '\ufeff{"a": 1}',
        '{"a": "\n"}',
        '{"a": 01}',
        '{"a": .5}',
        '{"a": +1}',
        '{"a": 0x10}',
        '{"a": "\\x41"}',
        '{"a": undefined}',
        "\x00",
        "\ud800",
    ],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    assert refusal(text) == NOT_JSON


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_only_python_takes_for_a_number_is_refused(number: str) -> None:
    assert refusal(f'{{"price": {number}}}') == NOT_JSON


@pytest.mark.parametrize("text", ["[]", '"a"', "1", "1.5", "true", "null", '[{"a": 1}]'])
def test_json_that_is_no_object_is_refused(text: str) -> None:
    assert refusal(text) == NOT_AN_OBJECT


@pytest.mark.parametrize("number", ["9" * 41, "-" + "9" * 40, "9" * 50_000, "0." + "9" * 39])
def test_a_number_of_absurd_length_is_refused(number: str) -> None:
    assert refusal(f'{{"price": {number}}}') == NOT_JSON


@pytest.mark.parametrize("number", ["1e9999999999999999999", "1e-9999999999999999999"])
def test_a_number_of_absurd_size_is_refused(number: str) -> None:
    assert refusal(f'{{"price": {number}}}') == NOT_JSON


def test_a_number_of_forty_digits_is_still_a_number() -> None:
    assert parse_json_object(f'{{"n": {"9" * 40}}}') == {"n": 10**40 - 1}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"price": 1, "price": 2}', "price"),
        ('{"price": 1, "\\u0070rice": 1}', "price"),
        ('{"a": {"b": 1, "b": 1}}', "b"),
        ('{"a": [{"b": 1, "b": 1}]}', "b"),
        ('{"\\ud800": 1, "\\ud800": 1}', "\\ud800"),
    ],
)
def test_a_key_that_comes_twice_is_refused(text: str, field: str) -> None:
    problem_field, kind = refusal(text)
    if field == "\\ud800":
        # The first of the two is refused already, and its name can be sent back.
        assert (problem_field, kind) == ("?", "string_unicode")
    else:
        assert (problem_field, kind) == (field, "duplicate_key")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"name": "a\\u0000b"}', "name"),
        ('{"name": "\\ud800"}', "name"),
        ('{"name": "\\udc00\\ud800"}', "name"),
        ('{"name": ["a", ["\\u0000"]]}', "name"),
        ('{"name": {"inner": "\\u0000"}}', "inner"),
        ('{"name": [{"inner": "\\udfff"}]}', "inner"),
        ('{"\\u0000": 1}', "\x00"),
        ('{"a\\udc00": 1}', "a?"),
    ],
)
def test_text_that_cannot_be_stored_is_refused(text: str, field: str) -> None:
    assert refusal(text) == (field, "string_unicode")


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse_json_object('{"name": "\\ud83c\\udf89"}') == {"name": "🎉"}


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '{"a":' + "[" * 50_000])
def test_deep_nesting_is_refused_and_does_not_crash(text: str) -> None:
    assert refusal(text) == NOT_JSON


@pytest.mark.parametrize("depth", [300, 990, 5_000, 40_000])
def test_deep_nesting_that_is_sound_json_is_read_or_refused(depth: int) -> None:
    text = '{"a":' + "[" * depth + "]" * depth + "}"
    try:
        read = list(parse_json_object(text))
    except InvalidInput as refused:
        read = [problem.type for problem in refused.problems]
    assert read in (["a"], ["json_invalid"])


def test_a_long_name_is_shortened_before_it_is_sent_back() -> None:
    field, kind = refusal(f'{{"{"x" * 5000}": 1, "{"x" * 5000}": 2}}')
    assert (field, kind) == ("x" * 100, "duplicate_key")


def test_storable_text_passes() -> None:
    ensure_storable("name", "Zürich 🎉\n\t")


storable = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
plain = st.recursive(
    st.none() | st.booleans() | st.integers(1 - 10**39, 10**39) | storable,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(storable, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(storable, plain))
def test_sound_json_is_read_as_it_is(value: dict[str, Any]) -> None:
    assert parse_json_object(json.dumps(value)) == value


@given(st.text())
def test_no_text_gives_anything_but_an_object_or_a_refusal(text: str) -> None:
    for candidate in (text, f'{{"a": {text}}}', f'{{"{text}": 1}}'):
        try:
            parsed = parse_json_object(candidate)
        except InvalidInput as refused:
            # What is told can be sent: no half characters.
            str(refused).encode()
        else:
            json.dumps(parsed, default=str).encode()


def test_text_that_was_no_utf_8_is_refused() -> None:
    body = b'{"name": "caf\xe9"}'.decode(errors="replace")
    with pytest.raises(InvalidInput, match="name: must not hold a NUL or half a character"):
        parse_json_object(body)


@pytest.mark.parametrize(
    "text", ['{"a":' * 33 + "1" + "}" * 33, '{"a":' + "[" * 40_000 + "]" * 40_000 + "}"]
)
def test_nesting_has_a_limit_of_its_own(text: str) -> None:
    with pytest.raises(InvalidInput, match="the body must be JSON"):
        parse_json_object(text)


@pytest.mark.parametrize(
    "value", ["[" * 100, "{" * 100, '\\"[{' * 40, [[]] * 50, ["\\", "[" * 50, "]"]]
)
def test_brackets_in_texts_and_beside_each_other_are_no_nesting(value: Any) -> None:
    assert parse_json_object(json.dumps({"a": value})) == {"a": value}


def test_strings_without_an_end_are_looked_at_once() -> None:
    # Looked at again from every quote, this would take minutes.
    with pytest.raises(InvalidInput, match="the body must be JSON"):
        parse_json_object('{"a": "' + '\\"' * 500_000 + "[" * 40)
