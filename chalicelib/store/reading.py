"""Reading items as DynamoDB sends them. Public JSON is stored as it is sent, so decoding every
attribute into a model only to encode it again would be work for nothing.
"""

from typing import Any

from pynamodb.connection.base import Connection
from pynamodb.exceptions import GetError, QueryError
from pynamodb.expressions.condition import Condition

from chalicelib.store.connection import unavailable

RawItem = dict[str, dict[str, Any]]


def get_raw(connection: Connection, table: str, key: str, *, consistent: bool) -> RawItem | None:
    """Return an item as DynamoDB writes it, or None. Raises `Unavailable`."""
    try:
        answer = connection.get_item(table, key, consistent_read=consistent)
    except GetError as error:
        raise unavailable(error) from error
    item: RawItem | None = answer.get("Item")
    return item


def query_raw(  # noqa: PLR0913 - what a query is made of
    connection: Connection,
    table: str,
    index: str,
    partition: str,
    *,
    keys: Condition | None,
    descending: bool,
    limit: int | None,
    attributes: tuple[str, ...],
) -> list[RawItem]:
    """Return the items of an index's partition in its order: the first `limit`, or all.

    DynamoDB stops an answer at 1 MB; this goes on until there is enough. Raises `Unavailable`.
    """
    items: list[RawItem] = []
    start: RawItem | None = None
    while True:
        try:
            answer = connection.query(
                table,
                partition,
                range_key_condition=keys,
                index_name=index,
                scan_index_forward=not descending,
                limit=None if limit is None else limit - len(items),
                exclusive_start_key=start,
                attributes_to_get=list(attributes),
            )
        except QueryError as error:
            raise unavailable(error) from error
        items.extend(answer.get("Items", ()))
        start = answer.get("LastEvaluatedKey")
        if start is None or (limit is not None and len(items) >= limit):
            return items


def text(item: RawItem, name: str) -> str:
    """Return a string attribute."""
    value: str = item[name]["S"]
    return value


def number(item: RawItem, name: str) -> int:
    """Return a whole-number attribute."""
    return int(item[name]["N"])
