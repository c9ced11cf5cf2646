"""Tickets: one for each seat of a paid order, with a code that nobody can guess.

A code is the order's id, the ticket's number in two digits and a secret of its own, all in
Crockford's base 32: whoever has one ticket of an order cannot tell another's code. A QR code holds
it in its compact alphanumeric mode (ISO/IEC 18004).
"""

import hmac
import re
from dataclasses import dataclass
from datetime import datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SECRET_LENGTH = 16
_CODE = re.compile(
    rf"(?P<order>[{_ALPHABET}]{{26}})(?P<number>\d\d)(?P<secret>[{_ALPHABET}]{{16}})"
)


@dataclass(frozen=True, slots=True)
class TicketCode:
    """The parts of a ticket's code; `number` counts from 1."""

    order_id: str
    number: int
    secret: str

    def __str__(self) -> str:
        """Return the code as it is printed."""
        return f"{self.order_id}{self.number:02d}{self.secret}"

    def has_secret(self, secret: str) -> bool:
        """Tell whether the secret is this one, in a time that does not tell how much of it is."""
        return hmac.compare_digest(self.secret, secret)


def read_code(text: str) -> TicketCode | None:
    """Return the parts of a code, or None where it is none; letters may be small."""
    parts = _CODE.fullmatch(text.upper()) if text.isascii() else None
    if parts is None:
        return None
    return TicketCode(parts["order"], int(parts["number"]), parts["secret"])


def ticket_secret(random_bytes: bytes) -> str:
    """Return a ticket's secret of 80 bits, made of ten random bytes."""
    value = int.from_bytes(random_bytes, "big")
    return "".join(_ALPHABET[value >> (5 * place) & 31] for place in range(_SECRET_LENGTH))


@dataclass(frozen=True, slots=True)
class CheckIn:
    """That the holder of ticket `number` came in: when (UTC), at which door, by which scan.

    `scan` is the scanner's own name for its request, so that a repeat of it is no second one.
    """

    number: int
    at: datetime
    door: str | None = None
    scan: str | None = None
