"""Whether Stripe can be reached: asked without our key, and given up soon."""

import pytest

from chalicelib.adapters import stripe_reach
from chalicelib.adapters.stripe_reach import StripeReach
from chalicelib.errors import ConfigurationError, PaymentProviderError, Unavailable
from tests.support.http_server import Received, Reply, closed_port, hanging, serving

pytestmark = pytest.mark.enable_socket

KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"


def reach(url: str) -> StripeReach:
    return StripeReach(lambda: KEY, url)


@pytest.mark.parametrize("status", [200, 401, 404, 429])
def test_whatever_stripe_refuses_it_answers(status: int) -> None:
    with serving(lambda _: Reply(status, b"{}")) as stripe:
        assert 0 < reach(stripe.url).check() < stripe_reach._READ_TIMEOUT_SECONDS


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_error_of_stripes_own_is_none(status: int) -> None:
    with serving(lambda _: Reply(status)) as stripe, pytest.raises(PaymentProviderError):
        reach(stripe.url).check()


def test_the_key_is_not_sent_nor_a_password_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(lambda _: Reply(401)) as stripe:
        reach(stripe.url).check()

    (asked,) = stripe.received
    assert "authorization" not in asked.headers
    assert KEY not in str(asked)
    assert (asked.method, asked.path) == ("GET", "/v1")


def test_stripe_leads_nowhere_else() -> None:
    with serving(lambda _: Reply(200)) as elsewhere:

        def answer(_asked: Received) -> Reply:
            return Reply(302, headers={"Location": elsewhere.url})

        with serving(answer) as stripe:
            reach(stripe.url).check()

    assert elsewhere.received == []


@pytest.mark.own_limits
def test_a_stripe_that_hangs_is_given_up_within_two_seconds() -> None:
    with hanging() as stripe, pytest.raises(PaymentProviderError):
        reach(stripe.url).check()
    assert stripe_reach._CONNECT_TIMEOUT_SECONDS + stripe_reach._READ_TIMEOUT_SECONDS <= 2


def test_a_stripe_that_is_not_there_is_down_and_the_error_names_no_address() -> None:
    url = closed_port()
    with pytest.raises(PaymentProviderError) as caught:
        reach(url).check()
    assert "127.0.0.1" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("wrong", [Unavailable("SSM is down"), ConfigurationError("no key")])
def test_without_a_good_key_there_are_no_payments_and_nobody_is_asked(wrong: Exception) -> None:
    def secret_key() -> str:
        raise wrong

    with serving(lambda _: Reply(200)) as stripe, pytest.raises(type(wrong)):
        StripeReach(secret_key, stripe.url).check()
    assert stripe.received == []


def test_by_itself_it_asks_the_real_stripe() -> None:
    assert StripeReach(lambda: KEY, None)._url == "https://api.stripe.com/v1"
