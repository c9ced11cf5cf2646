"""Events in DynamoDB: creating them together with their totals, and reading pages of them."""

import heapq
from collections.abc import Iterable, Sequence
from itertools import islice

from pynamodb.connection.base import Connection
from pynamodb.expressions.condition import Condition

from chalicelib.domain.clock import from_iso, to_iso
from chalicelib.domain.events import Event, EventRecord, EventStatus, public_event, seats
from chalicelib.domain.text import fold
from chalicelib.errors import SlugTaken, SlugUnknown
from chalicelib.services.ports import Page, PageRequest
from chalicelib.store.cities import NAME_END
from chalicelib.store.models import CityModel, EventModel
from chalicelib.store.reading import RawItem, get_raw, number, query_raw, text
from chalicelib.store.totals import TOTALS_KEY, count_up, next_id, read_totals
from chalicelib.store.transactions import ConditionFailed, Put, Transaction, Update


class DynamoEventStore:
    """`services.ports.EventStore` on DynamoDB."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._table = EventModel.Meta.table_name

    def next_id(self) -> int:
        """Return an id that was never given out before."""
        return next_id(self._connection, self._table)

    def create(self, event: Event) -> None:
        """Store a new event; raises `SlugTaken`, or `SlugUnknown` if its city does not exist.

        One transaction: the event if its slug is free, one more event for its city if that
        exists, one more in the total.
        """
        published = int(event.status is EventStatus.PUBLISHED)
        transaction = Transaction(
            self._connection,
            puts=[Put("event", event_item(event), EventModel.slug.does_not_exist())],
            updates=[
                Update(
                    "city",
                    CityModel(event.city_slug),
                    [CityModel.events.add(1), CityModel.published_events.add(published)],
                    CityModel.slug.exists(),
                ),
                Update("totals", EventModel(TOTALS_KEY), [count_up(event.status.value)]),
            ],
        )
        try:
            transaction.commit()
        except ConditionFailed as failed:
            if "event" in failed.labels:
                raise SlugTaken(f"an event with the slug {event.slug} exists already") from failed
            raise SlugUnknown("the event's city does not exist any more") from failed

    def get(self, slug: str, *, consistent: bool = False) -> EventRecord | None:
        """Return the event of this slug; `consistent` sees every write that was acknowledged."""
        item = get_raw(self._connection, self._table, slug, consistent=consistent)
        return None if item is None else _record(item)

    def list_by_date(
        self, statuses: Sequence[EventStatus], city_slug: str | None, page: PageRequest
    ) -> Page:
        """Return a page of the events that have one of the statuses, in order of their date.

        One query a status. An `offset` is read and passed over; a page after a key is not.
        """
        wanted = page.offset + page.limit + 1
        parts = (self._by_date(status, city_slug, page, wanted) for status in statuses)
        rows = _merged(parts, descending=page.descending)
        chosen = list(islice(rows, page.offset, wanted))
        shown = chosen[: page.limit]
        more = len(chosen) > page.limit
        return Page(
            tuple(text(row, "public") for row in shown),
            text(shown[-1], "dateKey") if more else None,
        )

    def count(self, statuses: Sequence[EventStatus]) -> int:
        """Return how many events have one of the statuses, without counting them."""
        names = tuple(status.value for status in statuses)
        return read_totals(self._connection, self._table, names)

    def _by_date(
        self, status: EventStatus, city_slug: str | None, page: PageRequest, limit: int
    ) -> list[RawItem]:
        index, partition = "by_date", status.value
        if city_slug is not None:
            index, partition = "by_city", status_city(status, city_slug)
        return query_raw(
            self._connection,
            self._table,
            index,
            partition,
            keys=_beyond(page),
            descending=page.descending,
            limit=limit,
            attributes=("public", "dateKey"),
        )


def _beyond(page: PageRequest) -> Condition | None:
    if page.after is None:
        return None
    return EventModel.date_key < page.after if page.descending else EventModel.date_key > page.after


def _merged(parts: Iterable[list[RawItem]], *, descending: bool) -> Iterable[RawItem]:
    return heapq.merge(*parts, key=lambda row: text(row, "dateKey"), reverse=descending)


def status_city(status: EventStatus, city_slug: str) -> str:
    """Return the partition of `by_city`; a slug has no `#`."""
    return f"{status.value}#{city_slug}"


def event_item(event: Event) -> EventModel:
    """Return the item of a new event: all its seats free.

    Sort keys end in the id, so that events with the same date, name or price have a fixed order
    and a key names one place in a list.
    """
    tail = f"#{event.id:012d}"
    stock = seats(event.capacity)
    return EventModel(
        event.slug,
        id=event.id,
        status=event.status.value,
        status_city=status_city(event.status, event.city_slug),
        date_key=to_iso(event.date) + tail,
        name_key=fold(event.name) + NAME_END + tail,
        price_key=f"{event.price:014d}" + tail,
        created_key=to_iso(event.created_at) + tail,
        updated_key=to_iso(event.updated_at) + tail,
        public=public_event(event),
        date=to_iso(event.date),
        price=event.price,
        currency=event.currency,
        capacity=event.capacity,
        free=stock,
        held=0,
        sold=0,
    )


def _record(item: RawItem) -> EventRecord:
    return EventRecord(
        public=text(item, "public"),
        id=number(item, "id"),
        slug=text(item, "slug"),
        status=EventStatus(text(item, "status")),
        date=from_iso(text(item, "date")),
        price=number(item, "price"),
        currency=text(item, "currency"),
        capacity=number(item, "capacity") if "capacity" in item else None,
        free=number(item, "free"),
        held=number(item, "held"),
        sold=number(item, "sold"),
    )
