"""Whether DynamoDB answers: the cheapest question there is."""

import time

from pynamodb.connection.base import Connection
from pynamodb.exceptions import GetError

from chalicelib.store.connection import unavailable
from chalicelib.store.models import EventModel
from chalicelib.store.patience import is_passing

# No slug can be this, so nothing is there: the read costs half a unit for ever.
_NOTHING = "#health"


class DynamoPulse:
    """A read that needs no data."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def check(self) -> float:
        """Return how many seconds DynamoDB took to answer; raises `Unavailable`.

        A throttle is an answer too: a crowd at the door is no reason to call the house down.
        """
        started = time.monotonic()
        try:
            self._connection.get_item(EventModel.Meta.table_name, _NOTHING, consistent_read=False)
        except GetError as error:
            if not is_passing(error):
                raise unavailable(error) from error
        return time.monotonic() - started
