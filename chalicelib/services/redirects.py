"""Where a buyer may be sent back to after a checkout."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from chalicelib.domain.checkout_sessions import RedirectUrls
from chalicelib.errors import InvalidInput

_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1"})
# Browsers read a backslash as a slash and drop control characters, so a URL with either is not
# what `urlsplit` takes it for.
_MISREAD_IN_URLS = re.compile(r"[\\\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class RedirectPolicy:
    """Which origins a buyer may be sent back to."""

    allowed_origins: tuple[str, ...]
    allow_loopback: bool

    def check_both(self, urls: RedirectUrls) -> None:
        """Raise `InvalidInput` unless the buyer may be sent to both."""
        self.check("successUrl", urls.success)
        self.check("cancelUrl", urls.cancel)

    def check(self, field: str, url: str) -> None:
        """Raise `InvalidInput` on `field` unless the URL is http(s) on an allowed origin.

        User information, backslashes and white space are refused outright: they are how a URL
        looks to be on one host and leads to another.
        """
        if _MISREAD_IN_URLS.search(url):
            raise InvalidInput.of(field, "must be an http(s) URL", "url_parsing")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise InvalidInput.of(field, "must be an http(s) URL", "url_parsing") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidInput.of(field, "must be an http(s) URL", "url_parsing")
        if "@" in parts.netloc:
            raise InvalidInput.of(field, "must not hold user information", "url_parsing")
        # Names are in lower case here; an IPv6 address lost its brackets.
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        origin = f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")
        if self.allow_loopback and parts.hostname in _LOOPBACK_HOSTS:
            return
        if origin not in self.allowed_origins:
            raise InvalidInput.of(field, "must be on an allowed origin", "origin_not_allowed")
