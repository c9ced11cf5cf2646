"""Cities whose events have to follow a new name or slug: what is left to do, and where.

The transaction that changes a city leaves an item in the index table: its term is `#renames`, its
entry the city's id, `slug` the city's, `since` when it was changed, `token` which change it was. It
stays until a look at all of the city's events has found none that is behind. How far the work has
come is not written down: events that follow move to the end of the index that is read.
"""

import json
import uuid
from collections.abc import Iterator

from pynamodb.connection.base import Connection
from pynamodb.exceptions import DeleteError

from chalicelib.domain.cities import City
from chalicelib.domain.clock import from_iso, to_iso
from chalicelib.domain.event_facts import id_text
from chalicelib.domain.events import EventStatus
from chalicelib.services.port_types import EventInCity, Rename
from chalicelib.store.connection import code_of, unavailable
from chalicelib.store.event_items import status_city
from chalicelib.store.models import EventModel, IndexEntryModel
from chalicelib.store.reading import RawItem, query_raw, text
from chalicelib.store.transactions import Delete, Put

RENAMES = "#renames"
# So many events are read at a time: about half of what one answer of DynamoDB holds.
_PAGE = 500


def rename_put(city: City) -> Put:
    """Return the write that notes a city's new name or slug, in place of an earlier note."""
    item = IndexEntryModel(
        RENAMES,
        id_text(city.id),
        slug=city.slug,
        since=to_iso(city.updated_at),
        token=str(uuid.uuid4()),
    )
    return Put("rename", item)


def rename_delete(city_id: int) -> Delete:
    """Return the write that forgets a city's note, if it has one."""
    return Delete("rename", IndexEntryModel(RENAMES, id_text(city_id)))


class DynamoRenames:
    """`services.ports.RenameStore` on DynamoDB."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._table = IndexEntryModel.Meta.table_name

    def pending(self) -> list[Rename]:
        """Return what is left to do, as of every write that was acknowledged."""
        rows = query_raw(
            self._connection,
            self._table,
            None,
            RENAMES,
            keys=None,
            descending=False,
            limit=None,
            attributes=("entry", "slug", "since", "token"),
            consistent=True,
        )
        return [_rename(row) for row in rows]

    def events_of(self, city_slug: str) -> Iterator[EventInCity]:
        """Yield the events of every status that show this slug of a city.

        Within a status the one whose last change is longest ago comes first, so that an event that
        is changed meanwhile comes once more instead of not at all. Latest writes may be missing.
        """
        for status in EventStatus:
            last: str | None = None
            while rows := self._page(status_city(status, city_slug), last):
                yield from (_event(row) for row in rows)
                last = text(rows[-1], "updatedKey")

    def _page(self, partition: str, after: str | None) -> list[RawItem]:
        return query_raw(
            self._connection,
            EventModel.Meta.table_name,
            "in_city_by_updated",
            partition,
            keys=None if after is None else EventModel.updated_key > after,
            descending=False,
            limit=_PAGE,
            attributes=("public", "updatedKey"),
        )

    def remove(self, rename: Rename) -> None:
        """Forget it, if no later change of the city has taken its place."""
        try:
            self._connection.delete_item(
                self._table,
                RENAMES,
                id_text(rename.city_id),
                condition=IndexEntryModel.token == rename.token,
            )
        except DeleteError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise unavailable(error) from error


def _rename(row: RawItem) -> Rename:
    return Rename(
        city_id=int(text(row, "entry")),
        slug=text(row, "slug"),
        since=from_iso(text(row, "since")),
        token=text(row, "token"),
    )


def _event(row: RawItem) -> EventInCity:
    shown = json.loads(text(row, "public"))
    return EventInCity(shown["slug"], shown["city"], shown["citySlug"])
