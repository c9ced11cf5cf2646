"""The items that the store would have written, had each event been created through it: in the form
that DynamoDB takes them, for many events at once.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.domain.cities import City
from chalicelib.domain.event_facts import event_words
from chalicelib.domain.events import Event, EventStatus
from chalicelib.store.cities import EVENT_COUNTS, TOTAL, city_item
from chalicelib.store.day_counts import places_of
from chalicelib.store.event_items import event_item
from chalicelib.store.totals import _LAST_ID, TOTALS_KEY
from chalicelib.store.word_index import _entries

Item = dict[str, Any]


@dataclass
class Tally:
    """The numbers that go with some events."""

    events: int = 0
    last_id: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    cities: Counter[tuple[str, EventStatus]] = field(default_factory=Counter)
    days: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, event: Event) -> None:
        """Count an event."""
        self.events += 1
        self.last_id = max(self.last_id, event.id)
        self.statuses[event.status.value] += 1
        self.cities[event.city_slug, event.status] += 1
        self.days.update(places_of(event))

    def merge(self, other: "Tally") -> None:
        """Count the events of another tally, too."""
        self.events += other.events
        self.last_id = max(self.last_id, other.last_id)
        self.statuses.update(other.statuses)
        self.cities.update(other.cities)
        self.days.update(other.days)


def stored_event(event: Event) -> Item:
    """Return the item of an event."""
    item: Item = event_item(event).serialize()
    return item


def stored_words(event: Event) -> list[Item]:
    """Return the entries of an event's words."""
    entries = _entries(event, event_words(event))
    return [{name: {"S": value} for name, value in entry.items()} for entry in entries]


def stored_days(tally: Tally) -> list[Item]:
    """Return the numbers of the days' events."""
    return [
        {"term": {"S": term}, "entry": {"S": day}, "events": _number(count)}
        for (term, day), count in tally.days.items()
    ]


def stored_totals(tally: Tally) -> Item:
    """Return the events' totals."""
    counts = {status: _number(count) for status, count in tally.statuses.items()}
    return {"slug": {"S": TOTALS_KEY}, _LAST_ID: _number(tally.last_id), **counts}


def stored_cities(cities: Iterable[City], tally: Tally) -> list[Item]:
    """Return the cities with their numbers of events, and their total."""
    items: list[Item] = []
    last_id = 0
    for city in cities:
        item: Item = city_item(city).serialize()
        for status, name in EVENT_COUNTS.items():
            item[name] = _number(tally.cities[city.slug, status])
        items.append(item)
        last_id = max(last_id, city.id)
    totals = {"slug": {"S": TOTALS_KEY}, _LAST_ID: _number(last_id), TOTAL: _number(len(items))}
    return [*items, totals]


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}
