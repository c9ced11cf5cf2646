"""Responses as views make them: JSON, ETags and conditions."""

import pytest
from chalice.app import Response

from chalicelib.http.responses import (
    json_response,
    public_json,
    public_text,
    tagged_json,
    to_json,
)
from tests.support.api_requests import an_api_request

TEXT = '{"name":"Zürich"}'


def public(condition: str | None = None, text: str = TEXT) -> Response:
    headers = {} if condition is None else {"If-None-Match": condition}
    return public_json(an_api_request(headers=headers), text)


TAG = str(public().headers["ETag"])


def test_json_is_compact_and_utf_8() -> None:
    assert to_json({"name": "Zürich", "n": [1, None]}) == '{"name":"Zürich","n":[1,null]}'


def test_a_response_of_the_app_is_kept_by_no_cache() -> None:
    response = json_response({"a": 1}, 201, {"Location": "/x"})
    assert response.status_code == 201
    assert response.body == '{"a":1}'
    assert response.headers == {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "Location": "/x",
    }


def test_public_json_may_be_kept_and_has_a_strong_tag() -> None:
    response = public()
    assert (response.status_code, response.body) == (200, TEXT)
    assert response.headers["Content-Type"] == "application/json"
    assert str(response.headers["Cache-Control"]).startswith("public")
    assert TAG.startswith('"')
    assert TAG.endswith('"')


def test_other_content_has_another_tag() -> None:
    assert public(text=TEXT + " ").headers["ETag"] != TAG


@pytest.mark.parametrize(
    "condition", [TAG, f"W/{TAG}", f'"other", {TAG}', f'W/"a",W/{TAG}', "*", f" {TAG} "]
)
def test_what_the_client_has_is_not_sent_again(condition: str) -> None:
    response = public(condition)
    assert (response.status_code, response.body) == (304, "")
    assert response.headers["ETag"] == TAG
    assert "Content-Type" not in response.headers
    assert str(response.headers["Cache-Control"]).startswith("public")


@pytest.mark.parametrize(
    "condition", ["", '"other"', TAG.strip('"'), TAG[:-2] + '"', f"w/{TAG}", '"*"']
)
def test_what_the_client_does_not_have_is_sent(condition: str) -> None:
    assert public(condition).status_code == 200


def test_a_tag_that_is_given_is_the_tag() -> None:
    response = public_json(an_api_request(), TEXT, '"abc-12"')
    assert (response.body, response.headers["ETag"]) == (TEXT, '"abc-12"')

    again = public_json(an_api_request(headers={"If-None-Match": '"abc-12"'}), TEXT, '"abc-12"')
    assert (again.status_code, again.headers["ETag"]) == (304, '"abc-12"')


def test_public_text_of_another_kind_is_kept_and_tagged_as_json_is() -> None:
    described = {"Content-Type": "text/calendar", "Content-Disposition": "attachment"}
    response = public_text(an_api_request(), "BEGIN", described)
    assert (response.status_code, response.body) == (200, "BEGIN")
    assert described.items() <= response.headers.items()
    assert str(response.headers["Cache-Control"]).startswith("public")

    kept = {"If-None-Match": str(response.headers["ETag"])}
    again = public_text(an_api_request(headers=kept), "BEGIN", described)
    assert (again.status_code, again.body) == (304, "")
    assert set(again.headers) == {"Cache-Control", "ETag"}


def test_what_only_admins_see_has_a_tag_and_is_kept_by_no_cache() -> None:
    response = tagged_json(TEXT, '"abc"', 201, {"Location": "/x"})
    assert (response.status_code, response.body) == (201, TEXT)
    assert response.headers == {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "ETag": '"abc"',
        "Location": "/x",
    }
