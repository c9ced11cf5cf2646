"""Up to when Stripe's undelivered events have been handled: one item in the orders' table."""

from datetime import datetime

from pynamodb.connection.base import Connection
from pynamodb.exceptions import PutError

from chalicelib.domain.clock import from_iso, to_iso
from chalicelib.store.connection import unavailable
from chalicelib.store.models import NewsMarkerModel
from chalicelib.store.patience import patiently
from chalicelib.store.reading import get_raw, text

_KEY = "#undelivered-news"


class DynamoNewsMarker:
    """`services.ports.NewsMarker` on DynamoDB."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self) -> datetime | None:
        """Return the time, or None where none was handled yet."""
        table = NewsMarkerModel.Meta.table_name
        item = get_raw(self._connection, table, _KEY, consistent=True)
        return None if item is None else from_iso(text(item, "until"))

    def put(self, until: datetime) -> None:
        """Note the time."""
        item = NewsMarkerModel(_KEY, until=to_iso(until))
        try:
            patiently(item.save)
        except PutError as error:
            raise unavailable(error) from error
