"""Events: recorded in the transaction of what they tell about, queued for delivery, listed."""

import copy
import json

import stripe

from . import deliveries, records
from .calls import Call
from .errors import InvalidRequestError, MissingResourceError
from .ids import new_id
from .listing import created_filter, list_object, window
from .objects import EVENT
from .records import Json

API_VERSION = stripe.api_version
"""Events are snapshots in the shapes of this version, whoever caused them."""

_MOST_TYPES = 20


def record(call: Call, event_type: str, subject: Json, previous: Json | None = None) -> None:
    """Store an event about `subject` as it is now, to be delivered once this is committed.

    `previous` has the former values of the attributes an `.updated`-like event tells of.
    """
    data: Json = {"object": copy.deepcopy(subject)}
    if previous is not None:
        data["previous_attributes"] = previous
    event: Json = {
        "id": new_id("evt_1"),
        "object": EVENT,
        "api_version": API_VERSION,
        "created": call.now,
        "data": data,
        "livemode": False,
        "pending_webhooks": 0 if call.config.webhook_url is None else 1,
        "request": {"id": call.request_id, "idempotency_key": call.idempotency_key},
        "type": event_type,
    }
    records.insert(call.tx, event)
    if call.config.webhook_url is not None:
        payload = json.dumps(event, indent=2, ensure_ascii=False)
        deliveries.enqueue(call.tx, event["id"], payload, call.config.now())


def retrieve(call: Call, _params: Json, event_id: str) -> Json:
    """`GET /v1/events/{id}`."""
    found = records.find(call.tx, EVENT, event_id)
    if found is None:
        raise MissingResourceError(EVENT, event_id, param="id")
    return _with_delivery(call, found.body)


def list_events(call: Call, params: Json, _none: str) -> Json:
    """`GET /v1/events`; `type` may hold `*` wildcards."""
    event_types = params.get("types")
    if event_types is not None and "type" in params:
        raise InvalidRequestError("Give type or types, not both.", param="types")
    if event_types is not None and len(event_types) > _MOST_TYPES:
        raise InvalidRequestError(f"types takes up to {_MOST_TYPES} types.", param="types")
    filters = {
        "type_pattern": _glob(params["type"]) if "type" in params else None,
        "types": None if event_types is None else json.dumps(event_types),
        "delivered": params.get("delivery_success"),
        **created_filter(params),
    }
    found, has_more = records.page(call.tx, EVENT, filters, window(params))
    shown = [_with_delivery(call, event) for event in found]
    return list_object("/v1/events", shown, has_more=has_more)


def _with_delivery(call: Call, event: Json) -> Json:
    waiting = deliveries.undelivered(call.tx, event["id"])
    return {**event, "pending_webhooks": int(waiting)}


def _glob(pattern: str) -> str:
    """Stripe's only wildcard is `*`; SQLite's GLOB has others, which stand for themselves here."""
    return pattern.replace("[", "[[]").replace("?", "[?]")
