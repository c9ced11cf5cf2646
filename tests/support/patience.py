"""The program gives up on what is slow after seconds. A loaded machine is slow, and no test is to
fail of it: in tests the program waits for long, but in those that are about its limits.
"""

import threading
from importlib import import_module

import pytest

from chalicelib.adapters import deadline

# Where the program's limits are, and their names.
LIMITS = {
    "chalicelib.adapters.cloudwatch": (
        "_CONNECT_TIMEOUT_SECONDS",
        "_READ_TIMEOUT_SECONDS",
        "_DEADLINE_SECONDS",
    ),
    "chalicelib.adapters.ses": (
        "_CONNECT_TIMEOUT_SECONDS",
        "_READ_TIMEOUT_SECONDS",
        "_DEADLINE_SECONDS",
    ),
    "chalicelib.adapters.stripe_gateway": (
        "_CONNECT_TIMEOUT_SECONDS",
        "_READ_TIMEOUT_SECONDS",
        "_DEADLINE_SECONDS",
    ),
    "chalicelib.adapters.stripe_reach": ("_CONNECT_TIMEOUT_SECONDS", "_READ_TIMEOUT_SECONDS"),
    "chalicelib.adapters.tokens": ("_JWKS_TIMEOUT_SECONDS", "_JWKS_DEADLINE_SECONDS"),
    "chalicelib.services.health": ("_LIMIT_SECONDS",),
}
_LONG_SECONDS = 60.0


def wait_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the program give up on nothing that takes less than a minute."""
    for module, names in LIMITS.items():
        for name in names:
            monkeypatch.setattr(import_module(module), name, _LONG_SECONDS)


def await_calls_given_up() -> None:
    """Wait until every call that was given up has ended: it would ask the next test's servers."""
    for thread in threading.enumerate():
        if thread.name == deadline.THREAD_NAME:
            thread.join(_LONG_SECONDS)
            assert not thread.is_alive(), "a call that was given up does not end"
