"""Stored answers by idempotency key. The transaction they are read and written in is `api`'s.

Since a request is one transaction, of two at once with the same key the second waits for the
first and gets its answer.

Source: Stripe's page "Idempotent requests".
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import IdempotencyError
from .store import Transaction

_KEPT_SECONDS = 24 * 60 * 60
_LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """A response as it was sent the first time, and the request that caused it."""

    status: int
    body: str
    request_id: str


def require_valid(key: str) -> None:
    """Raise IdempotencyError for a key Stripe would not take."""
    if not 0 < len(key) <= _LONGEST_KEY:
        raise IdempotencyError(
            f"An idempotency key has 1 to {_LONGEST_KEY} characters; this one has {len(key)}."
        )


def fingerprint(method: str, path: str, parameters: Mapping[str, object]) -> str:
    """Digest a request, the same whatever the order of its parameters."""
    canonical = json.dumps([method, path, parameters], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def recall(tx: Transaction, key: str, request: str, now: int) -> StoredAnswer | None:
    """Return what this key was answered in the last 24 hours.

    Raises IdempotencyError if that was another request than the one fingerprinted `request`.
    """
    tx.execute("DELETE FROM idempotency WHERE created < ?", now - _KEPT_SECONDS)
    row = tx.execute(
        "SELECT fingerprint, status, body, request_id FROM idempotency WHERE key = ?", key
    ).fetchone()
    if row is None:
        return None
    first_request, status, body, request_id = row
    if first_request != request:
        raise IdempotencyError(
            "An idempotency key stands for one request: this one was first used with another"
            f" endpoint or other parameters ('{key}'). Use a new key for a new request."
        )
    return StoredAnswer(status, body, request_id)


def remember(tx: Transaction, key: str, request: str, answer: StoredAnswer, now: int) -> None:
    """Keep the answer for repeats of the request."""
    tx.execute(
        "INSERT INTO idempotency (key, fingerprint, status, body, request_id, created)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        key,
        request,
        answer.status,
        answer.body,
        answer.request_id,
        now,
    )
