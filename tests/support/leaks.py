"""What must be in no log: found by patterns of the tests' own, not by those that the program
redacts with.

An order's id, an event's, a user's, Stripe's ids of events, payments and refunds are no secrets:
they open nothing without a key. A checkout session's id is one, since it opens its guest's order,
and so is a ticket's code.
"""

import re

_KINDS = {
    "a token": re.compile(r"eyJ[A-Za-z0-9_-]{8,}|(?i:bearer|basic) +[A-Za-z0-9._~+/=-]{8,}"),
    "a Stripe key": re.compile(r"\b[rs]k_(?:test|live)_[A-Za-z0-9]+"),
    "a webhook secret": re.compile(r"\bwhsec_[A-Za-z0-9]+"),
    "a client secret": re.compile(r"_secret_[A-Za-z0-9]{6,}"),
    "a checkout session": re.compile(r"\bcs_(?:test|live|free)_[A-Za-z0-9]+"),
    "a ticket's code": re.compile(r"\b[0-9A-HJKMNP-TV-Z]{26}[0-9]{2}[0-9A-HJKMNP-TV-Z]{16}\b"),
    "an AWS key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bFwoGZXIvYXdz"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    # Only from where one can begin: from every letter of a long word, it would take minutes.
    "an e-mail address": re.compile(
        r"(?<![A-Za-z0-9.+_%-])[A-Za-z0-9.+_%-]+(?:@|%40)[A-Za-z0-9-]+\.[A-Za-z0-9.-]*[A-Za-z]"
    ),
}
_CARD = re.compile(r"(?<![\w.-])[3-6](?:[ -]?\d){12,18}(?![\w.-])")
# What begins with a 2 is a card's number only in Mastercard's range, and has sixteen digits.
_MASTERCARD = re.compile(r"(?<![\w.-])2\d{3}(?:[ -]?\d){12}(?![\w.-])")
_MASTERCARDS = range(2221, 2721)


def leaks_in(text: str) -> list[str]:
    """Return what a text gives away, each with its kind and its first letters."""
    hits = ((kind, known.search(text)) for kind, known in _KINDS.items())
    found = [f"{kind}: {hit[0][:5]}…" for kind, hit in hits if hit is not None]
    cards = [hit[0] for hit in _CARD.finditer(text)]
    cards += [hit[0] for hit in _MASTERCARD.finditer(text) if int(hit[0][:4]) in _MASTERCARDS]
    return found + [f"a card number: {number[:5]}…" for number in cards if _is_card(number)]


def _is_card(text: str) -> bool:
    """Tell whether digits end in the check digit that a card's number has (Luhn)."""
    digits = [int(sign) for sign in text if sign.isdigit()][::-1]
    total = 0
    for place, digit in enumerate(digits):
        total += digit if place % 2 == 0 else (digit * 2 - 9 if digit > 4 else digit * 2)
    return total % 10 == 0
