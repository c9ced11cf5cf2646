"""What one unit of work runs in: an open transaction and the facts that hold throughout it."""

from dataclasses import dataclass

from .config import Config
from .store import Transaction


@dataclass(frozen=True, slots=True)
class Call:
    """An API request, a button on the checkout page, or a timer that went off.

    `request_id` and `idempotency_key` are set for API requests only and end up in the events the
    work causes. `now` is whole seconds of Unix time.
    """

    tx: Transaction
    config: Config
    now: int
    base_url: str = ""
    request_id: str | None = None
    idempotency_key: str | None = None
