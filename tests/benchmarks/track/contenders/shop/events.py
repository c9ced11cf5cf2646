"""Events, in the single table."""

import base64
import json
from decimal import Decimal
from typing import Any

from boto3.dynamodb.conditions import Key

from shop.models import Event, EventList, EventWithStock, Pagination
from shop.table import table

_SHOWN = frozenset(
    field.alias or name for name, field in Event.model_fields.items() if name != "price"
)


def find(slug: str) -> EventWithStock | None:
    """Return the published event of a slug."""
    item = table.get_item(Key={"pk": f"EVENT#{slug}", "sk": "EVENT"}).get("Item")
    if item is None or item["status"] != "published":
        return None
    available = None if item["capacity"] is None else item["seatsFree"]
    return EventWithStock(**_fields(item), available=available)


def page(limit: int, cursor: str | None, *, ascending: bool) -> EventList:
    """Return a page of the published events in order of their date."""
    start = {"ExclusiveStartKey": _decode(cursor)} if cursor else {}
    totals = table.get_item(Key={"pk": "TOTALS", "sk": "EVENTS"})["Item"]
    found = table.query(
        IndexName="gsi1",
        KeyConditionExpression=Key("gsi1pk").eq("EVENTS#published"),
        ScanIndexForward=ascending,
        Limit=limit,
        **start,
    )
    last = found.get("LastEvaluatedKey")
    return EventList(
        count=totals["published"],
        events=[Event(**_fields(item)) for item in found["Items"]],
        pagination=Pagination(
            limit=limit, offset=0, has_more=bool(last), next_cursor=_encode(last) if last else None
        ),
    )


def _fields(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item as the models take it: its price is in minor units."""
    return {
        **{name: item[name] for name in _SHOWN},
        "price": item["price"] / Decimal(100),
    }


def _encode(key: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _decode(cursor: str) -> dict[str, Any]:
    key: dict[str, Any] = json.loads(base64.urlsafe_b64decode(cursor))
    return key
