"""The same catalogue for every contender: in our own tables, and in the single table that the
others share, an attribute for each field as their users would lay it out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import boto3

from chalicelib.domain.clock import to_iso
from chalicelib.domain.events import Event, EventStatus, seats
from tests.benchmarks.catalogue.items import (
    Item,
    Tally,
    stored_cities,
    stored_days,
    stored_event,
    stored_totals,
    stored_words,
)
from tests.benchmarks.catalogue.loader import batch_writer, write_all
from tests.benchmarks.catalogue.made_up import made_up_cities, made_up_event, start_of_day
from tests.benchmarks.catalogue.wire import Wire
from tests.conftest import ENVIRONMENT, TABLES
from tests.support.ministack import create_declared_tables

SINGLE_TABLE = "shop"
# As many as a small site has, and more than a page of 50.
_EVENTS = 300
# Both are published, and to come. One is read all the time; of the other tickets are sold.
_READ, _SOLD = 20, 30
_AMPLE_SEATS = 1_000_000
_PRICE = 14_999


@dataclass(frozen=True)
class Catalogue:
    """What is in the tables."""

    events: Sequence[Event]

    @property
    def read(self) -> Event:
        """The event whose page is asked for."""
        return self.events[_READ]

    @property
    def sold(self) -> Event:
        """The event that tickets are sold of."""
        return self.events[_SOLD]


def made_up_catalogue() -> Catalogue:
    """Return the catalogue: the same one all day."""
    today = start_of_day(datetime.now(UTC))
    events = [made_up_event(number, today) for number in range(_EVENTS)]
    events[_READ] = replace(events[_READ], price=_PRICE, capacity=300)
    events[_SOLD] = replace(events[_SOLD], price=_PRICE, capacity=_AMPLE_SEATS)
    return Catalogue(events)


def load(url: str, catalogue: Catalogue) -> None:
    """Make the tables in an empty DynamoDB, and fill them."""
    create_declared_tables(url)
    _create_single_table(url)
    wire = Wire(url)
    write = batch_writer(wire)
    tally = Tally()
    for event in catalogue.events:
        tally.add(event)
    cities = made_up_cities(start_of_day(datetime.now(UTC)))
    words = (entry for event in catalogue.events for entry in stored_words(event))
    write_all(write, TABLES["EventsTable"], map(stored_event, catalogue.events))
    write_all(write, TABLES["EventsTable"], [stored_totals(tally)])
    write_all(write, TABLES["IndexTable"], words)
    write_all(write, TABLES["IndexTable"], stored_days(tally))
    write_all(write, TABLES["CitiesTable"], stored_cities(cities, tally))
    write_all(write, SINGLE_TABLE, map(plain_event, catalogue.events))
    write_all(write, SINGLE_TABLE, [_plain_totals(tally)])
    wire.close()


def plain_event(event: Event) -> Item:
    """Return an event as the single table has it."""
    return {
        "pk": _text(f"EVENT#{event.slug}"),
        "sk": _text("EVENT"),
        "gsi1pk": _text(f"EVENTS#{event.status.value}"),
        "gsi1sk": _text(f"{to_iso(event.date)}#{event.slug}"),
        "id": _number(event.id),
        "name": _text(event.name),
        "slug": _text(event.slug),
        "city": _text(event.city),
        "citySlug": _text(event.city_slug),
        "location": _text(event.location),
        "date": _text(to_iso(event.date)),
        "organizerName": _text(event.organizer_name),
        "imageUrl": _text(event.image_url),
        "alt": _text(event.alt),
        "description": _text(event.description),
        "price": _number(event.price),
        "currency": _text(event.currency),
        "status": _text(event.status.value),
        "capacity": _number(event.capacity),
        "seatsFree": _number(seats(event.capacity)),
        "held": _number(0),
        "sold": _number(0),
        "createdAt": _text(to_iso(event.created_at)),
        "updatedAt": _text(to_iso(event.updated_at)),
    }


def _plain_totals(tally: Tally) -> Item:
    counts = {status.value: _number(tally.statuses[status.value]) for status in EventStatus}
    return {"pk": _text("TOTALS"), "sk": _text("EVENTS"), **counts}


def _text(value: str | None) -> Mapping[str, Any]:
    return {"NULL": True} if value is None else {"S": value}


def _number(value: int | None) -> Mapping[str, Any]:
    return {"NULL": True} if value is None else {"N": str(value)}


def _create_single_table(url: str) -> None:
    client = boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name=ENVIRONMENT["AWS_DEFAULT_REGION"],
        aws_access_key_id=ENVIRONMENT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
    )
    names = ("pk", "sk", "gsi1pk", "gsi1sk")
    client.create_table(
        TableName=SINGLE_TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=_keys("pk", "sk"),
        GlobalSecondaryIndexes=[
            {
                "IndexName": "gsi1",
                "KeySchema": _keys("gsi1pk", "gsi1sk"),
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    client.close()


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]
