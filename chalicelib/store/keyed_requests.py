"""Checkouts under idempotency keys, in the orders' table; DynamoDB removes them a day later."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256

from pynamodb.connection.base import Connection
from pynamodb.exceptions import PutError
from pynamodb.expressions.condition import Condition

from chalicelib.domain.clock import from_iso, to_iso
from chalicelib.services.port_types import KeyedRequest
from chalicelib.store.connection import code_of, unavailable
from chalicelib.store.models import KeyedRequestModel, OrderModel
from chalicelib.store.patience import patiently
from chalicelib.store.reading import RawItem, get_raw, text

# As long as the contract promises. DynamoDB may remove an item days later ("Time to Live"), so the
# time is compared as well.
_REMEMBER_FOR = timedelta(hours=24)


class DynamoKeyedRequests:
    """`services.ports.KeyedRequests` on DynamoDB."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._table = OrderModel.Meta.table_name

    def begin(self, request: KeyedRequest, now: datetime) -> KeyedRequest | None:
        """Remember a request if its key is new or forgotten; return what is in its way."""
        is_new = KeyedRequestModel.id.does_not_exist() | (KeyedRequestModel.expires_at <= now)
        while not self._put(request, now, is_new):
            item = get_raw(self._connection, self._table, _key(request), consistent=True)
            # None is one that was forgotten between the two. The request itself is there where
            # the answer of its own write was lost.
            if item is not None:
                known = _known(request.key, item)
                return None if known == request else known
        return None

    def take_over(self, known: KeyedRequest, request: KeyedRequest, now: datetime) -> bool:
        """Put a request in the place of one whose lease ran out; False if it is not as known."""
        return self._put(
            request, now, _is_leased(known) & KeyedRequestModel.answer.does_not_exist()
        )

    def finish(self, request: KeyedRequest, answer: Mapping[str, str], now: datetime) -> None:
        """Remember what a request was answered, unless somebody else took it over."""
        self._put(request, now, _is_leased(request), json.dumps(dict(answer)))

    def forget(self, request: KeyedRequest, now: datetime) -> None:
        """Forget a request that came to nothing, so that its key can be used again.

        Nothing of the orders' table may be deleted, so it is made one whose day is over.
        """
        self._put(request, now - _REMEMBER_FOR, _is_leased(request))

    def _put(
        self, request: KeyedRequest, now: datetime, condition: Condition, answer: str | None = None
    ) -> bool:
        item = KeyedRequestModel(
            _key(request),
            fingerprint=request.fingerprint,
            order_id=request.order_id,
            leased_until=to_iso(request.leased_until),
            answer=answer,
            expires_at=now + _REMEMBER_FOR,
        )
        try:
            patiently(lambda: item.save(condition=condition))
        except PutError as error:
            if code_of(error) == "ConditionalCheckFailedException":
                return False
            raise unavailable(error) from error
        return True


def _key(request: KeyedRequest) -> str:
    """Return a key's item id; a hash, so that any key fits and none is kept as it came."""
    return f"key#{sha256(request.key.encode()).hexdigest()}"


def _is_leased(request: KeyedRequest) -> Condition:
    condition: Condition = (KeyedRequestModel.order_id == request.order_id) & (
        KeyedRequestModel.leased_until == to_iso(request.leased_until)
    )
    return condition


def _known(key: str, item: RawItem) -> KeyedRequest:
    return KeyedRequest(
        key=key,
        fingerprint=text(item, "fingerprint"),
        order_id=text(item, "orderId"),
        leased_until=from_iso(text(item, "leasedUntil")),
        answer=json.loads(text(item, "answer")) if "answer" in item else None,
    )
