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
from chalicelib.store.patience import Patience, is_passing, patiently

RawItem = dict[str, dict[str, Any]]
# An item's partition key, alone or with its sort key.
Key = str | tuple[str, str]

# What one BatchGetItem takes.
_BATCH = 100
_LONGEST_PAUSE_SECONDS = 0.4
_TRIES = 6


def get_raw(
    connection: Connection,
    table: str,
    key: str,
    *,
    consistent: bool,
    patience: Patience | None = None,
) -> RawItem | None:
    """Return an item as DynamoDB writes it, or None. Raises `Unavailable`."""
    try:
        answer = patiently(
            lambda: connection.get_item(table, key, consistent_read=consistent), patience
        )
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
    patience: Patience | None = None,
) -> list[RawItem]:
    """Return those items of the keys that exist, in any order. Raises `Unavailable`.

    A key of two parts is a pair.
    """
    wanted = list(dict.fromkeys(keys))
    items: list[RawItem] = []
    for start in range(0, len(wanted), _BATCH):
        batch = _Batch(connection, table, attributes, consistent=consistent)
        items += batch.all(wanted[start : start + _BATCH], patience)
    return items


def get_some_raw(
    connection: Connection, table: str, keys: Sequence[str], attributes: Sequence[str]
) -> list[RawItem]:
    """Return those items of up to a hundred keys that DynamoDB has at hand, in any order: it is
    asked once, and what it has no room for at this moment is left out. Latest writes may be
    missing. Raises `Unavailable`.
    """
    batch = _Batch(connection, table, attributes, consistent=False)
    try:
        return batch.once(batch.identified(keys))[0]
    except GetError as error:
        if is_passing(error):
            return []
        raise unavailable(error) from error


class _Batch:
    """How up to a hundred items are asked for at once."""

    def __init__(
        self,
        connection: Connection,
        table: str,
        attributes: Sequence[str] | None,
        *,
        consistent: bool,
    ) -> None:
        self._connection = connection
        self._table = table
        # PynamoDB takes any other sequence for the name of one attribute.
        self._names = None if attributes is None else list(attributes)
        self._consistent = consistent

    def identified(self, keys: Sequence[Key]) -> list[Any]:
        """Return the keys as DynamoDB writes them, which PynamoDB hands on as they are."""
        identify = self._connection.get_meta_table(self._table).get_identifier_map
        parts = ((key,) if isinstance(key, str) else key for key in keys)
        return [identify(*part)["Key"] for part in parts]

    def once(self, left: list[Any]) -> tuple[list[RawItem], list[Any]]:
        """Return the items that came, and the keys of those that DynamoDB left out."""
        answer = self._connection.batch_get_item(
            self._table,
            left,
            consistent_read=self._consistent,
            attributes_to_get=self._names,
        )
        unprocessed = answer.get("UnprocessedKeys", {}).get(self._table, {})
        return answer.get("Responses", {}).get(self._table, []), unprocessed.get("Keys", [])

    def all(self, keys: Sequence[Key], patience: Patience | None) -> list[RawItem]:
        """Return the items, asked for again until DynamoDB leaves none out."""
        items: list[RawItem] = []
        left = self.identified(keys)
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS))  # noqa: S311 - no secret
            try:
                found, left = patiently(partial(self.once, left), patience)
            except GetError as error:
                raise unavailable(error) from error
            items += found
            if not left:
                return items
            if patience is not None and patience.is_over:
                break
        raise Unavailable("the store is too busy right now; try again")


def text(item: RawItem, name: str) -> str:
    """Return a string attribute."""
    value: str = item[name]["S"]
    return value


def number(item: RawItem, name: str) -> int:
    """Return a whole-number attribute."""
    return int(item[name]["N"])
