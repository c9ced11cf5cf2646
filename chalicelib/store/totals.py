"""Totals and id counters: one item a table, under a key that no slug can be."""

from typing import Any

from pynamodb.connection.base import Connection
from pynamodb.exceptions import UpdateError
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from chalicelib.store.connection import unavailable
from chalicelib.store.reading import get_raw

TOTALS_KEY = "#totals"
_LAST_ID = "lastId"


def next_id(connection: Connection, table: str) -> int:
    """Count the table's ids up by one and return the new one: gaps are fine, repeats are not."""
    return next_ids(connection, table, 1)[0]


def next_ids(connection: Connection, table: str, count: int) -> range:
    """Count the table's ids up by so many at once and return the new ones."""
    counting = Path(_LAST_ID).add({"N": str(count)})
    try:
        answer = connection.update_item(
            table, TOTALS_KEY, actions=[counting], return_values="UPDATED_NEW"
        )
    except UpdateError as error:
        raise unavailable(error) from error
    attributes: dict[str, Any] = answer["Attributes"]
    last = int(attributes[_LAST_ID]["N"])
    return range(last - count + 1, last + 1)


def count_up(name: str, by: int = 1) -> Action:
    """Return the update that changes a total."""
    return Path(name).add({"N": str(by)})


def read_totals(connection: Connection, table: str, names: tuple[str, ...]) -> int:
    """Return the sum of the named totals; one that was never written is zero."""
    item = get_raw(connection, table, TOTALS_KEY, consistent=False) or {}
    return sum(int(item[name]["N"]) for name in names if name in item)
