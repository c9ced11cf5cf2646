"""DynamoDB through PynamoDB, and nothing else."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.domain.stock_places import SPREADING, Spreading
from chalicelib.settings import StoreSettings
from chalicelib.store.abandoned_words import DynamoAbandonedWords
from chalicelib.store.audit import DynamoAuditTrail
from chalicelib.store.cancellations import DynamoCancellations
from chalicelib.store.cities import DynamoCityStore
from chalicelib.store.connection import connect
from chalicelib.store.erasing import DynamoEraser
from chalicelib.store.events import DynamoEventStore
from chalicelib.store.keyed_requests import DynamoKeyedRequests
from chalicelib.store.news_marker import DynamoNewsMarker
from chalicelib.store.orders import DynamoOrderStore
from chalicelib.store.pulse import DynamoPulse
from chalicelib.store.renames import DynamoRenames
from chalicelib.store.stock import Stock
from chalicelib.store.word_index import WordIndex

if TYPE_CHECKING:
    from botocore.session import Session


@dataclass(frozen=True, slots=True)
class Stores:
    """The store's parts, over one connection."""

    events: DynamoEventStore
    cities: DynamoCityStore
    orders: DynamoOrderStore
    keyed_requests: DynamoKeyedRequests
    cancellations: DynamoCancellations
    news_marker: DynamoNewsMarker
    renames: DynamoRenames
    abandoned_words: DynamoAbandonedWords
    eraser: DynamoEraser
    audit_trail: DynamoAuditTrail
    pulse: DynamoPulse
    # Botocore's, of which other clients are made for a fraction of what the first one costs.
    session: "Session"


def open_stores(
    settings: StoreSettings,
    session: "Session | None" = None,
    spreading: Spreading = SPREADING,
) -> Stores:
    """Connect to the tables; nothing is sent until something is asked.

    `session` may be one of botocore's that a client was made of before. `spreading` says whose
    stock is kept in several places.
    """
    connection = connect(settings, session)
    words = WordIndex(connection)
    stock = Stock(connection, spreading)
    events = DynamoEventStore(connection, words, stock)
    return Stores(
        events=events,
        cities=DynamoCityStore(connection),
        orders=DynamoOrderStore(connection, events, stock),
        keyed_requests=DynamoKeyedRequests(connection),
        cancellations=DynamoCancellations(connection),
        news_marker=DynamoNewsMarker(connection),
        renames=DynamoRenames(connection),
        abandoned_words=DynamoAbandonedWords(words, events),
        eraser=DynamoEraser(connection),
        audit_trail=DynamoAuditTrail(connection),
        pulse=DynamoPulse(connection),
        session=connection.session,
    )
