"""Revisions: which state of an event or a city a client has seen, as a short text."""

import hashlib
from datetime import datetime, timedelta

_BYTES = 16
_NEXT_MOMENT = timedelta(milliseconds=1)


def revision_of(public: str) -> str:
    """Return the revision of what has this public JSON text: 32 hexadecimal digits.

    Two states of one event never share it, since `updatedAt` is part of the text.
    """
    return hashlib.blake2b(public.encode(), digest_size=_BYTES).hexdigest()


def changed_at(now: datetime, before: datetime) -> datetime:
    """Return the time of a change: now, and always later than that of the state before, which
    stores tell apart by it.
    """
    return max(now, before + _NEXT_MOMENT)
