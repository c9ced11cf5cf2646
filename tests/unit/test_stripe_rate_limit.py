"""What becomes of a checkout for which Stripe has no room this second: its 429, over HTTP."""

import json
from datetime import timedelta

import pytest

from chalicelib.adapters.stripe_gateway import StripeGateway
from chalicelib.domain.checkout_sessions import RedirectUrls
from chalicelib.errors import PaymentProviderBusy
from chalicelib.http.problems import error_headers, problem_of
from tests.support.builders import NOW, an_order
from tests.support.fakes import RecordingLog
from tests.support.http_server import Reply, serving

_TOO_MANY = {
    "error": {"type": "invalid_request_error", "code": "rate_limit", "message": "slow down"}
}
_URLS = RedirectUrls("http://localhost/done", "http://localhost/back")


def test_a_checkout_beyond_stripes_limit_is_asked_for_again_or_fails_otherwise() -> None:
    log = RecordingLog()
    with serving(lambda _: Reply(429, json.dumps(_TOO_MANY).encode())) as stripe:
        gateway = StripeGateway("sk_test_unit", stripe.url, log, clock=lambda: NOW)
        with pytest.raises(PaymentProviderBusy) as busy:
            gateway.create_session(an_order(), _URLS, NOW + timedelta(minutes=31))

    # The buyer's page is told when to ask again.
    assert problem_of(busy.value).status == 502
    assert error_headers(busy.value) == {"Retry-After": "2"}
    # A repeat would take of the limit what another buyer could have had.
    assert len(stripe.received) == 1
    (line,) = [fields for _, name, fields in log.lines if name == "stripe_failed"]
    assert (line["type"], line["httpStatus"]) == ("RateLimitError", 429)
