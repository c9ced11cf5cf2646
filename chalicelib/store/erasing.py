"""Emptying the tables, for stages that allow it. The id counters stay: ids are never reused."""

from typing import Any

from pynamodb.connection.base import Connection
from pynamodb.exceptions import PynamoDBException
from pynamodb.expressions.operand import Path
from pynamodb.models import Model

from chalicelib.domain.events import EventStatus
from chalicelib.store.cities import TOTAL
from chalicelib.store.connection import unavailable
from chalicelib.store.models import CityModel, EventModel, IndexEntryModel, OrderModel
from chalicelib.store.totals import TOTALS_KEY


class DynamoEraser:
    """`services.ports.Eraser` on DynamoDB. It scans: no page view ever comes here."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def erase_everything(self) -> int:
        """Delete all orders, events and cities, in that order; return how many items they were.

        Cut off in the middle, it leaves less than before, and a repeat deletes the rest. Raises
        `Unavailable`.
        """
        try:
            erased = self._erase(OrderModel, "id")
            erased += self._erase(EventModel, "slug")
            self._erase(IndexEntryModel, "term", "entry")
            self._forget_totals(EventModel, tuple(status.value for status in EventStatus))
            erased += self._erase(CityModel, "slug")
            self._forget_totals(CityModel, (TOTAL,))
        except PynamoDBException as error:
            raise unavailable(error) from error
        return erased

    def _erase(self, model: type[Model], *key: str) -> int:
        table = model.Meta.table_name
        erased = 0
        start: Any = None
        while True:
            answer = self._connection.scan(
                table, attributes_to_get=list(key), exclusive_start_key=start, consistent_read=True
            )
            keys = [[item[name]["S"] for name in key] for item in answer.get("Items", ())]
            with model.batch_write() as batch:
                for values in keys:
                    if values != [TOTALS_KEY]:
                        batch.delete(model(*values))
                        erased += 1
            start = answer.get("LastEvaluatedKey")
            if start is None:
                return erased

    def _forget_totals(self, model: type[Model], names: tuple[str, ...]) -> None:
        self._connection.update_item(
            model.Meta.table_name,
            TOTALS_KEY,
            actions=[Path(name).remove() for name in names],
        )
