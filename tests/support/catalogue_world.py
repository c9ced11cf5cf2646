"""Events and cities in the real store, edited as admins do, with a clock of their own; and a check
that all that is stored fits together.
"""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.cities import City
from chalicelib.domain.clock import to_iso, utc_now
from chalicelib.domain.event_facts import EventFacts, event_words, id_text
from chalicelib.domain.events import Event, EventStatus
from chalicelib.log_context import bound
from chalicelib.services.auditing import Auditor
from chalicelib.services.editing_cities import CityDraft, CityEditor
from chalicelib.services.editing_events import EventDraft, EventEditor
from chalicelib.services.reconciliation import Reconciliation, renames_chore, words_chore
from chalicelib.services.renames import Renames
from chalicelib.services.time_budget import TimeBudget
from chalicelib.store import word_index
from chalicelib.store.cities import EVENT_COUNTS
from chalicelib.store.renames import RENAMES
from chalicelib.store.word_index import word_entry, word_term
from tests.support.builders import an_event
from tests.support.fakes import RecordingLog
from tests.support.tables import CITIES, EVENTS, INDEX, MotoTables

_ADMIN = "user_1"


class CatalogueWorld:
    """Admins, the timer, and time that passes when it is told to."""

    def __init__(self, tables: MotoTables, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tables = tables
        self.stores = tables.stores
        self.log = RecordingLog()
        self._passed = timedelta()
        monkeypatch.setattr(word_index, "utc_now", self.now)
        renames = Renames(
            cities=self.stores.cities,
            events=self.stores.events,
            renames=self.stores.renames,
            clock=self.now,
            workers=1,
        )
        self.cities = CityEditor(
            cities=self.stores.cities,
            renames=renames,
            auditor=Auditor(self.now, bound),
            clock=self.now,
            stopwatch=lambda: 0.0,
            log=self.log,
        )
        self.events = EventEditor(
            events=self.stores.events,
            cities=self.stores.cities,
            auditor=Auditor(self.now, bound),
            clock=self.now,
            log=self.log,
        )
        chores = (words_chore(self.stores.abandoned_words), renames_chore(renames))
        self._timer = Reconciliation(chores, self.log)

    def now(self) -> datetime:
        return utc_now() + self._passed

    def wait(self, duration: timedelta = timedelta(minutes=1)) -> None:
        self._passed += duration

    def tick(self) -> None:
        """Run the timer, long after whatever was before."""
        self.wait()
        self._timer.run(TimeBudget.of(60))

    def settle(self) -> None:
        """Run the timer as often as it may take until nothing is left to do."""
        for _ in range(3):
            if self.pending():
                self.tick()

    def add_city(self, name: str) -> int:
        entry = self.cities.add(CityDraft(name, name.lower(), None, None, name), _ADMIN)
        return entry.described().id

    def add_event(self, city_slug: str, status: EventStatus, days: int = 30) -> int:
        event = an_event(status=status, city_slug=city_slug)
        draft = replace(
            EventDraft.of(event),
            slug=f"event-{self.stores.events.next_id()}",
            date=self.now() + timedelta(days=days),
        )
        return self.events.add(draft, _ADMIN).id

    def change_city(self, city_id: int, **changes: Any) -> None:
        def redescribe(city: City) -> CityDraft:
            return replace(CityDraft.of(city), **changes)

        self.cities.change(self.city_slug(city_id), redescribe, None, _ADMIN)

    def change_event(self, event_id: int, **changes: Any) -> None:
        def redescribe(event: Event) -> EventDraft:
            return replace(EventDraft.of(event), **changes)

        self.events.change(str(event_id), redescribe, None, _ADMIN)

    def delete_event(self, event_id: int) -> None:
        self.events.delete(str(event_id), None, _ADMIN)

    def city_slug(self, city_id: int) -> str:
        """What a city is called now; `nowhere` where it is deleted."""
        cities = (item for item in self.tables.scan(CITIES) if "id" in item)
        called = (item["slug"]["S"] for item in cities if item["id"]["N"] == str(city_id))
        return next(called, "nowhere")

    def stored_events(self) -> list[Event]:
        slugs = [item["slug"]["S"] for item in self.tables.scan(EVENTS) if "public" in item]
        records = [self.stores.events.get(slug, consistent=True) for slug in slugs]
        return [record.described() for record in records if record is not None]

    def shown(self) -> set[tuple[str, str]]:
        """What events call their cities."""
        return {(event.city, event.city_slug) for event in self.stored_events()}

    def pending(self) -> list[str]:
        """What is left to do."""
        kinds = (RENAMES, word_index.MARKS)
        return [item["term"]["S"] for item in self.tables.scan(INDEX) if item["term"]["S"] in kinds]

    def assert_all_fits(self) -> None:
        """Nothing is left to do, every event shows its city, and every number and word is right."""
        events = self.stored_events()
        assert self.pending() == []
        cities = [item for item in self.tables.scan(CITIES) if "public" in item]
        called = {(item["name"]["S"], item["slug"]["S"]) for item in cities}
        assert {(event.city, event.city_slug) for event in events} <= called
        self._assert_numbers(events)
        self._assert_index(events)

    def _assert_numbers(self, events: list[Event]) -> None:
        wanted = Counter((event.city_slug, event.status) for event in events)
        for item in self.tables.scan(CITIES):
            if item["slug"]["S"] != "#totals":
                for status, name in EVENT_COUNTS.items():
                    assert int(item[name]["N"]) == wanted.pop((item["slug"]["S"], status), 0)
        assert not wanted

    def _assert_index(self, events: list[Event]) -> None:
        items = self.tables.scan(INDEX)
        days = Counter(
            (term, to_iso(event.date)[:10])
            for event in events
            for term in (
                f"days#{event.status.value}",
                f"days#{event.status.value}#{event.city_slug}",
            )
        )
        assert days == Counter(
            {
                (item["term"]["S"], item["entry"]["S"]): int(item["events"]["N"])
                for item in items
                if item["term"]["S"].startswith("days#") and item["events"] != {"N": "0"}
            }
        )
        assert {
            (word_term(word), word_entry(word, id_text(event.id))): EventFacts.of(event).text()
            for event in events
            for word in event_words(event)
        } == {
            (item["term"]["S"], item["entry"]["S"]): item["facts"]["S"]
            for item in items
            if item["term"]["S"].startswith("w#")
        }
