"""Descriptions of routes: what a view may read, and the parts that several routes share."""

import pytest

from chalicelib.http.operations import (
    ETAG,
    IF_MATCH,
    IF_NONE_MATCH,
    Answer,
    Described,
    HeaderParameter,
    Operation,
    PathParameter,
    Place,
    RouteDescription,
    Tag,
    attach,
    cacheable,
    description_of,
)
from chalicelib.http.query import ChoiceParameter


def test_what_a_view_may_read_are_all_names_of_its_parameters() -> None:
    operation = Operation(
        summary="List things",
        tag=Tag.EVENTS,
        parameters=(
            PathParameter("slug", "The thing's slug.", example="a"),
            ChoiceParameter("sortOrder", {"asc": 1}, 1, aliases=("order", "direction")),
            IF_MATCH,
        ),
        answers=(Answer("Things."),),
    )

    assert operation.reads() == {
        (Place.PATH, "slug"),
        (Place.QUERY, "sortOrder"),
        (Place.QUERY, "order"),
        (Place.QUERY, "direction"),
        (Place.HEADER, "if-match"),
    }


def test_a_path_parameter_describes_itself() -> None:
    slug = PathParameter("slug", "The event's slug.", example="tech-conference")
    schema = {"type": "string", "minLength": 1}

    assert slug.described() == (
        Described("slug", Place.PATH, "The event's slug.", schema, example="tech-conference"),
    )


@pytest.mark.parametrize("header", [IF_MATCH, IF_NONE_MATCH])
def test_a_header_describes_itself(header: HeaderParameter) -> None:
    [shown] = header.described()

    assert (shown.name, shown.place) == (header.name, Place.HEADER)
    assert shown.description
    assert shown.example


def test_what_is_cached_is_answered_whole_or_with_a_304_and_a_tag_each_time() -> None:
    whole, current = cacheable("The file.", None, media_type="text/calendar", example="BEGIN")

    assert (whole.status, whole.media_type, whole.example) == (200, "text/calendar", "BEGIN")
    assert (current.status, current.media_type, current.model) == (304, None, None)
    assert whole.headers == current.headers == (ETAG,)


def test_a_function_without_a_description_has_none() -> None:
    def handler() -> None: ...

    assert description_of(handler) is None


def test_a_description_stays_with_its_function() -> None:
    def handler() -> None: ...

    operation = Operation(summary="Do it", tag=Tag.EVENTS, answers=())
    described = RouteDescription.of(handler, operation, ("/a",), ("GET",))
    attach(handler, described)

    assert description_of(handler) is described
    assert (described.view, described.longer) == ("handler", "")
