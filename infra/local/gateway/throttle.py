"""How often may be asked: WAF's rule for an address, the buckets of methods and API keys, and the
keys' daily quota. The numbers are `infra.throttling`'s, those of the deployed stack.

In the cloud these are targets that are met roughly and some seconds late; here they hold exactly
and at once. So a page that works here works there, and not the other way round.
"""

import time
from typing import Final

from limits import RateLimitItemPerDay, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

from infra.local.gateway.errors import GatewayError
from infra.throttling import Bucket, ClientLimit, Throttling

# More requests than this, times its limit, are not remembered of an address.
_REMEMBERED: Final = 10


class Throttle:
    """Lets a request pass or raises the `GatewayError` that refuses it. For one event loop."""

    def __init__(self, throttling: Throttling) -> None:
        self._limits = throttling
        # Both are bounded: by the methods of the document and by the keys of the configuration.
        self._methods: dict[str, _TokenBucket] = {}
        self._keys: dict[str, _TokenBucket] = {}
        storage = MemoryStorage()
        self._clients = _ClientRule(throttling.client, storage)
        self._quota = RateLimitItemPerDay(throttling.key_quota_per_day)
        self._quotas = FixedWindowRateLimiter(storage)

    async def admit_client(self, address: str, path: str) -> None:
        """Count a request of an address; preflights and unknown paths count as well, as for WAF.

        Raises THROTTLED, with as many seconds to wait as certainly end it.
        """
        if path in self._limits.client.exempt:
            return
        if not await self._clients.admits(address):
            raise GatewayError("THROTTLED", retry_after=self._limits.client.seconds)

    async def admit_key(self, key: str) -> None:
        """Count a call with an API key. Raises THROTTLED or QUOTA_EXCEEDED."""
        bucket = self._keys.setdefault(key, _TokenBucket(self._limits.key))
        if not bucket.take():
            raise GatewayError("THROTTLED")
        if not await self._quotas.hit(self._quota, key):
            raise GatewayError("QUOTA_EXCEEDED")

    def admit_call(self, verb: str, resource: str) -> None:
        """Count a call of a method, by all callers together. Raises THROTTLED.

        A stage's limits are its methods': each has a bucket ("Per-API, per-stage throttling limits
        are applied at the API method level for a stage").
        """
        method = f"{verb} {resource}"
        limit = self._limits.methods.get(method, self._limits.stage)
        bucket = self._methods.setdefault(method, _TokenBucket(limit))
        if not bucket.take():
            raise GatewayError("THROTTLED")


class _ClientRule:
    """WAF's rate-based rule: an address is refused while it has asked too often in the last time.

    Requests that are refused count ("Using rate-based rule statements" counts what is asked, not
    what is answered): who never pauses is never let in again. `limits` counts only what it lets
    pass, so it is told to let pass more, and asked how many there were.
    """

    def __init__(self, limit: ClientLimit, storage: MemoryStorage) -> None:
        self._allowed = limit.requests
        self._counted = RateLimitItemPerSecond(_REMEMBERED * limit.requests, limit.seconds)
        self._window = MovingWindowRateLimiter(storage)

    async def admits(self, address: str) -> bool:
        await self._window.hit(self._counted, address)
        _, remaining = await self._window.get_window_stats(self._counted, address)
        return self._counted.amount - remaining <= self._allowed


class _TokenBucket:
    """API Gateway's algorithm, which `limits` does not have.

    The windows that it has instead would hold a client that used up its burst for seconds, where
    the bucket, and so `Retry-After`, says one.
    """

    def __init__(self, limit: Bucket) -> None:
        self._limit = limit
        self._tokens = float(limit.burst)
        self._filled_at = time.monotonic()

    def take(self) -> bool:
        """Take a token if there is one."""
        now = time.monotonic()
        gained = (now - self._filled_at) * self._limit.rate
        self._tokens = min(self._tokens + gained, float(self._limit.burst))
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
