"""Events as DynamoDB has them, for those who only read: a page view loads no more than this."""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from pynamodb.connection.base import Connection

from chalicelib.domain.events import EventRecord
from chalicelib.store.event_items import moved_to, read_record
from chalicelib.store.models import EventModel
from chalicelib.store.reading import RawItem, get_many_raw, get_raw, number, query_raw, text

if TYPE_CHECKING:
    from chalicelib.domain.event_facts import EventOrder
    from chalicelib.domain.event_filter import EventFilter
    from chalicelib.services.port_types import EventPage, PageRequest
    from chalicelib.store.event_lists import EventLists
    from chalicelib.store.patience import Patience
    from chalicelib.store.stock import Stock

# A former slug leads straight to the event, unless the event moves between the two reads.
_HOPS = 3
# When an index is asked for what may have been written a moment ago.
_LAG_SECONDS = (0.0, 0.05, 0.15)
# Ids have twelve digits in keys.
_BEYOND_IDS = 10**12


class EventReader:
    """`services.ports.EventReader` on DynamoDB; what changes events is in `events`.

    `lists` and `stock` are asked for the parts that most reads do without.
    """

    def __init__(
        self,
        connection: Connection,
        lists: Callable[[], "EventLists"],
        stock: Callable[[], "Stock"],
    ) -> None:
        self._connection = connection
        self._open_lists = lists
        self._open_stock = stock
        self._table = EventModel.Meta.table_name

    def get(
        self, slug: str, *, consistent: bool = False, patience: "Patience | None" = None
    ) -> EventRecord | None:
        """Return the event that has or had this slug; `consistent` sees every write that was
        acknowledged.
        """
        for _ in range(_HOPS):
            item = get_raw(
                self._connection, self._table, slug, consistent=consistent, patience=patience
            )
            if item is None or "public" in item:
                return None if item is None else read_record(item)
            slug = moved_to(item) or slug
        return None

    def whole(self, record: EventRecord, *, consistent: bool = False) -> EventRecord:
        """Return an event with all of its stock; `consistent` sees every write that was
        acknowledged.
        """
        return (
            record if record.is_whole else self._open_stock().whole(record, consistent=consistent)
        )

    def get_many(self, slugs: Iterable[str]) -> dict[str, EventRecord]:
        """Return the events that have or had these slugs, by the slug that was asked for, as of
        every write that was acknowledged.
        """
        items = self._items(slugs)
        moved = {slug: to for slug, item in items.items() if (to := moved_to(item)) is not None}
        now = self._items(moved.values())
        items |= {slug: now[to] for slug, to in moved.items() if to in now}
        return {slug: read_record(item) for slug, item in items.items() if "public" in item}

    def _items(self, slugs: Iterable[str]) -> dict[str, RawItem]:
        found = get_many_raw(self._connection, self._table, slugs, None, consistent=True)
        return {text(item, "slug"): item for item in found}

    def slug_now(self, slug: str, event_id: int) -> str | None:
        """Return the slug of the event that had this one, or None where it is gone.

        A slug that leads nowhere, or to another event, was given up: then the id is asked.
        """
        item = get_raw(self._connection, self._table, slug, consistent=True) or {}
        now = moved_to(item)
        if now is not None and number(item, "eventId") == event_id:
            return now
        if "public" in item and number(item, "id") == event_id:
            return slug
        return self._slug_of(event_id)

    def get_by_id(self, event_id: int) -> EventRecord | None:
        """Return the event of this id, as it is now.

        The index that knows its slug lags behind writes, usually by less than a tenth of a second.
        So what it finds is looked at, and what it does not find is asked for again.
        """
        for pause in _LAG_SECONDS if event_id < _BEYOND_IDS else ():
            time.sleep(pause)
            slug = self._slug_of(event_id)
            record = None if slug is None else self.get(slug, consistent=True)
            if record is not None and record.id == event_id:
                return record
        return None

    def _slug_of(self, event_id: int) -> str | None:
        rows = query_raw(
            self._connection,
            self._table,
            "by_id",
            str(event_id),
            keys=None,
            descending=False,
            limit=1,
            attributes=("slug",),
        )
        return text(rows[0], "slug") if rows else None

    def find(self, wanted: "EventFilter", order: "EventOrder", page: "PageRequest") -> "EventPage":
        """Return a page of the events that the filter finds, in this order."""
        return self._open_lists().page(wanted, order, page)
