"""Events as they are stored now, for tests that say what became of them."""

from typing import Protocol

from chalicelib.domain.events import EventRecord
from chalicelib.services.ports import EventReader


class HasEvents(Protocol):
    """What has a store of events: the real stores, or a test's world."""

    @property
    def events(self) -> EventReader:
        """Their reader."""
        ...


def record_of(store: HasEvents, slug: str) -> EventRecord:
    """Return the event, as its own item has it."""
    record = store.events.get(slug, consistent=True)
    assert record is not None
    return record


def seats_of(store: HasEvents, slug: str) -> tuple[int, int, int]:
    """Return the event's free, held and sold seats, wherever they are."""
    record = store.events.whole(record_of(store, slug), consistent=True)
    return record.free, record.held, record.sold
