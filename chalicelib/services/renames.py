"""Cities' new names and slugs, brought to their events: to any number of them, after any crash.

A city is changed by a write of its own, which leaves a `Rename`. Its events follow one by one, each
in a transaction of its own, and may be edited meanwhile. From the city's change on no other event
can come to show what it was called before: who brings one to a city, or changes its status there,
does so on the condition that the city still is called what the event shows.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from chalicelib.domain.cities import City
from chalicelib.domain.clock import Clock
from chalicelib.domain.events import Event, EventRecord
from chalicelib.domain.revisions import changed_at
from chalicelib.errors import EventsApiError
from chalicelib.log_context import apart
from chalicelib.services.port_types import CityEntry, EventInCity, Rename
from chalicelib.services.time_budget import TimeBudget

if TYPE_CHECKING:
    from chalicelib.services.ports import CityStore, EventStore, RenameStore

# Longer than a store's indexes are ever behind its writes. A look at a city's events that begins so
# long after the city was changed misses none that was there before.
SETTLED_AFTER = timedelta(seconds=30)
# Enough that nobody waits for the slowest of a few events, few enough to stop in time.
_EVENTS_A_WORKER = 8
# How often an event is tried that somebody else changes at the same moment.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a city's events came to: how many were behind, how many of those follow now,
    and whether it was at all of them.
    """

    behind: int
    brought: int
    is_whole: bool


class Renames:
    """Brings events in step with their city's name and slug, `workers` at the same time."""

    def __init__(
        self,
        *,
        cities: "CityStore",
        events: "EventStore",
        renames: "RenameStore",
        clock: Clock,
        workers: int,
    ) -> None:
        self._cities = cities
        self._events = events
        self._renames = renames
        self._clock = clock
        self._workers = workers

    def pending(self) -> list[Rename]:
        """Return what is left to do."""
        return self._renames.pending()

    def finish(self, rename: Rename, budget: TimeBudget) -> Look:
        """Have a city's events follow it as `follow` does, and forget the rename once they do.

        That is when a look at all of them finds none behind, begun when no write from before the
        rename can be missing from it any more.
        """
        is_settled = self._clock() >= rename.since + SETTLED_AFTER
        look = self.follow(rename.city_id, rename.slug, budget)
        if is_settled and look.is_whole and not look.behind:
            self._renames.remove(rename)
        return look

    def follow(self, city_id: int, slug: str, budget: TimeBudget) -> Look:
        """Look at the events of a city, and have those that are behind follow its name and slug.

        What cannot be done now is left for the next look. Raises `Unavailable`.
        """
        behind = brought = 0
        entry = self._city(city_id, slug)
        if entry is None:
            return Look(behind, brought, is_whole=True)
        city, events = entry.described(), self._events_of(entry)
        with ThreadPoolExecutor(self._workers) as pool:
            while some := list(islice(events, self._workers * _EVENTS_A_WORKER)):
                if budget.is_up:
                    return Look(behind, brought, is_whole=False)
                late = [event.slug for event in some if _is_behind(event, city)]
                behind += len(late)
                brought += self._bring(late, city, budget, pool)
        return Look(behind, brought, is_whole=True)

    def _city(self, city_id: int, slug: str) -> CityEntry | None:
        """Return the city as it is now; None where it is gone and another may have its slug."""
        entry = self._cities.get(slug, consistent=True)
        return entry if entry is not None and entry.fields()["id"] == city_id else None

    def _events_of(self, entry: CityEntry) -> Iterator[EventInCity]:
        """Yield the city's events, first those that still have a former slug of it."""
        for slug in (*entry.former_slugs, entry.fields()["slug"]):
            yield from self._renames.events_of(slug)

    def _bring(
        self, slugs: Sequence[str], seen: City, budget: TimeBudget, pool: ThreadPoolExecutor
    ) -> int:
        """Have some events follow their city; return how many do now.

        Who changes an event at the same moment wins, and it is tried again. What fails all the same
        comes with the next look.
        """
        brought = 0
        for _ in range(_TRIES):
            if not slugs or budget.is_up:
                break
            late, city = self._late(slugs, seen)
            follow = apart(partial(self._follows, city=city, budget=budget))
            done = list(pool.map(follow, late))
            brought += sum(done)
            slugs = [record.slug for record, follows in zip(late, done, strict=True) if not follows]
        return brought

    def _late(self, slugs: Sequence[str], seen: City) -> tuple[list[EventRecord], City]:
        """Return those of the events that have to follow, and the city that they have to follow.

        The city is read after the events are. An event that followed an even later change of the
        city by then has been changed since, too, and is left as it is.
        """
        records = self._events.get_many(slugs).values()
        entry = self._city(seen.id, seen.slug)
        if entry is None:
            return [], seen
        city, called = entry.described(), {*entry.former_slugs, entry.fields()["slug"]}
        late = [record for record in records if _has_to_follow(record.described(), city, called)]
        return late, city

    def _follows(self, record: EventRecord, city: City, budget: TimeBudget) -> bool:
        """Have one event follow its city; return whether it does."""
        if budget.is_up:
            return False
        before = record.described()
        now = changed_at(self._clock(), before.updated_at)
        after = replace(before, city=city.name, city_slug=city.slug, updated_at=now)
        try:
            self._events.replace(record, after)
        except EventsApiError:
            return False
        return True


def _is_behind(event: EventInCity | Event, city: City) -> bool:
    return (event.city, event.city_slug) != (city.name, city.slug)


def _has_to_follow(event: Event, city: City, called: set[str]) -> bool:
    """Tell whether the event still is in the city, under whichever slug, and behind."""
    return event.city_slug in called and _is_behind(event, city)
