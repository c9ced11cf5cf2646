"""Connections to Stripe that are kept open from one call to the next, whichever thread makes it."""

import threading
import time
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter

# As many as there are threads that call Stripe at the same time, the timer's eight and some more.
_POOL_SIZE = 16
# Longer than a buyer or the timer takes from one call to the next. While Lambda freezes a function,
# its connections may go without a word; a call on such a one waits for its whole time limit.
_MAX_IDLE_SECONDS = 30.0


class KeptConnections(HTTPAdapter):
    """Connections that were used a moment ago; after a pause there are none, and new ones are made.

    `stopwatch` counts seconds.
    """

    def __init__(self, stopwatch: Callable[[], float] = time.monotonic) -> None:
        super().__init__(pool_maxsize=_POOL_SIZE)
        self._stopwatch = stopwatch
        self._lock = threading.Lock()
        self._last_call = stopwatch()

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - as the base's
        """Send a request, over a connection that is open if it is fresh."""
        with self._lock:
            now = self._stopwatch()
            if now - self._last_call > _MAX_IDLE_SECONDS:
                self.poolmanager.clear()
            self._last_call = now
        return super().send(*args, **kwargs)


def shared_session(connections: HTTPAdapter | None = None) -> requests.Session:
    """Return a session that all threads may use at once."""
    session = requests.Session()
    kept = connections or KeptConnections()
    for scheme in ("https://", "http://"):
        session.mount(scheme, kept)
    return session
