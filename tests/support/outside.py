"""Every call that leaves the program, to DynamoDB, Stripe or the mail provider, in one count; and
something that happens at one of them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from chalicelib.store import Stores
from tests.support.killing import kill

_T = TypeVar("_T")


class OutsideCalls:
    """Counts the calls of one shop, and does something once at the call of a number."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._at: int | None = None
        self._after_effect = False
        self._action: Callable[[], object] = kill

    def forget(self) -> None:
        """Start counting anew, with nothing to happen."""
        self.names.clear()
        self._at = None

    @contextmanager
    def happening_at(
        self, number: int, *, after_effect: bool, action: Callable[[], object] = kill
    ) -> Iterator[None]:
        """Do something at the call of this number from now on, before or after its effect."""
        self.forget()
        self._at, self._after_effect, self._action = number, after_effect, action
        try:
            yield
        finally:
            self._at = None

    def begin(self, name: str) -> None:
        """Note that a call is about to be made."""
        self.names.append(name)
        self._maybe(after_effect=False)

    def end(self) -> None:
        """Note that the call has had its effect."""
        self._maybe(after_effect=True)

    def _maybe(self, *, after_effect: bool) -> None:
        if self._at == len(self.names) - 1 and self._after_effect is after_effect:
            self._at = None
            self._action()

    def around(self, name: str, call: Callable[[], _T]) -> _T:
        """Make a call as one that leaves the program."""
        self.begin(name)
        result = call()
        self.end()
        return result

    @contextmanager
    def of_store(self, stores: Stores) -> Iterator[None]:
        """Count what a store sends."""
        events = stores.orders._connection.client.meta.events

        def before(event_name: str, **_: Any) -> None:
            self.begin(event_name.removeprefix("before-send."))

        def after(**_: Any) -> None:
            self.end()

        events.register_first("before-send.dynamodb", before)
        events.register_first("after-call.dynamodb", after)
        try:
            yield
        finally:
            events.unregister("before-send.dynamodb", before)
            events.unregister("after-call.dynamodb", after)
