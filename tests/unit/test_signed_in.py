"""Callers of routes that serve both who is signed in and who is not."""

import pytest

from chalicelib import sign_in
from chalicelib.domain.identity import Caller
from chalicelib.errors import Unauthenticated, Unavailable
from chalicelib.http.bearer_tokens import bearer_token
from chalicelib.http.requests import ApiRequest
from chalicelib.http.signed_in import optional_caller, required_caller
from tests.support.api_requests import an_api_request

ADA = Caller("user_ada", "", "sess_1", 4_102_444_800)


class Verifier:
    """Knows one good token, one while whose keys cannot be had, and refuses all others."""

    def verify(self, token: str) -> Caller:
        if token == "down":
            raise Unavailable("the sign-in keys cannot be reached right now; try again")
        if token != "good":
            raise Unauthenticated("the token's key is unknown")
        return ADA


@pytest.fixture(autouse=True)
def _verifier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "token_verifier", Verifier)


def sent(header: str) -> ApiRequest:
    return an_api_request(headers={"Authorization": header})


def test_a_good_token_says_who_is_calling() -> None:
    assert optional_caller(sent("Bearer good")) == ADA
    assert required_caller(sent("bearer  good")) == ADA


def test_without_a_token_the_verifier_is_not_even_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sign_in, "token_verifier")
    assert optional_caller(an_api_request()) is None


def test_who_has_to_be_known_and_sent_no_token_is_asked_to_sign_in() -> None:
    with pytest.raises(Unauthenticated, match="sign in to do this"):
        required_caller(an_api_request())


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer bad", "Basic good", "good"])
@pytest.mark.parametrize("read", [optional_caller, required_caller])
def test_a_bad_token_is_no_guest_and_what_is_wrong_is_left_to_the_log(
    read: object, header: str
) -> None:
    assert callable(read)
    with pytest.raises(Unauthenticated) as refused:
        read(sent(header))
    assert str(refused.value) == "the token is not valid, or not any more"
    assert str(refused.value.__cause__) in {
        "the header holds no bearer token",
        "the token's key is unknown",
    }


def test_keys_that_cannot_be_had_are_no_verdict_on_a_token() -> None:
    with pytest.raises(Unavailable):
        optional_caller(sent("Bearer down"))


@pytest.mark.parametrize("header", ["Bearer a.b.c", "bearer a.b.c", "  BEARER   a.b.c  "])
def test_the_schemes_case_and_spaces_do_not_count(header: str) -> None:
    assert bearer_token(header) == "a.b.c"
