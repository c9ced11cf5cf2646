"""Bodies that are text: their media type, their size, and bytes that are none."""

import base64

import pytest

from chalicelib.errors import InvalidInput, PayloadTooLarge
from tests.support.api_requests import an_api_request


@pytest.mark.parametrize(
    ("header", "media_type"),
    [
        ({"content-type": "text/csv"}, "text/csv"),
        ({"Content-Type": " Text/CSV ; charset=UTF-8"}, "text/csv"),
        ({"CONTENT-TYPE": ""}, ""),
        ({}, ""),
    ],
)
def test_the_media_type_is_told_without_its_parameters(
    header: dict[str, str], media_type: str
) -> None:
    assert an_api_request("POST", headers=header).media_type == media_type


@pytest.mark.parametrize("body", ["", "a,b\r\n", "Zürich\n"])
def test_a_body_comes_as_it_was_sent(body: str) -> None:
    encoded = base64.b64encode(body.encode()).decode()

    assert an_api_request("POST", body=body).text(100) == body
    assert an_api_request("POST", body=encoded, is_base64_encoded=True).text(100) == body


def test_the_limit_is_in_bytes() -> None:
    assert an_api_request("POST", body="éé").text(4) == "éé"
    with pytest.raises(PayloadTooLarge, match="must not be larger than 3 bytes"):
        an_api_request("POST", body="éé").text(3)


@pytest.mark.parametrize(
    ("body", "encoded"),
    [(base64.b64encode(b"\xff\xfe").decode(), True), ("\ud83d", False), ("a", True)],
)
def test_bytes_that_are_no_text_are_refused(body: str, encoded: bool) -> None:
    request = an_api_request("POST", body=body, is_base64_encoded=encoded)

    with pytest.raises(InvalidInput, match="the body must be UTF-8") as error:
        request.text(100)

    assert error.value.problems[0].type == "text_invalid"
