"""Cities in DynamoDB."""

from collections.abc import Mapping

from pynamodb.connection.base import Connection
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path

from chalicelib.domain.cities import City, public_city
from chalicelib.domain.event_facts import NAME_END
from chalicelib.domain.events import Event, EventStatus
from chalicelib.domain.text import fold_for_key
from chalicelib.errors import SlugTaken
from chalicelib.services.ports import CityEntry
from chalicelib.store.models import CityModel
from chalicelib.store.reading import RawItem, get_raw, number, query_raw, text
from chalicelib.store.totals import TOTALS_KEY, count_up, next_id, read_totals
from chalicelib.store.transactions import ConditionFailed, Put, Transaction, Update

# The one partition of the index: cities are hundreds, not millions.
_KIND = "city"
TOTAL = "total"
# How many events of each status a city has, by the attribute's name.
EVENT_COUNTS: Mapping[EventStatus, str] = {
    EventStatus.PUBLISHED: "publishedEvents",
    EventStatus.DRAFT: "draftEvents",
    EventStatus.CANCELLED: "cancelledEvents",
}


class DynamoCityStore:
    """`services.ports.CityStore` on DynamoDB."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._table = CityModel.Meta.table_name

    def next_id(self) -> int:
        """Return an id that was never given out before."""
        return next_id(self._connection, self._table)

    def create(self, city: City) -> None:
        """Store a new city; raises `SlugTaken`."""
        transaction = Transaction(
            self._connection,
            puts=[Put("city", city_item(city), CityModel.slug.does_not_exist())],
            updates=[Update("totals", CityModel(TOTALS_KEY), [count_up(TOTAL)])],
        )
        try:
            transaction.commit()
        except ConditionFailed as failed:
            raise SlugTaken(f"a city with the slug {city.slug} exists already") from failed

    def get(self, slug: str) -> CityEntry | None:
        """Return the city of this slug."""
        item = get_raw(self._connection, self._table, slug, consistent=False)
        return None if item is None else _entry(item)

    def list_by_name(self, *, descending: bool, stop_after: int | None) -> list[CityEntry]:
        """Return the cities in order of their name: the first `stop_after`, or all."""
        items = query_raw(
            self._connection,
            self._table,
            "by_name",
            _KIND,
            keys=None,
            descending=descending,
            limit=stop_after,
            attributes=("public", "publishedEvents"),
        )
        return [_entry(item) for item in items]

    def count(self) -> int:
        """Return how many cities there are, without counting them."""
        return read_totals(self._connection, self._table, (TOTAL,))


def city_item(city: City) -> CityModel:
    """Return the item of a new city, without events."""
    return CityModel(
        city.slug,
        id=city.id,
        kind=_KIND,
        name_key=f"{fold_for_key(city.name)}{NAME_END}{city.id:012d}",
        public=CityEntry.of(public_city(city), 0).public,
        name=city.name,
        published_events=0,
        draft_events=0,
        cancelled_events=0,
    )


def event_count_updates(before: Event | None, after: Event | None) -> list[Update]:
    """Return the changes of the cities' numbers of events that go with a change of an event.

    The city that an event comes to must exist and have the name that the event shows.
    """
    changes: dict[str, dict[EventStatus, int]] = {}
    if before is not None:
        changes[before.city_slug] = {before.status: -1}
    if after is not None:
        counts = changes.setdefault(after.city_slug, {})
        counts[after.status] = counts.get(after.status, 0) + 1
    comes = after is not None and (before is None or before.city_slug != after.city_slug)
    updates = []
    for slug, counts in changes.items():
        actions = [
            Path(EVENT_COUNTS[status]).add({"N": str(by)}) for status, by in counts.items() if by
        ]
        if not actions:
            continue
        condition: Condition = CityModel.slug.exists()
        if comes and after is not None and slug == after.city_slug:
            condition &= CityModel.name == after.city
        updates.append(Update("city", CityModel(slug), actions, condition))
    return updates


def _entry(item: RawItem) -> CityEntry:
    return CityEntry(text(item, "public"), number(item, "publishedEvents"))
