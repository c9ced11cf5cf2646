"""Cancelled events whose orders have yet to be ended.

The transaction that cancels an event leaves an item in the index table: its term is
`#cancellations`, its entry the event's id, `since` when it was cancelled. It stays until a look at
all of the event's orders has found none that is left.
"""

from collections.abc import Sequence

from pynamodb.connection.base import Connection
from pynamodb.exceptions import DeleteError

from chalicelib.domain.clock import from_iso, to_iso
from chalicelib.domain.event_facts import id_text
from chalicelib.domain.events import Event
from chalicelib.services.port_types import Cancellation
from chalicelib.store.connection import unavailable
from chalicelib.store.models import IndexEntryModel
from chalicelib.store.patience import patiently
from chalicelib.store.reading import query_raw, text
from chalicelib.store.transactions import Put

CANCELLATIONS = "#cancellations"


def cancellation_put(event: Event) -> Put:
    """Return the write that notes that an event is cancelled."""
    item = IndexEntryModel(CANCELLATIONS, id_text(event.id), since=to_iso(event.updated_at))
    return Put("cancellation", item)


class DynamoCancellations:
    """`services.ports.CancellationStore` on DynamoDB."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._table = IndexEntryModel.Meta.table_name

    def pending(self) -> Sequence[Cancellation]:
        """Return what is left to do, as of every write that was acknowledged."""
        rows = query_raw(
            self._connection,
            self._table,
            None,
            CANCELLATIONS,
            keys=None,
            descending=False,
            limit=None,
            attributes=("entry", "since"),
            consistent=True,
        )
        return [Cancellation(int(text(row, "entry")), from_iso(text(row, "since"))) for row in rows]

    def remove(self, cancellation: Cancellation) -> None:
        """Forget it: nothing is left to do."""
        entry = id_text(cancellation.event_id)
        try:
            patiently(lambda: self._connection.delete_item(self._table, CANCELLATIONS, entry))
        except DeleteError as error:
            raise unavailable(error) from error
