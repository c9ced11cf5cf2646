"""Responses as views make them: JSON, ETags and conditions."""

import pytest
from chalice.app import Response

from chalicelib.http.responses import json_response, public_json, to_json
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
