"""Query parameters: each reads its own value, names itself where that is wrong, and describes
itself as it reads.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.errors import InvalidInput
from chalicelib.http.operations import Described, Place
from chalicelib.http.query import (
    LIMIT,
    OFFSET,
    AmountParameter,
    ChoiceParameter,
    ChoicesParameter,
    IntegerParameter,
    MomentParameter,
    OpenParameter,
    TextParameter,
)
from chalicelib.http.requests import ApiRequest
from tests.support.api_requests import an_api_request

DESCENDING = ChoiceParameter(
    "sortOrder", {"asc": False, "desc": True}, default=True, aliases=("order",)
)
SEARCH = TextParameter("search", max_length=5)
FROM = MomentParameter("from", end_of_day=False)
TO = MomentParameter("to", end_of_day=True)
MIN_PRICE = AmountParameter("minPrice")
SIZES = ChoicesParameter("size", {"small": 1, "large": 2})
CITY = OpenParameter("city", "A city's slug.")
Parameter = (
    IntegerParameter
    | ChoiceParameter[bool]
    | ChoicesParameter[int]
    | TextParameter
    | MomentParameter
    | AmountParameter
)
storable_text = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


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
    assert CITY.read(nothing) is None
    assert SIZES.read(nothing) == frozenset()
    assert FROM.read(nothing) is None
    assert MIN_PRICE.read(nothing) is None
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
    unlimited = IntegerParameter("since", default=0, minimum=0)
    assert unlimited.read(asked(since="9" * 18)) == 10**18 - 1


def test_an_offset_that_is_too_deep_is_told_what_to_use_instead() -> None:
    assert OFFSET.read(asked(offset="10000")) == 10_000
    with pytest.raises(InvalidInput, match=r"^offset: must be at most 10000; use cursor"):
        OFFSET.read(asked(offset="10001"))


@given(storable_text)
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


def test_another_word_is_refused_under_a_name_that_is_not_used_too() -> None:
    assert refusal(DESCENDING, asked(sortOrder="asc", order="up")) == ("order", "enum")


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


@pytest.mark.parametrize("parameter", [LIMIT, DESCENDING, SEARCH, FROM, TO, MIN_PRICE])
def test_a_parameter_that_comes_twice_is_refused(parameter: Parameter) -> None:
    twice = an_api_request(query={parameter.name: ["1", "1"]})
    assert refusal(parameter, twice) == (parameter.name, "duplicate_parameter")


@pytest.mark.parametrize("text", ["a\x00", "\ud800"])
def test_a_text_that_cannot_be_stored_is_refused(text: str) -> None:
    assert refusal(SEARCH, asked(search=text)) == ("search", "string_unicode")


@pytest.mark.parametrize("text", ["", " ", "anything", "..\t"])
def test_an_open_text_is_for_its_reader_to_judge(text: str) -> None:
    assert CITY.read(asked(city=text)) == text


@pytest.mark.parametrize("text", ["2027-06-15", "20270615", "2027-W24-2"])
def test_a_bare_date_is_the_start_of_its_day_or_the_end(text: str) -> None:
    assert FROM.read(asked(**{"from": text})) == datetime(2027, 6, 15, tzinfo=UTC)
    assert TO.read(asked(to=text)) == datetime(2027, 6, 15, 23, 59, 59, 999000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-06-15T09:30:00Z", datetime(2027, 6, 15, 9, 30, tzinfo=UTC)),
        ("2027-06-15T09:30:00.000Z", datetime(2027, 6, 15, 9, 30, tzinfo=UTC)),
        ("2027-06-15T09:30", datetime(2027, 6, 15, 9, 30, tzinfo=UTC)),
        ("2027-06-15T01:30:00+02:00", datetime(2027, 6, 14, 23, 30, tzinfo=UTC)),
        ("2027-06-15T09:30:00.123987Z", datetime(2027, 6, 15, 9, 30, 0, 123000, tzinfo=UTC)),
    ],
)
def test_a_date_time_is_the_same_at_either_end(text: str, moment: datetime) -> None:
    found = FROM.read(asked(**{"from": text}))
    assert found == TO.read(asked(to=text)) == moment
    assert found is not None
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "", "soon", "2027", "2027-13-01", "2027-02-30", "15.06.2027", "1812240000", " 2027-06-15",
        "2027-06-15T25:00", "0001-01-01T00:00+23:59", "9999-12-31T23:59:59-01:00",
    ],
)  # fmt: skip
def test_what_is_no_date_and_no_time_is_refused(text: str) -> None:
    assert refusal(FROM, asked(**{"from": text})) == ("from", "datetime_parsing")
    assert refusal(TO, asked(to=text)) == ("to", "datetime_parsing")


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_time_that_the_api_writes_can_be_asked_for(moment: datetime) -> None:
    written = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert FROM.read(asked(**{"from": written.isoformat()})) == written


@given(storable_text)
def test_no_text_makes_a_moment_without_a_zone(text: str) -> None:
    try:
        found = TO.read(asked(to=text))
    except InvalidInput:
        return
    assert found is not None
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize("text", ["0", "12", "12.5", "12.50", "007", "0.01", "99999999.99"])
def test_an_amount_is_read_exactly(text: str) -> None:
    assert MIN_PRICE.read(asked(minPrice=text)) == Decimal(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *((text, "decimal_parsing") for text in ("", " 1", "1 ", "+1", "1.", ".5", "1,5", "1_0")),
        *((text, "decimal_parsing") for text in ("NaN", "Infinity", "1e2", "1E-9", "0x1", "٣")),
        *((text, "greater_than_equal") for text in ("-1", "-0.01", "-0")),
        *((text, "less_than_equal") for text in ("100000000", "9" * 40)),
        *((text, "decimal_max_places") for text in ("1.001", "1.000", f"0.{'9' * 40}")),
    ],
)
def test_what_is_no_amount_is_refused(text: str, kind: str) -> None:
    assert refusal(MIN_PRICE, asked(minPrice=text)) == ("minPrice", kind)


@given(st.from_regex(r"-?[0-9]{1,45}(\.[0-9]{1,45})?([eE][+-]?[0-9]{1,20})?", fullmatch=True))
def test_no_number_makes_an_amount_out_of_the_range(text: str) -> None:
    try:
        amount = MIN_PRICE.read(asked(minPrice=text))
    except InvalidInput:
        return
    assert amount is not None
    assert 0 <= amount <= Decimal("99999999.99")


def schema_of(parameter: Parameter) -> Any:
    own, *_ = parameter.described()
    return own.schema


@pytest.mark.parametrize("parameter", [SEARCH, MIN_PRICE, CITY])
@settings(max_examples=500)
@given(text=storable_text | st.from_regex(r"[0-9]{1,9}(\.[0-9]{1,3})?", fullmatch=True))
def test_a_text_is_read_where_its_schema_takes_it_and_nowhere_else(
    parameter: TextParameter | AmountParameter, text: str
) -> None:
    request = asked(**{parameter.name: text})
    if jsonschema_rs.is_valid(schema_of(parameter), text):
        assert parameter.read(request) is not None
    else:
        with pytest.raises(InvalidInput):
            parameter.read(request)


def test_a_number_describes_its_range() -> None:
    assert LIMIT.described() == (
        Described(
            "limit",
            Place.QUERY,
            "How many to show at most.",
            {"type": "integer", "minimum": 1, "maximum": 100, "default": 50},
        ),
    )


def test_a_number_without_a_limit_describes_what_can_be_read() -> None:
    since = IntegerParameter("since", default=0, minimum=0)
    largest = schema_of(since)["maximum"]

    assert since.read(asked(since=str(largest))) == largest
    with pytest.raises(InvalidInput):
        since.read(asked(since=str(largest + 1)))


def test_a_choices_older_names_are_described_as_deprecated() -> None:
    own, older = DESCENDING.described()
    assert (own.name, own.deprecated) == ("sortOrder", False)
    assert own.schema == {"type": "string", "enum": ["asc", "desc"], "default": "desc"}
    assert (older.name, older.deprecated) == ("order", True)
    assert older.schema == {"type": "string", "enum": ["asc", "desc"]}


def test_a_choice_without_a_default_describes_none() -> None:
    status: ChoiceParameter[str | None] = ChoiceParameter("status", {"draft": "draft"}, None)
    assert status.described()[0].schema == {"type": "string", "enum": ["draft"]}


@pytest.mark.parametrize(
    ("text", "chosen"),
    [("small", {1}), ("large,small", {1, 2}), ("small,small", {1})],
)
def test_several_words_may_be_chosen(text: str, chosen: set[int]) -> None:
    assert SIZES.read(asked(size=text)) == chosen


@pytest.mark.parametrize("text", ["", "tall", "small,", ",", "small,tall", "small, large", "SMALL"])
def test_a_word_that_is_no_choice_is_refused_and_the_choices_are_named(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        SIZES.read(asked(size=text))
    [problem] = refused.value.problems
    assert (problem.field, problem.type) == ("size", "enum")
    assert problem.message == "must be one of small, large, or several with commas between them"


@given(st.lists(st.sampled_from(["small", "large", "tall", ""]), max_size=4).map(",".join))
def test_choices_are_read_where_their_schema_takes_them_and_nowhere_else(text: str) -> None:
    if jsonschema_rs.is_valid(schema_of(SIZES), text):
        assert SIZES.read(asked(size=text))
    else:
        assert refusal(SIZES, asked(size=text)) == ("size", "enum")


def test_a_moment_is_described_as_a_date_or_a_date_time() -> None:
    formats = {branch["format"] for branch in schema_of(FROM)["anyOf"]}
    assert formats == {"date", "date-time"}
