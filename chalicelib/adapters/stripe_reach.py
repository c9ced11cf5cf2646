"""Whether payments can be taken, as far as it can be told without the secret key leaving this
machine: there is a key that is one by its looks (`secret_rules`), and Stripe answers.

Stripe is asked without the key, so nobody who asks for our health uses up what Stripe allows our
account in a second, and nothing is imported of the SDK.
"""

import time
from collections.abc import Callable
from http import HTTPStatus

import requests

from chalicelib.adapters.stripe_connections import shared_session
from chalicelib.errors import PaymentProviderError

_STRIPE = "https://api.stripe.com"
# Without a key it is refused, which is an answer.
_PATH = "/v1"
_CONNECT_TIMEOUT_SECONDS = 1.0
_READ_TIMEOUT_SECONDS = 1.0


class StripeReach:
    """A question to Stripe that needs no key; `secret_key` returns ours, or raises what is wrong
    with it.
    """

    def __init__(self, secret_key: Callable[[], str], api_base: str | None) -> None:
        self._secret_key = secret_key
        self._url = f"{api_base or _STRIPE}{_PATH}"
        self._session = shared_session()
        # Nothing of this machine's own, such as a password in a .netrc, is sent along.
        self._session.trust_env = False

    def check(self) -> float:
        """Return how many seconds Stripe took to answer.

        Raises `ConfigurationError` where there is no secret key or something else in its place,
        `Unavailable` where the key cannot be read, and `PaymentProviderError` where Stripe does not
        answer, or with an error of its own.
        """
        self._secret_key()
        started = time.monotonic()
        if self._status() >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise PaymentProviderError("Stripe answers with an error")
        return time.monotonic() - started

    def _status(self) -> int:
        try:
            # Streamed, and what follows the headers is not read.
            with self._session.get(
                self._url,
                timeout=(_CONNECT_TIMEOUT_SECONDS, _READ_TIMEOUT_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as answer:
                return answer.status_code
        except requests.RequestException:
            raise PaymentProviderError("Stripe does not answer") from None
