"""Takes out of a log line what must not be in one. Callers hand over identifiers only; this is for
what they cannot see: an exception's message, a path that holds a key, a value in a trace.

Imported when a line is written, and imports nobody.
"""

import re
from collections.abc import Mapping

REDACTED = "[redacted]"

# Each begins where a word does, so that a long text is looked at once and not from every letter.
# Each kind is an expression of its own: so it is tried by itself whether a text makes it slow.

# A JSON Web Token (RFC 7519), or as much of one as there is.
_TOKEN = re.compile(r"(?<![A-Za-z0-9])eyJ[\w-]{5,}(?:\.[\w-]*)*")
# Whatever follows the name of a scheme, which is written in any case (RFC 9110, section 11.1).
_CREDENTIALS = re.compile(r"(?<!\w)(?:bearer|basic) +[^\s\"']{8,}", re.IGNORECASE)
# Stripe's keys, webhook secrets, client secrets; and checkout sessions, a guest's key to an order.
_STRIPE_KEY = re.compile(r"(?<![A-Za-z0-9])(?:sk|rk|pk)_(?:test|live)_\w+")
_WEBHOOK_SECRET = re.compile(r"(?<![A-Za-z0-9])whsec_[\w+/=]+")
_CLIENT_SECRET = re.compile(r"(?<![A-Za-z0-9])(?:pi|seti)_[A-Za-z0-9]+_secret_\w+")
_CHECKOUT_SESSION = re.compile(r"(?<![A-Za-z0-9])cs_(?:test|live|free)_\w+")
# A ticket's code, which lets its holder in (`domain.tickets`).
_TICKET_CODE = re.compile(
    r"(?<!\w)[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}\d\d[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{16}(?!\w)"
)
# An AWS access key's id, and the tokens that go with temporary ones.
_AWS_KEY_ID = re.compile(r"(?<!\w)(?:AKIA|ASIA)[A-Z0-9]{16}(?!\w)")
_AWS_SESSION_TOKEN = re.compile(r"(?<![A-Za-z0-9])(?:FwoG|FQoG|IQoJ)[\w+/=%-]{8,}")
# A private key's head (RFC 7468) and what follows of the key, with line ends as they are or as they
# are written within quotation marks.
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY(?:-----)?"
    r"(?:(?:\\[nr]|\s)*+[A-Za-z0-9+/=]{16,}+)*+"
    r"(?:(?:\\[nr]|\s)*+[A-Za-z0-9+/=]{0,15}+(?:\\[nr]|\s)*+-----END [A-Z ]*-----)?"
)
# An e-mail address, also as a URL has it.
_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+")
# As long as a card's number, however it is written (ISO/IEC 7812-1).
_DIGITS = re.compile(r"(?<![\w.-])[3-6]\d{3}(?:[ -]?\d){9,15}(?![\w-])")
# Mastercard's second range, 2221 to 2720, always sixteen digits ("2-series BIN"). Nothing else that
# begins with a 2 is looked at, since dates and times do.
_SECOND_SERIES = re.compile(
    r"(?<![\w.-])2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)(?:[ -]?\d){12}(?![\w-])"
)


def redacted(text: str) -> str:
    """Return the text without tokens, keys, card numbers and e-mail addresses."""
    text = _PRIVATE_KEY.sub(REDACTED, text)
    text = _CREDENTIALS.sub(REDACTED, text)
    text = _TOKEN.sub(REDACTED, text)
    text = _STRIPE_KEY.sub(REDACTED, text)
    text = _WEBHOOK_SECRET.sub(REDACTED, text)
    text = _CLIENT_SECRET.sub(REDACTED, text)
    text = _CHECKOUT_SESSION.sub(REDACTED, text)
    text = _TICKET_CODE.sub(REDACTED, text)
    text = _AWS_KEY_ID.sub(REDACTED, text)
    text = _AWS_SESSION_TOKEN.sub(REDACTED, text)
    text = _EMAIL.sub(REDACTED, text)
    text = _SECOND_SERIES.sub(_without_card, text)
    return _DIGITS.sub(_without_card, text)


def redacted_value(value: object) -> object:
    """Return what can be written as JSON, with every text in it redacted, names of fields too."""
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return {redacted(str(name)): redacted_value(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted_value(item) for item in value]
    return redacted(str(value))


def _without_card(found: re.Match[str]) -> str:
    return REDACTED if _passes_luhn(found[0]) else found[0]


def _passes_luhn(text: str) -> bool:
    digits = [int(sign) for sign in reversed(text) if sign.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
