"""Reading items as DynamoDB sends them. Public JSON is stored as it is sent, so decoding every
attribute into a model only to encode it again would be work for nothing.
"""

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from pynamodb.connection.base import Connection
from pynamodb.exceptions import GetError, QueryError
from pynamodb.expressions.condition import Condition

from chalicelib.errors import Unavailable
from chalicelib.store.connection import unavailable
from chalicelib.store.patience import patiently

RawItem = dict[str, dict[str, Any]]
# An item's partition key, alone or with its sort key.
Key = str | tuple[str, str]

# What one BatchGetItem takes.
_BATCH = 100
_LONGEST_PAUSE_SECONDS = 0.4
_TRIES = 6


def get_raw(connection: Connection, table: str, key: str, *, consistent: bool) -> RawItem | None:
    """Return an item as DynamoDB writes it, or None. Raises `Unavailable`."""
    try:
        answer = patiently(lambda: connection.get_item(table, key, consistent_read=consistent))
    except GetError as error:
        raise unavailable(error) from error
    item: RawItem | None = answer.get("Item")
    return item


def query_raw(  # noqa: PLR0913 - what a query is made of
    connection: Connection,
    table: str,
    index: str | None,
    partition: str,
    *,
    keys: Condition | None,
    descending: bool,
    limit: int | None,
    attributes: tuple[str, ...],
    consistent: bool = False,
) -> list[RawItem]:
    """Return the items of a partition of an index (or of the table) in its order: the first
    `limit`, or all.

    DynamoDB stops an answer at 1 MB; this goes on until there is enough. Raises `Unavailable`.
    """
    pages = _answers(
        connection,
        table,
        partition,
        limit=limit,
        range_key_condition=keys,
        index_name=index,
        scan_index_forward=not descending,
        consistent_read=consistent,
        attributes_to_get=list(attributes),
    )
    return [item for page in pages for item in page.get("Items", ())]


def count_raw(
    connection: Connection, table: str, index: str, partition: str, keys: Condition
) -> int:
    """Return how many items of an index's partition have such a key. Raises `Unavailable`.

    It costs what reading them costs, so it is for short ranges and small items.
    """
    pages = _answers(
        connection,
        table,
        partition,
        limit=None,
        range_key_condition=keys,
        index_name=index,
        select="COUNT",
    )
    return sum(int(page["Count"]) for page in pages)


def _answers(
    connection: Connection,
    table: str,
    partition: str,
    *,
    limit: int | None,
    **query: Any,  # noqa: ANN401 - what `Connection.query` takes
) -> Iterator[dict[str, Any]]:
    """Yield the answers of a query until there were `limit` items, or to its end."""
    left, start = limit, None
    ask = partial(connection.query, table, partition, **query)
    while True:
        try:
            answer = patiently(partial(ask, limit=left, exclusive_start_key=start))
        except QueryError as error:
            raise unavailable(error) from error
        yield answer
        start = answer.get("LastEvaluatedKey")
        if left is not None:
            left -= len(answer.get("Items", ()))
        if start is None or left == 0:
            return


def get_many_raw(
    connection: Connection,
    table: str,
    keys: Iterable[Key],
    attributes: Sequence[str] | None,
    *,
    consistent: bool,
) -> list[RawItem]:
    """Return those items of the keys that exist, in any order. Raises `Unavailable`.

    A key of two parts is a pair.
    """
    wanted = list(dict.fromkeys(keys))
    items: list[RawItem] = []
    for start in range(0, len(wanted), _BATCH):
        items += _get_batch(
            connection, table, wanted[start : start + _BATCH], attributes, consistent=consistent
        )
    return items


def _get_batch(
    connection: Connection,
    table: str,
    keys: list[Key],
    attributes: Sequence[str] | None,
    *,
    consistent: bool,
) -> list[RawItem]:
    """Ask for up to a hundred keys, and again for those that DynamoDB left out."""
    items: list[RawItem] = []
    # PynamoDB takes any other sequence for the name of one attribute.
    names = None if attributes is None else list(attributes)
    identify = connection.get_meta_table(table).get_identifier_map
    parts = ((key,) if isinstance(key, str) else key for key in keys)
    left = [identify(*part)["Key"] for part in parts]
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS))  # noqa: S311 - no secret
        try:
            answer = patiently(
                partial(
                    connection.batch_get_item,
                    table,
                    left,
                    consistent_read=consistent,
                    attributes_to_get=names,
                )
            )
        except GetError as error:
            raise unavailable(error) from error
        items += answer.get("Responses", {}).get(table, ())
        left = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
        if not left:
            return items
    raise Unavailable("the store is too busy right now; try again")


def text(item: RawItem, name: str) -> str:
    """Return a string attribute."""
    value: str = item[name]["S"]
    return value


def number(item: RawItem, name: str) -> int:
    """Return a whole-number attribute."""
    return int(item[name]["N"])
