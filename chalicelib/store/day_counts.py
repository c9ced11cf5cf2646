"""How many events take place on each day, of a status and of a status in a city.

A list of what is coming up says how many events there are from today on. Counting them would cost
as much as reading them; summing up a number for each day costs next to nothing. The numbers are
changed in the transaction that changes the event. They stand in the index table: a term for a
status (and city), an entry for a day, its number in `events`.
"""

from collections import Counter
from collections.abc import Iterable

from pynamodb.connection.base import Connection
from pynamodb.expressions.condition import Condition

from chalicelib.domain.clock import to_iso
from chalicelib.domain.events import Event, EventStatus
from chalicelib.store.models import IndexEntryModel
from chalicelib.store.reading import number, query_raw, text
from chalicelib.store.transactions import Update

_DAY = len("2027-06-15")
_FIRST_DAY, _LAST_DAY = "0001-01-01", "9999-12-31"


def day_of(moment: str) -> str:
    """Return the day of a time as `to_iso` writes it."""
    return moment[:_DAY]


def day_updates(before: Event | None, after: Event | None) -> list[Update]:
    """Return the changes of the numbers that go with a change of an event."""
    old = set() if before is None else places_of(before)
    new = set() if after is None else places_of(after)
    return [_update(place, -1) for place in sorted(old - new)] + [
        _update(place, 1) for place in sorted(new - old)
    ]


def day_additions(events: Iterable[Event]) -> list[Update]:
    """Return the changes of the numbers that go with new events, one for each number."""
    places = Counter(place for event in events for place in places_of(event))
    return [_update(place, by) for place, by in sorted(places.items())]


def day_counts(
    connection: Connection,
    status: EventStatus,
    city_slug: str | None,
    bounds: tuple[str | None, str | None],
) -> dict[str, int]:
    """Return the number of events of each day from one time to another, both days whole."""
    since, until = bounds
    first = _FIRST_DAY if since is None else day_of(since)
    last = _LAST_DAY if until is None else day_of(until)
    between: Condition = IndexEntryModel.entry.between(first, last)
    rows = query_raw(
        connection,
        IndexEntryModel.Meta.table_name,
        None,
        _term(status.value, city_slug),
        keys=between,
        descending=False,
        limit=None,
        attributes=("entry", "events"),
    )
    return {text(row, "entry"): number(row, "events") for row in rows}


def places_of(event: Event) -> set[tuple[str, str]]:
    """Return the terms and entries of the numbers that an event is counted in."""
    status, day = event.status.value, day_of(to_iso(event.date))
    return {(_term(status, None), day), (_term(status, event.city_slug), day)}


def _update(place: tuple[str, str], by: int) -> Update:
    return Update("days", IndexEntryModel(*place), [IndexEntryModel.events.add(by)])


def _term(status: str, city_slug: str | None) -> str:
    return "#".join(("days", status) if city_slug is None else ("days", status, city_slug))
