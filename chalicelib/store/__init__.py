"""DynamoDB through PynamoDB, and nothing else.

Each part is made, and its module loaded, when it is asked for: who browses events needs no orders.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.domain.stock_places import NO_SPREADING, SPREADING, Spreading
from chalicelib.settings import StoreSettings
from chalicelib.store.connection import connect

if TYPE_CHECKING:
    from botocore.session import Session
    from pynamodb.connection.base import Connection

    from chalicelib.store.abandoned_words import DynamoAbandonedWords
    from chalicelib.store.audit import DynamoAuditTrail
    from chalicelib.store.cancellations import DynamoCancellations
    from chalicelib.store.cities import DynamoCityStore
    from chalicelib.store.erasing import DynamoEraser
    from chalicelib.store.event_lists import EventLists
    from chalicelib.store.event_reading import EventReader
    from chalicelib.store.events import DynamoEventStore
    from chalicelib.store.keyed_requests import DynamoKeyedRequests
    from chalicelib.store.news_marker import DynamoNewsMarker
    from chalicelib.store.orders import DynamoOrderStore
    from chalicelib.store.pulse import DynamoPulse
    from chalicelib.store.renames import DynamoRenames
    from chalicelib.store.stock import Stock
    from chalicelib.store.word_index import WordIndex


class Stores:
    """The store's parts, over one connection."""

    def __init__(self, connection: "Connection", spreading: Spreading) -> None:
        self._connection = connection
        self._spreading = spreading

    def connect(self) -> None:
        """Make the client that the first request would make: nothing is sent."""
        _ = self._connection.client

    @property
    def session(self) -> "Session":
        """Botocore's: to make another client of it costs a fraction of the first one."""
        return self._connection.session

    @cached_property
    def events(self) -> "DynamoEventStore":
        """Events, and their stock."""
        from chalicelib.store.events import DynamoEventStore

        return DynamoEventStore(self._connection, self._words, self._stock)

    @cached_property
    def event_reader(self) -> "EventReader":
        """Events, for who changes none."""
        from chalicelib.store.event_reading import EventReader

        return EventReader(self._connection, lambda: self._event_lists, lambda: self._stock)

    @cached_property
    def cities(self) -> "DynamoCityStore":
        """Cities."""
        from chalicelib.store.cities import DynamoCityStore

        return DynamoCityStore(self._connection)

    @cached_property
    def orders(self) -> "DynamoOrderStore":
        """Orders, and the seats that they hold."""
        from chalicelib.store.orders import DynamoOrderStore

        return DynamoOrderStore(self._connection, self.event_reader, self._stock)

    @cached_property
    def keyed_requests(self) -> "DynamoKeyedRequests":
        """Checkouts that were asked for under a key."""
        from chalicelib.store.keyed_requests import DynamoKeyedRequests

        return DynamoKeyedRequests(self._connection)

    @cached_property
    def cancellations(self) -> "DynamoCancellations":
        """Cancelled events whose orders have yet to be ended."""
        from chalicelib.store.cancellations import DynamoCancellations

        return DynamoCancellations(self._connection)

    @cached_property
    def news_marker(self) -> "DynamoNewsMarker":
        """How far Stripe's events were heard."""
        from chalicelib.store.news_marker import DynamoNewsMarker

        return DynamoNewsMarker(self._connection)

    @cached_property
    def renames(self) -> "DynamoRenames":
        """Cities whose events may show a former name."""
        from chalicelib.store.renames import DynamoRenames

        return DynamoRenames(self._connection)

    @cached_property
    def abandoned_words(self) -> "DynamoAbandonedWords":
        """Words of events that a writer left undone."""
        from chalicelib.store.abandoned_words import DynamoAbandonedWords

        return DynamoAbandonedWords(self._words, self.events)

    @cached_property
    def eraser(self) -> "DynamoEraser":
        """What empties the tables."""
        from chalicelib.store.erasing import DynamoEraser

        return DynamoEraser(self._connection)

    @cached_property
    def audit_trail(self) -> "DynamoAuditTrail":
        """Who did what."""
        from chalicelib.store.audit import DynamoAuditTrail

        return DynamoAuditTrail(self._connection)

    @cached_property
    def pulse(self) -> "DynamoPulse":
        """Whether the store answers."""
        from chalicelib.store.pulse import DynamoPulse

        return DynamoPulse(self._connection)

    @cached_property
    def _event_lists(self) -> "EventLists":
        from chalicelib.store.event_lists import EventLists
        from chalicelib.store.word_search import WordSearch

        return EventLists(self._connection, WordSearch(self._connection, self._words))

    @cached_property
    def _stock(self) -> "Stock":
        from chalicelib.store.stock import Stock

        return Stock(self._connection, self._spreading)

    @cached_property
    def _words(self) -> "WordIndex":
        from chalicelib.store.word_index import WordIndex

        return WordIndex(self._connection)


def open_stores(
    settings: StoreSettings,
    session: "Session | None" = None,
    spreading: Spreading = SPREADING,
) -> Stores:
    """Connect to the tables; nothing is sent until something is asked.

    `session` may be one of botocore's that a client was made of before. `spreading` says whose
    stock is kept in several places, unless the settings say that no more is to be.
    """
    connection = connect(settings, session)
    return Stores(connection, spreading if settings.spread_stock else NO_SPREADING)
