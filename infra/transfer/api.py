"""The API as a client that does not give up at the first lost answer sees it.

Every request of a transfer may be sent again: what a line says is there already changes nothing.
"""

import random
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpx

from infra.transfer.errors import Refused, Unreachable

# API Gateway gives up on a request after 29 seconds.
_TIMEOUT_SECONDS = 35.0
_TRIES = 8
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 20.0
_LONGEST_RETRY_AFTER_SECONDS = 120.0
_WORTH_ANOTHER_TRY = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)

Note = Callable[[str], None]


class Api:
    """Sends requests as an admin."""

    def __init__(self, base_url: str, token: str, api_key: str | None = None) -> None:
        """Take where an API is, a token for it and, where routes are used that need one, an API
        key; raises `Refused` where that is no URL.
        """
        headers = {"Authorization": f"Bearer {token}"}
        if api_key is not None:
            headers["X-Api-Key"] = api_key
        try:
            url = httpx.URL(base_url)
        except httpx.InvalidURL as error:
            raise Refused(f"{base_url}: {error}") from error
        self._client = httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def get(self, path: str, query: Mapping[str, str | int], note: Note) -> httpx.Response:
        """Read something; raises `Refused` or `Unreachable`."""
        return self._send("GET", path, note, params=query)

    def post(
        self, path: str, query: Mapping[str, str | int], body: bytes, media_type: str, note: Note
    ) -> Any:  # noqa: ANN401 - JSON
        """Send a file's part and return the JSON answer; raises `Refused` or `Unreachable`."""
        headers = {"Content-Type": media_type}
        answer = self._send("POST", path, note, params=query, content=body, headers=headers)
        try:
            return answer.json()
        except ValueError as error:
            raise Refused(f"{self._client.base_url} is not this API") from error

    def _send(self, method: str, path: str, note: Note, **parts: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        trouble = ""
        for attempt in range(_TRIES):
            asked: float | None = None
            try:
                answer = self._client.request(method, path, **parts)
            except httpx.UnsupportedProtocol as error:
                raise Refused(f"{self._client.base_url}: {error}") from error
            except httpx.TransportError as error:
                trouble = f"{type(error).__name__}: {error}"
            else:
                if answer.is_success:
                    return answer
                trouble = _message(answer)
                if answer.status_code not in _WORTH_ANOTHER_TRY:
                    raise Refused(trouble)
                asked = _retry_after(answer)
            if attempt < _TRIES - 1:
                self._wait(attempt, asked, trouble, note)
        raise Unreachable(f"{self._client.base_url} does not answer: {trouble}")

    def _wait(self, attempt: int, asked: float | None, trouble: str, note: Note) -> None:
        """Wait as long as the API asks for, or longer each time."""
        longest = min(_FIRST_PAUSE_SECONDS * 2**attempt, _LONGEST_PAUSE_SECONDS)
        seconds = random.uniform(longest / 2, longest) if asked is None else asked  # noqa: S311 - jitter
        note(f"{trouble}; trying again in {seconds:.1f} s")
        time.sleep(seconds)


def _retry_after(answer: httpx.Response) -> float | None:
    """Return the seconds that the API asks to wait, or None (RFC 9110, section 10.2.3)."""
    text = answer.headers.get("Retry-After", "")
    if not text.isascii() or not text.isdigit():
        return None
    return min(float(text), _LONGEST_RETRY_AFTER_SECONDS)


def _message(answer: httpx.Response) -> str:
    """Return what an error says, in the API's shape or in another one."""
    try:
        body = answer.json()
        return f"{answer.status_code} {body['code']}: {body['message']}"
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.reason_phrase}"
