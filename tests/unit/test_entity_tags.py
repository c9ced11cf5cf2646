"""Which state a client has seen: tags of what is sent, and the conditions that clients send."""

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.cities import public_city
from chalicelib.domain.events import EventRecord, new_record
from chalicelib.domain.revisions import revision_of
from chalicelib.errors import InvalidInput
from chalicelib.http.entity_tags import (
    admin_event_tag,
    city_tag,
    content_tag,
    event_tag,
    has_current,
    wanted_revisions,
)
from chalicelib.http.operations import IF_MATCH
from chalicelib.http.requests import ApiRequest
from chalicelib.services.port_types import CityEntry
from tests.support.api_requests import an_api_request
from tests.support.builders import a_city, an_event

OPAQUE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters='"\x7f'))


def asking(**headers: str) -> ApiRequest:
    return an_api_request(headers={name.replace("_", "-"): text for name, text in headers.items()})


def a_record(*, held: int = 0, sold: int = 0, **changes: Any) -> EventRecord:
    fresh = new_record(an_event(**changes))
    return replace(fresh, free=fresh.free - held - sold, held=held, sold=sold)


class TestTags:
    """Two answers that differ have different tags; a sale leaves the revision as it was."""

    def test_a_tag_is_strong_and_one_word(self) -> None:
        record, city = a_record(), CityEntry.of(public_city(a_city()), 0)
        for tag in (event_tag(record), admin_event_tag(record), city_tag(city.public)):
            assert tag.startswith('"')
            assert tag.endswith('"')
            assert tag[1:-1].isascii()
            assert not set(tag[1:-1]) & set('", \t')

    def test_a_sale_changes_the_tags_of_an_event_and_not_its_revision(self) -> None:
        before, held, sold = a_record(), a_record(held=2), a_record(sold=2)

        assert event_tag(before) != event_tag(held)
        assert len({admin_event_tag(each) for each in (before, held, sold)}) == 3
        assert {
            wanted_revisions(asking(if_match=tag_of(each)))
            for each in (before, held, sold)
            for tag_of in (event_tag, admin_event_tag)
        } == {frozenset({revision_of(before.public)})}

    def test_what_shows_the_same_has_the_same_tag(self) -> None:
        # A hold that becomes a sale leaves the page as it is.
        assert event_tag(a_record(held=2)) == event_tag(a_record(sold=2))
        # Without a limit, no sale is seen in `available`.
        assert event_tag(a_record(capacity=None)) == event_tag(a_record(capacity=None, sold=2))

    def test_an_event_without_a_limit_is_not_a_sold_out_one(self) -> None:
        unlimited, sold_out = a_record(capacity=None), a_record(capacity=0)

        assert event_tag(unlimited).rpartition("-")[2] == 'unlimited"'
        assert event_tag(sold_out).rpartition("-")[2] == '0"'

    @pytest.mark.parametrize("changed", [{"name": "Other"}, {"price": 1}, {"capacity": 101}])
    def test_an_edit_changes_tags_and_revision(self, changed: dict[str, Any]) -> None:
        before, after = a_record(), a_record(**changed)

        assert event_tag(before) != event_tag(after)
        assert admin_event_tag(before) != admin_event_tag(after)
        assert wanted_revisions(asking(if_match=event_tag(before))) != frozenset(
            {revision_of(after.public)}
        )

    def test_an_edit_changes_a_citys_tag(self) -> None:
        before = CityEntry.of(public_city(a_city()), 0).public
        after = CityEntry.of(public_city(a_city(country="England")), 0).public

        assert city_tag(before) != city_tag(after)
        assert wanted_revisions(asking(if_match=city_tag(before))) == frozenset(
            {revision_of(before)}
        )

    @given(st.text(), st.text())
    def test_other_content_has_another_tag(self, one: str, other: str) -> None:
        assert (content_tag(one) == content_tag(other)) is (one == other)


class TestIfNoneMatch:
    """What the client has is not sent again (RFC 9110, section 13.1.2)."""

    @pytest.mark.parametrize(
        "header",
        [
            '"abc"',
            'W/"abc"',
            '  "abc"\t',
            '"x","abc"',
            '"x", W/"abc" ,"y"',
            ',, "abc",',
            '"a,b", "abc"',
            '"", "abc"',
            '"W/", "abc"',
            '"\u00e9", "abc"',
            "*",
            " * ",
        ],
    )
    def test_a_client_that_has_it_is_believed(self, header: str) -> None:
        assert has_current(asking(if_none_match=header), '"abc"')

    @pytest.mark.parametrize(
        "header",
        [
            "",
            ",",
            '"x"',
            "abc",
            '"abc',
            'abc"',
            '"ab" "c"',
            '"x,"abc",y"',
            'w/"abc"',
            'W/ "abc"',
            '"abc"x',
            '"ABC"',
            '"*"',
            '"x", *',
            "'abc'",
        ],
    )
    def test_one_that_has_something_else_or_makes_no_sense_gets_it_all(self, header: str) -> None:
        assert not has_current(asking(if_none_match=header), '"abc"')

    def test_without_a_condition_everything_is_sent(self) -> None:
        assert not has_current(asking(), '"abc"')

    def test_a_comma_in_a_tag_is_part_of_it(self) -> None:
        assert has_current(asking(if_none_match='"x", "a,b"'), '"a,b"')
        assert not has_current(asking(if_none_match='"a,b"'), '"a"')

    @given(st.lists(st.tuples(st.sampled_from(["", "W/"]), OPAQUE), min_size=1), st.data())
    def test_any_list_of_tags_is_read_as_it_was_written(
        self, tags: list[tuple[str, str]], data: st.DataObject
    ) -> None:
        comma = st.sampled_from([",", ", ", " ,", "\t,\t", ",,"])
        header = "".join(f'{weak}"{opaque}"{data.draw(comma)}' for weak, opaque in tags)

        for _, opaque in tags:
            assert has_current(asking(if_none_match=header), f'"{opaque}"')
        assert not has_current(asking(if_none_match=header), '"not among them"')

    @given(st.text(st.sampled_from('"W/*,- \tab\x7f\u00e9')))
    def test_no_header_breaks_the_answer(self, header: str) -> None:
        assert has_current(asking(if_none_match=header), '"0"') is (header.strip() == "*")


class TestIfMatch:
    """What a change is made from (RFC 9110, section 13.1.1)."""

    @pytest.mark.parametrize("headers", [{}, {"if_match": "*"}, {"if_match": " * "}])
    def test_without_a_condition_any_state_will_do(self, headers: dict[str, str]) -> None:
        assert wanted_revisions(asking(**headers)) is None

    @pytest.mark.parametrize(
        ("header", "revisions"),
        [
            ('"abc"', {"abc"}),
            ('"abc-12"', {"abc"}),
            ('"abc-12.3.4"', {"abc"}),
            ('"abc-12", "def"', {"abc", "def"}),
            ('"abc-12","abc-13"', {"abc"}),
            # The comparison is the strong one.
            ('W/"abc"', set()),
            ('W/"abc-12", "def-1"', {"def"}),
            ('"*"', {"*"}),
        ],
    )
    def test_a_tag_names_its_revision(self, header: str, revisions: set[str]) -> None:
        assert wanted_revisions(asking(if_match=header)) == frozenset(revisions)

    @pytest.mark.parametrize("header", ["", ",", "abc", '"abc', '"a" "b"', '"abc", *', 'w/"abc"'])
    def test_a_condition_that_makes_no_sense_is_refused_and_not_passed_over(
        self, header: str
    ) -> None:
        with pytest.raises(InvalidInput, match="If-Match: must be"):
            wanted_revisions(asking(if_match=header))


@given(st.from_regex(str(IF_MATCH.schema["pattern"]).replace("$", r"\Z")))
def test_no_condition_of_the_documents_form_is_refused(header: str) -> None:
    wanted_revisions(asking(if_match=header))


@pytest.mark.parametrize("part", ['"', ",", " ", "\t", '"a",', 'W/"', ' ,"', '"a"', '"a" '])
def test_a_long_condition_is_read_at_once(part: str) -> None:
    request = asking(if_none_match=part * 100_000 + "x")

    start = time.process_time()
    assert not has_current(request, '"0"')

    # Quadratic work on this would be minutes.
    assert time.process_time() - start < 2
