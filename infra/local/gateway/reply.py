"""The HTTP response the gateway is about to send, and API Gateway's own headers on it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

_BODILESS_STATUSES = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers in their order and spelling, and the body's bytes."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return the first header of that name in any letter case, or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def with_headers(self, headers: Iterable[tuple[str, str]]) -> "Reply":
        """Make a copy in which these headers take the place of any of the same name."""
        added = tuple(headers)
        replaced = {name.lower() for name, _ in added}
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in replaced)
        return replace(self, headers=kept + added)

    def to_asgi(self) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Frame headers and body for ASGI: `Content-Length` is always the gateway's."""
        body = b"" if self.status in _BODILESS_STATUSES else self.body
        headers = [(name.encode("ascii"), value.encode()) for name, value in self.headers]
        if self.status not in _BODILESS_STATUSES:
            headers.append((b"Content-Length", str(len(body)).encode("ascii")))
        return headers, body
