"""Whether a webhook is from Stripe: its signature over the raw body, and how old that is."""

import json
import re
import time
from collections.abc import Callable, Sequence

import stripe

from chalicelib.adapters.stripe_events import StripeEvent, event_from
from chalicelib.errors import InvalidSignature

# Stripe's advice for a signature's age ("Webhooks", "Verify webhook signatures"). Its SDK does not
# mind a timestamp from the future; a clock that is right has no use for one.
_TOLERANCE_SECONDS = 300
_TIMESTAMP = re.compile(r"(?:^|,)\s*t=(\d{1,12})\s*(?:,|$)")


def verify_event(
    body: bytes,
    signature: str | None,
    secrets: Sequence[str],
    now: Callable[[], float] = time.time,
) -> StripeEvent:
    """Return the event of a webhook's raw body if one of the secrets signed it.

    Raises `InvalidSignature` where none did, or the signature is older or newer than five minutes.
    """
    stamp = _TIMESTAMP.search(signature or "")
    if signature is None or stamp is None or int(stamp[1]) > now() + _TOLERANCE_SECONDS:
        raise InvalidSignature("the webhook's signature is missing, malformed or from the future")
    if not any(_is_signed(body, signature, secret) for secret in secrets):
        raise InvalidSignature("the webhook's signature does not hold")
    return event_from(json.loads(body))


def _is_signed(body: bytes, signature: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret, _TOLERANCE_SECONDS)
    except (stripe.SignatureVerificationError, ValueError, TypeError):
        # TypeError: the SDK cannot compare a signature with letters that are not ASCII.
        return False
    return True
