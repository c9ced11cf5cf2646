"""The one connection to DynamoDB that all tables share, with its time limits."""

from typing import TYPE_CHECKING

from botocore.config import Config
from pynamodb.connection.base import Connection
from pynamodb.exceptions import PynamoDBException
from pynamodb.models import Model

from chalicelib.errors import Unavailable
from chalicelib.observability import BusinessMetrics
from chalicelib.settings import StoreSettings
from chalicelib.store.item_parser import ItemParsers
from chalicelib.store.models import (
    AuditModel,
    CityModel,
    EventModel,
    IndexEntryModel,
    KeyedRequestModel,
    MovedCityModel,
    MovedEventModel,
    NewsMarkerModel,
    OrderModel,
    StockPlaceModel,
)

if TYPE_CHECKING:
    from botocore.session import Session

# DynamoDB answers in milliseconds. What takes a second is lost, and a buyer should hear "try
# again" well within the 10 seconds that the whole request may take.
_CONNECT_TIMEOUT_SECONDS = 1.0
_READ_TIMEOUT_SECONDS = 1.5
_RETRIES = 1
# One Lambda function serves one request at a time; the local run serves many.
_MAX_CONNECTIONS = 64


def connect(settings: StoreSettings, session: "Session | None" = None) -> Connection:
    """Point the models at their tables, through one botocore client for all of them.

    Endpoint, region and credentials are botocore's own business (`AWS_ENDPOINT_URL_DYNAMODB`,
    `AWS_REGION`, …). Nothing is sent: PynamoDB knows the tables from the models. The client is made
    of `session`, where there is one already: a tenth of a second less at a cold start.
    """
    shared = Connection(
        connect_timeout_seconds=_CONNECT_TIMEOUT_SECONDS,
        read_timeout_seconds=_READ_TIMEOUT_SECONDS,
        max_retry_attempts=_RETRIES,
        max_pool_connections=_MAX_CONNECTIONS,
    )
    if session is not None:
        shared._local.session = session  # noqa: SLF001 - PynamoDB has no public way to say so
    _tune(shared.session)
    _bind(EventModel, settings.events_table, shared)
    _bind(CityModel, settings.cities_table, shared)
    _bind(IndexEntryModel, settings.index_table, shared)
    _bind(OrderModel, settings.orders_table, shared)
    _bind(AuditModel, settings.audit_table, shared)
    _share(MovedEventModel, EventModel)
    _share(StockPlaceModel, EventModel)
    _share(MovedCityModel, CityModel)
    _share(KeyedRequestModel, OrderModel)
    _share(NewsMarkerModel, OrderModel)
    return shared


def _tune(session: "Session") -> None:
    """Have a session's clients keep idle connections, hand items on as they come, and write their
    name once: botocore would put it together twice for each request.
    """
    session.set_default_client_config(Config(user_agent=session.user_agent(), tcp_keepalive=True))
    session.register_component("response_parser_factory", ItemParsers())


def _share(model: type[Model], other: type[Model]) -> None:
    """Give a model the table of another one."""
    model.Meta.table_name = other.Meta.table_name
    model._connection = other._connection  # noqa: SLF001 - see _bind


def _bind(model: type[Model], table_name: str, shared: Connection) -> None:
    """Give a model its table's name and the shared connection.

    PynamoDB would make a connection, and so a botocore client, for each model: a quarter second
    more at a cold start. It has no public way to say otherwise.
    """
    model._connection = None  # noqa: SLF001
    model.Meta.table_name = table_name
    table = model._get_connection()  # noqa: SLF001
    shared.add_meta_table(table.get_meta_table())
    table.connection = shared


def code_of(error: PynamoDBException) -> str | None:
    """Return DynamoDB's code for what went wrong, or None where no answer came.

    PynamoDB's own `cause_response_code` stumbles over botocore's time-outs and lost connections:
    they have a `response`, and it is None.
    """
    response = getattr(error.cause, "response", None) or {}
    code: str | None = response.get("Error", {}).get("Code")
    return code


def unavailable(error: PynamoDBException) -> Unavailable:
    """Turn a failure of DynamoDB itself into the program's error; the cause stays chained.

    Each is counted. DynamoDB's own metrics of errors are one for each table and operation, and tell
    nothing of what never reached it.
    """
    BusinessMetrics().count("StoreFailed")
    failure = Unavailable("the store cannot be reached right now; try again")
    failure.__cause__ = error
    return failure
