"""Revisions: which state of an event or a city a client has seen, as a short text."""

import hashlib

_BYTES = 16


def revision_of(public: str) -> str:
    """Return the revision of what has this public JSON text: 32 hexadecimal digits.

    Two states of one event never share it, since `updatedAt` is part of the text.
    """
    return hashlib.blake2b(public.encode(), digest_size=_BYTES).hexdigest()
