"""Identifiers with Stripe's prefixes and lengths. What they name is elsewhere."""

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits
# The part after the prefix, as long as Stripe's own.
_LENGTHS = {
    "ch_3": 23,
    "cs_test_a1": 56,
    "dp_1": 23,
    "evt_1": 23,
    "li_1": 23,
    "pi_3": 23,
    "pm_1": 23,
    "price_1": 23,
    "prod_": 14,
    "re_3": 23,
    "req_": 14,
    "txn_1": 23,
}


def new_id(prefix: str) -> str:
    """Make a fresh random id; KeyError for a prefix Stripe does not use here."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTHS[prefix]))


def new_client_secret(object_id: str) -> str:
    """Make what a browser would need to confirm the payment intent `object_id`."""
    return f"{object_id}_secret_" + "".join(secrets.choice(_ALPHABET) for _ in range(25))
