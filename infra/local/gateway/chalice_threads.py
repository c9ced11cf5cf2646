"""Makes a Chalice app fit to be called by many threads at once.

Lambda never does that, so Chalice keeps the current request in a plain attribute of the app.
"""

import threading
from typing import Any

from chalice.app import Chalice


class _ThreadLocalState(Chalice):
    """Mixed in before an app's own class: each thread sees the request it is handling itself.

    `current_request` and `lambda_context` are what Chalice assigns at the start of every call.
    """

    _local: threading.local

    @property
    def current_request(self) -> Any:  # noqa: ANN401 - a plain attribute in Chalice, of a type it leaves open
        return getattr(self._local, "current_request", None)

    @current_request.setter
    def current_request(self, value: object) -> None:
        self._local.current_request = value

    @property
    def lambda_context(self) -> Any:  # noqa: ANN401 - as above
        return getattr(self._local, "lambda_context", None)

    @lambda_context.setter
    def lambda_context(self, value: object) -> None:
        self._local.lambda_context = value


def make_thread_safe(app: Chalice) -> None:
    """Give the app per-thread request state by changing its class, as Chalice's local server does.

    Done twice it does nothing more. Blueprints see the same state: they ask their app for it.
    """
    if isinstance(app, _ThreadLocalState):
        return
    original = type(app)
    app.__class__ = type(
        f"ThreadSafe{original.__name__}",
        (_ThreadLocalState, original),
        {"_local": threading.local()},
    )
