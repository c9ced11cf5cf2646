"""How far Stripe's undelivered events have been handled: one item in the orders' table."""

import json

from pynamodb.connection.base import Connection
from pynamodb.exceptions import PutError

from chalicelib.domain.clock import from_iso, to_iso
from chalicelib.services.port_types import NewsMark, TroubledEvent
from chalicelib.store.connection import unavailable
from chalicelib.store.models import NewsMarkerModel
from chalicelib.store.patience import patiently
from chalicelib.store.reading import RawItem, get_raw, text

_KEY = "#undelivered-news"


class DynamoNewsMarker:
    """`services.ports.NewsMarker` on DynamoDB."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self) -> NewsMark:
        """Return the mark that was noted last."""
        table = NewsMarkerModel.Meta.table_name
        item = get_raw(self._connection, table, _KEY, consistent=True)
        return NewsMark() if item is None else _mark(item)

    def put(self, mark: NewsMark) -> None:
        """Note a mark."""
        item = NewsMarkerModel(
            _KEY,
            until=None if mark.until is None else to_iso(mark.until),
            troubled=_written(mark.troubled) if mark.troubled else None,
        )
        try:
            patiently(item.save)
        except PutError as error:
            raise unavailable(error) from error


def _mark(item: RawItem) -> NewsMark:
    return NewsMark(
        until=from_iso(text(item, "until")) if "until" in item else None,
        troubled=_troubled(text(item, "troubled")) if "troubled" in item else (),
    )


def _written(troubled: tuple[TroubledEvent, ...]) -> str:
    return json.dumps(
        [[one.event_id, to_iso(one.happened_at), to_iso(one.failed_at)] for one in troubled]
    )


def _troubled(written: str) -> tuple[TroubledEvent, ...]:
    return tuple(
        TroubledEvent(event_id, from_iso(happened_at), from_iso(failed_at))
        for event_id, happened_at, failed_at in json.loads(written)
    )
