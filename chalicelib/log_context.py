"""What is known of the request or the piece of work at hand: on every log line and audit entry.

It is bound in a context variable, so threads and requests never see each other's, and each request
begins anew. Imported by anyone, imports nobody.
"""

from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import NamedTuple, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Bound(NamedTuple):
    """Who asks for what: each is None until it is known. `role` is empty where the caller has none.

    The ids are safe to log: an order's id opens nothing by itself.
    """

    request_id: str | None = None
    user_id: str | None = None
    role: str | None = None
    order_id: str | None = None


_NOTHING = Bound()
_bound: ContextVar[Bound] = ContextVar("bound", default=_NOTHING)


def bound() -> Bound:
    """Return what is known here and now."""
    return _bound.get()


def bind_request(request_id: str) -> None:
    """Begin a request: whatever was known of the one before is forgotten."""
    _bound.set(Bound(request_id))


def bind_user(user_id: str, role: str = "") -> None:
    """Say who is calling."""
    _bound.set(_bound.get()._replace(user_id=user_id, role=role))


def bind_order(order_id: str | None) -> None:
    """Say which order it is about, or that it is about none any more."""
    _bound.set(_bound.get()._replace(order_id=order_id))


def apart(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return the function made to start from what is known now, and to leave nothing behind.

    For work on one order of many, and for threads, which would know nothing otherwise.
    """
    context = copy_context()

    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        # A context can be entered once at a time, so each call has its own.
        return context.copy().run(function, *args, **kwargs)

    return run
