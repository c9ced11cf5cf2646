"""Query parameters: each reads its own value, and names itself where that is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import InvalidInput
from chalicelib.http.query import (
    LIMIT,
    OFFSET,
    ChoiceParameter,
    IntegerParameter,
    TextParameter,
    refuse_unavailable,
)
from chalicelib.http.requests import ApiRequest
from tests.support.api_requests import an_api_request

DESCENDING = ChoiceParameter(
    "sortOrder", {"asc": False, "desc": True}, default=True, aliases=("order",)
)
SEARCH = TextParameter("search", max_length=5)
Parameter = IntegerParameter | ChoiceParameter[bool] | TextParameter


def asked(**query: str) -> ApiRequest:
    return an_api_request(query={name: [value] for name, value in query.items()})


def refusal(parameter: Parameter, request: ApiRequest) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as refused:
        parameter.read(request)
    [problem] = refused.value.problems
    return problem.field, problem.type


def test_what_is_not_asked_for_has_its_default() -> None:
    nothing = an_api_request()
    assert LIMIT.read(nothing) == 50
    assert OFFSET.read(nothing) == 0
    assert DESCENDING.read(nothing) is True
    assert SEARCH.read(nothing) is None
    assert LIMIT.read(asked(other="1")) == 50


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("100", 100), ("007", 7)])
def test_a_whole_number_in_the_range_is_read(text: str, value: int) -> None:
    assert LIMIT.read(asked(limit=text)) == value


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "+1", "1.0", "1e2", "0x1", "ten", "NaN", "1_0", "--1", "٣", "9" * 19]
)
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    assert refusal(LIMIT, asked(limit=text)) == ("limit", "int_parsing")


@pytest.mark.parametrize("text", ["0", "-1", "-" + "9" * 18])
def test_a_number_below_the_range_is_refused(text: str) -> None:
    assert refusal(LIMIT, asked(limit=text)) == ("limit", "greater_than_equal")


def test_a_number_above_the_range_is_refused() -> None:
    assert refusal(LIMIT, asked(limit="101")) == ("limit", "less_than_equal")


def test_a_number_without_an_upper_end_may_be_large() -> None:
    assert OFFSET.read(asked(offset="9" * 18)) == 10**18 - 1


@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_no_text_makes_a_number_out_of_the_range(text: str) -> None:
    try:
        value = LIMIT.read(asked(limit=text))
    except InvalidInput:
        return
    assert 1 <= value <= 100


@pytest.mark.parametrize("name", ["sortOrder", "order"])
def test_a_choice_has_other_names(name: str) -> None:
    assert DESCENDING.read(asked(**{name: "asc"})) is False


def test_a_choices_own_name_goes_before_its_other_names() -> None:
    assert DESCENDING.read(asked(sortOrder="asc", order="desc")) is False


@pytest.mark.parametrize("name", ["sortOrder", "order"])
@pytest.mark.parametrize("text", ["", "ASC", "up", "asc "])
def test_another_word_is_refused_under_the_name_that_was_sent(name: str, text: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{name}: must be one of asc, desc$"):
        DESCENDING.read(asked(**{name: text}))


@pytest.mark.parametrize("text", ["a", "abcde", " a "])
def test_a_text_is_read_as_it_is(text: str) -> None:
    assert SEARCH.read(asked(search=text)) == text


@pytest.mark.parametrize("text", ["", "  ", "\t"])
def test_an_empty_text_is_refused(text: str) -> None:
    assert refusal(SEARCH, asked(search=text)) == ("search", "string_too_short")


def test_a_text_that_is_too_long_is_refused() -> None:
    assert refusal(SEARCH, asked(search="abcdef")) == ("search", "string_too_long")


@pytest.mark.parametrize("parameter", [LIMIT, DESCENDING, SEARCH])
def test_a_parameter_that_comes_twice_is_refused(parameter: Parameter) -> None:
    twice = an_api_request(query={parameter.name: ["1", "1"]})
    assert refusal(parameter, twice) == (parameter.name, "duplicate_parameter")


@pytest.mark.parametrize("text", ["a\x00", "\ud800"])
def test_a_text_that_cannot_be_stored_is_refused(text: str) -> None:
    assert refusal(SEARCH, asked(search=text)) == ("search", "string_unicode")


def test_a_filter_that_is_not_served_is_refused_and_not_passed_over() -> None:
    with pytest.raises(InvalidInput, match=r"^from: is not available yet$"):
        refuse_unavailable(asked(**{"from": "2027-01-01"}), ("search", "from"))


def test_other_parameters_are_passed_over() -> None:
    refuse_unavailable(asked(utm_source="mail"), ("search", "from"))
