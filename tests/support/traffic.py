"""What the store sends to DynamoDB: recorded, answered in its place, or interrupted on its way.

No stand-in of DynamoDB ever answers a conflict or a throttle, so those are put in here, at the
point where botocore hands a request to the network.
"""

import io
import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from pynamodb.connection.base import Connection

_EVENT = "before-send.dynamodb"
# Every handler of the event is called, moto's too; under this address it finds nothing to do.
_NOWHERE = "https://answered.test/"


@dataclass(frozen=True)
class Call:
    """One request as it was sent; a retry is one more."""

    operation: str
    body: dict[str, Any]


@dataclass(frozen=True)
class _Intervention:
    """What happens at a request: an action before it, an answer in place of its own."""

    action: Callable[[], object] = lambda: None
    answer: AWSResponse | None = None
    carried_out: bool = False


class Traffic:
    """The requests of one connection since it is watched."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._interventions: dict[str, deque[_Intervention]] = defaultdict(deque)
        self._refused: dict[str, Callable[[], AWSResponse]] = {}

    def operations(self) -> list[str]:
        """Return the names of the operations, in order."""
        return [call.operation for call in self.calls]

    def forget(self) -> None:
        """Start counting anew."""
        self.calls.clear()

    def answer(self, operation: str, *answers: AWSResponse) -> None:
        """Give the next requests of an operation these answers; none of them is carried out."""
        self._interventions[operation].extend(_Intervention(answer=answer) for answer in answers)

    def refuse(self, operation: str, make: Callable[[], AWSResponse]) -> None:
        """Give every request of an operation from here on an answer that is made for it."""
        self._refused[operation] = make

    def lose(self, operation: str) -> None:
        """Carry the next request of an operation out, and lose the answer on its way back."""
        lost = refusal("InternalServerError", status=500)
        self._interventions[operation].append(_Intervention(answer=lost, carried_out=True))

    def first(
        self, operation: str, action: Callable[[], object], then: AWSResponse | None = None
    ) -> None:
        """Do something just before the next request of an operation: somebody was faster.

        The request is carried out, or gets the answer `then`.
        """
        self._interventions[operation].append(_Intervention(action, then))

    def see(self, event_name: str, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        """Handle botocore's `before-send`; what it returns is taken for the answer."""
        operation = event_name.rsplit(".", 1)[-1]
        self.calls.append(Call(operation, json.loads(request.body or b"{}")))
        intervention = self._next(operation)
        intervention.action()
        if intervention.answer is not None and not intervention.carried_out:
            request.url = _NOWHERE
        return intervention.answer

    def _next(self, operation: str) -> _Intervention:
        waiting = self._interventions[operation]
        if waiting:
            return waiting.popleft()
        if operation in self._refused:
            return _Intervention(answer=self._refused[operation]())
        return _Intervention()


@contextmanager
def watched(connection: Connection) -> Iterator[Traffic]:
    """Watch what a connection sends."""
    traffic = Traffic()
    events = connection.client.meta.events
    events.register_first(_EVENT, traffic.see)
    try:
        yield traffic
    finally:
        events.unregister(_EVENT, traffic.see)


class _Body(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


def refusal(code: str, *, status: int = 400, reasons: Sequence[str] = ()) -> AWSResponse:
    """An error as DynamoDB writes it; `reasons` are those of a cancelled transaction."""
    body: dict[str, Any] = {
        "__type": f"com.amazonaws.dynamodb.v20120810#{code}",
        "message": "injected",
    }
    if reasons:
        body["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return success(body, status)


def cancelled(*reasons: str) -> AWSResponse:
    """A cancelled transaction, with one reason a write (`None` for a write that was in order)."""
    return refusal("TransactionCanceledException", reasons=reasons)


def success(body: dict[str, Any], status: int = 200) -> AWSResponse:
    """An answer with this body."""
    return AWSResponse(
        "https://dynamodb.test/",
        status,
        {"Content-Type": "application/x-amz-json-1.0"},
        _Body(json.dumps(body).encode()),
    )
