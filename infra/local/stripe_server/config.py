"""What a run of the local Stripe is told: keys, addresses, delays. Reads no environment itself."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_TEST_KEY_PREFIXES = ("sk_test_", "rk_test_")


@dataclass(frozen=True, slots=True)
class Config:
    """One run's settings; all durations are seconds.

    Raises ValueError for a key that is not a test key (a live key has no business here) and for a
    signing secret without Stripe's prefix, which the SDK would refuse on the receiving side.
    """

    secret_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    state_dir: Path
    webhook_url: str | None = None
    """Where events are POSTed; without it events are only stored."""
    public_url: str | None = None
    """Base of checkout page addresses; without it, the host each request was sent to."""
    async_delay: float = 5.0
    """From "pay later" to its outcome."""
    retry_delays: tuple[float, ...] = (1, 2, 5, 15, 60, 300, 900, 3600)
    """Before each further attempt at an undelivered event; after the last one it has failed."""
    delivery_timeout: float = 10.0
    concurrent_deliveries: int = 8
    now: Callable[[], float] = time.time
    """The clock sessions, timers and idempotency keys live by; signatures use the real one."""

    def __post_init__(self) -> None:
        if not self.secret_key.startswith(_TEST_KEY_PREFIXES):
            raise ValueError("the secret key must begin with sk_test_ or rk_test_")
        if not self.webhook_secret.startswith("whsec_"):
            raise ValueError("the webhook secret must begin with whsec_")
