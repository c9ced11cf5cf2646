"""Cursors: where a page ended, as opaque text that is good only for the list it came from.

The digest in a cursor catches what was altered or belongs to another list; it keeps no secret,
since a cursor says nothing that its page did not show.
"""

import base64
import hashlib
import json

from chalicelib.errors import InvalidInput

_DIGEST_BYTES = 8
# Longer than any key that is sorted by, and with what a range adds to it no longer than the 1,024
# bytes that DynamoDB compares.
_LONGEST_KEY = 1_000


def encode_cursor(listing: tuple[str | None, ...], after: str) -> str:
    """Write where a page of a listing ended. `listing` is what makes the list: its filters and
    its order.
    """
    payload = after.encode()
    return base64.urlsafe_b64encode(_digest(listing, payload) + payload).decode().rstrip("=")


def decode_cursor(listing: tuple[str | None, ...], cursor: str) -> str:
    """Read what `encode_cursor` wrote; raises `InvalidInput` for anything else."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        after = raw[_DIGEST_BYTES:].decode()
    except ValueError:
        raw, after = b"", ""
    # Base64 has several spellings of the same bytes; only the one that was given out is taken.
    if (
        not after
        or len(raw) > _DIGEST_BYTES + _LONGEST_KEY
        or encode_cursor(listing, after) != cursor
    ):
        raise InvalidInput.of(
            "cursor", "must be a nextCursor of this list, unaltered", "cursor_invalid"
        )
    return after


def _digest(listing: tuple[str | None, ...], payload: bytes) -> bytes:
    content = json.dumps(listing).encode() + b"\0" + payload
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()
