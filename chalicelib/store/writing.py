"""Writing many items that need no conditions."""

import random
import time
from collections.abc import Sequence
from typing import Any

from pynamodb.connection.base import BOTOCORE_EXCEPTIONS, Connection
from pynamodb.exceptions import PutError

from chalicelib.errors import Unavailable
from chalicelib.store.connection import unavailable

# What one BatchWriteItem takes.
BATCH = 25
_TRIES = 8
_FIRST_PAUSE_SECONDS = 0.05
# Together less than a client waits for an answer.
_LONGEST_PAUSE_SECONDS = 0.8


def write_many(
    connection: Connection,
    table: str,
    puts: Sequence[dict[str, Any]],
    deletes: Sequence[dict[str, Any]],
) -> None:
    """Put items and delete keys, 25 at most together, again where DynamoDB left some out.

    Values are plain text. Raises `Unavailable`; some may have been written then.
    """
    left: list[dict[str, Any]] = [
        *({"PutRequest": {"Item": _typed(item)}} for item in puts),
        *({"DeleteRequest": {"Key": _typed(key)}} for key in deletes),
    ]
    for attempt in range(_TRIES):
        if attempt:
            ceiling = min(_FIRST_PAUSE_SECONDS * 2**attempt, _LONGEST_PAUSE_SECONDS)
            time.sleep(random.uniform(0, ceiling))  # noqa: S311 - jitter is no secret
        left = _send(connection, table, left)
        if not left:
            return
    raise Unavailable("the store is too busy right now; try again")


def _send(
    connection: Connection, table: str, requests: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Send the requests as they are; return those that were left out."""
    try:
        answer = connection.dispatch("BatchWriteItem", {"RequestItems": {table: requests}})
    except BOTOCORE_EXCEPTIONS as error:
        raise unavailable(PutError(str(error), error)) from error
    left: list[dict[str, Any]] = answer.get("UnprocessedItems", {}).get(table, [])
    return left


def _typed(item: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: {"S": value} for name, value in item.items()}
