"""A DynamoDB that is busy: it answers some of the requests that others are at the item, or that it
gets too many. No stand-in does so by itself.
"""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from pynamodb.connection.base import Connection

from tests.support.traffic import cancelled, refusal, success

_THROTTLED = ("ThrottlingException", "ProvisionedThroughputExceededException")


class Trouble:
    """Counts the requests that are carried out, and refuses a share of all."""

    def __init__(self, share: float, seed: int = 1) -> None:
        self.refused = 0
        self.carried_out: Counter[str] = Counter()
        self._share = share
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._since = time.monotonic()

    def forget(self) -> None:
        """Start counting anew."""
        with self._lock:
            self.refused = 0
            self.carried_out.clear()
            self._since = time.monotonic()

    def per_second(self, operation: str) -> float:
        """Return how many requests of an operation were carried out in a second."""
        return self.carried_out[operation] / (time.monotonic() - self._since)

    def see(self, event_name: str, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        """Handle botocore's `before-send`; each attempt is a request of its own."""
        operation = event_name.rsplit(".", 1)[-1]
        with self._lock:
            is_refused = self._random.random() < self._share
            kind = self._random.random()
            self.refused += is_refused
            self.carried_out[operation] += not is_refused
        return self._refusal(operation, request, kind) if is_refused else None

    def _refusal(self, operation: str, request: AWSPreparedRequest, kind: float) -> AWSResponse:
        body = json.loads(request.body)
        if operation == "TransactWriteItems" and kind < 0.7:
            others = ["None"] * (len(body["TransactItems"]) - 1)
            return cancelled(*others, "TransactionConflict")
        if operation == "BatchGetItem" and kind < 0.7:
            return success({"Responses": {}, "UnprocessedKeys": body["RequestItems"]})
        if operation == "BatchWriteItem" and kind < 0.7:
            return success({"UnprocessedItems": body["RequestItems"]})
        return refusal(_THROTTLED[kind < 0.85])


@contextmanager
def busy(connection: Connection, share: float) -> Iterator[Trouble]:
    """Have a share of a connection's requests refused, each of its attempts by itself."""
    trouble = Trouble(share)
    events = connection.client.meta.events
    events.register_first("before-send.dynamodb", trouble.see)
    try:
        yield trouble
    finally:
        events.unregister("before-send.dynamodb", trouble.see)
