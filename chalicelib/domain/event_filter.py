"""Which events a list is of."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from chalicelib.domain.clock import to_iso
from chalicelib.domain.event_facts import EventFacts, highest_price, lowest_price
from chalicelib.domain.events import EventStatus
from chalicelib.domain.text import begins_words


class EventFilter(NamedTuple):
    """What an event must be to be in a list; every bound belongs to the list itself.

    `words` are folded; each must begin a word of the event. `since` and `until` are times in UTC,
    `min_price` and `max_price` major units of whatever currency the event has.
    """

    statuses: tuple[EventStatus, ...]
    words: tuple[str, ...] = ()
    city_slug: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None

    @property
    def has_dates(self) -> bool:
        """Whether the event's date matters."""
        return self.since is not None or self.until is not None

    @property
    def has_prices(self) -> bool:
        """Whether the event's price matters."""
        return self.min_price is not None or self.max_price is not None

    def by_facts(self) -> "FactsFilter":
        """Return the part that facts alone can answer: all but the words."""
        return FactsFilter(
            statuses=frozenset(status.value for status in self.statuses),
            city_slug=self.city_slug,
            dates=(_iso(self.since), _iso(self.until)),
            prices=(
                None if self.min_price is None else lowest_price(self.min_price),
                None if self.max_price is None else highest_price(self.max_price),
            ),
        )

    def of_status(self, status: EventStatus) -> "EventFilter":
        """Return the filter for events of this status only."""
        return self._replace(statuses=(status,))

    def finds(self, words: Iterable[str]) -> bool:
        """Tell whether an event with these words is searched for."""
        return begins_words(self.words, words)


class FactsFilter(NamedTuple):
    """An `EventFilter` without its words, its bounds as facts write them: (lowest, highest)."""

    statuses: frozenset[str]
    city_slug: str | None
    dates: tuple[str | None, str | None]
    prices: tuple[str | None, str | None]

    def matches(self, facts: EventFacts) -> bool:
        """Tell whether the event of these facts is in the list."""
        return (
            facts.status in self.statuses
            and (self.city_slug is None or facts.city_slug == self.city_slug)
            and _within(facts.date, self.dates)
            and _within(facts.price, self.prices)
        )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else to_iso(moment)


def _within(value: str, bounds: tuple[str | None, str | None]) -> bool:
    lowest, highest = bounds
    return (lowest is None or value >= lowest) and (highest is None or value <= highest)
