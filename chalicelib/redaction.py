"""Takes out of a log line what must not be in one. Callers hand over identifiers only; this is for
what they cannot see: an exception's message, a path that holds a key, a value in a trace.

Imported when a line is written, and imports nobody.
"""

import re

REDACTED = "[redacted]"

# Each begins where a word does, so that a long text is looked at once and not from every letter.
_PATTERNS = (
    # A JSON Web Token (RFC 7519), or as much of one as there is, and whatever follows "Bearer".
    r"(?<![\w-])eyJ[\w-]{5,}(?:\.[\w-]*)*",
    r"(?<!\w)[Bb]earer +[^\s\"']{8,}",
    # Stripe's keys, webhook secrets, client secrets; and checkout sessions, a guest's key to an
    # order.
    r"(?<![A-Za-z0-9])(?:sk|rk|pk)_(?:test|live)_\w+",
    r"(?<![A-Za-z0-9])whsec_[\w+/=]+",
    r"(?<![A-Za-z0-9])(?:pi|seti)_[A-Za-z0-9]+_secret_\w+",
    r"(?<![A-Za-z0-9])cs_(?:test|live|free)_\w+",
    # A ticket's code, which lets its holder in (`domain.tickets`).
    r"(?<!\w)[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}\d\d[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{16}(?!\w)",
    # An AWS access key's id.
    r"(?<!\w)(?:AKIA|ASIA)[A-Z0-9]{16}(?!\w)",
    # An e-mail address.
    r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
)
_SECRET = re.compile("|".join(_PATTERNS))
# As long as a card's number, however it is written (ISO/IEC 7812-1).
_DIGITS = re.compile(r"(?<![\w.-])[3-6]\d{3}(?:[ -]?\d){9,15}(?![\w-])")


def redacted(text: str) -> str:
    """Return the text without tokens, keys, card numbers and e-mail addresses."""
    return _DIGITS.sub(_without_card, _SECRET.sub(REDACTED, text))


def _without_card(found: re.Match[str]) -> str:
    return REDACTED if _passes_luhn(found[0]) else found[0]


def _passes_luhn(text: str) -> bool:
    digits = [int(sign) for sign in reversed(text) if sign.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
