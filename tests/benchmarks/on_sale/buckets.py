"""Rates as token buckets: what is not used within a second is lost."""


class Bucket:
    """So many a second, and at the most `burst` at once."""

    def __init__(self, rate: float, burst: float | None = None) -> None:
        self.rate = rate
        self._burst = rate if burst is None else burst
        self._tokens = self._burst
        self._filled_at = 0.0
        self.used = 0.0

    def has(self, now: float, tokens: float) -> bool:
        """Tell whether so many can be had now."""
        passed, self._filled_at = now - self._filled_at, now
        self._tokens = min(self._burst, self._tokens + passed * self.rate)
        return self._tokens >= tokens

    def take(self, now: float, tokens: float) -> bool:
        """Take so many, or none where there are fewer."""
        if not self.has(now, tokens):
            return False
        self.spend(tokens)
        return True

    def spend(self, tokens: float) -> None:
        """Take so many that are there, or go into debt for what was used all the same."""
        self._tokens -= tokens
        self.used += tokens
