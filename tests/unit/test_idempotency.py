"""`Idempotency-Key`, as routes read and describe it."""

import re

import pytest

from chalicelib.errors import InvalidInput
from chalicelib.http.idempotency import idempotency_key, read_key
from chalicelib.http.operations import Place
from tests.support.api_requests import an_api_request

[SHOWN] = idempotency_key("A name.").described()
GOOD = ["a", "!", "~", "x" * 255, "5f0c1c9a-7d3b-4e8f-9a0b-1c2d3e4f5a6b", '"quoted"']
BAD = ["", " ", "a b", "a\t", "x" * 256, "é", "\x7f", "\x00", "a\n"]


@pytest.mark.parametrize("key", GOOD)
def test_visible_text_is_a_key_as_it_was_sent(key: str) -> None:
    assert read_key(an_api_request("POST", headers={"idempotency-key": key})) == key


def test_without_the_header_there_is_no_key() -> None:
    assert read_key(an_api_request("POST")) is None


@pytest.mark.parametrize("key", BAD)
def test_anything_else_is_refused_by_the_headers_name(key: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_key(an_api_request("POST", headers={"Idempotency-Key": key}))
    [problem] = refused.value.problems
    assert (problem.field, problem.type) == ("Idempotency-Key", "idempotency_key")


def test_the_document_says_what_is_a_key() -> None:
    assert (SHOWN.name, SHOWN.place, SHOWN.required) == ("Idempotency-Key", Place.HEADER, False)
    assert SHOWN.description == "A name."
    pattern = re.compile(SHOWN.schema["pattern"])
    assert all(pattern.search(key) for key in [*GOOD, SHOWN.example])
    # Python's `$` matches before a last line feed too; in JSON Schema's regular expressions it
    # does not.
    assert not [key for key in BAD if pattern.search(key) and not key.endswith("\n")]
